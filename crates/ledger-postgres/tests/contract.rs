//! The ledger's contract, on PostgreSQL.

mod support;

use std::sync::Arc;

use testkit::{ledger_contract::Subject, postgres_server::TestDatabase};

async fn an_empty_ledger() -> Subject {
    let database = TestDatabase::create().await;
    Subject {
        ledgers: Arc::new(support::ledgers(&database)),
        scoreboard: Arc::new(support::scoreboard(&database)),
        guard: Box::new(database),
    }
}

testkit::ledger_contract!(an_empty_ledger().await);
