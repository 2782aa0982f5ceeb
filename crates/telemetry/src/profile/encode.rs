//! A profile as pprof's `profile.proto`, gzipped.

use std::{
    collections::HashMap,
    io::Write,
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};

use super::{Profile, stack::Frame};
use crate::{error::Error, protobuf::Message};

pub(super) fn gzipped(profile: &Profile) -> Result<Vec<u8>, Error> {
    let message = Tables::of(profile).into_bytes();
    let mut out = GzEncoder::new(Vec::with_capacity(message.len() / 4), Compression::fast());
    out.write_all(&message).map_err(Error::Compress)?;
    out.finish().map_err(Error::Compress)
}

/// Everything is said once and referred to by number.
#[derive(Default)]
struct Tables<'a> {
    out: Message,
    strings: HashMap<&'a str, u64>,
    order: Vec<&'a str>,
    functions: HashMap<(&'a str, &'a str), u64>,
    locations: HashMap<&'a Frame, u64>,
}

impl<'a> Tables<'a> {
    fn of(profile: &'a Profile) -> Message {
        let mut tables = Tables::default();
        tables.string("");
        let samples = tables.value_type("samples", "count");
        let cpu = tables.value_type("cpu", "nanoseconds");
        tables.out.message(1, &samples).message(1, &cpu);
        let period_ns = u64::from(1_000_000_000 / profile.hertz.max(1));
        let thread = tables.string("thread");
        for stack in &profile.stacks {
            let places: Vec<u64> = stack.frames.iter().map(|frame| tables.location(frame)).collect();
            let mut label = Message::default();
            label.number(1, thread).number(2, tables.string(&stack.thread));
            let mut sample = Message::default();
            sample
                .numbers(1, places)
                .numbers(2, [stack.count, stack.count.saturating_mul(period_ns)])
                .message(3, &label);
            tables.out.message(2, &sample);
        }
        for text in &tables.order {
            tables.out.text(6, text);
        }
        let began = profile.began.duration_since(SystemTime::UNIX_EPOCH);
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        tables
            .out
            .number(9, nanoseconds(began.unwrap_or_default()))
            .number(10, nanoseconds(profile.took))
            .message(11, &cpu)
            .number(12, period_ns);
        tables.out
    }

    fn string(&mut self, text: &'a str) -> u64 {
        let next = self.strings.len() as u64;
        *self.strings.entry(text).or_insert_with(|| {
            self.order.push(text);
            next
        })
    }

    fn value_type(&mut self, kind: &'a str, unit: &'a str) -> Message {
        let mut message = Message::default();
        message.number(1, self.string(kind)).number(2, self.string(unit));
        message
    }

    fn function(&mut self, frame: &'a Frame) -> u64 {
        let key = (frame.function.as_str(), frame.file.as_str());
        if let Some(id) = self.functions.get(&key) {
            return *id;
        }
        let id = self.functions.len() as u64 + 1;
        self.functions.insert(key, id);
        let name = self.string(key.0);
        let mut function = Message::default();
        function
            .number(1, id)
            .number(2, name)
            .number(3, name)
            .number(4, self.string(key.1));
        self.out.message(5, &function);
        id
    }

    fn location(&mut self, frame: &'a Frame) -> u64 {
        if let Some(id) = self.locations.get(frame) {
            return *id;
        }
        let id = self.locations.len() as u64 + 1;
        self.locations.insert(frame, id);
        let mut line = Message::default();
        line.number(1, self.function(frame)).number(2, frame.line.into());
        let mut location = Message::default();
        location.number(1, id).message(4, &line);
        self.out.message(4, &location);
        id
    }
}
