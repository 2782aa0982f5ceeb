//! A list of object ids as PostgreSQL's array of whatever type the statement asks for.

use std::{error::Error, fmt, sync::Arc};

use bytes::{BufMut, BytesMut};
use postgres_types::{IsNull, Kind, ToSql, Type, to_sql_checked};

/// Ids in their canonical text form, sent in binary as `text[]`, `int4[]`, `uuid[]`, ... as `$1` has it.
pub struct Ids<'a>(pub &'a [Arc<str>]);

impl fmt::Debug for Ids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ids", self.0.len())
    }
}

impl ToSql for Ids<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(member) = ty.kind() else {
            return Err(format!("$1 is `{ty}`, not an array: compare with `= any($1)`").into());
        };
        out.put_i32(1);
        out.put_i32(0);
        out.put_u32(member.oid());
        out.put_i32(i32::try_from(self.0.len())?);
        out.put_i32(1);
        for id in self.0 {
            put_id(member, id, out)?;
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        match ty.kind() {
            Kind::Array(member) => is_id(member),
            _ => false,
        }
    }

    to_sql_checked!();
}

fn is_id(ty: &Type) -> bool {
    [
        Type::TEXT,
        Type::VARCHAR,
        Type::BPCHAR,
        Type::NAME,
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::UUID,
    ]
    .contains(ty)
}

fn put_id(member: &Type, id: &str, out: &mut BytesMut) -> Result<(), Box<dyn Error + Sync + Send>> {
    match *member {
        Type::INT2 => {
            out.put_i32(2);
            out.put_i16(id.parse()?);
        }
        Type::INT4 => {
            out.put_i32(4);
            out.put_i32(id.parse()?);
        }
        Type::INT8 => {
            out.put_i32(8);
            out.put_i64(id.parse()?);
        }
        Type::UUID => {
            out.put_i32(16);
            out.put_u128(parse_uuid(id).ok_or("an id is not a uuid")?);
        }
        _ => {
            out.put_i32(i32::try_from(id.len())?);
            out.put_slice(id.as_bytes());
        }
    }
    Ok(())
}

/// Reads a uuid of 32 hexadecimal digits, hyphens anywhere.
pub fn parse_uuid(text: &str) -> Option<u128> {
    let mut value = 0u128;
    let mut digits = 0;
    for c in text.chars().filter(|c| *c != '-') {
        value = value << 4 | u128::from(c.to_digit(16)?);
        digits += 1;
    }
    (digits == 32).then_some(value)
}

/// Writes a uuid as PostgreSQL does.
pub fn format_uuid(value: u128) -> String {
    let hex = format!("{value:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
