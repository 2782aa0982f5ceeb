//! A computed value on its way into JSON, and the marks for null in columns.

use model::column::Type;
use store::value;

use crate::decimal::Decimal;

/// Null among integers and times. The neighbour of the smallest: that one is PostgreSQL's `-infinity`.
pub(crate) const NULL_INTEGER: i64 = i64::MIN + 1;

/// Null among codes of text.
pub(crate) const NULL_TEXT: u32 = u32::MAX;

/// Null among floats: a NaN that no other value has, as columns hold only the one NaN of `f64::NAN`.
pub(crate) const NULL_FLOAT: f64 = f64::from_bits(0x7ff8_0000_0000_ff01);

/// Is it [`NULL_FLOAT`]?
#[inline]
pub(crate) fn is_null_float(value: f64) -> bool {
    value.to_bits() == NULL_FLOAT.to_bits()
}

/// One value of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(Type, i64),
    Float(f64),
    /// Rounded exactly, and written without going through a float.
    Decimal(Decimal),
    Float4(f32),
    /// A text of a column's dictionary: slot and code.
    Text(usize, u32),
}

impl Cell {
    /// For ranking and fitting; text has no number.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Cell::Null | Cell::Text(..) => None,
            Cell::Integer(_, value) => Some(value as f64),
            Cell::Float(value) => Some(value),
            Cell::Decimal(value) => Some(value.number()),
            Cell::Float4(value) => Some(f64::from(value)),
        }
    }

    /// Writes all but text, which only its dictionary can write.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Cell::Null | Cell::Text(..) => out.extend_from_slice(b"null"),
            Cell::Integer(kind, number) => value::write_integer(kind, number, out),
            Cell::Float(number) => value::write_float(number, out),
            Cell::Decimal(number) => number.write(out),
            Cell::Float4(number) => value::write_float4(number, out),
        }
    }
}

/// PostgreSQL's order of floats: NaN equals itself and is greater than every number.
#[inline]
pub(crate) fn float_order(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
