//! How sure a finding is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How sure a finding is. The order is from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Too little is explained.
    NotFound,
    /// It explains a quarter or more.
    Suspected,
    /// It explains half or more, and a counter shows it directly.
    Strong,
    /// And a counter-experiment did what was predicted, while an irrelevant factor moved nothing.
    Proven,
}

impl Grade {
    /// As reports write it.
    pub fn words(self) -> &'static str {
        match self {
            Grade::NotFound => "not found",
            Grade::Suspected => "suspected",
            Grade::Strong => "strong",
            Grade::Proven => "proven",
        }
    }

    /// One step less sure.
    #[must_use]
    pub fn lowered(self) -> Grade {
        match self {
            Grade::Proven => Grade::Strong,
            Grade::Strong => Grade::Suspected,
            Grade::Suspected | Grade::NotFound => Grade::NotFound,
        }
    }
}
