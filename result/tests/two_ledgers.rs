//! The service on the ledgers of two addresses, on servers of their own, of which one goes away and comes back.

#![allow(clippy::unwrap_used, reason = "clippy does not see that helpers beside #[test] functions are tests")]

mod support;

use std::{sync::Arc, time::Duration};

use domain::{
    Ballot, Choices, Entry, Event, EventChange, EventId, EventSpec, Installation, InstallationId, LedgerIdentity,
    Ledgers, Partition, Partitions, Poll, PollId, PollSpec, Position, Record, VoterId,
};
use ledger_postgres::{DatabaseAddresses, PostgresLedgers, SpreadScoreboard};
use scrutin_result::{Config, Timing};
use support::{App, config, serve, viewers::Viewer};
use testkit::{postgres_server::PostgresServer, wait};

fn entry(place: u64, record: Record) -> Entry {
    Entry { position: Position::new(1_700_000_000_000 + place, 0).unwrap(), record: Ok(record) }
}

/// Voters with these numbers are in the partition of the number mod 2.
fn vote(place: u64, number: u64, key: &str) -> Entry {
    let voter = VoterId::from_bytes((u128::from(number) << 64).to_be_bytes());
    entry(place, Record::Ballot(Ballot { poll: PollId::MAIN, voter, choices: Choices::parse([key]).unwrap() }))
}

async fn page(app: &App) -> String {
    app.page("/").await
}

#[tokio::test]
async fn scores_say_since_when_they_lack_a_ledger_that_is_away() {
    let mut servers = [PostgresServer::private().await, PostgresServer::private().await];
    let addresses: DatabaseAddresses = format!("{} {}", servers[0].url(), servers[1].url()).parse().unwrap();
    let (ledgers, partitions) = (PostgresLedgers::new(addresses.clone()), Partitions::new(2).unwrap());
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    let mut leaders = Vec::new();
    for number in 0..2 {
        let partition = Partition::new(number);
        let mut leader = wait::until("the lead", || async { ledgers.lead(partition).await.ok().flatten() }).await;
        let installation = Installation::new(InstallationId::new("one"), partitions);
        leader.install(&LedgerIdentity::new(installation, "here")).await.unwrap();
        let entries = vec![entry(1, Record::Poll(Box::new(poll.clone()))), vote(2, u64::from(number), "a")];
        leader.apply(entries).await.unwrap();
        leaders.push(leader);
    }
    let timing = Timing { look: Duration::from_millis(200), ..Timing::default() };
    let app = serve(Config { timing, ..config() }, Arc::new(SpreadScoreboard::new(&addresses))).await;
    let mut viewer = app.viewer().await;
    viewer.message().await;
    viewer.scores_until(|scores| scores["a"] == 2 && scores["stale_since"].is_null()).await;

    servers[1].stop().await;
    leaders[0].apply(vec![vote(3, 2, "a")]).await.unwrap();
    viewer.scores_until(|scores| scores["a"] == 3).await;
    // The first partition's leader is alive, and the second's can't be heard.
    let (mut first, stop) = (leaders.remove(0), tokio_util::sync::CancellationToken::new());
    let beats = stop.clone().run_until_cancelled_owned(async move {
        loop {
            first.heartbeat(0).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let beating = tokio::spawn(beats);
    let (_, stale) = viewer.scores_until(|scores| scores["stale_since"].is_u64()).await;
    assert_eq!(stale["a"], 3, "what is known stays: {stale}");
    assert!(page(&app).await.contains("Scores stand still since"));

    servers[1].restart().await;
    let second = Partition::new(1);
    let mut leader = wait::until("the lead", || async { ledgers.lead(second).await.ok().flatten() }).await;
    leader.apply(vec![vote(4, 3, "b")]).await.unwrap();
    leader.heartbeat(0).await.unwrap();
    viewer.scores_until(|scores| scores["b"] == 1 && scores["stale_since"].is_null()).await;
    stop.cancel();
    beating.await.unwrap();
}

#[tokio::test]
async fn an_event_stays_as_it_was_while_the_ledger_of_its_home_is_away() {
    let mut servers = [PostgresServer::private().await, PostgresServer::private().await];
    let addresses: DatabaseAddresses = format!("{} {}", servers[0].url(), servers[1].url()).parse().unwrap();
    let (ledgers, partitions) = (PostgresLedgers::new(addresses.clone()), Partitions::new(2).unwrap());
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    let id = EventId::parse("evening").unwrap();
    let spec = EventSpec { title: "The evening".to_owned(), polls: vec![PollId::MAIN] };
    let event = Event::new(id, spec).unwrap();
    let home = Partition::new(1);
    for number in 0..2 {
        let partition = Partition::new(number);
        let mut leader = wait::until("the lead", || async { ledgers.lead(partition).await.ok().flatten() }).await;
        let installation = Installation::new(InstallationId::new("one"), partitions);
        leader.install(&LedgerIdentity::new(installation, "here")).await.unwrap();
        leader.apply(vec![entry(1, Record::Poll(Box::new(poll.clone())))]).await.unwrap();
        if partition == home {
            leader.apply(vec![entry(2, Record::Event(Box::new(event.clone())))]).await.unwrap();
        }
    }
    let timing = Timing { look: Duration::from_millis(200), ..Timing::default() };
    let app = serve(Config { timing, ..config() }, Arc::new(SpreadScoreboard::new(&addresses))).await;
    let mut viewer = Viewer::connect(app.addr, "&event=evening", &[]).await.unwrap();
    viewer.now_until(|now| now["version"] == 1).await;

    servers[1].stop().await;
    wait::until_true("the ledger to be missed", async || {
        app.get("/api/events/party/now").await.status() == http::StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    assert_eq!(app.json("/api/events/evening/now").await["version"], 1, "it is still known");

    servers[1].restart().await;
    let mut leader = wait::until("the lead", || async { ledgers.lead(home).await.ok().flatten() }).await;
    let archived = event.after(&EventChange::Archive).unwrap();
    leader.apply(vec![entry(3, Record::Event(Box::new(archived)))]).await.unwrap();
    viewer.now_until(|now| now["version"] == 2).await;
}
