//! The program `worker`: connects the tellers to the log on Redis and the ledger on PostgreSQL. It contains no logic of
//! the count.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use domain::{Fingerprint, Log, Scoreboard};
use ledger_postgres::{DatabaseAddresses, LedgerEntries, PostgresLedgers, SpreadScoreboard};
use log_file::{LogWriter, import, recount};
use log_redis::{RedisAddresses, RedisLog, RedisPollCopies, ServerWatch};
use program::{
    admin,
    redis_settings::RedisSettings,
    server_address,
    settings::{fail, parse},
    telemetry,
};
use scrutin_worker::{
    Health, Rules,
    settings::{Settings, WorkerCommand},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    match &settings.command {
        None => count(&settings).await,
        Some(WorkerCommand::Recount) => recount(&settings).await,
        Some(WorkerCommand::Export { file }) => export(&settings, file).await,
        Some(WorkerCommand::Import { file }) => import(&settings, file).await,
        Some(WorkerCommand::Begin { adopt }) => begin(&settings, *adopt).await,
        Some(WorkerCommand::Rekey { key, force }) => rekey(&settings, key, *force).await,
        Some(WorkerCommand::Healthcheck) => Ok(admin::healthcheck(settings.admin.admin_addr).await),
    }
}

/// Counts until a shutdown signal.
async fn count(settings: &Settings) -> anyhow::Result<ExitCode> {
    let redis = redis_addresses(settings);
    let databases = suited_databases(settings);
    let rules: Rules = settings.rules().unwrap_or_else(|line| fail("worker", &line));
    telemetry::log(&settings.admin.log).unwrap_or_else(|error| fail("worker", &error.to_string()));
    let metrics = telemetry::metrics()?;

    let shutdown = program::shutdown_signal()?;
    let listener = listener::bind(settings.admin.admin_addr).await.context("ADMIN_ADDR")?;
    let health = Health::new();
    let (asked, server) =
        (health.clone(), ServerWatch::start(&redis, settings.redis.partitions, settings.redis.durability));
    let ready = move || server.ready().map_err(|error| error.to_string()).and_then(|()| asked.ready());
    let readiness = admin::readiness(move || std::future::ready(ready()));
    admin::spawn(listener, readiness, metrics, shutdown.clone());

    tracing::info!(redis = %redis, databases = ?databases, partitions = rules.partitions.count(), "worker.started");
    let ledgers = Arc::new(PostgresLedgers::new(databases));
    let open_log = |partition| Box::new(RedisLog::new(&redis, partition)) as _;
    let copies = Arc::new(RedisPollCopies::new(&redis, rules.partitions));
    scrutin_worker::run(rules, ledgers, open_log, copies, health, shutdown).await;
    tracing::info!("worker.stopped");
    telemetry::end();
    Ok(ExitCode::SUCCESS)
}

/// Recounts the ballots in all ledgers; success if all figures agree.
async fn recount(settings: &Settings) -> anyhow::Result<ExitCode> {
    let audit = SpreadScoreboard::new(&databases(settings)).audit().await?;
    let agrees = recount::report(&audit, &mut io::stdout().lock())?;
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the ledger to a file in the format of a log.
#[expect(clippy::print_stderr, reason = "the command's report; standard output may be the file")]
async fn export(settings: &Settings, file: &Path) -> anyhow::Result<ExitCode> {
    let ledgers = SpreadScoreboard::new(&databases(settings));
    let is_merged = ledgers.is_merged().await?;
    let output = log_file::output(file).with_context(|| file.display().to_string())?;
    let mut writer = if is_merged { LogWriter::begin_merged(output)? } else { LogWriter::begin(output)? };
    let LedgerEntries { audit, trees, moved } = ledgers.entries(|entry| writer.entry(&entry)).await?;
    trees.iter().try_for_each(|tree| writer.tree(tree))?;
    let entries = writer.end(audit.polls().into_iter().map(|recount| (recount.poll, recount.recounted)))?;
    if !audit.gaps.is_empty() {
        eprintln!("the ledger has {} gaps, which the file does not tell: keep what `recount` says", audit.gaps.len());
    }
    if moved > 0 {
        eprintln!(
            "{moved} ballots of earlier rounds were cast while the partitions reset the poll one after the other. In \
             the file they have other positions, and their receipts will not be found"
        );
    }
    eprintln!(
        "{entries} entries written. Next: worker import or scrutin import, with the SECRET_KEY of this installation"
    );
    Ok(ExitCode::SUCCESS)
}

/// Counts a file into the empty ledger; success if the ledger then has the figures of the file.
async fn import(settings: &Settings, file: &Path) -> anyhow::Result<ExitCode> {
    let databases = suited_databases(settings);
    telemetry::log(&settings.admin.log).unwrap_or_else(|error| fail("worker", &error.to_string()));
    let input = log_file::input(file).with_context(|| file.display().to_string())?;
    let ledgers = PostgresLedgers::new(databases.clone());
    let batch_entries = usize::from(settings.batch_entries);
    let progress = |entries| tracing::info!(entries, "reading the file");
    let imported = import::import(input, &ledgers, settings.redis.partitions, batch_entries, progress).await?;
    let audit = SpreadScoreboard::new(&databases).audit().await?;
    let holds = import::report(&imported, &audit, &mut io::stdout().lock())?;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the log at `REDIS_URL` the log of the ledger.
async fn begin(settings: &Settings, adopt: bool) -> anyhow::Result<ExitCode> {
    let (ledgers, mut logs) = servers(settings);
    let count = databases(settings).count();
    let address = scrutin_worker::begin(&ledgers, count, &mut logs, settings.redis.partitions, adopt).await?;
    writeln!(io::stdout(), "the ledger's log is at {address} from now on; a worker begins it if there is none")?;
    Ok(ExitCode::SUCCESS)
}

/// Gives the installation a new key.
async fn rekey(settings: &Settings, key: &Fingerprint, force: bool) -> anyhow::Result<ExitCode> {
    let (ledgers, mut logs) = servers(settings);
    scrutin_worker::rekey(&ledgers, &mut logs, key, force).await?;
    writeln!(
        io::stdout(),
        "the installation's key has the fingerprint {key} now. Start vote and result with it: each browser is a new \
         voter, and receipts, voting codes and sessions of the old key are not understood any more"
    )?;
    Ok(ExitCode::SUCCESS)
}

fn servers(settings: &Settings) -> (PostgresLedgers, Vec<Box<dyn Log>>) {
    let redis = redis_addresses(settings);
    let databases = suited_databases(settings);
    telemetry::log(&settings.admin.log).unwrap_or_else(|error| fail("worker", &error.to_string()));
    let log = |partition| Box::new(RedisLog::new(&redis, partition)) as Box<dyn Log>;
    (PostgresLedgers::new(databases), settings.redis.partitions.all().map(log).collect())
}

/// The ledger's addresses.
fn databases(settings: &Settings) -> DatabaseAddresses {
    server_address::read("worker", "DATABASE_URL", &settings.database_url)
}

/// The ledger's addresses, each of which has a partition.
fn suited_databases(settings: &Settings) -> DatabaseAddresses {
    let databases = databases(settings);
    let suited = databases.suit(settings.redis.partitions);
    suited.unwrap_or_else(|error| fail("worker", &format!("DATABASE_URL: {error}")));
    databases
}

fn redis_addresses(settings: &Settings) -> RedisAddresses {
    let RedisSettings { redis_url, redis_ca_file, partitions, durability } = &settings.redis;
    let redis: RedisAddresses = server_address::read("worker", "REDIS_URL", redis_url);
    let suited = redis.suit(*partitions, *durability);
    suited.unwrap_or_else(|error| fail("worker", &format!("REDIS_URL: {error}")));
    let trusting = redis.trusting(redis_ca_file.as_deref());
    trusting.unwrap_or_else(|error| fail("worker", &format!("REDIS_CA_FILE: {error}")))
}
