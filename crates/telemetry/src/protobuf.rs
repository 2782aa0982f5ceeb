//! Protocol Buffers' wire format, as far as OTLP and pprof need it: written, never read.
//!
//! Forty lines instead of opentelemetry-proto, which brings opentelemetry, its SDK and rand with it, and of the
//! prost 0.12 that pprof's own writer wants. Both formats are read back by the originals in tests.

/// A message being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(Vec<u8>);

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;

impl Message {
    /// A number; zero is the default and left out.
    pub(crate) fn number(&mut self, field: u32, value: u64) -> &mut Message {
        if value != 0 {
            self.key(field, VARINT);
            self.varint(value);
        }
        self
    }

    /// Numbers, packed.
    pub(crate) fn numbers(&mut self, field: u32, values: impl IntoIterator<Item = u64>) -> &mut Message {
        let mut packed = Message::default();
        for value in values {
            packed.varint(value);
        }
        self.message(field, &packed)
    }

    /// A number, also if it is zero: within a choice the default is written too, or there would be no value at all.
    pub(crate) fn chosen_number(&mut self, field: u32, value: u64) -> &mut Message {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    pub(crate) fn fixed64(&mut self, field: u32, value: u64) -> &mut Message {
        self.key(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Bytes, also if there are none: in a table of strings the first is empty.
    pub(crate) fn bytes(&mut self, field: u32, value: &[u8]) -> &mut Message {
        self.key(field, BYTES);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn text(&mut self, field: u32, value: &str) -> &mut Message {
        self.bytes(field, value.as_bytes())
    }

    /// A message within this one, written in its place: in a trace there are some hundred.
    pub(crate) fn nested(&mut self, field: u32, write: impl FnOnce(&mut Message)) -> &mut Message {
        self.key(field, BYTES);
        let at = self.0.len();
        // Most are that short.
        self.0.push(0);
        write(self);
        let mut length = self.0.len() - at - 1;
        if length < 0x80 {
            self.0[at] = length as u8;
            return self;
        }
        let mut varint = [0; 10];
        let mut count = 0;
        while length >= 0x80 {
            varint[count] = (length as u8 & 0x7f) | 0x80;
            length >>= 7;
            count += 1;
        }
        varint[count] = length as u8;
        self.0.splice(at..=at, varint[..=count].iter().copied());
        self
    }

    pub(crate) fn message(&mut self, field: u32, value: &Message) -> &mut Message {
        self.bytes(field, &value.0)
    }

    /// Bytes of a text that is put together of parts.
    pub(crate) fn raw(&mut self, part: &str) -> &mut Message {
        self.0.extend_from_slice(part.as_bytes());
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
