//! Which partitions' shares of the scores are late, for the operator: metrics, and a line in the log when one begins to
//! stand still and when it is kept up again.

use std::{collections::BTreeSet, time::Duration};

use domain::Partition;

use crate::live::{board::ShareAges, freshness::STALE_AFTER};

/// What was told.
#[derive(Default)]
pub(crate) struct LateShares(BTreeSet<Partition>);

impl LateShares {
    /// Tells how old the last heartbeats are.
    pub(crate) fn tell(&mut self, ages: &ShareAges) {
        let oldest = ages.values().copied().max().unwrap_or_default();
        metrics::gauge!("scrutin_result_heartbeat_age_seconds").set(oldest.as_secs_f64());
        for (partition, age) in ages {
            // With one partition, the figure above is the same.
            if ages.len() > 1 {
                metrics::gauge!("scrutin_result_share_age_seconds", "partition" => partition.to_string())
                    .set(age.as_secs_f64());
            }
            self.log(*partition, *age);
        }
        // Nobody watches a poll of these any more.
        self.0.retain(|partition| ages.contains_key(partition));
    }

    fn log(&mut self, partition: Partition, age: Duration) {
        let number = partition.number();
        if age <= STALE_AFTER {
            if self.0.remove(&partition) {
                tracing::info!(event = "share.back", partition = number, "this partition's share is kept up again");
            }
        } else if self.0.insert(partition) {
            tracing::warn!(
                event = "share.late",
                partition = number,
                age.s = age.as_secs(),
                "nothing is counted in this partition; screens show its last figures and say since when"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_share_is_told_once_until_it_is_kept_up() {
        let (mut late, [one, two]) = (LateShares::default(), [0, 1].map(Partition::new));
        let ages = |seconds: [u64; 2]| [one, two].into_iter().zip(seconds.map(Duration::from_secs)).collect();
        for (seconds, told) in [([1, 9], vec![two]), ([1, 10], vec![two]), ([7, 1], vec![one]), ([1, 1], vec![])] {
            late.tell(&ages(seconds));
            assert_eq!(late.0.iter().copied().collect::<Vec<_>>(), told);
        }
        late.tell(&ages([9, 9]));
        late.tell(&ShareAges::new());
        assert!(late.0.is_empty(), "nobody watches");
    }
}
