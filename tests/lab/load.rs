//! `cql-load`: a CQL client that reads and writes at LOCAL_QUORUM at a fixed rate and keeps every request's outcome.
//!
//! Open loop: a request is sent when its time has come, whatever became of the ones before. Driver defaults
//! throughout (retry policy, load balancing, time-outs); statements are marked idempotent, as they are.
//! It ends on SIGTERM, SIGINT or when the stop file appears, waits for what is in flight, and prints a summary.

use anyhow::{Context, Result};
use clap::Parser;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

#[derive(Parser)]
struct Args {
    /// Contact points, comma separated.
    #[arg(value_delimiter = ',', required = true)]
    hosts: Vec<String>,
    /// Requests a second, half reads and half writes.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// One line a request: sent at (ms since the epoch), read or write, latency in ms, outcome, detail.
    #[arg(long)]
    out: PathBuf,
    /// End when this file exists.
    #[arg(long)]
    stop: Option<PathBuf>,
    /// Replication of keyspace `orders`, if it has to be made.
    #[arg(long, default_value = "{'class': 'NetworkTopologyStrategy', 'dc1': 3}")]
    replication: String,
    /// Only make the keyspace and the table.
    #[arg(long)]
    schema_only: bool,
    /// Only give keyspace `orders` this replication.
    #[arg(long)]
    alter: Option<String>,
    /// Only run these statements, one after the other.
    #[arg(long)]
    cql: Vec<String>,
    /// Only give table `orders.load` this comment: a change of the schema that changes no replica's place.
    #[arg(long)]
    comment: Option<String>,
}

struct Record {
    at: u128,
    op: &'static str,
    latency: Duration,
    outcome: &'static str,
    detail: String,
}

/// The names that drivers share, so that results can be compared with other clients'.
fn kind(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_) => "NoHostAvailable",
        ExecutionError::RequestTimeout(_) => "ClientTimeout",
        ExecutionError::LastAttemptError(RequestAttemptError::BrokenConnectionError(_)) => "BrokenConnection",
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, _)) => match db {
            DbError::Unavailable { .. } => "Unavailable",
            DbError::ReadTimeout { .. } => "ReadTimeout",
            DbError::WriteTimeout { .. } => "WriteTimeout",
            DbError::Overloaded => "Overloaded",
            DbError::IsBootstrapping => "IsBootstrapping",
            _ => "OtherDatabaseError",
        },
        _ => "Other",
    }
}

async fn schema(session: &Session, replication: &str) -> Result<()> {
    let keyspace = format!("CREATE KEYSPACE IF NOT EXISTS orders WITH replication = {replication}");
    session.query_unpaged(keyspace, ()).await.context("keyspace orders")?;
    let table = "CREATE TABLE IF NOT EXISTS orders.load (id int PRIMARY KEY, v text)";
    // the node that is asked next may not have heard of the keyspace yet
    let mut tries = 0;
    while let Err(error) = session.query_unpaged(table, ()).await {
        tries += 1;
        if tries > 30 {
            return Err(error).context("table orders.load");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

async fn prepare(session: &Session, cql: &str) -> Result<PreparedStatement> {
    let mut statement = session.prepare(cql).await.with_context(|| format!("preparing {cql}"))?;
    statement.set_consistency(Consistency::LocalQuorum);
    statement.set_is_idempotent(true);
    Ok(statement)
}

/// Sends request `i` and reports what became of it.
async fn fire(session: Arc<Session>, read: PreparedStatement, write: PreparedStatement, i: u32) -> Record {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let began = Instant::now();
    let id = (i.wrapping_mul(7919) % 10_007) as i32;
    let (op, result) = if i.is_multiple_of(2) {
        ("read", session.execute_unpaged(&read, (id,)).await)
    } else {
        ("write", session.execute_unpaged(&write, (id, format!("v{i}"))).await)
    };
    let latency = began.elapsed();
    match result {
        Ok(_) => Record { at, op, latency, outcome: "ok", detail: String::new() },
        Err(error) => Record { at, op, latency, outcome: kind(&error), detail: error.to_string() },
    }
}

/// Writes the records until all senders are gone; returns how many of each outcome there were.
fn keep(mut records: mpsc::UnboundedReceiver<Record>, out: PathBuf) -> Result<BTreeMap<&'static str, u64>> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(&out)?);
    let mut counts = BTreeMap::new();
    while let Some(r) = records.blocking_recv() {
        let detail: String = r.detail.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        let ms = r.latency.as_secs_f64() * 1e3;
        writeln!(file, "{}\t{}\t{ms:.1}\t{}\t{detail}", r.at, r.op, r.outcome)?;
        *counts.entry(r.outcome).or_insert(0) += 1;
        if r.outcome != "ok" {
            file.flush()?; // a killed run keeps its failures
        }
    }
    file.flush()?;
    Ok(counts)
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let session = SessionBuilder::new().known_nodes(&args.hosts).build().await.context("connecting")?;
    if !args.cql.is_empty() {
        for statement in args.cql {
            session.query_unpaged(statement.clone(), ()).await.with_context(|| statement)?;
        }
        return Ok(());
    }
    if let Some(replication) = args.alter {
        session.query_unpaged(format!("ALTER KEYSPACE orders WITH replication = {replication}"), ()).await?;
        return Ok(());
    }
    if let Some(comment) = args.comment {
        session.query_unpaged(format!("ALTER TABLE orders.load WITH comment = '{comment}'"), ()).await?;
        return Ok(());
    }
    schema(&session, &args.replication).await?;
    if args.schema_only {
        return Ok(());
    }
    let read = prepare(&session, "SELECT v FROM orders.load WHERE id = ?").await?;
    let write = prepare(&session, "INSERT INTO orders.load (id, v) VALUES (?, ?)").await?;
    let session = Arc::new(session);
    let (send, records) = mpsc::unbounded_channel();
    let keeper = tokio::task::spawn_blocking(move || keep(records, args.out));

    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / args.rate));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    eprintln!("cql-load: {} requests a second", args.rate);
    let mut i: u32 = 0;
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = interrupt.recv() => break,
            _ = tick.tick() => {}
        }
        if i.is_multiple_of(16) && args.stop.as_ref().is_some_and(|stop| stop.exists()) {
            break;
        }
        let (session, read, write, send) = (session.clone(), read.clone(), write.clone(), send.clone());
        tokio::spawn(async move {
            let _ = send.send(fire(session, read, write, i).await); // the keeper's own error is reported below
        });
        i = i.wrapping_add(1);
        anyhow::ensure!(!keeper.is_finished(), "the outcomes cannot be written");
    }
    drop(send); // the channel ends when the last request in flight has ended
    for (outcome, n) in keeper.await?? {
        println!("{outcome}\t{n}");
    }
    Ok(())
}
