//! Whether the ledger belongs to an installation with our `SECRET_KEY`. With another one no receipt is understood.

use std::{sync::Arc, time::Duration};

use domain::Fingerprint;
use ledger_postgres::PostgresScoreboard;
use parking_lot::Mutex;

/// How often the ledger is asked.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const GAUGE: &str = "scrutin_installation_refused";

/// What the ledger said last.
#[derive(Clone)]
pub(crate) struct KeyWatch(Arc<Mutex<Result<(), String>>>);

impl KeyWatch {
    /// Asks the ledger every two seconds, until the program ends.
    pub(crate) fn start(scoreboard: Arc<PostgresScoreboard>, key: Fingerprint) -> Self {
        let watch = Self(Arc::new(Mutex::new(Err("the ledger's installation was not looked at yet".to_owned()))));
        let seen = watch.clone();
        tokio::spawn(async move {
            let mut told = None;
            loop {
                // Others log that a ledger does not answer. What it said before stays.
                if let Ok(identity) = scoreboard.identity().await {
                    let differs = identity.and_then(|identity| identity.installation.differs_from_key(&key));
                    metrics::gauge!(GAUGE).set(u8::from(differs.is_some()));
                    if differs != told {
                        tell(differs.as_deref());
                        told.clone_from(&differs);
                    }
                    seen.set(differs.map_or(Ok(()), Err));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        watch
    }

    /// Ready if the key is the installation's; else why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.0.lock().clone()
    }

    fn set(&self, seen: Result<(), String>) {
        *self.0.lock() = seen;
    }
}

fn tell(differs: Option<&str>) {
    if let Some(why) = differs {
        tracing::error!(event = "installation.refused", "this service is not ready: {why}");
    } else {
        tracing::info!(event = "installation.agrees", "the ledger belongs to an installation with this SECRET_KEY");
    }
}
