//! A rate binds within a window and is new in the next.

use super::*;

#[test]
fn a_rate_binds_within_its_window() {
    let rate = Rate::new(3, Duration::from_secs(3600));
    let permitted = (0..10).filter(|_| rate.permit()).count();
    assert_eq!(permitted, 3);
}

#[test]
fn the_next_window_is_new() {
    let rate = Rate::new(2, Duration::from_secs(3600));
    let permits = |window| (0..5).filter(|_| rate.permit_in(window)).count();
    assert_eq!([permits(1), permits(1), permits(2), permits(7)], [2, 0, 2, 2]);
}

#[test]
fn a_rate_of_nothing_permits_nothing() {
    assert!(!Rate::new(0, Duration::from_secs(1)).permit());
}

#[test]
fn threads_share_a_rate() {
    let rate = Rate::new(100, Duration::from_secs(3600));
    let permitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..100).filter(|_| rate.permit()).count()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(permitted, 100);
}
