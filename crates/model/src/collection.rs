//! A kind of record: a table with typed columns and a key.

use crate::{
    column::{Column, Type},
    revisions::Revisions,
};

/// Records of one table or view.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Collection {
    /// `[a-z][a-z0-9_]*`; its route is `/api/v1/{name}` (the tracked one is also `/api/v1/objects`).
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Index into `Model::databases`.
    pub database: usize,
    /// Table or view, `schema.table` or `table` (a view of ours over the newest revisions); quote it with [`quote_path`](crate::expression::quote_path).
    pub table: String,
    /// Index into `columns` of the key.
    pub key: usize,
    /// In the order of declaration. At least the key.
    pub columns: Vec<Column>,
    /// How its revisions are kept; none: it is a table or view of somebody else, and only read.
    pub revisions: Option<Revisions>,
}

impl Collection {
    /// The key's type: integer, text or uuid.
    pub fn key_type(&self) -> Type {
        self.columns[self.key].kind
    }

    /// The key's column.
    pub fn key_name(&self) -> &str {
        &self.columns[self.key].name
    }

    /// Index of the column of that name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
