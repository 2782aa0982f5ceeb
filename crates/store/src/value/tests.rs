//! Values as JSON and back.

use model::column::Type;

use super::*;

fn json(kind: Type, raw: &[u8]) -> String {
    let mut out = Vec::new();
    assert!(write_json(kind, Some(raw), &mut out));
    String::from_utf8(out).unwrap()
}

#[test]
fn times_are_written_as_rfc_3339() {
    let check = |text: &str| {
        let time: jiff::Timestamp = text.parse().unwrap();
        let us = time.as_microsecond() - EPOCH_US;
        assert_eq!(json(Type::Timestamptz, &us.to_be_bytes()), format!("\"{text}\""));
    };
    for text in [
        "2013-01-01T13:40:00Z",
        "2000-02-29T23:59:59.000001Z",
        "1999-12-31T00:00:00.5Z",
        "1970-01-01T00:00:00Z",
        "2100-03-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ] {
        check(text);
    }
    assert_eq!(
        json(Type::Timestamp, &0i64.to_be_bytes()),
        "\"2000-01-01T00:00:00\""
    );
    assert_eq!(json(Type::Date, &(-1i32).to_be_bytes()), "\"1999-12-31\"");
    assert_eq!(json(Type::Date, &i32::MAX.to_be_bytes()), "\"infinity\"");
}

#[test]
fn every_day_of_800_years_agrees_with_jiff() {
    let first = jiff::civil::date(1700, 1, 1);
    let offset = (first.until(jiff::civil::date(2000, 1, 1)).unwrap().get_days()) as i64;
    let mut date = first;
    for n in 0..292_000i64 {
        let (year, month, day) = civil(n - offset);
        assert_eq!(
            (year, month, day),
            (date.year().into(), date.month().into(), date.day().into())
        );
        date = date.tomorrow().unwrap();
    }
}

#[test]
fn floats_are_shortest_and_whole_ones_have_no_fraction() {
    for (value, text) in [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (12.65, "12.65"),
        (f64::NAN, "null"),
        (f64::INFINITY, "null"),
        (1e300, "1e+300"),
    ] {
        assert_eq!(json(Type::Float8, &f64::to_be_bytes(value)), text);
    }
    assert_eq!(json(Type::Float4, &0.1f32.to_be_bytes()), "0.1");
}

#[test]
fn text_is_escaped_as_serde_json_does() {
    for text in [
        "",
        "plain",
        "quote\" back\\slash",
        "\u{0}\u{1}\u{1f}\n\r\t\u{8}\u{c}",
        "übergrößenträger 🛩",
        "\u{7f}\u{2028}",
    ] {
        assert_eq!(
            json(Type::Text, text.as_bytes()),
            serde_json::to_string(text).unwrap()
        );
    }
}

#[test]
fn json_becomes_one_line() {
    assert_eq!(json(Type::Json, b"{\r\n \"a\\n\": 1\n}"), "{   \"a\\n\": 1 }");
}

#[test]
fn values_of_urls_are_checked_against_their_type() {
    for (kind, text, expect) in [
        (Type::Int2, "07", Some("7")),
        (Type::Int2, "40000", None),
        (Type::Bool, "yes", None),
        (Type::Text, "a\0b", None),
        (
            Type::Uuid,
            "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
            Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ),
        (Type::Date, "2013-02-30", None),
        (Type::Date, "0000-01-01", None),
        (Type::Timestamp, "-000044-03-15T12:00:00", None),
        (
            Type::Timestamptz,
            "2013-01-01T00:00:00+01:00",
            Some("2012-12-31T23:00:00Z"),
        ),
    ] {
        assert_eq!(parse(kind, text).as_deref(), expect, "{kind:?} {text}");
    }
}
