//! How requests are written in both protocols: what is the same for all is made once.

use std::sync::Arc;

use crate::{
    config::Config,
    http2::request::Outline,
    sample::trace_id,
    scenario::{Request, Scenario, template::Template, values::Values},
};

/// What this program calls itself.
pub(crate) const USER_AGENT: &str = concat!("sidequest-load/", env!("CARGO_PKG_VERSION"));

/// All kinds of requests, ready to be written.
#[derive(Debug)]
pub(crate) struct Wording {
    pub(crate) requests: Vec<Words>,
    /// Whether a request of HTTP/1.1 may follow another that is not answered yet.
    pub(crate) may_be_pipelined: bool,
}

/// One kind of request.
#[derive(Debug)]
pub(crate) struct Words {
    /// The whole request of HTTP/1.1, where it is always the same.
    pub(crate) whole: Option<Vec<u8>>,
    method: Vec<u8>,
    path: Template,
    /// What follows the path in HTTP/1.1: version and the fields that are always the same, without the blank line.
    constant: Vec<u8>,
    pub(crate) outline: Outline,
    /// Fields that differ.
    pub(crate) varying: Vec<(Vec<u8>, Template)>,
    pub(crate) body: Option<Arc<[u8]>>,
    pub(crate) is_head: bool,
    pub(crate) is_idempotent: bool,
    traceparent: Option<u64>,
}

impl Wording {
    pub(crate) fn new(scenario: &Scenario, config: &Config) -> Wording {
        let trace = config.traceparent.then_some(config.seed);
        Wording {
            may_be_pipelined: scenario.requests().iter().all(Request::may_be_pipelined),
            requests: scenario
                .requests()
                .iter()
                .map(|request| Words::new(request, scenario, trace))
                .collect(),
        }
    }
}

impl Words {
    fn new(request: &Request, scenario: &Scenario, traceparent: Option<u64>) -> Words {
        let target = scenario.target();
        let names = |name: &str| request.headers.iter().any(|(header, _)| header == name);
        let host = request
            .headers
            .iter()
            .find(|(name, _)| name == "host")
            .and_then(|(_, value)| value.as_fixed())
            .unwrap_or(target.authority.as_bytes());
        let mut constant = b" HTTP/1.1\r\nhost: ".to_vec();
        constant.extend_from_slice(host);
        constant.extend_from_slice(b"\r\n");
        let mut fields = Vec::new();
        let mut varying = Vec::new();
        if !names("user-agent") {
            fields.push((b"user-agent".to_vec(), USER_AGENT.as_bytes().to_vec()));
        }
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            match value.as_fixed() {
                Some(value) => fields.push((name.as_bytes().to_vec(), value.to_vec())),
                None => varying.push((name.as_bytes().to_vec(), value.clone())),
            }
        }
        let body: Option<Arc<[u8]>> = request.body.as_deref().map(Into::into);
        if let Some(body) = &body {
            fields.push((b"content-length".to_vec(), body.len().to_string().into_bytes()));
        }
        for (name, value) in &fields {
            field(name, value, &mut constant);
        }
        let mut pseudo = vec![
            (b":method".to_vec(), request.method.clone().into_bytes()),
            (b":scheme".to_vec(), target.scheme.name().as_bytes().to_vec()),
            (b":authority".to_vec(), host.to_vec()),
        ];
        if let Some(path) = request.path.as_fixed() {
            pseudo.push((b":path".to_vec(), path.to_vec()));
        }
        let mut words = Words {
            whole: None,
            method: request.method.clone().into_bytes(),
            path: request.path.clone(),
            constant,
            outline: Outline {
                pseudo,
                fields,
                is_head: request.is_head(),
            },
            varying,
            body,
            is_head: request.is_head(),
            is_idempotent: request.is_idempotent(),
            traceparent,
        };
        let is_constant =
            words.path.as_fixed().is_some() && words.varying.is_empty() && traceparent.is_none();
        if is_constant {
            let mut whole = Vec::new();
            words.write_http1(&scenario.values, 0, 0, &mut whole);
            words.whole = Some(whole);
        }
        words
    }

    /// Adds a request of HTTP/1.1.
    pub(crate) fn write_http1(&self, values: &Values, nth: u64, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.method);
        out.push(b' ');
        self.path.write(values, nth, out);
        out.extend_from_slice(&self.constant);
        for (name, value) in &self.varying {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            value.write(values, nth, out);
            out.extend_from_slice(b"\r\n");
        }
        if self.traceparent.is_some() {
            out.extend_from_slice(b"traceparent: ");
            self.write_traceparent(index, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if let Some(body) = &self.body {
            out.extend_from_slice(body);
        }
    }

    /// The path, if it differs from request to request.
    pub(crate) fn write_varying_path(&self, values: &Values, nth: u64, out: &mut Vec<u8>) -> bool {
        if self.path.as_fixed().is_some() {
            return false;
        }
        self.path.write(values, nth, out);
        true
    }

    /// `traceparent`, if it is sent.
    pub(crate) fn write_traceparent(&self, index: u64, out: &mut Vec<u8>) -> bool {
        let Some(seed) = self.traceparent else {
            return false;
        };
        use std::io::Write as _;
        let trace = trace_id(seed, index);
        let span = (trace >> 64) as u64 | 1;
        let _ = write!(out, "00-{trace:032x}-{span:016x}-01");
        true
    }
}

fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Memory that is used again for every request.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) path: Vec<u8>,
    /// Values of fields that differ, one behind the other.
    pub(crate) values: Vec<u8>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize>,
}

impl Scratch {
    /// Writes what differs.
    pub(crate) fn fill(&mut self, words: &Words, values: &Values, nth: u64, index: u64) {
        self.path.clear();
        self.values.clear();
        self.ends.clear();
        words.write_varying_path(values, nth, &mut self.path);
        for (_, value) in &words.varying {
            value.write(values, nth, &mut self.values);
            self.ends.push(self.values.len());
        }
        if words.write_traceparent(index, &mut self.values) {
            self.ends.push(self.values.len());
        }
    }

    /// `:path`, if it differs.
    pub(crate) fn path(&self) -> Option<&[u8]> {
        (!self.path.is_empty()).then_some(self.path.as_slice())
    }

    /// The fields that differ, with their names.
    pub(crate) fn fields<'a>(&'a self, words: &'a Words) -> Vec<(&'a [u8], &'a [u8])> {
        let names = words
            .varying
            .iter()
            .map(|(name, _)| name.as_slice())
            .chain(std::iter::once(b"traceparent".as_slice()));
        let mut begin = 0;
        self.ends
            .iter()
            .zip(names)
            .map(|(end, name)| {
                let value = &self.values[begin..*end];
                begin = *end;
                (name, value)
            })
            .collect()
    }
}
