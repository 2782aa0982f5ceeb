//! The plans of requests, made ready once each.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use model::{
    model::Model,
    plan::{Part, Plan},
};
use store::open::Store;

use crate::{
    config::Strategy,
    error::Error,
    past,
    prepared::{Ground, Prepared},
    version::Versions,
};

/// Plans kept ready. Field selections and instants come from requests, so there can be any number.
const PREPARED_MAX: usize = 256;

/// Which parts a plan has, and as of when.
type Key = (Vec<(usize, Option<Vec<usize>>)>, Option<Timestamp>);

pub(crate) struct Plans {
    present: Arc<Model>,
    /// The model whose statements are over the past.
    past: Model,
    strategy: Strategy,
    versions: Versions,
    /// All sections as they are now, which most requests ask for: found without a key and a lock.
    whole: OnceLock<Arc<Prepared>>,
    known: Mutex<HashMap<Key, Arc<Prepared>>>,
    /// How many were made.
    count: AtomicU64,
}

impl Plans {
    pub(crate) fn new(model: Arc<Model>, store: &Store, strategy: Strategy) -> Plans {
        Plans {
            versions: Versions::new(&model, store),
            past: past::model(&model),
            present: model,
            strategy,
            whole: OnceLock::new(),
            known: Mutex::new(HashMap::new()),
            count: AtomicU64::new(0),
        }
    }

    /// The plan ready to run; an error where it asks for the past of what knows only the present.
    pub(crate) fn get(&self, plan: &Plan, as_of: Option<Timestamp>) -> Result<Arc<Prepared>, Error> {
        if as_of.is_none() && self.is_whole(plan) {
            let prepared = || self.prepare(&plan.parts, None);
            return Ok(self.whole.get_or_init(prepared).clone());
        }
        let parts = plan.parts.iter();
        let key: Key = (
            parts.map(|part| (part.index, part.members.clone())).collect(),
            as_of,
        );
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.get(&key) {
            return Ok(prepared.clone());
        }
        if known.len() >= PREPARED_MAX {
            // Instants are many, and seldom asked for again.
            known.retain(|(_, as_of), _| as_of.is_none());
        }
        if known.len() >= PREPARED_MAX {
            known.clear();
        }
        let prepared = match as_of {
            None => self.prepare(&plan.parts, None),
            Some(_) => self.prepare(&past::parts(&self.present, plan)?, as_of),
        };
        known.insert(key, prepared.clone());
        Ok(prepared)
    }

    /// Whether all of a plan can be known as of an instant; an error names what cannot.
    pub(crate) fn can_answer(&self, plan: &Plan, as_of: Option<Timestamp>) -> Result<(), Error> {
        match as_of {
            None => Ok(()),
            Some(_) => past::parts(&self.present, plan).map(drop),
        }
    }

    fn is_whole(&self, plan: &Plan) -> bool {
        plan.parts.len() == self.present.sections.len()
            && plan
                .parts
                .iter()
                .enumerate()
                .all(|(at, part)| part.index == at && part.members.is_none())
    }

    fn prepare(&self, parts: &[Part], as_of: Option<Timestamp>) -> Arc<Prepared> {
        let ground = Ground {
            model: if as_of.is_some() {
                &self.past
            } else {
                &self.present
            },
            strategy: self.strategy,
            versions: &self.versions,
            as_of,
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        Arc::new(Prepared::new(number, &ground, parts))
    }
}
