//! Where a worker takes the lead: each partition at its address. A ledger is brought up to this release before it is
//! used.
//!
//! Several ledgers are one installation: the first address decides which, and each ledger holds only the partitions
//! that belong to its address.

use async_trait::async_trait;
use domain::{Fingerprint, Ledger, Ledgers, Partition, RekeyOutcome, Unavailable};
use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::{
    addresses::DatabaseAddresses,
    connect,
    database_error::{DatabaseError, within},
    installation, locks,
    writer::{Leader, PostgresLedger, WRITE_TIMEOUT},
};

/// A partition that was counted here, and belongs to another address.
const MISPLACED: &str = "
    SELECT partition FROM log WHERE partition % $1::integer <> $2::integer ORDER BY partition LIMIT 1";

/// Where a worker asks to be a partition's only writer in a PostgreSQL ledger.
#[derive(Debug)]
pub struct PostgresLedgers {
    addresses: DatabaseAddresses,
    /// For each address a connection that did not get the lock, for the next try: so a standby does not connect every
    /// second.
    spares: Vec<Mutex<Option<Client>>>,
}

impl PostgresLedgers {
    /// The ledgers in these databases. Nothing is connected yet; each call of [`Ledgers::lead`] does.
    pub fn new(addresses: DatabaseAddresses) -> Self {
        let spares = addresses.all().map(|_| Mutex::new(None)).collect();
        Self { addresses, spares }
    }

    async fn try_lead(&self, partition: Partition) -> Result<Option<PostgresLedger>, DatabaseError> {
        let place = self.addresses.place_of(partition);
        let spare = self.spares[place].lock().await.take().filter(|spare| !spare.is_closed());
        let client = match spare {
            Some(client) => client,
            None => connect::for_writing(self.addresses.of(partition)).await?,
        };
        let number = i32::from(partition.number());
        if !client.query_one(locks::TRY_LOCK, &[&locks::CLASS, &number]).await?.try_get::<_, bool>(0)? {
            *self.spares[place].lock().await = Some(client);
            return Ok(None);
        }
        self.refuse_misplaced(&client, place).await?;
        let deciding = (place > 0).then(|| self.addresses.first().clone());
        Ok(Some(PostgresLedger::new(Leader::begin(client, partition).await?, deciding)))
    }

    /// Refuses a ledger of another order or number of addresses, as far as it shows.
    async fn refuse_misplaced(&self, client: &Client, place: usize) -> Result<(), DatabaseError> {
        let count = self.addresses.count();
        let place = i32::try_from(place).expect("there are at most 1024 addresses");
        let Some(row) = client.query_opt(MISPLACED, &[&i32::from(count), &place]).await? else { return Ok(()) };
        let partition: i32 = row.try_get(0)?;
        let belongs = partition % i32::from(count) + 1;
        Err(DatabaseError::Misplaced { partition, place: place + 1, belongs })
    }

    async fn try_rekey(&self, fingerprint: &Fingerprint, force: bool) -> Result<RekeyOutcome, DatabaseError> {
        let mut clients = Vec::new();
        for database in self.addresses.all() {
            let client = connect::for_writing(database).await?;
            if installation::identity(&client).await?.is_none() {
                return Ok(RekeyOutcome::NoInstallation);
            }
            clients.push(client);
        }
        for client in clients {
            match installation::rekey(&client, fingerprint, force).await? {
                RekeyOutcome::Done => {}
                // Those before have the new key already; doing it again completes it.
                other => return Ok(other),
            }
        }
        Ok(RekeyOutcome::Done)
    }
}

#[async_trait]
impl Ledgers for PostgresLedgers {
    async fn lead(&self, partition: Partition) -> Result<Option<Box<dyn Ledger>>, Unavailable> {
        let leader = within("leading a partition", WRITE_TIMEOUT, self.try_lead(partition)).await?;
        Ok(leader.map(|leader| Box::new(leader) as Box<dyn Ledger>))
    }

    async fn rekey(&self, fingerprint: &Fingerprint, force: bool) -> Result<RekeyOutcome, Unavailable> {
        within("changing the ledger's key", WRITE_TIMEOUT, self.try_rekey(fingerprint, force)).await
    }
}
