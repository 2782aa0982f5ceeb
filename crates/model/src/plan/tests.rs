//! Fields select columns, sections and members.

use std::fmt::Write;

use super::{Plan, UnknownField};
use crate::{check::check, model::Model, reference, section::Kind};

fn model() -> Model {
    check(&reference::sample()).unwrap()
}

fn shown(model: &Model, plan: Result<Plan, UnknownField>) -> String {
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return format!("{error}: {}", error.hint.as_deref().unwrap_or("NO HINT")),
    };
    let mut shown = String::new();
    for column in plan.columns {
        write!(shown, "{} ", model.objects().columns[column].name).unwrap();
    }
    for part in plan.parts {
        let members = part
            .members
            .map(|members| format!("{members:?}"))
            .unwrap_or_default();
        let kept = match &part.section.kind {
            Kind::Rows(rows) => rows.columns.iter().map(|column| column.name.as_str()).collect(),
            Kind::Groups(groups) => {
                let top = groups.top.map(|top| groups.measures[top.by.column].name.as_str());
                groups
                    .measures
                    .iter()
                    .map(|measure| measure.name.as_str())
                    .chain(top)
                    .collect()
            }
            Kind::Own(own) => own.columns.iter().map(|column| column.name.as_str()).collect(),
            Kind::Series(_) => Vec::new(),
        };
        write!(shown, "{}{members}{kept:?} ", part.section.name()).unwrap();
    }
    shown.trim_end().to_owned()
}

#[test]
fn fields() {
    let model = model();
    let rows = [
        "",
        "year tailnum",
        "id",
        "flights",
        "delays",
        "by.month delays.monthly year",
        "flights.carrier flights.scheduled flights.carrier",
        "flights.carrier flights",
        "flights flights.carrier",
        "summary.p90",
        "summary.p90 summary.flights summary.cancelled",
        "by.route.worst",
        "by.route.flights",
        "siblings.year",
        "delays.worst.wind",
        "delays.monthly.points",
        "by.month.month",
        "flights.carier",
        "flights.weather.wind",
        "flihgts",
        "delays.wurst",
        "summry.p90",
        "nothing_like_it",
        ".",
        "by.",
        "by.month.flights.x",
    ];
    let said: Vec<String> = rows
        .iter()
        .map(|fields| {
            let plan = Plan::fields(&model, &fields.split_whitespace().collect::<Vec<_>>());
            format!("{fields}\n  {}\n", shown(&model, plan))
        })
        .collect();
    insta::assert_snapshot!(said.concat());
}

#[test]
fn whole() {
    let model = model();
    insta::assert_snapshot!(shown(&model, Ok(Plan::record(&model))), @"tailnum year manufacturer");
    let parts = Plan::analysis(&model).parts;
    assert_eq!(parts.len(), model.sections.len());
    assert!(
        parts
            .iter()
            .enumerate()
            .all(|(index, part)| part.index == index && part.members.is_none())
    );
}
