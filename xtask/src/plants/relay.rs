//! A relay before the database that lets what the database answers arrive later: distance, without a network.
//!
//! The design has a TUN device for it. Delay on one way is what a request sees of distance, and a relay of the
//! standard library needs nothing of the kernel.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::sync_channel,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::bench::free_address;

const CHUNK_BYTES: usize = 16_384;
/// Chunks on their way, of one connection.
const CHUNKS_MAX: usize = 1_024;

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Relay {
    /// Between those who connect and the address behind.
    pub(crate) fn start(behind: SocketAddr, delay: Duration) -> anyhow::Result<Relay> {
        let address = free_address()?;
        let listener = TcpListener::bind(address).context("start the relay")?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = is_stopped.clone();
        let acceptor = thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                if let Ok(far) = TcpStream::connect(behind) {
                    let _ = join(near, far, delay);
                }
            }
        });
        Ok(Relay {
            address,
            is_stopped,
            acceptor: Some(acceptor),
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // The acceptor sees the flag when somebody comes.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// Three threads a connection, which end with it.
fn join(near: TcpStream, far: TcpStream, delay: Duration) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut from_near, mut to_far) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_near, &mut to_far);
        let _ = to_far.shutdown(Shutdown::Write);
    });
    let (send, receive) = sync_channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let (mut from_far, mut to_near) = (far, near);
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(read) = from_far.read(&mut buffer)
            && read > 0
            && send
                .send((Instant::now() + delay, buffer[..read].to_vec()))
                .is_ok()
        {}
    });
    thread::spawn(move || {
        for (at, chunk) in receive {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if to_near.write_all(&chunk).is_err() {
                break;
            }
        }
        let _ = to_near.shutdown(Shutdown::Both);
    });
    Ok(())
}
