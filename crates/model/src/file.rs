//! The text files of a model, already read. Who reads them, and from where, is the caller's business.

use std::collections::BTreeMap;

/// The name of the model file among [`Files`].
pub const ROOT: &str = "model.toml";

/// Text files by their path relative to the model's directory, with `/` between its parts.
#[derive(Clone, Debug, Default)]
pub struct Files {
    texts: BTreeMap<String, String>,
}

impl Files {
    /// Of pairs (path, text). A later pair of the same path wins.
    pub fn new<P: Into<String>, T: Into<String>>(files: impl IntoIterator<Item = (P, T)>) -> Files {
        Files {
            texts: files
                .into_iter()
                .map(|(path, text)| (path.into(), text.into()))
                .collect(),
        }
    }

    /// The text of a file.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// All paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }
}
