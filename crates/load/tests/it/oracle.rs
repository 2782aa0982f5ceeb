//! Both codecs beside hyper and h2: whatever those write or read, ours reads alike, cut anywhere.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use load::{
    config::{WINDOW_MAX, Windows},
    http1, http2,
};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

/// One answer: status and body.
type Answer = (u16, Vec<u8>);

const BUFFER: usize = 1 << 20;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// What hyper's client makes of an answer; none if it refuses it.
async fn by_hyper(answer: &[u8]) -> Option<Answer> {
    let (ours, mut theirs) = duplex(BUFFER);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours))
        .await
        .ok()?;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let _ = connection.await;
    });
    let request = hyper::Request::get("/")
        .header("host", "a")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let exchange = async {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        Some((status, body.to_vec()))
    };
    let serve = async {
        let mut request = [0; 1_024];
        let _ = theirs.read(&mut request).await;
        let _ = theirs.write_all(answer).await;
        let _ = theirs.shutdown().await;
        // Kept open until the exchange is over.
        theirs
    };
    tokio::join!(exchange, serve).0
}

/// What ours makes of it, cut into pieces of one length.
fn by_ours(answer: &[u8], piece: usize) -> Option<Answer> {
    let mut reader = http1::Reader::new(400_000, 100);
    let (mut status, mut body) = (0, Vec::new());
    for mut input in answer.chunks(piece) {
        while let Some(event) = reader.next(&mut input, false).ok()? {
            match event {
                http1::Event::Head(head) => status = head.status,
                http1::Event::Body(bytes) => body.extend_from_slice(bytes),
                http1::Event::End => return Some((status, body)),
            }
        }
    }
    reader.close().then_some((status, body))
}

fn answers() -> impl Strategy<Value = Vec<u8>> {
    let field = ("[A-Za-z][A-Za-z0-9-]{0,12}", "[ -~]{0,20}").prop_filter(
        "fields that frame are made on purpose",
        |(name, _)| {
            let name = name.to_ascii_lowercase();
            !["content-length", "transfer-encoding", "connection", "upgrade"].contains(&name.as_str())
        },
    );
    let body = proptest::collection::vec(any::<u8>(), 0..60);
    (
        prop_oneof![Just(200_u16), Just(204), Just(304), Just(404), Just(503)],
        proptest::collection::vec(field, 0..5),
        0_u8..6,
        body,
        any::<bool>(),
        0_usize..80,
    )
        .prop_map(|(status, fields, framing, body, early, cut)| {
            let mut answer = Vec::new();
            if early {
                answer.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n");
            }
            answer.extend_from_slice(format!("HTTP/1.1 {status} Reason\r\n").as_bytes());
            for (name, value) in fields {
                answer.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            match framing {
                0 => {
                    answer.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
                    answer.extend_from_slice(&body);
                }
                1 | 2 => {
                    answer.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                    for chunk in body.chunks(7) {
                        answer.extend_from_slice(format!("{:X};a=b\r\n", chunk.len()).as_bytes());
                        answer.extend_from_slice(chunk);
                        answer.extend_from_slice(b"\r\n");
                    }
                    answer.extend_from_slice(b"0\r\nx-trailer: y\r\n\r\n");
                }
                3 => {
                    answer.extend_from_slice(b"connection: close\r\n\r\n");
                    answer.extend_from_slice(&body);
                }
                // A length that is not kept.
                4 => {
                    answer
                        .extend_from_slice(format!("content-length: {}\r\n\r\n", body.len() + 1).as_bytes());
                    answer.extend_from_slice(&body);
                }
                _ => {
                    answer.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
                    answer.extend_from_slice(&body);
                    // Cut somewhere.
                    answer.truncate(answer.len().saturating_sub(cut));
                }
            }
            answer
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn http1_is_read_as_hyper_reads_it(answer in answers()) {
        let theirs = block_on(by_hyper(&answer));
        for piece in [answer.len().max(1), 1, 2, 3, 7, 16] {
            prop_assert_eq!(&by_ours(&answer, piece), &theirs, "{:?} in pieces of {}",
                String::from_utf8_lossy(&answer), piece);
        }
    }

    #[test]
    fn http2_is_read_as_h2_wrote_it(
        answers in proptest::collection::vec(
            (200_u16..600, proptest::collection::vec(("[a-z]{1,9}", "[ -~&&[^ ]]{0,30}"), 0..5),
             0_usize..70_000, any::<bool>()), 1..6),
        piece in 1_usize..2_000,
    ) {
        let read = block_on(through_h2(&answers, piece));
        let expect: Vec<(u16, usize)> = answers
            .iter()
            .map(|(status, _, length, _)| (*status, if matches!(status, 204 | 304) { 0 } else { *length }))
            .collect();
        prop_assert_eq!(read, expect);
    }
}

type Wanted = (u16, Vec<(String, String)>, usize, bool);

/// A server of h2 answers, ours reads its bytes in pieces.
async fn through_h2(answers: &[Wanted], piece: usize) -> Vec<(u16, usize)> {
    let (ours, theirs) = duplex(BUFFER);
    let serve = serve(theirs, answers.to_vec());
    let ask = ask(ours, answers.len(), piece);
    let (_, read) = tokio::join!(serve, ask);
    read
}

async fn serve(stream: DuplexStream, answers: Vec<Wanted>) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    let mut answers = answers.into_iter();
    while let Some(request) = connection.accept().await {
        let (_, mut reply) = request?;
        let (status, fields, length, has_trailers) = answers.next().expect("one for each request");
        let mut response = http::Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(format!("x-{name}"), value);
        }
        let has_body = length > 0 && !matches!(status, 204 | 304);
        let response = response.body(()).expect("the fields are right");
        let mut stream = reply.send_response(response, !has_body && !has_trailers)?;
        if has_body {
            stream.send_data(Bytes::from(vec![b'x'; length]), !has_trailers)?;
        }
        if has_trailers {
            let mut trailers = http::HeaderMap::new();
            trailers.insert("x-sum", http::HeaderValue::from_static("1"));
            stream.send_trailers(trailers)?;
        }
    }
    Ok(())
}

async fn ask(mut stream: DuplexStream, requests: usize, piece: usize) -> Vec<(u16, usize)> {
    let options = http2::Options {
        windows: Windows {
            stream: WINDOW_MAX,
            connection: WINDOW_MAX,
        },
        table_bytes: 4_096,
        encoder_table_bytes: 4_096,
        head_bytes_max: 65_536,
        informational_max: 10,
    };
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let outline = http2::request::Outline {
        pseudo: vec![
            field(":method", "GET"),
            field(":scheme", "http"),
            field(":authority", "localhost"),
            field(":path", "/"),
        ],
        fields: vec![field("user-agent", "oracle")],
        is_head: false,
    };
    let mut out = Vec::new();
    let mut session = http2::Session::new(options, &mut out);
    for ticket in 0..requests {
        session.open(0, &outline, http2::request::Filling::default(), ticket, &mut out);
    }
    let mut read = vec![(0, 0); requests];
    let mut buffer = vec![0; 65_536];
    while session.open_streams() > 0 {
        stream.write_all(&out).await.expect("the server reads");
        out.clear();
        let bytes = stream.read(&mut buffer).await.expect("the server writes");
        assert!(bytes > 0, "the server left");
        for mut input in buffer[..bytes].chunks(piece) {
            while let Some(event) = session
                .receive(&mut input, &mut out)
                .expect("h2 keeps to the rules")
            {
                let over = match event {
                    http2::Event::Head { stream, status, ends } => {
                        let ticket = *session.ticket(stream).expect("it is open");
                        read[ticket].0 = status;
                        ends.then_some(stream)
                    }
                    http2::Event::Body { stream, bytes, ends } => {
                        let ticket = *session.ticket(stream).expect("it is open");
                        read[ticket].1 += bytes.len();
                        ends.then_some(stream)
                    }
                    http2::Event::End { stream } => Some(stream),
                    http2::Event::Settings { .. } => None,
                    other => panic!("unexpected {other:?}"),
                };
                if let Some(stream) = over {
                    session.finish(stream);
                }
            }
        }
    }
    read
}
