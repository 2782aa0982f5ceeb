//! One client at its end of the pipe: greeting, batches in turn, and what is left to tidy up when it goes.

use std::{collections::HashSet, future, io, sync::Arc};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::{OwnedSemaphorePermit, oneshot},
    time::timeout,
};

use super::{
    Common, Fault,
    frame::{self, Complaint, Found, Message, Search},
    host::{Batch, Done, Order},
    pipe::{self, Part},
    refusal::refusal,
};

/// How much is read at a time.
const READ_BYTES: usize = 16 << 10;

/// PostgreSQL's codes for what only the bridge can complain about.
const PROTOCOL_VIOLATION: &str = "08P01";
const CONNECTION_FAILURE: &str = "08006";
const LOCK_NOT_AVAILABLE: &str = "55P03";
const PROGRAM_LIMIT_EXCEEDED: &str = "54000";
const IDLE_IN_TRANSACTION: &str = "25P03";
const CRASH_SHUTDOWN: &str = "57P02";

/// Serves a client until it goes or has to go.
pub(super) async fn serve(stream: DuplexStream, common: Common) {
    let session = common.session.borrow().number;
    let mut client = Client {
        stream,
        common,
        session,
        buffer: BytesMut::new(),
        search: Search::default(),
        turn: None,
        statements: HashSet::new(),
    };
    let left = client.run().await;
    if let Err(Leave::Dismissed { code, message }) = &left {
        let complaint = Complaint {
            code,
            message,
            fatal: true,
        };
        let _ = client.write(&frame::complain(complaint)).await;
    }
    if !matches!(left, Err(Leave::Failed)) {
        client.tidy_up().await;
    }
}

struct Client {
    stream: DuplexStream,
    common: Common,
    session: u64,
    buffer: BytesMut,
    search: Search,
    /// Held from the beginning to the end of a transaction.
    turn: Option<OwnedSemaphorePermit>,
    /// Prepared and not yet closed: they would outlive the client in the shared session.
    statements: HashSet<Vec<u8>>,
}

/// Why a client is served no longer, other than by its own wish.
enum Leave {
    /// Its end of the pipe is gone.
    Gone,
    /// It is told why.
    Dismissed { code: &'static str, message: String },
    /// The backend failed amid its answer: nothing can be told and nothing tidied up.
    Failed,
}

impl From<io::Error> for Leave {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Client {
    async fn run(&mut self) -> Result<(), Leave> {
        self.greet().await?;
        while let Some(batch) = self.next_batch().await? {
            self.answer(batch).await?;
        }
        Ok(())
    }

    async fn greet(&mut self) -> Result<(), Leave> {
        loop {
            match frame::startup(&mut self.buffer) {
                Some(Ok(())) => break,
                Some(Err(reason)) => return Err(dismissed(PROTOCOL_VIOLATION, reason)),
                None => self.read().await?,
            }
        }
        let session = Arc::clone(&self.common.session.borrow());
        self.session = session.number;
        self.write(&frame::welcome(&session.parameters)).await
    }

    /// The next batch, or None when the client says good-bye.
    async fn next_batch(&mut self) -> Result<Option<Bytes>, Leave> {
        loop {
            match self
                .search
                .batch(&mut self.buffer, self.common.limits.batch_bytes)
            {
                Found::Batch(batch) => return Ok(Some(batch)),
                Found::Terminate => return Ok(None),
                Found::Garbage => return Err(dismissed(PROTOCOL_VIOLATION, "an unknown message")),
                Found::TooLong => {
                    return Err(dismissed(
                        PROGRAM_LIMIT_EXCEEDED,
                        "the statement with its parameters is too long",
                    ));
                }
                Found::Nothing => self.read().await?,
            }
        }
    }

    /// Waits for bytes. A client without a transaction goes with the session; one in a transaction must not dawdle.
    async fn read(&mut self) -> Result<(), Leave> {
        let in_transaction = self.turn.is_some();
        let idle = self.common.limits.transaction_idle;
        let session = self.session;
        self.buffer.reserve(READ_BYTES);
        let dawdled = async {
            if in_transaction {
                tokio::time::sleep(idle).await;
            } else {
                future::pending::<()>().await;
            }
        };
        tokio::select! {
            read = self.stream.read_buf(&mut self.buffer) => match read? {
                0 => Err(Leave::Gone),
                _ => Ok(()),
            },
            _ = self.common.session.wait_for(|now| now.number != session) => {
                Err(dismissed(CRASH_SHUTDOWN, "the in-process engine failed and was opened again"))
            }
            () = dawdled => Err(dismissed(IDLE_IN_TRANSACTION, "the transaction kept all others waiting")),
        }
    }

    async fn answer(&mut self, batch: Bytes) -> Result<(), Leave> {
        let reason = frame::messages(&batch).find_map(|message| match message {
            Message::Query { sql } | Message::Parse { sql, .. } => refusal(sql),
            Message::CloseStatement { .. } | Message::Other => None,
        });
        // The backend raises the error itself, so that a transaction is marked as failed there.
        let request = match reason {
            Some(reason) => raise(reason),
            None => {
                self.note_statements(&batch);
                batch
            }
        };
        let (turn, fresh) = match self.turn.take() {
            Some(turn) => (turn, false),
            None => match self.wait_for_turn().await {
                Some(turn) => (turn, true),
                None => return self.complain_of_waiting().await,
            },
        };
        self.exchange(request, turn, fresh, true).await
    }

    async fn wait_for_turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.common.turn).acquire_owned();
        timeout(self.common.limits.wait, turn).await.ok()?.ok()
    }

    async fn complain_of_waiting(&mut self) -> Result<(), Leave> {
        let waited = self.common.limits.wait.as_secs_f64();
        let message = format!("waited {waited} s for the one backend of the in-process engine");
        let complaint = Complaint {
            code: LOCK_NOT_AVAILABLE,
            message: &message,
            fatal: false,
        };
        self.write(&frame::complain(complaint)).await
    }

    /// Has a batch run and passes the answer on. A reader that goes or stalls leaves the backend to finish alone.
    async fn exchange(
        &mut self,
        request: Bytes,
        turn: OwnedSemaphorePermit,
        fresh: bool,
        told: bool,
    ) -> Result<(), Leave> {
        let (answer, mut parts) = pipe::pipe(self.common.limits);
        let (done, ended) = oneshot::channel();
        let batch = Batch {
            session: self.session,
            request,
            answer,
            turn,
            fresh,
            done,
        };
        if self.common.orders.try_send(Order::Run(batch)).is_err() {
            return Err(dismissed(CONNECTION_FAILURE, "the in-process engine was stopped"));
        }
        let mut written = 0_usize;
        let read = loop {
            match parts.next().await {
                Part::Bytes(part) if told => {
                    written += part.len();
                    if let Err(leave) = self.write(&part).await {
                        break Err(leave);
                    }
                }
                Part::Bytes(_) => {}
                Part::End => break Ok(()),
                Part::Cut => break Err(Leave::Gone),
            }
        };
        drop(parts);
        match ended.await {
            Ok(Done::Idle) => {}
            Ok(Done::InTransaction(turn)) => self.turn = Some(turn),
            Ok(Done::Failed(Fault(reason))) if written == 0 && told => {
                self.session = u64::MAX;
                return Err(dismissed(
                    CRASH_SHUTDOWN,
                    &format!("the in-process engine failed: {reason}"),
                ));
            }
            Ok(Done::Failed(_)) | Err(_) => return Err(Leave::Failed),
        }
        read
    }

    /// Which statements this client leaves in the session. A failed Parse is closed for nothing, which is no error.
    fn note_statements(&mut self, batch: &[u8]) {
        for message in frame::messages(batch) {
            match message {
                Message::Parse { name, .. } if !name.is_empty() => {
                    self.statements.insert(name.to_vec());
                }
                Message::CloseStatement { name } => {
                    self.statements.remove(name);
                }
                Message::Parse { .. } | Message::Query { .. } | Message::Other => {}
            }
        }
    }

    /// Rolls back what is open and closes what was prepared.
    async fn tidy_up(&mut self) {
        if let Some(turn) = self.turn.take() {
            let rolled_back = self.exchange(frame::query("ROLLBACK"), turn, false, false).await;
            if rolled_back.is_err() {
                return;
            }
        }
        let current = self.common.session.borrow().number == self.session;
        if current && !self.statements.is_empty() {
            let Some(turn) = self.wait_for_turn().await else {
                return;
            };
            let request = frame::close_statements(&self.statements);
            let _ = self.exchange(request, turn, true, false).await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Leave> {
        Ok(self.stream.write_all(bytes).await?)
    }
}

fn dismissed(code: &'static str, message: &str) -> Leave {
    Leave::Dismissed {
        code,
        message: message.to_owned(),
    }
}

/// A statement that fails for the reason given. The reasons are ours and hold no quote.
fn raise(reason: &str) -> Bytes {
    frame::query(&format!(
        "do $sidequest$ begin raise exception using errcode = '0A000', message = '{reason}'; end $sidequest$"
    ))
}
