//! The program `result`: wires the scoreboard to the ledger on PostgreSQL. Nothing is decided here.
//!
//! May import: `domain`, `ledger-postgres`, `listener`, `program`, `web`.

mod key_watch;
mod settings;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use domain::{Fingerprint, Scoreboard};
use ledger_postgres::{DatabaseAddresses, SpreadScoreboard};
use listener::Connections;
use program::{
    admin, demonstration, server_address,
    settings::{fail, parse, tell_of_white_space_around_key},
    telemetry,
};

use crate::{
    key_watch::KeyWatch,
    settings::{ResultCommand, Settings},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    match settings.command {
        None => serve(&settings).await,
        Some(ResultCommand::Healthcheck) => Ok(admin::healthcheck(settings.admin.admin_addr).await),
    }
}

/// Serves until told to stop.
async fn serve(settings: &Settings) -> anyhow::Result<ExitCode> {
    let databases: DatabaseAddresses = server_address::read("result", "DATABASE_URL", &settings.database_url);
    scrutin_result::check_texts().unwrap_or_else(|error| fail("result", &error.to_string()));
    telemetry::log(&settings.admin.log).unwrap_or_else(|error| fail("result", &error.to_string()));
    let metrics = telemetry::metrics()?;
    let urls = [settings.vote_url.as_ref(), settings.result_url.as_ref()];
    let (secret, token) = (&settings.secret_key, settings.organiser_token.as_ref());
    demonstration::check(secret, token, &urls).unwrap_or_else(|line| fail("result", &line));
    tell_of_white_space_around_key();

    let shutdown = program::shutdown_signal()?;
    let connections = Connections::of_process(settings.connections.limits(), settings.trusted.clone());
    let admin_listener = listener::bind(settings.admin.admin_addr).await.context("ADMIN_ADDR")?;
    let listener = listener::bind(settings.listen_addr).await.context("LISTEN_ADDR")?;

    let scoreboard = Arc::new(SpreadScoreboard::new(&databases));
    let key = KeyWatch::start(Arc::clone(&scoreboard), Fingerprint::of(&settings.secret_key));
    let asked = Arc::clone(&scoreboard);
    let readiness = admin::readiness(move || {
        let (scoreboard, key) = (Arc::clone(&asked), key.clone());
        async move { scoreboard.ready().await.map_err(|error| error.to_string()).and_then(|()| key.ready()) }
    });
    admin::spawn(admin_listener, readiness, metrics, shutdown.clone());

    let running = scrutin_result::start(
        settings.config(connections.limit()),
        scoreboard as Arc<dyn Scoreboard>,
        shutdown.clone(),
    );
    tracing::info!(listen.addr = %listener.local_addr()?, databases = ?databases, "result.started");
    let router = running.router.clone();
    listener::serve(listener, router, &connections, shutdown).await?;
    running.closed().await;
    tracing::info!("result.stopped");
    telemetry::end();
    Ok(ExitCode::SUCCESS)
}
