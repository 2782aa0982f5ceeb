//! What to send: requests with their templates, the values that fill them, and what a right answer looks like.
//!
//! A request is a pure function of its number. So threads share nothing, a request that is sent again is the same
//! request, and a seed repeats a run.

pub mod file;
pub mod template;
#[cfg(test)]
mod tests;
pub mod values;

use crate::{
    check::Check,
    error::Error,
    scenario::{template::Template, values::Values},
    target::Target,
};

/// Requests of a scenario, each with its weight, at most.
pub const CYCLE_MAX: usize = 100_000;

/// Bytes of a request's body at most.
pub const BODY_BYTES_MAX: usize = 64 << 20;

/// What to send, checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub(crate) target: Target,
    pub(crate) requests: Vec<Request>,
    pub(crate) values: Values,
    cycle: Vec<Turn>,
}

/// One kind of request.
#[derive(Clone, Debug)]
pub struct Request {
    /// How the summary calls it.
    pub name: String,
    /// GET, POST and so on.
    pub method: String,
    /// Path and query, beginning with a slash.
    pub path: Template,
    /// Names in lower case.
    pub headers: Vec<(String, Template)>,
    /// What follows the head.
    pub body: Option<Vec<u8>>,
    /// How often it is sent, against the others.
    pub weight: u32,
    /// What a right answer is.
    pub check: Check,
}

/// A place in the cycle of requests.
#[derive(Clone, Copy, Debug)]
struct Turn {
    request: u16,
    /// Which of its own in the cycle this is.
    rank: u32,
}

/// Which request a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Which {
    pub(crate) request: u16,
    /// The how-manieth of its kind, which chooses its values.
    pub(crate) nth: u64,
}

impl Scenario {
    /// One URL, asked by GET.
    pub fn get(url: &str) -> Result<Scenario, Error> {
        let (target, path) = Target::parse(url)?;
        let values = Values::none();
        let request = Request::get(&path, &values)?;
        Scenario::new(target, vec![request], values)
    }

    /// Puts the parts together.
    pub fn new(target: Target, mut requests: Vec<Request>, values: Values) -> Result<Scenario, Error> {
        let total: usize = requests.iter().map(|request| request.weight as usize).sum();
        if requests.len() > usize::from(u16::MAX) || total > CYCLE_MAX {
            return Err(wrong(format!(
                "{} requests of weight {total}: at most {} requests, and a weight of {CYCLE_MAX} together; \
                 `--values NAME=@FILE` fills one URL with as many values as you like",
                requests.len(),
                u16::MAX
            )));
        }
        if total == 0 {
            return Err(wrong("it holds no request with a weight".to_owned()));
        }
        for request in &mut requests {
            request.settle()?;
        }
        let cycle = interleave(&requests, total);
        Ok(Scenario {
            target,
            requests,
            values,
            cycle,
        })
    }

    /// Whom it asks.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Its requests.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Whether an answer's body has to be looked at.
    pub fn reads_bodies(&self) -> bool {
        self.requests.iter().any(|request| request.check.reads_body())
    }

    /// Which request a number stands for.
    pub(crate) fn which(&self, index: u64) -> Which {
        if self.cycle.len() == 1 {
            return Which {
                request: self.cycle[0].request,
                nth: index,
            };
        }
        let length = self.cycle.len() as u64;
        let turn = self.cycle[(index % length) as usize];
        let weight = u64::from(self.requests[usize::from(turn.request)].weight);
        Which {
            request: turn.request,
            nth: index / length * weight + u64::from(turn.rank),
        }
    }

    /// The path that a number asks for.
    pub fn path_of(&self, index: u64) -> String {
        let which = self.which(index);
        let mut path = Vec::new();
        self.requests[usize::from(which.request)]
            .path
            .write(&self.values, which.nth, &mut path);
        String::from_utf8_lossy(&path).into_owned()
    }

    /// The headers that a number sends, without those that belong to the connection.
    pub fn headers_of(&self, index: u64) -> Vec<(String, String)> {
        let which = self.which(index);
        let headers = &self.requests[usize::from(which.request)].headers;
        headers
            .iter()
            .map(|(name, template)| {
                let mut value = Vec::new();
                template.write(&self.values, which.nth, &mut value);
                (name.clone(), String::from_utf8_lossy(&value).into_owned())
            })
            .collect()
    }
}

impl Request {
    /// A GET without headers of its own.
    pub fn get(path: &str, values: &Values) -> Result<Request, Error> {
        Ok(Request {
            name: path.to_owned(),
            method: "GET".to_owned(),
            path: Template::parse(path, values)?,
            headers: Vec::new(),
            body: None,
            weight: 1,
            check: Check::none(),
        })
    }

    /// Whether sending it twice is as good as once.
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(
            self.method.as_str(),
            "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE"
        )
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// Whether it may follow another on a connection of HTTP/1.1 before that one is answered: when the connection
    /// ends, nobody knows whether it was carried out (RFC 9110, 9.3.2).
    pub(crate) fn may_be_pipelined(&self) -> bool {
        self.is_idempotent()
    }

    fn settle(&mut self) -> Result<(), Error> {
        let name = &self.name;
        if self.method.is_empty() || !self.method.bytes().all(is_token) {
            return Err(wrong(format!("`{name}` has the method `{}`", self.method)));
        }
        if !self.path.begins_with(b'/') {
            return Err(wrong(format!("the path of `{name}` does not begin with a slash")));
        }
        if self.path.has_any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(wrong(format!(
                "the path of `{name}` holds a space or a control character"
            )));
        }
        for (header, value) in &mut self.headers {
            if header.eq_ignore_ascii_case("host") && value.as_fixed().is_none() {
                return Err(wrong(format!(
                    "the header `host` of `{name}` differs from request to request: a connection has one host"
                )));
            }
            header.make_ascii_lowercase();
            if header.is_empty() || !header.bytes().all(is_token) {
                return Err(wrong(format!("`{name}` has a header named `{header}`")));
            }
            if value.has_any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(wrong(format!(
                    "the header `{header}` of `{name}` holds a line end"
                )));
            }
            let ours = [
                "content-length",
                "transfer-encoding",
                "connection",
                "upgrade",
                "keep-alive",
            ];
            if ours.contains(&header.as_str()) {
                return Err(wrong(format!(
                    "`{name}` sets `{header}`, which belongs to the connection"
                )));
            }
        }
        if self.body.as_ref().is_some_and(|body| body.len() > BODY_BYTES_MAX) {
            return Err(wrong(format!(
                "the body of `{name}` is larger than {BODY_BYTES_MAX} bytes"
            )));
        }
        Ok(())
    }
}

/// The order in which weighted requests follow each other, spread as evenly as their weights allow.
fn interleave(requests: &[Request], total: usize) -> Vec<Turn> {
    if total == requests.len() && requests.iter().all(|request| request.weight == 1) {
        let turns = (0..total).map(|at| Turn {
            request: at as u16,
            rank: 0,
        });
        return turns.collect();
    }
    let mut credit = vec![0_i64; requests.len()];
    let mut sent = vec![0_u32; requests.len()];
    let mut cycle = Vec::with_capacity(total);
    for _ in 0..total {
        for (credit, request) in credit.iter_mut().zip(requests) {
            *credit += i64::from(request.weight);
        }
        // The first of the largest: requests of one weight come in the order in which they were written.
        let next = (0..requests.len())
            .rev()
            .max_by_key(|at| credit[*at])
            .expect("there is at least one request");
        credit[next] -= total as i64;
        cycle.push(Turn {
            request: next as u16,
            rank: sent[next],
        });
        sent[next] += 1;
    }
    cycle
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

pub(crate) fn wrong(what: String) -> Error {
    Error::Scenario { what }
}
