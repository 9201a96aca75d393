//! The client against peers that say what the test wants: no socket, no thread, time by hand.

mod sasl;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::coordinator::{Key, Kind};
use crate::client::request::ResponseTo;
use crate::client::transport::{Command, ConnectionId, Endpoint, StreamFailure};
use crate::client::{
    AddressFamily, Awaited, ClientEvent, ClientSettings, KafkaClient, MetadataRecoveryStrategy,
    MetadataSettings, NodeId, Outcome, SharedMetadata, Tag, Target,
};
use crate::error::{BrokerTrouble, ErrorKind, Stage};
use crate::lifecycle::Lifecycle;
use crate::metrics::Recorder;
use crate::protocol::{
    ApiKey, ApiVersion, ApiVersionsRequest, ApiVersionsResponse, ErrorCode, FindCoordinatorRequest,
    FindCoordinatorResponse, FoundCoordinator, Frame, FrameReader, Message, MetadataBroker, MetadataRequest,
    MetadataResponse, ProduceRequest, ProduceResponse, Request, SaslAuthenticateRequest,
    SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse, decode_request,
    decode_request_header, encode_response,
};
use crate::security::SaslMechanism;
use crate::time::{Backoff, Clock, Deadline, Instant, ManualClock};

/// What became of a request of the test's.
struct Over {
    name: &'static str,
    outcome: Outcome<()>,
}

/// Any request, under a name.
struct Named<R>(&'static str, std::marker::PhantomData<fn() -> R>);

fn named<R>(name: &'static str) -> Named<R> {
    Named(name, std::marker::PhantomData)
}

trait Code: Request {
    const STAGE: Stage;

    fn code(_: &Self::Response) -> ErrorCode {
        ErrorCode::NONE
    }
}

impl Code for ProduceRequest {
    const STAGE: Stage = Stage::Produce;
}

/// Stands for any request that goes to a coordinator.
impl Code for MetadataRequest {
    const STAGE: Stage = Stage::Metadata;

    fn code(response: &MetadataResponse) -> ErrorCode {
        response.error_code
    }
}

impl<R: Code + Send + 'static> Tag<Over> for Named<R> {
    type Request = R;

    const STAGE: Stage = R::STAGE;

    fn over(self, outcome: Outcome<ResponseTo<R>>) -> Over {
        let outcome = match outcome {
            Outcome::Answered(_) => Outcome::Answered(()),
            Outcome::Written => Outcome::Written,
            Outcome::Lost(loss) => Outcome::Lost(loss),
        };
        Over { name: self.0, outcome }
    }

    fn code(response: &ResponseTo<R>) -> ErrorCode {
        R::code(response)
    }
}

fn fatal(cause: &str) -> io::Error {
    StreamFailure { stage: Stage::Tls, cause: cause.to_owned(), is_fatal: true }.into_error()
}

/// The client, and a peer at every port.
struct World {
    client: KafkaClient<Over>,
    shared: Arc<SharedMetadata>,
    now: Instant,
    links: BTreeMap<ConnectionId, (u16, FrameReader)>,
    /// What came, by port.
    requests: Vec<(u16, ApiKey)>,
    over: Vec<Over>,
    /// Ports that refuse connections, and the ports that were dialled.
    down: BTreeSet<u16>,
    dialled: Vec<u16>,
    /// Ports that accept, read, and answer nothing but the first exchange.
    mute: BTreeSet<u16>,
    coordinator: i32,
    /// Of the next answer to Metadata.
    code: ErrorCode,
    /// Ports that do not accept who we are.
    refuses: BTreeSet<u16>,
    /// Whatever mechanism is named, another one is offered.
    offers_the_other: bool,
    /// How long brokers take us for who we are; 0 is for ever.
    lifetime_ms: i64,
    sessions: BTreeMap<ConnectionId, PeerSession>,
    /// Ports whose answers are kept until [`release`](Self::release).
    slow: BTreeSet<u16>,
    kept: VecDeque<(ConnectionId, Vec<u8>)>,
}

/// As a broker sees it (KIP-368).
enum PeerSession {
    /// It takes nothing but a token.
    Speaking,
    /// It takes no request after that, but for a handshake.
    Until(Deadline),
}

const PORT: u16 = 9000;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings for tests.
pub(crate) fn settings() -> ClientSettings {
    World::settings(Vec::new())
}

impl World {
    fn new() -> Self {
        Self::with(Vec::new())
    }

    fn with(mechanisms: Vec<Arc<dyn SaslMechanism>>) -> Self {
        Self::of(Self::settings(mechanisms))
    }

    fn settings(mechanisms: Vec<Arc<dyn SaslMechanism>>) -> ClientSettings {
        let backoff = |max| Backoff { initial: Duration::from_millis(50), max };
        ClientSettings {
            bootstrap: vec![("boot".into(), PORT)],
            client_id: "me".to_owned(),
            max_in_flight: 5,
            request_timeout: REQUEST_TIMEOUT,
            setup_timeout: backoff(Duration::from_secs(10)),
            max_idle: Duration::from_secs(600),
            reconnect: backoff(Duration::from_secs(30)),
            reconnect_needed: backoff(Duration::from_secs(1)),
            receive_message_max_bytes: 1 << 20,
            mechanisms,
            address_family: AddressFamily::Any,
            recovery: MetadataRecoveryStrategy::Rebootstrap,
            metadata: MetadataSettings {
                max_age: Duration::from_secs(300),
                max_idle: Duration::from_secs(300),
                retry: backoff(Duration::from_secs(1)),
                allow_auto_create_topics: true,
            },
        }
    }

    fn of(settings: ClientSettings) -> Self {
        let shared = SharedMetadata::new();
        Self {
            client: KafkaClient::new(
                settings,
                Arc::clone(&shared),
                Recorder::default(),
                fastrand::Rng::with_seed(1),
            ),
            shared,
            now: Instant::ZERO + Duration::from_secs(1),
            links: BTreeMap::new(),
            requests: Vec::new(),
            over: Vec::new(),
            down: BTreeSet::new(),
            dialled: Vec::new(),
            mute: BTreeSet::new(),
            coordinator: 1,
            code: ErrorCode::NONE,
            refuses: BTreeSet::new(),
            offers_the_other: false,
            lifetime_ms: 0,
            sessions: BTreeMap::new(),
            slow: BTreeSet::new(),
            kept: VecDeque::new(),
        }
    }

    /// Brokers 0, 1 and 2 are known.
    fn connected() -> Self {
        let mut world = Self::new();
        world.run(Duration::ZERO);
        assert!(world.shared.version() > 0);
        world
    }

    /// The first server is being dialled.
    fn dialling() -> (Self, ConnectionId) {
        let mut world = Self::new();
        world.client.step(world.now, world.now);
        let Some(Command::Resolve { lookup_id, .. }) = world.client.next_command() else {
            panic!("no look-up")
        };
        world.client.resolved(lookup_id, Ok(vec![SocketAddr::from(([127, 0, 0, 1], PORT))]), world.now);
        match world.client.next_command() {
            Some(Command::Connect { connection, .. }) => (world, connection),
            other => panic!("no dial: {other:?}"),
        }
    }

    /// So much time passes, in small steps.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            if self.now >= end {
                return;
            }
            self.now = end.min(self.now + Duration::from_millis(5));
        }
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            self.client.step(self.now, self.now);
            while let Some(event) = self.client.next_event() {
                match event {
                    ClientEvent::MetadataChanged => {}
                    ClientEvent::Over(over) => self.over.push(over),
                }
            }
            if !self.exchange() {
                return;
            }
        }
        panic!("it goes round in circles");
    }

    fn exchange(&mut self) -> bool {
        let mut busy = false;
        while let Some(command) = self.client.next_command() {
            busy = true;
            match command {
                Command::Resolve { lookup_id, port, .. } => {
                    let address = SocketAddr::from(([127, 0, 0, 1], port));
                    self.client.resolved(lookup_id, Ok(vec![address]), self.now);
                }
                Command::Connect { connection, address, host, port } => {
                    assert!(!host.is_empty() && port == address.port(), "for who verifies names");
                    self.dialled.push(port);
                    if self.down.contains(&port) {
                        let refused = io::ErrorKind::ConnectionRefused.into();
                        self.client.disconnected(connection, refused, self.now);
                        continue;
                    }
                    self.links.insert(connection, (port, FrameReader::new(1 << 20)));
                    self.client.connected(connection, self.now);
                }
                Command::Close { connection } => drop(self.links.remove(&connection)),
            }
        }
        while let Some(connection) = self.client.next_writable() {
            busy = true;
            self.carry(connection);
        }
        busy
    }

    fn outgoing(&self, connection: ConnectionId) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.client.outgoing(connection, &mut |slice| {
            bytes.extend_from_slice(slice);
            true
        });
        bytes
    }

    fn carry(&mut self, connection: ConnectionId) {
        let bytes = self.outgoing(connection);
        let Some((port, mut reader)) = self.links.remove(&connection) else { return };
        self.client.written(connection, bytes.len(), self.now);
        let mut input = &bytes[..];
        let mut answers = Vec::new();
        while let Some(frame) = reader.next(&mut input).unwrap() {
            self.check_session(connection, frame);
            answers.extend(self.answer(port, frame));
            self.grant(connection, frame);
        }
        self.links.insert(connection, (port, reader));
        for answer in answers {
            match self.slow.contains(&port) {
                true => self.kept.push_back((connection, answer.to_vec())),
                false => self.client.received(connection, &answer.to_vec(), self.now),
            }
        }
    }

    /// The oldest answer that is kept comes.
    fn release(&mut self) {
        if let Some((connection, answer)) = self.kept.pop_front() {
            self.client.received(connection, &answer, self.now);
        }
    }

    /// A broker would end the connection.
    fn check_session(&self, connection: ConnectionId, frame: &[u8]) {
        let api = decode_request_header(frame).unwrap().0.api_key;
        match self.sessions.get(&connection) {
            None => {}
            Some(PeerSession::Speaking) => {
                assert_eq!(api, ApiKey::SASL_AUTHENTICATE, "between handshake and token");
            }
            Some(PeerSession::Until(end)) => {
                assert!(!end.has_passed(self.now), "{api} after the end of the session");
                assert_ne!(api, ApiKey::SASL_AUTHENTICATE, "without a handshake");
            }
        }
    }

    fn grant(&mut self, connection: ConnectionId, frame: &[u8]) {
        let api = decode_request_header(frame).unwrap().0.api_key;
        let lifetime = u64::try_from(self.lifetime_ms).ok().filter(|millis| *millis > 0);
        let session = match api {
            ApiKey::SASL_HANDSHAKE => PeerSession::Speaking,
            ApiKey::SASL_AUTHENTICATE => {
                PeerSession::Until(Deadline::after(self.now, lifetime.map(Duration::from_millis)))
            }
            _ => return,
        };
        self.sessions.insert(connection, session);
    }

    fn answer(&mut self, port: u16, frame: &[u8]) -> Option<Frame> {
        let (header, body) = decode_request_header(frame).unwrap();
        self.requests.push((port, header.api_key));
        let (id, version) = (header.correlation_id, header.version);
        match header.api_key {
            ApiKey::API_VERSIONS => {
                let api_keys = vec![
                    offer::<ApiVersionsRequest>(),
                    offer::<MetadataRequest>(),
                    offer::<ProduceRequest>(),
                    offer::<FindCoordinatorRequest>(),
                    offer::<SaslHandshakeRequest>(),
                    offer::<SaslAuthenticateRequest>(),
                ];
                let response = ApiVersionsResponse { api_keys, ..Default::default() };
                Some(encode_response::<ApiVersionsRequest>(id, version, &response))
            }
            _ if self.mute.contains(&port) => None,
            ApiKey::METADATA => {
                let broker = |node_id: i32| MetadataBroker {
                    node_id,
                    host: "a".to_owned(),
                    port: i32::from(PORT) + 1 + node_id,
                    ..Default::default()
                };
                let (brokers, error_code) = ((0..3).map(broker).collect(), std::mem::take(&mut self.code));
                let response = MetadataResponse { brokers, error_code, ..Default::default() };
                Some(encode_response::<MetadataRequest>(id, version, &response))
            }
            // It offers SECOND.
            ApiKey::SASL_HANDSHAKE => {
                let request: SaslHandshakeRequest = decode_request(version, body).unwrap();
                let known = request.mechanism == "SECOND" && !self.offers_the_other;
                let error_code = if known { ErrorCode::NONE } else { ErrorCode::UNSUPPORTED_SASL_MECHANISM };
                let offered = match request.mechanism.as_str() {
                    "SECOND" if self.offers_the_other => "FIRST",
                    _ => "SECOND",
                };
                let mechanisms = vec![offered.to_owned()];
                let response = SaslHandshakeResponse { error_code, mechanisms, ..Default::default() };
                Some(encode_response::<SaslHandshakeRequest>(id, version, &response))
            }
            ApiKey::SASL_AUTHENTICATE => {
                let session_lifetime_ms = self.lifetime_ms;
                let mut response = SaslAuthenticateResponse { session_lifetime_ms, ..Default::default() };
                if self.refuses.contains(&port) {
                    response.error_code = ErrorCode::SASL_AUTHENTICATION_FAILED;
                    response.error_message = Some("wrong password".to_owned());
                }
                Some(encode_response::<SaslAuthenticateRequest>(id, version, &response))
            }
            ApiKey::FIND_COORDINATOR => {
                let found = FoundCoordinator {
                    key: "id".to_owned(),
                    node_id: self.coordinator,
                    host: "a".to_owned(),
                    port: i32::from(PORT) + 1 + self.coordinator,
                    ..Default::default()
                };
                let response = FindCoordinatorResponse { coordinators: vec![found], ..Default::default() };
                Some(encode_response::<FindCoordinatorRequest>(id, version, &response))
            }
            ApiKey::PRODUCE => {
                Some(encode_response::<ProduceRequest>(id, version, &ProduceResponse::default()))
            }
            other => panic!("{other}"),
        }
    }

    fn link(&self, port: u16) -> ConnectionId {
        *self.links.iter().find(|(_, link)| link.0 == port).unwrap().0
    }

    /// A broker that is connected.
    fn reach(&mut self, id: NodeId) {
        while !self.client.poll_ready(id, self.now) {
            self.run(Duration::from_millis(5));
        }
    }

    fn produce(&mut self, name: &'static str, acks: i16) {
        let request = ProduceRequest { acks, ..Default::default() };
        self.client.send(NodeId::Broker(1), &request, 9, named::<ProduceRequest>(name), self.now);
    }

    fn answered(&self) -> Vec<&'static str> {
        let is_answered = |over: &&Over| matches!(over.outcome, Outcome::Answered(()));
        self.over.iter().filter(is_answered).map(|over| over.name).collect()
    }

    fn wait(&self) -> Awaited<()> {
        let clock = Clock::Manual(ManualClock::default());
        self.shared.wait(&Lifecycle::default(), &clock, Deadline::at(Instant::ZERO), |_| None)
    }
}

fn offer<R: Message>() -> ApiVersion {
    ApiVersion {
        api_key: R::KEY,
        min_version: *R::VERSIONS.start(),
        max_version: *R::VERSIONS.end(),
        ..Default::default()
    }
}

fn key() -> Key {
    Key { kind: Kind::Transaction, name: "id".to_owned() }
}

#[test]
fn a_request_goes_to_a_node_to_anybody_and_to_a_coordinator() {
    let mut world = World::new();
    let request = MetadataRequest::default;
    world.client.ask(Target::Any, request(), named::<MetadataRequest>("any"), world.now);
    world.run(Duration::from_millis(50));
    let node = Target::Node(NodeId::Broker(2));
    world.client.ask(node, request(), named::<MetadataRequest>("node"), world.now);
    let coordinator = Target::Coordinator(key());
    world.client.ask(coordinator, request(), named::<MetadataRequest>("coordinator"), world.now);
    world.run(Duration::from_millis(50));
    let mut answered = world.answered();
    answered.sort_unstable();
    assert_eq!(answered, ["any", "coordinator", "node"]);
    for port in [PORT + 2, PORT + 3] {
        assert!(world.requests.contains(&(port, ApiKey::METADATA)), "{port}: {:?}", world.requests);
    }
}

#[test]
fn the_first_servers_are_tried_again_unless_the_strategy_is_none() {
    for recovery in [MetadataRecoveryStrategy::Rebootstrap, MetadataRecoveryStrategy::None] {
        let mut world = World::of(ClientSettings { recovery, ..World::settings(Vec::new()) });
        world.run(Duration::ZERO);
        assert!(world.shared.version() > 0);
        world.down = (PORT + 1..PORT + 4).collect();
        let links: Vec<_> = world.links.keys().copied().collect();
        for connection in links {
            world.client.disconnected(connection, io::ErrorKind::UnexpectedEof.into(), world.now);
        }
        world.dialled.clear();
        world.client.ask(Target::Any, MetadataRequest::default(), named::<MetadataRequest>("a"), world.now);
        world.run(Duration::from_secs(5));
        let rebootstraps = recovery == MetadataRecoveryStrategy::Rebootstrap;
        assert_eq!(world.dialled.contains(&PORT), rebootstraps, "{recovery}");
        assert_eq!(world.answered(), if rebootstraps { vec!["a"] } else { vec![] });
        // The brokers of the cluster are tried again in any case.
        assert!((PORT + 1..PORT + 4).all(|port| world.dialled.contains(&port)), "{:?}", world.dialled);
        world.down.clear();
        world.run(Duration::from_secs(2));
        assert_eq!(world.answered(), ["a"], "{recovery}");
    }
}

#[test]
fn an_address_of_another_family_is_not_dialled() {
    let settings = ClientSettings { address_family: AddressFamily::V6, ..World::settings(Vec::new()) };
    let mut world = World::of(settings);
    world.client.step(world.now, world.now);
    let Some(Command::Resolve { lookup_id, .. }) = world.client.next_command() else { panic!("no look-up") };
    let (v4, v6) = (SocketAddr::from(([127, 0, 0, 1], PORT)), SocketAddr::from(([0_u16; 8], PORT)));
    world.client.resolved(lookup_id, Ok(vec![v4, v6]), world.now);
    match world.client.next_command() {
        Some(Command::Connect { address, .. }) => assert_eq!(address, v6),
        other => panic!("no dial: {other:?}"),
    }
}

#[test]
fn a_coordinator_that_is_none_any_more_is_looked_for_again() {
    let mut world = World::connected();
    let ask = |world: &mut World| {
        world.requests.clear();
        let (target, tag) = (Target::Coordinator(key()), named::<MetadataRequest>("a"));
        world.client.ask(target, MetadataRequest::default(), tag, world.now);
        world.run(Duration::from_millis(50));
        let is_search = |request: &&(u16, ApiKey)| request.1 == ApiKey::FIND_COORDINATOR;
        world.requests.iter().filter(is_search).count()
    };
    assert_eq!((ask(&mut world), ask(&mut world)), (1, 0), "found once");
    world.code = ErrorCode::NOT_COORDINATOR;
    world.coordinator = 2;
    assert_eq!((ask(&mut world), ask(&mut world)), (0, 1));
    assert!(world.requests.contains(&(PORT + 3, ApiKey::METADATA)));
    // So it is by the loss of its connection.
    world.client.disconnected(world.link(PORT + 3), io::ErrorKind::UnexpectedEof.into(), world.now);
    world.mute.insert(PORT + 3);
    ask(&mut world);
    assert_eq!(world.answered().len(), 4);
}

#[test]
fn what_no_other_attempt_would_mend_reaches_who_waits_until_a_connection_is_ready() {
    let mut world = World::new();
    world.client.step(world.now, world.now);
    let Some(Command::Resolve { lookup_id, .. }) = world.client.next_command() else { panic!("a look-up") };
    world.client.resolved(lookup_id, Ok(vec![SocketAddr::from(([127, 0, 0, 1], PORT))]), world.now);
    let Some(Command::Connect { connection, .. }) = world.client.next_command() else { panic!("a dial") };
    assert!(matches!(world.wait(), Awaited::TimedOut));
    world.client.disconnected(connection, fatal("the certificate is not trusted"), world.now);
    let Awaited::Fatal(error) = world.wait() else { panic!("it waits") };
    assert!(matches!(error.kind(), ErrorKind::Denied { .. }) && !error.is_retriable());
    assert!(error.to_string().contains("the certificate is not trusted"), "{error}");
    world.run(Duration::from_secs(1));
    assert!(world.shared.version() > 0 && matches!(world.wait(), Awaited::TimedOut));
    // With a connection that is ready nobody is told of another that can't be.
    [1, 2].into_iter().for_each(|number| world.reach(NodeId::Broker(number)));
    world.client.disconnected(world.link(PORT + 2), fatal("not this one"), world.now);
    assert!(matches!(world.wait(), Awaited::TimedOut));
}

#[test]
fn an_attempt_that_fails_in_passing_is_not_fatal() {
    let mut world = World::new();
    world.client.step(world.now, world.now);
    let Some(Command::Resolve { lookup_id, .. }) = world.client.next_command() else { panic!("a look-up") };
    world.client.resolved(lookup_id, Err(io::Error::other("no such name")), world.now);
    assert!(matches!(world.wait(), Awaited::TimedOut));
}

#[test]
fn a_request_is_late_when_no_byte_moves_or_no_answer_comes_and_not_before() {
    let mut world = World::connected();
    world.reach(NodeId::Broker(1));
    world.mute.insert(PORT + 2);
    let connection = world.link(PORT + 2);
    let start = world.now;
    world.produce("first", -1);
    let bytes = world.outgoing(connection).len();
    assert!(!world.client.poll_ready(NodeId::Broker(1), world.now), "the one before is not wholly written");
    for (part, number) in [bytes - 3, 1, 1, 1].into_iter().zip(1..) {
        let now = start + Duration::from_secs(20 * number);
        world.client.step(now, now);
        world.client.written(connection, part, now);
        // Somebody was refused, and is let in without anything else to wake for.
        assert_eq!(world.client.next_deadline(now).has_passed(now), number == 4);
        assert!(world.over_by(now).is_empty(), "a byte has moved");
        world.now = now;
    }
    assert!(world.client.poll_ready(NodeId::Broker(1), world.now));
    // Its time begins with the last byte; what the sender has not heard of is not late.
    let late = world.now + REQUEST_TIMEOUT;
    assert!(world.over_by_hearing(late + Duration::from_secs(9), world.now).is_empty());
    assert_eq!(world.over_by(late), ["first"]);
}

impl World {
    fn over_by(&mut self, now: Instant) -> Vec<&'static str> {
        self.over_by_hearing(now, now)
    }

    fn over_by_hearing(&mut self, now: Instant, heard: Instant) -> Vec<&'static str> {
        self.client.step(now, heard);
        let mut over = Vec::new();
        while let Some(event) = self.client.next_event() {
            if let ClientEvent::Over(event) = event {
                over.push(event.name);
                self.over.push(event);
            }
        }
        over
    }
}

#[test]
fn the_answer_before_gives_the_next_request_its_time() {
    let mut world = World::connected();
    world.reach(NodeId::Broker(1));
    world.mute.insert(PORT + 2);
    let connection = world.link(PORT + 2);
    for name in ["first", "second"] {
        world.produce(name, -1);
        world.carry(connection);
    }
    let correlation = 1;
    let later = world.now + Duration::from_secs(29);
    let answer = encode_response::<ProduceRequest>(correlation, 9, &ProduceResponse::default()).to_vec();
    world.client.received(connection, &answer, later);
    assert_eq!(world.over_by(later + Duration::from_secs(29)), ["first"]);
    assert_eq!(world.over_by(later + Duration::from_secs(30)), ["second"]);
}

#[test]
fn a_loss_tells_how_much_had_left_and_who_ended_it() {
    let mut world = World::connected();
    world.reach(NodeId::Broker(1));
    world.mute.insert(PORT + 2);
    let connection = world.link(PORT + 2);
    world.produce("whole", -1);
    let size = world.outgoing(connection).len();
    world.carry(connection);
    world.produce("half", -1);
    world.client.written(connection, 5, world.now);
    world.produce("none", 0);
    world.client.disconnected(connection, io::ErrorKind::UnexpectedEof.into(), world.now);
    world.settle();
    let lost: Vec<_> = world
        .over
        .iter()
        .map(|over| {
            let Outcome::Lost(loss) = &over.outcome else { panic!("{}", over.name) };
            let blames_size = loss.error.to_string().contains(&format!("a request of {size} bytes"));
            (over.name, loss.sent, loss.closed_by_peer, blames_size)
        })
        .collect();
    assert_eq!(lost, [("whole", size, true, true), ("half", 5, true, true), ("none", 0, true, false)]);
    let Outcome::Lost(loss) = &world.over[0].outcome else { panic!() };
    let text = loss.error.to_string();
    assert!(text.contains("max_request_size or produce_request_max_bytes"), "{text}");
}

#[test]
fn a_request_without_an_answer_is_over_when_it_is_written() {
    let mut world = World::connected();
    world.reach(NodeId::Broker(1));
    world.produce("a", 0);
    assert!(world.over_by(world.now).is_empty());
    let connection = world.link(PORT + 2);
    let bytes = world.outgoing(connection).len();
    world.client.written(connection, bytes, world.now);
    assert_eq!(world.over_by(world.now), ["a"]);
    assert!(matches!(world.over[0].outcome, Outcome::Written));
}

/// Whatever comes for a ticket or a connection of before.
#[test]
fn what_comes_too_late_is_passed_over() {
    let mut world = World::connected();
    world.reach(NodeId::Broker(1));
    world.mute.insert(PORT + 2);
    let connection = world.link(PORT + 2);
    world.produce("a", -1);
    world.carry(connection);
    let now = world.now;
    for number in (0..100).filter(|number| *number != connection.0) {
        let other = ConnectionId(number);
        if world.links.contains_key(&other) {
            continue;
        }
        world.client.connected(other, now);
        world.client.written(other, 10, now);
        world.client.received(other, &[0, 0, 0, 1, 7], now);
        world.client.disconnected(other, io::ErrorKind::ConnectionReset.into(), now);
        world.client.resolved(number, Ok(vec![SocketAddr::from(([127, 0, 0, 1], 1))]), now);
        world.client.resolved(number, Err(io::ErrorKind::NotFound.into()), now);
    }
    assert_eq!(world.client.next_command(), None);
    assert!(world.over_by(now).is_empty() && world.client.troubles().is_empty());
    let answer = encode_response::<ProduceRequest>(1, 9, &ProduceResponse::default()).to_vec();
    world.client.received(connection, &answer, now);
    assert_eq!(world.over_by(now), ["a"]);
}

/// A dial that has come as far as a proxy, or TLS, waits there, and is late there.
#[test]
fn a_dial_that_takes_long_is_told_where_it_waits() {
    for (stage, name) in [(Stage::Tcp, "TCP connect"), (Stage::Proxy, "proxy"), (Stage::Tls, "TLS")] {
        let (mut world, connection) = World::dialling();
        let now = world.now;
        world.client.changed_troubles();
        world.client.dial_reached(connection, stage, now);
        let told =
            |troubles: Vec<BrokerTrouble>| troubles.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told(world.client.troubles()),
            [format!("boot:9000 (from bootstrap_servers) at {name}: no response yet")]
        );
        assert_eq!(world.client.changed_troubles().is_some(), stage != Stage::Tcp, "who waits is told");
        world.client.dial_reached(connection, stage, now);
        assert_eq!(world.client.changed_troubles(), None, "once");
        let late = now + Duration::from_secs(20);
        world.client.step(late, late);
        let expected = "no response within 50ms (socket_connection_setup_timeout_ms)";
        assert_eq!(
            told(world.client.troubles()),
            [format!("boot:9000 (from bootstrap_servers) at {name}: {expected}")]
        );
        assert_eq!(world.client.next_command(), Some(Command::Close { connection }));
    }
}

/// What ends a connection says itself where that was, and whether another attempt could end otherwise.
#[test]
fn a_failure_of_a_stream_is_told_where_it_was() {
    for (stage, is_fatal) in [(Stage::Proxy, true), (Stage::Proxy, false), (Stage::Tls, true)] {
        let (mut world, connection) = World::dialling();
        let now = world.now;
        let failure = StreamFailure { stage, cause: "because".to_owned(), is_fatal };
        world.client.disconnected(connection, failure.into_error(), now);
        let expected = format!("boot:9000 (from bootstrap_servers) at {stage}: because");
        assert_eq!(world.client.troubles()[0].to_string(), expected);
        match world.wait() {
            Awaited::Fatal(error) => {
                assert!(is_fatal && matches!(error.kind(), ErrorKind::Denied { .. }), "{error}");
            }
            _ => assert!(!is_fatal),
        }
    }
}
