//! Whether the ledgers belong to one installation, with our `SECRET_KEY`. With another one no receipt is understood.

use std::{sync::Arc, time::Duration};

use domain::{Fingerprint, LedgerIdentity};
use ledger_postgres::SpreadScoreboard;
use parking_lot::Mutex;

/// How often the ledgers are asked.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const GAUGE: &str = "scrutin_installation_refused";

/// What a ledger said last: which installation it belongs to, if to any yet; `None` before it answered.
type Said = Option<Option<LedgerIdentity>>;

/// What the ledgers said last.
#[derive(Clone)]
pub(crate) struct KeyWatch(Arc<Mutex<Result<(), String>>>);

impl KeyWatch {
    /// Asks the ledgers every two seconds, until the program ends.
    pub(crate) fn start(scoreboard: Arc<SpreadScoreboard>, key: Fingerprint) -> Self {
        let watch = Self(Arc::new(Mutex::new(verdict(&[], &key))));
        let seen = watch.clone();
        tokio::spawn(async move {
            let mut said: Vec<Said> = vec![None; scoreboard.ledgers().len()];
            let mut told = None;
            loop {
                for (said, ledger) in said.iter_mut().zip(scoreboard.ledgers()) {
                    // Others log that a ledger does not answer. What it said before stays.
                    *said = ledger.identity().await.ok().or(said.take());
                }
                let verdict = verdict(&said, &key);
                if said.iter().any(Option::is_some) {
                    let differs = verdict.clone().err();
                    metrics::gauge!(GAUGE).set(u8::from(differs.is_some()));
                    if differs != told {
                        tell(differs.as_deref());
                        told = differs;
                    }
                }
                *seen.0.lock() = verdict;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        watch
    }

    /// Ready if the key is the installation's; else why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.0.lock().clone()
    }
}

/// Why this service can't show what these ledgers hold. One that is away holds up no other.
fn verdict(said: &[Said], key: &Fingerprint) -> Result<(), String> {
    if said.iter().all(Option::is_none) {
        return Err("the ledger's installation was not looked at yet".to_owned());
    }
    let known: Vec<&LedgerIdentity> = said.iter().flatten().flatten().collect();
    let differs = |identity: &&LedgerIdentity| {
        identity.differs_from_release().or_else(|| identity.installation.differs_from_key(key))
    };
    if let Some(why) = known.iter().find_map(differs) {
        return Err(why);
    }
    let too_many = |identity: &&&LedgerIdentity| said.len() > usize::from(identity.installation.partitions.count());
    if let Some(identity) = known.iter().find(too_many) {
        return Err(format!(
            "DATABASE_URL has {} addresses, and this installation ({}) {} partitions: set the addresses that its \
             workers have",
            said.len(),
            identity.installation.id,
            identity.installation.partitions
        ));
    }
    let ids: Vec<_> = known.iter().map(|identity| &identity.installation.id).collect();
    match ids.iter().find(|id| **id != ids[0]) {
        Some(other) => Err(format!(
            "the addresses of DATABASE_URL lead to ledgers of two installations, {} and {other}: set those of one",
            ids[0]
        )),
        None => Ok(()),
    }
}

fn tell(differs: Option<&str>) {
    if let Some(why) = differs {
        tracing::error!(event = "installation.refused", "this service is not ready: {why}");
    } else {
        tracing::info!(event = "installation.agrees", "the ledger belongs to an installation with this SECRET_KEY");
    }
}

#[cfg(test)]
mod tests {
    use domain::{Installation, InstallationId, LedgerLayout, Partitions};

    use super::*;

    fn ledger(id: &str, key: &str) -> LedgerIdentity {
        let of = Installation::new(InstallationId::new(id), Partitions::new(2).unwrap());
        LedgerIdentity::new(Installation { fingerprint: Fingerprint::stored(key), ..of }, "here")
    }

    #[test]
    fn ledgers_of_our_installation_are_shown_also_while_one_is_away() {
        let key = Fingerprint::stored("aa").unwrap();
        let ours = || Some(Some(ledger("one", "aa")));
        for good in [vec![ours()], vec![ours(), ours()], vec![None, ours()], vec![Some(None), ours()]] {
            assert_eq!(verdict(&good, &key), Ok(()), "{good:?}");
        }
        let other_release = LedgerIdentity { layout: LedgerLayout::Polls, ..ledger("one", "aa") };
        for (bad, why) in [
            (vec![None, None], "not looked at yet"),
            (vec![ours(), Some(Some(ledger("one", "bb")))], "SECRET_KEY"),
            (vec![ours(), Some(Some(ledger("two", "aa")))], "two installations, one and two"),
            (vec![Some(Some(other_release))], "spread polls"),
            (vec![ours(), None, None], "3 addresses"),
        ] {
            let said = verdict(&bad, &key).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
