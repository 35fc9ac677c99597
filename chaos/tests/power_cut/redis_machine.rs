//! A machine with a Redis, of which the power can be cut, and which can be lost with its disk.

use std::{
    fs::File,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use testkit::{address, wait};

use crate::journal::PowerCut;

/// A Redis that a power cut hits.
pub(crate) struct RedisMachine {
    power: PowerCut,
    program: &'static str,
    arguments: Vec<String>,
    pub(crate) address: SocketAddr,
    process: Child,
}

impl RedisMachine {
    /// With this `appendfsync`.
    pub(crate) async fn start(fsync: &str) -> Self {
        Self::start_as("redis-server", &["--appendfsync", fsync]).await
    }

    /// This program with these arguments and the append-only file.
    pub(crate) async fn start_as(program: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (power, address) = (PowerCut::prepare(), address::free());
        let process = spawn(program, &power, address, &arguments);
        let redis = Self { power, program, arguments, address, process };
        redis.answers().await;
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    async fn connection(&self) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        redis::Client::open(self.url())?.get_multiplexed_async_connection().await
    }

    /// What `INFO` says.
    pub(crate) async fn info(&self) -> redis::RedisResult<String> {
        redis::cmd("INFO").query_async(&mut self.connection().await?).await
    }

    async fn answers(&self) {
        wait::until_true("Redis to answer", || async {
            let Ok(mut connection) = self.connection().await else { return false };
            redis::cmd("PING").exec_async(&mut connection).await.is_ok()
        })
        .await;
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Cuts the power; how many bytes that took away.
    pub(crate) fn power_cut(&mut self) -> u64 {
        self.kill();
        self.power.cut()
    }

    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(self.program, &self.power, self.address, &self.arguments);
        self.answers().await;
    }

    /// The same machine with its disk at another address, after it was killed, and with other arguments.
    pub(crate) async fn start_again_at(&mut self, address: SocketAddr, arguments: &[&str]) {
        self.address = address;
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self.start_again().await;
    }
}

impl Drop for RedisMachine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(program: &str, power: &PowerCut, address: SocketAddr, arguments: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(power.data().with_file_name("redis.log")).unwrap();
    Command::new(program)
        .args(["--port", &address.port().to_string(), "--bind", &address.ip().to_string()])
        .args(["--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"])
        .args(["--repl-diskless-sync-delay", "0"])
        .args(arguments)
        .arg("--dir")
        .arg(power.data())
        .envs(power.environment())
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .expect("the server runs (Debian package: redis-server; scripts/install-test-tools: valkey-server)")
}
