//! A server of HTTP/2 that leaves as nginx does: with the last request that it takes it names its stream, in one step,
//! and whatever comes after that is not read.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM_AND_HEADERS: u8 = 5;
/// `:status: 200` in HPACK's static table.
const STATUS_200: u8 = 0x88;

/// Answers so many requests, and waits for the client to go.
pub(crate) fn serve(stream: &mut TcpStream, requests: u32) {
    let mut preface = [0; PREFACE_BYTES];
    if stream.read_exact(&mut preface).is_err() || stream.write_all(&frame(SETTINGS, 0, 0, &[])).is_err() {
        return;
    }
    let mut taken = 0;
    while let Some((kind, id)) = read_frame(stream) {
        if kind != HEADERS || taken == requests {
            continue;
        }
        taken += 1;
        let mut out = Vec::new();
        if taken == requests {
            out.extend(frame(GOAWAY, 0, 0, &[id.to_be_bytes(), [0; 4]].concat()));
        }
        out.extend(frame(HEADERS, END_STREAM_AND_HEADERS, id, &[STATUS_200]));
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

/// Its kind and its stream.
fn read_frame(stream: &mut TcpStream) -> Option<(u8, u32)> {
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head).ok()?;
    let [high, middle, low, kind, _, id @ ..] = head;
    let mut rest = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
    stream.read_exact(&mut rest).ok()?;
    Some((kind, u32::from_be_bytes(id)))
}

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(id.to_be_bytes());
    frame.extend(payload);
    frame
}
