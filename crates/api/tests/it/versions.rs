//! Analyses by their versions: tags, 304, what is kept, the past, and what changed.

use std::net::SocketAddr;

use http::Request;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Http2, ask, get, send, write},
    running::{Running, start_of},
};

const SHOP: &str = r#"
name = "shop"
title = "Customers and their orders"
object = "customers"
[database.main]
[collection.customers]
title = "Customers"
database = "main"
key = "id"
revisions = true
columns = { id = "int4", name = "text" }
[collection.orders]
title = "Orders"
database = "main"
key = "id"
revisions = true
object = "customer"
time = "at"
columns = { id = "int4", customer = "int4", at = "timestamptz", amount = "int4", note = "text" }
[dataset.orders]
database = "main"
sql = "select id, customer, at, amount, note from {orders} where customer = any($1)"
object = "customer"
time = "at"
key = "id"
columns = { id = "int4", customer = "int4", at = "timestamptz", amount = "int4", note = "text" }
[[section]]
name = "orders"
title = "All orders"
dataset = "orders"
rows = ["at", "amount", "note"]
[[section]]
name = "total"
title = "All together"
dataset = "orders"
measures = { orders = "count", amount = "sum(amount)" }
[[section]]
name = "unknown"
title = "Nobody knows its version"
database = "main"
sql = "select id as object, name from makers where id = any($1)"
object = { object = "int4" }
columns = { name = "text" }
"#;

/// All whose versions are known.
const EXACT: &str = "/api/v1/objects/1/analysis?fields=orders,total";

pub(crate) async fn shop() -> Option<Running> {
    let server = start_of(SHOP, |config| config.body_bytes_max = 64 << 10).await?;
    for id in 1..=3 {
        let customer = json!({ "id": id, "name": format!("customer {id}") });
        assert_eq!(
            write(server.api, "POST /api/v1/customers", &[], &customer)
                .await
                .status,
            201
        );
        order(server.api, id, id, 10).await;
    }
    Some(server)
}

async fn order(at: SocketAddr, id: i32, customer: i32, amount: i32) {
    let note = "so long that it is worth compressing ".repeat(60);
    let order = json!({ "id": id, "customer": customer, "at": "2024-01-01T00:00:00Z", "amount": amount, "note": note });
    assert_eq!(write(at, "POST /api/v1/orders", &[], &order).await.status, 201);
}

async fn patch(at: SocketAddr, id: i32, revision: i32, body: &Value) {
    let what = format!("PATCH /api/v1/orders/{id}");
    let seen = format!("\"{revision}\"");
    let written = write(at, &what, &[("if-match", &seen)], body).await;
    assert_eq!(written.status, 200, "{}", written.text());
}

/// The database's clock, as a revision tells it.
async fn recorded_at(at: SocketAddr, path: &str) -> String {
    get(at, path).await.json()["recorded_at"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn statements(answer: &Answer) -> u32 {
    let timing = answer.header("server-timing");
    let (_, rest) = timing.split_once("desc=\"").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_encoding_has_a_strong_tag_of_its_own() {
    let Some(server) = shop().await else { return };
    let at = server.api;
    let mut tags = Vec::new();
    for encoding in ["identity", "gzip", "zstd"] {
        let accept = [("accept-encoding", encoding)];
        let first = send(at, &format!("GET {EXACT}"), &accept, "").await;
        let second = send(at, &format!("GET {EXACT}"), &accept, "").await;
        assert_eq!((first.status.as_u16(), &first.body), (200, &second.body));
        let tag = first.header("etag").to_owned();
        assert_eq!(second.header("etag"), tag);
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag} is strong");
        assert_eq!(first.header("cache-control"), "no-cache");
        assert_eq!(first.header("vary"), "accept-encoding");
        assert_eq!(statements(&second), 1, "the versions, and nothing else");
        assert!(!tags.contains(&tag));

        let held = [("accept-encoding", encoding), ("if-none-match", &tag)];
        let unchanged = send(at, &format!("GET {EXACT}"), &held, "").await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
        assert_eq!(unchanged.header("etag"), tag);
        assert_eq!(unchanged.header("cache-control"), "no-cache");
        assert_eq!(unchanged.header("vary"), "accept-encoding");
        assert_eq!(statements(&unchanged), 1);
        let head = send(at, &format!("HEAD {EXACT}"), &accept, "").await;
        assert_eq!((head.header("etag"), head.body.len()), (&*tag, 0));
        assert_eq!(head.header("content-length"), first.body.len().to_string());
        let head = send(at, &format!("HEAD {EXACT}"), &held, "").await;
        assert_eq!(head.status, 304);
        tags.push(tag);
    }
    // The tag of another encoding is of other bytes; that of the plain form is of bytes that anybody can read.
    let other = [("accept-encoding", "zstd"), ("if-none-match", &tags[1])];
    assert_eq!(send(at, &format!("GET {EXACT}"), &other, "").await.status, 200);
    let plain = [("accept-encoding", "zstd"), ("if-none-match", &tags[0])];
    assert_eq!(send(at, &format!("GET {EXACT}"), &plain, "").await.status, 304);
    let any = send(at, &format!("GET {EXACT}"), &[("if-none-match", "*")], "").await;
    assert_eq!(any.status, 304);
}

#[tokio::test]
async fn a_write_changes_the_tag_before_it_is_acknowledged() {
    let Some(server) = shop().await else { return };
    let at = server.api;
    let mut tag = get(at, EXACT).await.header("etag").to_owned();
    let other = "/api/v1/objects/2/analysis?fields=orders,total";
    let untouched = get(at, other).await.header("etag").to_owned();
    for revision in 1..20 {
        let amount = revision * 10;
        patch(
            at,
            1,
            revision,
            &json!({ "amount": amount, "note": format!("{revision}") }),
        )
        .await;
        let held = [("if-none-match", &*tag)];
        let answer = send(at, &format!("GET {EXACT}"), &held, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["total"]["amount"], amount);
        assert_ne!(answer.header("etag"), tag);
        tag = answer.header("etag").to_owned();
        assert_eq!(
            send(at, &format!("GET {EXACT}"), &[("if-none-match", &tag)], "")
                .await
                .status,
            304
        );
    }
    assert_eq!(get(at, other).await.header("etag"), untouched);
    let seen = [("if-match", "\"1\"")];
    assert_eq!(
        send(at, "DELETE /api/v1/customers/1", &seen, "").await.status,
        200
    );
    let gone = send(at, &format!("GET {EXACT}"), &[("if-none-match", &tag)], "").await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn no_cache_makes_it_anew() {
    let Some(server) = shop().await else { return };
    let at = server.api;
    let first = get(at, EXACT).await;
    let request = Request::get(EXACT)
        .header("cache-control", "no-cache")
        .header("if-none-match", first.header("etag"));
    let anew = ask(at, request).await;
    assert_eq!(anew.status, 200);
    assert!(statements(&anew) > 1, "{}", anew.header("server-timing"));
    assert_eq!(
        (anew.header("etag"), &anew.body),
        (first.header("etag"), &first.body)
    );
    assert!((server.metric("sidequest_cache_hits_total").await).abs() < 0.5);
}

#[tokio::test]
async fn without_known_versions_there_is_no_tag() {
    let Some(server) = shop().await else { return };
    let whole = get(server.api, "/api/v1/objects/1/analysis").await;
    assert_eq!((whole.status.as_u16(), whole.header("etag")), (200, ""));
    let fields = get(server.api, "/api/v1/objects/1/analysis?fields=name,total").await;
    assert_eq!((fields.status.as_u16(), fields.header("etag")), (200, ""));
    let refused = get(
        server.api,
        "/api/v1/objects/1/analysis?as_of=2024-01-01T00:00:00Z",
    )
    .await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("`unknown`"), "{}", refused.text());
}

#[tokio::test]
async fn a_warm_burst_of_many_needs_few_statements() {
    let Some(server) = shop().await else { return };
    let client = Http2::connect(server.api).await;
    client.get(EXACT).await;
    let before = server.metric("sidequest_analysis_batches_total").await;
    let answers = futures_util::future::join_all((0..500).map(|_| client.get(EXACT))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 && answer.body == answers[0].body)
    );
    let batches = server.metric("sidequest_analysis_batches_total").await - before;
    assert!(batches <= 40.0, "{batches} look-ups for 500 requests");
}

#[tokio::test]
async fn the_past_of_one_of_many_and_in_lists() {
    let Some(server) = shop().await else { return };
    let at = server.api;
    let then = recorded_at(at, "/api/v1/orders/3").await;
    patch(at, 1, 1, &json!({ "amount": 70 })).await;
    order(at, 9, 1, 5).await;
    let total = |orders: i32, amount: i32| json!({ "orders": orders, "amount": amount });
    let path = format!("/api/v1/objects/1/analysis?fields=total&as_of={then}");
    let past = get(at, &path).await;
    assert_eq!(past.json()["total"], total(1, 10), "{}", past.text());
    assert!(!past.header("etag").is_empty(), "it can no longer change");
    assert_eq!(
        get(at, "/api/v1/objects/1/analysis?fields=total").await.json()["total"],
        total(2, 75)
    );
    let list = get(at, &format!("/api/v1/objects?fields=total&as_of={then}"))
        .await
        .json();
    assert_eq!(list["items"][0], json!({ "id": 1, "total": total(1, 10) }));
    let many = get(
        at,
        &format!("/api/v1/objects/analysis?fields=total,name&as_of={then}"),
    )
    .await
    .json();
    assert_eq!(
        many[0],
        json!({ "id": 1, "name": "customer 1", "total": total(1, 10) })
    );
    let before = "/api/v1/objects/1/analysis?fields=total&as_of=2001-01-01T00:00:00Z";
    assert_eq!(get(at, before).await.status, 404);
    let none = get(at, "/api/v1/objects?fields=total&as_of=2001-01-01T00:00:00Z")
        .await
        .json();
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn what_changed_between_two_instants() {
    let Some(server) = shop().await else { return };
    let at = server.api;
    let from = recorded_at(at, "/api/v1/orders/3").await;
    patch(at, 1, 1, &json!({ "amount": 70 })).await;
    let to = recorded_at(at, "/api/v1/orders/1").await;
    order(at, 9, 1, 5).await;
    let path = format!("/api/v1/objects/1/analysis/diff?fields=total&from={from}&to={to}");
    let changed = json!([{ "path": "/total/amount", "from": 10, "to": 70 }]);
    assert_eq!(
        get(at, &path).await.json(),
        json!({ "id": 1, "changes": changed })
    );
    let until_now = get(
        at,
        &format!("/api/v1/objects/1/analysis/diff?fields=total&from={to}"),
    )
    .await;
    let changed = json!([
        { "path": "/total/orders", "from": 1, "to": 2 },
        { "path": "/total/amount", "from": 70, "to": 75 },
    ]);
    assert_eq!(until_now.json()["changes"], changed);
    let new = "/api/v1/objects/1/analysis/diff?fields=total&from=2001-01-01T00:00:00Z";
    let new = get(at, new).await.json();
    assert_eq!(new["changes"][0]["path"], "");
    assert_eq!(new["changes"][0]["to"]["id"], 1);
    for (path, status) in [
        ("/api/v1/objects/1/analysis/diff?fields=total", 400),
        ("/api/v1/objects/1/analysis/diff?from=2024-01-01T00:00:00Z", 400),
        (
            "/api/v1/objects/99/analysis/diff?fields=total&from=2024-01-01T00:00:00Z",
            404,
        ),
    ] {
        assert_eq!(get(at, path).await.status, status, "{path}");
    }
}
