//! A private Redis for one test: a separate process on a free port of 127.0.0.1, with its files in a temporary
//! directory, and with the settings that Scrutin requires of any Redis (every write is on disk before its reply).
//!
//! May import: `address`, `certificates`.

mod clock_behind;
mod files;
mod tls;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use tempfile::TempDir;

pub use files::RedisFiles;
use tls::TlsPort;

use crate::{
    address,
    certificates::{CertificateAuthority, ServerCertificate},
};

/// Names another program than `redis-server`, such as `valkey-server`, for all servers of which a test does not say it.
const PROGRAM: &str = "SCRUTIN_TEST_REDIS";
pub(crate) const REDIS: &str = "redis-server";
/// How long a server may take to start and load its data.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often a starting server is checked.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// How many ports are tried for a new server: another test may take the port that was free a moment ago.
const PORTS_TO_TRY: u32 = 20;
/// How long a raw command of a test may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// A running `redis-server` or `valkey-server`; killed, and its files removed, on drop.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    directory: TempDir,
    process: Child,
    program: String,
    /// Arguments besides the usual ones.
    arguments: Vec<String>,
    /// Its files for TLS, if it has any.
    tls: Option<TlsPort>,
    /// Its own clock, if it has one.
    clock: Option<clock_behind::ClockBehind>,
}

/// Why a process did not become a working server.
enum NotStarted {
    /// It ended by itself, most likely because the port is in use.
    Ended,
    /// It does not answer.
    Silent,
}

impl RedisServer {
    /// Starts a server with an empty data set and waits until it answers.
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_in(&std::env::temp_dir()).await
    }

    /// The same, with its files below `parent`, for example on a disk that can be filled.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_in(parent: &Path) -> Self {
        Self::start_as(&usual_program(), &[], parent).await
    }

    /// The same with additional arguments, which override the usual ones: `["--appendonly", "no"]`.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::start_as(&usual_program(), arguments, &std::env::temp_dir()).await
    }

    /// A Valkey server instead.
    ///
    /// # Panics
    /// As [`start`](Self::start); `scripts/install-test-tools` installs `valkey-server`.
    pub async fn start_valkey(arguments: &[&str]) -> Self {
        Self::start_as("valkey-server", arguments, &std::env::temp_dir()).await
    }

    /// A server that also speaks TLS, on another port, with this certificate of this authority. Its other arguments are
    /// as in [`start_with`](Self::start_with).
    ///
    /// # Panics
    /// As [`start`](Self::start), or if `redis-server` was built without TLS.
    pub async fn start_tls(
        certificate: &ServerCertificate,
        authority: &CertificateAuthority,
        arguments: &[&str],
    ) -> Self {
        let tls = TlsPort::new(address::free_port(), certificate, authority);
        let of_tls: Vec<&str> = tls.arguments.iter().map(String::as_str).collect();
        // The Valkey of the tests is built without TLS.
        let arguments = [&of_tls, arguments].concat();
        let mut server = Self::start_as(REDIS, &arguments, &std::env::temp_dir()).await;
        server.tls = Some(tls);
        server
    }

    async fn start_as(program: &str, arguments: &[&str], parent: &Path) -> Self {
        let directory = TempDir::with_prefix_in("scrutin-redis-", parent).expect("a temporary directory");
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        for _ in 0..PORTS_TO_TRY {
            let port = address::free_port();
            let mut process = spawn(program, port, &arguments, &directory, None);
            match answers(port, &mut process).await {
                Ok(()) => {
                    return Self {
                        port,
                        directory,
                        process,
                        program: program.to_owned(),
                        arguments,
                        tls: None,
                        clock: None,
                    };
                }
                Err(NotStarted::Ended) => {}
                Err(NotStarted::Silent) => {
                    end(&mut process);
                    break;
                }
            }
        }
        panic!("{program} does not start: {}", log_tail(&directory));
    }

    /// The port on 127.0.0.1. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address in the form of `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The address for TLS in the form of `REDIS_URL`, by this name of the host: `127.0.0.1`, or `localhost`.
    ///
    /// # Panics
    /// If it does not speak TLS.
    pub fn tls_url(&self, host: &str) -> String {
        format!("rediss://{host}:{}", self.tls_port())
    }

    /// Port, files and settings for TLS, as lines of a file of settings, with another port.
    ///
    /// # Panics
    /// If it does not speak TLS.
    pub(crate) fn tls_settings(&self, port: u16) -> String {
        self.tls.as_ref().expect("the server speaks TLS").settings(port)
    }

    /// The port for TLS.
    ///
    /// # Panics
    /// If it does not speak TLS.
    pub(crate) fn tls_port(&self) -> u16 {
        self.tls.as_ref().expect("the server speaks TLS").port
    }

    /// Kills the server at once (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        end(&mut self.process);
    }

    /// Restarts the server on the same port and data, and waits until it has loaded them. Kills it first if it is still
    /// running.
    ///
    /// # Panics
    /// If it does not come back.
    pub async fn restart(&mut self) {
        self.kill();
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            self.process = spawn(&self.program, self.port, &self.arguments, &self.directory, self.clock.as_ref());
            match answers(self.port, &mut self.process).await {
                Ok(()) => return,
                // An outgoing connection may use the port for a moment.
                Err(NotStarted::Ended) => tokio::time::sleep(ASK_EVERY).await,
                Err(NotStarted::Silent) => break,
            }
        }
        panic!("redis-server does not start again: {}", log_tail(&self.directory));
    }

    /// The same with these additional arguments, instead of those that it was started with.
    ///
    /// # Panics
    /// As [`restart`](Self::restart).
    pub async fn restart_with(&mut self, arguments: &[&str]) {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self.restart().await;
    }

    /// Freezes the server (SIGSTOP): connections stay open and get no reply.
    pub fn pause(&self) {
        signal(&self.process, "STOP");
    }

    /// Continues a paused server (SIGCONT).
    pub fn resume(&self) {
        signal(&self.process, "CONT");
    }

    /// A new connection for raw commands.
    ///
    /// # Panics
    /// If the server does not answer.
    pub async fn connection(&self) -> MultiplexedConnection {
        connect(self.port).await.expect("a connection to the private redis-server")
    }

    /// A copy of the server's files as they are now. If the server writes at the same time, the copy ends at some
    /// point.
    ///
    /// # Panics
    /// If they cannot be copied.
    pub fn files(&self) -> RedisFiles {
        RedisFiles::copied(self.directory.path())
    }

    /// Kills the server and starts it on these files, with a clock that is this much behind.
    ///
    /// # Panics
    /// If it does not come back.
    pub async fn set_back(&mut self, files: &RedisFiles, behind: Duration) {
        self.kill();
        files.put(self.directory.path());
        self.clock = (behind > Duration::ZERO).then(|| clock_behind::ClockBehind::new(behind));
        self.restart().await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// The program of a server, and of Sentinels.
pub(crate) fn usual_program() -> String {
    std::env::var(PROGRAM).unwrap_or_else(|_| REDIS.to_owned())
}

fn spawn(
    program: &str,
    port: u16,
    arguments: &[String],
    directory: &TempDir,
    clock: Option<&clock_behind::ClockBehind>,
) -> Child {
    let log = fs::File::options().create(true).append(true).open(directory.path().join("redis.log"));
    let log = log.expect("a log file in the temporary directory");
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        .args(["--maxmemory-policy", "noeviction"])
        .arg("--dir")
        .arg(directory.path())
        .args(arguments)
        .envs(clock.into_iter().flat_map(clock_behind::ClockBehind::environment))
        .stdin(Stdio::null())
        .stderr(log.try_clone().expect("a second handle of the log file"))
        .stdout(log)
        .spawn()
        .unwrap_or_else(|error| panic!("can't run {program} ({error}): scripts/install-test-tools installs it"))
}

/// Waits until this process, and no other, answers on the port with its data loaded.
async fn answers(port: u16, process: &mut Child) -> Result<(), NotStarted> {
    let deadline = Instant::now() + START_LIMIT;
    while Instant::now() < deadline {
        if process.try_wait().expect("a child can be waited for").is_some() {
            return Err(NotStarted::Ended);
        }
        if process_on(port).await == Some(process.id()) {
            return Ok(());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    Err(NotStarted::Silent)
}

/// The process id of the server on the port, once it has loaded. It may be another test's server that took the port
/// between our choice and our start.
async fn process_on(port: u16) -> Option<u32> {
    let mut connection = connect(port).await.ok()?;
    redis::cmd("PING").exec_async(&mut connection).await.ok()?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await.ok()?;
    info.lines().find_map(|line| line.strip_prefix("process_id:"))?.trim().parse().ok()
}

async fn connect(port: u16) -> redis::RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(COMMAND_LIMIT));
    let client = redis::Client::open(("127.0.0.1", port))?;
    client.get_multiplexed_async_connection_with_config(&config).await
}

fn end(process: &mut Child) {
    // Both fail only if the process has already ended, which is the goal.
    let _ = process.kill();
    let _ = process.wait();
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("/bin/kill").arg(format!("-{name}")).arg(process.id().to_string()).status();
    assert!(status.is_ok_and(|status| status.success()), "/bin/kill (Debian package procps) can't send SIG{name}");
}

fn log_tail(directory: &TempDir) -> String {
    let log = fs::read_to_string(directory.path().join("redis.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
