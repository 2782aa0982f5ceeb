//! HTTP/2's rules: what is sent again, what is lost, which limits are named. The server is h2, told what to do.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use load::{
    config::{Config, Protocol},
    limit::Closing,
    outcome::{Lost, Resent},
};
use tokio::net::TcpStream;

use crate::server::{ask, config, sockets};

/// A server of h2 whose every connection is served by the function.
fn h2<F>(serve: impl Fn(TcpStream, usize) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = Result<(), h2::Error>>,
{
    let serve = Arc::new(serve);
    sockets(move |stream, number| {
        stream.set_nonblocking(true).expect("no waiting");
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(async {
                let stream = TcpStream::from_std(stream).expect("a stream");
                // A client that leaves is no failure.
                let _ = serve(stream, number).await;
            });
    })
}

fn respond(mut reply: h2::server::SendResponse<Bytes>, body: &'static [u8]) -> Result<(), h2::Error> {
    let mut stream = reply.send_response(http::Response::new(()), body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(Bytes::from_static(body), true)?;
    }
    Ok(())
}

fn streams(streams: u32) -> Config {
    let mut config = config(Protocol::Http2);
    config.streams = streams;
    config
}

/// Answers so many requests on each connection, then leaves in two steps: a GOAWAY that names no stream, then one
/// that does.
fn leaving_after(requests: usize) -> SocketAddr {
    h2(move |stream, _| async move {
        let mut connection = h2::server::handshake(stream).await?;
        let mut answered = 0;
        while let Some(request) = connection.accept().await {
            let (_, reply) = request?;
            answered += 1;
            respond(reply, b"x")?;
            if answered == requests {
                connection.graceful_shutdown();
            }
        }
        Ok(())
    })
}

#[test]
fn a_server_that_leaves_after_any_number_loses_nothing() {
    for requests in [1, 2, 7, 50] {
        let address = leaving_after(requests);
        for in_flight in [1, 20] {
            let summary = ask(&format!("http://{address}/"), 200, &streams(in_flight));
            assert_eq!(
                summary.totals.ok, 200,
                "{requests} {in_flight}: {:?}",
                summary.totals
            );
            assert!(summary.connections > 1);
        }
    }
}

/// Answers so many requests on each connection and takes no other, in one step, as nginx does.
fn cut_off_after(requests: u32) -> SocketAddr {
    sockets(move |mut stream, _| crate::cut_off::serve(&mut stream, requests))
}

#[test]
fn a_server_that_cuts_off_early_is_asked_for_no_more_than_it_takes() {
    for requests in [1, 3, 20] {
        let summary = ask(&format!("http://{}/", cut_off_after(requests)), 600, &streams(50));
        assert_eq!(summary.totals.ok, 600, "{:?}", summary.totals);
        let limit = summary
            .limit
            .as_ref()
            .expect("all were cut off at the same number");
        assert_eq!(limit.requests, u64::from(requests));
        assert_eq!(summary.held_to, Some(u64::from(requests)));
        let resent = summary.totals.resent[&Resent::AboveGoAway];
        // Of two connections, fifty at most each.
        assert!(resent < 100, "{requests}: {resent}");
        let text = load::summary::text::text(&summary);
        let (streams, were) = if requests == 1 {
            ("1 stream".to_owned(), "was")
        } else {
            (format!("{requests} streams"), "were")
        };
        assert!(
            text.contains(&format!("no more than {streams} {were} opened")),
            "{text}"
        );
    }
}

#[test]
fn a_limit_above_what_is_in_flight_holds_nobody_back() {
    let summary = ask(&format!("http://{}/", cut_off_after(60)), 600, &streams(50));
    assert_eq!(summary.totals.ok, 600);
    assert_eq!(summary.held_to, None);
}

#[test]
fn refused_streams_are_sent_again() {
    let address = h2(|stream, _| async move {
        let mut connection = h2::server::handshake(stream).await?;
        let mut seen = 0;
        while let Some(request) = connection.accept().await {
            let (_, mut reply) = request?;
            seen += 1;
            if seen % 3 == 0 {
                reply.send_reset(h2::Reason::REFUSED_STREAM);
            } else {
                respond(reply, b"")?;
            }
        }
        Ok(())
    });
    let summary = ask(&format!("http://{address}/"), 100, &streams(5));
    assert_eq!(summary.totals.ok + summary.totals.lost_all(), 100);
    assert!(summary.totals.ok >= 95, "{:?}", summary.totals);
    let resent = summary.totals.resent[&Resent::RefusedStream];
    assert!((40..=60).contains(&resent), "{resent}");
}

#[test]
fn what_is_always_refused_is_lost_after_the_limit() {
    let address = h2(|stream, _| async move {
        let mut connection = h2::server::handshake(stream).await?;
        while let Some(request) = connection.accept().await {
            request?.1.send_reset(h2::Reason::REFUSED_STREAM);
        }
        Ok(())
    });
    let totals = ask(&format!("http://{address}/"), 5, &streams(2)).totals;
    assert_eq!(totals.lost[&Lost::Refused], 5);
    assert_eq!(totals.resent[&Resent::RefusedStream], 15);
}

#[test]
fn other_resets_are_lost() {
    let address = h2(|stream, _| async move {
        let mut connection = h2::server::handshake(stream).await?;
        while let Some(request) = connection.accept().await {
            request?.1.send_reset(h2::Reason::INTERNAL_ERROR);
        }
        Ok(())
    });
    let totals = ask(&format!("http://{address}/"), 5, &streams(2)).totals;
    assert_eq!(totals.lost[&Lost::StreamReset], 5);
}

#[test]
fn the_allowed_number_of_streams_is_kept_and_its_wait_counted() {
    let address = h2(|stream, _| async move {
        let mut connection = h2::server::Builder::new()
            .max_concurrent_streams(3)
            .handshake::<_, Bytes>(stream)
            .await?;
        while let Some(request) = connection.accept().await {
            let (_, reply) = request?;
            respond(reply, b"x")?;
        }
        Ok(())
    });
    let summary = ask(&format!("http://{address}/"), 300, &streams(50));
    assert_eq!(
        summary.totals.ok + summary.totals.lost_all(),
        300,
        "{:?}",
        summary.totals
    );
    assert_eq!(summary.streams_allowed, Some(3));
    assert!(summary.slot_wait.count() > 0);
    let text = load::summary::text::text(&summary);
    assert!(text.contains("asked 50, allowed 3"), "{text}");
}

#[test]
fn an_error_of_the_server_loses_what_it_had_taken() {
    let address = h2(|stream, number| async move {
        let mut connection = h2::server::handshake(stream).await?;
        let mut held = Vec::new();
        while let Some(request) = connection.accept().await {
            let (_, reply) = request?;
            if number > 0 {
                respond(reply, b"")?;
                continue;
            }
            held.push(reply);
            if held.len() == 4 {
                connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
            }
        }
        Ok(())
    });
    let summary = ask(&format!("http://{address}/"), 20, &streams(4));
    assert_eq!(
        summary.totals.lost.get(&Lost::GoAway),
        Some(&4),
        "{:?}",
        summary.totals
    );
    assert_eq!(summary.totals.ok, 16);
    let closing = Closing::GoAwayError(h2::Reason::ENHANCE_YOUR_CALM.into());
    assert!(summary.closings.contains_key(&closing), "{:?}", summary.closings);
}

#[test]
fn a_bare_close_loses_what_was_open() {
    let address = h2(|stream, number| async move {
        let mut connection = h2::server::handshake(stream).await?;
        let mut held = Vec::new();
        while let Some(request) = connection.accept().await {
            let (_, reply) = request?;
            if number > 0 {
                respond(reply, b"")?;
                continue;
            }
            held.push(reply);
            if held.len() == 4 {
                return Ok(());
            }
        }
        Ok(())
    });
    let totals = ask(&format!("http://{address}/"), 20, &streams(4)).totals;
    assert_eq!(totals.lost_all(), 4, "{totals:?}");
    assert_eq!(totals.ok, 16);
    assert!(totals.resent.is_empty());
}

#[test]
fn a_limit_of_http1_is_named_too() {
    use std::io::Write as _;
    let address = sockets(|mut stream, _| {
        for left in (0..3).rev() {
            if !crate::server::request(&mut stream) {
                return;
            }
            let close = if left == 0 { "connection: close\r\n" } else { "" };
            let answer = format!("HTTP/1.1 200 OK\r\n{close}content-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let summary = ask(&format!("http://{address}/"), 12, &config(Protocol::Http1));
    assert_eq!(summary.totals.ok, 12);
    let limit = summary.limit.expect("four connections of three");
    assert_eq!((limit.requests, limit.connections), (3, 4));
    assert!(limit.setting().contains("keepalive_requests"));
}
