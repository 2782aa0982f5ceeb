//! A scenario as a TOML file: several weighted requests, their values and their checks.
//!
//! The file names others (bodies, lists of values), which the caller reads: it knows what their paths are relative to.

use std::{collections::BTreeMap, io};

use serde::Deserialize;

use crate::{
    check::Check,
    error::Error,
    scenario::{
        Request, Scenario,
        template::Template,
        values::{Order, Values},
        wrong,
    },
    target::Target,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    url: Option<String>,
    #[serde(default)]
    order: OrderName,
    seed: Option<u64>,
    #[serde(default)]
    values: BTreeMap<String, List>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(rename = "request")]
    requests: Vec<Declared>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OrderName {
    #[default]
    InOrder,
    Random,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum List {
    Said(String),
    Given(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Declared {
    name: Option<String>,
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_file: Option<String>,
    #[serde(default)]
    check: DeclaredCheck,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DeclaredCheck {
    status: Option<Status>,
    length: Option<u64>,
    sha256: Option<String>,
    contains: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Status {
    One(u16),
    Range(String),
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> u32 {
    1
}

/// What the command line says too, and so decides.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Whom to ask.
    pub url: Option<String>,
    /// What chance begins with.
    pub seed: Option<u64>,
    /// What it begins with where the file does not say it either.
    pub seed_otherwise: u64,
    /// More values.
    pub values: Vec<(String, String)>,
    /// Whether values are taken at random, whatever the file says.
    pub random: bool,
}

/// Reads a scenario's text. `read` gets the files that it names.
pub fn parse(
    name: &str,
    text: &str,
    overrides: &Overrides,
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
) -> Result<Scenario, Error> {
    let file: File = toml::from_str(text).map_err(|source| Error::File {
        file: name.to_owned(),
        source,
    })?;
    let url = overrides
        .url
        .as_ref()
        .or(file.url.as_ref())
        .ok_or_else(|| wrong("it names no `url`, and none was given on the command line".to_owned()))?;
    let (target, _) = Target::parse(url)?;
    let seed = overrides.seed.or(file.seed).unwrap_or(overrides.seed_otherwise);
    let order = match file.order {
        OrderName::Random => Order::Random { seed },
        OrderName::InOrder if overrides.random => Order::Random { seed },
        OrderName::InOrder => Order::InOrder,
    };
    let mut values = Values::new(order);
    for (name, said) in &overrides.values {
        values = list(values, name, said, read)?;
    }
    for (name, said) in file.values {
        if values.position(&name).is_some() {
            continue;
        }
        values = match said {
            List::Said(said) => list(values, &name, &said, read)?,
            List::Given(given) => values.given(&name, given)?,
        };
    }
    let requests = file
        .requests
        .into_iter()
        .map(|declared| declared.request(&file.headers, &values, read))
        .collect::<Result<Vec<_>, _>>()?;
    Scenario::new(target, requests, values)
}

/// Adds a list as it is said in one line: `1..500`, `@FILE` or `a,b,c`.
pub fn list(
    values: Values,
    name: &str,
    said: &str,
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
) -> Result<Values, Error> {
    if let Some(file) = said.strip_prefix('@') {
        let text = text_of(file, read)?;
        let lines: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        if lines.is_empty() {
            return Err(wrong(format!(
                "the values of `{name}`: {file} holds none; write one a line"
            )));
        }
        return values.given(name, lines);
    }
    if let Some((first, last)) = said.split_once("..")
        && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
    {
        return values.range(name, first, last);
    }
    values.given(name, said.split(',').map(str::to_owned).collect())
}

/// Reads the statuses that are right: `200` or `200..299`.
pub fn statuses(text: &str) -> Result<std::ops::RangeInclusive<u16>, Error> {
    let fault = || {
        wrong(format!(
            "`{text}` is no status and no range of them: 200, or 200..299"
        ))
    };
    let number = |text: &str| text.trim().parse::<u16>().map_err(|_| fault());
    let range = match text.split_once("..") {
        Some((first, last)) => number(first)?..=number(last.trim_start_matches('='))?,
        None => number(text)?..=number(text)?,
    };
    if range.is_empty() || *range.start() < 100 || *range.end() > 999 {
        return Err(fault());
    }
    Ok(range)
}

/// Reads a SHA-256 in hexadecimal.
pub fn sha256(text: &str) -> Result<[u8; 32], Error> {
    let fault = || wrong(format!("`{text}` is no SHA-256: give 64 hexadecimal digits"));
    if text.len() != 64 || !text.is_ascii() {
        return Err(fault());
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| fault())?;
    }
    Ok(hash)
}

impl Declared {
    fn request(
        self,
        headers: &BTreeMap<String, String>,
        values: &Values,
        read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    ) -> Result<Request, Error> {
        let body = match (self.body, self.body_file) {
            (Some(_), Some(_)) => {
                return Err(wrong(format!("`{}` has both a body and a body-file", self.path)));
            }
            (Some(body), None) => Some(body.into_bytes()),
            (None, Some(file)) => Some(bytes_of(&file, read)?),
            (None, None) => None,
        };
        // Names are the same in any case, and a request's own header takes the place of the file's.
        let lowered = |(name, value): (&String, &String)| (name.to_ascii_lowercase(), value.clone());
        let mut all: BTreeMap<String, String> = headers.iter().map(lowered).collect();
        all.extend(self.headers.iter().map(lowered));
        let headers = all
            .into_iter()
            .map(|(name, value)| Ok((name, Template::parse(&value, values)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Request {
            name: self
                .name
                .unwrap_or_else(|| format!("{} {}", self.method, self.path)),
            path: Template::parse(&self.path, values)?,
            method: self.method,
            headers,
            body,
            weight: self.weight,
            check: Check {
                status: match self.check.status {
                    Some(Status::One(status)) => Some(statuses(&status.to_string())?),
                    Some(Status::Range(range)) => Some(statuses(&range)?),
                    None => None,
                },
                length: self.check.length,
                sha256: self.check.sha256.as_deref().map(sha256).transpose()?,
                contains: self.check.contains.map(String::into_bytes),
            },
        })
    }
}

fn bytes_of(file: &str, read: &dyn Fn(&str) -> io::Result<Vec<u8>>) -> Result<Vec<u8>, Error> {
    read(file).map_err(|error| wrong(format!("{file}: {error}")))
}

fn text_of(file: &str, read: &dyn Fn(&str) -> io::Result<Vec<u8>>) -> Result<String, Error> {
    String::from_utf8(bytes_of(file, read)?).map_err(|_| wrong(format!("{file} is no text in UTF-8")))
}
