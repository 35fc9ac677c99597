//! The PostgreSQL of a run: a primary and a streaming standby, each on a machine of its own. The standby is
//! asynchronous, so one that was held back lacks what was counted last, and the worker must read that again from the
//! log.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

use crate::{
    fault::HostFault,
    machine::{Launch, Machine, MachinePlaces},
    patience::{until, until_ok},
    programs::Programs,
};

const PORT: u16 = 5_432;
/// How long a server may take to answer this program.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// How a new server is set up. The write-ahead log is kept for a standby that was held back.
const SETTINGS: &str = "
listen_addresses = '*'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 64MB
wal_keep_size = 256MB
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
wal_retrieve_retry_interval = 500ms
";
/// Who may connect: everybody, since there is nobody else in this network.
const ACCESS: &str = "
host all all 0.0.0.0/0 trust
host replication all 0.0.0.0/0 trust
";

/// The two servers.
pub(crate) struct PostgresPair {
    pub(crate) machines: [Machine; 2],
    primary: usize,
    programs: PathBuf,
}

impl PostgresPair {
    /// Starts both, the standby as a copy of the primary. `first` is the number of the first host.
    pub(crate) async fn start(programs: &Programs, places: &MachinePlaces, first: u8) -> anyhow::Result<Self> {
        let launch = |disk: &Path| Launch {
            program: programs.postgres.join("postgres"),
            arguments: vec!["-D".to_owned(), data(disk).display().to_string()],
            environment: Vec::new(),
            owner: Some(programs.owner.clone()),
        };
        let one = Machine::new("ledger1", first, places, |_, disk| launch(disk)).await?;
        let two = Machine::new("ledger2", first + 1, places, |_, disk| launch(disk)).await?;
        let mut ledgers = Self { machines: [one, two], primary: 0, programs: programs.postgres.clone() };
        ledgers.initialise().await?;
        ledgers.copy().await?;
        ledgers.whole().await?;
        Ok(ledgers)
    }

    async fn initialise(&mut self) -> anyhow::Result<()> {
        let machine = &mut self.machines[self.primary];
        let directory = data(machine.disk());
        let pgdata = format!("--pgdata={}", directory.display());
        let user = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--nosync"];
        machine.run(&self.programs.join("initdb"), &[&[pgdata.as_str()], &user[..]].concat()).await?;
        for (file, text) in [("postgresql.conf", SETTINGS), ("pg_hba.conf", ACCESS)] {
            fs::File::options().append(true).open(directory.join(file))?.write_all(text.as_bytes())?;
        }
        machine.start()?;
        until_ok("PostgreSQL to answer", async || self.client(self.primary).await.map(drop)).await
    }

    fn standby(&self) -> usize {
        1 - self.primary
    }

    /// The machine of the primary, or of the standby.
    pub(crate) fn machine(&mut self, primary: bool) -> &mut Machine {
        let index = if primary { self.primary } else { self.standby() };
        &mut self.machines[index]
    }

    /// The address in the form of `DATABASE_URL`, with both, for the services.
    pub(crate) fn url(&self) -> String {
        let hosts = self.machines.each_ref().map(|machine| format!("{}:{PORT}", machine.host.back()));
        format!("postgres://postgres@{}/postgres?target_session_attrs=read-write", hosts.join(","))
    }

    /// The same for this program.
    pub(crate) fn outside_url(&self) -> String {
        let hosts = self.machines.each_ref().map(|machine| format!("{}:{PORT}", machine.host.front()));
        format!("postgres://postgres@{}/postgres?target_session_attrs=read-write", hosts.join(","))
    }

    /// Injects a fault of the primary's machine, or the standby's.
    pub(crate) async fn inject(&mut self, primary: bool, fault: HostFault) -> anyhow::Result<()> {
        self.machine(primary).inject(fault).await
    }

    /// Repairs it. In the place of a lost standby a new one is made.
    pub(crate) async fn recover(&mut self, primary: bool, fault: HostFault) -> anyhow::Result<()> {
        if fault == HostFault::Kill {
            remove_lock(self.machine(primary).disk())?;
        }
        self.machine(primary).recover(fault).await?;
        if fault == HostFault::Lose {
            ensure!(!primary, "what takes the place of a lost primary is a standby that is promoted");
            self.copy().await?;
        }
        Ok(())
    }

    /// Holds the standby back for this long, loses the primary with its disk, and lets the standby be reached again.
    /// Returns how many counted ballots the standby lacks.
    pub(crate) async fn lose_primary(&mut self, held: Duration) -> anyhow::Result<i64> {
        self.machine(false).inject(HostFault::Cut).await?;
        sleep(held).await;
        let counted = self.counted(self.primary).await.context("the primary, before it is lost")?;
        self.machine(true).inject(HostFault::Lose).await?;
        let has = self.counted(self.standby()).await.context("the standby")?;
        self.machine(false).recover(HostFault::Cut).await?;
        Ok(counted - has)
    }

    /// Promotes the standby, and makes a new one on the machine in the lost one's place.
    pub(crate) async fn promote(&mut self) -> anyhow::Result<()> {
        let promoted = self.standby();
        self.client(promoted).await?.execute("SELECT pg_promote(true, 60)", &[]).await?;
        self.primary = promoted;
        self.machine(false).recover(HostFault::Lose).await?;
        self.copy().await
    }

    /// Makes the standby's machine, whose disk is empty, a copy of the primary, and starts it.
    async fn copy(&mut self) -> anyhow::Result<()> {
        let primary = format!("host={} port={PORT} user=postgres", self.machines[self.primary].host.back());
        let standby = &mut self.machines[1 - self.primary];
        let pgdata = data(standby.disk()).display().to_string();
        let copy =
            ["--pgdata", &pgdata, "--dbname", &primary, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
        standby.run(&self.programs.join("pg_basebackup"), &copy).await?;
        standby.start()
    }

    /// Waits until the primary takes writes, and the standby has all of them.
    pub(crate) async fn whole(&self) -> anyhow::Result<()> {
        let streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
        until("PostgreSQL and its standby", async || {
            let count: i64 = self.client(self.primary).await?.query_one(streaming, &[]).await?.get(0);
            Ok(count == 1)
        })
        .await
    }

    /// How many ballots are counted in this server.
    async fn counted(&self, server: usize) -> anyhow::Result<i64> {
        let sum = "SELECT coalesce(sum(counted), 0)::bigint FROM turnout";
        Ok(self.client(server).await?.query_one(sum, &[]).await?.get(0))
    }

    async fn client(&self, server: usize) -> anyhow::Result<Client> {
        let url = format!("postgres://postgres@{}:{PORT}/postgres", self.machines[server].host.front());
        let (client, connection) = timeout(ANSWER_LIMIT, tokio_postgres::connect(&url, NoTls)).await??;
        tokio::spawn(connection);
        Ok(client)
    }
}

fn data(disk: &Path) -> PathBuf {
    disk.join("data")
}

/// The id of a killed server may be another process's by now, which the next one would take for it.
fn remove_lock(disk: &Path) -> anyhow::Result<()> {
    match fs::remove_file(data(disk).join("postmaster.pid")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
