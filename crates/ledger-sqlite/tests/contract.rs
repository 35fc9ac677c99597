//! The contract of all ledgers, kept by the one on SQLite.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::sync::Arc;

use scrutin_ledger_sqlite::SqliteLedger;
use testkit::ledger_contract::Subject;

fn an_empty_ledger() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(&directory.path().join("ledger.db")).unwrap();
    Subject { ledgers: Arc::clone(&ledger) as _, scoreboard: ledger.scoreboard(), guard: Box::new(directory) }
}

testkit::ledger_contract!(an_empty_ledger());
