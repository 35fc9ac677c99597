//! Reads a published file line by line, in memory that does not grow with it.

use std::io::{self, BufRead, Read};

use super::{
    ballot::PublishedBallot,
    header::{END_OF_PUBLICATION, PublishedHeader, PublishedTree},
};

/// The longest header, in bytes: a seal of 1,024 partitions and some hundred wordings.
const MAX_HEADER_BYTES: u64 = 4 << 20;

/// The longest of all other lines, in bytes.
const MAX_LINE_BYTES: u64 = 256;

/// Reads a published file.
#[derive(Debug)]
pub struct PublicationReader<R> {
    reader: R,
    line: String,
    number: u64,
}

/// Why the file can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// Reading failed.
    #[error("reading failed: {0}")]
    Read(#[from] io::Error),
    /// It ends before its last line: a part of it is missing.
    #[error("the file ends at line {0}, before its last line, “end”")]
    Unfinished(u64),
    /// A line that nobody writes so.
    #[error("line {line} is not {expected}")]
    Malformed {
        /// Which line, from 1.
        line: u64,
        /// What should be there.
        expected: &'static str,
    },
}

impl<R: BufRead> PublicationReader<R> {
    /// Reads from here.
    pub fn new(reader: R) -> Self {
        Self { reader, line: String::new(), number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.number
    }

    /// The first line.
    pub fn header(&mut self) -> Result<PublishedHeader, PublicationError> {
        self.next(MAX_HEADER_BYTES, "the header of published ballots", PublishedHeader::parse)
    }

    /// The next line, which begins a tree.
    pub fn tree(&mut self) -> Result<PublishedTree, PublicationError> {
        self.next(MAX_LINE_BYTES, "the beginning of a tree", PublishedTree::parse)
    }

    /// The next line, which is a ballot.
    pub fn ballot(&mut self) -> Result<PublishedBallot, PublicationError> {
        self.next(MAX_LINE_BYTES, "a ballot", PublishedBallot::parse)
    }

    /// The last line, behind which nothing is.
    pub fn end(&mut self) -> Result<(), PublicationError> {
        self.next(MAX_LINE_BYTES, "the end", |line| (line == END_OF_PUBLICATION).then_some(()))?;
        let more = !self.reader.fill_buf()?.is_empty();
        if more { Err(PublicationError::Malformed { line: self.number + 1, expected: "empty" }) } else { Ok(()) }
    }

    fn next<T>(
        &mut self,
        max_bytes: u64,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, PublicationError> {
        self.line.clear();
        self.number += 1;
        let malformed = PublicationError::Malformed { line: self.number, expected };
        match self.reader.by_ref().take(max_bytes).read_line(&mut self.line) {
            Ok(0) => return Err(PublicationError::Unfinished(self.number)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(malformed),
            read => read?,
        };
        match self.line.strip_suffix('\n') {
            Some(line) => parse(line).ok_or(malformed),
            None if self.line.len() as u64 == max_bytes => Err(malformed),
            None => Err(PublicationError::Unfinished(self.number)),
        }
    }
}
