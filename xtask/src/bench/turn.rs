//! One turn of one of several things that alternate, with one question: what it used. And what many turns say.

use std::{fmt::Debug, time::Duration};

use crate::workspace::say;

/// A turn of `what`, asked `question`.
#[derive(Clone, Debug)]
pub(super) struct Turn<W, Q> {
    pub(super) round: usize,
    pub(super) what: W,
    pub(super) question: Q,
    pub(super) requests: u32,
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) postgres: Duration,
}

impl<W: Debug, Q: Debug> Turn<W, Q> {
    /// Of a time of the turn, what one request took, in microseconds.
    pub(super) fn us(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / f64::from(self.requests.max(1))
    }

    /// Says it while the others have their turns.
    pub(super) fn say(&self) {
        say(format_args!(
            "round {} {:9} {:9} {:7.1} µs of CPU a request, PostgreSQL {:6.1} µs, wall {:7.1} µs",
            self.round,
            format!("{:?}", self.what),
            format!("{:?}", self.question),
            self.us(self.cpu),
            self.us(self.postgres),
            self.us(self.wall)
        ));
    }
}

/// All turns, a line each.
pub(super) fn raw<W: Debug, Q: Debug>(turns: &[Turn<W, Q>], what: &str) -> String {
    let mut raw = format!("round,{what},question,requests,wall_ms,cpu_ms,postgres_cpu_ms\n");
    for turn in turns {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        raw.push_str(&format!(
            "{},{:?},{:?},{},{:.3},{:.0},{:.0}\n",
            turn.round,
            turn.what,
            turn.question,
            turn.requests,
            ms(turn.wall),
            ms(turn.cpu),
            ms(turn.postgres)
        ));
    }
    raw
}

/// The median, the lowest and the highest.
pub(super) fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}

/// The same as text.
pub(super) fn text(values: Vec<f64>, digits: usize) -> String {
    let (median, low, high) = spread(values);
    format!("{median:.digits$} ({low:.digits$}–{high:.digits$})")
}
