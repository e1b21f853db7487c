//! The places of the server: which connections are open, and which of them is closed for a new one.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ccc_core::{CancellationToken, Clock as _, RepeatedLine, SystemClock};
use tokio::sync::Notify;

use crate::config::first_address;
use crate::http::connection_limits::Limits;

/// The number of bits of an IPv6 address that identify a client. Most providers assign at least
/// such a network to each customer.
const IPV6_PREFIX: u8 = 64;

/// A client, as the limit per client counts it: an IPv4 address, or an IPv6 network. All unverified
/// clients of a trusted proxy together are one more client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peer {
    address: IpAddr,
    verified: bool,
}

impl Peer {
    /// Returns the client that has the address `address`.
    pub(super) fn new(address: IpAddr) -> Self {
        let address = match address.to_canonical() {
            v4 @ IpAddr::V4(_) => v4,
            v6 @ IpAddr::V6(_) => first_address(v6, IPV6_PREFIX),
        };
        Self { address, verified: true }
    }

    /// Returns the unverified clients of the trusted proxy with the address `proxy`.
    pub(super) fn unverified(proxy: IpAddr) -> Self {
        Self { verified: false, ..Self::new(proxy) }
    }
}

/// The class of a request, which decides the places that its connection may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A POST to the webhook. It may use every place, and some places are only for this class.
    Delivery,
    /// A request with the admin token. It uses places of its own.
    Admin,
    /// Any other request. It may use only a part of the places, and few for each client.
    Other,
}

/// The progress of the present request of a connection. The order is that in which the connections of
/// a client are closed if the places are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The head of the request has not arrived in full.
    Head,
    /// The body of the request has not arrived in full.
    Body,
    /// The response is computed or sent.
    Response,
}

/// An open connection.
#[derive(Debug)]
struct Connection {
    /// The client of the present request. The value is `None` while a trusted proxy has not named
    /// the client yet.
    peer: Option<Peer>,
    /// The class of the present request. The value is `None` until the head has arrived.
    class: Option<Class>,
    stage: Stage,
    /// The number of the event with which the present stage began. A smaller number is older.
    since: u64,
    /// Whether the connection must close for another one. Its place is free after it has closed.
    evicted: bool,
    closes: CancellationToken,
}

/// The places of the server. All connections share one value.
#[derive(Debug)]
pub(super) struct Places {
    limits: Limits,
    table: Mutex<Table>,
    /// Notified when a connection has left its place.
    freed: Notify,
    evictions: RepeatedLine,
    refusals: RepeatedLine,
}

/// The open connections, by their ids.
#[derive(Debug, Default)]
struct Table {
    open: BTreeMap<u64, Connection>,
    /// The number of events so far. Each id of a connection is the number of an event.
    events: u64,
}

impl Table {
    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    fn count(&self, counts: impl Fn(&Connection) -> bool) -> usize {
        self.open.values().filter(|connection| counts(connection)).count()
    }

    /// Returns the number of connections of the client that has the most of those that `counts`
    /// selects.
    fn most_of_one_client(&self, counts: impl Fn(&Connection) -> bool) -> usize {
        let mut of_client = BTreeMap::<Peer, usize>::new();
        for peer in self.open.values().filter(|one| counts(one)).filter_map(|one| one.peer) {
            *of_client.entry(peer).or_default() += 1;
        }
        of_client.into_values().max().unwrap_or(0)
    }

    /// Closes one of the connections that `may_close` selects. The client with the most such
    /// connections loses one. A client that floods the server therefore displaces its own
    /// connections, and not the single connection of another client.
    ///
    /// Of this client, the connection with the oldest incomplete request is closed. If it has no
    /// incomplete request, the connection whose response has taken the longest time is closed.
    /// Returns `false` if no connection is selected.
    fn evict(&mut self, may_close: impl Fn(&Connection) -> bool) -> bool {
        let may_close = |one: &Connection| !one.evicted && may_close(one);
        let mut counts = BTreeMap::<Peer, usize>::new();
        for peer in self.open.values().filter(|one| may_close(one)).filter_map(|one| one.peer) {
            *counts.entry(peer).or_default() += 1;
        }
        // The connections of a trusted proxy that has not named a client can be of many clients.
        let of_client = |one: &Connection| one.peer.map_or(1, |peer| counts[&peer]);
        let candidates = self.open.values_mut().filter(|one| may_close(one));
        let first = candidates
            .min_by_key(|one| (Reverse(of_client(one)), one.stage == Stage::Response, one.since));
        let Some(first) = first else { return false };
        first.evicted = true;
        first.closes.cancel();
        true
    }
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        let (table, evictions, refusals) = Default::default();
        Self { limits, table, freed: Notify::new(), evictions, refusals }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a place for a new connection of `peer`, which is `None` for a trusted proxy. If all
    /// places are used up, closes another connection first (spec: W12b). Waits only while every
    /// connection is a delivery that has arrived in full.
    pub(super) async fn admit(self: &Arc<Self>, peer: Option<Peer>) -> Place {
        loop {
            if let Some(place) = self.try_admit(peer) {
                return place;
            }
            // A notification between the attempt and this line is not lost: `notify_one` stores it.
            self.freed.notified().await;
        }
    }

    fn try_admit(self: &Arc<Self>, peer: Option<Peer>) -> Option<Place> {
        let (mut table, mut evicted) = (self.table(), false);
        let of_peer =
            |one: &Connection| one.peer == peer && matches!(one.class, None | Some(Class::Other));
        if peer.is_some() && table.count(|one| !one.evicted && of_peer(one)) >= self.limits.per_peer
        {
            evicted |= table.evict(|one| of_peer(one) && one.stage == Stage::Head);
        }
        let general = |one: &Connection| one.class != Some(Class::Admin);
        if table.count(general) >= self.limits.places {
            // An evicted connection has its place until it has closed.
            if table.count(|one| general(one) && !one.evicted) >= self.limits.places {
                evicted |= table.evict(|one| match one.class {
                    Some(Class::Admin) => false,
                    Some(Class::Delivery) => one.stage != Stage::Response,
                    Some(Class::Other) | None => true,
                });
            }
            self.log_eviction(evicted);
            return None;
        }
        self.log_eviction(evicted);
        let (id, closes) = (table.event(), CancellationToken::new());
        let connection = Connection {
            peer,
            class: None,
            stage: Stage::Head,
            since: id,
            evicted: false,
            closes: closes.clone(),
        };
        table.open.insert(id, connection);
        Some(Place { places: Arc::clone(self), id, peer, closes })
    }
}

impl Places {
    fn log_eviction(&self, evicted: bool) {
        if evicted && let Some(more) = self.evictions.occurred(SystemClock.now()) {
            tracing::warn!(
                "a slow connection is closed, because a new connection needs its place{more}"
            );
        }
    }

    fn log_refusal(&self) {
        if let Some(more) = self.refusals.occurred(SystemClock.now()) {
            tracing::warn!(
                "a request is answered 503, because its client or all clients together use all \
                 places for such requests{more}"
            );
        }
    }
}

/// The place of one connection. Dropping the value frees the place.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    /// The client, if it is known without the head of a request.
    peer: Option<Peer>,
    closes: CancellationToken,
}

impl Place {
    /// Waits until the connection must close, because another connection needs its place.
    pub(super) async fn evicted(&self) {
        self.closes.cancelled().await;
    }

    /// Marks the beginning of a request of the class `class` from `peer`, whose head has arrived.
    /// Returns `false` if the request must be refused, because the places of its class are used up.
    pub(super) fn begin(&self, class: Class, peer: Peer) -> bool {
        let Places { limits, .. } = &*self.places;
        let mut table = self.places.table();
        let since = table.event();
        let admins = table.count(|one| one.class == Some(Class::Admin));
        let class = match class {
            Class::Admin if admins >= limits.admins => Class::Other,
            class => class,
        };
        let Some(this) = table.open.get_mut(&self.id) else { return false };
        (this.class, this.peer) = (Some(class), Some(peer));
        (this.stage, this.since) = (Stage::Body, since);
        if class != Class::Other {
            return true;
        }
        let others = |one: &Connection| !one.evicted && one.class == Some(Class::Other);
        let of_peer = |one: &Connection| others(one) && one.peer == Some(peer);
        // A client that sends its body slowly must not make `/health` fail.
        let slow = |one: &Connection| others(one) && one.stage == Stage::Body && one.since != since;
        if table.count(of_peer) > limits.per_peer {
            if !table.evict(|one| of_peer(one) && slow(one)) {
                self.places.log_refusal();
                return false;
            }
            self.places.log_eviction(true);
        }
        if table.count(others) <= limits.others {
            return true;
        }
        let own = table.count(of_peer);
        let of_others = |one: &Connection| others(one) && one.peer != Some(peer);
        // A client with many requests must not make them fail either, even if it sends them fast.
        let evicted = table.evict(slow)
            || table.most_of_one_client(of_others) > own && table.evict(of_others);
        match evicted {
            true => self.places.log_eviction(true),
            false => self.places.log_refusal(),
        }
        evicted
    }

    /// Marks that the body of the present request has arrived in full.
    pub(super) fn body_arrived(&self) {
        let mut table = self.places.table();
        let since = table.event();
        if let Some(this) = table.open.get_mut(&self.id)
            && this.stage == Stage::Body
        {
            (this.stage, this.since) = (Stage::Response, since);
        }
    }

    /// Marks that the present request has ended, so that the connection waits for another head. A
    /// connection with an admin place has only one request, so its class stays the same.
    pub(super) fn end(&self) {
        let mut table = self.places.table();
        let since = table.event();
        if let Some(this) = table.open.get_mut(&self.id)
            && this.class != Some(Class::Admin)
        {
            (this.class, this.peer) = (None, self.peer);
            (this.stage, this.since) = (Stage::Head, since);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().open.remove(&self.id);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests;
