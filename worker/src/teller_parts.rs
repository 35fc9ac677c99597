//! What the steps of a lead share. Each part keeps its own state; this module only brings them together.

use std::sync::Arc;

use domain::{Log, Partition, PollCopies};
use tokio_util::sync::CancellationToken;

use crate::{
    closer::Closer, health::TellerHealth, identity::IdentityCheck, log_view::LogView, loss_report::LossReport,
    outage_report::OutageReport, retention::Retention, rules::Rules, spreader::Spreader, worker_metrics::WorkerMetrics,
};

/// The parts of one partition's teller.
pub(crate) struct TellerParts {
    pub(crate) partition: Partition,
    pub(crate) rules: Arc<Rules>,
    /// Of this partition.
    pub(crate) log: Box<dyn Log>,
    /// Of all partitions.
    pub(crate) copies: Arc<dyn PollCopies>,
    pub(crate) identity: IdentityCheck,
    pub(crate) view: LogView,
    pub(crate) retention: Retention,
    /// Whether the settings of the first poll were compared with the log.
    pub(crate) first_poll_told: bool,
    pub(crate) spreader: Spreader,
    pub(crate) closer: Closer,
    pub(crate) losses: LossReport,
    pub(crate) outages: OutageReport,
    pub(crate) health: TellerHealth,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) shutdown: CancellationToken,
}

impl TellerParts {
    pub(crate) fn new(
        partition: Partition,
        rules: Arc<Rules>,
        log: Box<dyn Log>,
        copies: Arc<dyn PollCopies>,
        health: TellerHealth,
        shutdown: CancellationToken,
    ) -> Self {
        let spreader = Spreader::new(partition, rules.partitions, Arc::clone(&copies));
        Self {
            partition,
            identity: IdentityCheck::new(partition, rules.partitions),
            view: LogView::default(),
            retention: Retention::new(rules.log_retention),
            first_poll_told: false,
            closer: Closer::new(partition, rules.partitions, Arc::clone(&copies), spreader.clone()),
            spreader,
            losses: LossReport::new(partition),
            outages: OutageReport::new(partition),
            metrics: WorkerMetrics::new(partition),
            rules,
            log,
            copies,
            health,
            shutdown,
        }
    }
}
