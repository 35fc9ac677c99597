//! A recount finds whatever is changed in one row of the tables.

mod support;

use domain::Scoreboard;
use support::{lead_with_trees, scoreboard};
use testkit::{
    ledger_contract::{SqlDialect, a_log_with_trees, tamperings},
    postgres_server::TestDatabase,
};

/// Tables that are put back after each statement.
const TABLES: [&str; 8] = ["polls", "ballots", "tallies", "turnout", "trees", "tiles", "tree_closes", "terms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_changed_in_one_row_is_found() {
    let database = TestDatabase::create().await;
    let mut ledger = lead_with_trees(&database).await;
    for entries in a_log_with_trees().chunks(100) {
        ledger.apply(entries.to_vec()).await.unwrap();
    }
    drop(ledger);
    let (client, board) = (database.client().await, scoreboard(&database));
    assert!(board.audit().await.unwrap().agrees());
    for table in TABLES {
        client.batch_execute(&format!("CREATE TABLE honest_{table} AS TABLE {table}")).await.unwrap();
    }

    let dialect = SqlDialect {
        voter: "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid",
        digest: "decode(repeat('00', 32), 'hex')",
        not_built: "counted = NULL",
        other_record: r#"replace(poll::text, '"version":', '"version":1')::json"#,
        other_terms: "replace(terms::text, 'Apples', 'Pears')::json",
    };
    let (mut tried, mut missed) = (0, Vec::new());
    for statement in tamperings(&dialect) {
        let changed = client.execute(&statement, &[]).await.unwrap_or(0);
        if changed == 0 {
            continue;
        }
        tried += 1;
        if board.audit().await.is_ok_and(|audit| audit.agrees()) {
            missed.push(statement.clone());
        }
        let words: Vec<&str> = statement.split_whitespace().collect();
        let table = if words[0] == "UPDATE" { words[1] } else { words[2] };
        let back = format!("TRUNCATE {table}; INSERT INTO {table} SELECT * FROM honest_{table}");
        client.batch_execute(&back).await.unwrap();
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(tried > 100, "{tried}");
    assert!(board.audit().await.unwrap().agrees());
}
