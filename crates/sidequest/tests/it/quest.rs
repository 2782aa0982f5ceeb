//! `sidequest quest` from outside: a real nginx with its defaults, replay, conditions, and clear endings.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ::quest::observer::postgres::{Location, Session, Version, plan};

use crate::{
    binary::{Directory, Serving, run, sidequest},
    skip::{did_not_run, program},
};

/// nginx with everything as it comes, but for the directories; stopped when dropped.
struct Nginx {
    child: Child,
    port: u16,
    _directory: Directory,
}

impl Nginx {
    fn start(program: &Path) -> Nginx {
        let directory = Directory::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let here = directory.text();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {here}/{name};\n"))
            .collect();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log {here}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}server {{\nlisten 127.0.0.1:{port} http2;\n\
             location / {{ return 200 \"hello\"; }}\n}}\n}}\n"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a file");
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(directory.path().join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx runs");
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "nginx does not listen");
            std::thread::yield_now();
        }
        Nginx {
            child,
            port,
            _directory: directory,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_limit_of_nginx_is_named() {
    let Some(nginx) = program("nginx", "the_limit_of_nginx_is_named") else {
        return;
    };
    let nginx = Nginx::start(&nginx);
    let directory = Directory::new();
    let out = directory.path().join("out");
    let out = out.to_str().expect("the path is text");
    let url = format!("http://127.0.0.1:{}/", nginx.port);
    let said = run(&mut sidequest(&[
        "quest",
        &url,
        "--at-once",
        "5000",
        // Slower than even an unoptimised generator on a busy machine.
        "--max-rate",
        "5000",
        "--budget",
        "60s",
        "--out",
        out,
        "--quiet",
    ]));
    assert!(said.starts_with("exit code: 0\n"), "{said}");
    let report = fs::read_to_string(directory.path().join("out/report.json")).expect("the report is there");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["verdict"]["bottleneck"], "P1", "{said}");
    assert_eq!(report["verdict"]["grade"], "proven", "{said}");
    assert!(said.contains("1000"), "the limit: {said}");
    assert!(said.contains("keepalive_requests"), "the setting: {said}");

    // The evidence says the same again, without anybody to ask.
    drop(nginx);
    let again = run(&mut sidequest(&["quest", "--replay", out, "--json"]));
    let again: serde_json::Value = again
        .split_once("--- stdout\n")
        .and_then(|(_, rest)| rest.split_once("--- stderr"))
        .and_then(|(text, _)| serde_json::from_str(text).ok())
        .expect("JSON on stdout");
    assert_eq!(again["verdict"], report["verdict"]);

    // And a script can ask for it.
    let failed = run(&mut sidequest(&[
        "quest",
        "--replay",
        out,
        "--fail-if",
        "bottleneck=P1",
    ]));
    assert!(failed.starts_with("exit code: 9\n"), "{failed}");
    let fine = run(&mut sidequest(&[
        "quest",
        "--replay",
        out,
        "--fail-if",
        "bottleneck=D1",
    ]));
    assert!(fine.starts_with("exit code: 0\n"), "{fine}");
}

/// Answers whatever is asked; as long as the test's process lives.
fn answering() -> String {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("its address"));
    drop(std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(std::thread::spawn(move || {
                let mut request = [0; 4_096];
                while stream.read(&mut request).is_ok_and(|count| count > 0)
                    && stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                        .is_ok()
                {}
            }));
        }
    }));
    url
}

#[test]
fn a_process_of_no_such_name_is_told_with_what_to_give() {
    let url = answering();
    let told = run(&mut sidequest(&[
        "quest",
        &url,
        "--h1",
        "--quiet",
        "--process",
        "nobody-has-this-name",
    ]));
    assert!(
        told.starts_with("exit code: 2\n")
            && told.contains("the process `nobody-has-this-name`: there is none of this name")
            && told.contains("as `ps -e` shows it"),
        "{told}"
    );
}

#[test]
fn mistakes_and_dead_targets() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("its address"));
    drop(listener);
    let dead = run(&mut sidequest(&["quest", &url, "--quiet"]));
    assert!(dead.starts_with("exit code: 10\n"), "{dead}");
    assert!(dead.contains(&format!("error: failed to reach {url}")), "{dead}");

    let writes = run(&mut sidequest(&["quest", &url, "-X", "DELETE", "--quiet"]));
    assert!(
        writes.starts_with("exit code: 2\n") && writes.contains("--allow-writes"),
        "{writes}"
    );

    let values = std::env::temp_dir().join(format!("sidequest-no-values-{}", std::process::id()));
    fs::write(&values, "\n").expect("a file");
    let said = format!("id=@{}", values.display());
    let templated = format!("{url}{{id}}");
    let empty = run(&mut sidequest(&["quest", &templated, "--values", &said]));
    let _ = fs::remove_file(&values);
    assert!(
        empty.starts_with("exit code: 2\n") && empty.contains("holds none; write one a line"),
        "{empty}"
    );

    let condition = run(&mut sidequest(&["quest", &url, "--fail-if", "p99>fast"]));
    assert!(condition.starts_with("exit code: 2\n"), "{condition}");

    let secret = run(&mut sidequest(&[
        "quest",
        &url,
        "--postgres",
        "postgres://me:secret@",
    ]));
    assert!(
        secret.starts_with("exit code: 2\n") && !secret.contains("secret"),
        "{secret}"
    );

    let path = run(&mut sidequest(&[
        "quest",
        &url,
        "--probe",
        "cache=127.0.0.1:1,127.0.0.1:2",
    ]));
    assert!(
        path.starts_with("exit code: 2\n") && path.contains("`cache` is none of database, downstream"),
        "{path}"
    );

    let posted = run(&mut sidequest(&["quest", &url, "--as-posted"]));
    assert!(posted.starts_with("exit code: 2\n"), "{posted}");

    let nothing = run(&mut sidequest(&["quest"]));
    assert!(
        nothing.starts_with("exit code: 2\n") && nothing.contains("give a URL"),
        "{nothing}"
    );
}

#[test]
fn a_file_says_what_options_say() {
    let directory = Directory::new();
    let file = directory.path().join("quest.toml");
    fs::write(
        &file,
        "url = \"http://127.0.0.1:1/\"\nbudget = \"10s\"\nquiet = true\n",
    )
    .expect("a file");
    let file = file.to_str().expect("the path is text");
    let dead = run(&mut sidequest(&["quest", "--config", file]));
    assert!(dead.starts_with("exit code: 10\n"), "{dead}");
    let hook = "[[hooks]]\nsetting = \"pool\"\napply = \"touch a\"\nrevert = \"rm a\"\nsettle = \"1s\"\n";
    fs::write(file, format!("url = \"http://127.0.0.1:1/\"\n{hook}")).expect("a file");
    let told = run(&mut sidequest(&["quest", "--config", file]));
    assert!(
        told.contains("may change pool x2 by `touch a`") && told.contains("always changes it back by `rm a`"),
        "{told}"
    );
    fs::write(
        file,
        format!("url = \"http://127.0.0.1:1/\"\n{hook}leave-out = \"downstream\"\n"),
    )
    .expect("a file");
    let both = run(&mut sidequest(&["quest", "--config", file]));
    assert!(
        both.starts_with("exit code: 2\n") && both.contains("either a setting"),
        "{both}"
    );
    fs::write(file, "urll = \"http://127.0.0.1:1/\"\n").expect("a file");
    let unknown = run(&mut sidequest(&["quest", "--config", file]));
    assert!(
        unknown.starts_with("exit code: 2\n") && unknown.contains("urll"),
        "{unknown}"
    );
}

/// The smoke run of plants: our own server, and a client whose users share one connection of HTTP/1.1.
#[test]
fn users_who_share_one_connection_to_our_own_server_are_told() {
    const NAME: &str = "quest::users_who_share_one_connection_to_our_own_server_are_told";
    if program("initdb", NAME).is_none() {
        return;
    }
    let data = Directory::new();
    let server = Serving::start(&["--engine", "managed", "--data", data.text()]);
    let out = data.path().join("out");
    let out = out.to_str().expect("the path is text");
    let url = format!("http://{}/api/v1/objects/N14228", server.address);
    let metrics = format!("http://{}/metrics", server.admin);
    let began = Instant::now();
    let said = run(&mut sidequest(&[
        "quest",
        &url,
        "--h1",
        "--connections",
        "1",
        "--max-concurrency",
        "16",
        "--metrics",
        &metrics,
        "--process",
        &server.pid().to_string(),
        "--budget",
        "10s",
        "--out",
        out,
        "--quiet",
    ]));
    assert!(said.starts_with("exit code: 0\n"), "{said}");
    // Ten seconds, what is begun is ended, and a machine that does much else.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let report = fs::read_to_string(data.path().join("out/report.json")).expect("the report is there");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["verdict"]["bottleneck"], "C1", "{said}");
}

#[test]
fn an_index_that_is_missing_is_found_without_making_it() {
    const NAME: &str = "quest::an_index_that_is_missing_is_found_without_making_it";
    if program("initdb", NAME).is_none() {
        return;
    }
    let data = Directory::new();
    let _server = Serving::start(&["--engine", "managed", "--data", data.text()]);
    let place = format!(
        "host={} user=sidequest dbname=postgres sslmode=disable",
        data.path().join("managed/socket").display()
    );
    let location = Location::parse(&place).expect("a place");
    let mut session = Session::open(&location).expect("the managed database lets us in");
    if session
        .query("BEGIN READ WRITE; CREATE EXTENSION IF NOT EXISTS hypopg; COMMIT")
        .is_err()
    {
        did_not_run(NAME, "this PostgreSQL has no extension hypopg");
        return;
    }
    session
        .query(
            "BEGIN READ WRITE; CREATE TABLE event AS SELECT n AS id, n % 20000 AS kind FROM generate_series(1, 100000) n; \
             ANALYZE event; COMMIT",
        )
        .expect("a table");
    let version = Version::ask(&mut session).expect("a version");
    let statement = "select * from event where kind = $1";
    let found = plan::explain(&mut session, &version, "1", statement).expect("a plan");
    let scan = found.steps.iter().find(|step| step.is_of_all()).expect("a scan");
    // What the filter removes is known without running anything.
    assert!(
        scan.read.is_some_and(|read| read - scan.rows > 90_000.0),
        "{:?}",
        found.steps
    );
    let trial = found.trials.first().expect("an index was tried");
    assert_eq!(trial.index, "CREATE INDEX ON event (kind)");
    assert!(
        trial.is_used && trial.cost * 10.0 < found.cost,
        "{trial:?} of {}",
        found.cost
    );
    // And the statement is as it was afterwards.
    let again = plan::explain(&mut session, &version, "1", statement).expect("a plan");
    assert_eq!(again.cost, found.cost);
}
