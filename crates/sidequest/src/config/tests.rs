//! Which layer wins, and what is refused.

use clap::Parser as _;

use super::*;
use crate::args::{Command, CommandLine};

fn serve(options: &[&str]) -> Serve {
    let words = ["sidequest", "serve"].iter().chain(options);
    match CommandLine::try_parse_from(words)
        .expect("the options are right")
        .command
    {
        Some(Command::Serve(serve)) => *serve,
        other => panic!("not serve: {other:?}"),
    }
}

fn environment() -> Environment {
    Environment {
        home: Some("/home/ann".into()),
        ..Environment::default()
    }
}

fn resolve(options: &[&str], environment: &Environment) -> Config {
    Config::resolve(serve(options), environment).expect("the options fit together")
}

fn refusal(options: &[&str]) -> String {
    let failure =
        Config::resolve(serve(options), &environment()).expect_err("the options do not fit together");
    assert_eq!(failure.exit, Exit::Usage);
    format!("{:#} {}", failure.error, failure.hint.unwrap_or_default())
}

/// A configuration file that is removed with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let directory = env::temp_dir().join(format!("sidequest-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("the temporary directory can be written");
        let path = directory.join("sidequest.toml");
        std::fs::write(&path, text).expect("the temporary directory can be written");
        File(path)
    }

    fn directory(&self) -> &Path {
        self.0.parent().expect("the file is in a directory")
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.directory());
    }
}

#[test]
fn without_a_word_the_defaults_hold() {
    let config = resolve(&[], &environment());
    assert_eq!(config.listen.to_string(), LISTEN);
    assert_eq!(
        config.admin.map(|address| address.to_string()).as_deref(),
        Some(ADMIN)
    );
    assert_eq!(config.tls, Tls::Off);
    assert_eq!(config.request_timeout, Duration::from_secs(10));
    assert_eq!(config.cache_bytes, 256 << 20);
    assert!(!config.allow_remote);
    assert_eq!(config.log.filter, "info");
}

#[test]
fn an_option_wins_over_the_file() {
    let file = File::new(
        "wins",
        "listen = \"127.0.0.1:1\"\nrequest-timeout = \"3s\"\nno-cache = true\n",
    );
    let config = resolve(
        &["--config", file.path(), "--listen", "127.0.0.1:2"],
        &environment(),
    );
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.request_timeout, Duration::from_secs(3));
    assert_eq!(config.cache_bytes, 0);
    let config = resolve(&["--config", file.path(), "--no-cache=false"], &environment());
    assert_eq!(config.cache_bytes, 256 << 20);
    let config = resolve(&["--cache-bytes", "8MiB"], &environment());
    assert_eq!(config.cache_bytes, 8 << 20);
}

#[test]
fn databases_are_layered_by_name() {
    let file = File::new(
        "layers",
        "[database]\nfleet = \"postgres://file/fleet\"\nweather = \"managed\"\n",
    );
    let mut environment = environment();
    environment.databases = vec![Named {
        name: "fleet".to_owned(),
        location: "postgres://variable/fleet".to_owned(),
    }];
    let placed = |options: &[&str]| resolve(options, &environment).databases.placed;
    let url = |text: &str| Some(embedded::External::Url(text.to_owned()));
    let both = placed(&["--config", file.path()]);
    assert_eq!(both.get("fleet").cloned(), url("postgres://variable/fleet"));
    assert_eq!(both.get("weather").cloned(), Some(embedded::External::Managed));
    let all = placed(&[
        "--config",
        file.path(),
        "--database",
        "fleet=postgres://option/fleet",
    ]);
    assert_eq!(all.get("fleet").cloned(), url("postgres://option/fleet"));
}

#[test]
fn paths_in_the_file_are_relative_to_it() {
    let file = File::new("paths", "model = \"my-model\"\n");
    let config = resolve(&["--config", file.path()], &environment());
    assert_eq!(config.model, Some(file.directory().join("my-model")));
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let file = File::new("unknown", "listen = \"127.0.0.1:1\"\nlisten-on = 3\n");
    let message = refusal(&["--config", file.path()]);
    assert!(message.contains("line 2"), "{message}");
    assert!(message.contains("unknown field `listen-on`"), "{message}");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    assert!(refusal(&["--tls-cert", "a.pem"]).contains("--tls-key"));
    assert!(
        refusal(&["--tls-cert", "a", "--tls-key", "b", "--tls-self-signed"]).contains("choose a certificate")
    );
    assert!(refusal(&["--database", "a=managed", "--database", "a=in-process"]).contains("twice"));
    assert!(refusal(&["--log-level", "api=loud"]).contains("log level"));
}

#[test]
fn a_mistyped_url_is_not_repeated() {
    for mistyped in [
        "fleet=secret",
        "postgres://me:secret@localhost/shop",
        "secret",
        "=secret",
    ] {
        let message = refusal(&["--database", mistyped]);
        assert!(!message.contains("secret"), "{message}");
        assert!(
            message.contains("NAME=") || message.contains("managed"),
            "{message}"
        );
    }
}

#[test]
fn our_databases_are_where_the_platform_wants_them() {
    let directory = |environment: &Environment| environment.data_directory();
    assert_eq!(directory(&Environment::default()), None);
    let mut environment = environment();
    if cfg!(target_os = "linux") {
        assert_eq!(
            directory(&environment),
            Some("/home/ann/.local/share/sidequest".into())
        );
        environment.data_home = Some("/data".into());
        assert_eq!(directory(&environment), Some("/data/sidequest".into()));
        environment.is_root = true;
        assert_eq!(directory(&environment), Some("/var/lib/sidequest".into()));
    }
}

#[test]
fn quiet_leaves_warnings() {
    assert_eq!(resolve(&["--quiet"], &environment()).log.filter, "warn");
    assert_eq!(
        resolve(&["--quiet", "--log-level", "debug"], &environment())
            .log
            .filter,
        "debug"
    );
}

/// A tenant and a key for Pyroscope stand in a file, which nothing that is shown repeats.
#[test]
fn headers_for_pyroscope_are_read_and_not_shown() {
    let file = File::new(
        "pyroscope",
        "# ours\nX-Scope-OrgID: team\nAuthorization: Bearer marked\n",
    );
    let options = ["--pyroscope-headers", file.path()];
    assert!(refusal(&options).contains("--pyroscope"));
    let options = [&options[..], &["--pyroscope", "http://localhost:4040"]].concat();
    let config = resolve(&options, &environment());
    let shown = format!("{:?} {}", config.telemetry, config.shown());
    assert!(shown.contains("x-scope-orgid"), "{shown}");
    assert!(!shown.contains("marked") && !shown.contains("team"), "{shown}");
}
