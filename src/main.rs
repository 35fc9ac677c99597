//! The all-in-one: voting and results in one process, on a ring file, which is the log, and a SQLite
//! file, which is the ledger.
//!
//! It only wires; what a ballot is worth is decided elsewhere.
//!
//! May import: `attest`, `auditor`, `domain`, `ledger-sqlite`, `listener`, `log-file`, `program`, `result`, `vote`,
//! `web`.

mod data_dir;
mod export;
mod greeting;
mod identity;
mod import;
mod organiser_token;
mod settings;
mod verify;
mod witness;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result};
use domain::{BallotBox, ChangeOutcome, Partitions, Poll, Secret};
use ledger_sqlite::{SqliteLedger, SqliteScoreboard};
use listener::Connections;
use log_file::recount;
use program::{
    admin, demonstration, first_poll, random_text,
    settings::{Hidden, fail, parse, tell_of_white_space_around_key},
    telemetry::{self, MetricsHandle},
};
use result::Timing;
use tokio_util::sync::CancellationToken;
use web::{counterpart::Counterpart, instance};

use crate::{
    data_dir::DataDir,
    greeting::{Places, WayIn, greeting},
    organiser_token::{TokenPlace, organiser_token},
    settings::{Command, Serving, Settings},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Settings { command, data_dir, serving } = parse();
    match command {
        Some(Command::Recount) => {
            let (audit, uncounted) = SqliteScoreboard::open(&data_dir.join("scrutin.db"))?.recount().await?;
            let mut out = std::io::stdout().lock();
            let agrees = recount::report(&audit, &mut out)?;
            let complete = export::report(&uncounted, &mut out)?;
            Ok(if agrees && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Some(Command::Backup { file }) => export::back_up(&data_dir, &file).await,
        Some(Command::Export { file }) => export::export(&data_dir, &file).await,
        Some(Command::Import { file }) => import::import(&data_dir, &file).await,
        Some(Command::Rekey { force }) => {
            let data = DataDir::open(&data_dir)?;
            let secret = secret_key(&data, &serving)?;
            identity::rekey(&*SqliteLedger::open(&data.ledger())?, &secret, force).await?;
            writeln!(
                std::io::stdout(),
                "the data directory has the new key: each browser is a new voter, and receipts, voting codes and \
                 sessions of the old key are not understood any more"
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Healthcheck) => match serving.admin_addr {
            Some(address) => Ok(admin::healthcheck(address).await),
            None => fail("scrutin", "ADMIN_ADDR: healthcheck asks there, and it is not set"),
        },
        Some(Command::Verify(settings)) => Ok(verify::run(&settings)),
        Some(Command::Witness(settings)) => Ok(witness::run(&settings)),
        None => {
            let first_poll = serving.first_poll.poll().unwrap_or_else(|line| fail("scrutin", &line));
            let texts = vote::check_texts().and_then(|()| result::check_texts());
            texts.unwrap_or_else(|error| fail("scrutin", &error.to_string()));
            telemetry::log(&serving.log).unwrap_or_else(|error| fail("scrutin", &error.to_string()));
            let data = DataDir::open(&data_dir).unwrap_or_else(|error| fail("scrutin", &error.to_string()));
            serve(data, serving, first_poll).await?;
            telemetry::end();
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Serves both pages until told to stop, and then closes the ledger.
async fn serve(data: DataDir, settings: Serving, first_poll: Poll) -> Result<()> {
    let (token, token_place) = organiser_token(&data, &settings)?;
    let secret = secret_key(&data, &settings)?;
    // Before the ledger, which tells of what it finds when it is opened.
    let metrics = settings.admin_addr.map(|_| telemetry::metrics()).transpose()?;
    // Before the ledger belongs to the key: one that is refused here must leave no trace in it.
    let urls = [settings.vote_url.as_ref(), settings.result_url.as_ref()];
    demonstration::check(&secret, Some(&Hidden::from(token.clone())), &urls)
        .unwrap_or_else(|line| fail("scrutin", &line));
    tell_of_white_space_around_key();
    let ledger = SqliteLedger::open(&data.ledger())?;
    identity::check(&ledger, &secret).await?;
    make_first_poll(&ledger, first_poll).await?;

    let shutdown = program::shutdown_signal()?;
    let connections = Connections::of_process(settings.connections.limits(), settings.trusted.clone());
    let vote_listener = listener::bind(settings.vote_addr).await.context("VOTE_ADDR")?;
    let result_listener = listener::bind(settings.result_addr).await.context("RESULT_ADDR")?;
    let (vote_addr, result_addr) = (vote_listener.local_addr()?, result_listener.local_addr()?);
    serve_operator(&settings, metrics, &ledger, &shutdown).await?;

    let beside = |url: &Option<_>, port| url.clone().map_or(Counterpart::Port(port), Counterpart::Fixed);
    let vote = vote::router(
        vote::Config {
            secret: secret.clone(),
            partitions: Partitions::ONE,
            organiser_token: Some(Hidden::from(token.clone())),
            result: beside(&settings.result_url, result_addr.port()),
            vote_url: settings.vote_url.clone(),
            trusted_proxies: settings.trusted.clone(),
            instance: instance(),
        },
        Arc::clone(&ledger) as Arc<dyn BallotBox>,
    );
    let result = result::start(
        result::Config {
            secret,
            organiser_token: Some(Hidden::from(token.clone())),
            trusted_proxies: settings.trusted.clone(),
            vote: beside(&settings.vote_url, vote_addr.port()),
            result_url: settings.result_url.clone(),
            allowed_origins: settings.allowed_origins.clone(),
            embed_origins: settings.embed_origins.clone(),
            instance: instance(),
            max_viewers: result::max_viewers(result::DEFAULT_MAX_VIEWERS, connections.limit()),
            timing: Timing::default(),
        },
        ledger.scoreboard(),
        shutdown.clone(),
    );

    let (vote_url, result_url) = (settings.vote_url.as_ref(), settings.result_url.as_ref());
    let places = Places { vote: vote_addr, result: result_addr, vote_url, result_url };
    let way_in = if token_place == TokenPlace::MadeNow || std::io::stdout().is_terminal() {
        WayIn::Token(&token)
    } else {
        WayIn::Place(token_place.text())
    };
    std::io::stdout().write_all(greeting(&places, &way_in).as_bytes())?;
    let shutdown_of_closing = shutdown.clone();
    let voting = listener::serve(vote_listener, vote, &connections, shutdown.clone());
    let showing = listener::serve(result_listener, result.router.clone(), &connections, shutdown);
    let closing = async {
        shutdown_of_closing.run_until_cancelled(ledger.close_polls_in_time()).await;
        Ok(())
    };
    tokio::try_join!(voting, showing, closing)?;
    result.closed().await;
    Ok(())
}

/// The key that is set, or the one that is kept in the data directory.
fn secret_key(data: &DataDir, settings: &Serving) -> Result<Secret> {
    match &settings.secret_key {
        Some(secret) => Ok(secret.clone()),
        None => Secret::parse(&data.secret("secret-key", random_text::<32>)?).context("the kept secret key"),
    }
}

/// Makes the default poll on the very first start; later its settings are not applied, and that is told.
async fn make_first_poll(ledger: &SqliteLedger, first: Poll) -> Result<()> {
    if let ChangeOutcome::Done(poll) = ledger.create(first.clone()).await? {
        tracing::debug!(poll.id = %poll.id(), "the first poll was made");
    } else if let Some(there) = ledger.poll(first.id()).await? {
        first_poll::tell_if_not_applied(&first, &there);
    }
    Ok(())
}

/// Serves the operator's address, if there is one.
async fn serve_operator(
    settings: &Serving,
    metrics: Option<MetricsHandle>,
    ledger: &Arc<SqliteLedger>,
    shutdown: &CancellationToken,
) -> Result<()> {
    let (Some(addr), Some(metrics)) = (settings.admin_addr, metrics) else { return Ok(()) };
    let listener = listener::bind(addr).await.context("ADMIN_ADDR")?;
    let ledger = Arc::clone(ledger);
    let readiness = admin::readiness(move || {
        let ledger = Arc::clone(&ledger);
        async move { ledger.ready().await.map_err(|error| error.to_string()) }
    });
    admin::spawn(listener, readiness, metrics, shutdown.clone());
    Ok(())
}
