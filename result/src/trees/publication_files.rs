//! Who gets published ballots when: small files are made once for all who ask, of large ones some are sent at a time.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use domain::{Digest, PollId, Unavailable};
use tokio::{sync::Semaphore, time::timeout};

use super::{kept::Kept, publication::PollPublication};

/// The most files that are sent while they are read: each holds a connection to the ledger.
const MAX_SENT_AT_ONCE: usize = 2;
/// Files of so many ballots are made once and kept: 2 MB at most.
const MAX_KEPT_BALLOTS: u64 = 20_000;
/// The most files that are kept.
const MAX_KEPT_FILES: usize = 8;
/// The longest time for making a small file.
const MADE_WITHIN: Duration = Duration::from_secs(10);

/// See the head of this file.
pub(crate) struct PublicationFiles {
    sending: Arc<Semaphore>,
    making: Arc<Semaphore>,
    /// With the digest that names the file.
    kept: Kept<PollId, (Digest, Bytes)>,
}

impl PublicationFiles {
    pub(crate) fn new() -> Self {
        let (sending, making) = (Arc::new(Semaphore::new(MAX_SENT_AT_ONCE)), Arc::new(Semaphore::new(1)));
        Self { sending, making, kept: Kept::new(MAX_KEPT_FILES) }
    }

    /// The file; `None` while as many are sent as may be.
    pub(crate) async fn file(&self, publication: PollPublication) -> Result<Option<Body>, Unavailable> {
        let publication = Arc::new(publication);
        if publication.ballots() <= MAX_KEPT_BALLOTS {
            return self.small(publication).await.map(|bytes| Some(bytes.into()));
        }
        let Ok(turn) = Arc::clone(&self.sending).try_acquire_owned() else { return Ok(None) };
        let (file, begun) = publication.begin(turn).await?;
        Ok(Some(file.into_body(begun)))
    }

    async fn small(&self, publication: Arc<PollPublication>) -> Result<Bytes, Unavailable> {
        let (poll, digest) = (publication.poll(), publication.digest());
        let read = || {
            let (making, publication) = (Arc::clone(&self.making), Arc::clone(&publication));
            async move {
                let made = async {
                    let turn = making.acquire_owned().await.expect("the semaphore is never closed");
                    let (file, begun) = publication.begin(turn).await?;
                    Ok((digest, file.into_bytes(begun).await?))
                };
                let late = |_| Err(Unavailable::failed("publishing ballots", "it took too long"));
                timeout(MADE_WITHIN, made).await.unwrap_or_else(late)
            }
        };
        let (_, bytes) = self.kept.get(poll, |(of, _), _| *of == digest, read).await?;
        Ok(bytes)
    }
}
