//! Numbers are shared out by clients: each once, and to nobody more than to another.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::run;

fn sources(arrivals: &Arrivals, ending: &Ending, clients: u32, threads: usize) -> Vec<Source> {
    (0..threads)
        .map(|thread| Source::new(arrivals, ending, run::share(clients, thread, threads), clients))
        .collect()
}

/// All numbers that it has, in its order.
fn numbers(source: &mut Source) -> Vec<u64> {
    let mut numbers = Vec::new();
    while source.has(u64::MAX) {
        numbers.push(source.take().0);
    }
    numbers
}

#[test]
fn a_rate_for_each_client_is_the_same_for_each() {
    // 10 a second of each of three clients, the first of which has a thread to itself.
    let ending = Ending::within(Duration::from_secs(1), Duration::ZERO).unwrap();
    let mut sources = sources(&Arrivals::rate(30.0).unwrap(), &ending, 3, 2);
    let taken: Vec<usize> = sources.iter_mut().map(|source| numbers(source).len()).collect();
    assert_eq!(taken, [10, 20]);
    let after = Ending::after(900).unwrap();
    let mut sources = self::sources(&Arrivals::Closed, &after, 3, 2);
    let taken: Vec<usize> = sources.iter_mut().map(|source| numbers(source).len()).collect();
    assert_eq!(taken, [300, 600]);
}

#[test]
fn what_the_warm_up_asks_for_is_never_unsent() {
    let second = Duration::from_secs(1);
    let ending = Ending::within(second, second).unwrap();
    let mut sources = sources(&Arrivals::rate(100.0).unwrap(), &ending, 3, 2);
    let left = |sources: &[Source]| sources.iter().map(|source| source.unsent(u64::MAX)).sum::<u64>();
    assert_eq!(left(&sources), 100, "of 200");
    for source in &mut sources {
        for _ in 0..40 {
            source.take();
        }
    }
    // The warm-up has 34 for the first and 66 for the other, the whole 67 and 133.
    assert_eq!(left(&sources), (67 - 40) + (133 - 66));
    // Stopped after a second and a half, in which 50 and 100 were due.
    for source in &mut sources {
        source.stop();
    }
    let due: u64 = sources.iter().map(|source| source.unsent(1_499_999_999)).sum();
    assert_eq!(due, (50 - 40) + (100 - 66));
}

proptest! {
    #[test]
    fn every_number_is_asked_for_once(
        total in 1_u64..3_000, clients in 1_u32..40, threads in 1_usize..9, at_rate in any::<bool>()
    ) {
        let threads = threads.min(clients as usize);
        let arrivals = if at_rate { Arrivals::rate(1_000.0).unwrap() } else { Arrivals::Closed };
        let ending = Ending::after(total).unwrap();
        let mut all = Vec::new();
        for (thread, mut source) in sources(&arrivals, &ending, clients, threads).into_iter().enumerate() {
            prop_assert_eq!(source.unsent(0), source.share.unwrap());
            let numbers = numbers(&mut source);
            prop_assert_eq!(source.unsent(0), 0);
            prop_assert!(numbers.is_sorted());
            // Each of its clients is asked for as much as any other, or one less.
            let own = run::share(clients, thread, threads);
            for client in own.clone() {
                let of_client = numbers
                    .iter()
                    .filter(|number| *number % u64::from(clients) == u64::from(client))
                    .count() as u64;
                let least = total / u64::from(clients);
                prop_assert!(of_client == least || of_client == least + 1);
            }
            prop_assert!(numbers.iter().all(|number| own.contains(&((number % u64::from(clients)) as u32))));
            all.extend(numbers);
        }
        all.sort_unstable();
        prop_assert_eq!(all, (0..total).collect::<Vec<_>>());
    }
}
