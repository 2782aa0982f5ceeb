//! Measures by dimensions.

use super::{Over, RENAME, member, members, unique, unknown_measure};
use crate::{
    check::measure,
    column::Type,
    declare::{self, Entry},
    diagnostic::{Report, Text},
    expression::function::FUNCTIONS,
    near,
    section::{DIMENSIONS_MAX, Groups, Named, Order, Shown, Top},
};

impl Over<'_> {
    pub(super) fn groups(&self, report: &mut Report) -> Option<Groups> {
        let by = self.dimensions(report);
        let measures = self.measures(report);
        let both = self.declared.by.iter().chain(&self.declared.measures);
        unique(
            both.map(|entry| (member(entry), entry.name.as_ref().unwrap_or(&entry.value))),
            RENAME,
            report,
        );
        let filter = measure::predicate(self.declared.filter.as_ref(), &self.dataset.columns, report);
        let top = self
            .declared
            .top
            .as_ref()
            .map(|top| self.top(top, measures.as_deref(), report));
        Some(Groups {
            dataset: self.index,
            filter: filter?,
            by: by?,
            measures: measures?,
            top: match top {
                Some(top) => Some(top?),
                None => None,
            },
        })
    }

    fn dimensions(&self, report: &mut Report) -> Option<Vec<Shown>> {
        let shown = self.shown(&self.declared.by, report)?;
        let mut sound = true;
        if shown.len() > DIMENSIONS_MAX {
            let message = format!("{} dimensions: at most {DIMENSIONS_MAX}", shown.len());
            report.fault(
                &self.declared.span,
                message,
                "leave some out, or join them in the dataset's SQL",
            );
            sound = false;
        }
        for (shown, entry) in shown.iter().zip(&self.declared.by) {
            let kind = self.dataset.columns.kind(shown.column);
            if !kind.is_dimension() {
                let message = format!("`{}` is {}: no dimension", &*entry.value, kind.name());
                let hint = "group by a whole number, text or time: compute it in the dataset's SQL";
                report.fault(&entry.value.span, message, hint);
                sound = false;
            }
        }
        sound.then_some(shown)
    }

    fn top(&self, declared: &declare::Top, measures: Option<&[Named]>, report: &mut Report) -> Option<Top> {
        let text = declared.by.as_ref()?;
        if self.declared.by.is_empty() && self.declared.sound {
            report.fault(
                &text.span,
                "`top` without `by`: there is one group",
                "add `by`, or leave `top` out",
            );
            return None;
        }
        let skipped = usize::from(text.starts_with('-'));
        let column = self.measure_named(text, skipped, report)?;
        let ranked = measures.map(|named| named[column].measure.kind(&self.dataset.columns.list));
        if matches!(ranked, Some(Type::Text | Type::Bool | Type::Uuid)) {
            report.fault(
                &text.span,
                "`top` ranks by what is no number",
                "rank by a measure that is a number or a time",
            );
            return None;
        }
        Some(Top {
            by: Order {
                column,
                descending: skipped == 1,
            },
            limit: declared.limit?,
        })
    }

    /// What is computed, by name. `None` if any is faulty.
    pub(super) fn measures(&self, report: &mut Report) -> Option<Vec<Named>> {
        let entries = &self.declared.measures;
        if entries.is_empty() && self.declared.sound {
            let hint = "name measures of the dataset: `measures = [\"..\"]`";
            report.fault(&self.declared.span, "`measures` computes nothing", hint);
        }
        let named: Vec<Option<Named>> = entries.iter().map(|entry| self.measure(entry, report)).collect();
        let named: Option<Vec<Named>> = named.into_iter().collect();
        named.filter(|named| !named.is_empty())
    }

    fn measure(&self, entry: &Entry, report: &mut Report) -> Option<Named> {
        let text = &entry.value;
        let measure = match &entry.name {
            Some(_) => measure::measure(text, &self.dataset.columns, report)?,
            None => match self.dataset.measures.iter().find(|(name, _)| *name == &**text) {
                Some((_, measure)) => measure.clone()?,
                None => {
                    self.unknown(text, report);
                    return None;
                }
            },
        };
        Some(Named {
            name: entry.name.as_ref().unwrap_or(text).value.clone(),
            measure,
        })
    }

    /// A name in the list that is no measure of the dataset.
    fn unknown(&self, text: &Text, report: &mut Report) {
        let names = self.dataset.measures.iter().map(|(name, _)| *name);
        let function = text.split('(').next().unwrap_or_default().trim();
        let hint = match FUNCTIONS.iter().any(|known| known.name == function) {
            true => format!(
                "to write a measure here, give it a name: `measures = {{ name = \"{}\" }}`",
                &**text
            ),
            false => near::hint(text, names)
                .unwrap_or_else(|| format!("name it once in `[dataset.{}.measures]`", self.dataset.name)),
        };
        report.fault(&text.span, format!("measure `{}` is unknown", &**text), hint);
    }

    /// Index of a measure of this section.
    pub(super) fn measure_named(&self, text: &Text, skipped: usize, report: &mut Report) -> Option<usize> {
        let names: Vec<&str> = members(&self.declared.measures).map(|(name, _)| name).collect();
        let index = names.iter().position(|name| *name == &text.value[skipped..]);
        // Faults of the measures have been reported, and may have hidden this one.
        if index.is_none() && self.declared.sound {
            unknown_measure(text, skipped, &names, report);
        }
        index
    }
}
