//! The one door to stdout and stderr.
//!
//! Results and what a server says at its start go to stdout, failures and progress to stderr. A reader that
//! went away (`sidequest schema | head`) is no failure, so errors of writing are dropped here and nowhere else.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{args::LogFormat, exit::Failure};

/// How much is said, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    /// Failures only.
    pub(crate) quiet: bool,
    /// In `json` nothing but log events may stand on stdout, so notices become events.
    pub(crate) format: LogFormat,
}

impl Console {
    /// Something the user wants to know now, such as the address to open.
    pub(crate) fn notice(&self, text: impl Display) {
        match (self.quiet, self.format) {
            (true, _) => {}
            (false, LogFormat::Json) => tracing::info!("{text}"),
            (false, LogFormat::Text) => result(text),
        }
    }

    /// Something that works, but perhaps not as intended.
    pub(crate) fn warning(&self, text: impl Display) {
        match self.format {
            LogFormat::Json => tracing::warn!("{text}"),
            LogFormat::Text => to_stderr(format_args!("warning: {text}")),
        }
    }

    /// A bar for work of a known length in bytes: drawn on a terminal, elsewhere one line when it is done.
    pub(crate) fn progress(&self, title: &str, bytes: u64) -> Progress {
        let drawn = io::stderr().is_terminal() && !self.quiet && self.format == LogFormat::Text;
        let bar = if drawn {
            let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
            bar.set_style(bar_style());
            bar.enable_steady_tick(Duration::from_millis(100));
            Some(bar)
        } else {
            None
        };
        if let Some(bar) = &bar {
            bar.set_message(title.to_owned());
        }
        Progress { bar }
    }
}

/// The same for work whose length nobody knows: how much is done, and how fast.
pub(crate) fn counter(title: &str) -> Progress {
    let bar = io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(counter_style());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar.set_message(title.to_owned());
        bar
    });
    Progress { bar }
}

/// Work under way, as the user sees it. Gone from the screen when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// What is being done now, and how far it is.
    pub(crate) fn at(&self, what: &str, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
            bar.set_position(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What a command was asked for, to stdout, whether quiet or not.
pub(crate) fn result(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// The same without a line end of its own.
pub(crate) fn result_bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes);
    let _ = out.flush();
}

/// A part of a long result. That the reader went away is told, so that the work can end.
pub(crate) fn result_part(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Faults, already laid out for reading.
pub(crate) fn faults(text: impl Display) {
    to_stderr(text);
}

/// A failure, its causes, and the next step.
pub(crate) fn failure(failure: &Failure) {
    let mut text = format!("error: failed to {}", failure.error);
    let mut last = failure.error.to_string();
    for cause in failure.error.chain().skip(1) {
        let cause = cause.to_string();
        // Some libraries repeat their source in their own message.
        if !last.contains(&cause) {
            text.push_str("\n  cause: ");
            text.push_str(&cause);
        }
        last = cause;
    }
    if let Some(hint) = &failure.hint {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    to_stderr(text);
}

/// Where log events go. Collectors such as Loki's read stdout.
pub(crate) fn log_writer() -> io::Stdout {
    io::stdout()
}

/// Columns of the terminal; a wide page where there is none.
pub(crate) fn columns() -> usize {
    const PAGE: usize = 120;
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
        && size.ws_col > 0
    {
        return size.ws_col.into();
    }
    PAGE
}

/// Whether log events may be coloured.
pub(crate) fn log_colours() -> bool {
    io::stdout().is_terminal()
}

fn to_stderr(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn counter_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg:32!} {spinner} {bytes:>10} {bytes_per_sec:>12}")
        .expect("the template is a constant that a test has rendered")
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg:32!} [{bar:30}] {bytes:>10}/{total_bytes:10} {eta:>4}")
        .expect("the template is a constant that a test has rendered")
        .progress_chars("=> ")
}
