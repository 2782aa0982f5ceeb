//! What promtool says: about the exposition, and about the rules that are shipped.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use telemetry::{
    cgroup,
    metric::{
        New, Registry,
        exposition::{Format, write},
        histogram::SECONDS,
    },
    process, runtime,
    trace::tracer::{self, Tracer},
};

use crate::skip;

fn deploy() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn registry() -> Registry {
    let registry = Registry::new();
    process::register(
        &registry,
        process::Build {
            version: "0.1.0".to_owned(),
            profile: "debug",
        },
    );
    cgroup::register(&registry);
    runtime::register(&registry, &tokio::runtime::Handle::current());
    let config = tracer::Config {
        enabled: true,
        share: 0.0,
        slow: Duration::from_secs(1),
        follow_parent: false,
        ring_traces_max: 0,
        kept_per_second_max: 0,
    };
    let _ = Tracer::new(config, &registry, None);
    let times = registry.times(
        New {
            name: "sidequest_http_request_seconds",
            about: "Time from the head of a request to the last byte of its answer.",
            labels: &["route"],
        },
        SECONDS,
    );
    times.with(&["/a/{id}"]).0.observe(Duration::from_millis(3));
    registry
}

#[tokio::test]
async fn promtool_has_no_complaint() {
    let Some(promtool) = skip::program("promtool", "promtool_has_no_complaint") else {
        return;
    };
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = write(&registry(), Format::Prometheus);
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

#[test]
fn the_rules_pass_their_tests() {
    let Some(promtool) = skip::program("promtool", "the_rules_pass_their_tests") else {
        return;
    };
    let directory = deploy().join("prometheus");
    for arguments in [
        ["check", "rules", "sidequest.rules.yml"],
        ["test", "rules", "sidequest.test.yml"],
    ] {
        let output = Command::new(&promtool)
            .args(arguments)
            .current_dir(&directory)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
