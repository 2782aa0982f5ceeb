//! Counter-experiments: one factor changed, with the effect predicted before it is measured.
//!
//! [`crate::propose`] writes them, the caller runs them in pairs of rounds (before, after) and records the rounds
//! as experiments of [`crate::experiment::Purpose::Counter`]; [`judge`] reads the outcome.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{bottleneck::Bottleneck, interval::Interval, signal::Signal};

pub mod judge;

/// What is to be changed, and what it must do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CounterExperiment {
    /// Unique: `C1-connections`.
    pub id: String,
    /// For which hypothesis.
    pub bottleneck: Bottleneck,
    /// Whether it must move something, or must not.
    pub role: Role,
    /// What it needs.
    pub class: Class,
    /// The one thing that is changed.
    pub factor: Factor,
    /// The experiment whose load both arms take, but for the factor.
    pub base: String,
    /// What is measured.
    pub measure: Measure,
    /// Ratio of after to before, if the hypothesis is right.
    pub predicted: Interval,
    /// What must not happen, if the hypothesis is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<Negative>,
    /// Why this shows it, in a sentence.
    pub words: String,
}

/// Whether a counter-experiment must move something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The factor of the hypothesis.
    Direct,
    /// A factor that the hypothesis says is irrelevant.
    Control,
}

/// What a counter-experiment needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Nothing but the client.
    Client,
    /// A connection to the database.
    DatabaseConnection,
    /// Our proxy in the path, by flag.
    Probe,
    /// The user's hooks, by flag, undone afterwards.
    Reconfigure,
}

/// The one thing that is changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Most connections of the client.
    Connections {
        /// Before.
        from: u32,
        /// After.
        to: u32,
    },
    /// Most streams on a connection.
    Streams {
        /// Before.
        from: u32,
        /// After.
        to: u32,
    },
    /// HTTP version, by name.
    Protocol {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// Flow-control window of a stream.
    Window {
        /// Before.
        from: u64,
        /// After.
        to: u64,
    },
    /// Requests that a connection carries before the client itself takes another.
    RequestsPerConnection {
        /// After.
        to: u32,
    },
    /// Offered requests a second, open loop.
    Rate {
        /// Before.
        from: f64,
        /// After.
        to: f64,
    },
    /// Users of a closed loop.
    Users {
        /// Before.
        from: u32,
        /// After.
        to: u32,
    },
    /// Requests of a burst.
    AtOnce {
        /// Before.
        from: u32,
        /// After.
        to: u32,
    },
    /// Connections are kept instead of made for each request.
    KeepAlive,
    /// Every request asks for another object.
    DistinctIds,
    /// Every request asks for the same object.
    OneId,
    /// Answers shortened, by fields, page size or compression, to this share of their bytes.
    SmallerBody {
        /// After, of before.
        to_share: f64,
    },
    /// The load split over several generator processes.
    Generators {
        /// How many.
        to: u32,
    },
    /// The client reads as fast as it can.
    FastReader,
    /// The probe from the target's own host.
    SameHost,
    /// The same again, without a change: what was cold is warm.
    Repeat,
    /// No load for so long, then the same again.
    Idle {
        /// How long.
        seconds: f64,
    },
    /// `SET LOCAL synchronous_commit = off` on one connection.
    SynchronousCommitOff,
    /// `CHECKPOINT` on demand.
    Checkpoint,
    /// The blocking session ends: waited for, or cancelled with consent.
    BlockerEnds,
    /// `EXPLAIN ANALYZE` before and after the SQL, on a copy or hypothetically.
    Explain {
        /// The statement, by query id.
        query: String,
        /// What is created or rewritten.
        sql: String,
    },
    /// So many milliseconds more in the path to a party: `database`, `downstream`.
    Delay {
        /// The party.
        path: String,
        /// How much.
        ms: f64,
    },
    /// A setting by the user's hook: `pool`, `server.cpu`, `database.cpu`, `proxy.keepalive_requests`.
    Reconfigure {
        /// Its name.
        setting: String,
        /// Its value becomes so many times what it was.
        times: f64,
    },
    /// A route or statement left out, by the user's hook: `downstream`, `statement`.
    LeaveOut {
        /// What.
        what: String,
    },
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Good answers a second.
    Rate,
    /// Mean latency.
    Latency,
    /// Failures, as a share of requests.
    ErrorShare,
    /// A signal.
    Signal {
        /// Which.
        signal: Signal,
        /// Whose.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        subject: String,
    },
}

/// What must not happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Negative {
    /// What is measured.
    pub measure: Measure,
    /// Ratio of after to before that it must keep to.
    pub stays: Interval,
    /// In a sentence.
    pub words: String,
}
