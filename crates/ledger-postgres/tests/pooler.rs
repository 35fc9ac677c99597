//! PgBouncer before PostgreSQL: refused by name where it shares sessions, and taken where it does not.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Child, Command, Stdio},
};

use domain::{Ledgers, Scoreboard, Unavailable};
use support::{FIRST, ballot, figures, ledgers_at, of, poll, poll_entry, scoreboard_at};
use tempfile::TempDir;
use testkit::{address, postgres_server::TestDatabase, wait};

/// A real PgBouncer before a test's database; killed on drop.
struct Pooler {
    url: String,
    process: Child,
    _directory: TempDir,
}

impl Pooler {
    async fn start(database: &TestDatabase, mode: &str, pool_size: u32) -> Self {
        let directory = TempDir::new().unwrap();
        // It does not run as root, and reads its files as whom it becomes.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = address::free_port();
        let url: tokio_postgres::Config = database.url().parse().unwrap();
        let name = url.get_dbname().unwrap().to_owned();
        let file = |name: &str, text: String| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let users = file("users.txt", "\"postgres\" \"\"\n".into());
        let configuration = file(
            "pgbouncer.ini",
            format!(
                "[databases]\n{name} = host=127.0.0.1 port={} dbname={name}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\n\
                 pool_mode = {mode}\ndefault_pool_size = {pool_size}\n",
                url.get_ports()[0]
            ),
        );
        // Debian has it where only root looks.
        let program = if fs::exists("/usr/sbin/pgbouncer").unwrap() { "/usr/sbin/pgbouncer" } else { "pgbouncer" };
        let mut command = Command::new(program);
        command.arg("--quiet").arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.args(["--user", "nobody"]);
        }
        let process = command.spawn().expect("pgbouncer runs (Debian package: pgbouncer)");
        wait::until("PgBouncer listens", || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok() })
            .await;
        Self { url: format!("postgres://postgres@127.0.0.1:{port}/{name}"), process, _directory: directory }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn names_the_pooler<T>(answer: Result<T, Unavailable>) {
    let why = answer.err().expect("it is refused").to_string();
    assert!(why.contains("no pooler") && why.contains("pool_mode=session"), "{why}");
}

#[tokio::test]
async fn a_pooler_that_shares_sessions_is_named_to_worker_and_result() {
    let database = TestDatabase::create().await;
    for (mode, pool_size) in [("transaction", 20), ("transaction", 1), ("statement", 20)] {
        let pooler = Pooler::start(&database, mode, pool_size).await;
        let ledgers = ledgers_at(&pooler.url);
        for _ in 0..3 {
            names_the_pooler(ledgers.lead(FIRST).await);
        }
        let scoreboard = scoreboard_at(&pooler.url);
        let why = wait::until("the pooler is named", || async {
            scoreboard.ready().await.err().filter(|why| why.to_string().contains("no pooler"))
        });
        names_the_pooler::<()>(Err(why.await));
    }
    // The lead was not taken in passing.
    assert!(support::ledgers(&database).lead(FIRST).await.unwrap().is_some());
}

#[tokio::test]
async fn a_pooler_in_session_mode_serves_a_leader_and_its_standby() {
    let database = TestDatabase::create().await;
    let pooler = Pooler::start(&database, "session", 20).await;
    let (leading, standby) = (ledgers_at(&pooler.url), ledgers_at(&pooler.url));
    let mut leader = support::lead(&leading, FIRST).await;
    assert!(standby.lead(FIRST).await.unwrap().is_none());
    let poll = poll("main");
    leader.apply(vec![poll_entry(1, &poll), ballot(2, &poll, 1, "a")]).await.unwrap();
    assert_eq!(figures(&database, &poll).await, of([1, 0], 1, 1));
    let scoreboard = scoreboard_at(&pooler.url);
    wait::until("the scoreboard answers", || async { scoreboard.ready().await.ok() }).await;
}
