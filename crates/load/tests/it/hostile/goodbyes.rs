//! How servers of HTTP/2 leave: GOAWAY in all its forms, refusals, limits that sink, and no word at all.

use load::{
    limit::Closing,
    outcome::{Lost, Resent},
};

use super::{
    asking::{Ask, all_lost, all_ok, none_answered},
    kit::{Client, Hostile, MAX_CONCURRENT_STREAMS, answer, close, goaway, reset, rst, settings, swallow},
};

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Answers so many requests of each connection, then says goodbye with the last stream that it answered.
fn leaves_after(answers: u32, goodbye: impl Fn(&mut Client, u32) + Send + Sync + 'static) -> Hostile {
    Hostile::start(move |_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        let mut last = 0;
        for _ in 0..answers {
            let Some(stream) = client.request() else { return };
            last = stream;
            if !client.send(&answer(stream)) {
                return;
            }
        }
        goodbye(&mut client, last);
        close(client.stream);
    })
}

#[test]
fn goaway_after_every_number_of_requests() {
    for limit in [1, 2, 7, 50, 99] {
        let server = leaves_after(limit, |client, last| {
            client.send(&goaway(last, NO_ERROR, ""));
        });
        let summary = Ask::http2(200, 20).of(&server);
        all_ok(&summary);
        if limit < 99 {
            let found = summary.limit.as_ref().map(|limit| limit.requests);
            assert_eq!(found, Some(u64::from(limit)));
        }
        assert!(server.accepted() >= 200 / limit as usize);
    }
}

#[test]
fn goaway_in_two_steps() {
    let server = leaves_after(30, |client, _| {
        client.send(&goaway(0x7fff_ffff, NO_ERROR, "soon"));
        // What was sent before the client saw it is still answered, then comes the real number.
        let mut last = 0;
        for _ in 0..5 {
            let Some(stream) = client.request() else { return };
            last = stream;
            client.send(&answer(stream));
        }
        client.send(&goaway(last, NO_ERROR, "now"));
    });
    all_ok(&Ask::http2(300, 10).of(&server));
}

#[test]
fn goaway_with_an_error() {
    let server = leaves_after(10, |client, last| {
        // Four more were taken, and die with it.
        client.send(&goaway(last + 8, ENHANCE_YOUR_CALM, "too_many_pings"));
    });
    let summary = Ask::http2(60, 20).of(&server);
    let totals = &summary.totals;
    assert!(
        totals.lost.get(&Lost::GoAway).copied().unwrap_or(0) >= 4,
        "{totals:?}"
    );
    assert!(totals.lost.keys().all(|how| *how == Lost::GoAway), "{totals:?}");
    assert!(totals.ok >= 10, "{totals:?}");
    assert!(
        summary
            .closings
            .contains_key(&Closing::GoAwayError(ENHANCE_YOUR_CALM)),
        "{:?}",
        summary.closings
    );
}

#[test]
fn goaway_that_disowns_everything() {
    // Nothing was processed, again and again: there is no end to it but ours.
    let server = leaves_after(0, |client, _| {
        client.send(&goaway(0, NO_ERROR, ""));
    });
    let summary = Ask::http2(10, 5).of(&server);
    none_answered(&summary, &[Lost::Refused, Lost::Unreachable, Lost::Closed]);
    assert!(server.accepted() < 200, "{} connections", server.accepted());
}

#[test]
fn goaway_whose_last_stream_grows() {
    // Against the protocol: a stream that was disowned is owned again. It must not be answered twice.
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        let mut streams = Vec::new();
        for _ in 0..5 {
            let Some(stream) = client.request() else { return };
            streams.push(stream);
        }
        client.send(&goaway(streams[1], NO_ERROR, ""));
        client.send(&goaway(streams[4], NO_ERROR, ""));
        for stream in streams {
            client.send(&answer(stream));
        }
        close(client.stream);
    });
    let summary = Ask::http2(20, 5).of(&server);
    assert!(summary.totals.ok <= 20, "{:?}", summary.totals);
}

#[test]
fn leaving_without_a_word() {
    let server = leaves_after(10, |_, _| {});
    let summary = Ask::http2(60, 20).of(&server);
    let totals = &summary.totals;
    // What was open may have been processed: it is lost, and not sent again.
    assert!(
        totals.lost.get(&Lost::Closed).copied().unwrap_or(0) > 0,
        "{totals:?}"
    );
    assert!(totals.ok >= 10, "{totals:?}");
    assert!(
        !totals.resent.contains_key(&Resent::ClosedUnanswered),
        "{totals:?}"
    );
}

#[test]
fn resetting_with_requests_open() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        for _ in 0..5 {
            let Some(stream) = client.request() else { return };
            client.send(&answer(stream));
        }
        if client.request().is_some() {
            reset(client.stream);
        }
    });
    let summary = Ask::http2(30, 4).of(&server);
    let lost = &summary.totals.lost;
    assert!(
        lost.keys()
            .all(|how| matches!(how, Lost::ConnectionReset | Lost::Closed)),
        "{lost:?}"
    );
    assert!(!lost.is_empty());
}

#[test]
fn refusing_for_ever() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        while let Some(stream) = client.request() {
            if !client.send(&rst(stream, REFUSED_STREAM)) {
                return;
            }
        }
    });
    let summary = Ask::http2(40, 10).of(&server);
    all_lost(&summary, Lost::Refused);
    let resent = summary.totals.resent.get(&Resent::RefusedStream).copied();
    assert!(resent.is_some_and(|resent| resent <= 40 * 5), "{resent:?}");
}

#[test]
fn refusing_every_second() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        let mut nth = 0;
        while let Some(stream) = client.request() {
            nth += 1;
            let bytes = if nth % 2 == 0 {
                rst(stream, REFUSED_STREAM)
            } else {
                answer(stream)
            };
            if !client.send(&bytes) {
                return;
            }
        }
    });
    let summary = Ask::http2(100, 10).of(&server);
    let totals = &summary.totals;
    // One that is refused may be refused again by the same coin; five times in a row is rare and still counted.
    let refused = totals.lost.get(&Lost::Refused).copied().unwrap_or(0);
    assert_eq!(totals.ok + refused, 100, "{totals:?}");
    assert!(totals.ok > 50, "{totals:?}");
    assert!(totals.resent.contains_key(&Resent::RefusedStream), "{totals:?}");
}

#[test]
fn resetting_every_stream() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        while let Some(stream) = client.request() {
            if !client.send(&rst(stream, INTERNAL_ERROR)) {
                return;
            }
        }
    });
    all_lost(&Ask::http2(50, 10).of(&server), Lost::StreamReset);
}

#[test]
fn resetting_a_stream_after_its_whole_answer() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        while let Some(stream) = client.request() {
            // As nginx does when it has not read all of a request's body.
            let both = [answer(stream), rst(stream, NO_ERROR)].concat();
            if !client.send(&both) {
                return;
            }
        }
    });
    all_ok(&Ask::http2(50, 10).of(&server));
}

#[test]
fn fewer_streams_than_asked_for_and_fewer_still() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[(MAX_CONCURRENT_STREAMS, 10)]) else {
            return;
        };
        let mut nth = 0;
        while let Some(stream) = client.request() {
            nth += 1;
            if nth == 20 && !client.send(&settings(&[(MAX_CONCURRENT_STREAMS, 1)])) {
                return;
            }
            if !client.send(&answer(stream)) {
                return;
            }
        }
    });
    let summary = Ask::http2(100, 50).of(&server);
    all_ok(&summary);
    assert_eq!(summary.streams_allowed, Some(1));
}

#[test]
fn no_streams_at_all() {
    let server = Hostile::start(|_, stream| {
        if let Some(client) = Client::greet(stream, &[(MAX_CONCURRENT_STREAMS, 0)]) {
            swallow(client.stream);
        }
    });
    // Some were sent before its SETTINGS came, and none after: none is answered.
    let summary = Ask::http2(10, 5).of(&server);
    none_answered(&summary, &[Lost::Timeout, Lost::Refused, Lost::Unreachable]);
}
