//! The line to the client: how much went through it at each load, and whether it carries no more.

use crate::{
    signal::Signal,
    view::{Seen, View},
};

/// More users brought at most this share of the bytes that as many more could ask for. It is not nothing, for the edges
/// of a short round cut long answers.
const GAINED_MAX: f64 = 0.25;
/// If there were so many more of them.
const USERS_MORE: f64 = 1.5;
/// A plateau of small answers is somebody else's.
const BODY_BYTES_MIN: f64 = 10_000.0;
/// And so is one where answers are not long on their way.
const TRANSFER_MIN: f64 = 0.25;
/// A server that has data to send for less of the transfer's time writes slowly: its line is free.
const BUSY_MIN: f64 = 0.5;
/// A round trip under load so many times as long as without stands in a queue.
const QUEUE_MIN: f64 = 2.0;

/// What the two greatest loads have shown.
pub(crate) struct Line {
    /// Users and bytes a second.
    pub(crate) before: (f64, f64),
    pub(crate) last: (f64, f64),
    pub(crate) body: Seen,
    /// Share of time in which the server's TCP had data to send, where its end is seen.
    pub(crate) busy: Option<Seen>,
    transfer_share: f64,
}

/// Nothing with fewer than two loads.
pub(crate) fn of(view: &View<'_>) -> Option<Line> {
    let high = view.high()?;
    let mut steps = view
        .ramp
        .iter()
        .rev()
        .filter_map(|step| Some((view.users(step)?, bytes_per_second(view, step)?)));
    let (last, before) = (steps.next()?, steps.next()?);
    let body = view
        .at(high, Signal::ClientBodyBytes, "")
        .or_else(|| view.at(high, Signal::ClientReceivedBytes, ""))?;
    let transfer = view.value(high, Signal::ClientTransferMs, "").unwrap_or(0.0);
    Some(Line {
        before,
        last,
        body,
        busy: view.at(high, Signal::TcpBusyShare, "server"),
        transfer_share: view.latency(high).map_or(0.0, |latency| transfer / latency),
    })
}

impl Line {
    /// Whether more users bring no more bytes, and nobody says that the sender had none to send.
    pub(crate) fn is_full(&self) -> bool {
        let is_large = self.body.cite.signal != Signal::ClientBodyBytes || self.body.value >= BODY_BYTES_MIN;
        let gained = (self.last.1 / self.before.1 - 1.0) / (self.last.0 / self.before.0 - 1.0);
        self.last.0 >= USERS_MORE * self.before.0
            && gained <= GAINED_MAX
            && is_large
            && self.transfer_share >= TRANSFER_MIN
            && self.busy.as_ref().is_none_or(|busy| self.is_busy(busy.value))
    }

    /// Whether TCP itself shows that the sender had data to send while answers were on their way.
    pub(crate) fn is_seen_busy(&self) -> bool {
        self.busy.as_ref().is_some_and(|busy| self.is_busy(busy.value))
    }

    fn is_busy(&self, share: f64) -> bool {
        share >= BUSY_MIN * self.transfer_share
    }
}

/// Of bodies; of all that came in where nobody counts them, and that has what a round cut at its edges as well.
pub(crate) fn bytes_per_second(view: &View<'_>, step: &str) -> Option<f64> {
    let by_bodies = || Some(view.value(step, Signal::ClientBodyBytes, "")? * view.rate(step)?);
    by_bodies().or_else(|| {
        Some(view.value(step, Signal::ClientReceivedBytes, "")? / view.duration_ms(step)? * 1000.0)
    })
}

/// The smallest round trip that any load saw: one that began when a queue stood already is no measure of the way.
pub(crate) fn round_trip(view: &View<'_>, end: &str) -> Option<Seen> {
    view.least(Signal::TcpMinRttMs, end)
        .or_else(|| view.fact(Signal::TcpMinRttMs, end))
}

/// Whether the server's packets wait in a queue before the line: round trips under load, and the smallest.
pub(crate) fn queue(view: &View<'_>) -> Option<(bool, Seen, Seen)> {
    let under_load = view.at(view.high()?, Signal::TcpRttMs, "server")?;
    let least = round_trip(view, "server")?;
    Some((under_load.value >= QUEUE_MIN * least.value, under_load, least))
}
