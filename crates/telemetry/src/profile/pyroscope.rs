//! Continuous profiles to Pyroscope's ingest API: one window after the other, each pushed when it is over.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, header};

use super::{Profile, Profiler, Window};
use crate::{
    error::Error,
    metric::{Registry, number::Counter},
    otlp::Headers,
    push::{Client, Version, endpoint::Endpoint},
};

/// After a failure, windows are not sent for so many intervals; the last is at most this.
const PAUSE_MAX: u32 = 16;

/// Where profiles go, and how often.
#[derive(Clone, Debug)]
pub struct Config {
    /// Pyroscope, or what speaks like it.
    pub endpoint: Endpoint,
    /// Under this name, with labels in braces if wanted.
    pub application: String,
    /// When a profile is over and pushed.
    pub window: Window,
    /// Pyroscope answers within it, or has failed.
    pub timeout: Duration,
    /// Sent with each profile.
    pub headers: Headers,
}

/// Takes and pushes profiles until it is told to end.
pub struct Pusher {
    config: Config,
    profiler: Profiler,
    client: Client,
    pushed: Counter,
    failures: Counter,
}

/// A pusher, which has to be run.
pub fn pusher(config: Config, profiler: Profiler, registry: &Registry) -> Pusher {
    Pusher {
        client: Client::new(config.endpoint.clone(), Version::Http1, config.timeout),
        pushed: registry.counter(
            "sidequest_profiles_pushed_total",
            "Continuous profiles that Pyroscope took.",
        ),
        failures: registry.counter(
            "sidequest_profiles_failed_total",
            "Continuous profiles that were not taken or not sent.",
        ),
        config,
        profiler,
    }
}

impl Pusher {
    /// Runs until `closing`. A window in which nothing ran is not sent.
    pub async fn run(mut self, closing: impl Future<Output = ()>) {
        let mut closing = std::pin::pin!(closing);
        let mut failures_in_row = 0_u32;
        loop {
            tokio::select! {
                () = &mut closing => return,
                pushed = self.window() => match pushed {
                    Ok(()) => failures_in_row = 0,
                    Err(reason) => {
                        self.failures.increment();
                        if failures_in_row == 0 {
                            tracing::warn!(reason, endpoint = ?self.config.endpoint, "a profile did not reach Pyroscope");
                        }
                        failures_in_row += 1;
                    }
                },
            }
            if failures_in_row > 0 {
                let windows = 2_u32.saturating_pow(failures_in_row.min(5) - 1).min(PAUSE_MAX);
                tokio::select! {
                    () = &mut closing => return,
                    () = tokio::time::sleep(self.config.window.age_min * windows) => {}
                }
            }
        }
    }

    async fn window(&mut self) -> Result<(), String> {
        let profile = self
            .profiler
            .take_window(&self.config.window)
            .await
            .map_err(told)?;
        if profile.samples() == 0 {
            return Ok(());
        }
        let profile = Arc::new(profile);
        let packed = Arc::clone(&profile);
        let body = tokio::task::spawn_blocking(move || packed.pprof())
            .await
            .map_err(|error| error.to_string())?
            .map_err(told)?;
        self.push(&profile, &body).await
    }

    async fn push(&mut self, profile: &Profile, pprof: &[u8]) -> Result<(), String> {
        let seconds = |at: SystemTime| {
            at.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs()
        };
        let from = seconds(profile.began);
        let until = seconds(profile.began + profile.took).max(from + 1);
        let target = format!(
            "{}/ingest?name={}&from={from}&until={until}&format=pprof&sampleRate={}&spyName=sidequest",
            self.config.endpoint.path(),
            escape(&self.config.application),
            profile.hertz,
        );
        let mut headers = self.config.headers.map().clone();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("multipart/form-data; boundary=sidequest-profile"),
        );
        let mut body = Vec::with_capacity(pprof.len() + 256);
        body.extend_from_slice(
            b"--sidequest-profile\r\nContent-Disposition: form-data; name=\"profile\"; filename=\"profile.pprof\"\r\n\
              Content-Type: application/octet-stream\r\n\r\n",
        );
        body.extend_from_slice(pprof);
        body.extend_from_slice(b"\r\n--sidequest-profile--\r\n");
        let answer = self.client.post(&target, &headers, Bytes::from(body)).await;
        match answer {
            Ok(answer) if answer.status.is_success() => {
                self.pushed.increment();
                Ok(())
            }
            Ok(answer) => Err(format!("status {}", answer.status.as_u16())),
            Err(failure) => Err(failure.to_string()),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn told(error: Error) -> String {
    error.to_string()
}

/// As in a query: everything but letters, digits and a few marks as `%XX`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
