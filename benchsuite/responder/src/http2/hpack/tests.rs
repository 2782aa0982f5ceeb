//! The examples of RFC 7541, appendix C, and our own paths.

use super::{super::huffman::Huffman, Decoder};
use crate::answer::Choice;

#[test]
fn huffman_as_in_the_rfc() {
    let huffman = Huffman::new();
    for (coded, text) in [
        (
            &b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..],
            "www.example.com",
        ),
        (b"\x86\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
        (b"\x05plain", "plain"),
    ] {
        let (mut block, mut found) = (coded, Vec::new());
        huffman.text(&mut block, &mut found).expect("a string");
        assert_eq!(String::from_utf8_lossy(&found), text);
        assert!(block.is_empty());
    }
}

#[test]
fn a_path_is_known_again_by_its_index() {
    let mut decoder = Decoder::new();
    // C.4.1, with another path: GET, http, /large as a literal to be kept, www.example.com to be kept.
    let first = b"\x82\x86\x44\x06/large\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    assert_eq!(decoder.path(first).expect("a block"), Some(Choice::Large));
    // The path is the older of the two entries.
    assert_eq!(
        decoder.path(b"\x82\x86\xbf\xbe").expect("a block"),
        Some(Choice::Large)
    );
    // Its name serves for another path, which is not kept.
    assert_eq!(
        decoder.path(b"\x0f\x30\x06/small").expect("a block"),
        Some(Choice::Small)
    );
    assert_eq!(decoder.path(b"\x84").expect("a block"), Some(Choice::Small));
    decoder.path(b"\xc0").expect_err("there are two entries");
}

#[test]
fn the_table_has_a_limit() {
    let mut decoder = Decoder::new();
    decoder.path(b"\x44\x06/large").expect("a block");
    for _ in 0..200 {
        decoder.path(b"\x40\x01a\x10................").expect("a block");
    }
    assert!(decoder.bytes <= 4_096 && decoder.table.len() <= 4_096 / 49);
    decoder.path(b"\x20").expect("the table may be emptied");
    decoder.path(b"\xbe").expect_err("it is empty");
    decoder
        .path(b"\x3f\xe2\x1f")
        .expect_err("4,097 is more than was allowed");
}

#[test]
fn cut_blocks_are_violations() {
    let whole = b"\x82\x86\x44\x06/large\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    for end in [3, 4, 9, 11, 15, whole.len() - 1] {
        Decoder::new().path(&whole[..end]).expect_err("it is cut");
    }
}
