//! When a limit is inferred, and when not.

use super::*;

fn infer(closings: &[(Closing, &[u64])], most_answered: u64) -> Option<String> {
    let mut counted = BTreeMap::<Closing, Counted>::new();
    for (closing, answers) in closings {
        for answers in *answers {
            counted.entry(*closing).or_default().add(*answers);
        }
    }
    Limit::infer(&counted, most_answered, true).map(|limit| limit.sentence())
}

#[test]
fn the_same_number_each_time_is_a_limit() {
    assert_eq!(
        infer(&[(Closing::GoAway, &[1_000; 5])], 1_000).unwrap(),
        "server closes each HTTP/2 connection after exactly 1000 requests (5 of 5 connections)"
    );
    assert_eq!(
        infer(&[(Closing::GoAway, &[7, 7]), (Closing::Ours, &[3])], 7).unwrap(),
        "server closes each HTTP/2 connection after exactly 7 requests (2 of 2 connections)"
    );
}

#[test]
fn once_may_be_a_limit() {
    assert_eq!(
        infer(&[(Closing::Bare, &[1])], 1).unwrap(),
        "server closed the one HTTP/2 connection that it closed after 1 request: may be a limit"
    );
}

#[test]
fn what_disproves_it_is_believed() {
    assert_eq!(infer(&[], 10), None);
    assert_eq!(infer(&[(Closing::GoAway, &[1_000, 999])], 1_000), None);
    assert_eq!(
        infer(&[(Closing::GoAway, &[5, 5]), (Closing::Ours, &[9])], 9),
        None
    );
    assert_eq!(infer(&[(Closing::GoAwayError(11), &[5, 5])], 5), None);
    assert_eq!(infer(&[(Closing::Bare, &[0, 0])], 0), None);
}
