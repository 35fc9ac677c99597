//! Reads a published file line by line, in memory that does not grow with it.

use std::io::{self, BufRead, Read};

use super::{
    ballot::PublishedBallot,
    header::{BEGINNING_OF_PUBLICATION, END_OF_PUBLICATION, PublishedHeader, PublishedTree},
};

/// The longest header, in bytes: a seal of 1,024 partitions and some hundred wordings.
const MAX_HEADER_BYTES: u64 = 4 << 20;

/// The longest of all other lines, in bytes.
const MAX_LINE_BYTES: u64 = 256;

/// Reads a published file.
#[derive(Debug)]
pub struct PublicationReader<R> {
    reader: R,
    line: Vec<u8>,
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
    /// It does not begin as published ballots do.
    #[error("it is not a file of published ballots")]
    AnotherFile,
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
        Self { reader, line: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.number
    }

    /// The first line.
    pub fn header(&mut self) -> Result<PublishedHeader, PublicationError> {
        let header = self.next(MAX_HEADER_BYTES, "the header of published ballots", PublishedHeader::parse);
        let line = self.line.iter().zip(BEGINNING_OF_PUBLICATION.as_bytes());
        match header {
            Err(PublicationError::Read(_)) => header,
            _ if line.into_iter().all(|(there, expected)| there == expected) => header,
            _ => Err(PublicationError::AnotherFile),
        }
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
        if self.reader.by_ref().take(max_bytes).read_until(b'\n', &mut self.line)? == 0 {
            return Err(PublicationError::Unfinished(self.number));
        }
        match self.line.strip_suffix(b"\n") {
            Some(line) => str::from_utf8(line).ok().and_then(parse).ok_or(malformed),
            None if self.line.len() as u64 == max_bytes => Err(malformed),
            None => Err(PublicationError::Unfinished(self.number)),
        }
    }
}
