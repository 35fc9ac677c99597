//! How many viewers there may be, and who is admitted when there are nearly too many.
//!
//! A viewer counts from when it enters the namespace, not from its handshake. Sessions that have only started have a
//! limit of their own. Long-polling holds no connection, so one client can easily be a thousand such viewers: they may
//! be a quarter of all. When three quarters of all viewers are there, an address that has half of them gets no more.
//! Some viewers beyond the limit are admitted if they are the organiser's projector ([`projector`]).

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use axum::extract::Request;
use domain::Secret;
use http::StatusCode;
use listener::{TrustedProxies, UpgradedConnection, client_address::limited_together};
use parking_lot::{Mutex, MutexGuard};
use socketioxide::{SocketIo, TransportType, socket::Sid};
use tokio_util::sync::CancellationToken;
use web::problem::Problem;

use crate::live::projector;

/// After how many seconds a viewer that was refused should try again.
const RETRY_AFTER_SECONDS: u32 = 10;
/// How many projectors that the organiser opened are admitted beyond the limit.
const RESERVED_FOR_PROJECTORS: usize = 16;

/// How many viewers there may be, and how many there are.
#[derive(Clone)]
pub(crate) struct ViewerLimit(Arc<Shared>);

struct Shared {
    max: usize,
    trusted: TrustedProxies,
    secret: Secret,
    closed: CancellationToken,
    viewers: Mutex<Viewers>,
    io: OnceLock<SocketIo>,
}

#[derive(Default)]
struct Viewers {
    next_id: u64,
    admitted: usize,
    by_address: HashMap<IpAddr, AddressViewers>,
    /// Which of those admitted use long-polling, as far as is known: it may be a WebSocket by now.
    polling: BTreeMap<u64, (Sid, IpAddr)>,
    /// WebSockets that have started, in the order in which they did. When there are too many, the first is cut.
    starting: BTreeMap<u64, UpgradedConnection>,
    /// How many sessions of long-polling have started. They can't be cut.
    starting_polling: usize,
}

/// The viewers of one address.
#[derive(Clone, Copy, Default)]
struct AddressViewers {
    all: usize,
    polling: usize,
}

/// What one session holds. Dropping it makes room for another viewer.
pub(crate) struct ViewerPermit {
    id: u64,
    address: IpAddr,
    is_projector: bool,
    is_polling: bool,
    stage: AtomicU8,
    limit: ViewerLimit,
}

const STARTING: u8 = 0;
const ADMITTED: u8 = 1;
const REFUSED: u8 = 2;

impl ViewerLimit {
    /// At most `max` viewers, until `closed` is cancelled.
    pub(crate) fn new(max: usize, trusted: TrustedProxies, secret: Secret, closed: CancellationToken) -> Self {
        let (viewers, io) = (Mutex::default(), OnceLock::new());
        Self(Arc::new(Shared { max, trusted, secret, closed, viewers, io }))
    }

    /// Sets the endpoint through which viewers are reached.
    pub(crate) fn set_endpoint(&self, io: SocketIo) {
        self.0.io.set(io).ok();
    }

    /// A permit for the session that a request starts; `None` for a request of a session that exists.
    pub(crate) fn admit(&self, request: &Request) -> Result<Option<ViewerPermit>, Problem> {
        if request.uri().query().unwrap_or_default().split('&').any(|pair| pair.starts_with("sid=")) {
            return Ok(None);
        }
        if self.0.closed.is_cancelled() {
            return Err(refuse("stopping", "this instance is stopping; connect again to reach another"));
        }
        let full = || refuse("full", "as many viewers as may be (MAX_VIEWERS) are connected; try again a little later");
        self.start(request).ok_or_else(full).map(Some)
    }

    fn start(&self, request: &Request) -> Option<ViewerPermit> {
        let is_projector = projector::is_projector(request.headers(), &self.0.secret, program::now_millis());
        let connection = request.extensions().get::<UpgradedConnection>();
        let address = limited_together(self.0.trusted.client_of_request(request));
        let is_polling = connection.is_none() || !is_websocket(request.uri().query().unwrap_or_default());
        self.find_upgraded(is_polling);
        let mut viewers = self.viewers();
        if !viewers.has_room(self.0.max, address, is_polling, is_projector) {
            return None;
        }
        let id = viewers.next_id;
        viewers.next_id += 1;
        if let Some(connection) = connection.filter(|_| !is_polling) {
            viewers.starting.insert(id, connection.clone());
            if viewers.starting.len() > max_starting(self.0.max)
                && let Some((_, first)) = viewers.starting.pop_first()
            {
                first.cut();
            }
        } else if viewers.starting_polling < max_starting(self.0.max) {
            viewers.starting_polling += 1;
        } else {
            return None;
        }
        let stage = AtomicU8::new(STARTING);
        Some(ViewerPermit { id, address, is_projector, is_polling, stage, limit: self.clone() })
    }

    /// Before long-polling is refused: counts those viewers as WebSockets that have become one.
    fn find_upgraded(&self, is_polling: bool) {
        let Some(io) = self.0.io.get().filter(|_| is_polling) else { return };
        let known: Vec<_> = {
            let viewers = self.viewers();
            if viewers.polling.len() < max_polling(self.0.max) / 2 {
                return;
            }
            // Some at a time. Those that did upgrade are soon gone from here.
            viewers.polling.iter().take(64).map(|(id, (sid, _))| (*id, *sid)).collect()
        };
        let upgraded =
            |sid| io.get_socket(sid).is_some_and(|socket| socket.transport_type() == TransportType::Websocket);
        let upgraded: Vec<_> = known.into_iter().filter(|(_, sid)| upgraded(*sid)).map(|(id, _)| id).collect();
        let mut viewers = self.viewers();
        for id in upgraded {
            viewers.no_longer_polls(id);
        }
    }

    fn viewers(&self) -> MutexGuard<'_, Viewers> {
        // What a panicking thread leaves is good enough: figures that are off by one.
        self.0.viewers.lock()
    }
}

/// Whether a session begins as a WebSocket, as the Socket.IO server reads it.
fn is_websocket(query: &str) -> bool {
    query.split('&').find(|pair| pair.starts_with("transport=")) == Some("transport=websocket")
}

/// How many sessions of each transport may have started and not entered the namespace yet.
fn max_starting(max: usize) -> usize {
    (max / 4).clamp(64, 2_000)
}

/// How many of the viewers may use long-polling.
fn max_polling(max: usize) -> usize {
    (max / 4).max(8).min(max)
}

impl Viewers {
    fn has_room(&self, max: usize, address: IpAddr, is_polling: bool, is_projector: bool) -> bool {
        if is_projector {
            return self.admitted < max + RESERVED_FOR_PROJECTORS;
        }
        let own = self.by_address.get(&address).copied().unwrap_or_default();
        let has_room_for_polling = || may_come(self.polling.len(), own.polling, max_polling(max));
        may_come(self.admitted, own.all, max) && (!is_polling || has_room_for_polling())
    }

    fn no_longer_polls(&mut self, id: u64) {
        if let Some((_, address)) = self.polling.remove(&id)
            && let Some(own) = self.by_address.get_mut(&address)
        {
            own.polling -= 1;
        }
    }

    fn remove(&mut self, permit: &ViewerPermit) {
        self.no_longer_polls(permit.id);
        self.admitted -= 1;
        if let Some(own) = self.by_address.get_mut(&permit.address) {
            own.all -= 1;
            if own.all == 0 {
                self.by_address.remove(&permit.address);
            }
        }
    }
}

/// Whether one more viewer may come from an address that has `own` of the `present` ones. While fewer than three
/// quarters of `max` are present anybody may; then addresses that have less than half of `max`.
fn may_come(present: usize, own: usize, max: usize) -> bool {
    present < max && (present < max - max / 4 || own < max / 2)
}

impl ViewerPermit {
    /// Admits the viewer, now that it has entered the namespace. `false` if the limit was reached since it started.
    pub(crate) fn enter(&self, sid: Sid, transport: TransportType) -> bool {
        let mut viewers = self.limit.viewers();
        if self.stage.load(Ordering::Relaxed) != STARTING {
            return self.stage.load(Ordering::Relaxed) == ADMITTED;
        }
        self.no_longer_starts(&mut viewers);
        let polls = transport == TransportType::Polling;
        if !viewers.has_room(self.limit.0.max, self.address, polls, self.is_projector) {
            self.stage.store(REFUSED, Ordering::Relaxed);
            metrics::counter!("scrutin_result_refused_total", "reason" => "full").increment(1);
            return false;
        }
        self.stage.store(ADMITTED, Ordering::Relaxed);
        viewers.admitted += 1;
        let own = viewers.by_address.entry(self.address).or_default();
        own.all += 1;
        own.polling += usize::from(polls);
        if polls {
            viewers.polling.insert(self.id, (sid, self.address));
        }
        metrics::gauge!("scrutin_result_viewers").increment(1.0);
        true
    }

    fn no_longer_starts(&self, viewers: &mut Viewers) {
        if self.is_polling {
            viewers.starting_polling -= 1;
        } else {
            viewers.starting.remove(&self.id);
        }
    }
}

impl Drop for ViewerPermit {
    fn drop(&mut self) {
        let mut viewers = self.limit.viewers();
        match self.stage.load(Ordering::Relaxed) {
            STARTING => self.no_longer_starts(&mut viewers),
            ADMITTED => {
                viewers.remove(self);
                metrics::gauge!("scrutin_result_viewers").decrement(1.0);
            }
            _ => {}
        }
    }
}

fn refuse(reason: &'static str, detail: &str) -> Problem {
    metrics::counter!("scrutin_result_refused_total", "reason" => reason).increment(1);
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail).retry_after(RETRY_AFTER_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_all_of_three_quarters_and_half_of_the_last() {
        assert!(may_come(14_999, 14_999, 20_000));
        assert!(!may_come(15_000, 15_000, 20_000));
        assert!(may_come(15_000, 0, 20_000) && may_come(19_999, 9_999, 20_000));
        assert!(!may_come(20_000, 0, 20_000));
        assert!(may_come(0, 0, 1) && may_come(1, 1, 2) && may_come(2, 2, 3));
    }

    #[test]
    fn long_polling_may_be_a_quarter_of_the_viewers() {
        assert_eq!((max_polling(20_000), max_polling(20), max_polling(2)), (5_000, 8, 2));
    }
}
