//! TLS: which protocol is chosen, whom we believe, who we are, and what is said when that fails.

mod server;

use load::{
    config::{Config, Protocol},
    summary::Summary,
    target::Place,
};

use self::server::{Authority, Files, Offer, Server};
use crate::server::{ask, config};

/// Believes the authority of the test.
fn believing(files: &Files, protocol: Protocol) -> Config {
    let mut config = config(protocol);
    config.tls.authorities = Some(files.authority.clone());
    config
}

#[track_caller]
fn answered(summary: &Summary, requests: u64, protocol: Protocol) {
    assert_eq!(
        summary.totals.ok, requests,
        "{:?} {:?}",
        summary.totals, summary.connect_failures
    );
    assert_eq!(summary.protocol, Some(protocol));
    assert_eq!(summary.tls.map(|(version, _)| version), Some("TLSv1_3"));
    assert!(summary.tls_handshake.count() > 0);
}

/// Nobody was asked anything, and one reason is given.
#[track_caller]
fn failed(summary: &Summary, requests: u64) -> String {
    assert_eq!(summary.totals.ok, 0);
    assert_eq!(summary.totals.asked, requests);
    let reasons: Vec<_> = summary.connect_failures.keys().cloned().collect();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.into_iter().next().unwrap_or_default()
}

#[test]
fn alpn_chooses_what_both_speak() {
    let files = Files::new();
    let authority = Authority::new(&files);
    for (offer, asked, chosen) in [
        (Offer::Both, Protocol::Auto, Protocol::Http2),
        (Offer::Both, Protocol::Http1, Protocol::Http1),
        (Offer::Both, Protocol::Http2, Protocol::Http2),
        (Offer::Http1, Protocol::Auto, Protocol::Http1),
        (Offer::Nothing, Protocol::Auto, Protocol::Http1),
        (Offer::Nothing, Protocol::Http1, Protocol::Http1),
    ] {
        let server = Server::start(&authority, "localhost", offer, false);
        let mut config = believing(&files, asked);
        (config.clients, config.threads, config.streams) = (4, 2, 3);
        let summary = ask(&server.url("/100000"), 100, &config);
        answered(&summary, 100, chosen);
        assert_eq!(summary.traffic.bodies, 10_000_000, "{offer:?} {asked:?}");
    }
}

#[test]
fn a_server_without_http2_is_told_from_one_that_is_away() {
    let files = Files::new();
    let authority = Authority::new(&files);
    for offer in [Offer::Http1, Offer::Nothing] {
        let server = Server::start(&authority, "localhost", offer, false);
        let summary = ask(&server.url("/10"), 5, &believing(&files, Protocol::Http2));
        let why = failed(&summary, 5);
        // rustls' server refuses what it has in common with nobody; others choose nothing.
        assert!(
            why.contains("NoApplicationProtocol") || why.contains("does not choose h2"),
            "{offer:?}: {why}"
        );
    }
}

#[test]
fn a_strangers_certificate_is_not_believed_unless_asked_to() {
    let files = Files::new();
    let (authority, stranger) = (Authority::new(&files), Authority::new(&Files::new()));
    drop(authority);
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let server = Server::start(&stranger, "localhost", Offer::Both, false);
        let summary = ask(&server.url("/10"), 5, &believing(&files, protocol));
        let why = failed(&summary, 5);
        assert!(
            why.contains("UnknownIssuer") || why.contains("BadSignature"),
            "{why}"
        );
        let mut config = config(protocol);
        config.tls.insecure = true;
        answered(&ask(&server.url("/10"), 5, &config), 5, protocol);
    }
}

#[test]
fn another_name_can_be_asked_for() {
    let files = Files::new();
    let authority = Authority::new(&files);
    let server = Server::start(&authority, "inside.test", Offer::Both, false);
    let mut config = believing(&files, Protocol::Auto);
    let why = failed(&ask(&server.url("/10"), 5, &config), 5);
    assert!(why.contains("not valid for name"), "{why}");
    config.tls.server_name = Some("inside.test".to_owned());
    answered(&ask(&server.url("/10"), 5, &config), 5, Protocol::Http2);
    assert_eq!(server.names().last(), Some(&Some("inside.test".to_owned())));
}

#[test]
fn connections_go_where_they_are_told_and_the_name_stays() {
    let files = Files::new();
    let authority = Authority::new(&files);
    let server = Server::start(&authority, "inside.test", Offer::Both, false);
    let mut config = believing(&files, Protocol::Auto);
    config.connect_to = Some(Place::Tcp {
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
    });
    answered(&ask("https://inside.test/10", 5, &config), 5, Protocol::Http2);
    assert_eq!(server.names().last(), Some(&Some("inside.test".to_owned())));
}

#[test]
fn a_server_that_asks_who_we_are_is_shown_it() {
    let files = Files::new();
    let authority = Authority::new(&files);
    let server = Server::start(&authority, "localhost", Offer::Both, true);
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut config = believing(&files, protocol);
        // In TLS 1.3 it says so after we believe that all is well.
        let why = failed(&ask(&server.url("/10"), 5, &config), 5);
        assert!(why.contains("CertificateRequired"), "{why}");
        config.tls.client = Some(authority.client(&files, "somebody"));
        answered(&ask(&server.url("/10"), 5, &config), 5, protocol);
        // One that it does not know.
        let others = Files::new();
        config.tls.client = Some(Authority::new(&others).client(&others, "nobody"));
        let why = failed(&ask(&server.url("/10"), 5, &config), 5);
        assert!(why.contains("fatal alert"), "{why}");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let files = Files::new();
    let refused = |change: &dyn Fn(&mut Config), expect: &str| {
        let mut config = config(Protocol::Auto);
        change(&mut config);
        let scenario = load::scenario::Scenario::get("https://127.0.0.1:9/").unwrap();
        let ending = load::ending::Ending::after(1).unwrap();
        let arrivals = load::arrivals::Arrivals::Closed;
        let watch = load::watch::Watch::new();
        let error = load::run::run(&scenario, &arrivals, &ending, &config, &watch).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    };
    let absent = files.path("absent.pem");
    refused(
        &|config| config.tls.authorities = Some(absent.clone()),
        "absent.pem",
    );
    refused(
        &|config| config.tls.client = Some((absent.clone(), absent.clone())),
        "absent.pem",
    );
    refused(
        &|config| config.tls.server_name = Some("no name".to_owned()),
        "no name",
    );
}
