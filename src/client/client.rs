//! All brokers together: which connection to open, what to send on it, what came back, when to try again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::{ClusterMetadata, NodeId, SharedMetadata};
use crate::client::connection::{Connection, InFlight, Incoming, Purpose};
use crate::client::handshake::{self, Handshake};
use crate::client::metadata::{Metadata, MetadataSettings, least_loaded};
use crate::client::node::{Node, State};
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::error::{BrokerTrouble, Error, ErrorKind, Limit, Origin, Stage};
use crate::protocol::{self, ApiVersionsRequest, MetadataRequest, ProduceRequest, ProduceResponse, Request};
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    pub(crate) bootstrap: Vec<(Arc<str>, u16)>,
    pub(crate) client_id: String,
    pub(crate) max_in_flight: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) setup_timeout: Duration,
    pub(crate) max_idle: Duration,
    pub(crate) reconnect: Backoff,
    pub(crate) receive_message_max_bytes: usize,
    pub(crate) metadata: MetadataSettings,
}

/// What happened, for the sender.
pub(crate) enum ClientEvent {
    /// It can be sent to, after it could not.
    NodeReady(NodeId),
    MetadataChanged,
    Answer { request: u64, response: ProduceResponse },
    /// All bytes of a request that gets no answer are with the kernel.
    Written { request: u64 },
    /// No answer will come.
    Lost { request: u64, sent: bool, error: Error },
}

pub(crate) struct Client {
    settings: ClientSettings,
    nodes: BTreeMap<NodeId, Node>,
    connections: HashMap<ConnectionId, NodeId>,
    tickets: HashMap<u64, NodeId>,
    next_id: u64,
    commands: VecDeque<Command>,
    writable: VecDeque<ConnectionId>,
    events: VecDeque<ClientEvent>,
    metadata: Metadata,
    random: fastrand::Rng,
}

impl Client {
    pub(crate) fn new(settings: ClientSettings, shared: Arc<SharedMetadata>, random: fastrand::Rng) -> Self {
        let bootstrap = settings.bootstrap.iter().zip(0..);
        let nodes = bootstrap.map(|((host, port), index)| {
            (NodeId::Bootstrap(index), Node::new(Arc::clone(host), *port, Origin::Bootstrap))
        });
        Self {
            nodes: nodes.collect(),
            metadata: Metadata::new(settings.metadata.clone(), shared),
            settings,
            connections: HashMap::new(),
            tickets: HashMap::new(),
            next_id: 0,
            commands: VecDeque::new(),
            writable: VecDeque::new(),
            events: VecDeque::new(),
            random,
        }
    }

    pub(crate) fn next_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn snapshot(&self) -> &Arc<ClusterMetadata> {
        self.metadata.snapshot()
    }

    pub(crate) fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    pub(crate) fn troubles(&self) -> Vec<BrokerTrouble> {
        self.nodes.values().filter_map(|node| node.trouble.clone()).collect()
    }

    /// Whether a request can be sent to `node` now. If not, it is dialled, and [`ClientEvent::NodeReady`] follows.
    pub(crate) fn poll_ready(&mut self, id: NodeId, now: Instant) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return false };
        if node.throttled.is_some() {
            return false;
        }
        if node.is_ready() {
            return node.connection().is_some_and(|connection| connection.load() < self.settings.max_in_flight);
        }
        node.wanted = true;
        if node.is_dialable(now) {
            self.dial(id, now);
        }
        false
    }

    /// Requests without an answer at `node`.
    pub(crate) fn load(&self, id: NodeId) -> usize {
        self.nodes.get(&id).and_then(Node::connection).map_or(0, Connection::load)
    }

    /// The version of `R` for a node that is ready, between `floor` and `cap`.
    pub(crate) fn version<R: Request>(&self, id: NodeId, floor: i16, cap: i16) -> Result<i16, Error> {
        let node = self.nodes.get(&id);
        let connection = node.and_then(Node::connection);
        connection.and_then(|connection| connection.version::<R>(floor, cap)).ok_or_else(|| {
            let ours = ((*R::VERSIONS.start()).max(floor), (*R::VERSIONS.end()).min(cap));
            let theirs = connection.and_then(|connection| connection.offered(R::KEY));
            let address = node.map(Node::address).unwrap_or_default();
            Error::new(ErrorKind::UnsupportedVersion { api: R::KEY.to_string(), ours, theirs, address })
        })
    }

    /// Sends to a node that [`poll_ready`](Self::poll_ready).
    pub(crate) fn produce(&mut self, id: NodeId, request: &ProduceRequest, version: i16, number: u64, now: Instant) {
        let deadline = Deadline::after(now, self.settings.request_timeout);
        let answered = request.acks != 0;
        let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) else { return };
        connection.send(request, version, Purpose::Produce(number), answered, deadline, now);
        let connection = connection.id();
        self.writable.push_back(connection);
    }

    /// What is due: time-outs, the end of throttling, a question for metadata.
    pub(crate) fn step(&mut self, now: Instant) {
        let due: Vec<NodeId> = self.nodes.iter().filter(|(_, node)| self.is_due(node, now)).map(|(id, _)| *id).collect();
        for id in due {
            self.time_out(id, now);
        }
        if self.metadata.is_due(now) {
            self.ask_for_metadata(now);
        }
    }

    pub(crate) fn next_deadline(&self, now: Instant) -> Deadline {
        let nodes = self.nodes.values().map(|node| node.deadline(self.idle_deadline(node)));
        let mut next = nodes.min().unwrap_or(Deadline::NEVER);
        if !self.metadata.is_due(now) {
            next = next.min(self.metadata.next_question());
        } else if !self.nodes.values().any(|node| node.is_ready() || node.is_coming()) {
            // It is overdue and nobody can be asked: the next dial is the next chance.
            next = next.min(self.next_dial());
        }
        next
    }

    /// Closes every connection; what is under way is lost.
    pub(crate) fn close(&mut self, now: Instant) {
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in ids {
            self.disconnect(id, now, &Error::new(ErrorKind::Closed));
        }
        self.metadata.shared().close();
    }

    fn idle_deadline(&self, node: &Node) -> Deadline {
        node.connection().map_or(Deadline::NEVER, |connection| {
            Deadline::at(connection.last_used() + self.settings.max_idle)
        })
    }

    fn is_due(&self, node: &Node, now: Instant) -> bool {
        node.deadline(self.idle_deadline(node)).has_passed(now)
    }

    /// Something that was to happen at `id` by now.
    fn time_out(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if node.throttled.is_some_and(|until| until <= now) {
            node.throttled = None;
            self.events.push_back(ClientEvent::NodeReady(id));
        }
        let Some(node) = self.nodes.get(&id).filter(|node| self.is_due(node, now)) else { return };
        let setup = self.settings.setup_timeout;
        let (limit, value, stage) = match &node.state {
            State::Idle => return,
            State::BackingOff(_) => return self.dial(id, now),
            State::Resolving { .. } => (Limit::ConnectionSetup, setup, Stage::Dns),
            State::Connecting { .. } => (Limit::ConnectionSetup, setup, Stage::Tcp),
            State::Handshaking { .. } => (Limit::ConnectionSetup, setup, Stage::ApiVersions),
            State::Ready(connection) if connection.load() == 0 => {
                log::debug!("closing the connection to {}: not used for {:?}", node.address(), self.settings.max_idle);
                self.disconnect(id, now, &Error::new(ErrorKind::Closed));
                return;
            }
            State::Ready(connection) => (Limit::RequestTimeout, self.settings.request_timeout, stage_of(connection)),
        };
        self.fail(id, stage, format!("no answer within {limit} of {value:?}"), now);
    }

    fn ask_for_metadata(&mut self, now: Instant) {
        let ready = self.nodes.iter().filter(|(_, node)| node.is_ready() && node.throttled.is_none());
        let load = |node: &Node| node.connection().map_or(0, Connection::load);
        let Some(id) = least_loaded(ready.map(|(id, node)| (*id, load(node)))) else {
            self.dial_any(now);
            return;
        };
        let version = match self.version::<MetadataRequest>(id, 0, i16::MAX) {
            Ok(version) => version,
            Err(error) => {
                self.metadata.failed(now, &mut self.random);
                return self.fail(id, Stage::Metadata, error.to_string(), now);
            }
        };
        let request = self.metadata.request(now);
        let deadline = Deadline::after(now, self.settings.request_timeout);
        if let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) {
            connection.send(&request, version, Purpose::Metadata, true, deadline, now);
            let connection = connection.id();
            self.writable.push_back(connection);
        }
    }

    /// Nobody can be asked: dial one, unless one is on the way. The cluster's own brokers first, and
    /// `bootstrap_servers` again when all of those have failed (KIP-899).
    fn dial_any(&mut self, now: Instant) {
        if self.nodes.values().any(Node::is_coming) {
            return;
        }
        let known = |id: &NodeId| matches!(id, NodeId::Broker(_));
        let all_failed = !self.nodes.iter().any(|(id, node)| known(id) && node.failures == 0);
        let candidates = self.nodes.iter().filter(|(id, node)| node.is_dialable(now) && (known(id) || all_failed));
        // The fewest failures first: so a list is gone through, in its order, before anyone is tried twice.
        let next = candidates.min_by_key(|(id, node)| (node.failures, !known(id), **id)).map(|(id, _)| *id);
        if let Some(id) = next {
            self.dial(id, now);
        }
    }

    fn next_dial(&self) -> Deadline {
        let until = |node: &Node| match node.state {
            State::BackingOff(until) => Deadline::at(until),
            State::Idle => Deadline::at(Instant::ZERO),
            _ => Deadline::NEVER,
        };
        self.nodes.values().map(until).min().unwrap_or(Deadline::NEVER)
    }

    fn dial(&mut self, id: NodeId, now: Instant) {
        let number = self.next_id;
        self.next_id += 1;
        let deadline = Deadline::after(now, self.settings.setup_timeout);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if let Some(address) = node.addresses.pop_front() {
            let connection = ConnectionId(number);
            node.state = State::Connecting { connection, deadline };
            self.connections.insert(connection, id);
            self.commands.push_back(Command::Connect { connection, address });
        } else {
            node.state = State::Resolving { ticket: number, deadline };
            self.tickets.insert(number, id);
            let (host, port) = (Arc::clone(&node.host), node.port);
            self.commands.push_back(Command::Resolve { ticket: number, host, port });
        }
    }

    /// An attempt, or a connection, came to nothing.
    fn fail(&mut self, id: NodeId, stage: Stage, cause: String, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let trouble = node.trouble_at(stage, cause);
        // One warning for each change of state: what goes on as it was is not news.
        if node.trouble.as_ref().is_none_or(|before| before.stage != trouble.stage || before.cause != trouble.cause) {
            log::warn!("{trouble}");
        }
        node.trouble = Some(trouble.clone());
        self.metadata.shared().set_troubles(self.troubles());
        self.disconnect(id, now, &Error::new(ErrorKind::Network { trouble }));
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if !node.addresses.is_empty() && stage != Stage::Produce && stage != Stage::Metadata {
            return self.dial(id, now);
        }
        node.failures = node.failures.saturating_add(1);
        node.state = State::BackingOff(now + self.settings.reconnect.delay(node.failures, &mut self.random));
        if self.metadata.is_due(now) {
            self.ask_for_metadata(now);
        }
    }

    /// Ends whatever there is of a connection, without a judgement; the node is idle then.
    fn disconnect(&mut self, id: NodeId, now: Instant, error: &Error) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.moved = false;
        if let Some(connection) = node.connection_id() {
            self.connections.remove(&connection);
            self.commands.push_back(Command::Close { connection });
        }
        let lost = match std::mem::replace(&mut node.state, State::Idle) {
            State::Resolving { ticket, .. } => {
                self.tickets.remove(&ticket);
                Vec::new()
            }
            State::Handshaking { connection, .. } | State::Ready(connection) => connection.lost(),
            State::Idle | State::BackingOff(_) | State::Connecting { .. } => Vec::new(),
        };
        for lost in lost {
            match lost.purpose {
                Purpose::ApiVersions => {}
                Purpose::Metadata => self.metadata.failed(now, &mut self.random),
                Purpose::Produce(request) => {
                    self.events.push_back(ClientEvent::Lost { request, sent: lost.sent, error: error.clone() });
                }
            }
        }
    }

    fn answer(&mut self, id: NodeId, request: &InFlight, frame: &[u8], now: Instant) -> Result<(), String> {
        match request.purpose {
            Purpose::ApiVersions => {
                let answer = handshake::answer(request.version, frame)?;
                let Some(node) = self.nodes.get_mut(&id) else { return Ok(()) };
                let State::Handshaking { connection, deadline } = std::mem::replace(&mut node.state, State::Idle)
                else {
                    return Err("an ApiVersions answer came that was not asked for".to_owned());
                };
                match answer {
                    Handshake::Again { version } => {
                        node.state = State::Handshaking { connection, deadline };
                        self.shake_hands(id, version, deadline, now);
                    }
                    Handshake::Done { versions } => self.ready(id, connection, versions),
                }
            }
            Purpose::Metadata => {
                let (_, response) = protocol::decode_response::<MetadataRequest>(request.version, frame)
                    .map_err(|error| format!("its Metadata answer can't be read: {error}"))?;
                self.throttle(id, response.throttle_time_ms, now);
                self.metadata.answered(response, now, &mut self.random);
                self.meet_brokers();
                self.events.push_back(ClientEvent::MetadataChanged);
            }
            Purpose::Produce(number) => {
                let (_, response) = protocol::decode_response::<ProduceRequest>(request.version, frame)
                    .map_err(|error| format!("its Produce answer can't be read: {error}"))?;
                self.throttle(id, response.throttle_time_ms, now);
                self.events.push_back(ClientEvent::Answer { request: number, response });
                self.events.push_back(ClientEvent::NodeReady(id));
            }
        }
        Ok(())
    }

    fn shake_hands(&mut self, id: NodeId, version: i16, deadline: Deadline, now: Instant) {
        let request: ApiVersionsRequest = handshake::question();
        if let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) {
            connection.send(&request, version, Purpose::ApiVersions, true, deadline, now);
            let connection = connection.id();
            self.writable.push_back(connection);
        }
    }

    fn ready(&mut self, id: NodeId, mut connection: Connection, versions: handshake::Versions) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        connection.set_versions(versions);
        node.state = State::Ready(connection);
        node.wanted = false;
        node.failures = 0;
        node.addresses.clear();
        if node.trouble.take().is_some() {
            log::info!("{} can be reached again", node.address());
            self.metadata.shared().set_troubles(self.troubles());
        }
        self.events.push_back(ClientEvent::NodeReady(id));
    }

    fn throttle(&mut self, id: NodeId, millis: i32, now: Instant) {
        if let Some(node) = self.nodes.get_mut(&id)
            && let Ok(millis @ 1..) = u64::try_from(millis)
        {
            node.throttled = Some(now + Duration::from_millis(millis));
        }
    }

    /// The cluster has told its brokers: those are the nodes now.
    fn meet_brokers(&mut self) {
        let snapshot = Arc::clone(self.metadata.snapshot());
        for (number, broker) in &snapshot.brokers {
            let fresh = || Node::new(Arc::clone(&broker.host), broker.port, Origin::Metadata);
            let node = self.nodes.entry(NodeId::Broker(*number)).or_insert_with(fresh);
            if node.host != broker.host || node.port != broker.port {
                node.host = Arc::clone(&broker.host);
                node.port = broker.port;
                node.addresses.clear();
                node.moved = node.connection_id().is_some();
            }
        }
        let gone = |id: &NodeId| matches!(id, NodeId::Broker(number) if !snapshot.brokers.contains_key(number));
        self.nodes.retain(|id, node| !(gone(id) && node.connection_id().is_none()));
        self.retire();
    }

    /// Closes what is not needed any more once nothing is under way on it: bootstrap connections when the brokers are
    /// known, and connections to where a broker was before it moved.
    fn retire(&mut self) {
        let known = !self.metadata.snapshot().brokers.is_empty();
        let retired = |id: &NodeId, node: &Node| {
            let quiet = node.connection().is_none_or(|connection| connection.load() == 0);
            let bootstrap = matches!(id, NodeId::Bootstrap(_)) && matches!(node.state, State::Ready(_));
            quiet && node.connection_id().is_some() && (node.moved || (known && bootstrap))
        };
        let retired: Vec<NodeId> = self.nodes.iter().filter(|(id, node)| retired(id, node)).map(|(id, _)| *id).collect();
        for id in retired {
            self.disconnect(id, Instant::ZERO, &Error::new(ErrorKind::Closed));
        }
    }
}

impl Endpoint for Client {
    fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    fn next_writable(&mut self) -> Option<ConnectionId> {
        self.writable.pop_front()
    }

    fn outgoing<'a>(&'a self, connection: ConnectionId, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        let node = self.connections.get(&connection).and_then(|id| self.nodes.get(id));
        if let Some(connection) = node.and_then(Node::connection) {
            connection.outgoing(visit);
        }
    }

    fn written(&mut self, connection: ConnectionId, count: usize, now: Instant) {
        let Some(id) = self.connections.get(&connection).copied() else { return };
        let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) else { return };
        for purpose in connection.written(count, now) {
            if let Purpose::Produce(request) = purpose {
                self.events.push_back(ClientEvent::Written { request });
                self.events.push_back(ClientEvent::NodeReady(id));
            }
        }
    }

    fn received(&mut self, connection: ConnectionId, bytes: &[u8], now: Instant) {
        let Some(id) = self.connections.get(&connection).copied() else { return };
        // The connection is taken out while its answers act on the rest.
        let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) else { return };
        let mut answers = Vec::new();
        let mut broken = None;
        connection.received(bytes, now, |incoming| match incoming {
            Incoming::Answer(request, frame) => answers.push((request, frame.to_vec())),
            Incoming::Broken(cause) => broken = Some(cause),
        });
        let stage = stage_of(connection);
        for (request, frame) in answers {
            if let Err(cause) = self.answer(id, &request, &frame, now) {
                broken = Some(cause);
                let lost = match request.purpose {
                    Purpose::Produce(number) => Some(number),
                    Purpose::Metadata => {
                        self.metadata.failed(now, &mut self.random);
                        None
                    }
                    Purpose::ApiVersions => None,
                };
                if let (Some(request), Some(node)) = (lost, self.nodes.get(&id)) {
                    let trouble = node.trouble_at(Stage::Produce, broken.clone().unwrap_or_default());
                    let error = Error::new(ErrorKind::Network { trouble });
                    self.events.push_back(ClientEvent::Lost { request, sent: true, error });
                }
                break;
            }
        }
        match broken {
            Some(cause) => self.fail(id, stage, cause, now),
            None => self.retire(),
        }
    }

    fn resolved(&mut self, ticket: u64, addresses: io::Result<Vec<SocketAddr>>, now: Instant) {
        let Some(id) = self.tickets.remove(&ticket) else { return };
        let Some(node) = self.nodes.get_mut(&id) else { return };
        match addresses {
            Ok(addresses) if !addresses.is_empty() => {
                node.addresses = addresses.into();
                node.state = State::Idle;
                self.dial(id, now);
            }
            Ok(_) => self.fail(id, Stage::Dns, "the name has no address".to_owned(), now),
            Err(error) => self.fail(id, Stage::Dns, error.to_string(), now),
        }
    }

    fn connected(&mut self, connection: ConnectionId, now: Instant) {
        let Some(id) = self.connections.get(&connection).copied() else { return };
        let max_frame = self.settings.receive_message_max_bytes;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let State::Connecting { deadline, .. } = node.state else { return };
        let connection = Connection::new(connection, &self.settings.client_id, max_frame, now);
        node.state = State::Handshaking { connection, deadline };
        self.shake_hands(id, handshake::FIRST_VERSION, deadline, now);
    }

    fn disconnected(&mut self, connection: ConnectionId, cause: io::Error, now: Instant) {
        let Some(id) = self.connections.get(&connection).copied() else { return };
        let Some(node) = self.nodes.get(&id) else { return };
        let stage = match &node.state {
            State::Ready(connection) if connection.load() == 0 => {
                log::debug!("{} closed a connection that was at rest", node.address());
                return self.disconnect(id, now, &Error::new(ErrorKind::Closed));
            }
            State::Ready(connection) => stage_of(connection),
            State::Handshaking { .. } => Stage::ApiVersions,
            _ => Stage::Tcp,
        };
        let cause = match cause.kind() {
            io::ErrorKind::UnexpectedEof => "the broker closed the connection".to_owned(),
            _ => cause.to_string(),
        };
        self.fail(id, stage, cause, now);
    }
}

fn stage_of(connection: &Connection) -> Stage {
    match connection.oldest() {
        Some(Purpose::ApiVersions) => Stage::ApiVersions,
        Some(Purpose::Metadata) => Stage::Metadata,
        Some(Purpose::Produce(_)) => Stage::Produce,
        None => Stage::Idle,
    }
}
