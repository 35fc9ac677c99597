//! Hosts: network namespaces, each with a cable to the switch over which the servers and services reach one another,
//! and one to the switch over which voters, viewers and this program come. Faults are of the first cable only, so
//! voters hear a `vote` that is cut off from its servers.
//!
//! Everything is made in the network namespace of this process, which `scripts/chaos` makes for it and which ends with
//! it. So names and addresses are nobody else's.

use std::net::Ipv4Addr;

use tokio::process::Command;

use crate::command::{finish, run};

/// The switch of the servers and services.
const INSIDE: &str = "inside";
/// The switch to which those go that are cut off together.
const APART: &str = "apart";
/// The switch of voters and viewers.
const OUTSIDE: &str = "outside";
/// This program's address on it.
const OWN_ADDRESS: &str = "10.78.0.254/24";
/// What a slow cable lets through at once: a little more than one packet.
const BURST: &str = "4kb";
/// How long a slow cable keeps what does not fit, before it loses it.
const QUEUE: &str = "800ms";
const SWITCHES: [&str; 3] = [INSIDE, APART, OUTSIDE];

/// A host.
pub(crate) struct Host {
    pub(crate) name: String,
    number: u8,
}

/// Makes the switches.
pub(crate) async fn make_switches() -> anyhow::Result<()> {
    let own = format!("addr add {OWN_ADDRESS} dev {OUTSIDE}");
    let switches = SWITCHES.map(|switch| format!("link add {switch} type bridge\nlink set {switch} up"));
    ip(&[], &["link set lo up".to_owned(), switches.join("\n"), own]).await
}

impl Host {
    /// A host with this name, at most 12 bytes, and number, 1 to 253, connected to both switches.
    pub(crate) async fn connect(name: &str, number: u8) -> anyhow::Result<Self> {
        let host = Self { name: name.to_owned(), number };
        let (back, front) = (host.back(), host.front());
        run("ip", &["netns", "add", name]).await?;
        let cables = [("", "back", INSIDE), ("-f", "front", OUTSIDE)].map(|(end, within, switch)| {
            format!(
                "link add {name}{end} type veth peer name {within} netns {name}\n\
                 link set {name}{end} master {switch} up"
            )
        });
        ip(&[], &cables).await?;
        let addresses = [("back", back), ("front", front)]
            .map(|(within, address)| format!("addr add {address}/24 dev {within}\nlink set {within} up"));
        ip(&["-n", name], &addresses).await?;
        ip(&["-n", name], &["link set lo up".to_owned()]).await?;
        Ok(host)
    }

    /// Its address among the servers and services.
    pub(crate) fn back(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number)
    }

    /// Its address for voters, viewers and this program.
    pub(crate) fn front(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 78, 0, self.number)
    }

    /// Where the kernel keeps its namespace.
    pub(crate) fn namespace(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// The ids of all processes that run on it.
    pub(crate) async fn processes(&self) -> anyhow::Result<Vec<String>> {
        let ids = run("ip", &["netns", "pids", &self.name]).await?;
        Ok(ids.split_whitespace().map(ToOwned::to_owned).collect())
    }

    /// Pulls its cable: what is sent to it or by it is lost without a sign.
    pub(crate) async fn unplug(&self) -> anyhow::Result<()> {
        ip(&[], &[format!("link set {} nomaster", self.name)]).await
    }

    /// Puts its cable back.
    pub(crate) async fn plug(&self) -> anyhow::Result<()> {
        ip(&[], &[format!("link set {} master {INSIDE}", self.name)]).await
    }

    /// Lets only this many kilobits a second through, each way. What does not fit waits for up to [`QUEUE`].
    ///
    /// A delay in milliseconds (`netem`) would be simpler, and not every kernel has it.
    pub(crate) async fn slow_down(&self, kilobits: u64) -> anyhow::Result<()> {
        let rate = format!("{kilobits}kbit");
        let limit = ["root", "tbf", "rate", &rate, "burst", BURST, "latency", QUEUE];
        run("tc", &[&["qdisc", "replace", "dev", &self.name], &limit[..]].concat()).await?;
        run("tc", &[&["-n", &self.name, "qdisc", "replace", "dev", "back"], &limit[..]].concat()).await.map(drop)
    }

    /// Ends that.
    pub(crate) async fn speed_up(&self) -> anyhow::Result<()> {
        run("tc", &["qdisc", "del", "dev", &self.name, "root"]).await?;
        run("tc", &["-n", &self.name, "qdisc", "del", "dev", "back", "root"]).await.map(drop)
    }
}

/// Cuts these hosts off from all others, in one step. They still reach one another.
pub(crate) async fn cut_off_together(hosts: &[&Host]) -> anyhow::Result<()> {
    let lines: Vec<_> = hosts.iter().map(|host| format!("link set {} master {APART}", host.name)).collect();
    ip(&[], &lines).await
}

/// Lets `ip` carry out these lines.
async fn ip(options: &[&str], lines: &[String]) -> anyhow::Result<()> {
    let mut command = Command::new("ip");
    command.args(options).args(["-batch", "-"]);
    finish(command, &(lines.join("\n") + "\n")).await.map(drop)
}
