//! The URL of the private socket.

use super::*;

#[test]
fn a_url_names_the_socket() {
    let managed = Managed {
        shared: Arc::default(),
        socket: PathBuf::from("/tmp/a b/söcket"),
        port: 5433,
        events: std::sync::mpsc::sync_channel(1).0,
        keeper: None,
    };
    assert_eq!(
        managed.url("fleet"),
        "postgres://sidequest@%2Ftmp%2Fa%20b%2Fs%C3%B6cket:5433/fleet"
    );
    let config: tokio_postgres::Config = managed.url("fleet").parse().unwrap();
    let own = managed.config("fleet", Duration::from_secs(1));
    assert_eq!(config.get_hosts(), own.get_hosts());
    assert_eq!(config.get_user(), own.get_user());
}
