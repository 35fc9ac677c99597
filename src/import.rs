//! The command `import`: a data directory gets everything that another installation wrote to a file.

use std::{io, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use domain::{Ledgers, Partition, Partitions};
use ledger_sqlite::{SqliteLedger, SqliteScoreboard};
use log_file::import;

use crate::data_dir::DataDir;

/// How many entries are counted in one transaction.
const BATCH_ENTRIES: usize = 10_000;

/// Counts `file` into the ledger below `data_dir`, which must hold nothing else. Success if the ledger then holds what
/// the file says.
#[expect(clippy::print_stderr, reason = "the command's report")]
pub(crate) async fn import(data_dir: &Path, file: &Path) -> Result<ExitCode> {
    let input = log_file::input(file).with_context(|| file.display().to_string())?;
    let data = DataDir::open(data_dir)?;
    let ledger = SqliteLedger::open(&data.ledger())?;
    refuse_a_ledger_that_was_served(&ledger).await?;
    let progress = |entries| eprintln!("{entries} entries read");
    let imported = import::import(input, &*ledger, Partitions::ONE, BATCH_ENTRIES, progress).await?;
    drop(ledger);
    let (audit, _) = SqliteScoreboard::open(&data.ledger())?.recount().await?;
    let holds = import::report(&imported, &audit, &mut io::stdout().lock())?;
    if !holds {
        return Ok(ExitCode::FAILURE);
    }
    eprintln!("Next: start scrutin with the SECRET_KEY of the installation that the file is from");
    Ok(ExitCode::SUCCESS)
}

/// Its polls and ballots are not those of the file, and its positions may be later.
async fn refuse_a_ledger_that_was_served(ledger: &SqliteLedger) -> Result<()> {
    let mut lead = ledger.lead(Partition::new(0)).await?.context("nobody else leads in this process")?;
    if lead.identity().await?.is_some() {
        bail!(
            "this data directory has been served already: a file goes into a new one (DATA_DIR), before scrutin is \
             started on it for the first time"
        );
    }
    Ok(())
}
