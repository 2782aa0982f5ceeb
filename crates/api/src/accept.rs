//! What a client prefers: lists with q-values, as in `Accept` and `Accept-Encoding`.

use http::{HeaderMap, HeaderName};

/// How much the client wants `name`, in thousandths: none if it does not say, 0 if it refuses.
/// An exact name wins over `type/*`, that over `*`.
pub(crate) fn quality(headers: &HeaderMap, header: &HeaderName, name: &str) -> Option<u16> {
    let range = name.split_once('/').map(|(kind, _)| kind);
    let (mut best, mut rank) = (None, 0);
    for value in headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
    {
        for member in value.split(',') {
            let mut parts = member.split(';').map(str::trim);
            let wanted = parts.next().unwrap_or_default();
            let specific = if wanted.eq_ignore_ascii_case(name) {
                3
            } else if range.is_some_and(|kind| {
                wanted
                    .strip_suffix("/*")
                    .is_some_and(|w| w.eq_ignore_ascii_case(kind))
            }) {
                2
            } else if wanted == "*" || wanted == "*/*" {
                1
            } else {
                continue;
            };
            if specific > rank {
                rank = specific;
                best = Some(
                    parts
                        .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
                        .map_or(1000, thousandths),
                );
            }
        }
    }
    best
}

fn thousandths(text: &str) -> u16 {
    match text.trim().parse::<f32>() {
        Ok(quality) if (0.0..=1.0).contains(&quality) => (quality * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
