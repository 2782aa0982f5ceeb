//! HTTP/2 made of any bytes: however they are cut, they mean the same, and every stream ends once.

use std::collections::BTreeSet;

use load::{
    config::Windows,
    http2::{
        Event, Options, Session,
        request::{Filling, Outline},
    },
};

/// Requests that are open before the server says a word.
const STREAMS: u32 = 8;
const HEAD_BYTES_MAX: usize = 2_048;
/// Everything that a frame can make us say in answer to nine bytes.
const ANSWER_FACTOR: usize = 4;
const ANSWER_BYTES: usize = 4_096;

/// What a client learns, with bodies joined.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Settings(Option<u32>),
    Head(u32, u16),
    Body(u32, Vec<u8>),
    End(u32),
    Reset(u32, u32),
    Malformed(u32),
    GoAway(u32, u32),
}

/// The first byte says into which pieces the rest is cut.
pub(crate) fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let piece = usize::from(*first) + 1;
    let whole = settled(meanings(std::iter::once(bytes)));
    let cut = settled(meanings(bytes.chunks(piece)));
    let single = settled(meanings(bytes.chunks(1)));
    assert_eq!(whole, cut, "in pieces of {piece}");
    assert_eq!(whole, single, "in single bytes");
}

/// Without the bodies of streams that turned out to be broken: how much of one was seen before depends on the cuts.
fn settled(meanings: Vec<Meaning>) -> Vec<Meaning> {
    let broken: BTreeSet<u32> = meanings
        .iter()
        .filter_map(|meaning| match meaning {
            Meaning::Malformed(stream) => Some(*stream),
            _ => None,
        })
        .collect();
    let mut settled = Vec::new();
    for meaning in meanings {
        match (meaning, settled.last_mut()) {
            (Meaning::Body(stream, _), _) if broken.contains(&stream) => {}
            (Meaning::Body(stream, more), Some(Meaning::Body(of, body))) if *of == stream => {
                body.extend(more);
            }
            (meaning, _) => settled.push(meaning),
        }
    }
    settled
}

fn meanings<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Meaning> {
    let mut out = Vec::new();
    let options = Options {
        windows: Windows {
            stream: 65_535,
            connection: 65_535,
        },
        table_bytes: 4_096,
        encoder_table_bytes: 4_096,
        head_bytes_max: HEAD_BYTES_MAX,
        informational_max: 4,
    };
    let mut session = Session::<u32>::new(options, &mut out);
    let outline = Outline {
        pseudo: [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
        ]
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .to_vec(),
        fields: Vec::new(),
        is_head: false,
    };
    let mut open = BTreeSet::new();
    for number in 0..STREAMS {
        open.insert(session.open(0, &outline, Filling::default(), number, &mut out));
    }
    out.clear();
    let (mut meanings, mut received) = (Vec::new(), 0);
    for mut input in pieces {
        received += input.len();
        loop {
            match session.receive(&mut input, &mut out) {
                Err(_) => return meanings,
                Ok(None) => {
                    assert!(input.is_empty(), "more was wanted while there was more");
                    break;
                }
                Ok(Some(event)) => {
                    let over = add(&mut meanings, &event);
                    if let Some(stream) = over {
                        // Its caller takes it off, once.
                        assert!(
                            open.remove(&stream),
                            "stream {stream} ended twice, or never began"
                        );
                        assert!(session.finish(stream).is_some(), "stream {stream} is not known");
                    }
                }
            }
            assert!(
                out.len() <= ANSWER_BYTES + received * ANSWER_FACTOR,
                "{} bytes in answer to {received}",
                out.len()
            );
        }
        assert_eq!(session.open_streams() as usize, open.len());
    }
    meanings
}

/// The stream that is over with it.
fn add(meanings: &mut Vec<Meaning>, event: &Event<'_>) -> Option<u32> {
    match event {
        Event::Settings { streams_max, .. } => {
            meanings.push(Meaning::Settings(*streams_max));
            None
        }
        Event::Head { stream, status, ends } => {
            assert!((100..=999).contains(status));
            meanings.push(Meaning::Head(*stream, *status));
            if *ends {
                meanings.push(Meaning::End(*stream));
            }
            ends.then_some(*stream)
        }
        Event::Body { stream, bytes, ends } => {
            match meanings.last_mut() {
                Some(Meaning::Body(of, body)) if of == stream => body.extend_from_slice(bytes),
                // A frame without bytes says nothing but its end.
                _ if bytes.is_empty() => {}
                _ => meanings.push(Meaning::Body(*stream, bytes.to_vec())),
            }
            if *ends {
                meanings.push(Meaning::End(*stream));
            }
            ends.then_some(*stream)
        }
        Event::End { stream } => {
            meanings.push(Meaning::End(*stream));
            Some(*stream)
        }
        Event::Reset { stream, code } => {
            meanings.push(Meaning::Reset(*stream, *code));
            Some(*stream)
        }
        Event::Malformed { stream } => {
            meanings.push(Meaning::Malformed(*stream));
            Some(*stream)
        }
        Event::GoAway(goaway) => {
            meanings.push(Meaning::GoAway(goaway.last_stream, goaway.code));
            None
        }
    }
}
