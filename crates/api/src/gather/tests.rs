//! Writes are few, and nothing is lost over a socket that takes bytes in any portions.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf},
    task::JoinSet,
};

use super::{Gathered, gather};

const BODY_BYTES: usize = 155_000;
const STREAMS: usize = 500;

/// Counts writes, and takes at most so many bytes of each.
struct Counting {
    io: DuplexStream,
    writes: Arc<AtomicU64>,
    portion: usize,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let portion = buf.len().min(self.portion);
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, &buf[..portion]))?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from(vec![b'x'; BODY_BYTES]))))
}

/// Serves HTTP/2 on one end and returns the other, and the count of writes.
fn serve(tasks: &mut JoinSet<()>, pipe_bytes: usize, portion: usize) -> (DuplexStream, Arc<AtomicU64>) {
    let (client, server) = tokio::io::duplex(pipe_bytes);
    let writes = Arc::new(AtomicU64::new(0));
    let io = Counting {
        io: server,
        writes: Arc::clone(&writes),
        portion,
    };
    tasks.spawn(async move {
        let (gather, outlet) = gather(io);
        let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        builder
            .http2()
            .max_concurrent_streams(1000)
            .max_send_buf_size(1024 * 1024);
        let connection = builder.serve_connection(TokioIo::new(gather), service_fn(answer));
        let mut gathered = Gathered::new(connection, outlet);
        poll_fn(|cx| Pin::new(&mut gathered).poll(cx)).await.unwrap();
    });
    (client, writes)
}

async fn ask(client: DuplexStream, tasks: &mut JoinSet<()>, streams: usize) {
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(1024 * 1024)
        .initial_connection_window_size(256 * 1024 * 1024)
        .handshake::<_, Bytes>(client)
        .await
        .unwrap();
    tasks.spawn(async move { connection.await.unwrap() });
    let mut sender = sender.ready().await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..streams {
        sender = sender.ready().await.unwrap();
        let request = Request::get("http://localhost/").body(()).unwrap();
        answers.push(sender.send_request(request, true).unwrap().0);
    }
    for answer in answers {
        let mut body = answer.await.unwrap().into_body();
        let mut received = 0;
        while let Some(chunk) = body.data().await {
            let chunk = chunk.unwrap();
            received += chunk.len();
            let _ = body.flow_control().release_capacity(chunk.len());
        }
        assert_eq!(received, BODY_BYTES);
    }
}

/// Frames of 16 kB make ten writes an answer; 256 kB hold more than one answer.
#[tokio::test]
async fn less_than_one_write_an_answer() {
    let mut tasks = JoinSet::new();
    let (client, writes) = serve(&mut tasks, 64 * 1024 * 1024, usize::MAX);
    ask(client, &mut tasks, STREAMS).await;
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let writes = writes.load(Ordering::Relaxed);
    println!("{writes} writes for {STREAMS} answers of {BODY_BYTES} bytes");
    assert!(writes < STREAMS as u64, "{writes} writes");
}

/// A pipe that is full most of the time and takes odd portions: waiting and waking are right.
#[tokio::test]
async fn a_slow_pipe_loses_nothing() {
    for (pipe_bytes, portion) in [(1000, 777), (70_000, usize::MAX), (300_000, 16_385)] {
        let mut tasks = JoinSet::new();
        let (client, _) = serve(&mut tasks, pipe_bytes, portion);
        ask(client, &mut tasks, 20).await;
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
}

#[tokio::test]
async fn http1_keeps_alive_and_ends() {
    let mut tasks = JoinSet::new();
    let (client, _) = serve(&mut tasks, 50_000, 9999);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client))
        .await
        .unwrap();
    tasks.spawn(async move { connection.await.unwrap() });
    for _ in 0..3 {
        let request = Request::get("/")
            .header("host", "localhost")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(
            answer.into_body().collect().await.unwrap().to_bytes().len(),
            BODY_BYTES
        );
    }
    drop(sender);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// What hyper cannot parse gets an answer that says so.
#[tokio::test]
async fn what_is_not_http_is_told_so() {
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(10_000_000));
    for (sent, status, slug) in [
        ("GARBAGE\r\n\r\n".to_owned(), "400", "malformed-request"),
        (
            "GET / HTTP/1.1\r\nbad header\r\n\r\n".to_owned(),
            "400",
            "malformed-request",
        ),
        (long, "431", "header-too-large"),
    ] {
        let mut tasks = JoinSet::new();
        let (client, server) = tokio::io::duplex(64 * 1024);
        tasks.spawn(async move {
            let (gather, outlet) = gather(server);
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let mut gathered = Gathered::new(
                builder.serve_connection(TokioIo::new(gather), service_fn(answer)),
                outlet,
            );
            // It reports the parse error, after it has answered.
            let _ = poll_fn(|cx| Pin::new(&mut gathered).poll(cx)).await;
        });
        let (mut read, mut write) = tokio::io::split(client);
        tasks.spawn(async move {
            let _ = write.write_all(sent.as_bytes()).await;
            let _ = write.shutdown().await;
        });
        let mut told = String::new();
        read.read_to_string(&mut told).await.unwrap();
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
        assert!(told.contains(&format!("/problems/{slug}")), "{told}");
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
}
