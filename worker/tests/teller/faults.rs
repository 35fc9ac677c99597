//! The promise of the worker under any sequence of faults: what was acknowledged is counted exactly once, unless
//! the log itself lost it or a gap tells of it; and nothing else is counted.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use crate::world::{Fault, Loss, State, World, rules, serial_of};

/// Time for some surveys.
const SURVEYS: Duration = Duration::from_secs(10);

/// Faults, half of the time none: a teller that never gets through a beginning would prove little.
fn fault() -> impl Strategy<Value = Fault> + Clone {
    prop_oneof![
        8 => Just(Fault::Calm),
        8 => (1_u8..12).prop_map(Fault::Cast),
        2 => Just(Fault::FailBefore),
        3 => Just(Fault::FailAfter),
        1 => any::<bool>().prop_map(|done| Fault::Late { done }),
        2 => (1_u8..8, any::<bool>()).prop_map(|(entries, clock_back)| Fault::SetLogBack { entries, clock_back }),
        1 => (1_u8..8).prop_map(Fault::RemoveEntries),
        1 => Just(Fault::DeleteStream),
        1 => Just(Fault::Claim),
        1 => Just(Fault::Trim),
        2 => Just(Fault::BreakLead),
    ]
}

/// Those too that take with them what was still to be told: an emptied log, an older ledger.
fn any_fault() -> impl Strategy<Value = Fault> + Clone {
    prop_oneof![
        27 => fault(),
        2 => any::<bool>().prop_map(|clock_back| Fault::LoseLog { clock_back }),
        1 => Just(Fault::ReplaceLog),
        2 => (0_u8..20).prop_map(Fault::RestoreLedger),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn acknowledged_is_counted_exactly_once_whatever_breaks_at_whatever_call(
        faults in prop::collection::vec(any_fault(), 0..120),
        workers in 1_usize..3,
    ) {
        run(faults, workers)?;
    }

    #[test]
    fn what_a_worker_knew_of_and_the_log_lost_is_told(
        faults in prop::collection::vec(fault(), 0..120),
        workers in 1_usize..3,
    ) {
        run(faults, workers)?;
    }
}

fn run(faults: Vec<Fault>, workers: usize) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(survive(faults, workers))
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
    // Where nothing is left to read a survey shows what is missing.
    tokio::time::sleep(SURVEYS).await;
    world.caught_up().await;

    for worker in &running {
        prop_assert!(!worker.running.is_finished(), "a worker ended");
    }
    // An emptied log, or an older ledger, may take with it what was still to be told.
    check(&world.state(), reason)?;
    if restored || lost { Ok(()) } else { check_losses(&world.state(), workers == 1) }
}

fn check(state: &State, reason: bool) -> Result<(), TestCaseError> {
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
            serials.contains(&ballot.serial) || ballot.lost != Loss::None || in_gap,
            "{ballot:?} was not counted, and nothing tells of it; gaps: {:?}",
            state.ledger.gaps
        );
    }
    prop_assert!(reason || state.ledger.gaps.is_empty(), "a gap without a reason: {:?}", state.ledger.gaps);
    let last = state.acknowledged.last().expect("one was cast at the end");
    prop_assert!(serials.contains(&last.serial), "what is cast in the end is counted");
    Ok(())
}

/// What a worker knew of and the log lost is told: how many they were, and where. If a leader ends in the middle,
/// another may know only how many.
fn check_losses(state: &State, one_worker: bool) -> Result<(), TestCaseError> {
    let serials: BTreeSet<_> = state.ledger.entries.iter().map(|(entry, _)| serial_of(entry)).collect();
    let gaps = &state.ledger.gaps;
    let missing = |loss| {
        let lost = state.acknowledged.iter().filter(move |ballot| ballot.lost == loss);
        lost.filter(|ballot| !serials.contains(&ballot.serial))
    };
    for ballot in missing(Loss::Place).filter(|_| one_worker) {
        let told = gaps.iter().any(|gap| gap.after < ballot.position && ballot.position <= gap.through);
        prop_assert!(told, "{ballot:?} is lost, and no gap says where; gaps: {gaps:?}");
    }
    let lost: Vec<_> = missing(Loss::Place).chain(missing(Loss::Number)).collect();
    let told: u64 = gaps.iter().filter_map(|gap| gap.ballots).sum();
    prop_assert!(told >= u64::try_from(lost.len()).unwrap(), "more are lost than is told: {lost:?}; gaps: {gaps:?}");
    Ok(())
}
