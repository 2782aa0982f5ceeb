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
    group::Group,
    means::{Party, Settings},
    process::{self, Process},
};
use crate::{bench::free_address, workspace::output};

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    _group: Group,
}

impl Proxy {
    /// Before the API.
    pub(crate) fn start(directory: &Path, api: SocketAddr, settings: &Settings) -> anyhow::Result<Proxy> {
        let address = free_address()?;
        let group = Group::of(Party::Proxy, settings)?;
        let certificate = certificate(directory, settings.is_certificate_rsa)?;
        let file = directory.join("nginx.conf");
        let text = configuration(directory, address, api, &certificate, settings);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let mut command = process::command(&group, Path::new("nginx"));
        command
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(&file)
            .args(["-e", "stderr"]);
        let mut process = Process::start("nginx", &mut command, &directory.join("nginx.log"), Signal::TERM)?;
        process.wait_for(address)?;
        Ok(Proxy {
            address,
            process,
            _group: group,
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
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off;\n\
         client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;\n\
         uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
         upstream api {{ server {api}; {keep} }}"
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

fn certificate(directory: &Path, is_rsa: bool) -> anyhow::Result<Certificate> {
    let name = if is_rsa { "rsa4096" } else { "p256" };
    let certificate = Certificate {
        chain: directory.join(format!("{name}.pem")),
        key: directory.join(format!("{name}.key")),
    };
    if certificate.chain.exists() && certificate.key.exists() {
        return Ok(certificate);
    }
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=127.0.0.1"]);
    if is_rsa {
        command.args(["-newkey", "rsa:4096"]);
    } else {
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    }
    command.arg("-keyout").arg(&certificate.key);
    command.arg("-out").arg(&certificate.chain);
    output(&mut command)?;
    Ok(certificate)
}
