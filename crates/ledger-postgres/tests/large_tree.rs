//! A tree with a full tile above the lowest level, which nearly every proof needs, and which is read once.

mod support;

use domain::{Receipt, Scoreboard, TreeKey, TreeReader, root_of_path};
use support::{FIRST, at, ballot, lead_with_trees, poll, poll_entry, scoreboard, voter};
use testkit::postgres_server::TestDatabase;

/// More than 256 full tiles hold.
const BALLOTS: u64 = 66_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_tile_above_the_lowest_level_is_read_once() {
    let database = TestDatabase::create().await;
    let mut ledger = lead_with_trees(&database).await;
    let tea = poll("tea");
    ledger.apply(vec![poll_entry(0, &tea)]).await.unwrap();
    let ballots: Vec<_> = (1..=BALLOTS).map(|number| ballot(number, &tea, number.into(), "a")).collect();
    for batch in ballots.chunks(10_000) {
        ledger.apply(batch.to_vec()).await.unwrap();
    }

    let board = scoreboard(&database);
    let tree = board.trees(tea.id()).await.unwrap().remove(0);
    let key = TreeKey { poll: tea.id(), round: tree.id.round, partition: FIRST, generation: tree.id.generation };
    let root = board.edge(key).await.unwrap().unwrap().root();
    let place = async |board: &dyn Scoreboard, number: u64| {
        let receipt = Receipt { position: at(number), voter: voter(number.into()) };
        let held = board.leaf(FIRST, tea.id(), &receipt).await.unwrap().expect("it is counted");
        let place = held.place.expect("its block is complete");
        assert_eq!(place.size, tree.size);
        (place.root, root_of_path(held.leaf, place.index, place.size, &place.path))
    };
    assert_eq!(place(&board, 40_000).await, (root, Some(root)));

    let client = database.client().await;
    let changed = "UPDATE tiles SET digests = decode(repeat('00', 8192), 'hex') WHERE level = 1 AND place = 0";
    assert_eq!(client.execute(changed, &[]).await.unwrap(), 1);
    for number in [1, 777, 40_000, 65_000] {
        assert_eq!(place(&board, number).await, (root, Some(root)), "{number}");
    }
    let (of_tiles, of_leaf) = place(&scoreboard(&database), 40_000).await;
    assert_ne!((of_tiles, of_leaf), (root, Some(root)), "another one reads what is there now");
}
