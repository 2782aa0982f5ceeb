//! Ids as strangers write them.

use super::Type;

#[track_caller]
fn check(kind: Type, text: &str, expect: Option<&str>) {
    assert_eq!(
        kind.parse_key(text).as_deref(),
        expect,
        "{text} as {}",
        kind.name()
    );
}

#[test]
fn keys() {
    check(Type::Int2, "32767", Some("32767"));
    check(Type::Int2, "32768", None);
    check(Type::Int4, "-007", Some("-7"));
    check(Type::Int8, "9223372036854775807", Some("9223372036854775807"));
    check(Type::Int8, "9223372036854775808", None);
    check(Type::Int8, "", None);
    check(Type::Int8, " 1", None);
    check(Type::Int8, "1.0", None);
    check(Type::Text, "N14228", Some("N14228"));
    check(Type::Text, "", Some(""));
    check(Type::Text, "a\0b", None);
    let uuid = "550e8400-e29b-41d4-a716-446655440000";
    check(Type::Uuid, uuid, Some(uuid));
    check(Type::Uuid, "550E8400E29B41D4A716446655440000", Some(uuid));
    check(Type::Uuid, "550e8400-e29b-41d4-a716-44665544000", None);
    check(Type::Uuid, "550e8400-e29b-41d4-a716_446655440000", None);
    check(Type::Uuid, "550e840-0e29b-41d4-a716-446655440000", None);
    check(Type::Uuid, "550e8400-e29b-41d4-a716-44665544000ü", None);
    check(Type::Float8, "1", None);
    check(Type::Date, "2013-07-01", None);
}

#[test]
fn names_are_theirs_alone() {
    for kind in Type::ALL {
        assert_eq!(Type::named(kind.name()), Some(kind));
    }
}
