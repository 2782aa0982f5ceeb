//! The committed page is what the rules say.

use std::{fs, path::Path};

use diagnosis::bottleneck::Bottleneck;

#[test]
fn the_page_has_every_bottleneck() {
    let page = diagnosis::reference::page();
    for bottleneck in Bottleneck::ALL {
        assert!(
            page.contains(&format!("\n## {}\n", bottleneck.id())),
            "{}",
            bottleneck.id()
        );
    }
}

#[test]
fn the_page_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/bottlenecks.md");
    let committed = fs::read_to_string(file).unwrap_or_default();
    assert!(
        committed == diagnosis::reference::page(),
        "stale: docs/reference/bottlenecks.md; run `cargo xtask docs`"
    );
}
