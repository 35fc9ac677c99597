//! Checks a published file, alone and against what people have kept.
//!
//! The file is read once, as a stream. For each ballot of the largest tree 33 bytes are kept.
//!
//! May import: `checkpoint`, `growing_root`, `key`, `note`, `origin`, `promise`, `proof`, `published`, `result_note`,
//! `seal`, `words`.

mod chains;
mod evidence;
mod finding;
mod sought;
mod statements;
mod sums;
mod tree;
mod verification;

use std::io::BufRead;

pub use evidence::{Evidence, KeptNote};
pub use finding::{AuditFinding, FindingKind, KeptBy};
pub use sums::PollCount;
pub use verification::{PollWording, ReceiptFate, ReceiptOutcome, Unchecked, Verification, VerifiedPoll};

use self::{sought::Sought, statements::HeaderStatements, tree::TreeCheck};
use crate::published::{PublicationError, PublicationReader};

/// Checks everything that can be checked of a published file.
///
/// It never fails: what can't be read or compared is told in the answer.
pub fn verify(file: impl BufRead, evidence: &Evidence) -> Verification {
    let mut verification = Verification::default();
    let mut reader = PublicationReader::new(file);
    let compared = check(&mut reader, evidence, &mut verification);
    if !matches!(compared, Ok(true)) {
        let names = evidence.names().map(str::to_owned).map(Unchecked::NotCompared);
        verification.unchecked.extend(names);
    }
    if let Err(error) = compared {
        verification.stopped(error);
    }
    verification
}

/// Whether the file was read to its end, and so compared with all that was given.
fn check(
    reader: &mut PublicationReader<impl BufRead>,
    evidence: &Evidence,
    verification: &mut Verification,
) -> Result<bool, PublicationError> {
    let header = reader.header()?;
    let key = evidence.key.clone().unwrap_or_else(|| header.key.clone());
    let Some(statements) = HeaderStatements::open(&header, &key, evidence, verification) else { return Ok(false) };
    let mut sought = Sought::open(evidence, &key, &statements.seal, verification);
    let mut sums = PollCount::new(statements.options(), statements.wordings.len());
    for sealed in &statements.seal.trees {
        let heading = reader.tree()?;
        let mut tree = TreeCheck::new(&statements, sealed, heading, &mut sought, verification);
        for _ in 0..heading.size {
            let ballot = reader.ballot()?;
            tree.add(reader.line(), &ballot, &mut sums.wordings);
        }
        tree.finish(&mut sums);
    }
    reader.end()?;
    statements.compare(&sums, verification);
    sought.settle(verification);
    verification.counted(sums);
    Ok(true)
}
