//! The ledger moves to its standby, with the real programs: a primary and a streaming standby of PostgreSQL, TLS with
//! every check, and a flow of ballots that does not stop.

use testkit::{
    address, certificates::CertificateAuthority, postgres_server::PostgresServer, programs::Services,
    redis_server::RedisServer, steady_voters::SteadyVoters,
};

const VOTERS: u64 = 24;
const OPTIONS: usize = 2;
/// Ballots to be acknowledged between two events, so that each falls into a flow.
const FLOW: u64 = 150;

#[tokio::test]
async fn a_standby_promoted_for_a_dead_primary_counts_every_ballot_once() {
    let redis = RedisServer::start().await;
    let mut primary = PostgresServer::private().await;
    let (authority, directory) = (CertificateAuthority::new(), tempfile::TempDir::new().expect("a directory"));
    // The standby is a copy of the primary, its certificate too.
    let hosts = ["127.0.0.1".to_owned(), address::free().ip().to_string()];
    primary.offer_tls(&authority.certificate(&hosts.each_ref().map(String::as_str))).await;
    let standby = primary.start_standby().await;
    let trust = format!("sslmode=verify-full&sslrootcert={}", authority.write(directory.path()).display());
    let database = format!("postgres://postgres@{},{}/postgres?{trust}", standby.address(), primary.address());

    let services = Services::start(&redis.url(), &database).await;
    let voters = SteadyVoters::start(&[services.vote.url()], "main", VOTERS, OPTIONS);
    voters.goes_on(FLOW).await;
    primary.kill().await;
    // Voting goes on without a ledger, and the standby is not taken for one.
    voters.goes_on(FLOW).await;
    standby.promote().await;
    voters.goes_on(FLOW).await;
    let outcome = voters.stop(OPTIONS).await;
    outcome.is_counted(&services.vote.url(), &services.result.url(), "main").await;

    let encrypted = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name LIKE 'scrutin-%'";
    let row = standby.client().await.query_one(encrypted, &[]).await.expect("an answer");
    let (encrypted, all): (i64, i64) = (row.get(0), row.get(1));
    assert!(encrypted == all && all >= 2, "{encrypted} of {all}");
}
