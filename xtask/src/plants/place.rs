//! Which quest of a run: the scenario, how much of it is planted, and what chance begins with.

use super::scenario::{Scenario, Severity};

/// What chance begins with, where nobody says otherwise.
pub(crate) const SEED: u64 = 1;
/// The severity where nobody says otherwise.
pub(crate) const SEVERITY: Severity = Severity::Medium;
const TWIN: &str = "-twin";

/// One quest of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) scenario: &'static Scenario,
    pub(crate) severity: Severity,
    pub(crate) seed: u64,
    pub(crate) is_planted: bool,
}

impl Place {
    /// The same without its plant. Where the severity is in the plant alone, all have the same twin.
    pub(crate) fn twin(self) -> Place {
        let dose = self.scenario.dose(self.severity);
        let has_own_load = dose.is_some_and(|dose| dose.load.is_some());
        let has_medium = self.scenario.dose(SEVERITY).is_some();
        let severity = if has_own_load || !has_medium {
            self.severity
        } else {
            SEVERITY
        };
        Place {
            severity,
            is_planted: false,
            ..self
        }
    }

    /// What its directory and its recording are called; the usual severity and seed go without saying.
    pub(crate) fn name(self) -> String {
        let mut name = self.scenario.id.to_owned();
        if self.severity != SEVERITY {
            name.push('.');
            name.push_str(self.severity.name());
        }
        if self.seed != SEED {
            name.push_str(&format!(".seed{}", self.seed));
        }
        if !self.is_planted {
            name.push_str(TWIN);
        }
        name
    }
}
