//! The JSON Schema of the model file and its reference page, both made from the tables of keys.

mod page;
mod schema;
#[cfg(test)]
mod tests;

use crate::file::{Files, ROOT};

/// JSON Schema (draft 2020-12) of `model.toml`, for editors.
pub fn schema() -> serde_json::Value {
    schema::schema()
}

/// The reference page of the model file, in Markdown: `docs/reference/model.md`.
pub fn page() -> String {
    page::page()
}

/// A model that uses every form of section and every key, as the page shows it.
pub fn sample() -> Files {
    Files::new([
        (ROOT, SAMPLE),
        (
            "schema/operations.sql",
            include_str!("reference/sample/schema/operations.sql"),
        ),
        (
            "sections/flights.sql",
            include_str!("reference/sample/sections/flights.sql"),
        ),
        (
            "sections/siblings.sql",
            include_str!("reference/sample/sections/siblings.sql"),
        ),
    ])
}

/// A model with six faults of six sorts, whose report the page shows.
pub fn broken() -> Files {
    Files::new([
        (ROOT, BROKEN),
        (
            "sections/flights.sql",
            include_str!("reference/sample/sections/flights.sql"),
        ),
    ])
}

const SAMPLE: &str = include_str!("reference/sample/model.toml");
const BROKEN: &str = include_str!("reference/sample/broken.toml");
