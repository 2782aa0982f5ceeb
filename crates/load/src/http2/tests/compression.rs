//! Header compression: RFC 7541's examples, and that whatever is written is read.

use proptest::prelude::*;

use crate::http2::hpack::{
    Decoder, Fault, huffman,
    write::{Encoder, literal},
};

fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let mut fields = Vec::new();
    decoder.decode(
        block,
        |_| true,
        |name, value| {
            fields.push((
                String::from_utf8_lossy(name).into_owned(),
                String::from_utf8_lossy(value).into_owned(),
            ));
        },
    )?;
    Ok(fields)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// RFC 7541 C.6: answers with Huffman codes, and a table of 256 bytes that evicts.
#[test]
fn the_examples_of_the_rfc_are_read() {
    let mut decoder = Decoder::new(256, 8_192);
    let first = bytes(
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
         1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    );
    let fields = decoded(&mut decoder, &first).unwrap();
    assert_eq!(fields[0], (":status".to_owned(), "302".to_owned()));
    assert_eq!(
        fields[3],
        ("location".to_owned(), "https://www.example.com".to_owned())
    );
    assert_eq!(decoder.table_bytes(), 222);
    let fields = decoded(&mut decoder, &bytes("4883 640e ffc1 c0bf")).unwrap();
    assert_eq!(fields[0], (":status".to_owned(), "307".to_owned()));
    assert_eq!(
        fields[3],
        ("location".to_owned(), "https://www.example.com".to_owned())
    );
    let third = bytes(
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
         e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    );
    let fields = decoded(&mut decoder, &third).unwrap();
    assert_eq!(fields[4], ("content-encoding".to_owned(), "gzip".to_owned()));
    assert_eq!(decoder.table_bytes(), 215);
}

#[test]
fn codes_that_are_none_are_refused() {
    let block = |coded: &[u8]| [&[0x08, 0x80 | coded.len() as u8], coded].concat();
    let read = |coded: &[u8]| decoded(&mut Decoder::new(4_096, 8_192), &block(coded));
    // Padding of zeros, of more than seven bits, and the end of a string itself.
    assert_eq!(read(&[0x00, 0x00]), Err(Fault::Huffman));
    assert_eq!(read(&[0x00, 0x01]).unwrap()[0].1, "000");
    assert_eq!(read(&[0x07, 0xfe]), Err(Fault::Huffman));
    assert_eq!(read(&[0xff, 0xff]), Err(Fault::Huffman));
    assert_eq!(read(&[0xff, 0xff, 0xff, 0xff]), Err(Fault::Huffman));
}

#[test]
fn a_smaller_table_of_the_server_is_said_and_kept() {
    let mut encoder = Encoder::new(4_096);
    let mut decoder = Decoder::new(4_096, 8_192);
    let write = |encoder: &mut Encoder| {
        let mut block = Vec::new();
        encoder.begin(&mut block);
        encoder.field(b":authority", b"example.test", &mut block);
        encoder.field(b"x-long", &[b'y'; 100], &mut block);
        block
    };
    for allowed in [4_096, 60, 0] {
        encoder.allow(allowed);
        for _ in 0..2 {
            let fields = decoded(&mut decoder, &write(&mut encoder)).unwrap();
            assert_eq!(fields[0].1, "example.test", "{allowed}");
            assert_eq!(fields[1].1.len(), 100, "{allowed}");
            assert!(decoder.table_bytes() <= allowed);
        }
    }
}

proptest! {
    #[test]
    fn what_is_coded_is_read(plain in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut coded = Vec::new();
        huffman::encode(&plain, &mut coded);
        let mut block = vec![0x00, 1, b'a'];
        crate::http2::hpack::write::number(coded.len(), 7, 0x80, &mut block);
        block.extend(coded);
        let mut read = Vec::new();
        Decoder::new(4_096, 8_192)
            .decode(&block, |_| true, |_, value| read = value.to_vec())
            .unwrap();
        prop_assert_eq!(read, plain);
    }

    #[test]
    fn what_is_written_is_read(
        blocks in proptest::collection::vec(
            proptest::collection::vec(("[a-c]{1,3}", "[ -~]{0,30}", any::<bool>()), 0..8), 1..6),
        table in 0_usize..400,
    ) {
        let mut encoder = Encoder::new(table);
        let mut decoder = Decoder::new(4_096, 1 << 20);
        for fields in blocks {
            let mut block = Vec::new();
            encoder.begin(&mut block);
            for (name, value, is_kept) in &fields {
                if *is_kept {
                    encoder.field(name.as_bytes(), value.as_bytes(), &mut block);
                } else {
                    literal(name.as_bytes(), value.as_bytes(), &mut block);
                }
            }
            let expect: Vec<(String, String)> =
                fields.into_iter().map(|(name, value, _)| (name, value)).collect();
            prop_assert_eq!(decoded(&mut decoder, &block).unwrap(), expect);
        }
    }

    /// h2's own encoder is not public, but hyper's answers are read in `tests/it`; here nothing may panic.
    #[test]
    fn any_bytes_are_read_or_refused(block in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut decoder = Decoder::new(256, 8_192);
        let _ = decoded(&mut decoder, &block);
        prop_assert!(decoder.table_bytes() <= 256);
    }
}
