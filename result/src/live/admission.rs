//! How many viewers there may be, and who is let in when there are nearly too many.
//!
//! A place is taken by a viewer who has entered the namespace, not by a handshake; those that have only begun are
//! bounded for themselves. Long-polling holds no connection, so it costs nothing to be a thousand of its viewers: it
//! has a part of the places only. When nearly all are taken, an address that has half of them gets no more. Some places
//! beyond the last are kept for the organiser's projector ([`projector`]).

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use axum::extract::Request;
use domain::Secret;
use http::StatusCode;
use listener::{TrustedProxies, UpgradedConnection, client_address::limited_together};
use socketioxide::{SocketIo, TransportType, socket::Sid};
use tokio_util::sync::CancellationToken;
use web::problem::Problem;

use crate::live::projector;

/// After how many seconds a viewer who was turned away should try again.
const RETRY_AFTER_SECONDS: u32 = 10;
/// ViewerLimit beyond the last, for projectors that the organiser opened.
const KEPT_PLACES: usize = 16;

/// How many viewers there may be, and how many there are.
#[derive(Clone)]
pub(crate) struct ViewerLimit(Arc<Shared>);

struct Shared {
    count: usize,
    trusted: TrustedProxies,
    secret: Secret,
    closed: CancellationToken,
    taken: Mutex<Taken>,
    io: OnceLock<SocketIo>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    seats: usize,
    addresses: HashMap<IpAddr, Seats>,
    /// Which of the seats are held by long-polling, as far as is known: it may be a WebSocket by now.
    polling: BTreeMap<u64, (Sid, IpAddr)>,
    /// WebSockets that have begun, in the order in which they did. When there are too many, the first must go.
    beginning: BTreeMap<u64, UpgradedConnection>,
    /// The same of long-polling, which can't be made to go.
    beginning_polling: usize,
}

/// The seats of one address.
#[derive(Clone, Copy, Default)]
struct Seats {
    all: usize,
    polling: usize,
}

/// What one session holds; free again when this is dropped.
pub(crate) struct ViewerPermit {
    id: u64,
    address: IpAddr,
    is_projector: bool,
    is_polling: bool,
    stage: AtomicU8,
    places: ViewerLimit,
}

const BEGINNING: u8 = 0;
const SEATED: u8 = 1;
const REFUSED: u8 = 2;

impl ViewerLimit {
    /// `count` places, until `closed` is cancelled.
    pub(crate) fn new(count: usize, trusted: TrustedProxies, secret: Secret, closed: CancellationToken) -> Self {
        let (taken, io) = (Mutex::default(), OnceLock::new());
        Self(Arc::new(Shared { count, trusted, secret, closed, taken, io }))
    }

    /// Tells through what viewers are reached, once it is there.
    pub(crate) fn reach(&self, io: SocketIo) {
        self.0.io.set(io).ok();
    }

    /// A permit for the session that a request begins; `None` for a request of a session that there is.
    pub(crate) fn admit(&self, request: &Request) -> Result<Option<ViewerPermit>, Problem> {
        if request.uri().query().unwrap_or_default().split('&').any(|pair| pair.starts_with("sid=")) {
            return Ok(None);
        }
        if self.0.closed.is_cancelled() {
            return Err(refuse("stopping", "this instance is stopping; connect again to reach another"));
        }
        let full = || refuse("full", "all places are taken (MAX_VIEWERS); try again a little later");
        self.begin(request).ok_or_else(full).map(Some)
    }

    fn begin(&self, request: &Request) -> Option<ViewerPermit> {
        let is_projector = projector::is_one(request.headers(), &self.0.secret, program::now_millis());
        let connection = request.extensions().get::<UpgradedConnection>();
        let address = limited_together(self.0.trusted.client_of_request(request));
        let is_polling = connection.is_none() || !is_websocket(request.uri().query().unwrap_or_default());
        self.ask_anew(is_polling);
        let mut taken = self.taken();
        if !taken.has_room(self.0.count, address, is_polling, is_projector) {
            return None;
        }
        let id = taken.next;
        taken.next += 1;
        if let Some(connection) = connection.filter(|_| !is_polling) {
            taken.beginning.insert(id, connection.clone());
            if taken.beginning.len() > beginnings(self.0.count)
                && let Some((_, first)) = taken.beginning.pop_first()
            {
                first.cut();
            }
        } else if taken.beginning_polling < beginnings(self.0.count) {
            taken.beginning_polling += 1;
        } else {
            return None;
        }
        let stage = AtomicU8::new(BEGINNING);
        Some(ViewerPermit { id, address, is_projector, is_polling, stage, places: self.clone() })
    }

    /// Before long-polling is refused: counts as WebSockets those viewers that have become one.
    fn ask_anew(&self, is_polling: bool) {
        let Some(io) = self.0.io.get().filter(|_| is_polling) else { return };
        let known: Vec<_> = {
            let taken = self.taken();
            if taken.polling.len() < polling_places(self.0.count) / 2 {
                return;
            }
            // Some at a time. Those that did upgrade are soon gone from here.
            taken.polling.iter().take(64).map(|(id, (sid, _))| (*id, *sid)).collect()
        };
        let upgraded =
            |sid| io.get_socket(sid).is_some_and(|socket| socket.transport_type() == TransportType::Websocket);
        let upgraded: Vec<_> = known.into_iter().filter(|(_, sid)| upgraded(*sid)).map(|(id, _)| id).collect();
        let mut taken = self.taken();
        for id in upgraded {
            taken.no_longer_polls(id);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // What a panicking thread left is whole enough: figures that are off by one.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a session begins as a WebSocket, as the Socket.IO server reads it.
fn is_websocket(query: &str) -> bool {
    query.split('&').find(|pair| pair.starts_with("transport=")) == Some("transport=websocket")
}

/// How many sessions of each transport may have begun and not entered the namespace yet.
fn beginnings(count: usize) -> usize {
    (count / 4).clamp(64, 2_000)
}

/// How many of the places long-polling may have.
fn polling_places(count: usize) -> usize {
    (count / 4).max(8).min(count)
}

impl Taken {
    fn has_room(&self, count: usize, address: IpAddr, is_polling: bool, is_projector: bool) -> bool {
        if is_projector {
            return self.seats < count + KEPT_PLACES;
        }
        let own = self.addresses.get(&address).copied().unwrap_or_default();
        let of_polling = polling_places(count);
        is_fair(self.seats, own.all, count) && (!is_polling || is_fair(self.polling.len(), own.polling, of_polling))
    }

    fn no_longer_polls(&mut self, id: u64) {
        if let Some((_, address)) = self.polling.remove(&id)
            && let Some(seats) = self.addresses.get_mut(&address)
        {
            seats.polling -= 1;
        }
    }

    fn stand_up(&mut self, place: &ViewerPermit) {
        self.no_longer_polls(place.id);
        self.seats -= 1;
        if let Some(seats) = self.addresses.get_mut(&place.address) {
            seats.all -= 1;
            if seats.all == 0 {
                self.addresses.remove(&place.address);
            }
        }
    }
}

/// Whether one more may come. Three quarters of the places are for anybody, the last one for addresses that have less
/// than half.
fn is_fair(taken: usize, own: usize, count: usize) -> bool {
    taken < count && (taken < count - count / 4 || own < count / 2)
}

impl ViewerPermit {
    /// Takes the seat, now that the viewer has entered the namespace. `false` if others were faster.
    pub(crate) fn take(&self, sid: Sid, transport: TransportType) -> bool {
        let mut taken = self.places.taken();
        if self.stage.load(Ordering::Relaxed) != BEGINNING {
            return self.stage.load(Ordering::Relaxed) == SEATED;
        }
        self.no_longer_begins(&mut taken);
        let polls = transport == TransportType::Polling;
        if !taken.has_room(self.places.0.count, self.address, polls, self.is_projector) {
            self.stage.store(REFUSED, Ordering::Relaxed);
            metrics::counter!("scrutin_result_refused_total", "reason" => "full").increment(1);
            return false;
        }
        self.stage.store(SEATED, Ordering::Relaxed);
        taken.seats += 1;
        let own = taken.addresses.entry(self.address).or_default();
        own.all += 1;
        own.polling += usize::from(polls);
        if polls {
            taken.polling.insert(self.id, (sid, self.address));
        }
        metrics::gauge!("scrutin_result_viewers").increment(1.0);
        true
    }

    fn no_longer_begins(&self, taken: &mut Taken) {
        if self.is_polling {
            taken.beginning_polling -= 1;
        } else {
            taken.beginning.remove(&self.id);
        }
    }
}

impl Drop for ViewerPermit {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match self.stage.load(Ordering::Relaxed) {
            BEGINNING => self.no_longer_begins(&mut taken),
            SEATED => {
                taken.stand_up(self);
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
    fn a_hall_may_be_alone_and_in_the_last_quarter_nobody_has_more_than_half() {
        assert!(is_fair(14_999, 14_999, 20_000));
        assert!(!is_fair(15_000, 15_000, 20_000));
        assert!(is_fair(15_000, 0, 20_000) && is_fair(19_999, 9_999, 20_000));
        assert!(!is_fair(20_000, 0, 20_000));
        assert!(is_fair(0, 0, 1) && is_fair(1, 1, 2) && is_fair(2, 2, 3));
    }

    #[test]
    fn long_polling_has_a_quarter_of_the_places() {
        assert_eq!((polling_places(20_000), polling_places(20), polling_places(2)), (5_000, 8, 2));
    }
}
