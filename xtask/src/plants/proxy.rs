//! The rig's nginx: its configuration as text, and the certificates that it shows.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use rustix::process::Signal;

use super::{
    distance::Distance,
    group::Group,
    means::{Party, Settings},
    namespace::Namespace,
    process::{self, Process},
};
use crate::{bench::free_address, workspace::output};

/// How many requests a connection may carry.
pub(crate) const REQUESTS_EACH: &str = "keepalive_requests";

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// What it says of errors.
    pub(crate) log: PathBuf,
    /// What it says of requests.
    pub(crate) access_log: PathBuf,
    pub(crate) process: Process,
    _group: Group,
    _distance: Option<Distance>,
}

impl Proxy {
    /// Before the API.
    pub(crate) fn start(
        directory: &Path,
        api: SocketAddr,
        namespace: Option<&Namespace>,
        settings: &Settings,
    ) -> anyhow::Result<Proxy> {
        let distance = Distance::of(Party::Proxy, directory, settings)?;
        let listen = match (namespace, &distance) {
            (Some(namespace), _) => namespace.listen(free_address()?.port()),
            (None, Some(distance)) => distance.listen(free_address()?.port()),
            (None, None) => free_address()?,
        };
        let address = distance
            .as_ref()
            .map_or(listen, |distance| distance.reached(listen));
        let group = Group::of(Party::Proxy, settings)?;
        let certificate = certificate(directory, settings.certificate_rsa_bits)?;
        let file = directory.join("nginx.conf");
        let text = configuration(directory, listen, api, &certificate, settings);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let mut command = match namespace {
            Some(namespace) => namespace.command(&group, Path::new("nginx")),
            None => process::command(&group, Path::new("nginx")),
        };
        command
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(&file)
            .args(["-e", "stderr"]);
        let log = directory.join("nginx.log");
        let access_log = directory.join("access.log");
        fs::write(&access_log, "").with_context(|| format!("write {}", access_log.display()))?;
        let mut process = Process::start("nginx", &mut command, &log, Signal::TERM)?;
        process.wait_for(address)?;
        Ok(Proxy {
            address,
            log,
            access_log,
            process,
            _group: group,
            _distance: distance,
        })
    }
}

fn configuration(
    directory: &Path,
    address: SocketAddr,
    api: SocketAddr,
    certificate: &Certificate,
    settings: &Settings,
) -> String {
    let mut text = String::new();
    let at = directory.display();
    let (keep, connection) = if settings.is_upstream_closed {
        ("", "close")
    } else {
        ("keepalive 64;", "\"\"")
    };
    let _ = writeln!(
        text,
        "daemon off; user root; worker_processes 1; pid {at}/nginx.pid; error_log stderr warn;\n\
         events {{ worker_connections {}; }}\n\
         http {{ log_format times 'uct=$upstream_connect_time urt=$upstream_response_time';\n\
         access_log {at}/access.log times;\n\
         client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;\n\
         uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
         upstream api {{ server {api}; {keep} }}",
        settings.worker_connections.unwrap_or(4096)
    );
    for (name, value) in &settings.proxy_http {
        let _ = writeln!(text, "{name} {value};");
    }
    let _ = writeln!(
        text,
        "server {{ listen {address} ssl http2;\n\
         ssl_certificate {}; ssl_certificate_key {}; ssl_session_tickets off; ssl_session_cache off;\n\
         proxy_http_version 1.1; proxy_set_header Connection {connection};",
        certificate.chain.display(),
        certificate.key.display()
    );
    // nginx's default of 1000 is a plant of its own.
    if !settings.proxy.contains_key(REQUESTS_EACH) {
        let _ = writeln!(text, "{REQUESTS_EACH} 1000000;");
    }
    for (name, value) in &settings.proxy {
        let _ = writeln!(text, "{name} {value};");
    }
    text.push_str("location / { proxy_pass http://api; }\n} }\n");
    text
}

struct Certificate {
    chain: PathBuf,
    key: PathBuf,
}

fn certificate(directory: &Path, rsa_bits: Option<u32>) -> anyhow::Result<Certificate> {
    let name = rsa_bits.map_or_else(|| "p256".to_owned(), |bits| format!("rsa{bits}"));
    let certificate = Certificate {
        chain: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    };
    if certificate.chain.exists() && certificate.key.exists() {
        return Ok(certificate);
    }
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1"]);
    match rsa_bits {
        Some(bits) => command.arg("-newkey").arg(format!("rsa:{bits}")),
        None => command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]),
    };
    command.arg("-keyout").arg(&certificate.key);
    command.arg("-out").arg(&certificate.chain);
    output(&mut command)?;
    Ok(certificate)
}
