//! `sidequest quest` from outside: a real nginx with its defaults, replay, conditions, and clear endings.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    binary::{Directory, run, sidequest},
    skip::program,
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
