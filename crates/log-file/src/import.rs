//! Counting a log from a file into an empty ledger: how an installation moves from the all-in-one to the stack.

use std::{
    collections::{HashMap, hash_map},
    io::BufRead,
};

use domain::{Entry, Event, Ledger, Ledgers, Partition, Partitions, PollId, Unavailable, VoteCounts};
use log_file::{LogFileError, LogReader, Next};

/// Why a file was not counted, or not to its end. What was counted of it stays; the same file may be offered again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error(transparent)]
    File(#[from] LogFileError),
    /// The ledger.
    #[error("the ledger: {0}")]
    Ledger(#[from] Unavailable),
    /// Somebody else writes to the ledger.
    #[error("another process counts partition {0}: stop the workers first")]
    Led(Partition),
    /// A log was counted into it already, and its positions may be later than those of the file.
    #[error(
        "the ledger belongs to a running installation: a file goes into an empty one, before the first worker starts"
    )]
    Attached,
}

/// One partition while it is imported.
struct Share {
    ledger: Box<dyn Ledger>,
    batch: Vec<Entry>,
}

/// Counts the log in `file`, at most `batch_entries` at a time. Returns how many entries there were, and what the
/// ledger must hold now.
pub async fn import(
    file: impl BufRead,
    ledgers: &dyn Ledgers,
    partitions: Partitions,
    batch_entries: usize,
) -> Result<(u64, Vec<(PollId, VoteCounts)>), ImportError> {
    let mut reader = LogReader::begin(file)?;
    let mut shares: HashMap<Partition, Share> = HashMap::new();
    let mut entries = 0;
    loop {
        let entry = match reader.read()? {
            Next::Entry(entry) => entry,
            Next::End(figures) => {
                for share in shares.values_mut() {
                    share.count().await?;
                }
                return Ok((entries, figures));
            }
        };
        let partition = partitions.of(poll_of(&entry));
        let share = match shares.entry(partition) {
            hash_map::Entry::Occupied(share) => share.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(Share::begin(ledgers, partition).await?),
        };
        share.batch.push(entry);
        entries += 1;
        if share.batch.len() >= batch_entries {
            share.count().await?;
        }
    }
}

impl Share {
    async fn begin(ledgers: &dyn Ledgers, partition: Partition) -> Result<Self, ImportError> {
        let mut ledger = ledgers.lead(partition).await?.ok_or(ImportError::Led(partition))?;
        match ledger.state().await?.log {
            None => Ok(Self { ledger, batch: Vec::new() }),
            Some(_) => Err(ImportError::Attached),
        }
    }

    async fn count(&mut self) -> Result<(), Unavailable> {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.ledger.apply(batch).await?;
        }
        Ok(())
    }
}

fn poll_of(entry: &Entry) -> PollId {
    match &entry.event {
        Ok(Event::Poll(poll)) => poll.id(),
        Ok(Event::Ballot(ballot)) => ballot.poll,
        // A file holds none, see `log_file`.
        Err(_) => PollId::MAIN,
    }
}
