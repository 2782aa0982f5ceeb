//! HTTP/2, judged by the h2 crate: it refuses what breaks the protocol, and so does it here.

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::{net::TcpStream, task::JoinSet};

use crate::running::Responder;

async fn connect(responder: &Responder, window: u32, tasks: &mut JoinSet<()>) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(responder.address).await.expect("a connection");
    let (sender, connection) = Builder::new()
        .initial_window_size(window)
        .initial_connection_window_size(window)
        .handshake(stream)
        .await
        .expect("a handshake");
    tasks.spawn(async move {
        let _ = connection.await;
    });
    sender
}

async fn ask(sender: &mut SendRequest<Bytes>, path: &str, body: Option<Bytes>) -> Result<Vec<u8>, h2::Error> {
    let request = http::Request::get(format!("http://localhost{path}"))
        .header("user-agent", "a name that is worth a code")
        .body(())
        .expect("a request");
    let (answer, mut out) = sender.send_request(request, body.is_none())?;
    if let Some(body) = body {
        out.send_data(body, true)?;
    }
    let mut answer = answer.await?.into_body();
    let mut read = Vec::new();
    while let Some(part) = answer.data().await {
        let part = part?;
        answer.flow_control().release_capacity(part.len())?;
        read.extend_from_slice(&part);
    }
    Ok(read)
}

#[tokio::test]
async fn answers_of_both_sizes_through_small_windows() {
    let responder = Responder::start(&[]);
    for window in [1_000, 65_535, 1 << 30] {
        let mut tasks = JoinSet::new();
        let sender = connect(&responder, window, &mut tasks).await;
        let mut asking = JoinSet::new();
        for nth in 0..90 {
            let mut sender = sender.clone().ready().await.expect("a connection that lives");
            let path = if nth % 3 == 0 { "/large" } else { "/small" };
            let body = (nth % 5 == 0).then(|| Bytes::from(vec![0; 40_000]));
            asking.spawn(async move { (path, ask(&mut sender, path, body).await.expect("an answer")) });
        }
        while let Some(done) = asking.join_next().await {
            let (path, body) = done.expect("no panic");
            assert_eq!(body.len(), if path == "/large" { 155_010 } else { 13 });
        }
        tasks.abort_all();
    }
}

#[tokio::test]
async fn the_last_request_is_answered_and_then_the_connection_goes_away() {
    let responder = Responder::start(&["--keepalive-requests", "10"]);
    let mut tasks = JoinSet::new();
    let mut sender = connect(&responder, 1 << 20, &mut tasks).await;
    for _ in 0..10 {
        sender = sender.ready().await.expect("a connection that lives");
        assert_eq!(
            ask(&mut sender, "/large", None).await.expect("an answer").len(),
            155_010
        );
    }
    let ready = sender.ready().await;
    let refused = match ready {
        Err(error) => error,
        Ok(mut sender) => ask(&mut sender, "/small", None).await.expect_err("it is gone"),
    };
    assert!(
        refused.is_go_away() || refused.is_io() || refused.reason().is_some() || refused.is_library(),
        "{refused:?}"
    );
}
