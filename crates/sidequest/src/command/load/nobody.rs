//! Nothing was answered: why, and what to try next. Tables of zeros would say neither.

use anyhow::{Error, anyhow};
use load::{config::Protocol, outcome::Lost, summary::Summary};

use crate::exit::{Exit, Failure};

/// What a reason holds, and what to do about it. The first that fits is said.
const ADVICE: [(&str, &str); 13] = [
    (
        "refused",
        "nothing listens there: is the server running, and is this its port?",
    ),
    (
        "No such file",
        "there is no such socket: is the server running, and is this its path?",
    ),
    (
        "TLS: timed out",
        "it takes connections and says nothing in TLS: if this is a port without TLS, try http://",
    ),
    (
        "timed out",
        "nobody answers at that address: is a firewall in the way? --connect-timeout waits longer",
    ),
    (
        "UnknownIssuer",
        "--cacert FILE names the authority to believe, --insecure believes any certificate",
    ),
    (
        "CaUsedAsEndEntity",
        "the server shows an authority's certificate; --insecure believes any",
    ),
    (
        "certificate not valid for name",
        "--sni NAME asks for a name that the certificate holds, --insecure believes any certificate",
    ),
    (
        "NotValidForName",
        "--sni NAME asks for a name that the certificate holds",
    ),
    (
        "Expired",
        "its certificate is too old; --insecure believes any certificate",
    ),
    (
        "CertificateRequired",
        "the server wants to know who asks: --cert FILE and --key FILE show a certificate",
    ),
    (
        "fatal alert",
        "the server refuses our TLS: --cert and --key show a certificate, --sni asks for another name",
    ),
    ("does not choose h2", "it speaks HTTP/1.1 only: leave out --h2"),
    (
        "corrupt message",
        "what listens there speaks no TLS: try http:// instead of https://",
    ),
];

/// Not one connection could be made: the failure to end with.
pub(super) fn unreachable(summary: &Summary) -> Option<Failure> {
    let is_dead = summary.connect.count() == 0 && summary.totals.ok == 0 && !summary.was_stopped;
    let (reason, count) = most_frequent(summary).filter(|_| is_dead)?;
    let times = match count {
        1 => String::new(),
        count => format!(", {count} times"),
    };
    let reason = reason.strip_prefix("connect: ").unwrap_or(reason);
    let error: Error = anyhow!("connect to {}: {reason}{times}", summary.target);
    Some(Exit::Unanswered.because(error).hint(advice(summary)))
}

/// The next step, where there were connections and still not one answer.
pub(super) fn advice(summary: &Summary) -> Option<String> {
    if summary.response.count() > 0 || summary.was_stopped {
        return None;
    }
    let known = most_frequent(summary).and_then(|(reason, _)| {
        ADVICE
            .iter()
            .find(|(what, _)| reason.contains(what))
            .map(|(_, advice)| *advice)
    });
    let is_tls = summary.target.starts_with("https:");
    let most = summary.totals.lost.iter().max_by_key(|(_, count)| **count);
    let by_loss = match most {
        Some((Lost::Timeout, _)) => {
            Some("it takes connections and says nothing: --request-timeout waits longer")
        }
        Some((Lost::Malformed | Lost::Closed | Lost::ConnectionReset, _)) if !is_tls => {
            match summary.protocol {
                Some(Protocol::Http2) => Some(
                    "it does not answer in HTTP/2: leave out --h2, or try https:// if this is a port for TLS",
                ),
                Some(Protocol::Http1 | Protocol::Auto) | None => Some("is this a port for TLS? try https://"),
            }
        }
        Some(_) | None => None,
    };
    known.or(by_loss).map(str::to_owned)
}

fn most_frequent(summary: &Summary) -> Option<(&str, u64)> {
    summary
        .connect_failures
        .iter()
        .max_by_key(|(_, count)| **count)
        .map(|(reason, count)| (reason.as_str(), *count))
}
