//! Runs the binary: to its end, or as a server that is asked things and then stopped.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Filling three databases on a busy machine is included.
const START_MAX: Duration = Duration::from_secs(120);
const STOP_MAX: Duration = Duration::from_secs(60);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The binary, without what the environment says about it.
pub(crate) fn sidequest(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidequest"));
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("SIDEQUEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Exit code, stdout and stderr in one text, for a snapshot.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the binary runs");
    format!(
        "exit code: {}\n--- stdout\n{}--- stderr\n{}",
        output
            .status
            .code()
            .map_or_else(|| "none".to_owned(), |code| code.to_string()),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A directory of one test's own, that PostgreSQL's user may enter; gone with the test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("sidequest-it-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("the temporary directory can be written");
        Directory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn text(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that runs. Dropped, it is stopped.
pub(crate) struct Serving {
    child: Child,
    /// Of the API.
    pub(crate) address: SocketAddr,
    /// Of the admin listener.
    pub(crate) admin: SocketAddr,
    /// What it said until it listened.
    pub(crate) start: Vec<String>,
    readers: Vec<JoinHandle<()>>,
    stderr: Arc<Mutex<String>>,
}

impl Serving {
    /// Starts `serve` with free ports, and waits until it says where it listens.
    pub(crate) fn start(arguments: &[&str]) -> Serving {
        let ports = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--log-level",
            "warn",
        ];
        let mut command = sidequest(&[&ports, arguments].concat());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut errors = child.stderr.take().expect("stderr is piped");
        let stderr = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&stderr);
        let (sender, lines) = sync_channel(1_000);
        let readers = vec![
            thread::spawn(move || {
                for line in stdout.lines().map_while(Result::ok) {
                    // After the start nobody listens any more, but the pipe must be kept empty.
                    let _ = sender.try_send(line);
                }
            }),
            thread::spawn(move || {
                let mut text = String::new();
                let _ = errors.read_to_string(&mut text);
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&text);
            }),
        ];
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut serving = Serving {
            child,
            address: unknown,
            admin: unknown,
            start: Vec::new(),
            readers,
            stderr,
        };
        serving.listen_for_addresses(&lines);
        serving
    }

    fn listen_for_addresses(&mut self, lines: &Receiver<String>) {
        let until = Instant::now() + START_MAX;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = lines.recv_timeout(left) else {
                let said = self.start.join("\n");
                send(self.child.id(), Signal::TERM);
                let (code, stderr) = self.end();
                panic!("the server did not start: {code:?}\n{said}\n{stderr}");
            };
            self.start.push(line.clone());
            if let Some(rest) = line.strip_prefix("listening: http://") {
                let (address, rest) = rest
                    .split_once(' ')
                    .expect("an address, then the admin listener's");
                self.address = address.parse().expect("an address");
                let admin = rest
                    .split("http://")
                    .nth(1)
                    .and_then(|rest| rest.split('/').next());
                self.admin = admin
                    .expect("the admin listener's address")
                    .parse()
                    .expect("an address");
            }
            if line.starts_with("open ") {
                return;
            }
        }
    }

    /// Status and body of a GET.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(self.address, path).expect("the server answers")
    }

    /// Ends it by a signal: exit code, and all that stood on stderr.
    pub(crate) fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        send(self.child.id(), signal);
        self.end()
    }

    /// Waits for the end of one that was told to stop: another signal would say that nobody has patience left.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        self.end()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(&mut self) -> (Option<i32>, String) {
        let until = Instant::now() + STOP_MAX;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let code = self.child.wait().expect("it was our child").code();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        (
            code,
            self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        )
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            send(self.child.id(), Signal::TERM);
            self.end();
        }
    }
}

/// Status and body of a GET.
pub(crate) fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    ask(address, &format!("GET {path}"), "accept: */*", "")
}

/// `PUT /path` with these header lines: without keep-alive, and in HTTP/1.0, so that the answer ends where the
/// connection does.
pub(crate) fn ask(
    address: SocketAddr,
    what: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = match body.len() {
        0 => String::new(),
        bytes => format!("content-length: {bytes}\r\n"),
    };
    write!(
        stream,
        "{what} HTTP/1.0\r\nhost: localhost\r\n{headers}\r\n{length}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    match (status, body) {
        (Some(status), Some(body)) => Ok((status, body)),
        _ => Err(std::io::Error::other(format!("no HTTP: {answer:.200}"))),
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a pid is positive");
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
}
