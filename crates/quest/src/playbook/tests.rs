//! How far the ramp goes.

use std::time::Duration;

use diagnosis::experiment::Purpose;
use load::config::Protocol;

use super::{could, users};
use crate::{
    experiment::{Drive, Experiment},
    investigate::{Round, spread},
};

fn step(users: u32) -> Experiment {
    let (clients, streams) = spread(users, Protocol::Http1, None);
    Experiment {
        id: format!("ramp-{users}"),
        purpose: Purpose::Ramp,
        drive: Drive::Closed(Duration::from_secs(1)),
        users: None,
        clients,
        streams,
        protocol: Protocol::Http1,
        window: None,
        is_bound_by_connections: false,
    }
}

/// 400 a second by four users could be 1600 by sixteen.
#[test]
fn a_step_of_four_times_the_users_could_ask_four_times_as_often() {
    let before = Round {
        rate: 400.0,
        latency_ms: 10.0,
        error_share: 0.0,
        requests: 400,
        is_stopped: false,
    };
    for (users, most) in [(8, 800.0), (16, 1_600.0), (5, 500.0)] {
        assert_eq!(could(before, &step(4), &step(users)), most);
    }
}

#[test]
fn no_step_of_the_ramp_has_more_in_flight_than_users() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for shared in [None, Some(1), Some(6), Some(300)] {
            for most in [1, 10, 256] {
                for users in users(most, 2) {
                    let (clients, streams) = spread(users, protocol, shared);
                    assert!(
                        clients >= 1 && streams >= 1 && clients * streams <= users,
                        "{users} users of {protocol:?} over {shared:?}: {clients} of {streams}"
                    );
                }
            }
        }
    }
}
