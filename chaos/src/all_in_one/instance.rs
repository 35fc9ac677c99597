//! The all-in-one with its data directory. Injects faults into both and repairs them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use reqwest::{Client, StatusCode};
use rusqlite::{Connection, TransactionBehavior};
use scrutin_chaos::disk::Disk;
use testkit::{
    address,
    all_in_one::AllInOne,
    programs::{self, ORGANISER_TOKEN},
    wait,
};
use tokio::time::sleep;

use crate::fault::{AllInOneFault, EndSignal, TakenFiles};

/// Time limit of the organiser's request.
const ORGANISER_LIMIT: Duration = Duration::from_secs(8);

/// A running all-in-one on a data directory of its own.
pub(crate) struct AllInOneInstance {
    scrutin: AllInOne,
    admin: String,
    /// Contains the data directory, and files that a fault has moved away.
    home: PathBuf,
    disk: Option<Disk>,
    /// Kept because dropping it deletes the directory.
    _temporary: Option<tempfile::TempDir>,
}

impl AllInOneInstance {
    /// Starts the all-in-one, with its data on the small disk if there is one.
    pub(crate) async fn start(disk: Option<PathBuf>) -> anyhow::Result<Self> {
        let temporary = if disk.is_none() { Some(tempfile::tempdir()?) } else { None };
        let home = disk.clone().or_else(|| Some(temporary.as_ref()?.path().to_owned())).context("a directory")?;
        let admin = address::free().to_string();
        let settings = [("ADMIN_ADDR", admin.as_str()), ("ORGANISER_TOKEN", ORGANISER_TOKEN)];
        let scrutin = AllInOne::start_with(&home.join("data"), settings).await;
        Ok(Self { scrutin, admin, home, disk: disk.map(Disk::new), _temporary: temporary })
    }

    pub(crate) fn vote_url(&self) -> String {
        self.scrutin.vote_url()
    }

    pub(crate) fn result_url(&self) -> String {
        self.scrutin.result_url()
    }

    pub(crate) fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// The output of the program so far.
    pub(crate) fn output(&self) -> String {
        self.scrutin.program.output()
    }

    /// Runs a recount while the program runs.
    pub(crate) fn recount(&self) -> anyhow::Result<Output> {
        let mut recount = Command::new(programs::path("scrutin"));
        Ok(recount.arg("recount").arg("--data-dir").arg(self.data()).env_clear().output()?)
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Injects a fault, repairs it, and waits until the all-in-one is ready.
    pub(crate) async fn inject(&mut self, fault: AllInOneFault) -> anyhow::Result<()> {
        match fault {
            AllInOneFault::End(end, away) => {
                self.end(end).await?;
                sleep(away).await;
                self.scrutin.program.start_again();
            }
            AllInOneFault::Stop(time) => {
                self.scrutin.program.signal("STOP");
                sleep(time).await;
                self.scrutin.program.signal("CONT");
            }
            AllInOneFault::Hold(time) => self.hold(time).await?,
            AllInOneFault::FillDisk(time) => {
                let disk = self.disk.as_ref().context("a disk")?;
                disk.fill();
                sleep(time).await;
                disk.free();
            }
            AllInOneFault::TakeFiles { files, replaced, end } => self.take_files(names(files), replaced, end).await?,
            AllInOneFault::RenameDirectory(end) => {
                let elsewhere = self.home.join("elsewhere");
                fs::rename(self.data(), &elsewhere)?;
                self.stops_by_itself().await;
                self.end(end).await?;
                // The program may have created files at the old path while it ended; they are not the moved ones.
                if self.data().exists() {
                    fs::remove_dir_all(self.data())?;
                }
                fs::rename(&elsewhere, self.data())?;
                self.scrutin.program.start_again();
            }
            AllInOneFault::Second { lock_removed } => self.second_is_refused(lock_removed)?,
        }
        self.is_ready().await;
        Ok(())
    }

    async fn end(&mut self, end: EndSignal) -> anyhow::Result<()> {
        match end {
            EndSignal::Kill => self.scrutin.program.kill(),
            EndSignal::Terminate | EndSignal::HangUp => {
                self.scrutin.program.signal(if end == EndSignal::Terminate { "TERM" } else { "HUP" });
                let status = self.scrutin.program.exit().await;
                ensure!(status.success(), "it ended with {status}");
            }
        }
        Ok(())
    }

    /// Locks the ledger, as another program may, while the organiser creates a poll. The organiser must get an answer,
    /// which may be a refusal.
    async fn hold(&self, time: Duration) -> anyhow::Result<()> {
        let mut other = Connection::open(self.data().join("scrutin.db"))?;
        other.busy_timeout(ORGANISER_LIMIT)?;
        let held = other.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let client = Client::builder().timeout(ORGANISER_LIMIT).build()?;
        let poll = serde_json::json!({"question": "Held?", "options": ["Yes", "No"]});
        let click = client.post(format!("{}/api/polls", self.vote_url())).bearer_auth(ORGANISER_TOKEN).json(&poll);
        let (answer, ()) = tokio::join!(click.send(), sleep(time));
        answer.context("the organiser gets an answer")?;
        held.rollback()?;
        Ok(())
    }

    async fn take_files(&mut self, names: &[&str], replaced: bool, end: EndSignal) -> anyhow::Result<()> {
        let (data, aside) = (self.data(), self.home.join("aside"));
        fs::create_dir(&aside)?;
        for name in names {
            fs::rename(data.join(name), aside.join(name))?;
            if replaced {
                fs::copy(aside.join(name), data.join(name))?;
            }
        }
        self.stops_by_itself().await;
        self.end(end).await?;
        for name in names {
            put_back(&aside.join(name), &data.join(name))?;
        }
        fs::remove_dir(&aside)?;
        self.scrutin.program.start_again();
        Ok(())
    }

    /// Waits until `/readyz` answers 503.
    async fn stops_by_itself(&self) {
        wait::until_true("it to notice what became of its files", || async {
            let answer = reqwest::get(format!("http://{}/readyz", self.admin)).await;
            answer.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
        })
        .await;
    }

    async fn is_ready(&self) {
        wait::until_true("it to be ready", || async {
            let answer = reqwest::get(format!("http://{}/readyz", self.admin)).await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    fn second_is_refused(&self, lock_removed: bool) -> anyhow::Result<()> {
        if lock_removed {
            fs::remove_file(self.data().join("scrutin.db.lock"))?;
        }
        let mut second = Command::new(programs::path("scrutin"));
        second.env_clear().env("DATA_DIR", self.data()).env("VOTE_ADDR", address::free().to_string());
        let second = second.env("RESULT_ADDR", address::free().to_string()).output()?;
        let said = String::from_utf8_lossy(&second.stderr);
        if second.status.success() || !said.contains("in use") {
            bail!("a second program was not refused: {second:?}");
        }
        Ok(())
    }
}

fn names(files: TakenFiles) -> &'static [&'static str] {
    match files {
        TakenFiles::Ledger => &["scrutin.db"],
        TakenFiles::WriteAheadLog => &["scrutin.db-wal"],
        TakenFiles::Ring => &["scrutin.db.waiting"],
        TakenFiles::All => &["scrutin.db", "scrutin.db-wal", "scrutin.db-shm", "scrutin.db.waiting"],
    }
}

fn put_back(aside: &Path, place: &Path) -> anyhow::Result<()> {
    fs::rename(aside, place).with_context(|| format!("{} does not come back", place.display()))
}
