#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::net::IpAddr;
use std::sync::Arc;

use super::{Class, Peer, Place, Places};
use crate::http::connection_limits::Limits;

const LIMITS: Limits = Limits { places: 8, others: 5, admins: 2, per_peer: 3 };

fn peer(number: u8) -> Peer {
    Peer::new(IpAddr::from([203, 0, 113, number]))
}

/// The places of a server, and connections that close as soon as they must.
struct Fixture {
    places: Arc<Places>,
    /// The open connections, by the numbers that the test gave them.
    open: Vec<(u32, Place)>,
}

impl Fixture {
    fn new() -> Self {
        Self { places: Arc::new(Places::new(LIMITS)), open: Vec::new() }
    }

    /// Opens the connection `number`. Returns the numbers of the connections that close for it.
    /// Returns `None` if the connection has to wait.
    fn connect(&mut self, number: u32, of: Option<Peer>) -> Option<Vec<u32>> {
        let mut closed = Vec::new();
        // One attempt closes a connection, the next attempt uses its place.
        for _ in 0..2 {
            let place = self.places.try_admit(of);
            let gone = |place: &Place| place.closes.is_cancelled();
            closed.extend(self.open.iter().filter(|(_, one)| gone(one)).map(|(number, _)| *number));
            self.open.retain(|(_, place)| !gone(place));
            if let Some(place) = place {
                self.open.push((number, place));
                return Some(closed);
            }
        }
        assert!(closed.is_empty(), "{closed:?} were closed for nothing");
        None
    }

    fn place(&self, number: u32) -> &Place {
        &self.open.iter().find(|(open, _)| *open == number).unwrap().1
    }

    /// Sends the head of a request on the connection `number`. Returns whether it is accepted.
    fn begin(&self, number: u32, class: Class, of: Peer) -> bool {
        self.place(number).begin(class, of)
    }
}

#[test]
fn one_client_has_few_places_without_a_head_and_its_slowest_gives_way() {
    // spec: W12a, W12b
    let mut all = Fixture::new();
    for number in 0..3 {
        assert_eq!(all.connect(number, Some(peer(1))), Some(vec![]));
    }
    // A neighbour in the same IPv6 network is the same client, one in another network is not.
    let v6 = |text: &str| Some(Peer::new(text.parse().unwrap()));
    assert_eq!(v6("2001:db8::1"), v6("2001:db8:0:0:ffff::1"));
    assert_ne!(v6("2001:db8::1"), v6("2001:db8:0:1::1"));
    assert_eq!(v6("::ffff:203.0.113.1"), Some(peer(1)));
    assert_eq!(all.connect(3, Some(peer(1))), Some(vec![0]));
    assert_eq!(all.connect(4, v6("::ffff:203.0.113.1")), Some(vec![1]));
    assert_eq!(all.connect(5, Some(peer(2))), Some(vec![]), "another client is not affected");
    // A head that arrives makes a connection younger.
    assert!(all.begin(2, Class::Other, peer(1)));
    assert_eq!(all.connect(6, Some(peer(1))), Some(vec![3]));
}

#[test]
fn the_slowest_of_all_connections_gives_way_if_the_places_are_used_up() {
    // spec: W12b
    let mut all = Fixture::new();
    for number in 0..8 {
        assert_eq!(all.connect(number, None), Some(vec![]), "a trusted proxy has no limit");
    }
    assert!(all.begin(0, Class::Other, peer(1)));
    assert!(all.begin(1, Class::Delivery, peer(3)));
    assert!(all.begin(2, Class::Delivery, peer(1)));
    all.place(2).body_arrived();
    // First those without a head, the oldest first; then those without a body.
    for (number, expected) in (8..13).zip(3..8) {
        assert_eq!(all.connect(number, Some(peer(2 + number as u8))), Some(vec![expected]));
    }
    for number in 8..13 {
        assert!(all.begin(number, Class::Delivery, peer(2)));
        all.place(number).body_arrived();
    }
    assert_eq!(all.connect(13, None), Some(vec![0]), "the oldest without a body");
    assert!(all.begin(13, Class::Other, peer(9)));
    all.place(13).body_arrived();
    assert_eq!(all.connect(14, None), Some(vec![1]));
    assert!(all.begin(14, Class::Delivery, peer(9)));
    all.place(14).body_arrived();
    assert_eq!(all.connect(15, None), Some(vec![13]), "a slow reader before a new client waits");
    assert!(all.begin(15, Class::Delivery, peer(9)));
    all.place(15).body_arrived();
    // A delivery that has arrived is never closed.
    assert_eq!(all.connect(16, None), None);
    all.place(15).end();
    assert_eq!(all.connect(16, None), Some(vec![15]));
}

/// One open connection: the number of its client, and how far its request has come.
type Open = (u8, Option<Class>, bool);

/// Fills all places with the connections `open`. Then opens further connections of the client 100, and
/// checks which connections are closed for them. The new connections send nothing.
fn check_evictions(open: [Open; 8], expected: &[u32]) {
    let mut all = Fixture::new();
    for (number, (client, class, arrived)) in (0..).zip(open) {
        assert_eq!(all.connect(number, Some(peer(client))), Some(vec![]), "{open:?}");
        if let Some(class) = class {
            assert!(all.begin(number, class, peer(client)), "{open:?}");
        }
        if arrived {
            all.place(number).body_arrived();
        }
    }
    for (number, closed) in (8..).zip(expected) {
        // Each is another client.
        let client = peer(100 + number as u8);
        assert_eq!(all.connect(number, Some(client)), Some(vec![*closed]), "{open:?}");
    }
}

#[test]
fn the_client_with_the_most_slow_connections_gives_way_first() {
    // spec: W12b
    let (head, none) = (None::<Class>, false);
    let (delivery, other) = (Some(Class::Delivery), Some(Class::Other));
    let single: [Open; 8] = std::array::from_fn(|client| (client as u8, head, none));
    check_evictions(single, &[0, 1, 2, 3]);
    // The client 1 floods. Its older connections are closed before its younger ones, and the oldest
    // connection of all, of another client, stays until no client has more than one.
    let (one, two) = ((1, head, none), (2, head, none));
    let half = [(9, head, none), one, one, one, two, two, (3, head, none), (4, head, none)];
    check_evictions(half, &[1, 2, 4, 0, 3, 5]);
    // A head that has arrived does not help a client that floods with incomplete bodies.
    let body = (1, delivery, false);
    let bodies = [(9, head, none), body, body, body, body, body, body, (2, head, none)];
    check_evictions(bodies, &[1, 2, 3, 4, 5, 0, 6]);
    // A young connection is not closed before an old one that sends its body slowly.
    let slow: [Open; 8] = std::array::from_fn(|client| (client as u8, delivery, false));
    check_evictions(slow, &[0, 1, 2, 3]);
    // Deliveries that have arrived in full do not count, and are not closed.
    let arrived = (1, delivery, true);
    let github = [arrived, arrived, arrived, arrived, one, two, two, (3, delivery, false)];
    check_evictions(github, &[5, 4, 6]);
    // A client that does not read responses.
    let reader = (1, other, true);
    let readers = [(9, head, none), reader, reader, reader, two, two, (3, head, none), arrived];
    check_evictions(readers, &[1, 4, 2, 0, 5, 6]);
}

#[test]
fn a_request_takes_the_place_of_the_client_with_the_most_slow_bodies() {
    // spec: W12b
    let mut all = Fixture::new();
    for number in 0..6 {
        all.connect(number, None).unwrap();
    }
    for (number, client) in (0..5).zip([1, 2, 3, 3, 4]) {
        assert!(all.begin(number, Class::Other, peer(client)));
    }
    assert!(all.begin(5, Class::Other, peer(100)));
    let closed = |number| all.place(number).closes.is_cancelled();
    assert!(closed(2) && [0, 1, 3, 4, 5].into_iter().all(|number| !closed(number)));
}

#[test]
fn a_request_takes_the_place_of_a_client_with_more_requests() {
    // spec: W12b
    let mut all = Fixture::new();
    for number in 0..7 {
        all.connect(number, None).unwrap();
    }
    for (number, client) in (0..5).zip([1, 2, 2, 3, 4]) {
        assert!(all.begin(number, Class::Other, peer(client)));
        all.place(number).body_arrived();
    }
    assert!(all.begin(5, Class::Other, peer(100)), "such as a check of the health");
    let closed = |number| all.place(number).closes.is_cancelled();
    assert!(closed(1) && [0, 2, 3, 4, 5].into_iter().all(|number| !closed(number)));
    all.place(5).body_arrived();
    assert!(!all.begin(6, Class::Other, peer(101)), "each client has one");
}

#[test]
fn places_for_deliveries_are_not_for_other_requests() {
    // spec: W12a
    let mut all = Fixture::new();
    for number in 0..8 {
        all.connect(number, None).unwrap();
    }
    for number in 0..5 {
        assert!(all.begin(number, Class::Other, peer(number as u8)));
        all.place(number).body_arrived();
    }
    assert!(!all.begin(5, Class::Other, peer(100)), "the rest is for deliveries");
    assert!(all.begin(6, Class::Delivery, peer(100)));
    assert!(all.begin(7, Class::Delivery, peer(100)));

    let mut all = Fixture::new();
    for number in 0..4 {
        all.connect(number, None).unwrap();
    }
    for (number, expected) in [(0, true), (1, true), (2, true), (3, false)] {
        assert_eq!(all.begin(number, Class::Other, peer(1)), expected, "one client, {number}");
        all.place(number).body_arrived();
    }
    // The end of a request returns its share, also that of a refused one.
    all.place(0).end();
    all.place(3).end();
    assert!(all.begin(3, Class::Other, peer(1)));
}

#[test]
fn a_request_takes_the_place_of_one_whose_body_is_slow() {
    // spec: W12b
    let mut all = Fixture::new();
    for number in 0..7 {
        all.connect(number, None).unwrap();
    }
    for number in 0..5 {
        assert!(all.begin(number, Class::Other, peer(number as u8)));
    }
    all.place(0).body_arrived();
    assert!(all.begin(5, Class::Other, peer(100)), "such as a check of the health");
    let closed = |all: &Fixture, number| all.place(number).closes.is_cancelled();
    assert!(closed(&all, 1), "the oldest without a complete body");
    assert!([0, 2, 3, 4, 5].iter().all(|number| !closed(&all, *number)));
    assert!(all.begin(6, Class::Other, peer(100)));
    assert!(closed(&all, 2));
}

#[test]
fn a_request_takes_the_place_of_a_slow_one_of_the_same_client() {
    // spec: W12a
    let unverified = || Peer::unverified(IpAddr::from([203, 0, 113, 1]));
    assert_ne!(unverified(), peer(1));
    for (client, next) in [(peer(1), peer(1)), (unverified(), unverified())] {
        let mut all = Fixture::new();
        for number in 0..7 {
            all.connect(number, None).unwrap();
        }
        for number in 0..3 {
            assert!(all.begin(number, Class::Other, client));
        }
        all.place(0).body_arrived();
        assert!(all.begin(3, Class::Other, next));
        let closed = |number| all.place(number).closes.is_cancelled();
        assert!(closed(1) && [0, 2, 3].into_iter().all(|number| !closed(number)));
        // The new request itself is slow too, but it is not closed.
        assert!(all.begin(4, Class::Other, next) && closed(2) && !closed(4));
        // A slow request of another client does not count.
        assert!(all.begin(5, Class::Other, peer(2)));
        for number in [3, 4] {
            all.place(number).body_arrived();
        }
        assert!(!all.begin(6, Class::Other, next) && !closed(5));
    }
}

#[test]
fn requests_of_the_admin_have_places_of_their_own() {
    // spec: W12c
    let mut all = Fixture::new();
    for number in 0..8 {
        all.connect(number, None).unwrap();
    }
    assert!(all.begin(0, Class::Admin, peer(1)));
    assert!(all.begin(1, Class::Admin, peer(1)));
    // Their former places are free, and they are not closed.
    assert_eq!(all.connect(8, None), Some(vec![]));
    assert_eq!(all.connect(9, None), Some(vec![]));
    for (number, expected) in (10..15).zip(2..7) {
        assert_eq!(all.connect(number, None), Some(vec![expected]));
    }
    all.place(0).end();
    assert!(
        all.begin(7, Class::Admin, peer(1)),
        "the budget is used up, and shared places are free"
    );
    assert!(all.begin(8, Class::Other, peer(1)));
    assert!(all.begin(9, Class::Other, peer(1)));
    for number in 7..10 {
        all.place(number).body_arrived();
    }
    assert!(!all.begin(10, Class::Admin, peer(1)), "counted like any other request of the client");
}

#[tokio::test]
async fn a_waiting_connection_gets_the_first_free_place() {
    // spec: W12b
    let mut all = Fixture::new();
    for number in 0..8 {
        all.connect(number, None).unwrap();
        all.begin(number, Class::Delivery, peer(1));
        all.place(number).body_arrived();
    }
    let mut waiting = Box::pin(all.places.admit(None));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    drop(all.open.pop());
    waiting.await;
}
