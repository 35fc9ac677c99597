//! The commands that take everything out of a data directory: `export`, as a log in a file, and `backup`, as a ledger.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use ledger_sqlite::{RingReport, SqliteScoreboard};
use log_file::LogWriter;

/// Writes the ledger below `data_dir` to `file`, or to standard output for `-`. It may be served meanwhile; what is
/// cast later is not in the file.
#[expect(clippy::print_stderr, reason = "the command's report; standard output may be the file")]
pub(crate) async fn export(data_dir: &Path, file: &Path) -> Result<ExitCode> {
    let ledger = SqliteScoreboard::open(&data_dir.join("scrutin.db"))?;
    let output = log_file::output(file).with_context(|| file.display().to_string())?;
    let writer = Arc::new(Mutex::new(LogWriter::begin(output)?));
    let taker = Arc::clone(&writer);
    let take = move |entry| taker.lock().unwrap_or_else(PoisonError::into_inner).entry(&entry);
    let (audit, trees) = ledger.entries(take).await?;
    let writer = Arc::into_inner(writer).context("the ledger is still being read")?;
    let mut writer = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
    trees.iter().try_for_each(|tree| writer.tree(tree))?;
    let figures = audit.polls().into_iter().map(|recount| (recount.poll, recount.recounted));
    let entries = writer.end(figures)?;
    eprintln!(
        "{entries} entries written. Next: worker import or scrutin import, and the SECRET_KEY of this installation"
    );
    Ok(ExitCode::SUCCESS)
}

/// Writes a ledger to `file`, with all that was acknowledged before this began.
#[expect(clippy::print_stderr, reason = "the command's report")]
pub(crate) async fn back_up(data_dir: &Path, file: &Path) -> Result<ExitCode> {
    let uncounted = SqliteScoreboard::open(&data_dir.join("scrutin.db"))?.back_up(file).await?;
    let complete = report(&uncounted, &mut io::stderr().lock())?;
    eprintln!("{} is written. Keep secret-key and organiser-token with it", file.display());
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Names what is not in the ledger. Returns whether it is known that nothing else is missing.
pub(crate) fn report(uncounted: &RingReport, out: &mut impl Write) -> io::Result<bool> {
    for (poll, ballots) in &uncounted.waiting {
        writeln!(
            out,
            "waiting: {ballots} ballots of {poll} are accepted and not in these figures; they are in \
             scrutin.db.waiting, and are counted within a second, or at the next start"
        )?;
    }
    if uncounted.damaged > 0 {
        let RingReport { damaged, damaged_slots, .. } = uncounted;
        writeln!(out, "damaged: {damaged} slots of scrutin.db.waiting can't be read: {damaged_slots}")?;
    }
    if !uncounted.passed_over.is_empty() {
        writeln!(
            out,
            "PASSED OVER: {} acknowledged ballots of scrutin.db.waiting are not counted, since two programs wrote to \
             the ledger; the first is at position {}",
            uncounted.passed_over.len(),
            uncounted.passed_over[0]
        )?;
    }
    if uncounted.ring_missing {
        writeln!(
            out,
            "INCOMPLETE: the ledger was not closed, and scrutin.db.waiting is not beside it, so nobody knows which \
             ballots are missing"
        )?;
    }
    Ok(!uncounted.ring_missing && uncounted.passed_over.is_empty())
}
