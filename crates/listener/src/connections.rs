//! How many connections the process holds, and which are cut when the limit is reached.
//!
//! All listeners of the process share one [`Connections`], because they share the limit of open files. At the limit
//! the address with the most idle connections loses those that have been idle longest. So a client that opens too many
//! loses its own, and an audience behind one address loses only idle ones.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::{
    client_address::{TrustedProxies, limited_together},
    limits::Limits,
};

/// File descriptors beside those of the connections: databases, files, the admin address.
const OTHER_FILES: u64 = 1_024;
/// Messages longer than [`LARGE_BYTES`] that may be received at once.
const MAX_LARGE: usize = 1_024;
/// How much of a message fits into the buffer that every connection has.
pub(crate) const LARGE_BYTES: usize = 8 * 1024;
/// At the limit: how often connections are checked for idle ones.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The connections of one process.
pub struct Connections {
    limits: Limits,
    trusted: TrustedProxies,
    begun: Instant,
    open: Mutex<Open>,
    freed: Notify,
    /// Connections that receive a message longer than [`LARGE_BYTES`], in the order in which they started.
    large: Mutex<BTreeMap<u64, Arc<ConnectionState>>>,
}

/// The open connections, by client address.
#[derive(Default)]
struct Open {
    count: usize,
    next: u64,
    addresses: HashMap<IpAddr, HashMap<u64, Arc<ConnectionState>>>,
}

/// The state of one connection, as other tasks see it.
pub(crate) struct ConnectionState {
    id: u64,
    address: IpAddr,
    /// A trusted proxy serves many clients, and would answer them with an error.
    is_proxy: bool,
    /// Since when it has waited for its client, in milliseconds since the start of the process; 0 while the client
    /// waits for us.
    waits_since: AtomicU64,
    phase: AtomicU8,
    is_cut: AtomicBool,
    /// Whether it is among those that receive a long message, so that short messages take no lock.
    is_large: AtomicBool,
    told: Notify,
    /// Wakes the task that reads, if the connection has become a WebSocket.
    reader: Mutex<Option<Waker>>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// It waits for the head of a request, or receives it.
    Head,
    /// A request is being received or answered.
    Request,
    /// It has become a WebSocket.
    Upgraded,
}

/// The permit of one connection. Dropping it makes room for another.
pub(crate) struct OpenConnection {
    connections: Arc<Connections>,
    state: Arc<ConnectionState>,
}

impl Connections {
    /// Within these limits.
    pub fn new(limits: Limits, trusted: TrustedProxies) -> Arc<Self> {
        let (open, large, freed) = (Mutex::default(), Mutex::default(), Notify::new());
        Arc::new(Self { limits, trusted, begun: Instant::now(), open, freed, large })
    }

    /// Within these limits, and within the open files of this process. It raises the soft limit of open files as far as
    /// it may.
    ///
    /// A program calls it once, since it logs what it found.
    pub fn of_process(limits: Limits, trusted: TrustedProxies) -> Arc<Self> {
        let wanted = limits.connections.max(1);
        let connections = match rlimit::increase_nofile_limit(wanted as u64 + OTHER_FILES) {
            Ok(files) => allowed(files, wanted),
            Err(error) => {
                tracing::warn!(event = "connections.limited", %error, "the limit of open files can't be raised");
                wanted
            }
        };
        if connections < wanted {
            tracing::warn!(
                event = "connections.limited",
                connections,
                connections.wanted = wanted,
                "the system allows too few open files for more; raise the hard limit (ulimit -Hn)"
            );
        }
        Self::new(Limits { connections, ..limits }, trusted)
    }

    /// How many there may be at once.
    pub fn limit(&self) -> usize {
        self.limits.connections
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// A permit for a connection from this address, as soon as there is one.
    pub(crate) async fn permit(self: &Arc<Self>, address: IpAddr) -> OpenConnection {
        loop {
            if let Some(state) = self.add(address) {
                return OpenConnection { connections: Arc::clone(self), state };
            }
            self.make_room();
            tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await.ok();
        }
    }

    /// A permit for a connection that the system accepted before the listener was closed, even beyond the limit.
    pub(crate) fn last_permit(self: &Arc<Self>, address: IpAddr) -> OpenConnection {
        let state = self.insert(&mut self.open(), address);
        OpenConnection { connections: Arc::clone(self), state }
    }

    fn add(&self, address: IpAddr) -> Option<Arc<ConnectionState>> {
        let mut open = self.open();
        (open.count < self.limits.connections).then(|| self.insert(&mut open, address))
    }

    fn insert(&self, open: &mut Open, address: IpAddr) -> Arc<ConnectionState> {
        let (is_proxy, address) = (self.trusted.contains(address), limited_together(address));
        open.next += 1;
        open.count += 1;
        let state = Arc::new(ConnectionState {
            id: open.next,
            address,
            is_proxy,
            waits_since: AtomicU64::new(self.now()),
            phase: AtomicU8::new(Phase::Head as u8),
            is_cut: AtomicBool::new(false),
            is_large: AtomicBool::new(false),
            told: Notify::new(),
            reader: Mutex::default(),
        });
        open.addresses.entry(address).or_default().insert(state.id, Arc::clone(&state));
        state
    }

    fn remove(&self, state: &ConnectionState) {
        let mut open = self.open();
        open.count -= 1;
        if let Some(of_address) = open.addresses.get_mut(&state.address) {
            of_address.remove(&state.id);
            if of_address.is_empty() {
                open.addresses.remove(&state.address);
            }
        }
        drop(open);
        self.freed.notify_one();
    }

    /// Cuts connections that wait for their client: of the address with the most of them, those that have waited
    /// longest. Several at a time, because finding them means reading all.
    fn make_room(&self) {
        let open = self.open();
        let waiting = |of_address: &HashMap<u64, Arc<ConnectionState>>| {
            of_address.values().filter(|state| state.waits_since().is_some()).cloned().collect::<Vec<_>>()
        };
        let greediest = open.addresses.values().map(waiting).max_by_key(Vec::len);
        let Some(mut idle) = greediest.filter(|idle| !idle.is_empty()) else { return };
        idle.sort_unstable_by_key(|state| (state.waits_since(), state.id));
        let some = (self.limits.connections / 64).clamp(1, idle.len().div_ceil(2));
        for state in &idle[..some] {
            state.cut();
        }
        metrics::counter!("scrutin_http_connections_cut_total", "reason" => "full").increment(some as u64);
    }

    /// Notes that this connection receives a long message. If there are too many of those, the oldest is cut: a client
    /// that sends as fast as it can has finished long before.
    pub(crate) fn receives_large(&self, state: &Arc<ConnectionState>) {
        let mut large = self.large.lock();
        state.is_large.store(true, Ordering::Relaxed);
        large.insert(state.id, Arc::clone(state));
        if large.len() > MAX_LARGE
            && let Some((_, oldest)) = large.pop_first()
        {
            oldest.cut();
            metrics::counter!("scrutin_http_connections_cut_total", "reason" => "large").increment(1);
        }
    }

    /// Notes that the long message is received, or will not come.
    pub(crate) fn received_large(&self, state: &ConnectionState) {
        if state.is_large.swap(false, Ordering::Relaxed) {
            self.large.lock().remove(&state.id);
        }
    }

    /// How many long messages are being received.
    #[cfg(test)]
    pub(crate) fn large_messages(&self) -> usize {
        self.large.lock().len()
    }

    /// Notes that the client has sent its request and waits for the answer: it is not idle, and sends no long message.
    pub(crate) fn received(&self, state: &ConnectionState) {
        self.received_large(state);
        state.client_waits();
    }

    /// Notes that this connection waits for its client, from now on.
    pub(crate) fn waits_for_client(&self, state: &ConnectionState) {
        state.waits_since.store(self.now(), Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock()
    }
}

/// How many of the wanted connections so many open files allow. Some files are reserved, so that the operator's address
/// and the databases always work.
fn allowed(files: u64, wanted: usize) -> usize {
    let kept_back = OTHER_FILES.min(files / 4);
    usize::try_from(files - kept_back).unwrap_or(usize::MAX).clamp(1, wanted)
}

impl ConnectionState {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Head,
            1 => Phase::Request,
            _ => Phase::Upgraded,
        }
    }

    /// Only from the task of the connection itself.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// The client has sent all of its request and waits for the answer.
    pub(crate) fn client_waits(&self) {
        self.waits_since.store(0, Ordering::Relaxed);
    }

    fn waits_since(&self) -> Option<u64> {
        let since = self.waits_since.load(Ordering::Relaxed);
        (since > 0 && !self.is_proxy && !self.is_cut()).then_some(since)
    }

    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        self.told.notify_one();
        if let Some(reader) = self.reader.lock().take() {
            reader.wake();
        }
    }

    /// Whether it is cut; if not yet, this task is woken when it is.
    pub(crate) fn is_cut_or_wakes(&self, reader: &Waker) -> bool {
        let mut known = self.reader.lock();
        match &mut *known {
            Some(known) => known.clone_from(reader),
            known => *known = Some(reader.clone()),
        }
        self.is_cut()
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// Resolves when the connection is to end at once.
    pub(crate) async fn until_cut(&self) {
        while !self.is_cut() {
            self.told.notified().await;
        }
    }
}

impl OpenConnection {
    pub(crate) fn state(&self) -> &Arc<ConnectionState> {
        &self.state
    }

    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.remove(&self.state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn some(count: usize) -> Arc<Connections> {
        let trusted = TrustedProxies { trusted_proxies: vec!["192.0.2.1".parse().unwrap()], trusted_hops: 1 };
        Connections::new(Limits { connections: count, ..Limits::default() }, trusted)
    }

    #[test]
    fn files_are_reserved_for_the_operator_and_the_databases() {
        assert_eq!(allowed(20_000, 32_768), 18_976);
        assert_eq!(allowed(1_000_000, 32_768), 32_768);
        assert_eq!(allowed(1_024, 32_768), 768);
        assert_eq!(allowed(0, 32_768), 1);
    }

    #[tokio::test]
    async fn at_the_limit_the_largest_address_loses_its_oldest_idle_connection() {
        let all = some(4);
        let (greedy, modest) = (ip(7), ip(8));
        let held =
            [all.permit(modest).await, all.permit(greedy).await, all.permit(greedy).await, all.permit(greedy).await];
        held[1].state().client_waits();
        assert!(all.add(modest).is_none());
        all.make_room();
        let cut: Vec<_> = held.iter().map(|one| one.state().is_cut()).collect();
        assert_eq!(cut, [false, false, true, false]);
        drop(held);
        let open = all.open();
        assert_eq!((open.count, open.addresses.len()), (0, 0));
    }

    #[tokio::test]
    async fn trusted_proxies_and_clients_that_wait_are_never_cut() {
        let all = some(2);
        let held = [all.permit(ip(1)).await, all.permit(ip(7)).await];
        held[1].state().client_waits();
        all.make_room();
        assert!(!held[0].state().is_cut() && !held[1].state().is_cut());
    }

    #[tokio::test]
    async fn of_too_many_long_messages_the_oldest_is_cut() {
        let all = some(2 * MAX_LARGE);
        let mut held = Vec::new();
        for _ in 0..=MAX_LARGE {
            let one = all.permit(ip(7)).await;
            all.receives_large(one.state());
            held.push(one);
        }
        let cut: Vec<_> = (0..held.len()).filter(|index| held[*index].state().is_cut()).collect();
        assert_eq!(cut, [0]);
        all.received_large(held[1].state());
        assert_eq!(all.large_messages(), MAX_LARGE - 1);
    }
}
