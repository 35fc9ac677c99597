//! Connections with TLS to a real server: what each `sslmode` takes and refuses, and in which words.

mod support;

use std::path::Path;

use domain::{Ledgers, Scoreboard};
use support::{FIRST, ledgers_at, scoreboard_at};
use testkit::{certificates::CertificateAuthority, postgres_server::PostgresServer, wait};

/// A server's URL for another host's name, with these parameters and a password that nobody may see.
fn url(server: &PostgresServer, host: &str, parameters: &str) -> String {
    let (_, port) = server.url().rsplit_once(':').expect("the URL has a port");
    format!("postgres://postgres:hunter2@{host}:{port}?{parameters}")
}

fn with_authority(mode: &str, file: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", file.display())
}

/// Whether worker and result connect with TLS, or why they don't.
async fn encrypted(server: &PostgresServer, url: &str) -> Result<bool, String> {
    let (ledgers, scoreboard) = (ledgers_at(url), scoreboard_at(url));
    let why = |failure: domain::Unavailable| {
        let words = failure.to_string();
        assert!(!words.contains("hunter2") && words.lines().count() == 1, "{words}");
        words
    };
    let of_worker = ledgers.lead(FIRST).await.map_err(why);
    let of_result = scoreboard.ready().await.map_err(why);
    assert_eq!(of_worker.is_ok(), of_result.is_ok(), "{url}: {:?} {of_result:?}", of_worker.err());
    let leader = of_worker?.expect("nobody else leads");
    let client = support::connect(server.url()).await;
    // The connection that listens may not be there yet; the others are held by what was just called.
    let encrypted = "SELECT bool_and(ssl), bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name IN ('scrutin-worker', 'scrutin-result')";
    let row = client.query_one(encrypted, &[]).await.expect("an answer");
    assert_eq!(row.get::<_, bool>(0), row.get::<_, bool>(1), "all or none: {url}");
    drop((leader, scoreboard));
    let gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'scrutin-%'";
    let is_gone = async || client.query_one(gone, &[]).await.expect("a count").get::<_, i64>(0) == 0;
    wait::until_true("the connections to end", is_gone).await;
    Ok(row.get(0))
}

#[tokio::test]
async fn each_sslmode_checks_as_much_as_libpq_does() {
    let server = PostgresServer::private().await;
    let directory = tempfile::TempDir::new().unwrap();
    let (known, stranger) = (CertificateAuthority::new(), CertificateAuthority::new());
    let (good, foreign) = (known.write(directory.path()), directory.path().join("foreign.pem"));
    std::fs::write(&foreign, stranger.pem()).unwrap();
    server.offer_tls(&known.certificate(&["localhost", "127.0.0.9"])).await;

    for (host, parameters, expected) in [
        ("localhost", String::new(), Ok(true)),
        ("127.0.0.1", "sslmode=disable".into(), Ok(false)),
        ("127.0.0.1", "sslmode=prefer".into(), Ok(true)),
        ("127.0.0.1", "sslmode=require".into(), Ok(true)),
        ("127.0.0.1", with_authority("require", &good), Ok(true)),
        ("127.0.0.1", with_authority("require", &foreign), Err("signed by no authority of sslrootcert")),
        ("127.0.0.1", with_authority("verify-ca", &good), Ok(true)),
        ("localhost", with_authority("verify-ca", &foreign), Err("signed by no authority of sslrootcert")),
        ("localhost", with_authority("verify-full", &good), Ok(true)),
        ("localhost", with_authority("verify-full", &foreign), Err("signed by no authority of sslrootcert")),
        ("127.0.0.1", with_authority("verify-full", &good), Err("is for localhost, 127.0.0.9, and not for 127.0.0.1")),
        ("localhost", "sslrootcert=system".into(), Err("signed by no authority of sslrootcert")),
    ] {
        let outcome = encrypted(&server, &url(&server, host, &parameters)).await;
        match (&outcome, expected) {
            (Ok(outcome), Ok(expected)) => assert_eq!(*outcome, expected, "{host} {parameters}"),
            (Err(words), Err(expected)) => assert!(words.contains(expected), "{host} {parameters}: {words}"),
            _ => panic!("{host} {parameters}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_taken_by_prefer_and_refused_by_require() {
    let server = PostgresServer::private().await;
    assert_eq!(encrypted(&server, &url(&server, "127.0.0.1", "")).await, Ok(false));
    let refused = encrypted(&server, &url(&server, "127.0.0.1", "sslmode=require")).await.unwrap_err();
    assert!(refused.contains("server does not support TLS"), "{refused}");
}

#[tokio::test]
async fn an_expired_certificate_is_named_and_its_successor_is_taken() {
    let server = PostgresServer::private().await;
    let directory = tempfile::TempDir::new().unwrap();
    let authority = CertificateAuthority::new();
    server.offer_tls(&authority.expired_certificate(&["127.0.0.1"])).await;
    let file = authority.write(directory.path());
    for mode in ["verify-ca", "verify-full"] {
        let refused = encrypted(&server, &url(&server, "127.0.0.1", &with_authority(mode, &file))).await.unwrap_err();
        assert!(refused.contains("the server's certificate is refused: it expired ") && refused.contains(" days ago"));
    }

    let address = url(&server, "127.0.0.1", &with_authority("verify-full", &file));
    let (ledgers, scoreboard) = (ledgers_at(&address), scoreboard_at(&address));
    assert!(ledgers.lead(FIRST).await.is_err() && scoreboard.ready().await.is_err());
    server.offer_tls(&authority.certificate(&["127.0.0.1"])).await;
    assert!(ledgers.lead(FIRST).await.unwrap().is_some());
    scoreboard.ready().await.unwrap();
}

/// As `openssl req -x509` makes one.
#[tokio::test]
async fn an_authority_that_is_a_server_too_is_told_what_to_make() {
    let server = PostgresServer::private().await;
    let directory = tempfile::TempDir::new().unwrap();
    let authority = CertificateAuthority::new();
    server.offer_tls(&authority.own_certificate()).await;
    let parameters = with_authority("verify-ca", &authority.write(directory.path()));
    let refused = encrypted(&server, &url(&server, "127.0.0.1", &parameters)).await.unwrap_err();
    assert!(refused.contains("CA:TRUE") && refused.contains("make one for the server"), "{refused}");
}
