//! The last traces kept, in memory, to be read on the admin listener.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{id::TraceId, keep::Reason, kept::Kept};

/// Two rings: a random share, however busy, does not push out what failed.
#[derive(Debug)]
pub(crate) struct Ring {
    traces_max: usize,
    rings: Mutex<Rings>,
}

#[derive(Debug, Default)]
struct Rings {
    /// Failed and slow.
    telling: VecDeque<Arc<Kept>>,
    /// Asked for, and the share.
    ordinary: VecDeque<Arc<Kept>>,
}

impl Ring {
    /// Half for each.
    pub(crate) fn new(traces_max: usize) -> Ring {
        Ring {
            traces_max,
            rings: Mutex::default(),
        }
    }

    pub(crate) fn push(&self, trace: Arc<Kept>) {
        let half = self.traces_max.div_ceil(2);
        if half == 0 {
            return;
        }
        let mut rings = self.rings();
        let ring = match trace.kept {
            Reason::Failed | Reason::Slow => &mut rings.telling,
            Reason::Asked | Reason::Share => &mut rings.ordinary,
        };
        if ring.len() >= half {
            ring.pop_front();
        }
        ring.push_back(trace);
    }

    /// The newest first.
    pub(crate) fn list(&self) -> Vec<Arc<Kept>> {
        let rings = self.rings();
        let mut traces: Vec<Arc<Kept>> = rings.telling.iter().chain(&rings.ordinary).cloned().collect();
        drop(rings);
        traces.sort_by_key(|trace| std::cmp::Reverse(trace.began_unix_ns.saturating_add(trace.took_ns)));
        traces
    }

    pub(crate) fn find(&self, id: TraceId) -> Option<Arc<Kept>> {
        let rings = self.rings();
        let mut traces = rings.telling.iter().chain(&rings.ordinary);
        traces.find(|trace| trace.trace_id == id).cloned()
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
