//! `load --browser` beside a real Chromium: the same page of the same server, its own Resource Timing as the judge.
//!
//! The page asks for its parts at once, each answered after a known time. How long each part was queued is taken from
//! `performance.getEntriesByType('resource')` there, and from `--log` here.

mod page;

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

use self::page::{ANSWER, PARTS, Page};
use crate::{
    binary::{Directory, sidequest},
    skip,
};

/// Connections of HTTP/1.1 that a browser opens to one origin.
const AT_ONCE: usize = 6;

/// A busy machine spoils a comparison of times; it does not do so every time.
const ATTEMPTS: usize = 4;

/// How far apart ours and Chromium's queue times may be.
const SHARE_MAX: f64 = 0.10;

/// Chromium's own start is included.
const LOADED_MAX: Duration = Duration::from_secs(60);

#[test]
fn parts_are_queued_as_long_as_in_chromium_over_http1() {
    const NAME: &str = "browser::parts_are_queued_as_long_as_in_chromium_over_http1";
    let Some(program) = chromium(NAME) else { return };
    let page = Page::serve(None);
    attempt(|| {
        let theirs = by_chromium(&program, &page)?;
        let (ours, text) = by_us(&page, &[]);
        agree(&theirs, &ours)?;
        let last = theirs.last().copied().unwrap_or_default();
        let steps = (PARTS / AT_ONCE - 1) as f64;
        if last < steps * milliseconds(ANSWER) * 0.9 {
            return Err(format!("no staircase in Chromium: {theirs:?}"));
        }
        assert!(text.contains("at most 6 at once"), "{text}");
        Ok(())
    });
}

#[test]
fn nothing_is_queued_over_http2_as_in_chromium() {
    const NAME: &str = "browser::nothing_is_queued_over_http2_as_in_chromium";
    let Some(program) = chromium(NAME) else { return };
    let directory = Directory::new();
    let page = Page::serve(Some(directory.path()));
    let authority = directory.path().join("cert.pem").display().to_string();
    attempt(|| {
        let theirs = by_chromium(&program, &page)?;
        let (ours, text) = by_us(&page, &["--cacert", &authority]);
        agree(&theirs, &ours)?;
        assert!(text.contains("over 1 connection of HTTP/2"), "{text}");
        assert!(text.contains(&format!("at most {PARTS} at once")), "{text}");
        Ok(())
    });
}

#[track_caller]
fn attempt(compare: impl Fn() -> Result<(), String>) {
    let mut said = Vec::new();
    for _ in 0..ATTEMPTS {
        match compare() {
            Ok(()) => return,
            Err(why) => said.push(why),
        }
    }
    panic!("{}", said.join("\n"));
}

/// Debian's headless one is half as large as the whole; either will do.
fn chromium(test: &str) -> Option<std::path::PathBuf> {
    if let Some(found) = skip::found("chromium") {
        return Some(found);
    }
    skip::program("chromium-headless-shell", test)
}

/// Queue times in milliseconds, the shortest first, step by step of the staircase.
fn agree(theirs: &[f64], ours: &[f64]) -> Result<(), String> {
    let why = |what: &str| {
        Err(format!(
            "{what}:\nChromium {}\nours     {}",
            shown(theirs),
            shown(ours)
        ))
    };
    if theirs.len() != PARTS || ours.len() != PARTS {
        return why("not every part is there");
    }
    for (theirs, ours) in theirs.chunks(AT_ONCE).zip(ours.chunks(AT_ONCE)) {
        if !are_close(median(theirs), median(ours)) {
            return why("a step differs");
        }
    }
    if !are_close(median(theirs), median(ours)) {
        return why("the median differs");
    }
    Ok(())
}

/// Within 10 % of each other, or of the time of one answer where nothing was queued.
fn are_close(theirs: f64, ours: f64) -> bool {
    (theirs - ours).abs() <= SHARE_MAX * theirs.max(milliseconds(ANSWER))
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

fn shown(times: &[f64]) -> String {
    times
        .iter()
        .map(|time| format!("{time:.0}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A Chromium that has been started. Dropped, it is stopped.
struct Chromium(Child);

impl Drop for Chromium {
    fn drop(&mut self) {
        // Debian's program is a script that waits for the real one.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

fn by_chromium(program: &Path, page: &Page) -> Result<Vec<f64>, String> {
    let profile = Directory::new();
    let child = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-dev-shm-usage"])
        // The certificate is of the test; HTTP/1.1 is not turned into https by itself.
        .args(["--ignore-certificate-errors", "--disable-features=HttpsUpgrades"])
        .arg(format!("--user-data-dir={}", profile.text()))
        // It would leave without a debugger or a page to keep.
        .arg("--remote-debugging-port=0")
        .arg(page.url("/"))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Chromium starts");
    let _chromium = Chromium(child);
    let told = page
        .timings
        .lock()
        .expect("no test panicked with it")
        .recv_timeout(LOADED_MAX)
        .map_err(|_| "Chromium did not load the page".to_owned())?;
    let entries: Vec<(String, f64, f64)> =
        serde_json::from_slice(&told).map_err(|error| format!("{error}: {told:?}"))?;
    let mut queued: Vec<f64> = entries
        .iter()
        .filter(|(name, ..)| name.contains("/part/"))
        .map(|(_, start, sent)| sent - start)
        .collect();
    queued.sort_by(f64::total_cmp);
    Ok(queued)
}

/// From the log of requests; and what was printed.
fn by_us(page: &Page, more: &[&str]) -> (Vec<f64>, String) {
    let directory = Directory::new();
    let log = directory.path().join("log.csv");
    let (parts, values) = (PARTS.to_string(), format!("part=1..{PARTS}"));
    let (log_file, url) = (log.display().to_string(), page.url("/part/{part}"));
    let arguments = [
        &["load", "--browser", "-q", "-n", &parts, "--values", &values],
        more,
        &["--log", &log_file, &url],
    ]
    .concat();
    let output = sidequest(&arguments).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows = std::fs::read_to_string(log).expect("the log was written");
    let mut lines = rows.lines();
    let names: Vec<&str> = lines.next().expect("a line of names").split(',').collect();
    let column = |name| names.iter().position(|one| *one == name).expect("the column");
    let (scheduled, sent) = (column("scheduled_ms"), column("sent_ms"));
    let mut queued: Vec<f64> = lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let time = |at: usize| fields[at].parse::<f64>().expect("a number");
            time(sent) - time(scheduled)
        })
        .collect();
    queued.sort_by(f64::total_cmp);
    (queued, text)
}
