//! The real programs (`vote`, `worker`, `result`, `scrutin`) as processes.

use std::{
    ffi::OsStr,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use tempfile::TempDir;

use crate::{address, wait};

/// A secret for tests.
pub const SECRET_KEY: &str = "a secret for tests, of more than 32 bytes";
/// An organiser's token for tests.
pub const ORGANISER_TOKEN: &str = "organiser-token-for-tests";

/// The environment variable with the number of partitions that services of tests have, unless a test sets its own:
/// `scripts/test` runs the stories of the services with one and with three.
const PARTITIONS: &str = "SCRUTIN_TEST_PARTITIONS";

/// A program of this workspace, running. Killed when dropped.
pub struct Program {
    name: &'static str,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    child: Child,
    logs: TempDir,
}

impl Program {
    /// Starts a program with these arguments and environment variables, and nothing else in its environment.
    ///
    /// # Panics
    /// If the program was not built; `cargo build --workspace --bins` builds it.
    pub fn start<K, V>(name: &'static str, arguments: &[&str], environment: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: ToString,
    {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let environment: Vec<_> = environment.into_iter().map(|(key, value)| (key.into(), value.to_string())).collect();
        let logs = TempDir::new().expect("a directory for the log");
        let child = spawn(name, &arguments, &environment, logs.path());
        Self { name, arguments, environment, child, logs }
    }

    /// The value of a variable in its environment.
    fn setting(&self, key: &str) -> Option<&str> {
        // The last one of a name is the one that it has.
        self.environment.iter().rev().find(|(known, _)| known == key).map(|(_, value)| &**value)
    }

    /// Its complete output so far, over all its starts: standard output and standard error.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.logs.path().join("log")).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once with SIGKILL, as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.exit().await
    }

    /// Waits until it has ended by itself.
    pub async fn exit(&mut self) -> ExitStatus {
        let name = self.name;
        let child = std::cell::RefCell::new(&mut self.child);
        wait::until(&format!("the end of {name}"), || {
            let ended = child.borrow_mut().try_wait().expect("a child can be waited for");
            async move { ended }
        })
        .await
    }

    /// Sends a signal by name: `TERM`, `INT`, `STOP`, `CONT`.
    ///
    /// # Panics
    /// If the process no longer exists.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.expect("kill runs").success(), "{} is not running any more: {}", self.name, self.output());
    }

    /// Starts it again, with the same arguments and environment.
    pub fn start_again(&mut self) {
        self.kill();
        self.child = spawn(self.name, &self.arguments, &self.environment, self.logs.path());
    }

    /// Starts it again with one variable changed.
    pub fn start_again_with(&mut self, key: &str, value: &str) {
        self.environment.retain(|(known, _)| known != key);
        self.environment.push((key.to_owned(), value.to_owned()));
        self.start_again();
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let from = output.char_indices().rev().nth(6_000).map_or(0, |(index, _)| index);
            println!("--- the last that {} said ---\n{}", self.name, &output[from..]);
        }
    }
}

fn spawn(name: &str, arguments: &[String], environment: &[(String, String)], logs: &Path) -> Child {
    let log = File::options().create(true).append(true).open(logs.join("log")).expect("the log can be written");
    Command::new(path(name))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .current_dir(logs)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle on the log"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{name} does not start: {error}"))
}

/// The path at which `cargo build` puts the program: next to the directory of this test's own executable.
///
/// # Panics
/// If the program was not built.
pub fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own executable");
    let directory = test.ancestors().find(|path| path.file_name() != Some(OsStr::new("deps")) && path.is_dir());
    let path = directory.expect("an executable is in a directory").join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace --bins` first", path.display());
    path
}

/// Waits until the service with this admin address reports that it is ready.
///
/// # Panics
/// As [`wait::until`].
pub async fn ready(admin: SocketAddr) {
    wait::until_true(&format!("ready at {admin}"), || async move {
        let answer = reqwest::get(format!("http://{admin}/readyz")).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
}

/// The services on a Redis and a PostgreSQL, one of each. More can be added.
pub struct Services {
    /// Takes ballots.
    pub vote: Service,
    /// Counts them.
    pub worker: Service,
    /// Shows them.
    pub result: Service,
}

/// A service and its addresses.
pub struct Service {
    /// The process.
    pub program: Program,
    /// Its public address; the worker has none.
    pub listen: Option<SocketAddr>,
    /// Its operator's address.
    pub admin: SocketAddr,
}

impl Service {
    /// The public address as a URL without a slash at the end.
    ///
    /// # Panics
    /// If it has none.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen.expect("this service has a public address"))
    }

    /// Waits until it is ready.
    pub async fn ready(&self) {
        ready(self.admin).await;
    }

    /// One of its metrics, added up over all labels; 0 if it does not exist yet.
    ///
    /// # Panics
    /// If the service does not answer.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = reqwest::get(format!("http://{}/metrics", self.admin)).await.expect("metrics are served");
        let text = text.text().await.expect("metrics are text");
        let of_name = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' ')));
        of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// Starts `vote` on this Redis.
pub fn vote(redis_url: &str, result_url: Option<&str>) -> Service {
    vote_at(address::free(), redis_url, result_url)
}

fn vote_at(listen: SocketAddr, redis_url: &str, result_url: Option<&str>) -> Service {
    vote_with(listen, redis_url, result_url, &[])
}

fn vote_with(listen: SocketAddr, redis_url: &str, result_url: Option<&str>, further: &[(&str, &str)]) -> Service {
    let admin = address::free();
    let mut environment = common(listen, admin);
    environment.extend(partitions());
    environment.extend(further.iter().map(|&(key, value)| (key.into(), value.into())));
    environment.push(("REDIS_URL".into(), redis_url.into()));
    environment.push(("ORGANISER_TOKEN".into(), ORGANISER_TOKEN.into()));
    // It listens only on this machine, so it has no public URL unless one is set.
    environment.push(("VOTE_URL".into(), format!("http://{listen}")));
    environment.extend(result_url.map(|url| ("RESULT_URL".into(), url.into())));
    Service { program: Program::start("vote", &[], environment), listen: Some(listen), admin }
}

/// Starts `worker` on this Redis and this database.
pub fn worker(redis_url: &str, database_url: &str) -> Service {
    worker_with(redis_url, database_url, &[])
}

/// The same with additional settings.
pub fn worker_with(redis_url: &str, database_url: &str, further: &[(&str, &str)]) -> Service {
    let admin = address::free();
    let address = admin.to_string();
    let environment = [("ADMIN_ADDR", &*address), ("REDIS_URL", redis_url), ("DATABASE_URL", database_url)];
    let environment = environment.into_iter().chain(further.iter().copied());
    let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let environment = partitions().into_iter().chain(environment);
    Service { program: Program::start("worker", &[], environment), listen: None, admin }
}

/// Starts `result` on this database.
pub fn result(database_url: &str, vote_url: Option<&str>) -> Service {
    let (listen, admin) = (address::free(), address::free());
    let mut environment = common(listen, admin);
    environment.push(("DATABASE_URL".into(), database_url.into()));
    environment.push(("ORGANISER_TOKEN".into(), ORGANISER_TOKEN.into()));
    environment.extend(vote_url.map(|url| ("VOTE_URL".into(), url.into())));
    Service { program: Program::start("result", &[], environment), listen: Some(listen), admin }
}

/// Waits until this `vote` can cast the ballots of all partitions; it is ready with one.
pub async fn takes_all_ballots(vote: &Service) {
    let count = vote.program.setting("PARTITIONS").map_or(1.0, |count| count.parse().expect("a number"));
    wait::until_true("vote to take ballots of all partitions", || async {
        vote.ready().await;
        vote.metric("scrutin_log_partition_ready").await >= count
    })
    .await;
}

/// The setting `PARTITIONS` of services, where this run of the tests has one.
pub fn partitions() -> Option<(String, String)> {
    std::env::var(PARTITIONS).ok().map(|count| ("PARTITIONS".to_owned(), count))
}

/// How many partitions services have in this run of the tests.
///
/// # Panics
/// If it was set to something else than a number.
pub fn partition_count() -> u16 {
    partitions().map_or(1, |(_, count)| count.parse().expect("a number of partitions"))
}

fn common(listen: SocketAddr, admin: SocketAddr) -> Vec<(String, String)> {
    vec![
        ("LISTEN_ADDR".into(), listen.to_string()),
        ("ADMIN_ADDR".into(), admin.to_string()),
        ("SECRET_KEY".into(), SECRET_KEY.into()),
    ]
}

impl Services {
    /// Starts one of each, and waits until all are ready.
    pub async fn start(redis_url: &str, database_url: &str) -> Self {
        Self::start_with(redis_url, database_url, &[]).await
    }

    /// The same with additional settings of `vote` and `worker`.
    pub async fn start_with(redis_url: &str, database_url: &str, further: &[(&str, &str)]) -> Self {
        let vote_listen = address::free();
        let worker = worker_with(redis_url, database_url, further);
        let result = result(database_url, Some(&format!("http://{vote_listen}")));
        let vote = vote_with(vote_listen, redis_url, Some(&result.url()), further);
        let services = Self { vote, worker, result };
        services.ready().await;
        services
    }

    /// Waits until all are ready, for the voters of all partitions.
    pub async fn ready(&self) {
        self.worker.ready().await;
        takes_all_ballots(&self.vote).await;
        self.result.ready().await;
    }
}
