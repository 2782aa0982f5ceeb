//! Measures by buckets of time.

use jiff::tz::TimeZoneDatabase;

use super::{Over, RENAME, members, unique};
use crate::{
    check::measure,
    column::Type,
    diagnostic::{Report, Text},
    near,
    section::{Every, Named, Series},
};

impl Over<'_> {
    pub(super) fn series(&self, report: &mut Report) -> Option<Series> {
        let measures = self.measures(report);
        unique(members(&self.declared.measures), RENAME, report);
        let filter = measure::predicate(self.declared.filter.as_ref(), &self.dataset.columns, report);
        let every = self.every(report);
        let zone = self.zone(report);
        let declared = self.declared;
        let [trend, changes, outliers] = [
            ("trend", &declared.trend),
            ("changes", &declared.changes),
            ("outliers", &declared.outliers),
        ]
        .map(|(role, text)| {
            text.as_ref()
                .map(|text| self.number(role, text, measures.as_deref(), report))
        });
        Some(Series {
            dataset: self.index,
            filter: filter?,
            every: every?,
            zone: zone?,
            measures: measures?,
            trend: all_or_none(trend)?,
            changes: all_or_none(changes)?,
            outliers: all_or_none(outliers)?,
            gaps: declared.gaps,
        })
    }

    fn every(&self, report: &mut Report) -> Option<Every> {
        let text = self.declared.series.as_ref()?;
        let every = Every::named(text);
        if every.is_none() {
            let hint = near::hint(text, Every::ALL.map(Every::name));
            report.fault(&text.span, format!("`{}` is no width of a bucket", &**text), hint);
        }
        if every == Some(Every::Hour) && self.time_kind() == Some(Type::Date) {
            report.fault(
                &text.span,
                "the dataset's time is a date: it has no hours",
                "take `day`, or a timestamp",
            );
            return None;
        }
        every
    }

    fn zone(&self, report: &mut Report) -> Option<String> {
        let utc = "UTC".to_owned();
        let Some(text) = &self.declared.timezone else {
            return Some(utc);
        };
        // The bundled database and not the machine's: a model means the same everywhere.
        let database = TimeZoneDatabase::bundled();
        let Some(zone) = database
            .get(text)
            .ok()
            .and_then(|zone| zone.iana_name().map(str::to_owned))
        else {
            let names: Vec<String> = database
                .available()
                .map(|name| name.as_str().to_owned())
                .collect();
            let hint = match near_zone(text, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write an IANA name: \"Europe/Berlin\"".to_owned(),
            };
            report.fault(&text.span, format!("time zone `{}` is unknown", &**text), hint);
            return None;
        };
        match self.time_kind() {
            Some(kind @ (Type::Date | Type::Timestamp)) if zone != utc => {
                let message = format!("the dataset's time is {}: it has no zone", kind.name());
                report.fault(
                    &text.span,
                    message,
                    "leave `timezone` out, or make it a timestamptz in the SQL",
                );
                None
            }
            _ => Some(zone),
        }
    }

    fn time_kind(&self) -> Option<Type> {
        self.dataset.time.map(|time| self.dataset.columns.kind(time))
    }

    /// Index of a measure that is a number.
    fn number(
        &self,
        role: &str,
        text: &Text,
        measures: Option<&[Named]>,
        report: &mut Report,
    ) -> Option<usize> {
        let index = self.measure_named(text, 0, report)?;
        let kind = measures?.get(index)?.measure.kind(&self.dataset.columns.list);
        if kind.is_number() {
            return Some(index);
        }
        let message = format!("`{role}` needs a number, `{}` is {}", &**text, kind.name());
        report.fault(&text.span, message, "name a measure such as a count or a mean");
        None
    }
}

/// A zone nearly so named, or one whose city was named alone.
fn near_zone<'a>(text: &str, names: &'a [String]) -> Option<&'a str> {
    let names = || names.iter().map(String::as_str);
    let city = text.rsplit('/').next().unwrap_or(text).replace(' ', "_");
    let same_city = |name: &&str| {
        name.rsplit('/')
            .next()
            .is_some_and(|last| last.eq_ignore_ascii_case(&city))
    };
    near::nearest(text, names()).or_else(|| names().find(same_city))
}

/// What was asked for and is faulty makes the whole faulty.
fn all_or_none(found: Option<Option<usize>>) -> Option<Option<usize>> {
    match found {
        Some(index) => index.map(Some),
        None => Some(None),
    }
}
