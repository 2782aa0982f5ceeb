//! The server dies with its owner, and the next owner finds everything.
//!
//! Owner and hidden command are this test binary itself, called with the name of one test and what it needs after
//! `--`; without that those two tests have nothing to do.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use embedded::{Engine, Supervisor, open};

use crate::directory::{Directory, config, gone, names, postgres_is_there, runs, value};

const ACT: &str = "acts-as";

/// What stands after `-- acts-as ROLE`, if this is such a call.
fn called_as(role: &str) -> Option<Vec<std::ffi::OsString>> {
    let mut arguments = std::env::args_os().skip_while(|argument| argument != ACT).skip(1);
    (arguments.next()? == role).then(|| arguments.collect())
}

fn arguments(test: &str, role: &str) -> Vec<String> {
    let test = format!("supervised::{test}");
    [
        &test,
        "--exact",
        "--nocapture",
        "--test-threads=1",
        "--",
        ACT,
        role,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn act_as_the_hidden_command() {
    if let Some(arguments) = called_as("postgres") {
        let code = embedded::supervise(arguments);
        panic!("it is no postgres: {code:?}");
    }
}

#[tokio::test]
async fn act_as_the_owner() {
    let Some(arguments) = called_as("owner") else {
        return;
    };
    let [directory, supervisor] = &arguments[..] else {
        panic!("{arguments:?}")
    };
    let config = owners_config(Path::new(directory), supervisor == "self");
    let databases = open(&config, &names(&["fleet"])).await.unwrap();
    let client = databases.connect("fleet").await.unwrap().client;
    client
        .batch_execute("create table if not exists t (a int); insert into t values (1)")
        .await
        .unwrap();
    println!("\nowns {}", databases.postgres_pids()[0]);
    // Until it is killed.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn owners_config(directory: &Path, by_itself: bool) -> embedded::Config {
    let mut config = config(directory, Engine::Managed);
    config.sync = true;
    if by_itself {
        config.supervisor = Supervisor::SelfExe {
            arguments: arguments("act_as_the_hidden_command", "postgres"),
        };
    }
    config
}

struct Owner {
    process: Child,
    postgres: u32,
}

impl Owner {
    fn start(directory: &Path, supervisor: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(arguments("act_as_the_owner", "owner"))
            .arg(directory)
            .arg(supervisor)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let said = lines.find(|line| line.starts_with("owns ") || line.starts_with("test result"));
        let postgres = said.and_then(|line| line.strip_prefix("owns ")?.parse().ok());
        Self {
            process,
            postgres: postgres.expect("the owner has a server"),
        }
    }

    fn kill(mut self) -> u32 {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.postgres
    }
}

#[tokio::test]
async fn the_server_goes_with_its_killed_owner() {
    if !postgres_is_there() {
        return;
    }
    for supervisor in ["self", "direct"] {
        let directory = Directory::new();
        for _ in 0..2 {
            let postgres = Owner::start(directory.path(), supervisor).kill();
            gone(postgres).await;
        }
        let config = owners_config(directory.path(), supervisor == "self");
        let databases = open(&config, &names(&["fleet"])).await.unwrap();
        let client = databases.connect("fleet").await.unwrap().client;
        assert_eq!(value::<i64>(&client, "select count(*) from t").await, 2);
        databases.stop().await;
    }
}

#[tokio::test]
async fn the_next_owner_need_not_wait() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let first = Owner::start(directory.path(), "self").kill();
    // The first server may still be on its way out.
    let second = Owner::start(directory.path(), "self");
    assert!(runs(second.postgres) && !runs(first));
    gone(second.kill()).await;
}

#[tokio::test]
async fn owner_and_server_killed_together() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    for _ in 0..2 {
        let owner = Owner::start(directory.path(), "self");
        crate::directory::kill(owner.postgres, rustix::process::Signal::KILL);
        owner.kill();
    }
    let config = owners_config(directory.path(), true);
    let databases = open(&config, &names(&["fleet"])).await.unwrap();
    let client = databases.connect("fleet").await.unwrap().client;
    assert_eq!(value::<i64>(&client, "select count(*) from t").await, 2);
    databases.stop().await;
}

#[tokio::test]
async fn a_hidden_command_without_its_owner_runs_nothing() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(arguments("act_as_the_hidden_command", "postgres"))
        .args(["1", "/bin/echo", "ran"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    if cfg!(target_os = "linux") {
        assert!(said.contains("process 1 is gone"), "{said}");
    }
}
