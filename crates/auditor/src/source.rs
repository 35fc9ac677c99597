//! Where published ballots are read from: a file, or the server of a poll.

use std::{
    fs::File,
    io::{self, Read},
};

use domain::PollId;

use crate::{
    address::PollAddress,
    client::{FetchError, PublicClient},
};

/// Published ballots, opened.
pub struct PublishedSource {
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// How many there are, if that is known.
    pub length: Option<u64>,
    /// The poll whose address was named: the ballots are to be those of that one.
    pub poll: Option<PollId>,
}

/// What is read of a server, and how long it is if that is known.
type Fetched = (Box<dyn Read + Send>, Option<u64>);

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No such file.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// Not published, or no server.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl PublishedSource {
    /// Opens what a person has named: the address of a poll's page, the address of a published file, or a file; `-` is
    /// standard input. A server that is busy is an error.
    pub fn open(name: &str) -> Result<Self, SourceError> {
        Self::opened(name, |address| {
            let (reader, length) = PublicClient::new().open(address)?;
            Ok((Box::new(reader), length))
        })
    }

    /// The same, but a server that is busy is asked again when it says so, five times at most and each time within a
    /// minute. `busy` is told before each wait.
    pub fn open_patiently(name: &str, mut busy: impl FnMut(&FetchError)) -> Result<Self, SourceError> {
        Self::opened(name, |address| {
            let (reader, length) = PublicClient::new().open_patiently(address, &mut busy)?;
            Ok((Box::new(reader), length))
        })
    }

    fn opened(name: &str, fetch: impl FnOnce(&str) -> Result<Fetched, FetchError>) -> Result<Self, SourceError> {
        let scheme = name.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if matches!(scheme.as_deref(), Some("http" | "https")) {
            let of_poll = PollAddress::parse(name).ok();
            let address = of_poll.as_ref().map_or_else(|| name.to_owned(), |poll| poll.of("published"));
            let (reader, length) = fetch(&address)?;
            return Ok(Self { reader, length, poll: of_poll.map(|address| address.poll()) });
        }
        if name == "-" {
            return Ok(Self { reader: Box::new(io::stdin()), length: None, poll: None });
        }
        let failed = |error| SourceError::File(name.to_owned(), error);
        let file = File::open(name).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self { reader: Box::new(file), length: Some(length), poll: None })
    }
}
