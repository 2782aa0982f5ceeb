//! A responder on a free port, ended with the test.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

#[derive(Debug)]
pub(crate) struct Responder {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Responder {
    pub(crate) fn start(arguments: &[&str]) -> Responder {
        let mut child = Command::new(env!("CARGO_BIN_EXE_responder"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the responder starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its stdout"))
            .read_line(&mut line)
            .expect("its first line");
        let address = line
            .trim_end()
            .strip_prefix("listening on ")
            .expect("the address is announced");
        let address = address.parse().expect("an address");
        Responder { child, address }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
