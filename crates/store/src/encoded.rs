//! A statement's parameters as they go over the wire: owned, so that a statement outlives who waits for it.

use std::error::Error;

use bytes::BytesMut;
use postgres_types::{Format, IsNull, ToSql, Type};

/// A parameter.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// None for null; the reason where the value does not fit its type.
    value: Result<Option<BytesMut>, String>,
    is_text: bool,
}

impl Encoded {
    /// One for each value. Too few or too many are found when they are sent.
    pub(crate) fn all(values: &[&(dyn ToSql + Sync)], types: &[Type]) -> Vec<Encoded> {
        let typed = values
            .iter()
            .enumerate()
            .map(|(at, value)| (value, types.get(at).unwrap_or(&Type::UNKNOWN)));
        typed.map(|(value, ty)| Encoded::new(*value, ty)).collect()
    }

    fn new(value: &(dyn ToSql + Sync), ty: &Type) -> Encoded {
        let mut bytes = BytesMut::new();
        let value_or_reason = match value.to_sql_checked(ty, &mut bytes) {
            Ok(IsNull::No) => Ok(Some(bytes)),
            Ok(IsNull::Yes) => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        Encoded {
            value: value_or_reason,
            is_text: matches!(value.encode_format(ty), Format::Text),
        }
    }
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.value {
            Ok(Some(bytes)) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            Ok(None) => Ok(IsNull::Yes),
            Err(reason) => Err(reason.as_str().into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }

    fn encode_format(&self, _: &Type) -> Format {
        if self.is_text {
            Format::Text
        } else {
            Format::Binary
        }
    }
}
