//! What `/config` shows: every setting as it is in force, and no secret.

use serde_json::{Value, json};

use super::{Config, Tls};

impl Config {
    /// Of a database only that it was placed: its URL may hold a password.
    pub(crate) fn shown(&self) -> Value {
        let ms = |time: std::time::Duration| format!("{}ms", time.as_millis());
        let path = |path: &std::path::Path| path.display().to_string();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": self.model.as_deref().map(path),
            "listen": self.listen.to_string(),
            "allow-remote": self.allow_remote,
            "read-only": self.read_only,
            "admin": self.admin.map(|address| address.to_string()),
            "tls": match &self.tls {
                Tls::Off => "off",
                Tls::Files { .. } => "files",
                Tls::SelfSigned => "self-signed",
            },
            "data": path(&self.databases.directory),
            "engine": format!("{:?}", self.databases.engine).to_lowercase(),
            "database": self.databases.placed.keys().collect::<Vec<_>>(),
            "pool": self.pool,
            "strategy": format!("{:?}", self.strategy()).to_lowercase(),
            "cache-bytes": self.cache_bytes,
            "request-timeout": ms(self.request_timeout),
            "in-flight-max": self.in_flight_max,
            "drain-max": ms(self.drain_max),
            "traces": self.telemetry.traces.enabled,
            "traces-share": self.telemetry.traces.share,
            "traces-slow": ms(self.telemetry.traces.slow),
            "statements-slow": ms(self.telemetry.statements_slow),
            "sql-comments": self.telemetry.sql_comments,
            "otlp": self.telemetry.otlp.as_ref().map(|otlp| format!("{:?}", otlp.endpoint)),
            "pyroscope": self.telemetry.pyroscope.as_ref().map(|push| format!("{:?}", push.endpoint)),
            "log-level": self.log.filter,
            "quiet": self.quiet,
        })
    }
}
