//! An address with several hosts: a real primary and a real standby that replicates it, in any order and any state. The
//! primary is found, and a standby is never used, although it answers.

mod support;

use std::{net::TcpListener, sync::Arc};

use domain::{Ledgers, LogId, Scoreboard};
use support::{FIRST, ballot, lead, ledgers_at, of, poll, poll_entry, scoreboard_at};
use testkit::{
    address,
    postgres_server::{PostgresServer, StandbyServer},
    wait,
};
use tokio_postgres::Client;

/// An address with these hosts, and a password that nobody may see.
fn url(hosts: &[&str]) -> String {
    format!("postgres://postgres:hunter2@{}/postgres?target_session_attrs=read-write", hosts.join(","))
}

/// The sessions of worker and result at this server.
async fn sessions(client: &Client) -> i64 {
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('scrutin-worker', 'scrutin-result')
        AND state IS NOT NULL";
    client.query_one(sessions, &[]).await.expect("a count").get(0)
}

async fn replayed(primary: &PostgresServer, standby: &StandbyServer) {
    let written = "SELECT pg_current_wal_lsn()::text";
    let written: String = support::connect(primary.url()).await.query_one(written, &[]).await.expect("a place").get(0);
    let client = standby.client().await;
    let has_it = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
    let has_it = async || client.query_one(has_it, &[&written]).await.expect("an answer").get(0);
    wait::until_true("the standby to have everything", has_it).await;
}

#[tokio::test]
async fn the_primary_is_found_wherever_it_stands_among_the_hosts() {
    let primary = PostgresServer::private().await;
    let standby = primary.start_standby().await;
    // Takes connections and never answers, like a machine that hangs.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent, dead) = (silent.local_addr().unwrap().to_string(), address::free().to_string());
    let (good, behind) = (primary.address(), standby.address().to_string());
    let (at_primary, at_standby) = (support::connect(primary.url()).await, standby.client().await);

    for hosts in
        [&[good, &*behind][..], &[&behind, good], &[&dead, good], &[&silent, good], &[&silent, &dead, &behind, good]]
    {
        let address = url(hosts);
        let (ledgers, scoreboard) = (ledgers_at(&address), scoreboard_at(&address));
        let leader = lead(&ledgers, FIRST).await;
        scoreboard.ready().await.unwrap();
        assert!(sessions(&at_primary).await >= 2, "{hosts:?}");
        assert_eq!(sessions(&at_standby).await, 0, "{hosts:?}");
        drop((leader, ledgers, scoreboard));
        wait::until_true("the connections to end", async || sessions(&at_primary).await == 0).await;
    }
}

#[tokio::test]
async fn a_standby_alone_serves_nobody_and_every_host_is_told_with_its_reason() {
    let primary = PostgresServer::private().await;
    let standby = primary.start_standby().await;
    let (dead, behind) = (address::free().to_string(), standby.address().to_string());
    let address = url(&[&behind, &dead]);
    let expected = [format!("{behind}: is a standby"), format!("{dead}: "), "refused".to_owned()];
    let scoreboard = scoreboard_at(&address);
    for refused in [
        ledgers_at(&address).lead(FIRST).await.err().expect("no primary"),
        scoreboard.ready().await.unwrap_err(),
        scoreboard.tallies(&[]).await.unwrap_err(),
        scoreboard.audit().await.unwrap_err(),
    ] {
        let refused = refused.to_string();
        assert!(expected.iter().all(|words| refused.contains(words)), "{refused}");
        assert!(!refused.contains("hunter2") && refused.lines().count() == 1, "{refused}");
    }
    assert_eq!(sessions(&standby.client().await).await, 0);
}

#[tokio::test]
async fn worker_and_result_follow_a_promoted_standby_and_leave_the_demoted() {
    let mut first = PostgresServer::private().await;
    let second = first.start_standby().await;
    let address = url(&[first.address(), &second.address().to_string()]);
    let (ledgers, scoreboard, main) = (ledgers_at(&address), scoreboard_at(&address), poll("main"));
    let mut leader = lead(&ledgers, FIRST).await;
    leader.attach(&LogId::new("log"), None, &[], &[]).await.unwrap();
    leader.apply(vec![poll_entry(1, &main), ballot(2, &main, 1, "a")]).await.unwrap();
    assert_eq!(scoreboard.tallies(&[main.id()]).await.unwrap()[0].figures, of([1, 0], 1, 1));
    replayed(&first, &second).await;

    first.stop().await;
    assert!(leader.apply(vec![ballot(3, &main, 2, "b")]).await.is_err());
    assert!(
        ledgers.lead(FIRST).await.is_err() && scoreboard.ready().await.is_err(),
        "the standby is not the primary yet"
    );
    second.promote().await;
    let mut leader = lead(&ledgers, FIRST).await;
    leader.apply(vec![ballot(3, &main, 2, "b")]).await.unwrap();
    wait::until("the result", async || scoreboard.ready().await.ok()).await;
    assert_eq!(scoreboard.tallies(&[main.id()]).await.unwrap()[0].figures, of([1, 1], 2, 2));

    // The first host of the address answers again, and is behind: its replay is paused at what it had.
    first.restart_as_standby_of(&second).await;
    let (demoted, client) = (support::connect(first.url()).await, second.client().await);
    demoted.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    leader.apply(vec![ballot(4, &main, 3, "b")]).await.unwrap();
    assert!(support::terminate(&client, "scrutin-result").await > 0);
    wait::until("the result", async || scoreboard.ready().await.ok()).await;
    assert_eq!(scoreboard.tallies(&[main.id()]).await.unwrap()[0].figures, of([1, 2], 3, 3));
    assert_eq!(sessions(&demoted).await, 0);
}

#[tokio::test]
async fn a_role_that_may_only_read_is_enough_for_result() {
    let primary = Arc::new(PostgresServer::private().await);
    let client = support::connect(primary.url()).await;
    let reader = "CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on";
    client.batch_execute(reader).await.unwrap();
    let address = format!("postgres://reader@{}/postgres", primary.address());
    scoreboard_at(&address).ready().await.unwrap();
    let refused = ledgers_at(&address).lead(FIRST).await.err().expect("it can't write").to_string();
    assert!(refused.contains("takes no writes"), "{refused}");
}
