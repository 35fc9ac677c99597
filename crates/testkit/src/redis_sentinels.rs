//! Sentinels that watch a Redis of a test, and promote its replica when it is gone.
//!
//! May import: `address`, `redis_server`, `wait`.

use std::{
    collections::HashMap,
    fs,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    address,
    redis_server::{REDIS, RedisServer, usual_program},
    wait,
};

/// The name under which they know the master.
pub const MASTER: &str = "votes";

/// Some Sentinels; killed, and their files removed, on drop.
#[derive(Debug)]
pub struct RedisSentinels {
    ports: Vec<u16>,
    /// For TLS, of the only one that speaks it.
    tls_port: Option<u16>,
    processes: Vec<Child>,
    _directory: TempDir,
}

impl RedisSentinels {
    /// Three Sentinels, of which two decide. Waits until they know each other and the replicas of this primary.
    ///
    /// # Panics
    /// If `redis-server` is not installed, or they don't start.
    pub async fn start(primary: &RedisServer, replicas: usize) -> Self {
        let sentinels = Self::start_some(primary, 3, None);
        wait::until_true("the Sentinels know each other and the replicas", async || {
            for &port in &sentinels.ports {
                if known(port).await != Some([2, replicas]) {
                    return false;
                }
            }
            true
        })
        .await;
        sentinels
    }

    /// A Sentinel that is cut off from the others: whatever becomes of the primary, it goes on naming it.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_alone(primary: &RedisServer) -> Self {
        Self::start_some(primary, 1, None).answering().await
    }

    /// The same, with the certificate of this primary, which it knows by its port for TLS.
    ///
    /// # Panics
    /// As [`start`](Self::start), or if the primary does not speak TLS.
    pub async fn start_alone_with_tls(primary: &RedisServer) -> Self {
        Self::start_some(primary, 1, Some(address::free_port())).answering().await
    }

    async fn answering(self) -> Self {
        wait::until_true("the Sentinel answers", async || known(self.ports[0]).await.is_some()).await;
        self
    }

    fn start_some(primary: &RedisServer, count: usize, tls_port: Option<u16>) -> Self {
        let directory = TempDir::with_prefix("scrutin-sentinels-").expect("a temporary directory");
        let ports: Vec<u16> = (0..count).map(|_| address::free_port()).collect();
        let (watched, tls) = match tls_port {
            None => (primary.port(), String::new()),
            Some(port) => (primary.tls_port(), primary.tls_settings(port) + "tls-replication yes\n"),
        };
        let processes = ports.iter().map(|&port| spawn(&directory, port, watched, &tls)).collect();
        Self { ports, tls_port, processes, _directory: directory }
    }

    /// Where they are, separated by commas.
    pub fn hosts(&self) -> String {
        let hosts: Vec<String> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        hosts.join(",")
    }

    /// The address in the form of `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/{MASTER}", self.hosts())
    }
}

impl RedisSentinels {
    /// The address of the one with TLS, by this name of the host.
    ///
    /// # Panics
    /// If it does not speak TLS.
    pub fn tls_url(&self, host: &str) -> String {
        format!("rediss+sentinel://{host}:{}/{MASTER}", self.tls_port.expect("it speaks TLS"))
    }
}

impl Drop for RedisSentinels {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // Both fail only if it has already ended, which is the goal.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn spawn(directory: &TempDir, port: u16, primary: u16, tls: &str) -> Child {
    // They write what they learn into it.
    let settings = directory.path().join(format!("{port}.conf"));
    let text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 5000\n{tls}",
        directory.path().display()
    );
    fs::write(&settings, text).expect("the directory takes a file");
    // The Valkey of the tests is built without TLS.
    let program = if tls.is_empty() { usual_program() } else { REDIS.to_owned() };
    Command::new(&program)
        .arg(settings)
        .arg("--sentinel")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("can't run {program} ({error}): scripts/install-test-tools installs it"))
}

/// How many other Sentinels and how many replicas this one knows.
async fn known(port: u16) -> Option<[usize; 2]> {
    let client = redis::Client::open(("127.0.0.1", port)).ok()?;
    let mut connection = client.get_multiplexed_async_connection().await.ok()?;
    let asked = redis::cmd("SENTINEL").arg("master").arg(MASTER).to_owned();
    let facts: HashMap<String, String> = asked.query_async(&mut connection).await.ok()?;
    let number = |fact: &str| facts.get(fact)?.parse().ok();
    Some([number("num-other-sentinels")?, number("num-slaves")?])
}
