//! The contract of all ledgers, as stories that run against any of them.
//!
//! A ledger's test calls [`ledger_contract!`](crate::ledger_contract!) with an expression that creates an empty one:
//!
//! ```ignore
//! async fn an_empty_ledger() -> testkit::ledger_contract::Subject { /* … */ }
//! testkit::ledger_contract!(an_empty_ledger().await);
//! ```
//!
//! This creates one `#[tokio::test]` for each story. The stories use only the ports, never a database.
//!
//! May import: `naive_count`, `wait`.

mod counting;
mod events;
mod installation;
mod leading;
mod reading;
mod scene;
mod spreading;
mod subject;
mod tampering;
mod trees;

pub use counting::*;
pub use events::*;
pub use installation::*;
pub use leading::*;
pub use reading::*;
pub use spreading::*;
pub use subject::Subject;
pub use tampering::{SqlDialect, a_log_with_trees, tamperings};
pub use trees::*;

/// Creates one `#[tokio::test]` for each story of the contract. Each evaluates `$setup`, which may `.await` and returns
/// a [`Subject`](crate::ledger_contract::Subject).
#[macro_export]
macro_rules! ledger_contract {
    ($setup:expr) => {
        $crate::ledger_contract! { @stories $setup;
            the_first_ballot_counts,
            second_vote_replaces_the_first,
            a_change_of_mind_within_one_batch_counts_once,
            a_ballot_with_several_options_counts_for_each_of_them,
            a_batch_offered_twice_counts_once,
            an_overlapping_batch_counts_only_what_is_new,
            batches_cut_in_any_way_equal_the_naive_count,
            a_reset_starts_a_new_round_and_the_old_ballots_stay,
            a_poll_can_be_created_voted_in_and_reset_in_one_batch,
            entries_that_cannot_be_counted_are_set_aside_and_the_position_moves_on,
            a_rewritten_poll_has_as_many_figures_as_options,
            a_receipt_is_not_counted_yet_then_counted_then_replaced,
            a_receipt_that_the_ledger_passed_over_is_missing,
            a_receipt_belongs_to_its_poll_and_voter,
            when_a_ballot_was_counted_is_kept_to_the_second,
            ballots_come_in_pages_with_each_voter_once,
            ballots_of_past_rounds_are_not_current,
            hidden_and_closed_polls_have_tallies_and_unknown_ones_have_none,
            only_open_listed_polls_are_listed,
            watchers_wake_when_figures_move,
            a_heartbeat_is_seen_with_the_tally_and_moves_nothing,
            a_ledger_that_answers_is_ready,
            a_fresh_ledger_has_read_nothing,
            a_first_poll_is_written_once,
            a_seed_names_voters_only_where_no_change_is_allowed,
            attaching_notes_which_log_is_read,
            attaching_with_a_gap_notes_it_and_moves_beyond_it,
            a_gap_says_how_many_ballots_are_missing_once_that_is_known,
            a_reset_read_after_a_gap_starts_its_round,
            only_one_leads_a_partition_at_a_time,
            partitions_do_not_disturb_one_another,
            an_installation_is_written_once_and_learns_its_key,
            a_key_is_changed_only_while_all_polls_are_closed,
            a_poll_in_three_partitions_is_the_sum_of_its_rows,
            a_close_that_two_of_three_partitions_have_seen_is_not_final,
            a_reset_that_one_partition_sees_first_begins_the_round_for_all,
            votes_stay_hidden_while_one_partition_has_them_hidden,
            a_rewrite_that_one_partition_sees_first_has_its_options,
            receipts_are_looked_up_in_the_voters_partition,
            ballots_of_all_partitions_come_in_one_order,
            a_poll_is_listed_as_its_newest_version_says,
            any_log_spread_over_partitions_equals_the_naive_count,
            a_partition_is_counted_once_a_log_was_attached,
            the_newest_version_of_an_event_counts,
            watchers_wake_when_an_event_changes,
            a_gap_brings_the_events_of_the_log,
            an_event_belongs_to_the_partition_that_counted_it,
            trees_grow_once_the_ledger_belongs_to_an_installation,
            a_tree_has_whole_blocks_however_the_log_was_cut,
            a_receipt_leads_to_its_leaf_and_its_way_to_the_root,
            published_ballots_make_the_root_of_the_close,
            each_round_has_its_tree,
            a_gap_begins_the_trees_of_open_polls_anew,
        }
    };
    (@stories $setup:expr; $($story:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let subject: $crate::ledger_contract::Subject = $setup;
                $crate::ledger_contract::$story(&subject).await;
            }
        )*
    };
}
