//! What can be written after `--fail-if`.

use super::Bound;

#[test]
fn what_is_written_is_read() {
    for text in [
        "p99>300ms",
        "errors>0",
        "rate<100",
        "bottleneck!=X0",
        "bottleneck=D1",
        "worse-than=before",
    ] {
        let bound: Bound = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(bound.to_string(), text);
    }
}

#[test]
fn what_is_none_is_told() {
    for text in ["p99>300", "p98>1s", "bottleneck!=Q7", "errors", "p99>-1ms"] {
        assert!(text.parse::<Bound>().is_err(), "{text}");
    }
}
