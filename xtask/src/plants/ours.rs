//! Our own server as the rig's API: a model over the plants' tables, with a section for each statement.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use super::{database::Database, group::Group, means::Settings, process};

/// What the model always has: the items, which are tracked.
const MODEL: &str = r#"name = "plants"
object = "item"
[database.plants]
[collection.item]
database = "plants"
key = "id"
columns = { id = "int4", owner = "int4", value = "int4", note = "text" }
"#;

/// `sidequest serve` over the rig's database, as it answers without keeping anything.
pub(crate) fn command(
    group: &Group,
    binary: &Path,
    directory: &Path,
    listen: SocketAddr,
    admin: SocketAddr,
    database_port: u16,
    settings: &Settings,
) -> anyhow::Result<Command> {
    let model = model(directory, settings.sections.unwrap_or_default())?;
    let mut command = process::command(group, binary);
    command.args(["serve", "--no-cache", "--quiet", "--strategy", "each"]);
    command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
    command.arg("--model").arg(model);
    command.arg("--database");
    command.arg(format!("plants={}", Database::url(database_port)));
    command.arg("--data").arg(directory.join("serve"));
    for (option, value) in &settings.serve {
        command.args([option, value]);
    }
    Ok(command)
}

fn model(directory: &Path, statements: &[&str]) -> anyhow::Result<PathBuf> {
    let model = directory.join("model");
    let sections = model.join("sections");
    fs::create_dir_all(&sections).with_context(|| format!("create {}", sections.display()))?;
    let mut text = MODEL.to_owned();
    for (number, sql) in statements.iter().enumerate() {
        fs::write(sections.join(format!("{number}.sql")), sql)?;
        let _ = write!(
            text,
            "[[section]]\nname = \"s{number}\"\ndatabase = \"plants\"\nsql = \"sections/{number}.sql\"\n\
             object = {{ object = \"int4\" }}\ncolumns = {{ n = \"int8\" }}\n"
        );
    }
    fs::write(model.join("model.toml"), text)?;
    Ok(model)
}
