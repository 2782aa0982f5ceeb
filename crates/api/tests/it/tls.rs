//! TLS: both protocols by ALPN, with files and with a certificate of our own.

use std::sync::Arc;

use api::config::Tls;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsConnector;

use crate::{
    client::whole,
    running::{QUICK, start},
};

#[tokio::test]
async fn both_protocols() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let directory = embedded::testing::temporary_directory();
    std::fs::create_dir_all(&directory).unwrap();
    let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let Some(server) = start(|config| config.tls = Tls::Files { cert, key }).await else {
        return;
    };
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    for protocol in ["h2", "http/1.1"] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(server.api).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        let mut tasks = JoinSet::new();
        let path = format!("https://localhost/api/v1/objects/analysis?{QUICK}");
        let request = Request::get(path)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = if protocol == "h2" {
            let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
            tasks.spawn(connection);
            whole(sender.send_request(request).await.unwrap()).await
        } else {
            let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tasks.spawn(connection);
            whole(sender.send_request(request).await.unwrap()).await
        };
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json().as_array().unwrap().len(), crate::running::THINGS);
    }
    server.ended().await.unwrap();
    let _ = std::fs::remove_dir_all(directory);
    let Some(server) = start(|config| config.tls = Tls::SelfSigned).await else {
        return;
    };
    server.ended().await.unwrap();
}
