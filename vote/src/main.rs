//! The program `vote`: wires the voting service to the log on Redis. Nothing is decided here.
//!
//! May import: domain, listener, log-redis, program, web.

mod settings;

use std::process::ExitCode;

use anyhow::Context;
use domain::{BallotBox, Fingerprint};
use listener::Connections;
use log_redis::{RedisAddresses, RedisBallotBox};
use program::{
    admin, demonstration,
    redis_settings::RedisSettings,
    server_address,
    settings::{fail, parse, tell_of_white_space_around_key},
    telemetry,
};

use crate::settings::{Settings, VoteCommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = parse();
    match settings.command {
        None => serve(&settings).await,
        Some(VoteCommand::Healthcheck) => Ok(admin::healthcheck(settings.admin.admin_addr).await),
    }
}

/// Serves until a signal stops it.
async fn serve(settings: &Settings) -> anyhow::Result<ExitCode> {
    let RedisSettings { redis_url, redis_ca_file, partitions, durability } = &settings.redis;
    let redis: RedisAddresses = server_address::read("vote", "REDIS_URL", redis_url);
    let suited = redis.suit(*partitions, *durability);
    suited.unwrap_or_else(|error| fail("vote", &format!("REDIS_URL: {error}")));
    let trusting = redis.trusting(redis_ca_file.as_deref());
    let redis = trusting.unwrap_or_else(|error| fail("vote", &format!("REDIS_CA_FILE: {error}")));
    scrutin_vote::check_texts().unwrap_or_else(|error| fail("vote", &error.to_string()));
    telemetry::log(&settings.admin.log).unwrap_or_else(|error| fail("vote", &error.to_string()));
    let metrics = telemetry::metrics()?;
    let (secret, token) = (&settings.secret_key, settings.organiser_token.as_ref());
    demonstration::check(secret, token, &[settings.vote_url.as_ref()]).unwrap_or_else(|line| fail("vote", &line));
    tell_of_white_space_around_key();

    let shutdown = program::shutdown_signal()?;
    let connections = Connections::of_process(settings.connections.limits(), settings.trusted.clone());
    let admin_listener = listener::bind(settings.admin.admin_addr).await.context("ADMIN_ADDR")?;
    let listener = listener::bind(settings.listen_addr).await.context("LISTEN_ADDR")?;

    let ballots = RedisBallotBox::on(&redis, *partitions, *durability, Fingerprint::of(&settings.secret_key));
    let asked = ballots.clone();
    let readiness = admin::readiness(move || {
        let ballots = asked.clone();
        async move { ballots.ready().await.map_err(|error| error.to_string()) }
    });
    admin::spawn(admin_listener, readiness, metrics, shutdown.clone());

    let router = scrutin_vote::router(settings.config(), ballots);
    let (address, partitions) = (listener.local_addr()?, partitions.count());
    tracing::info!(listen.addr = %address, redis = %redis, partitions, "vote.started");
    listener::serve(listener, router, &connections, shutdown).await?;
    tracing::info!("vote.stopped");
    telemetry::end();
    Ok(ExitCode::SUCCESS)
}
