//! The checked declaration as a whole. Only `check` builds one, so whoever holds a [`Model`] need
//! not look for faults again.

use crate::{collection::Collection, database::Database, dataset::Dataset, section::Section};

/// The declaration, checked. Indices into its lists are always in range.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Model {
    /// Short name, `[a-z][a-z0-9_-]*`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// In the order of declaration.
    pub databases: Vec<Database>,
    /// In the order of declaration.
    pub collections: Vec<Collection>,
    /// Index of the collection whose records are the tracked objects.
    pub object: usize,
    /// In the order of declaration.
    pub datasets: Vec<Dataset>,
    /// The analysis: its sections in the order of declaration.
    /// Invariant: no path is a prefix of another, and sections of one parent stand together.
    pub sections: Vec<Section>,
}

impl Model {
    /// The collection whose records are the tracked objects.
    pub fn objects(&self) -> &Collection {
        &self.collections[self.object]
    }

    /// Index of the database of that name.
    pub fn database(&self, name: &str) -> Option<usize> {
        self.databases.iter().position(|database| database.name == name)
    }

    /// Index of the collection of that name.
    pub fn collection(&self, name: &str) -> Option<usize> {
        self.collections
            .iter()
            .position(|collection| collection.name == name)
    }

    /// Index of the dataset of that name.
    pub fn dataset(&self, name: &str) -> Option<usize> {
        self.datasets.iter().position(|dataset| dataset.name == name)
    }

    /// Index of the section of that path, with dots.
    pub fn section(&self, name: &str) -> Option<usize> {
        self.sections.iter().position(|section| section.name() == name)
    }
}
