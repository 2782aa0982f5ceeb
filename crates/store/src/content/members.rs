//! The members of a JSON object, borrowed from the text or the tree they stand in.
//!
//! A tree of each line took more than half of what a server spends on an import.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::{Number, Value};

/// More than any table has columns. Each name is compared with those before it.
const MEMBERS_MAX: usize = 4_096;

/// The members of an object, each name once. Read from a text by serde; of a name that stands there twice, the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Given<'a>)>);

/// A member's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Given<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Cow<'a, str>),
    /// An array or an object.
    Nested(Cow<'a, Value>),
}

impl<'a> Members<'a> {
    /// Those of a tree; none where it is no object.
    pub fn of_json(body: &'a Value) -> Option<Members<'a>> {
        let body = body.as_object()?;
        let members = body
            .iter()
            .map(|(name, value)| (Cow::Borrowed(name.as_str()), Given::of_json(value)));
        Some(Members(members.collect()))
    }

    /// What a name is given.
    pub fn get(&self, name: &str) -> Option<&Given<'a>> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, given)| given)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Given<'a>)> {
        self.0.iter().map(|(name, given)| (&**name, given))
    }
}

impl<'a> Given<'a> {
    fn of_json(value: &'a Value) -> Given<'a> {
        match value {
            Value::Null => Given::Null,
            Value::Bool(flag) => Given::Bool(*flag),
            Value::Number(number) => Given::Number(number.clone()),
            Value::String(text) => Given::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => Given::Nested(Cow::Borrowed(value)),
        }
    }
}

impl fmt::Display for Given<'_> {
    /// As JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Null => f.write_str("null"),
            Given::Bool(flag) => flag.fmt(f),
            Given::Number(number) => number.fmt(f),
            Given::Text(text) => Value::from(&**text).fmt(f),
            Given::Nested(value) => value.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, Given<'de>)> = Vec::with_capacity(16);
                while let Some((Name(name), given)) = map.next_entry()? {
                    match members.iter().position(|(known, _)| *known == name) {
                        Some(at) => members[at].1 = given,
                        None if members.len() == MEMBERS_MAX => {
                            return Err(A::Error::custom(format_args!("more than {MEMBERS_MAX} members")));
                        }
                        None => members.push((name, given)),
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A member's name: `Cow` itself is never borrowed by serde.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<'de>, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserialize<'de> for Given<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given<'de>, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Given<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_unit<E: Error>(self) -> Result<Given<'de>, E> {
                Ok(Given::Null)
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Given<'de>, E> {
                Ok(Given::Bool(flag))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Given<'de>, E> {
                Ok(Given::Number(number.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Given<'de>, E> {
                Ok(Given::Number(number.into()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Given<'de>, E> {
                Ok(Number::from_f64(number).map_or(Given::Null, Given::Number))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Given<'de>, E> {
                Ok(Given::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Given<'de>, E> {
                Ok(Given::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Given<'de>, A::Error> {
                let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(Given::Nested(Cow::Owned(value)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Given<'de>, A::Error> {
                let value = Value::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Given::Nested(Cow::Owned(value)))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
