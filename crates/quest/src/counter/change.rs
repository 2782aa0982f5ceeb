//! What is changed on the target's side between the two arms, and changed back.

use std::{thread, time::Duration};

use crate::{
    hook::{Applied, Hook, Refused},
    investigate::Quest,
};

/// What is changed, beside the load.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Nothing: it is the client that changes.
    Client,
    /// A setting of the user's.
    Hook(Hook),
    /// Time added in the path to a party.
    Delay {
        /// Which.
        path: String,
        /// How much.
        added: Duration,
    },
}

/// A change in force.
pub(super) enum InForce<'a> {
    Client,
    Hook(Applied<'a>, Duration),
    Delay(String),
}

impl Change {
    /// How long the target needs after it, and after its end.
    pub(super) fn settle(&self) -> Duration {
        match self {
            Change::Client | Change::Delay { .. } => Duration::ZERO,
            Change::Hook(hook) => hook.settle,
        }
    }

    pub(super) fn apply<'a>(&self, quest: &Quest<'a>) -> Result<InForce<'a>, Refused> {
        Ok(match self {
            Change::Client => InForce::Client,
            Change::Hook(hook) => {
                let applied = hook.apply(&quest.config.undo)?;
                settle(quest, hook.settle);
                InForce::Hook(applied, hook.settle)
            }
            Change::Delay { path, added } => {
                if let Some(probe) = quest.probe(path) {
                    probe.add(*added);
                }
                InForce::Delay(path.clone())
            }
        })
    }
}

impl InForce<'_> {
    /// Changes it back, and waits until the target is as it was.
    pub(super) fn end(self, quest: &Quest<'_>) -> Result<(), String> {
        let span = match &self {
            InForce::Client | InForce::Delay(_) => None,
            InForce::Hook(_, span) => Some(*span),
        };
        self.undo(quest)?;
        if let Some(span) = span {
            settle(quest, span);
        }
        Ok(())
    }

    /// Changes it back.
    pub(super) fn undo(self, quest: &Quest<'_>) -> Result<(), String> {
        match self {
            InForce::Client => Ok(()),
            InForce::Hook(applied, _) => applied.end(),
            InForce::Delay(path) => {
                if let Some(probe) = quest.probe(&path) {
                    probe.add(Duration::ZERO);
                }
                Ok(())
            }
        }
    }
}

/// A target that was restarted needs a while; one that does not come back is found dead by the next round.
fn settle(quest: &Quest<'_>, span: Duration) {
    thread::sleep(span);
    quest.wait_until_it_answers();
}
