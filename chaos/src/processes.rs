//! The processes of a run: the real programs, two of each, with proxies between them and their servers; the real Redis
//! and the real PostgreSQL. Faults are injected and repaired here.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use scrutin_chaos::disk::Disk;
use testkit::{
    postgres_server::PostgresServer,
    programs::{self, Service},
    redis_server::{RedisFiles, RedisServer},
    wait,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};
use tokio_postgres::NoTls;

use crate::{
    fault::{InjectedFault, Injection, Target},
    proxy::{Mode, Proxy},
};

/// The poll in which the crowd votes. Its ballots are published at the end.
pub(crate) const POLL: &str = "chaos";
/// Redis keys of a partition: the log, the mark without which it accepts nothing, and the number of accepted ballots.
const LOG: &str = "log";
const ATTACHED: &str = "attached";
const ACCEPTED: &str = "accepted";
/// How far the clock of Redis is behind after it was set back to older files.
const CLOCK_BEHIND: Duration = Duration::from_secs(30);
/// How long the log keeps counted entries: short, so that the workers trim it during the faults.
const LOG_RETENTION: &str = "2s";
/// Pause between two attempts to connect to PostgreSQL while it recovers.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Time limit for reading the metrics of a worker.
const METRICS_LIMIT: Duration = Duration::from_millis(300);

/// A small disk for each server; without them the disks are not filled.
pub(crate) struct Disks {
    pub(crate) redis: PathBuf,
    pub(crate) postgres: PathBuf,
}

/// All processes of a run.
pub(crate) struct Processes {
    pub(crate) names: Vec<String>,
    /// How many partitions the log has.
    pub(crate) partitions: u16,
    services: Vec<Service>,
    /// The proxies of each service.
    links: Vec<Vec<Proxy>>,
    redis: RedisServer,
    postgres: PostgresServer,
    disks: Option<(Disk, Disk)>,
}

impl Processes {
    /// Starts everything, and waits until all are ready.
    pub(crate) async fn start(partitions: u16, disks: Option<Disks>) -> Self {
        let parent = |disk: Option<&PathBuf>| disk.cloned().unwrap_or_else(std::env::temp_dir);
        let redis = RedisServer::start_in(&parent(disks.as_ref().map(|disks| &disks.redis))).await;
        let postgres = PostgresServer::private_in(parent(disks.as_ref().map(|disks| &disks.postgres))).await;
        let disks = disks.map(|disks| (Disk::new(disks.redis), Disk::new(disks.postgres)));
        let (names, services, links) = Default::default();
        let mut processes = Self { names, partitions, services, links, redis, postgres, disks };
        for number in 1..=2 {
            processes.add(format!("worker {number}"), true, true, worker).await;
        }
        for number in 1..=2 {
            processes.add(format!("vote {number}"), true, false, |redis, _| programs::vote(redis, None)).await;
            processes
                .add(format!("result {number}"), false, true, |_, database| programs::result(database, None))
                .await;
        }
        processes.all_ready().await;
        processes
    }

    async fn add(&mut self, name: String, log: bool, ledger: bool, start: impl FnOnce(&str, &str) -> Service) {
        let mut links = Vec::new();
        let (mut redis_url, mut database_url) = (String::new(), String::new());
        if log {
            let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], self.redis.port()))).await;
            redis_url = format!("redis://{}", proxy.address());
            links.push(proxy);
        }
        if ledger {
            let proxy = Proxy::start(self.postgres_address()).await;
            database_url = format!("postgres://postgres@{}/postgres", proxy.address());
            links.push(proxy);
        }
        let mut service = start(&redis_url, &database_url);
        if log {
            service.program.start_again_with("PARTITIONS", &self.partitions.to_string());
        }
        self.services.push(service);
        self.links.push(links);
        self.names.push(name);
    }

    fn postgres_address(&self) -> SocketAddr {
        let (_, rest) = self.postgres.url().split_once('@').expect("the URL names a user");
        rest.split('/').next().and_then(|address| address.parse().ok()).expect("the URL has an address")
    }

    /// The addresses of all `vote` or all `result`, separated by commas.
    pub(crate) fn urls(&self, of: &str) -> String {
        let named = self.names.iter().zip(&self.services).filter(|(name, _)| name.starts_with(of));
        named.map(|(_, service)| service.url()).collect::<Vec<_>>().join(",")
    }

    /// Whether the servers have disks that can be filled.
    pub(crate) fn has_disks(&self) -> bool {
        self.disks.is_some()
    }

    /// The URL of the database, without a proxy.
    pub(crate) fn database_url(&self) -> &str {
        self.postgres.url()
    }

    /// The indexes of the workers that lead a partition now. Workers that do not answer are left out.
    pub(crate) async fn leading(&self) -> Vec<usize> {
        let client = reqwest::Client::builder().timeout(METRICS_LIMIT).build().expect("a client is built");
        let mut leading = Vec::new();
        for (number, service) in self.services.iter().enumerate() {
            if !self.names[number].starts_with("worker") {
                continue;
            }
            let Ok(answer) = client.get(format!("http://{}/metrics", service.admin)).send().await else { continue };
            let text = answer.text().await.unwrap_or_default();
            if text.lines().any(|line| line.starts_with("scrutin_worker_leads") && line.ends_with(" 1")) {
                leading.push(number);
            }
        }
        leading
    }

    /// Injects a fault.
    pub(crate) async fn inject(&mut self, injection: Injection) {
        match (injection.target, injection.fault) {
            (Target::Program(number), InjectedFault::Kill) => self.services[number].program.kill(),
            (Target::Program(number), _) => self.services[number].program.signal("STOP"),
            (Target::Link(number), fault) => self.link(number, mode(fault)),
            (Target::Redis, InjectedFault::Kill) => self.redis.kill(),
            (Target::Redis, InjectedFault::FillDisk) => self.disks().0.fill(),
            (Target::Redis, _) => self.redis.pause(),
            (Target::Postgres, InjectedFault::FillDisk) => self.disks().1.fill(),
            (Target::Postgres, InjectedFault::Stop) => self.postgres.pause(),
            (Target::Postgres, _) => self.postgres.kill().await,
        }
    }

    /// Repairs what a fault broke, as an operator or a supervisor would.
    pub(crate) async fn recover(&mut self, injection: Injection) {
        match (injection.target, injection.fault) {
            (Target::Program(number), InjectedFault::Kill) => self.services[number].program.start_again(),
            (Target::Program(number), _) => self.services[number].program.signal("CONT"),
            (Target::Link(number), _) => self.link(number, Mode::Pass),
            (Target::Redis, InjectedFault::Kill) => self.redis.restart().await,
            (Target::Redis, InjectedFault::FillDisk) => {
                self.disks().0.free();
                // With `appendfsync always` Redis exits when it can't write its file.
                self.redis.restart().await;
            }
            (Target::Redis, _) => self.redis.resume(),
            (Target::Postgres, InjectedFault::FillDisk) => {
                self.disks().1.free();
                self.postgres_back().await;
            }
            (Target::Postgres, InjectedFault::Stop) => self.postgres.resume(),
            (Target::Postgres, _) => self.postgres.restart().await,
        }
    }

    fn link(&self, number: usize, mode: Mode) {
        self.links[number].iter().for_each(|proxy| proxy.set(mode));
    }

    fn disks(&self) -> &(Disk, Disk) {
        self.disks.as_ref().expect("a disk is only filled where there is one")
    }

    /// Waits until PostgreSQL accepts connections after a full disk. It may still run, be recovering, have exited, or
    /// exit later.
    async fn postgres_back(&mut self) {
        let address = self.postgres_address();
        let deadline = Instant::now() + wait::DEADLINE;
        while tokio_postgres::connect(self.postgres.url(), NoTls).await.is_err() {
            assert!(Instant::now() < deadline, "PostgreSQL does not come back after a full disk");
            if TcpStream::connect(address).await.is_err() {
                // The start may fail until the previous process has exited.
                self.postgres.try_restart().await;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until all programs are ready.
    pub(crate) async fn all_ready(&self) {
        for service in &self.services {
            service.ready().await;
        }
    }

    /// Empties Redis, and waits until a worker has begun a new log. Ballots that are not counted yet are lost, so the
    /// caller waits until there are none.
    pub(crate) async fn empty_the_log(&self) {
        let mut connection = self.redis.connection().await;
        redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("FLUSHALL is done");
        let all = u64::from(self.partitions);
        wait::until_true("a new log to be begun", || async { self.ask_redis("EXISTS", ATTACHED).await == all }).await;
    }

    /// The files of Redis as they are now.
    pub(crate) fn redis_files(&self) -> RedisFiles {
        self.redis.files()
    }

    /// Sets Redis back to older files, on a clock that is behind, as an operator does with a backup on another machine.
    /// Before that it cuts off `vote` and waits until every acknowledged ballot is counted. So nothing may be missing
    /// afterwards.
    pub(crate) async fn set_redis_back(&mut self, files: &RedisFiles) {
        let votes: Vec<_> = (0..self.names.len()).filter(|&number| self.names[number].starts_with("vote")).collect();
        for &number in &votes {
            self.link(number, Mode::Cut);
        }
        wait::until_true("all that came in to be counted", || async {
            self.accepted().await.is_some_and(|accepted| accepted > 0) && self.accepted().await == self.counted().await
        })
        .await;
        self.redis.set_back(files, CLOCK_BEHIND).await;
        for number in votes {
            self.link(number, Mode::Pass);
        }
    }

    /// The number of ballots that the log has accepted, read from Redis.
    async fn accepted(&self) -> Option<u64> {
        let mut connection = self.redis.connection().await;
        let mut sum = 0;
        for key in self.keys(ACCEPTED) {
            let of_one: Option<u64> = redis::cmd("HGET").arg(key).arg(POLL).query_async(&mut connection).await.ok()?;
            sum += of_one.unwrap_or(0);
        }
        Some(sum)
    }

    /// The number of counted ballots, read from PostgreSQL.
    async fn counted(&self) -> Option<u64> {
        let (client, connection) = tokio_postgres::connect(self.postgres.url(), NoTls).await.ok()?;
        tokio::spawn(connection);
        let counted: i64 =
            client.query_one("SELECT sum(counted)::bigint FROM turnout", &[]).await.ok()?.try_get(0).ok()?;
        u64::try_from(counted).ok()
    }

    /// The key of this name in each partition.
    fn keys(&self, name: &str) -> impl Iterator<Item = String> {
        (0..self.partitions).map(move |partition| format!("{{scrutin:{partition}}}:{name}"))
    }

    /// The number of entries in the log.
    pub(crate) async fn log_entries(&self) -> u64 {
        self.ask_redis("XLEN", LOG).await
    }

    /// The sum of the answers of all partitions.
    async fn ask_redis(&self, command: &str, name: &str) -> u64 {
        let mut connection = self.redis.connection().await;
        let mut sum = 0;
        for key in self.keys(name) {
            let of_one: u64 = redis::cmd(command).arg(key).query_async(&mut connection).await.expect("Redis counts");
            sum += of_one;
        }
        sum
    }

    /// The output of each program so far.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&str, String)> {
        self.names.iter().map(String::as_str).zip(self.services.iter().map(|service| service.program.output()))
    }
}

fn worker(redis_url: &str, database_url: &str) -> Service {
    let mut worker = programs::worker(redis_url, database_url);
    worker.program.start_again_with("LOG_RETENTION", LOG_RETENTION);
    worker
}

fn mode(fault: InjectedFault) -> Mode {
    match fault {
        InjectedFault::Slow(ms) => Mode::Slow(Duration::from_millis(ms)),
        InjectedFault::Freeze => Mode::Frozen,
        _ => Mode::Cut,
    }
}
