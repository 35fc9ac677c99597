//! Finds the primary among the servers that an address names. Standbys are never written, and never read: they answer,
//! and are behind.
//!
//! It is looked for when a connection is opened, and that is enough: PostgreSQL becomes a standby only by a restart,
//! which ends all connections.
//!
//! Servers are asked in the order of the address. The next one is asked when one has refused, and also when one takes
//! long: a machine that is gone refuses nothing.

use std::{future::Future, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{net, time};
use tokio_postgres::{Client, SimpleQueryMessage, config::Host};

use crate::{
    database_error::{DatabaseError, words},
    database_url::{ConnectionUse, DatabaseUrl, ServerConnection},
    server_name::{ServerName, ServerPlace},
};

/// How long a server may take before the next one is asked too.
const HEAD_START: Duration = Duration::from_millis(250);
/// The longest wait for one server.
const SERVER_TIMEOUT: Duration = Duration::from_secs(3);
/// Without parameters, which would need a prepared statement.
const ROLE: &str = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean";

/// A connection whose session is not set up. The holder polls it.
pub(crate) struct PrimaryConnection {
    pub(crate) client: Client,
    pub(crate) connection: Box<ServerConnection>,
    /// Where it leads.
    pub(crate) place: ServerPlace,
}

/// Why servers were refused, each in one line.
type Refusals = Vec<String>;

/// Connects to the primary.
pub(crate) async fn open(database: &DatabaseUrl, usage: ConnectionUse) -> Result<PrimaryConnection, DatabaseError> {
    let names = database.servers().iter().map(|name| Box::pin(open_named(database, usage, name))).collect();
    first(names).await.map_err(|refusals| DatabaseError::NoPrimary(refusals.join("; ")))
}

/// The primary among the servers of one name.
async fn open_named(
    database: &DatabaseUrl,
    usage: ConnectionUse,
    name: &ServerName,
) -> Result<PrimaryConnection, Refusals> {
    let places = places(name).await.map_err(|why| vec![format!("{name}: {why}")])?;
    let attempts = places.into_iter().map(|place| Box::pin(open_place(database, usage, place))).collect();
    first(attempts).await
}

/// The addresses of a name.
async fn places(name: &ServerName) -> Result<Vec<ServerPlace>, String> {
    let place = |ip| ServerPlace { name: name.clone(), ip };
    let host = match (&name.host, name.ip) {
        (_, Some(ip)) => return Ok(vec![place(Some(ip))]),
        (Host::Unix(_), None) => return Ok(vec![place(None)]),
        (Host::Tcp(host), None) => host.as_str(),
    };
    let resolved = time::timeout(SERVER_TIMEOUT, net::lookup_host((host, name.port))).await;
    let addresses = resolved.map_err(|_| no_answer())?.map_err(|error| error.to_string())?;
    let places: Vec<ServerPlace> = addresses.map(|address| place(Some(address.ip()))).collect();
    if places.is_empty() { Err("the name has no address".into()) } else { Ok(places) }
}

async fn open_place(
    database: &DatabaseUrl,
    usage: ConnectionUse,
    place: ServerPlace,
) -> Result<PrimaryConnection, Refusals> {
    let opened = time::timeout(SERVER_TIMEOUT, async {
        let (client, mut connection) = at(database, usage, &place).await.map_err(|error| words(&error))?;
        let role = tokio::select! {
            biased;
            role = role(&client) => role.map_err(|error| words(&error))?,
            ended = &mut connection => return Err(ended.map_or_else(|error| words(&error), |()| "it hung up".into())),
        };
        role.refusal(usage).map_or(Ok((client, Box::new(connection))), |why| Err(why.to_owned()))
    });
    match opened.await.unwrap_or_else(|_| Err(no_answer())) {
        Ok((client, connection)) => Ok(PrimaryConnection { client, connection, place }),
        Err(why) => Err(vec![format!("{place}: {why}")]),
    }
}

/// Connects to this very server, whatever it is.
pub(crate) async fn at(
    database: &DatabaseUrl,
    usage: ConnectionUse,
    place: &ServerPlace,
) -> Result<(Client, ServerConnection), tokio_postgres::Error> {
    database.config(usage, place).connect(database.connector()).await
}

fn no_answer() -> String {
    format!("no answer within {} ms", SERVER_TIMEOUT.as_millis())
}

/// What a server says that it is.
struct ServerRole {
    in_recovery: bool,
    read_only: bool,
}

impl ServerRole {
    /// Why it can't be used for this, if it can't. A role that may only read is enough to read.
    fn refusal(&self, usage: ConnectionUse) -> Option<&'static str> {
        if self.in_recovery {
            Some("is a standby, not the primary")
        } else if self.read_only && usage == ConnectionUse::Write {
            Some("takes no writes (default_transaction_read_only is on)")
        } else {
            None
        }
    }
}

async fn role(client: &Client) -> Result<ServerRole, tokio_postgres::Error> {
    let messages = client.simple_query(ROLE).await?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let is_true = |column| row.and_then(|row| row.get(column)) == Some("t");
    Ok(ServerRole { in_recovery: is_true(0), read_only: is_true(1) })
}

/// The first attempt that succeeds, or why all failed. They begin one after the other.
async fn first<T>(attempts: Vec<impl Future<Output = Result<T, Refusals>>>) -> Result<T, Refusals> {
    let (mut later, mut running) = (attempts.into_iter(), FuturesUnordered::new());
    let mut refusals = Vec::new();
    running.extend(later.next());
    loop {
        tokio::select! {
            biased;
            outcome = running.next() => match outcome {
                Some(Ok(success)) => return Ok(success),
                Some(Err(refused)) => {
                    refusals.extend(refused);
                    running.extend(later.next());
                }
                None => return Err(refusals),
            },
            () = time::sleep(HEAD_START), if later.len() > 0 => running.extend(later.next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use futures_util::{FutureExt, future::BoxFuture};

    use super::*;

    type Attempt = BoxFuture<'static, Result<u8, Refusals>>;

    fn refuses(why: &str) -> Attempt {
        future::ready(Err(vec![why.to_owned()])).boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_begin_in_order_and_one_that_hangs_holds_none_back() {
        let hangs = || future::pending().boxed();
        let takes = |number| future::ready(Ok(number)).boxed();
        let slow = |number| {
            async move {
                time::sleep(HEAD_START / 2).await;
                Ok(number)
            }
            .boxed()
        };
        assert_eq!(first(vec![takes(1), takes(2)]).await, Ok(1));
        assert_eq!(first(vec![slow(1), takes(2)]).await, Ok(1), "the order counts");
        assert_eq!(first(vec![refuses("a"), hangs(), hangs(), takes(4)]).await, Ok(4));
        assert_eq!(first(vec![refuses("a"), refuses("b")]).await, Err(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(first(Vec::<Attempt>::new()).await, Err(vec![]));
    }

    #[test]
    fn a_standby_is_for_nothing_and_a_reader_for_reading() {
        use ConnectionUse::{Read, Write};
        let refused = |in_recovery, read_only, usage| ServerRole { in_recovery, read_only }.refusal(usage).is_some();
        assert!(refused(true, true, Read) && refused(true, true, Write));
        assert!(!refused(false, true, Read) && refused(false, true, Write));
        assert!(!refused(false, false, Read) && !refused(false, false, Write));
    }
}
