//! All brokers together: which connection to open, what to send on it, what came back, when to try again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::{ClusterMetadata, MOST_TROUBLES, NodeId, SharedMetadata};
use crate::client::connection::{Connection, Purpose};
use crate::client::metadata::{Metadata, MetadataSettings};
use crate::client::node::{Node, State};
use crate::client::transport::{Command, ConnectionId};
use crate::error::{BrokerTrouble, Error, ErrorKind, Limit, Origin, Stage};
use crate::protocol::{MetadataRequest, ProduceRequest, ProduceResponse, Request};
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    pub(crate) bootstrap: Vec<(Arc<str>, u16)>,
    pub(crate) client_id: String,
    pub(crate) max_in_flight: usize,
    pub(crate) request_timeout: Duration,
    /// Of a first attempt, and of later ones as they fail (KIP-601).
    pub(crate) setup_timeout: Backoff,
    pub(crate) max_idle: Duration,
    pub(crate) reconnect: Backoff,
    pub(crate) receive_message_max_bytes: usize,
    pub(crate) metadata: MetadataSettings,
}

/// What happened, for the sender.
pub(crate) enum ClientEvent {
    MetadataChanged,
    Answer {
        request: u64,
        response: ProduceResponse,
    },
    /// All bytes of a request that gets no answer are with the kernel.
    Written {
        request: u64,
    },
    /// No answer will come.
    Lost {
        request: u64,
        sent: bool,
        error: Error,
    },
}

pub(crate) struct KafkaClient {
    pub(super) settings: ClientSettings,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) connections: HashMap<ConnectionId, NodeId>,
    pub(super) tickets: HashMap<u64, NodeId>,
    pub(super) next_id: u64,
    pub(super) commands: VecDeque<Command>,
    pub(super) writable: VecDeque<ConnectionId>,
    pub(super) events: VecDeque<ClientEvent>,
    pub(super) metadata: Metadata,
    pub(super) random: fastrand::Rng,
}

impl KafkaClient {
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

    /// What keeps requests to a leader from being answered, if there is one, and then what is known of the others.
    pub(crate) fn troubles_with(&self, leader: Option<NodeId>) -> Vec<BrokerTrouble> {
        let first = leader.and_then(|id| self.nodes.get(&id)?.trouble_now());
        let mut troubles = self.troubles();
        troubles.retain(|trouble| Some(trouble.origin) != first.as_ref().map(|first| first.origin));
        first.into_iter().chain(troubles).collect()
    }

    /// As those see them who wait. A Produce that is under way is none of them, or they would be others with each: of
    /// those the batches know. A question for metadata that is under way is one if nothing else is known; a server of
    /// `bootstrap_servers` is none while the cluster itself is there.
    pub(crate) fn troubles(&self) -> Vec<BrokerTrouble> {
        let is_known = |node: &Node| node.origin != Origin::Bootstrap;
        let connected = self.nodes.values().any(|node| is_known(node) && node.is_ready());
        let matters = |node: &&Node| {
            (node.standing_trouble().is_some() || node.is_coming()) && (is_known(node) || !connected)
        };
        let told = self.nodes.values().filter(matters).filter_map(Node::trouble_now);
        let troubles: Vec<_> = told.take(MOST_TROUBLES).collect();
        if !troubles.is_empty() {
            return troubles;
        }
        let asked = self.nodes.values().filter_map(Node::trouble_now);
        asked.filter(|trouble| trouble.stage == Stage::Metadata).take(MOST_TROUBLES).collect()
    }

    pub(super) fn publish_troubles(&self) {
        self.metadata.shared().set_troubles(self.troubles());
    }

    /// Whether a request can be sent to `node` now. If not, it is dialled, and a later step will find it ready.
    pub(crate) fn poll_ready(&mut self, id: NodeId, now: Instant) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return false };
        if node.throttled.is_some() {
            return false;
        }
        if node.is_ready() {
            return node
                .connection()
                .is_some_and(|connection| connection.load() < self.settings.max_in_flight);
        }
        node.wanted = true;
        if node.dialable_from().is_some_and(|from| from <= now) {
            self.dial(id, now);
        }
        false
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
    pub(crate) fn produce(
        &mut self,
        id: NodeId,
        request: &ProduceRequest,
        version: i16,
        number: u64,
        now: Instant,
    ) {
        let deadline = Deadline::after(now, self.settings.request_timeout);
        let answered = request.acks != 0;
        let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) else { return };
        connection.send(request, version, Purpose::Produce(number), answered, deadline, now);
        let connection = connection.id();
        self.writable.push_back(connection);
    }

    /// What is due: time-outs, the end of throttling, a question for metadata.
    pub(crate) fn step(&mut self, now: Instant) {
        let due: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| self.is_due(node, now)).map(|(id, _)| *id).collect();
        for id in due {
            self.time_out(id, now);
        }
        // Even if metadata is due: a broker that has moved can't be dialled, and asked, before.
        self.retire(now);
        self.ask_if_due(now);
    }

    /// Asks for metadata if that is due and somebody can be asked.
    pub(crate) fn ask_if_due(&mut self, now: Instant) {
        if self.metadata.is_due(now) {
            self.ask_for_metadata(now);
        }
    }

    pub(crate) fn next_deadline(&self, now: Instant) -> Deadline {
        let nodes = self.nodes.values().map(|node| node.deadline(self.idle_deadline(node)));
        let mut next = nodes.min().unwrap_or(Deadline::NEVER);
        if !self.metadata.is_due(now) {
            next = next.min(self.metadata.next_question());
        } else if self.free().next().is_some() {
            // Wanted since the last step, by what happened after it.
            next = next.min(Deadline::at(now));
        } else {
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
        }
        if !self.nodes.get(&id).is_some_and(|node| self.is_due(node, now)) {
            return;
        }
        let Some(node) = self.nodes.get_mut(&id) else { return };
        // Not as it was spread: each failure would be news.
        let setup = self.settings.setup_timeout.nominal(node.failures.saturating_add(1));
        let (limit, value, stage) = match &node.state {
            State::Idle => return,
            State::BackingOff(_) => {
                // Who still waits for it says so again; nobody else would ever take this back.
                node.wanted = false;
                return self.dial(id, now);
            }
            State::Resolving { .. } => (Limit::ConnectionSetup, setup, Stage::Dns),
            State::Connecting { .. } => (Limit::ConnectionSetup, setup, Stage::Tcp),
            State::Handshaking { .. } => (Limit::ConnectionSetup, setup, Stage::ApiVersions),
            State::Ready(connection) if connection.load() == 0 => {
                log::debug!(
                    "closing the connection to {}: not used for {:?}",
                    node.address(),
                    self.settings.max_idle
                );
                self.disconnect(id, now, &Error::new(ErrorKind::Closed));
                return;
            }
            State::Ready(connection) => {
                (Limit::RequestTimeout, self.settings.request_timeout, connection.stage())
            }
        };
        self.fail(id, stage, format!("no answer within {limit} of {value:?}"), now);
    }

    /// Who can be asked now.
    fn free(&self) -> impl Iterator<Item = (NodeId, &Connection)> {
        let free = self.nodes.iter().filter(|(id, node)| node.is_free() && self.is_member(**id));
        free.filter_map(|(id, node)| Some((*id, node.connection()?)))
    }

    /// Not one that the cluster has told of before and does not any more: it may be cut off, and know only old news.
    pub(super) fn is_member(&self, id: NodeId) -> bool {
        match id {
            NodeId::Bootstrap(_) => true,
            NodeId::Broker(number) => self.metadata.snapshot().brokers.contains_key(&number),
        }
    }

    /// The node with the fewest requests under way answers soonest (as the Java client's `leastLoadedNode`). Any of
    /// several: one that is behind, or that everybody asks, should not be the one that is asked each time.
    fn least_loaded(&mut self) -> Option<NodeId> {
        let least = self.free().map(|(_, connection)| connection.load()).min()?;
        let nodes: Vec<NodeId> =
            self.free().filter(|(_, connection)| connection.load() == least).map(|(id, _)| id).collect();
        self.random.choice(nodes)
    }

    pub(super) fn ask_for_metadata(&mut self, now: Instant) {
        let Some(id) = self.least_loaded() else {
            self.dial_any(now);
            return;
        };
        let version = match self.version::<MetadataRequest>(id, 0, i16::MAX) {
            Ok(version) => version,
            Err(error) => {
                self.metadata.failed(now, &mut self.random);
                let cause = match error.kind() {
                    ErrorKind::UnsupportedVersion { theirs: None, .. } => NO_BROKER.to_owned(),
                    _ => error.to_string(),
                };
                return self.fail(id, Stage::Metadata, cause, now);
            }
        };
        let request = self.metadata.request(now);
        let deadline = Deadline::after(now, self.settings.request_timeout);
        if let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) {
            connection.send(&request, version, Purpose::Metadata, true, deadline, now);
            let connection = connection.id();
            self.writable.push_back(connection);
        }
        self.publish_troubles();
    }
}

/// KRaft's controllers speak on ports of their own, and answer ApiVersions there.
const NO_BROKER: &str =
    "it does not know this request, as the cluster's controllers do not; name the port of a broker";
