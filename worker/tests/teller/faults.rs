//! The promise of the worker under any sequence of faults: what was acknowledged is counted exactly once, unless
//! the log itself lost it or a gap tells of it; and nothing else is counted.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::world::{Fault, State, World, rules, serial_of};

/// Faults, half of the time none: a teller that never gets through a beginning would prove little.
fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        8 => Just(Fault::Calm),
        8 => (1_u8..12).prop_map(Fault::Cast),
        2 => Just(Fault::FailBefore),
        3 => Just(Fault::FailAfter),
        1 => Just(Fault::Hang),
        2 => any::<bool>().prop_map(|clock_back| Fault::LoseLog { clock_back }),
        1 => Just(Fault::ReplaceLog),
        2 => (1_u8..8, any::<bool>()).prop_map(|(entries, clock_back)| Fault::SetLogBack { entries, clock_back }),
        1 => (1_u8..8).prop_map(Fault::RemoveEntries),
        1 => Just(Fault::DeleteStream),
        1 => Just(Fault::Claim),
        1 => Just(Fault::Trim),
        2 => Just(Fault::BreakLead),
        2 => (0_u8..20).prop_map(Fault::RestoreLedger),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn acknowledged_is_counted_exactly_once_whatever_breaks_at_whatever_call(
        faults in prop::collection::vec(fault(), 0..120),
        workers in 1_usize..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(survive(faults, workers))?;
    }
}

async fn survive(faults: Vec<Fault>, workers: usize) -> Result<(), TestCaseError> {
    let world = World::new();
    let had = |which: fn(&Fault) -> bool| faults.iter().any(which);
    let restored = had(|fault| matches!(fault, Fault::RestoreLedger(_)));
    let lost = had(|fault| matches!(fault, Fault::LoseLog { .. } | Fault::ReplaceLog));
    let set_back = had(|fault| matches!(fault, Fault::SetLogBack { .. }));
    let removed = had(|fault| matches!(fault, Fault::RemoveEntries(_) | Fault::DeleteStream));
    let reason = restored || lost || set_back || removed;
    world.state().faults = faults.into();
    let running: Vec<_> = (0..workers).map(|_| world.start_worker(rules(1))).collect();

    world.until("the faults are over", |state| state.faults.is_empty()).await;
    world.until("the leader is attached", State::is_counted).await;
    world.caught_up().await;
    world.cast_many(1);
    world.caught_up().await;

    for worker in &running {
        prop_assert!(!worker.running.is_finished(), "a worker ended");
    }
    // An emptied log, an older one, or an older ledger, may take with it what was still to be told.
    check(&world.state(), !restored && !lost && !set_back, reason)
}

fn check(state: &State, all_is_told: bool, reason: bool) -> Result<(), TestCaseError> {
    let counted: Vec<_> = state.ledger.entries.iter().map(|(entry, _)| (entry.position, serial_of(entry))).collect();
    prop_assert!(counted.is_sorted_by(|one, next| one.0 < next.0), "positions do not rise: {counted:?}");
    let serials: BTreeSet<_> = counted.iter().map(|(_, serial)| *serial).collect();
    prop_assert_eq!(serials.len(), counted.len(), "a ballot was counted twice");

    for (entry, attached) in &state.ledger.entries {
        let ballot = &state.acknowledged[usize::try_from(serial_of(entry)).unwrap()];
        prop_assert_eq!(attached.as_ref(), Some(&ballot.log), "counted while another log was attached: {:?}", ballot);
    }
    for ballot in &state.acknowledged {
        let in_gap = state.ledger.gaps.iter().any(|gap| gap.after < ballot.position && ballot.position <= gap.through);
        prop_assert!(
            serials.contains(&ballot.serial) || ballot.lost || in_gap,
            "{ballot:?} was not counted, and nothing tells of it; gaps: {:?}",
            state.ledger.gaps
        );
    }
    let untold = state.acknowledged.iter().filter(|ballot| ballot.must_be_told && !serials.contains(&ballot.serial));
    for ballot in untold.filter(|_| all_is_told) {
        let told = state.ledger.gaps.iter().any(|gap| gap.after < ballot.position);
        prop_assert!(told, "{ballot:?} is lost, and nothing tells of it; gaps: {:?}", state.ledger.gaps);
    }
    prop_assert!(reason || state.ledger.gaps.is_empty(), "a gap without a reason: {:?}", state.ledger.gaps);
    let last = state.acknowledged.last().expect("one was cast at the end");
    prop_assert!(serials.contains(&last.serial), "what is cast in the end is counted");
    Ok(())
}
