//! The settings of who reaches the log on Redis: all of them must have the same.

use std::path::PathBuf;

use domain::{Durability, Partitions};

use crate::settings::Hidden;

/// Where the log is, how it is divided, and what an acknowledgement rests on.
#[derive(Clone, Debug, clap::Args)]
pub struct RedisSettings {
    /// The log: address of Redis, `redis://[user:password@]host[:port]`, `redis+sentinel://host,host/master` or
    /// `redis+cluster://host,host`; with TLS `rediss`; several, separated by spaces, share the partitions
    #[arg(long, env = "REDIS_URL", default_value = "redis://127.0.0.1:6379", hide_env_values = true)]
    pub redis_url: Hidden,
    /// For `rediss://`: file of the authorities (PEM) whose certificates Redis must have; without it: those that the
    /// system trusts
    #[arg(long, env = "REDIS_CA_FILE")]
    pub redis_ca_file: Option<PathBuf>,
    /// Number of partitions of the log, 1 to 1024; the same for all services, and changed only by
    /// `worker export` and `worker import`
    #[arg(long, env = "PARTITIONS", default_value = "1")]
    pub partitions: Partitions,
    /// What an acknowledgement rests on: `disk` (Redis must sync each change before it answers, and evict nothing),
    /// `replicas:N` (the same, and N replicas must have it on their disks), or `unchecked` (whatever Redis is); the
    /// same for `vote` and `worker`
    #[arg(long, env = "DURABILITY", default_value = "disk")]
    pub durability: Durability,
}
