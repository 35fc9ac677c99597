//! Counts a log from a file into an empty ledger: how an installation moves from one kind to the other.
//!
//! The commands `worker import` and `scrutin import` call it. The ordinary count decides what each entry is worth.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
};

use domain::{
    Audit, Ballot, CarriedTree, Entry, Ledger, Ledgers, Partition, Partitions, PollId, Position, Record, TreeId,
    Unavailable, VoteCounts,
};

use crate::{
    format::{LogFileError, LogReader, Next},
    recount,
};

/// After how many entries the caller is told how many there were.
const TOLD_EVERY: u64 = 100_000;

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
    /// It holds entries that are not in the file.
    #[error(
        "the ledger holds something else already: it has counted through position {0}, where the file has no entry; a \
         file goes into an empty ledger"
    )]
    OtherEntries(Position),
}

/// What was in a file: how many entries, and what a ledger that holds them must say.
#[derive(Debug)]
pub struct Imported {
    entries: u64,
    figures: Vec<(PollId, VoteCounts)>,
    trees: ImportedTrees,
}

/// What became of the trees of a file.
#[derive(Debug, Default)]
struct ImportedTrees {
    /// How many are as they were.
    restored: usize,
    /// Those that the ballots do not make again.
    differing: Vec<TreeId>,
    /// How many begin anew, since voters are spread otherwise.
    begun_anew: usize,
}

/// One partition while it is imported.
struct PartitionImport {
    ledger: Box<dyn Ledger>,
    batch: Vec<Entry>,
    /// How far an earlier import of the same file came.
    counted_through: Position,
    /// Of the last entry that was read.
    last: Position,
}

/// Counts the log in `file`, about `batch_entries` at a time: each poll in every partition, each event in its home, and
/// each ballot in the partition of its voter. Tells `progress` now and then how many entries were read.
pub async fn import(
    file: impl BufRead,
    ledgers: &dyn Ledgers,
    partitions: Partitions,
    batch_entries: usize,
    mut progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut reader = LogReader::begin(file)?;
    let mut imports = Vec::new();
    for partition in partitions.all() {
        imports.push(PartitionImport::begin(ledgers, partition).await?);
    }
    let mut entries = 0;
    loop {
        let entry = match reader.read()? {
            Next::Entry(entry) => entry,
            Next::End(figures, carried) => {
                for import in &mut imports {
                    import.end().await?;
                }
                let trees = restore_trees(&mut imports, carried).await?;
                return Ok(Imported { entries, figures, trees });
            }
        };
        match &entry.record {
            Ok(Record::Ballot(Ballot { voter, .. })) => {
                let partition = partitions.of_voter(*voter);
                imports[usize::from(partition.number())].take(entry, batch_entries).await?;
            }
            Ok(Record::Event(event)) => {
                let home = partitions.event_home(event.id());
                imports[usize::from(home.number())].take(entry, batch_entries).await?;
            }
            Ok(Record::Poll(_)) => {
                for import in &mut imports {
                    import.take(entry.clone(), batch_entries).await?;
                }
            }
            // A file holds none, see `LogWriter::entry`.
            Err(_) => {}
        }
        entries += 1;
        if entries % TOLD_EVERY == 0 {
            progress(entries);
        }
    }
}

/// Makes the trees again, where each voter is in the partition in which they were.
async fn restore_trees(
    imports: &mut [PartitionImport],
    carried: Vec<CarriedTree>,
) -> Result<ImportedTrees, Unavailable> {
    let mut outcome = ImportedTrees::default();
    let count = imports.len();
    let (same, other): (Vec<_>, Vec<_>) =
        carried.into_iter().partition(|carried| usize::from(carried.tree.id.partitions) == count);
    outcome.begun_anew = other.len();
    for (number, import) in imports.iter_mut().enumerate() {
        let of_partition = same.iter().filter(|carried| usize::from(carried.tree.id.partition) == number);
        let differing = import.ledger.restore_trees(of_partition.cloned().collect()).await?;
        outcome.differing.extend(differing);
    }
    outcome.restored = same.len() - outcome.differing.len();
    Ok(outcome)
}

/// Writes what the ledger holds now, and whether that is what the file says. Returns whether it is.
pub fn report(imported: &Imported, audit: &Audit, out: &mut impl Write) -> io::Result<bool> {
    let Imported { entries, figures, trees } = imported;
    let agrees = recount::report(audit, out)?;
    let polls = audit.polls();
    let held: HashMap<PollId, &VoteCounts> = polls.iter().map(|recount| (recount.poll, &recount.recounted)).collect();
    let missing =
        figures.iter().filter(|(poll, figures)| held.get(poll) != Some(&figures)).map(|(poll, _)| poll.as_str());
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        writeln!(out, "{entries} entries: all that the file says is counted")?;
    } else {
        writeln!(out, "{entries} entries, and the ledger does not hold what the file says of {}", missing.join(", "))?;
    }
    let ImportedTrees { restored, differing, begun_anew } = trees;
    if *restored > 0 {
        writeln!(out, "{restored} trees are as they were when their polls were closed")?;
    }
    if *begun_anew > 0 {
        writeln!(
            out,
            "{begun_anew} trees begin anew, since voters are spread over another number of partitions: checkpoints, \
             proofs and seals that others hold are of the trees before"
        )?;
    }
    for tree in differing {
        writeln!(out, "the tree {} is not as the file says: its ballots make another", tree.origin())?;
    }
    Ok(agrees && missing.is_empty() && differing.is_empty())
}

impl PartitionImport {
    async fn begin(ledgers: &dyn Ledgers, partition: Partition) -> Result<Self, ImportError> {
        let mut ledger = ledgers.lead(partition).await?.ok_or(ImportError::Led(partition))?;
        let state = ledger.state().await?;
        if state.log.is_some() {
            return Err(ImportError::Attached);
        }
        Ok(Self { ledger, batch: Vec::new(), counted_through: state.position, last: Position::ZERO })
    }

    async fn take(&mut self, entry: Entry, batch_entries: usize) -> Result<(), ImportError> {
        if entry.position > self.counted_through {
            self.check_earlier_import()?;
        }
        // Entries at one position are counted together: the ledger skips what is at its own position.
        if self.batch.len() >= batch_entries && entry.position > self.last {
            self.count().await?;
        }
        self.last = entry.position;
        self.batch.push(entry);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), ImportError> {
        self.check_earlier_import()?;
        Ok(self.count().await?)
    }

    /// An import that was interrupted has counted through an entry of its file. Anything else came from elsewhere.
    fn check_earlier_import(&self) -> Result<(), ImportError> {
        if self.last < self.counted_through { Err(ImportError::OtherEntries(self.counted_through)) } else { Ok(()) }
    }

    async fn count(&mut self) -> Result<(), Unavailable> {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.ledger.apply(batch).await?;
        }
        Ok(())
    }
}
