//! The values that fill templates, in order or at random; which one is a pure function of the request's number.

use crate::{error::Error, scenario::wrong};

/// Values of one list at most.
pub const VALUES_MAX: usize = 10_000_000;

/// Lists of values with their names.
#[derive(Clone, Debug)]
pub struct Values {
    lists: Vec<List>,
    order: Order,
}

/// Which value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first to the last, and again.
    InOrder,
    /// Any, but the same ones for the same seed.
    Random {
        /// What the choice begins with.
        seed: u64,
    },
}

#[derive(Clone, Debug)]
struct List {
    name: String,
    values: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Both ends are meant.
    Range {
        first: u64,
        last: u64,
    },
    Given(Vec<String>),
}

impl Values {
    /// No lists at all.
    pub fn none() -> Values {
        Values::new(Order::InOrder)
    }

    /// No lists yet.
    pub fn new(order: Order) -> Values {
        Values {
            lists: Vec::new(),
            order,
        }
    }

    /// Adds whole numbers, from and to.
    pub fn range(mut self, name: &str, first: u64, last: u64) -> Result<Values, Error> {
        if first > last {
            return Err(wrong(format!(
                "the values of `{name}` run from {first} to {last}"
            )));
        }
        self.add(name, Kind::Range { first, last })?;
        Ok(self)
    }

    /// Adds texts. They are put into paths and headers as they are.
    pub fn given(mut self, name: &str, values: Vec<String>) -> Result<Values, Error> {
        if values.is_empty() || values.len() > VALUES_MAX {
            return Err(wrong(format!(
                "`{name}` has {} values: give 1 to {VALUES_MAX}",
                values.len()
            )));
        }
        let is_wrong = |value: &&String| value.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
        if let Some(value) = values.iter().find(is_wrong) {
            return Err(wrong(format!(
                "the value `{value}` of `{name}` holds a space or a control character; write it %-encoded"
            )));
        }
        self.add(name, Kind::Given(values))?;
        Ok(self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|list| list.name.as_str())
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.lists.iter().position(|list| list.name == name)
    }

    pub(crate) fn write(&self, list: usize, nth: u64, out: &mut Vec<u8>) {
        let count = self.lists[list].values.count();
        let at = match self.order {
            Order::InOrder => nth % count,
            Order::Random { seed } => scatter(seed ^ scatter(nth ^ ((list as u64) << 56))) % count,
        };
        match &self.lists[list].values {
            Kind::Range { first, .. } => {
                use std::io::Write as _;
                let _ = write!(out, "{}", first + at);
            }
            Kind::Given(values) => out.extend_from_slice(values[at as usize].as_bytes()),
        }
    }

    fn add(&mut self, name: &str, values: Kind) -> Result<(), Error> {
        if name.is_empty() || name.contains(['{', '}']) {
            return Err(wrong(format!("`{name}` is no name for values")));
        }
        if self.position(name).is_some() {
            return Err(wrong(format!("the values of `{name}` are given twice")));
        }
        self.lists.push(List {
            name: name.to_owned(),
            values,
        });
        Ok(())
    }
}

impl Kind {
    fn count(&self) -> u64 {
        match self {
            Kind::Range { first, last } => (last - first).saturating_add(1),
            Kind::Given(values) => values.len() as u64,
        }
    }
}

/// A number that looks like chance and is not: the finaliser of SplitMix64.
pub(crate) fn scatter(number: u64) -> u64 {
    let mut number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
