//! HTTP/1.1 answers made of any bytes: however they are cut, they mean the same.

use load::http1::{Event, Reader};

/// Small, so that the limits are reached.
const HEAD_BYTES_MAX: usize = 1_024;
const INFORMATIONAL_MAX: u32 = 4;

/// What a client learns, with bodies joined.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Head(u16),
    Body(Vec<u8>),
    End,
}

/// The first byte says how the rest is read: whether it answers HEAD, and into which pieces it is cut.
pub(crate) fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let to_head = first & 1 == 1;
    let piece = usize::from(first >> 1) + 1;
    let (whole, whole_fault) = meanings(std::iter::once(bytes), to_head);
    let (cut, cut_fault) = meanings(bytes.chunks(piece), to_head);
    let (single, single_fault) = meanings(bytes.chunks(1), to_head);
    // What is broken may be seen a little later where the bytes come one by one, but nothing else is different.
    assert_eq!(whole, cut, "in pieces of {piece}");
    assert_eq!(whole, single, "in single bytes");
    assert!(
        whole_fault || !cut_fault,
        "pieces of {piece} break what is right whole"
    );
    assert!(
        whole_fault || !single_fault,
        "single bytes break what is right whole"
    );
}

fn meanings<'a>(pieces: impl Iterator<Item = &'a [u8]>, to_head: bool) -> (Vec<Meaning>, bool) {
    let mut reader = Reader::new(HEAD_BYTES_MAX, INFORMATIONAL_MAX);
    let mut meanings = Vec::new();
    for mut input in pieces {
        loop {
            let before = input.len();
            match reader.next(&mut input, to_head) {
                Err(_) => return (meanings, true),
                Ok(None) => {
                    assert!(input.is_empty(), "more was wanted while there was more");
                    break;
                }
                Ok(Some(event)) => {
                    assert!(
                        input.len() < before || event == Event::End,
                        "something was made of nothing"
                    );
                    add(&mut meanings, &event);
                }
            }
        }
    }
    (meanings, false)
}

fn add(meanings: &mut Vec<Meaning>, event: &Event<'_>) {
    match event {
        Event::Head(head) => {
            assert!((100..=999).contains(&head.status));
            meanings.push(Meaning::Head(head.status));
        }
        Event::Body(part) => match meanings.last_mut() {
            Some(Meaning::Body(body)) => body.extend_from_slice(part),
            Some(Meaning::Head(_) | Meaning::End) | None => meanings.push(Meaning::Body(part.to_vec())),
        },
        Event::End => meanings.push(Meaning::End),
    }
}
