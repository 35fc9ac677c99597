//! `kill -9` in the middle of casting: every acknowledged ballot is in the file, exactly once.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
#![allow(clippy::print_stdout, reason = "the child tells its parent")]

use std::{
    collections::HashSet,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use domain::{
    Ballot, BallotBox, CastOutcome, Choices, FIRST_REVISION, Inclusion, Partition, Poll, PollId, PollSpec, Position,
    Receipt, Scoreboard, VoterId,
};
use scrutin_ledger_sqlite::SqliteLedger;

/// The partition of the all-in-one.
const FIRST: Partition = Partition::new(0);
/// Tells this test, started again as its own child, to be the one that casts; its value is the file.
const CHILD: &str = "SCRUTIN_TEST_CASTS_INTO";
const ROUNDS: u64 = 5;
const ACKNOWLEDGED_IN_A_ROUND: usize = 400;

#[test]
fn a_killed_process_loses_no_acknowledged_ballot() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(path) = env::var_os(CHILD) {
        runtime.block_on(cast_until_killed(Path::new(&path)));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let mut acknowledged = Vec::new();
    for _ in 0..ROUNDS {
        acknowledged.extend(cast_and_kill(&path));
        runtime.block_on(assert_all_there(&path, &acknowledged));
    }
}

/// Starts a process that casts, kills it while it does, and gives what it said was recorded.
fn cast_and_kill(path: &Path) -> Vec<(u64, Position)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_loses_no_acknowledged_ballot", "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The last line may be cut off by the kill; without its end mark it was not acknowledged to anybody.
        if let Some((voter, position)) =
            line.strip_prefix("recorded ").and_then(|line| line.strip_suffix('.')?.split_once(' '))
        {
            acknowledged.push((voter.parse().unwrap(), Position::from_i64(position.parse().unwrap()).unwrap()));
        }
        if acknowledged.len() == ACKNOWLEDGED_IN_A_ROUND {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= ACKNOWLEDGED_IN_A_ROUND, "the child ended by itself");
    acknowledged
}

async fn assert_all_there(path: &Path, acknowledged: &[(u64, Position)]) {
    let ledger = SqliteLedger::open(path).expect("the killed process left its lock");
    for &(number, position) in acknowledged {
        let inclusion =
            ledger.scoreboard().inclusion(FIRST, PollId::MAIN, &Receipt { position, voter: voter(number) }).await;
        assert_eq!(inclusion, Ok(Inclusion::Counted), "ballot {number} at {position}");
    }
    let positions: HashSet<_> = acknowledged.iter().map(|&(_, position)| position).collect();
    assert_eq!(positions.len(), acknowledged.len(), "a position was given out twice");

    let figures = ledger.scoreboard().tallies(&[PollId::MAIN]).await.unwrap().remove(0).figures;
    // What was under way when the process was killed may be there or not, but then it counts once as well.
    assert!(figures.ballots >= acknowledged.len() as u64);
    assert_eq!((figures.voters, figures.votes[0]), (figures.ballots, figures.ballots));
    assert!(ledger.scoreboard().audit().await.unwrap().recounts[0].agrees());
}

/// Casts ballots of ever new voters, sixteen at a time, and says each position once it is acknowledged.
async fn cast_until_killed(path: &Path) -> ! {
    let ledger = SqliteLedger::open(path).unwrap();
    let poll = Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap();
    ledger.create(poll).await.unwrap();
    let first = ledger.accepted(PollId::MAIN).await.unwrap();
    let mut casters = tokio::task::JoinSet::new();
    for caster in 0..16 {
        let ledger = Arc::clone(&ledger);
        casters.spawn(async move {
            for number in 0.. {
                let number = (first << 32) + (caster << 24) + number;
                let choices = Choices::parse(["a"]).unwrap();
                let ballot = Ballot { poll: PollId::MAIN, voter: voter(number), choices };
                let CastOutcome::Recorded(position) = ledger.cast(ballot, FIRST_REVISION).await.unwrap() else {
                    panic!("not recorded")
                };
                println!("recorded {number} {}.", position.as_i64());
            }
        });
    }
    casters.join_all().await;
    unreachable!("casters never end");
}

fn voter(number: u64) -> VoterId {
    VoterId::from_bytes(u128::from(number).to_be_bytes())
}
