//! A machine: a host with a disk and the one program that runs on it. It can be lost with its disk.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Context;
use tokio::process::{Child, Command};

use crate::{
    command::{finish, run},
    fault::HostFault,
    host::Host,
    patience::until,
};

/// Where all machines have their disks and logs.
pub(crate) struct MachinePlaces {
    pub(crate) disks: PathBuf,
    pub(crate) logs: PathBuf,
}

/// A program with its arguments and its environment, which is all that it gets.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// The user and the group who runs it, and whose its disk is; without: root.
    pub(crate) owner: Option<(String, String)>,
}

/// A machine. Its processes end with the namespace of this run.
pub(crate) struct Machine {
    pub(crate) host: Host,
    launch: Launch,
    disk: PathBuf,
    log: PathBuf,
    process: Option<Child>,
}

impl MachinePlaces {
    /// Below this directory, which others may pass through.
    pub(crate) fn below(directory: &Path) -> anyhow::Result<Self> {
        let places = Self { disks: directory.join("disks"), logs: directory.join("logs") };
        for place in [&places.disks, &places.logs] {
            fs::create_dir(place)?;
            fs::set_permissions(place, fs::Permissions::from_mode(0o711))?;
        }
        Ok(places)
    }
}

impl Machine {
    /// A machine with an empty disk, on which nothing runs yet. `launch` gets the host and the directory of its disk.
    pub(crate) async fn new(
        name: &str,
        number: u8,
        places: &MachinePlaces,
        launch: impl FnOnce(&Host, &Path) -> Launch,
    ) -> anyhow::Result<Self> {
        let host = Host::connect(name, number).await?;
        let (disk, log) = (places.disks.join(name), places.logs.join(format!("{name}.log")));
        let launch = launch(&host, &disk);
        let machine = Self { host, launch, disk, log, process: None };
        machine.make_disk().await?;
        Ok(machine)
    }

    pub(crate) fn name(&self) -> &str {
        &self.host.name
    }

    /// The directory of its disk.
    pub(crate) fn disk(&self) -> &Path {
        &self.disk
    }

    /// Starts its program.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = self.command(&self.launch.program);
        command.args(&self.launch.arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.process = Some(command.spawn().with_context(|| format!("{} does not start", self.name()))?);
        Ok(())
    }

    /// Runs another program on it to its end, as the same user.
    pub(crate) async fn run(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(program);
        command.args(arguments);
        finish(command, "").await
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.host.namespace())).arg("--");
        if let Some((user, group)) = &self.launch.owner {
            command.args(["setpriv", &format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups", "--"]);
        }
        command.arg(program).env_clear().current_dir("/");
        command.envs(self.launch.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    /// Injects a fault of its host.
    pub(crate) async fn inject(&mut self, fault: HostFault) -> anyhow::Result<()> {
        match fault {
            HostFault::Lose => {
                // Its last packets and the kernel's farewells are lost too, as when a machine loses its power.
                self.host.unplug().await?;
                self.kill().await?;
                self.wipe().await
            }
            HostFault::Kill => self.kill().await,
            HostFault::Stop => self.signal("STOP").await,
            HostFault::Cut => self.host.unplug().await,
            HostFault::Slow(kilobits) => self.host.slow_down(kilobits).await,
        }
    }

    /// Repairs it. Of a lost machine there is another one with an empty disk, on which the program is not started.
    pub(crate) async fn recover(&mut self, fault: HostFault) -> anyhow::Result<()> {
        match fault {
            HostFault::Lose | HostFault::Cut => self.host.plug().await,
            HostFault::Kill => self.start(),
            HostFault::Stop => self.signal("CONT").await,
            HostFault::Slow(_) => self.host.speed_up().await,
        }
    }

    /// Kills all of its processes, and waits until they are gone.
    async fn kill(&mut self) -> anyhow::Result<()> {
        until("the end of a machine's processes", async || {
            let running = !self.host.processes().await?.is_empty();
            if running {
                // One may have ended since, or there may be a new one: then it is tried again.
                let _ = self.signal("KILL").await;
            }
            Ok(!running)
        })
        .await?;
        if let Some(mut process) = self.process.take() {
            process.wait().await?;
        }
        Ok(())
    }

    async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let processes = self.host.processes().await?;
        let signal = format!("-{name}");
        let arguments: Vec<&str> = [signal.as_str()].into_iter().chain(processes.iter().map(String::as_str)).collect();
        run("kill", &arguments).await.map(drop)
    }

    async fn wipe(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.disk)?;
        self.make_disk().await
    }

    async fn make_disk(&self) -> anyhow::Result<()> {
        fs::create_dir(&self.disk)?;
        fs::set_permissions(&self.disk, fs::Permissions::from_mode(0o700))?;
        if let Some((user, group)) = &self.launch.owner {
            run("chown", &[&format!("{user}:{group}"), &self.disk.display().to_string()]).await?;
        }
        Ok(())
    }

    /// What its programs wrote so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}
