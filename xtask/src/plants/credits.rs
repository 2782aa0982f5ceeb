//! CPU on credit, emulated: a controller counts what a party uses and switches its quota. Steal, which a real host
//! would show as well, cannot be planted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    chore::Chore,
    group::Group,
    means::{Credits, Party, Settings},
};

const TICK: Duration = Duration::from_millis(50);
/// Of the full balance: from here on the party may run freely again.
const AGAIN_FROM: f64 = 0.5;

/// Keeps the account of a party's group, if its CPU is on credit.
pub(crate) fn control(
    party: Party,
    group: &Arc<Group>,
    settings: &Settings,
) -> anyhow::Result<Option<Chore>> {
    let Some(credits) = settings.credits.get(&party).copied() else {
        return Ok(None);
    };
    let group = group.clone();
    let mut account = Account::full(credits);
    let mut before = (Instant::now(), group.used()?);
    Ok(Some(Chore::start(TICK, move || {
        let now = (Instant::now(), group.used()?);
        let was_held = account.is_held;
        account.book(now.0 - before.0, now.1.saturating_sub(before.1));
        before = now;
        if account.is_held != was_held {
            group.hold(account.is_held.then_some(credits.earned_percent))?;
        }
        Ok(())
    })))
}

/// A balance in seconds of CPU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    earned: f64,
    full: f64,
    balance: f64,
    pub(super) is_held: bool,
}

impl Account {
    /// Before anything was used.
    pub(super) fn full(credits: Credits) -> Account {
        let full = f64::from(credits.balance_ms) / 1e3;
        Account {
            earned: f64::from(credits.earned_percent) / 100.0,
            full,
            balance: full,
            is_held: false,
        }
    }

    /// What was earned and used in a while.
    pub(super) fn book(&mut self, time: Duration, used: Duration) {
        let earned = self.earned * time.as_secs_f64();
        self.balance = (self.balance + earned - used.as_secs_f64()).clamp(0.0, self.full);
        self.is_held = if self.is_held {
            self.balance < AGAIN_FROM * self.full
        } else {
            self.balance <= 0.0
        };
    }
}
