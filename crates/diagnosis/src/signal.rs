//! The closed list of signals: everything that an observation can be about.
//!
//! A name is `<origin>.<what>_<unit>`. Some are seen once for each of several subjects: a party (`server`,
//! `database`, `client`, `proxy`, `downstream`), a statement, a wait, a status.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::Source;

/// What the number of a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mean milliseconds a request, over the round.
    PerRequest,
    /// How often, or how much, in the round.
    Count,
    /// Mean over the time of the round: a level, a share, a rate.
    Level,
    /// A fact that the round does not change.
    Fact,
}

macro_rules! signals {
    ($($variant:ident $name:literal $source:ident $kind:ident $words:literal;)*) => {
        /// What an observation is about.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum Signal {
            $(#[doc = $words] #[serde(rename = $name)] $variant,)*
        }

        impl Signal {
            /// All of them.
            pub const ALL: &[Signal] = &[$(Signal::$variant,)*];

            /// As files write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Signal::$variant => $name,)*
                }
            }

            /// In words.
            pub fn words(self) -> &'static str {
                match self {
                    $(Signal::$variant => $words,)*
                }
            }

            /// Where it comes from.
            pub fn source(self) -> Source {
                match self {
                    $(Signal::$variant => Source::$source,)*
                }
            }

            /// What its number means.
            pub fn kind(self) -> Kind {
                match self {
                    $(Signal::$variant => Kind::$kind,)*
                }
            }
        }
    };
}

signals! {
    // The client: each request.
    ClientRequests "client.requests" Client Count "requests sent";
    ClientOk "client.ok" Client Count "requests answered well";
    ClientErrors "client.errors" Client Count "requests that failed in any way, bad statuses too";
    ClientErrorMs "client.error_ms" Client PerRequest "mean time to a failure";
    ClientRate "client.rate" Client Level "answers a second";
    ClientInFlight "client.in_flight" Client Level "requests in flight, waiting ones included: true concurrency";
    ClientLatencyMs "client.latency_ms" Client PerRequest "mean latency of good answers, from the wish to send to the last byte";
    ClientP50Ms "client.p50_ms" Client PerRequest "median latency";
    ClientP99Ms "client.p99_ms" Client PerRequest "99th percentile of latency";
    ClientCourseMs "client.course_ms" Client Level "latency over time: a point for each twentieth of a second, the mean of the good answers that ended in it";
    ClientLatencyClass "client.latency_class" Client Count "good answers of one class of latency, by its upper end in milliseconds";
    ClientQueuedMs "client.queued_ms" Client PerRequest "waiting for a free connection";
    ClientConnectMs "client.connect_ms" Client PerRequest "name and TCP connection, spread over all requests";
    ClientTlsMs "client.tls_ms" Client PerRequest "TLS handshake, spread over all requests";
    ClientStreamWaitMs "client.stream_wait_ms" Client PerRequest "waiting for a free HTTP/2 stream";
    ClientFirstByteMs "client.first_byte_ms" Client PerRequest "from sent to the first byte of the answer";
    ClientTransferMs "client.transfer_ms" Client PerRequest "from the first byte to the last";
    ClientBodyBytes "client.body_bytes" Client Level "bytes of one answer, mean";
    ClientReceivedBytes "client.received_bytes" Client Count "bytes received";
    ClientConnections "client.connections" Client Level "connections open";
    ClientConnectionsMade "client.connections_made" Client Count "connections made";
    ClientConnectPileShare "client.connect_pile_share" Client Level "share of connects that took a time of a SYN retry (1 s, 3 s, 7 s)";
    ClientConnectFailures "client.connect_failures" Client Count "connections that could not be made, by reason: EADDRNOTAVAIL, EMFILE, refused, timeout";
    ClientHandshakes "client.handshakes" Client Count "TLS handshakes";
    ClientStatus "client.status" Client Count "answers by status";
    ClientStatusMs "client.status_ms" Client PerRequest "mean time to an answer of this status";
    ClientRetryAfter "client.retry_after" Client Count "answers with Retry-After";
    ClientPileShare "client.pile_share" Client Level "share of all requests that ended within 3 % of a round number of milliseconds, by that number";
    ClientTimeouts "client.timeouts" Client Count "requests given up by the client";
    ClientResent "client.resent" Client Count "requests sent again after a GOAWAY or a refused stream; no failures";
    ClientResets "client.resets" Client Count "connections or streams reset";
    ClientGoAways "client.goaways" Client Count "GOAWAY frames, by error code (0 is NO_ERROR)";
    ClientGoAwayRequests "client.goaway_requests" Client Level "requests that a connection carried until its GOAWAY: (last stream - first stream)/2 + 1; a point for each connection";
    ClientStreamsAllowed "client.streams_allowed" Client Fact "SETTINGS_MAX_CONCURRENT_STREAMS of the server";
    ClientWindowBytes "client.window_bytes" Client Fact "flow-control window that the client grants a stream";
    ClientWindowUpdates "client.window_updates" Client Level "WINDOW_UPDATE rounds an answer needed";

    // The load generator itself.
    GeneratorCpuShare "generator.cpu_share" Generator Level "CPU of its busiest thread, 1.0 is all of it";
    GeneratorDelayShare "generator.delay_share" Generator Level "time its busiest thread waited for a CPU";
    GeneratorLoopLagMs "generator.loop_lag_ms" Generator Level "one turn of its loop, 99th percentile";
    GeneratorLateMs "generator.late_ms" Generator Level "how much later than scheduled requests were sent, mean";
    GeneratorCeiling "generator.ceiling" Generator Fact "requests a second that it makes against nothing";

    // TCP: our own sockets, or the server's with the subject `server`.
    TcpMinRttMs "tcp.min_rtt_ms" Tcp Level "smallest round trip";
    TcpRttMs "tcp.rtt_ms" Tcp Level "smoothed round trip";
    TcpRetransmits "tcp.retransmits" Tcp Count "segments sent again";
    TcpSegments "tcp.segments" Tcp Count "segments sent";
    TcpBusyShare "tcp.busy_share" Tcp Level "share of time with data to send";
    TcpReaderLimitedShare "tcp.rwnd_limited_share" Tcp Level "share of busy time stopped by the reader's window";
    TcpDelivery "tcp.delivery_bytes_per_second" Tcp Level "delivery rate";
    TcpRetransmitPileShare "tcp.rto_share" Tcp Level "share of requests slower by a step of the retransmission timeout (200 ms and more)";

    // The target's own numbers.
    AppRequests "app.requests" Metrics Count "requests answered, by the server's count of good ones";
    AppInFlight "app.in_flight" Metrics Level "requests in the server";
    AppHandlerMs "app.handler_ms" Metrics PerRequest "whole time in the server";
    AppQueueMs "app.queue_ms" Metrics PerRequest "from accept to handler";
    AppPoolWaitMs "app.pool_wait_ms" Metrics PerRequest "waiting for a database connection";
    AppPoolHoldMs "app.pool_hold_ms" Metrics PerRequest "a database connection in use";
    AppPoolInUse "app.pool_in_use" Metrics Level "database connections in use";
    AppPoolMax "app.pool_max" Metrics Fact "most database connections";
    AppDbMs "app.db_ms" Metrics PerRequest "database time as the server sees it, summed over statements";
    AppDbWallMs "app.db_wall_ms" Metrics PerRequest "union of the intervals of statements";
    AppDownstreamMs "app.downstream_ms" Metrics PerRequest "calls of other services";
    AppDownstreamInFlight "app.downstream_in_flight" Metrics Level "calls of other services in flight";
    AppDownstreamMax "app.downstream_max" Metrics Fact "most calls of other services at once";
    AppLockMs "app.lock_ms" Metrics PerRequest "waiting for a lock in the server";
    AppSerialiseMs "app.serialise_ms" Metrics PerRequest "writing and compressing answers";
    AppGcMs "app.gc_ms" Metrics PerRequest "pauses of the garbage collector, spread over requests";
    AppStatements "app.statements" Metrics Level "statements a request";
    AppResponseBytes "app.response_bytes" Metrics Level "bytes of one answer before compression";
    AppByteMs "app.cpu_ms_per_mib" Metrics Level "handler CPU regressed on response bytes over endpoints";
    AppWorkers "app.workers" Metrics Fact "threads or processes that answer";

    // Traces.
    TraceSequential "trace.sequential_statements" Traces Level "longest run of one statement one after another, in a request";
    TraceCriticalMs "trace.critical_ms" Traces PerRequest "exclusive time on the critical path, by service and operation";

    // PostgreSQL: sampling of activity, weighted by time.
    PgActive "pg.active" Activity Level "active backends of the application";
    PgActiveWait "pg.active_wait" Activity Level "active backends by wait: CPU (none), Lock/transactionid, IO/DataFileRead ..";
    PgActiveQuery "pg.active_query" Activity Level "active backends by statement";
    PgIdleInTransaction "pg.idle_in_transaction" Activity Level "backends idle in transaction";
    PgIdle "pg.idle" Activity Level "idle backends";
    PgBackends "pg.backends" Activity Level "backends of all clients";
    PgBlocked "pg.blocked" Activity Level "backends that another blocks, by the blocker's lock mode";
    PgBlockedRelation "pg.blocked_relation" Activity Level "backends blocked, by relation";
    PgSamplerMs "pg.sampler_ms" Activity Level "round trip of the sampler";

    // PostgreSQL: statements, by query id.
    PgStatementMs "pg.statement_ms" Statements Count "execution time of a statement";
    PgStatementCalls "pg.statement_calls" Statements Count "calls of a statement";
    PgStatementRows "pg.statement_rows" Statements Count "rows of a statement";
    PgStatementReadMs "pg.statement_read_ms" Statements Count "time a statement read blocks";

    // PostgreSQL: cumulative views.
    PgActiveTimeMs "pg.active_time_ms" Statistics Count "time sessions were active";
    PgIdleInTransactionMs "pg.idle_in_transaction_ms" Statistics Count "time sessions were idle in transaction";
    PgCommits "pg.commits" Statistics Count "transactions committed";
    PgBlocksRead "pg.blocks_read" Statistics Count "blocks read from outside shared buffers";
    PgBlocksHit "pg.blocks_hit" Statistics Count "blocks found in shared buffers";
    PgReadMs "pg.read_ms" Statistics Count "time reading blocks";
    PgWalBytes "pg.wal_bytes" Statistics Count "WAL written";
    PgCheckpoints "pg.checkpoints" Statistics Count "checkpoints";
    PgBuffersBackend "pg.buffers_backend" Statistics Count "buffers that backends had to write themselves";
    PgSpikeAligned "pg.spike_aligned_share" Statistics Level "share of the time of latency spikes that lies within a checkpoint or vacuum";
    PgMaintenance "pg.maintenance_share" Statistics Level "a checkpoint or a vacuum at work, over time: 1 while one is";
    PgVacuumWorkers "pg.vacuum_workers" Statistics Level "autovacuum workers";
    PgSeqScans "pg.seq_scans" Statistics Count "sequential scans, by table";
    PgSeqRows "pg.seq_rows" Statistics Count "rows read by sequential scans, by table";
    PgLiveRows "pg.live_rows" Statistics Fact "rows of a table";
    PgMaxConnections "pg.max_connections" Statistics Fact "max_connections";

    // PostgreSQL: plans, by query id. The note of an observation holds the SQL.
    PlanRunMs "plan.run_ms" Plans Fact "EXPLAIN ANALYZE: run time";
    PlanReadMs "plan.read_ms" Plans Fact "EXPLAIN: I/O read time";
    PlanRowsReturned "plan.rows_returned" Plans Fact "rows that the plan returns";
    PlanRowsRead "plan.rows_read" Plans Fact "rows that its scans read";
    PlanRowsRemoved "plan.rows_removed" Plans Fact "rows removed by filters";
    PlanEstimateOff "plan.estimate_off" Plans Fact "worst ratio of estimated and real rows";
    PlanSeqScan "plan.seq_scan" Plans Fact "1 if a sequential scan dominates; the note names the table";
    PlanDistinctOn "plan.distinct_on" Plans Fact "1 if the plan is Limit, Sort, Unique, Sort, Seq Scan";
    PlanCost "plan.cost" Plans Fact "cost now";
    PlanHypotheticalCost "plan.hypothetical_cost" Plans Fact "cost with a hypothetical index; the note is its CREATE INDEX";
    PlanHypotheticalUsed "plan.hypothetical_used" Plans Fact "1 if the plan takes the hypothetical index";
    PlanCopyMs "plan.copy_ms" Plans Fact "EXPLAIN ANALYZE on a copy with the index";
    PlanRewriteCost "plan.rewrite_cost" Plans Fact "cost of the rewritten statement; the note is its SQL";

    // Parties: cgroup.
    CgroupPeriods "cgroup.periods" Cgroup Count "enforcement periods of the CPU quota, by party";
    CgroupThrottledPeriods "cgroup.throttled_periods" Cgroup Count "throttled periods, by party";
    CgroupThrottledMs "cgroup.throttled_ms" Cgroup Count "throttled time, a sum over CPUs, by party";
    CgroupCpuFullMs "cgroup.cpu_full_ms" Cgroup Count "cpu.pressure full: wall time in which nobody ran, by party";
    CgroupQuotaCores "cgroup.quota_cores" Cgroup Fact "CPU quota in cores, by party";
    CgroupMemoryFailures "cgroup.memory_failures" Cgroup Count "hits of the memory limit, by party";
    CgroupOomKills "cgroup.oom_kills" Cgroup Count "processes killed for memory, by party";
    CgroupMemoryFullMs "cgroup.memory_full_ms" Cgroup Count "memory.pressure full, by party";
    CgroupIoFullMs "cgroup.io_full_ms" Cgroup Count "io.pressure full, by party";

    // Parties: process.
    ProcessCpuMs "process.cpu_ms" Process Count "CPU time, by party";
    ProcessCores "process.cores" Process Fact "cores that the party may use";
    ProcessBusiestShare "process.busiest_share" Process Level "CPU of the busiest thread, by party";
    ProcessDelayShare "process.delay_share" Process Level "share of time the busiest thread waited for a CPU, by party";
    ProcessThreadsRunning "process.threads_running" Process Level "threads running or ready, by party";
    ProcessFutexShare "process.futex_share" Process Level "share of thread samples that wait in a futex, by party";
    ProcessFaults "process.major_faults" Process Count "major page faults, by party";
    ProcessResidentBytes "process.resident_bytes" Process Level "resident memory, by party";
    ProcessFiles "process.files" Process Level "open files, by party";
    ProcessFilesMax "process.files_max" Process Fact "most open files, by party";
    ProcessCryptoShare "process.crypto_share" Process Level "share of CPU samples in cryptography, by party";
    ProcessSerialiseShare "process.serialise_share" Process Level "share of CPU samples in serialising or compressing, by party";

    // Hosts.
    PressureCpuShare "pressure.cpu_share" Pressure Level "cpu some, of the party's host";
    PressureMemoryShare "pressure.memory_share" Pressure Level "memory full, of the party's host";
    PressureIoShare "pressure.io_share" Pressure Level "io full, of the party's host";
    HostBusyShare "host.busy_share" Host Level "CPU busy, of the party's host";
    HostForeignShare "host.foreign_share" Host Level "CPU of processes that are no party";
    HostStealShare "host.steal_share" Host Level "CPU stolen, of the party's host";
    HostCredits "host.credits" Host Level "CPU credit balance";
    HostListenDrops "host.listen_drops" Host Count "TcpExt ListenDrops, of the party's host";
    HostListenOverflows "host.listen_overflows" Host Count "TcpExt ListenOverflows, of the party's host";
    HostListenQueue "host.listen_queue_share" Host Level "accept queue, 1.0 is full";
    HostTimeWait "host.time_wait" Host Level "sockets in TIME_WAIT, of the party's host";
    HostTimeWaitMade "host.time_wait_made" Host Count "sockets that went into TIME_WAIT, of the party's host";
    HostPorts "host.ports" Host Fact "ephemeral ports, of the party's host";
    HostDiskBusyShare "host.disk_busy_share" Host Level "disk busy, of the party's host";
    HostNicBytes "host.nic_bytes" Host Count "bytes through the network card, of the party's host";
    HostNicLimit "host.nic_bytes_per_second_max" Host Fact "speed of the network card or its shaper";
    HostQueueBacklogBytes "host.queue_backlog_bytes" Host Level "backlog of the queueing discipline";
    HostRetransmits "host.retransmits" Host Count "TCP segments sent again, of the party's host";

    // The proxy.
    ProxyRequests "proxy.requests" Proxy Count "requests that went through, by its access log";
    ProxyUpstreamConnectMs "proxy.upstream_connect_ms" Proxy PerRequest "connecting to the upstream, mean over requests";
    ProxyUpstreamConnections "proxy.upstream_connections" Proxy Count "connections made to the upstream; by an access log those that took a millisecond";
    ProxyUpstreamMs "proxy.upstream_ms" Proxy PerRequest "waiting for the upstream's answer";
    ProxyLimited "proxy.limited" Proxy Count "log lines `limiting requests` or `limiting connections`";
    ProxyWorkerConnections "proxy.worker_connections" Proxy Count "log lines `worker_connections are not enough`";
    ProxyNoAddress "proxy.no_address" Proxy Count "log lines with error 99: cannot assign requested address";
    ProxyNoFile "proxy.no_file" Proxy Count "log lines with error 24: too many open files";
    ProxyTimeouts "proxy.timeouts" Proxy Count "log lines `upstream timed out`";
}

impl Signal {
    /// The one of this name.
    pub fn of(name: &str) -> Option<Signal> {
        Signal::ALL.iter().copied().find(|signal| signal.name() == name)
    }
}
