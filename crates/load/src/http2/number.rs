//! Numbers as they stand in the values of fields.

/// A status.
pub(super) fn three_digits(value: &[u8]) -> Option<u16> {
    let [a, b, c] = value else { return None };
    let is_status = (b'1'..=b'9').contains(a) && b.is_ascii_digit() && c.is_ascii_digit();
    is_status.then(|| u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
}

/// A length.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        value
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0')),
    )
}
