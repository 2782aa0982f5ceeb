//! `sidequest migrate`: the tables of collections that are kept in revisions, shown or made.
//!
//! Only in databases that are named on the command line: to name one here is to say that Sidequest may own tables
//! in it.

use anyhow::anyhow;
use embedded::EngineKind;
use model::model::Model;
use store::migration::{self, Plan};

use super::{
    check::checked,
    serve::{database_failure, runtime},
};
use crate::{
    args::{Engine, Migrate},
    config::{Databases, Environment, owned},
    console,
    declaration::Origin,
    exit::{Exit, Failure},
};

/// Prints or applies the steps.
pub(crate) fn run(migrate: Migrate) -> Result<Exit, Failure> {
    let owned = owned(&migrate.database)?;
    let origin = Origin::of(migrate.model);
    let Some(model) = checked(&origin)? else {
        return Ok(Exit::Model);
    };
    if owned.is_empty() {
        if migrate.dry_run {
            from_nothing(&model);
            return Ok(Exit::Fine);
        }
        return Err(Exit::Usage
            .because(anyhow!("migrate {origin}: no database is named"))
            .hint("give --database NAME=URL, or --dry-run to see the SQL; what `serve` runs itself, it migrates"));
    }
    let databases = Databases::new(None, Engine::Auto, owned, &Environment::read())
        .map_err(|error| Exit::Usage.because(error))?;
    databases.check_names(&model)?;
    runtime()?.block_on(within(&model, &databases, migrate.dry_run))
}

/// The SQL for databases that have nothing yet.
fn from_nothing(model: &Model) {
    for (index, database) in model.databases.iter().enumerate() {
        let steps = migration::whole(model, index, EngineKind::PostgreSql);
        let plan = Plan {
            database: database.name.clone(),
            steps: steps.tables.into_iter().chain(steps.indexes).collect(),
            problems: Vec::new(),
        };
        console::result(plan.to_string().trim_end());
    }
}

async fn within(model: &Model, databases: &Databases, dry_run: bool) -> Result<Exit, Failure> {
    let names: Vec<String> = databases.placed.keys().cloned().collect();
    let open = embedded::open(&databases.embedded(names.len()), &names)
        .await
        .map_err(database_failure)?;
    let ended = each(model, &open, &names, dry_run).await;
    open.stop().await;
    ended
}

async fn each(
    model: &Model,
    open: &embedded::Databases,
    names: &[String],
    dry_run: bool,
) -> Result<Exit, Failure> {
    let mut problems = 0;
    for name in names {
        let Some(index) = model.database(name) else {
            continue;
        };
        let plan = match dry_run {
            true => migration::plan(open, model, index).await,
            false => migration::apply(open, model, index).await,
        };
        let plan = plan.map_err(|error| {
            Exit::Database
                .because(error)
                .hint("--dry-run shows each step, and what none can mend".to_owned())
        })?;
        problems += plan.problems.len();
        console::result(plan.to_string().trim_end());
    }
    if problems > 0 {
        return Err(Exit::Database.because(anyhow!("migrate: {problems} problems that no step can mend")));
    }
    Ok(Exit::Fine)
}
