//! Encodings: which one, and that what comes out is what went in.

use std::io::Read;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};
use proptest::prelude::*;

use super::{Encoding, Stream, negotiate, whole};

#[test]
fn negotiation() {
    for (accept, expected) in [
        ("", Encoding::Identity),
        ("gzip", Encoding::Gzip),
        ("zstd", Encoding::Zstd),
        ("gzip, deflate, br, zstd", Encoding::Zstd),
        ("gzip;q=1.0, zstd;q=0.5", Encoding::Gzip),
        ("zstd;q=0, gzip", Encoding::Gzip),
        ("*", Encoding::Zstd),
        ("*;q=0.5, zstd;q=0", Encoding::Gzip),
        ("br", Encoding::Identity),
        ("gzip;q=0", Encoding::Identity),
        ("identity", Encoding::Identity),
        ("identity, gzip;q=0.5", Encoding::Identity),
        ("identity;q=0.5, gzip", Encoding::Gzip),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
        assert_eq!(negotiate(&headers), expected, "{accept}");
    }
    assert_eq!(negotiate(&HeaderMap::new()), Encoding::Identity);
    assert_eq!(Encoding::Zstd.for_length(100), Encoding::Identity);
}

fn read(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Identity => out.extend_from_slice(bytes),
        Encoding::Gzip => {
            flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
        }
        Encoding::Zstd => out = zstd::decode_all(bytes).unwrap(),
    }
    out
}

proptest! {
    #[test]
    fn there_and_back(chunks in prop::collection::vec(prop::collection::vec(0u8..4, 0..70_000), 0..5)) {
        let joined = chunks.concat();
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
            if let Some(compressed) = whole(&Bytes::from(joined.clone()), encoding) {
                prop_assert_eq!(&read(encoding, &compressed), &joined);
            }
            let mut stream = Stream::new(encoding);
            let mut sent = Vec::new();
            for chunk in &chunks {
                sent.extend_from_slice(&stream.chunk(chunk.clone().into()).unwrap());
            }
            sent.extend_from_slice(&stream.end().unwrap());
            prop_assert_eq!(&read(encoding, &sent), &joined);
        }
    }
}

/// A client that reads along sees every chunk as it is sent, not when the block is full.
#[test]
fn each_chunk_can_be_read_at_once() {
    let chunk = Bytes::from_static(b"{\"id\":\"a\"}\n");
    let mut gzip = Stream::new(Encoding::Gzip);
    let sent = gzip.chunk(chunk.clone()).unwrap();
    let mut seen = vec![0; chunk.len()];
    flate2::read::GzDecoder::new(&sent[..])
        .read_exact(&mut seen)
        .unwrap();
    assert_eq!(seen, chunk);
    let mut zstd = Stream::new(Encoding::Zstd);
    let sent = zstd.chunk(chunk.clone()).unwrap();
    zstd::Decoder::new(&sent[..])
        .unwrap()
        .read_exact(&mut seen)
        .unwrap();
    assert_eq!(seen, chunk);
}
