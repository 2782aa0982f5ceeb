//! The bound holds at every moment, and the least recently used go first.

use std::sync::Arc;

use bytes::Bytes;

use super::{Cache, ENTRY_BYTES, Form, Kept, Key};
use crate::{document::Document, mark::Mark, metric::Metric};

fn key(id: &str) -> Key {
    Key {
        plan: 1,
        id: id.into(),
    }
}

fn kept(id: &str, bytes: usize) -> Arc<Kept> {
    let document = Document::of(vec![b'x'; bytes]);
    let mark = Some(Mark::new().with(id.as_bytes()));
    Arc::new(Kept::new(key(id), vec![mark], None, document))
}

fn cache(bytes: usize) -> (Cache, Arc<Metric>) {
    let metric = Arc::new(Metric::default());
    (Cache::new(bytes, metric.clone()), metric)
}

#[test]
fn the_least_recently_used_goes_first() {
    let (cache, metric) = cache(3 * (1000 + ENTRY_BYTES));
    for id in ["a", "b", "c"] {
        cache.put(&kept(id, 1000));
    }
    assert!(cache.get(&key("a")).is_some());
    cache.put(&kept("d", 1000));
    assert!(cache.get(&key("b")).is_none());
    for id in ["a", "c", "d"] {
        assert!(cache.get(&key(id)).is_some(), "{id}");
    }
    assert_eq!(metric.cache_evicted.get(), 1);
    assert_eq!(metric.cache_entries.get(), 3);
}

#[test]
fn bytes_never_exceed_the_bound_also_by_compressed_forms() {
    let bound = 100_000;
    let (cache, metric) = cache(bound);
    for round in 0..2000usize {
        let id = format!("{}", round * 7919 % 61);
        let kept = kept(&id, round * 104_729 % 9000);
        cache.put(&kept);
        if round % 3 == 0 {
            let made = cache.form(&kept, Form::Zstd, |body| {
                Some(Bytes::from(vec![0; body.len() / 2]))
            });
            assert_eq!(made.map(|made| made.len()), Some(kept.document.body().len() / 2));
        }
        assert!(metric.cache_bytes.get() <= bound, "{}", metric.cache_bytes.get());
    }
    assert!(metric.cache_entries.get() > 5);
}

#[test]
fn what_is_too_large_is_not_kept_and_drops_nothing_else() {
    let (cache, metric) = cache(10_000);
    cache.put(&kept("small", 100));
    cache.put(&kept("large", 20_000));
    assert!(cache.get(&key("large")).is_none());
    assert!(cache.get(&key("small")).is_some());
    assert_eq!(metric.cache_entries.get(), 1);
}

#[test]
fn a_form_is_made_once_and_counted_once() {
    let (cache, metric) = cache(1_000_000);
    let kept = kept("a", 1000);
    cache.put(&kept);
    let before = metric.cache_bytes.get();
    for _ in 0..3 {
        let mut times = 0;
        let made = cache.form(&kept, Form::Gzip, |_| {
            times += 1;
            Some(Bytes::from_static(b"gzip"))
        });
        assert_eq!(made.as_deref(), Some(&b"gzip"[..]));
        assert_eq!(metric.cache_bytes.get(), before + 4);
    }
}

#[test]
fn a_replaced_entry_takes_its_bytes_along() {
    let (cache, metric) = cache(1_000_000);
    for size in [5000, 10, 700] {
        cache.put(&kept("a", size));
        let (bytes, entries) = (metric.cache_bytes.get(), metric.cache_entries.get());
        assert_eq!((bytes, entries), (kept("a", size).bytes(), 1));
    }
}

#[test]
fn an_object_that_has_changed_goes_with_all_its_plans_and_nothing_else() {
    let (cache, metric) = cache(40 << 20);
    let of_plan = |id: &str, plan: u64| {
        let key = Key { plan, id: id.into() };
        Arc::new(Kept::new(key, vec![None], None, Document::of(vec![b'x'; 1000])))
    };
    for id in 0..100 {
        for plan in 1..=3 {
            cache.put(&of_plan(&id.to_string(), plan));
        }
    }
    // Kept anew: it is there once.
    cache.put(&of_plan("7", 2));
    assert_eq!(cache.evict("7"), 3);
    assert_eq!(cache.evict("7"), 0);
    assert_eq!(cache.evict("none"), 0);
    let left: usize = metric.cache_bytes.get() / (1000 + ENTRY_BYTES);
    assert_eq!(
        (metric.cache_entries.get(), left, metric.cache_notified.get()),
        (297, 297, 3)
    );
    assert!(cache.get(&key("8")).is_some() && cache.get(&key("7")).is_none());
    cache.put(&of_plan("7", 1));
    assert!(cache.get(&key("7")).is_some());
}
