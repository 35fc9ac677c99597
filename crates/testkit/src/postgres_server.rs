//! PostgreSQL for tests: one cluster for a whole test run, one database for each test.
//!
//! Under nextest each test is a separate process. So `scripts/test-postgres` starts the cluster of a run outside, and
//! tests find it through `SCRUTIN_TEST_PG`. If that is not set, a test starts its own cluster with the same script. The
//! script watches a pipe: when the test's process ends, in whatever way, the pipe closes, and the script stops and
//! removes the cluster.
//!
//! May import: `address`, `certificates`, `wait`.

mod connection;
mod owner;
mod standby;
mod tls;

use std::{
    env, fs,
    io::{BufRead, BufReader, ErrorKind},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use tokio_postgres::{Client, NoTls};

pub use standby::StandbyServer;

use self::connection::{PATIENCE, connect};
use crate::{certificates::ServerCertificate, wait};

/// The environment variable with the run's cluster: the URL of a superuser.
const SHARED_URL: &str = "SCRUTIN_TEST_PG";

/// A PostgreSQL cluster on this machine. Dropping it removes the cluster, unless it is the run's.
pub struct PostgresServer {
    url: String,
    own: Option<OwnCluster>,
}

/// A cluster of this process.
struct OwnCluster {
    directory: PathBuf,
    script: Child,
    /// Closing it makes the script stop the server and clean up.
    pipe: Option<ChildStdin>,
}

impl PostgresServer {
    /// The cluster of this test run, or else one that all tests of this process share. It does not fsync, so it cannot
    /// be used to test crashes.
    pub async fn shared() -> Arc<Self> {
        if let Ok(url) = env::var(SHARED_URL) {
            return Arc::new(Self { url, own: None });
        }
        tokio::task::spawn_blocking(Self::of_this_process).await.expect("PostgreSQL starts")
    }

    fn of_this_process() -> Arc<Self> {
        // Weak, because statics are never dropped.
        static SERVER: Mutex<Weak<PostgresServer>> = Mutex::new(Weak::new());
        let mut known = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start("off", &env::temp_dir()));
            *known = Arc::downgrade(&server);
            server
        })
    }

    /// A cluster for one test alone, which fsyncs like a real one, so that it can be killed and restarted.
    pub async fn private() -> Self {
        Self::private_in(env::temp_dir()).await
    }

    /// The same, with its files below `parent`, for example on a disk that can be filled.
    pub async fn private_in(parent: PathBuf) -> Self {
        tokio::task::spawn_blocking(move || Self::start("on", &parent)).await.expect("PostgreSQL starts")
    }

    fn start(fsync: &str, parent: &Path) -> Self {
        // The script creates and removes it, because it outlives this process.
        let directory = parent.join(unique("scrutin_pg"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/test-postgres");
        let mut script = Command::new(script)
            .arg(&directory)
            .args(["sh", "-c", &format!("echo \"${SHARED_URL}\"; exec cat >/dev/null")])
            .env("SCRUTIN_TEST_PG_FSYNC", fsync)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0) // a Ctrl-C or a test runner's kill meets the test; the script lives to clean up
            .spawn()
            .expect("scripts/test-postgres runs");
        let pipe = script.stdin.take();
        let mut url = String::new();
        let output = script.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut url).expect("the script's output is text");
        assert!(!url.is_empty(), "no PostgreSQL (Debian package: postgresql); see the script's message above");
        Self { url: url.trim_end().to_owned(), own: Some(OwnCluster { directory, script, pipe }) }
    }

    /// The URL of a superuser in the database `postgres`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of a superuser in another database.
    pub fn database_url(&self, name: &str) -> String {
        let (server, _) = self.url.rsplit_once('/').expect("the URL ends with a database");
        format!("{server}/{name}")
    }

    /// Kills the whole server with SIGKILL, as a power cut does, and waits until nothing is left that would prevent a
    /// restart.
    pub async fn kill(&mut self) {
        let processes = self.own().processes();
        // The postmaster first. The other processes notice that their parent is gone, but busy ones would take too
        // long.
        signal("KILL", &processes);
        for process in processes {
            wait::until_true(&format!("the end of PostgreSQL's process {process}"), async || !is_running(process))
                .await;
        }
        self.own().remove_locks();
    }

    /// Freezes the whole server (SIGSTOP): connections stay open and get no reply.
    pub fn pause(&self) {
        signal("STOP", &self.own().processes());
    }

    /// Continues a paused server (SIGCONT).
    pub fn resume(&self) {
        signal("CONT", &self.own().processes());
    }

    /// Stops the server cleanly, ending all sessions.
    pub async fn stop(&mut self) {
        self.own().control(&["stop", "-m", "fast"]).await;
    }

    /// Restarts a killed or stopped server on the same port, and waits until it accepts connections.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        let started = self.try_restart().await;
        assert!(started, "PostgreSQL does not start:\n{}", self.own().log());
    }

    /// The same, but may fail, for example right after a full disk. Returns whether the server runs.
    pub async fn try_restart(&mut self) -> bool {
        self.own().try_control(&["start"]).await
    }

    /// Starts a standby that replicates this private server.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_standby(&self) -> StandbyServer {
        StandbyServer::of(&self.url, &self.own().directory).await
    }

    /// Offers TLS with this certificate on each new connection of this private server, beside connections without. May
    /// be called again with another certificate.
    pub async fn offer_tls(&self, certificate: &ServerCertificate) {
        let client = connect(&self.url).await;
        tls::turn_on(&self.own().directory, certificate, &client).await;
        let before = tls::reloaded(&client).await;
        self.own().control(&["reload"]).await;
        let reload = async || tls::reloaded(&connect(&self.url).await).await > before;
        wait::until_true("the server to take its certificate", reload).await;
    }

    /// Restarts a stopped server as a standby of the one that was promoted in its place.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart_as_standby_of(&mut self, promoted: &StandbyServer) {
        let address = promoted.address();
        let primary = format!("primary_conninfo = 'host={} port={} user=postgres'", address.ip(), address.port());
        owner::write(&self.own().directory, "data/postgresql.auto.conf", &primary);
        owner::write(&self.own().directory, "data/standby.signal", "");
        self.restart().await;
    }

    /// Its address and port, as a URL has them.
    pub fn address(&self) -> &str {
        let (_, address) = self.url.split_once('@').expect("the URL has a user");
        address.split('/').next().expect("it splits into one part at least")
    }

    fn own(&self) -> &OwnCluster {
        self.own.as_ref().expect("only a private server is stopped, killed and restarted")
    }
}

impl OwnCluster {
    /// The server's processes, the postmaster first; none if it has ended.
    fn processes(&self) -> Vec<u32> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap_or_default();
        let Some(postmaster) = file.lines().next().and_then(|line| line.trim().parse().ok()) else { return Vec::new() };
        let children = children_of(postmaster);
        std::iter::once(postmaster).chain(children).collect()
    }

    /// In a container the dead postmaster may remain a zombie, and the next one would treat it as alive.
    fn remove_locks(&self) {
        let socket_locks = fs::read_dir(&self.directory).expect("it is there").flatten().map(|entry| entry.path());
        let socket_locks = socket_locks.filter(|path| path.extension().is_some_and(|extension| extension == "lock"));
        for lock in socket_locks.chain([self.directory.join("data/postmaster.pid")]) {
            // A server that ended by itself has removed its own lock.
            if let Err(error) = fs::remove_file(&lock) {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{} can't be removed: {error}", lock.display());
            }
        }
    }

    async fn control(&self, arguments: &[&str]) {
        assert!(self.try_control(arguments).await, "pg_ctl {arguments:?} failed:\n{}", self.log());
    }

    async fn try_control(&self, arguments: &[&str]) -> bool {
        let status = tokio::process::Command::new(self.directory.join("ctl"))
            .args(arguments)
            .current_dir("/")
            .stdout(Stdio::null()) // inherited pipes would stay open as long as the server runs
            .stderr(Stdio::null())
            .status();
        let status = tokio::time::timeout(PATIENCE, status).await.expect("pg_ctl has a limit of its own");
        status.expect("pg_ctl runs").success()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("server.log")).unwrap_or_default()
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        // A paused server would not stop.
        signal("CONT", &self.processes());
        drop(self.pipe.take());
        let _ = self.script.wait();
    }
}

/// The database of one test. Dropping the value drops the database, even if it is in use.
pub struct TestDatabase {
    server: Arc<PostgresServer>,
    name: String,
}

impl TestDatabase {
    /// An empty database in the run's cluster.
    pub async fn create() -> Self {
        Self::create_in(PostgresServer::shared().await).await
    }

    /// An empty database in this cluster.
    pub async fn create_in(server: Arc<PostgresServer>) -> Self {
        let name = unique("test");
        let client = connect(server.url()).await;
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("creating a database");
        Self { server, name }
    }

    /// Its URL, as a superuser.
    pub fn url(&self) -> String {
        self.server.database_url(&self.name)
    }

    /// A separate connection for the test, to inspect or change the database.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for TestDatabase {
    /// Best effort: anything left disappears with the cluster at the end of the run.
    fn drop(&mut self) {
        let (url, name) = (self.server.url().to_owned(), self.name.clone());
        // A thread, because a runtime cannot be blocked from within.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), drop_database(&url, &name)).await? })
        });
        let _ignored: Result<anyhow::Result<()>, _> = dropping.join();
    }
}

/// `DROP DATABASE … WITH (FORCE)`, in a form that every release of PostgreSQL understands.
async fn drop_database(url: &str, name: &str) -> anyhow::Result<()> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    let statement = format!("DROP DATABASE {name}");
    wait::until_ok("the end of the database's connections", async || {
        client.execute(end, &[&name]).await?;
        client.batch_execute(&statement).await
    })
    .await;
    Ok(())
}

/// A name that no other process and no other call creates.
fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{}_{}_{number}", std::process::id(), now.as_micros())
}

fn signal(name: &str, processes: &[u32]) {
    for process in processes {
        // A process that has already ended needs no signal.
        let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status();
    }
}

/// Whether the process exists and is not a zombie (in a container those may remain).
fn is_running(process: u32) -> bool {
    state_and_parent(process).is_some_and(|(state, _)| state != "Z")
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("tests that kill servers need Linux");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|&id| state_and_parent(id).is_some_and(|(_, of)| of == parent)).collect()
}

fn state_and_parent(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The format is `pid (name) state parent …`, and the name may contain anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
