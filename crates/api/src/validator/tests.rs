//! Headers of requests, and what they say.

use analysis::mark::Tag;
use http::{HeaderMap, HeaderValue, header};

use super::{held, is_any_held, tag, wants_anew};
use crate::compress::Encoding;

fn headers(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn a_client_holds_what_it_names_in_a_form_that_it_would_get() {
    let content = Tag::of(b"content");
    let (plain, zstd) = (tag(content, Encoding::Identity), tag(content, Encoding::Zstd));
    let other = tag(Tag::of(b"other"), Encoding::Identity);
    let holds = |values: &[&str], wanted| held(&headers(&header::IF_NONE_MATCH, values), content, wanted);
    for (values, wanted, expected) in [
        (vec![plain.clone()], Encoding::Identity, Some(&plain)),
        (vec![zstd.clone()], Encoding::Zstd, Some(&zstd)),
        (vec![plain.clone()], Encoding::Zstd, Some(&plain)),
        (vec![zstd.clone()], Encoding::Identity, None),
        (vec![zstd.clone()], Encoding::Gzip, None),
        (vec![format!("W/{plain}")], Encoding::Identity, Some(&plain)),
        (
            vec![format!("{other}, {plain}")],
            Encoding::Identity,
            Some(&plain),
        ),
        (vec![other.clone(), zstd.clone()], Encoding::Zstd, Some(&zstd)),
        (vec![other], Encoding::Identity, None),
        (vec![], Encoding::Identity, None),
    ] {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert_eq!(holds(&values, wanted).as_ref(), expected, "{values:?} {wanted:?}");
    }
}

#[test]
fn a_star_is_whatever_there_is() {
    assert!(is_any_held(&headers(&header::IF_NONE_MATCH, &[" * "])));
    assert!(!is_any_held(&headers(&header::IF_NONE_MATCH, &["\"*\""])));
    assert!(!is_any_held(&HeaderMap::new()));
}

#[test]
fn no_cache_asks_for_a_new_one() {
    for (value, expected) in [
        ("no-cache", true),
        ("max-age=0, No-Cache", true),
        ("max-age=0", false),
        ("no-cached", false),
    ] {
        assert_eq!(
            wants_anew(&headers(&header::CACHE_CONTROL, &[value])),
            expected,
            "{value}"
        );
    }
}
