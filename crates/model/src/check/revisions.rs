//! What a collection kept in revisions declares: whose its records are, what orders them, what they may hold.

use super::{
    columns::{Columns, Fit, KEY_HINT},
    sql,
};
use crate::{
    column::Type,
    declare::{self, Pair},
    diagnostic::{Report, Text},
    revisions::{Bounds, ENVELOPE, Field, Revisions, TABLE_BYTES_MAX},
};

/// None where the collection is not kept in revisions, and where it is faulty.
pub(super) fn check(
    declared: &declare::Collection,
    columns: &Columns,
    key: Option<usize>,
    report: &mut Report,
) -> Option<Revisions> {
    if !declared.revisions {
        without(declared, report);
        return None;
    }
    names(declared, report);
    let fit = Fit {
        role: "the object",
        fits: Type::is_key,
        hint: KEY_HINT,
    };
    let object = match &declared.object {
        Some(object) => columns.find_fitting(object, &fit, report),
        None => key,
    };
    let fit = Fit {
        role: "the time",
        fits: Type::is_time,
        hint: "records are ordered by a date, timestamp or timestamptz",
    };
    let time = declared
        .time
        .as_ref()
        .map(|time| columns.find_fitting(time, &fit, report));
    let mut fields = vec![Field::default(); columns.list.len()];
    for name in &declared.required {
        if let Some(column) = columns.find(name, 0, report) {
            fields[column].required = true;
        }
    }
    for pair in &declared.bounds {
        if let Some((column, bounds)) = bounds(pair, columns, report) {
            fields[column].bounds = Some(bounds);
        }
    }
    for pair in &declared.computed {
        let column = columns.find(&pair.key, 0, report);
        let expression = pair.value.as_ref().and_then(|text| sql::expression(text, report));
        let (Some(column), Some(expression)) = (column, expression) else {
            continue;
        };
        if [key, object, time.flatten()].contains(&Some(column)) {
            let hint = "the key, the object and the time are written, never computed";
            let message = format!("`{}` cannot be computed", &*pair.key);
            report.fault(&pair.key.span, message, hint);
        }
        if fields[column].bounds.is_some() {
            let hint = "leave its bounds out: nobody writes it";
            report.fault(
                &pair.key.span,
                format!("`{}` is computed and has bounds", &*pair.key),
                hint,
            );
        }
        fields[column].computed = Some(expression);
    }
    for column in [key, time.flatten()].into_iter().flatten() {
        fields[column].required = true;
    }
    if let Some(None) = time {
        return None;
    }
    Some(Revisions {
        object: object?,
        time: time.flatten(),
        fields,
        notify: declared.notify,
    })
}

/// Keys that say how revisions are kept, of a collection that keeps none.
fn without(declared: &declare::Collection, report: &mut Report) {
    let texts = [("object", &declared.object), ("time", &declared.time)];
    let texts = texts
        .iter()
        .filter_map(|(name, text)| Some((*name, &text.as_ref()?.span)));
    let lists = [
        ("required", declared.required.first().map(|text| &text.span)),
        ("bounds", declared.bounds.first().map(|pair| &pair.key.span)),
        ("computed", declared.computed.first().map(|pair| &pair.key.span)),
    ];
    let lists = lists.iter().filter_map(|(name, span)| Some((*name, (*span)?)));
    let flags = declared.notify.then_some(("notify", &declared.name.span));
    for (name, span) in texts.chain(lists).chain(flags) {
        // A misspelt `revisions` has its own fault.
        if declared.sound {
            report.fault(
                span,
                format!("`{name}` without `revisions`"),
                format!("add `revisions = true`, or leave `{name}` out"),
            );
        }
    }
}

/// Names that Sidequest's own columns and tables would collide with.
fn names(declared: &declare::Collection, report: &mut Report) {
    for pair in &declared.columns {
        if ENVELOPE.contains(&&*pair.key.value) {
            report.fault(
                &pair.key.span,
                format!(
                    "`{}` is a column that Sidequest adds to each revision",
                    &*pair.key
                ),
                "give the column another name",
            );
        }
    }
    let table = declared.table.as_ref().unwrap_or(&declared.name);
    let name = table.rsplit('.').next().unwrap_or_default();
    if name.len() > TABLE_BYTES_MAX {
        report.fault(
            &table.span,
            format!("this name has {} bytes", name.len()),
            format!("that of a table with revisions has at most {TABLE_BYTES_MAX}: others are made from it"),
        );
    }
}

fn bounds(pair: &Pair, columns: &Columns, report: &mut Report) -> Option<(usize, Bounds)> {
    let column = columns.find(&pair.key, 0, report);
    let text = pair.value.as_ref()?;
    let column = column?;
    let kind = columns.kind(column);
    let read = match kind {
        Type::Int2 | Type::Int4 | Type::Int8 => ends(text).map(|(least, most)| Bounds::Integer(least, most)),
        Type::Float4 | Type::Float8 => ends(text).map(|(least, most)| Bounds::Float(least, most)),
        Type::Text => ends(text).map(|(least, most)| Bounds::Length(least, most)),
        Type::Bool | Type::Uuid | Type::Date | Type::Timestamp | Type::Timestamptz | Type::Json => {
            report.fault(
                &pair.key.span,
                format!("`{}` is {}: it has no bounds", &*pair.key, kind.name()),
                "numbers have bounds, and texts of their length",
            );
            return None;
        }
    };
    let sound = read.as_ref().is_some_and(|bounds| match bounds {
        Bounds::Integer(least, most) => ordered(*least, *most),
        Bounds::Float(least, most) => ordered(*least, *most),
        Bounds::Length(least, most) => ordered(*least, *most),
    });
    if !sound {
        let hint = match kind {
            Type::Text => "write the least and the most length: `\"2..40\"`, `\"1..\"`",
            _ => "write the least and the most, as the column's type has them: `\"0..100\"`, `\"0..\"`",
        };
        report.fault(
            &text.span,
            format!("`{}` are no bounds of {}", &**text, kind.name()),
            hint,
        );
        return None;
    }
    Some((column, read?))
}

/// `least..most`, either of them perhaps left out, but not both.
fn ends<T: std::str::FromStr>(text: &Text) -> Option<(Option<T>, Option<T>)> {
    let (least, most) = text.split_once("..")?;
    let end = |text: &str| match text.trim() {
        "" => Some(None),
        number => number.parse().ok().map(Some),
    };
    let ends = (end(least)?, end(most)?);
    (ends.0.is_some() || ends.1.is_some()).then_some(ends)
}

fn ordered<T: PartialOrd>(least: Option<T>, most: Option<T>) -> bool {
    match (least, most) {
        (Some(least), Some(most)) => least <= most,
        _ => true,
    }
}
