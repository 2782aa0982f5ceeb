//! Whoever dies, what was acknowledged is there: the server, or PostgreSQL below it, killed in the middle of writes.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    binary::{Directory, Serving, ask, send},
    skip,
};

const WRITERS: usize = 16;
const ACCOUNTS: usize = 10;
const KILLS: usize = 10;
/// Acknowledged writes between two deaths.
const WRITES: usize = 100;
/// Between two deaths, with a database that recovers and a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// A writer that was told that the database is down asks again after this time.
const RETRY: Duration = Duration::from_millis(20);

/// What the writers did, over all deaths.
#[derive(Default)]
struct Ledger {
    /// By account and revision: balance and author that were acknowledged.
    acknowledged: Mutex<HashMap<(usize, u64), (u64, String)>>,
    /// By balance: account and author. Each balance is written to one account by one writer, and if the answer
    /// was lost not again.
    attempted: Mutex<HashMap<u64, (usize, String)>>,
    count: AtomicUsize,
    /// The next balance.
    next: AtomicU64,
    /// Writes that were answered by 503.
    unavailable: AtomicUsize,
    /// Writes that got no answer.
    lost: AtomicUsize,
    stopped: AtomicBool,
}

/// What a writer does when its write gets no answer at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// The server is dead, as planned.
    Ends,
    /// The server lives, so it is a failure.
    Fails,
}

#[test]
fn what_was_acknowledged_survives_kill_9_of_the_server() {
    if skip::program(
        "initdb",
        "crash::what_was_acknowledged_survives_kill_9_of_the_server",
    )
    .is_none()
    {
        return;
    }
    let data = Directory::new();
    let ledger = Ledger::default();
    for death in 0..KILLS {
        let server = start(&data);
        if death == 0 {
            ledger.open(server.address);
        }
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (ledger, address) = (&ledger, server.address);
                scope.spawn(move || ledger.write(writer, address, Silence::Ends));
            }
            ledger.wait_for((death + 1) * WRITES);
            send(server.pid(), Signal::KILL);
        });
    }
    let server = start(&data);
    ledger.verify(&server);
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}

#[test]
fn what_was_acknowledged_survives_kill_9_of_postgresql() {
    if skip::program(
        "initdb",
        "crash::what_was_acknowledged_survives_kill_9_of_postgresql",
    )
    .is_none()
    {
        return;
    }
    let data = Directory::new();
    let ledger = Ledger::default();
    let server = start(&data);
    ledger.open(server.address);
    let file = postmaster_file(data.path()).expect("PostgreSQL runs in the data directory");
    thread::scope(|scope| {
        // Whatever fails below, the writers end.
        let _stop = Stop(&ledger.stopped);
        for writer in 0..WRITERS {
            let (ledger, address) = (&ledger, server.address);
            scope.spawn(move || ledger.write(writer, address, Silence::Fails));
        }
        for death in 1..=KILLS {
            ledger.wait_for(death * WRITES);
            kill_postgres(&file);
        }
        // It answers again, without a restart of the server.
        ledger.wait_for(ledger.count.load(Ordering::Relaxed) + WRITES);
    });
    let (_, metrics) = crate::binary::get(server.admin, "/metrics").expect("the admin listener answers");
    assert!(
        ledger.unavailable.load(Ordering::Relaxed) >= KILLS,
        "each death was noticed\n{metrics}"
    );
    ledger.verify(&server);
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}

fn start(data: &Directory) -> Serving {
    Serving::start(&["--engine", "managed", "--data", data.text(), "--model", "ledger"])
}

impl Ledger {
    /// Creates the accounts: revision 1 of each.
    fn open(&self, address: SocketAddr) {
        for account in 0..ACCOUNTS {
            let balance = self.attempt(account, "teller");
            let (status, body) = put(address, "PUT", account, "if-none-match: *", "teller", balance)
                .expect("the server answers");
            assert_eq!(status, 201, "{body}");
            self.acknowledge(account, 1, balance, "teller");
        }
        self.count.store(0, Ordering::Relaxed);
    }

    /// Writes one account after the other, each until it is acknowledged or nobody knows.
    fn write(&self, writer: usize, address: SocketAddr, silence: Silence) {
        let author = format!("writer {writer}");
        let mut revisions = [1; ACCOUNTS];
        for round in 0.. {
            let account = (writer * 7 + round * 3) % ACCOUNTS;
            let balance = self.attempt(account, &author);
            loop {
                if self.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let precondition = format!("if-match: \"{}\"", revisions[account]);
                let answer = put(address, "PATCH", account, &precondition, &author, balance);
                let (status, body) = match answer {
                    Ok(answer) => answer,
                    Err(_) if silence == Silence::Ends => {
                        self.lost.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                    Err(error) => panic!("the server lives and does not answer: {error}"),
                };
                let told: Value = serde_json::from_str(&body).unwrap_or_default();
                let number = |told: &Value| told["revision"].as_u64().expect("it has a revision");
                match status {
                    200 => {
                        revisions[account] = number(&told);
                        self.acknowledge(account, revisions[account], balance, &author);
                        break;
                    }
                    412 => revisions[account] = number(&told["current"]),
                    // It may have been written: it is not said again.
                    503 => {
                        self.unavailable.fetch_add(1, Ordering::Relaxed);
                        thread::sleep(RETRY);
                        break;
                    }
                    _ => panic!("{status}: {body}"),
                }
            }
        }
    }

    fn attempt(&self, account: usize, author: &str) -> u64 {
        let balance = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.attempted).insert(balance, (account, author.to_owned()));
        balance
    }

    fn acknowledge(&self, account: usize, revision: u64, balance: u64, author: &str) {
        let before = lock(&self.acknowledged).insert((account, revision), (balance, author.to_owned()));
        assert_eq!(
            before, None,
            "revision {revision} of account {account} was acknowledged twice"
        );
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until so many writes were acknowledged.
    fn wait_for(&self, writes: usize) {
        let until = Instant::now() + PATIENCE;
        while self.count.load(Ordering::Relaxed) < writes {
            let count = self.count.load(Ordering::Relaxed);
            assert!(Instant::now() < until, "{count} of {writes} writes");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Holds what is there to what was acknowledged and tried.
    fn verify(&self, server: &Serving) {
        let (status, body) = server.get("/api/v1/accounts/export?revisions=all");
        assert_eq!(status, 200, "{body:.300}");
        let mut found: HashMap<usize, Vec<(u64, u64, String)>> = HashMap::new();
        let attempted = lock(&self.attempted);
        let mut seen = HashSet::new();
        for line in body.lines() {
            let line: Value = serde_json::from_str(line).expect("it is JSON");
            let number = |name: &str| line[name].as_u64().expect("it is a number");
            let account = usize::try_from(number("id")).expect("it is small");
            let (balance, author) = (
                number("balance"),
                line["author"].as_str().unwrap_or_default().to_owned(),
            );
            assert!(seen.insert(balance), "balance {balance} was written twice");
            assert_eq!(
                attempted.get(&balance),
                Some(&(account, author.clone())),
                "nobody wrote {line}"
            );
            found
                .entry(account)
                .or_default()
                .push((number("revision"), balance, author));
        }
        for (account, revisions) in &mut found {
            revisions.sort();
            let numbers: Vec<u64> = revisions.iter().map(|(number, ..)| *number).collect();
            let dense: Vec<u64> = (1..=revisions.len() as u64).collect();
            assert_eq!(numbers, dense, "revisions of account {account}");
        }
        let acknowledged = lock(&self.acknowledged);
        assert!(acknowledged.len() >= KILLS * WRITES, "{}", acknowledged.len());
        for ((account, revision), (balance, author)) in acknowledged.iter() {
            let at = usize::try_from(*revision).expect("it is small") - 1;
            let there = found[account].get(at);
            assert_eq!(
                there,
                Some(&(*revision, *balance, author.clone())),
                "account {account}"
            );
        }
        // Seen with `--no-capture`: how much was put at stake.
        let _ = writeln!(
            std::io::stderr(),
            "{KILLS} deaths: {} revisions, {} acknowledged, {} writes without an answer, {} answered by 503",
            seen.len(),
            acknowledged.len(),
            self.lost.load(Ordering::Relaxed),
            self.unavailable.load(Ordering::Relaxed)
        );
    }
}

/// Tells the writers to end, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(
    address: SocketAddr,
    method: &str,
    account: usize,
    precondition: &str,
    author: &str,
    balance: u64,
) -> std::io::Result<(u16, String)> {
    let what = format!("{method} /api/v1/accounts/{account}");
    let headers = format!("content-type: application/json\r\nsidequest-author: {author}\r\n{precondition}");
    ask(address, &what, &headers, &format!("{{\"balance\":{balance}}}"))
}

/// `postmaster.pid`, somewhere below the data directory.
pub(crate) fn postmaster_file(directory: &Path) -> Option<PathBuf> {
    let file = directory.join("postmaster.pid");
    if file.exists() {
        return Some(file);
    }
    let entries = fs::read_dir(directory).ok()?.flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .find_map(|entry| postmaster_file(&entry.path()))
}

/// Ends the postmaster and all its children by force, as a machine without memory would.
fn kill_postgres(file: &Path) {
    let text = fs::read_to_string(file).expect("PostgreSQL runs");
    let postmaster: u32 = text
        .lines()
        .next()
        .and_then(|pid| pid.trim().parse().ok())
        .expect("a pid");
    // Its children before it ends, or they are nobody's.
    let children = children(postmaster);
    send(postmaster, Signal::KILL);
    for child in children {
        send(child, Signal::KILL);
    }
}

/// Processes whose parent is this one.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            // The name may hold spaces and parentheses; behind its last one: state, parent.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
            after.split_whitespace().nth(1) == Some(&parent.to_string())
        })
        .collect()
}
