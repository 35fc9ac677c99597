//! A recount finds whatever is changed in one row of the file.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::{fs, path::Path};

use domain::{Installation, InstallationId, LedgerIdentity, Ledgers, Partition, Partitions, Scoreboard};
use rusqlite::Connection;
use scrutin_ledger_sqlite::{SqliteLedger, SqliteScoreboard};
use testkit::ledger_contract::{SqlDialect, a_log_with_trees, tamperings};

async fn agrees(path: &Path) -> bool {
    let audit = SqliteScoreboard::open(path).unwrap().audit().await;
    audit.is_ok_and(|audit| audit.agrees())
}

#[tokio::test]
async fn whatever_is_changed_in_one_row_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (honest, tampered) = (directory.path().join("honest.db"), directory.path().join("tampered.db"));
    let ledger = SqliteLedger::open(&honest).unwrap();
    let mut lead = ledger.lead(Partition::new(0)).await.unwrap().unwrap();
    let installation = Installation::new(InstallationId::new("7b1f"), Partitions::ONE);
    lead.install(&LedgerIdentity::new(installation, "")).await.unwrap();
    for entries in a_log_with_trees().chunks(100) {
        lead.apply(entries.to_vec()).await.unwrap();
    }
    drop((lead, ledger));
    assert!(agrees(&honest).await);

    let dialect = SqlDialect {
        voter: "x'ffffffffffffffffffffffffffffffff'",
        digest: "zeroblob(32)",
        not_built: "grown = 0",
        other_record: r#"replace(poll, '"version":', '"version":1')"#,
        other_terms: "replace(terms, 'Apples', 'Pears')",
    };
    let (mut tried, mut missed) = (0, Vec::new());
    for statement in tamperings(&dialect) {
        fs::copy(&honest, &tampered).unwrap();
        let conn = Connection::open(&tampered).unwrap();
        conn.pragma_update(None, "foreign_keys", false).unwrap();
        // Some of them are no rows that the table takes.
        let changed = conn.execute(&statement, ()).unwrap_or(0);
        drop(conn);
        if changed == 0 {
            continue;
        }
        tried += 1;
        if agrees(&tampered).await {
            missed.push(statement);
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(tried > 100, "{tried}");
}
