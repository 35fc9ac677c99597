//! The services of a run: two `vote`, two `worker` and two `result`, each on a machine of its own.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use reqwest::Client;
use testkit::programs::{self, ORGANISER_TOKEN, SECRET_KEY};

use crate::{
    fault::{HostFault, SERVICES, VOTES},
    host::Host,
    machine::{Launch, Machine, MachinePlaces},
    patience::until_ok,
};

const NAMES: [&str; SERVICES] = ["vote1", "vote2", "worker1", "worker2", "result1", "result2"];
const PORT: u16 = 8_080;
const ADMIN_PORT: u16 = 9_090;
/// How long the log keeps what is counted: longer than any standby is held back, and short enough that the workers trim
/// the log during the faults.
const LOG_RETENTION: &str = "20s";
/// The metric of ballots whose outcome is not known.
const UNKNOWN_OUTCOMES: &str = "scrutin_ballots_cast_total{outcome=\"outcome-unknown\"";
/// How long a service may take to answer this program.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How the services are set up.
pub(crate) struct ServiceSettings {
    pub(crate) redis_url: String,
    pub(crate) database_url: String,
    pub(crate) partitions: u16,
    pub(crate) durability: String,
}

/// The machines of the services.
pub(crate) struct ServiceMachines {
    pub(crate) machines: Vec<Machine>,
    partitions: u16,
    client: Client,
}

impl ServiceMachines {
    /// Starts all of them. `first` is the number of the first host.
    pub(crate) async fn start(settings: &ServiceSettings, places: &MachinePlaces, first: u8) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(ANSWER_LIMIT).pool_max_idle_per_host(0).build()?;
        let mut services = Self { machines: Vec::new(), partitions: settings.partitions, client };
        for (name, number) in NAMES.into_iter().zip(first..) {
            let mut machine = Machine::new(name, number, places, |host, _| launch(name, host, settings)).await?;
            machine.start()?;
            services.machines.push(machine);
        }
        Ok(services)
    }

    /// The addresses of all `vote` or all `result`, separated by commas.
    pub(crate) fn urls(&self, of: &str) -> String {
        let named = self.machines.iter().filter(|machine| machine.name().starts_with(of));
        named.map(|machine| url(&machine.host)).collect::<Vec<_>>().join(",")
    }

    /// The address of a service.
    pub(crate) fn url(&self, number: usize) -> String {
        url(&self.machines[number].host)
    }

    /// Injects a fault of a service's machine.
    pub(crate) async fn inject(&mut self, number: usize, fault: HostFault) -> anyhow::Result<()> {
        self.machines[number].inject(fault).await
    }

    /// Repairs it.
    pub(crate) async fn recover(&mut self, number: usize, fault: HostFault) -> anyhow::Result<()> {
        self.machines[number].recover(fault).await?;
        if fault == HostFault::Lose { self.machines[number].start() } else { Ok(()) }
    }

    /// Waits until all are ready: each `vote` for the voters of all partitions, and each partition has a leader.
    pub(crate) async fn whole(&self) -> anyhow::Result<()> {
        until_ok("services that are ready", async || {
            let mut leads = 0;
            for (number, machine) in self.machines.iter().enumerate() {
                let ready = async {
                    let answer = self.admin(machine, "readyz").await?;
                    let metrics = self.admin(machine, "metrics").await?;
                    leads += of_ones(&metrics, "scrutin_worker_leads");
                    let partitions = of_ones(&metrics, "scrutin_log_partition_ready");
                    ensure!(number >= VOTES || partitions == self.partitions, "only {partitions} partitions: {answer}");
                    anyhow::Ok(())
                };
                ready.await.with_context(|| format!("{} is not ready", machine.name()))?;
            }
            ensure!(leads == self.partitions, "{leads} partitions have a leader");
            Ok(())
        })
        .await
    }

    /// How many ballots at this `vote` had an outcome that is not known.
    pub(crate) async fn unknown_outcomes(&self, vote: usize) -> anyhow::Result<u64> {
        let metrics = self.admin(&self.machines[vote], "metrics").await?;
        let lines = metrics.lines().filter(|line| line.starts_with(UNKNOWN_OUTCOMES));
        let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        Ok(counts.sum())
    }

    async fn admin(&self, machine: &Machine, path: &str) -> anyhow::Result<String> {
        let answer = self.client.get(format!("http://{}:{ADMIN_PORT}/{path}", machine.host.front())).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status}: {text}");
        Ok(text)
    }
}

/// How many lines of this metric have the value 1.
fn of_ones(metrics: &str, name: &str) -> u16 {
    let ones = metrics.lines().filter(|line| line.starts_with(name) && line.ends_with(" 1"));
    u16::try_from(ones.count()).unwrap_or(u16::MAX)
}

fn url(host: &Host) -> String {
    format!("http://{}:{PORT}", host.front())
}

fn launch(name: &str, host: &Host, settings: &ServiceSettings) -> Launch {
    let program = name.trim_end_matches(char::is_numeric);
    let ServiceSettings { redis_url, database_url, partitions, durability } = settings;
    let mut environment =
        vec![("ADMIN_ADDR", format!("{}:{ADMIN_PORT}", host.front())), ("LOG", "info,scrutin_worker=debug".to_owned())];
    if program != "worker" {
        environment.extend([
            ("LISTEN_ADDR", format!("{}:{PORT}", host.front())),
            ("SECRET_KEY", SECRET_KEY.to_owned()),
            ("ORGANISER_TOKEN", ORGANISER_TOKEN.to_owned()),
        ]);
    }
    if program != "result" {
        environment.extend([
            ("REDIS_URL", redis_url.clone()),
            ("PARTITIONS", partitions.to_string()),
            ("DURABILITY", durability.clone()),
        ]);
    }
    match program {
        "vote" => environment.push(("VOTE_URL", url(host))),
        "worker" => environment.push(("LOG_RETENTION", LOG_RETENTION.to_owned())),
        _ => {}
    }
    if program != "vote" {
        environment.push(("DATABASE_URL", database_url.clone()));
    }
    let environment = environment.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let program: PathBuf = programs::path(program);
    Launch { program, arguments: Vec::new(), environment, owner: None }
}
