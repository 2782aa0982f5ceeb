//! Walks a TOML document along the tables of keys: every unknown key, wrong type and missing key is a fault.

mod value;

use std::ops::Range;

use toml::{Spanned, de::DeTable};

use super::{
    Entry, Pair,
    key::{Form, Key, Kind, Need, Table},
};
use crate::{
    diagnostic::{Report, Text},
    near,
};

/// A table of the file whose values fit its keys.
pub(super) struct Record {
    table: &'static Table,
    pub(super) span: Range<usize>,
    /// Nothing of it was faulty, so what it lacks is not there because the user left it out.
    pub(super) sound: bool,
    pub(super) form: Option<Form>,
    values: Vec<(&'static str, Value)>,
}

enum Value {
    Text(Text),
    Integer(i64),
    Flag(bool),
    Names(Vec<Text>),
    Pairs(Vec<Pair>),
    Entries(Vec<Entry>),
    Table(Record),
    Tables(Vec<(Text, Record)>),
    List(Vec<Record>),
}

/// A getter: takes the value out, so that nothing is copied.
macro_rules! take {
    ($name:ident, $variant:ident, $type:ty) => {
        pub(super) fn $name(&mut self, key: &'static str) -> Option<$type> {
            match self.take(key) {
                Some(Value::$variant(value)) => Some(value),
                _ => None,
            }
        }
    };
}

impl Record {
    take!(text, Text, Text);
    take!(entries, Entries, Vec<Entry>);
    take!(table, Table, Record);
    take!(some_names, Names, Vec<Text>);
    take!(some_pairs, Pairs, Vec<Pair>);
    take!(some_tables, Tables, Vec<(Text, Record)>);
    take!(some_list, List, Vec<Record>);

    pub(super) fn names(&mut self, key: &'static str) -> Vec<Text> {
        self.some_names(key).unwrap_or_default()
    }

    pub(super) fn pairs(&mut self, key: &'static str) -> Vec<Pair> {
        self.some_pairs(key).unwrap_or_default()
    }

    pub(super) fn tables(&mut self, key: &'static str) -> Vec<(Text, Record)> {
        self.some_tables(key).unwrap_or_default()
    }

    pub(super) fn list(&mut self, key: &'static str) -> Vec<Record> {
        self.some_list(key).unwrap_or_default()
    }

    pub(super) fn integer(&mut self, key: &'static str) -> Option<u32> {
        match self.take(key) {
            Some(Value::Integer(value)) => u32::try_from(value).ok(),
            _ => None,
        }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        matches!(self.take(key), Some(Value::Flag(true)))
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        debug_assert!(
            self.table.keys.iter().any(|known| known.name == key),
            "`{key}` is in the table of keys"
        );
        let at = self.values.iter().position(|(name, _)| *name == key)?;
        Some(self.values.swap_remove(at).1)
    }
}

/// Where a table stands, and the name its user gave it.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) name: Option<&'a str>,
    /// What a missing key is missed at.
    pub(super) span: Range<usize>,
}

/// Reads a table of the file.
pub(super) fn record(table: &'static Table, found: &DeTable, place: Place, report: &mut Report) -> Record {
    let before = report.count();
    let mut values = Vec::new();
    for (key, value) in found {
        let name: &str = key.get_ref();
        match table.keys.iter().find(|known| known.name == name) {
            Some(known) => {
                let value = value::value(known, &text(key), value, report);
                values.extend(value.map(|value| (known.name, value)));
            }
            None => {
                let hint = near::hint(name, table.keys.iter().map(|key| key.name));
                report.fault(
                    &key.span(),
                    format!("`{name}` is no key of {}", described(table, place.name)),
                    hint,
                );
            }
        }
    }
    let own_sound = report.count() == before;
    let form = match table.keys.iter().any(|key| !key.forms.is_empty()) {
        true => form(table, found, own_sound, &place.span, report),
        false => None,
    };
    let whole = Whole {
        table,
        found,
        form,
        sound: own_sound,
    };
    whole.missing(&place, report);
    Record {
        table,
        span: place.span,
        sound: report.count() == before,
        form,
        values,
    }
}

/// The form of a section: that of the one key which makes it; `measures` go with `series` too.
fn form(
    table: &'static Table,
    found: &DeTable,
    sound: bool,
    span: &Range<usize>,
    report: &mut Report,
) -> Option<Form> {
    let has = |form: &Form| found.contains_key(form.key());
    let forms = [Form::Own, Form::Rows, Form::Series, Form::Groups];
    let Some(form) = forms.into_iter().find(has) else {
        if sound {
            let hint = "give it one of `rows`, `measures`, `series` or `sql`";
            report.fault(span, "this section shows nothing", hint);
        }
        return None;
    };
    let mut fits = true;
    for (key, _) in found {
        let name: &str = key.get_ref();
        let known = table.keys.iter().find(|known| known.name == name);
        if known.is_some_and(|known| !known.forms.is_empty() && !known.forms.contains(&form)) {
            let message = format!("`{name}` does not go with `{}`", form.key());
            let allowed: Vec<&str> = known
                .iter()
                .flat_map(|key| key.forms)
                .map(|form| form.key())
                .collect();
            let hint = match allowed.contains(&name) {
                true => format!(
                    "make two sections of it: one with `{name}`, one with `{}`",
                    form.key()
                ),
                false => format!(
                    "`{name}` is for sections with {}: leave it out",
                    near::list(&allowed)
                ),
            };
            report.fault(&key.span(), message, hint);
            fits = false;
        }
    }
    fits.then_some(form)
}

/// A table, once its keys are known.
struct Whole<'a> {
    table: &'static Table,
    found: &'a DeTable<'a>,
    form: Option<Form>,
    sound: bool,
}

impl Whole<'_> {
    /// A fault for every key that is needed and not there.
    fn missing(&self, place: &Place, report: &mut Report) {
        for key in self.table.keys {
            let here = key.forms.is_empty() || self.form.is_some_and(|form| key.forms.contains(&form));
            // A list without an entry is as good as none.
            let given = self.found.get(key.name).is_some_and(|value| {
                let entries = value.get_ref().as_array();
                entries.is_none_or(|entries| !entries.is_empty() || !matches!(key.kind, Kind::List(_)))
            });
            let there = given || self.mistyped(key);
            if key.need == Need::Required && here && !there {
                let hint = match key.kind {
                    Kind::Tables(table) | Kind::List(table) => format!("add a `{}`", table.header),
                    _ => format!("add `{} = {}`, for example", key.name, key.example),
                };
                let message = format!("{} lacks `{}`", described(self.table, place.name), key.name);
                report.fault(&place.span, message, hint);
            }
        }
    }

    /// An unknown key may be the one that is missed: it has its own fault and hint.
    fn mistyped(&self, key: &Key) -> bool {
        let unknown = |found: &str| self.table.keys.iter().all(|key| key.name != found);
        let near = |found: &str| unknown(found) && near::nearest(found, [key.name]).is_some();
        !self.sound && self.found.keys().any(|found| near(found.get_ref()))
    }
}

/// A table as its user wrote it.
fn described(table: &Table, name: Option<&str>) -> String {
    let header = table.header;
    match name {
        _ if header == "model.toml" => "the model".to_owned(),
        Some(name) if header.contains("REFERENCE") => format!("`{}`", header.replace("REFERENCE", name)),
        Some(name) => format!("`{}`", header.replace("NAME", name)),
        None => format!("`{header}`"),
    }
}

fn text(key: &Spanned<toml::de::DeString>) -> Text {
    Text {
        value: key.get_ref().to_string(),
        span: key.span(),
    }
}
