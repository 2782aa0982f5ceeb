//! The committed reference is what the program prints.

use std::{fs, path::Path};

use crate::binary::sidequest;

#[test]
fn the_reference_is_fresh() {
    let pages = [
        ("bottlenecks.md", "bottlenecks"),
        ("cli.md", "cli"),
        ("model.md", "model"),
        ("model.schema.json", "schema"),
        ("metrics.md", "metrics"),
        ("load.schema.json", "load-schema"),
        ("report.schema.json", "quest-schema"),
    ];
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let mut stale = Vec::new();
    for (file, page) in pages {
        let printed = sidequest(&["__reference", page])
            .output()
            .expect("the binary runs")
            .stdout;
        let committed = fs::read(directory.join(file)).unwrap_or_default();
        if printed != committed {
            stale.push(file);
        }
    }
    assert!(
        stale.is_empty(),
        "stale in docs/reference: {}; run `cargo xtask docs`",
        stale.join(", ")
    );
}

#[test]
fn every_option_of_serve_is_in_the_reference_with_its_variable() {
    let page = sidequest(&["__reference", "cli"])
        .output()
        .expect("the binary runs")
        .stdout;
    let page = String::from_utf8(page).expect("the page is text");
    let help = sidequest(&["serve", "-h"])
        .output()
        .expect("the binary runs")
        .stdout;
    let help = String::from_utf8(help).expect("the help is text");
    let options = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--"));
    let mut seen = 0;
    for option in options.map(|rest| rest.split([' ', '[']).next().expect("split gives at least one")) {
        let variable = format!("`SIDEQUEST_{}", option.to_uppercase().replace('-', "_"));
        assert!(
            page.contains(&variable),
            "--{option} has no variable in the reference"
        );
        seen += 1;
    }
    assert!(seen > 15, "the options were not found in the help");
}
