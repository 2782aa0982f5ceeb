//! Bodies on their way to the server, as fast as its windows allow.

use std::sync::Arc;

use super::{
    Session,
    frame::{Header, flag, kind},
};

/// Bytes written and not yet sent, at which bodies wait: the rest would only lie in memory.
const OUTPUT_MAX: usize = 256 * 1_024;

/// A body of which something is left.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) stream: u32,
    body: Arc<[u8]>,
    sent: usize,
}

impl Upload {
    pub(super) fn new(stream: u32, body: &Arc<[u8]>) -> Upload {
        Upload {
            stream,
            body: Arc::clone(body),
            sent: 0,
        }
    }
}

impl<T> Session<T> {
    /// Whether bodies wait to be sent.
    #[inline]
    pub fn has_uploads(&self) -> bool {
        !self.uploads.is_empty()
    }

    /// Writes what the windows allow, the oldest body first. Where a closed window is what stops it, the time counts
    /// as stalled.
    pub fn upload(&mut self, now: u64, out: &mut Vec<u8>) {
        let mut is_stalled = false;
        let mut uploads = std::mem::take(&mut self.uploads);
        uploads.retain_mut(|upload| {
            let Some(stream) = self.streams.get(upload.stream) else {
                return false;
            };
            while out.len() < OUTPUT_MAX {
                let left = upload.body.len() - upload.sent;
                let window = self.window.min(self.peer.window + stream.window);
                let part = left
                    .min(self.peer.frame_max as usize)
                    .min(usize::try_from(window).unwrap_or(0));
                if part == 0 {
                    is_stalled = true;
                    return true;
                }
                let is_last = part == left;
                Header {
                    length: part as u32,
                    kind: kind::DATA,
                    flags: if is_last { flag::END_STREAM } else { 0 },
                    stream: upload.stream,
                }
                .write(out);
                out.extend_from_slice(&upload.body[upload.sent..upload.sent + part]);
                upload.sent += part;
                self.window -= part as i64;
                self.uploaded += part as u64;
                stream.window -= part as i64;
                if is_last {
                    return false;
                }
            }
            true
        });
        self.uploads = uploads;
        match (is_stalled, self.stalled_since) {
            (true, None) => self.stalled_since = Some(now),
            (false, Some(since)) => {
                self.stalled_ns += now.saturating_sub(since);
                self.stalled_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// The stream is over; true if its body was not sent whole.
    pub(super) fn forget_upload(&mut self, stream: u32) -> bool {
        let before = self.uploads.len();
        self.uploads.retain(|upload| upload.stream != stream);
        self.uploads.len() < before
    }
}
