//! Bad servers: a listener, a thread for each connection, and a function that does with it what it wants.
//!
//! Everything a test sends is written by hand here, byte by byte: no library would let it.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::net::sockopt;

/// A server that does what a test wants of it, until the test is over.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Hostile {
    /// `behave` gets every connection and its number, each on a thread of its own.
    pub(crate) fn start(behave: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Hostile {
        Hostile::start_for(usize::MAX, behave)
    }

    /// The same, and nobody listens any more after so many connections.
    pub(crate) fn start_for(
        connections: usize,
        behave: impl Fn(usize, TcpStream) + Send + Sync + 'static,
    ) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (accepted, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, is_over) = (accepted.clone(), over.clone());
        let listening = thread::spawn(move || {
            let behave = Arc::new(behave);
            let mut threads = Vec::new();
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let behave = behave.clone();
                threads.push(thread::spawn(move || behave(number, stream)));
                if number + 1 >= connections {
                    break;
                }
                threads.retain(|thread| !thread.is_finished());
            }
            drop(listener);
            // They end because the client has gone.
            for thread in threads {
                let _ = thread.join();
            }
        });
        Hostile {
            address,
            accepted,
            over,
            listening: Some(listening),
        }
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
        // After a run that hangs its threads hang as well, and the test has failed already.
        if thread::panicking() {
            return;
        }
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// Reads to the end of a request's head; false when the client has gone.
pub(crate) fn read_request(stream: &mut TcpStream) -> bool {
    let (mut tail, mut byte) = ([0_u8; 4], [0_u8; 1]);
    while stream.read_exact(&mut byte).is_ok() {
        tail.rotate_left(1);
        tail[3] = byte[0];
        if &tail == b"\r\n\r\n" {
            return true;
        }
    }
    false
}

/// Reads and forgets until the client closes.
pub(crate) fn swallow(mut stream: TcpStream) {
    let mut buffer = [0; 4_096];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

/// Ends a connection with a reset instead of in good order.
pub(crate) fn reset(stream: TcpStream) {
    let _ = sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    drop(stream);
}

/// Closes without a reset: what the client still sends is read, or the kernel would answer it with one.
pub(crate) fn close(stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    swallow(stream);
}

/// Writes the same again and again, for as long as somebody takes it.
pub(crate) fn flood(stream: &mut TcpStream, bytes: &[u8]) {
    let many = bytes.repeat((16_384 / bytes.len()).max(1));
    while stream.write_all(&many).is_ok() {}
}

/// Frames of HTTP/2, as wrong as a test wants them.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a short payload")
        .to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in values {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

pub(crate) fn goaway(last_stream: u32, code: u32, debug: &str) -> Vec<u8> {
    let mut payload = last_stream.to_be_bytes().to_vec();
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(debug.as_bytes());
    frame(GOAWAY, 0, 0, &payload)
}

pub(crate) fn rst(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// `:status: 200`, then five bytes.
pub(crate) fn answer(stream: u32) -> Vec<u8> {
    let mut answer = frame(HEADERS, END_HEADERS, stream, &[0x88]);
    answer.extend(frame(DATA, END_STREAM, stream, b"hello"));
    answer
}

/// A client that speaks HTTP/2, as the server sees it.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    /// Reads the preface and sends these SETTINGS, none if there are none. No client, no behaviour.
    pub(crate) fn greet(mut stream: TcpStream, values: &[(u16, u32)]) -> Option<Client> {
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).ok()?;
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        stream.write_all(&settings(values)).ok()?;
        Some(Client { stream })
    }

    /// The stream of the next request, whose body is over as well; none when the client has gone.
    pub(crate) fn request(&mut self) -> Option<u32> {
        loop {
            let (kind, flags, stream) = self.frame()?;
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return Some(stream);
            }
        }
    }

    /// Kind, flags and stream of the next frame.
    pub(crate) fn frame(&mut self) -> Option<(u8, u8, u32)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Some((head[3], head[4], stream))
    }

    /// False when the client has gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }
}
