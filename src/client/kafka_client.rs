//! All brokers together. It carries out what other modules decide: which node to dial and when (`dial`), the exchange
//! before a connection is ready (`setup`), when to request metadata (`metadata`), which node is a coordinator
//! (`coordinator`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::{ClusterMetadata, LeaderHint, NodeId, SharedMetadata};
use crate::client::connection::{Connection, Received};
use crate::client::coordinator::{self, Coordinator, Found, Key};
use crate::client::dial::{self, DialSettings, Dialling, Next};
use crate::client::failure::{Failure, Fault, fatal_error};
use crate::client::mechanisms::Mechanisms;
use crate::client::metadata::{Metadata, MetadataSettings};
use crate::client::node::{Node, State};
use crate::client::options::{AddressFamily, MetadataRecoveryStrategy};
use crate::client::request::{Answer, ConnectionEnd, Loss, Outcome, Tag, Target};
use crate::client::session::Session;
use crate::client::setup::{Ready, Setup};
use crate::client::tags::{CoordinatorTag, MetadataTag, OfCoordinator, RequestEvent, Sasl, Users};
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::client::waiting_request::{Ask, WaitingRequest};
use crate::error::{BrokerTrouble, Error, ErrorKind, Limit, Origin, Stage};
use crate::metrics::Recorder;
use crate::observation::MOST_TROUBLES;
use crate::protocol::{FindCoordinatorRequest, MetadataRequest, NodeEndpoint, Request};
use crate::security::SaslMechanism;
use crate::time::{Backoff, Deadline, Instant};

#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    pub(crate) bootstrap: Vec<(Arc<str>, u16)>,
    pub(crate) client_id: String,
    pub(crate) max_in_flight: usize,
    pub(crate) request_timeout: Duration,
    /// The limit of a first attempt, and of later ones as they fail (KIP-601).
    pub(crate) setup_timeout: Backoff,
    pub(crate) max_idle: Duration,
    /// Between two attempts at a broker that is not needed,
    pub(crate) reconnect: Backoff,
    /// and at one that is needed.
    pub(crate) reconnect_needed: Backoff,
    pub(crate) receive_message_max_bytes: usize,
    /// The SASL mechanisms, the preferred one first; empty without SASL.
    pub(crate) mechanisms: Vec<Arc<dyn SaslMechanism>>,
    pub(crate) address_family: AddressFamily,
    pub(crate) recovery: MetadataRecoveryStrategy,
    pub(crate) metadata: MetadataSettings,
}

/// An event for the user of the client.
pub(crate) enum ClientEvent<E> {
    MetadataChanged,
    Over(E),
}

pub(crate) struct KafkaClient<E> {
    settings: ClientSettings,
    client_id: Arc<str>,
    nodes: BTreeMap<NodeId, Node<RequestEvent<E>>>,
    dialling: Dialling,
    mechanisms: Mechanisms,
    metadata: Metadata,
    coordinators: BTreeMap<Key, Coordinator>,
    /// The requests that wait for a connection, in order.
    waiting: VecDeque<Waiting<E>>,
    commands: VecDeque<Command>,
    writable: VecDeque<ConnectionId>,
    events: VecDeque<ClientEvent<E>>,
    /// The nodes that [`poll_ready`](Self::poll_ready) refused because a request was not completely written; and whether
    /// one of them can be used now, or an attempt has failed, while nothing else wakes the sender.
    refused: BTreeSet<NodeId>,
    step_again: bool,
    /// The troubles that were published last, and whether they may have changed since.
    published: Vec<BrokerTrouble>,
    troubles_changed: bool,
    /// The calls that wait for metadata were told that no wait can succeed.
    published_fatal: bool,
    recorder: Recorder,
    /// The sizes of the requests that a write has completed. It is kept for its memory.
    completed: Vec<usize>,
    random: fastrand::Rng,
}

struct Waiting<E> {
    target: Target,
    request: Box<dyn WaitingRequest<RequestEvent<E>>>,
}

/// Where a waiting request can be sent.
enum Route {
    Now(NodeId),
    NotYet,
    Never(Error),
}

impl<E: 'static> KafkaClient<E> {
    pub(crate) fn new(
        settings: ClientSettings,
        shared: Arc<SharedMetadata>,
        recorder: Recorder,
        random: fastrand::Rng,
    ) -> Self {
        let bootstrap = settings.bootstrap.iter().zip(0..);
        let nodes = bootstrap.map(|((host, port), index)| {
            (NodeId::Bootstrap(index), Node::new(Arc::clone(host), *port, Origin::Bootstrap))
        });
        let ClientSettings { setup_timeout, reconnect, reconnect_needed, .. } = settings;
        Self {
            nodes: nodes.collect(),
            client_id: settings.client_id.as_str().into(),
            dialling: Dialling::new(DialSettings { setup_timeout, reconnect, reconnect_needed }),
            mechanisms: Mechanisms::new(settings.mechanisms.clone()),
            metadata: Metadata::new(settings.metadata.clone(), shared),
            settings,
            coordinators: BTreeMap::new(),
            waiting: VecDeque::new(),
            commands: VecDeque::new(),
            writable: VecDeque::new(),
            events: VecDeque::new(),
            refused: BTreeSet::new(),
            step_again: false,
            published: Vec::new(),
            troubles_changed: false,
            published_fatal: false,
            recorder,
            completed: Vec::new(),
            random,
        }
    }

    pub(crate) fn next_event(&mut self) -> Option<ClientEvent<E>> {
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

    /// What stops requests to a leader, if there is one, followed by what is known of other nodes.
    pub(crate) fn troubles_with(&self, leader: Option<NodeId>) -> Vec<BrokerTrouble> {
        let first = leader.and_then(|id| self.nodes.get(&id)?.trouble_now());
        let mut troubles = self.troubles();
        troubles.retain(|trouble| Some(trouble.origin) != first.as_ref().map(|first| first.origin));
        first.into_iter().chain(troubles).collect()
    }

    /// The troubles for calls that wait. A Produce in flight is not one of them, because then they would change with each
    /// one; the batches know it. A metadata request in flight is one if nothing else is known. A server of
    /// `bootstrap_servers` is none while the cluster itself can be reached.
    pub(crate) fn troubles(&self) -> Vec<BrokerTrouble> {
        let is_known = |node: &Node<_>| node.origin != Origin::Bootstrap;
        let connected = self.nodes.values().any(|node| is_known(node) && node.is_ready());
        let matters = |node: &&Node<_>| {
            (node.standing_trouble().is_some() || node.is_coming()) && (is_known(node) || !connected)
        };
        let current = self.nodes.values().filter(matters).filter_map(Node::trouble_now);
        let troubles: Vec<_> = current.take(MOST_TROUBLES).collect();
        if !troubles.is_empty() {
            return troubles;
        }
        let asked = self.nodes.values().filter_map(Node::trouble_now);
        asked.filter(|trouble| trouble.stage == Stage::Metadata).take(MOST_TROUBLES).collect()
    }

    /// [`troubles`](Self::troubles), if they have changed since the last call.
    pub(crate) fn changed_troubles(&mut self) -> Option<Vec<BrokerTrouble>> {
        if !std::mem::take(&mut self.troubles_changed) {
            return None;
        }
        let troubles = self.troubles();
        (troubles != self.published).then(|| self.published.clone_from(&troubles))?;
        Some(troubles)
    }

    /// Whether a request can be sent to `node` now. If not, the node is dialled, or waits until its connection has written
    /// the last request, and a later step will find it ready. The last request has to be completely written: records that
    /// wait here can still be taken back, and are not late.
    pub(crate) fn poll_ready(&mut self, id: NodeId, now: Instant) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return false };
        if node.throttled.is_some() {
            return false;
        }
        if node.is_ready() {
            let most = self.settings.max_in_flight;
            let Some(connection) = node.usable().filter(|connection| connection.load() < most) else {
                return false;
            };
            if connection.is_writing() {
                self.refused.insert(id);
                return false;
            }
            return true;
        }
        node.needed = true;
        if node.dialable_from(true).is_some_and(|from| from <= now) {
            self.dial(id, now);
        }
        false
    }

    /// The version of `R` for a ready node, between `floor` and `cap`.
    pub(crate) fn version<R: Request>(&self, id: NodeId, floor: i16, cap: i16) -> Result<i16, Error> {
        let node = self.nodes.get(&id);
        let address = node.map(Node::address).unwrap_or_default();
        match node.and_then(Node::connection) {
            Some(connection) => connection.version::<R>(floor, cap, &address),
            None => {
                let ours = ((*R::VERSIONS.start()).max(floor), (*R::VERSIONS.end()).min(cap));
                let (api, theirs) = (R::KEY.to_string(), None);
                Err(Error::new(ErrorKind::UnsupportedVersion { api, ours, theirs, address }))
            }
        }
    }

    /// Sends to a node that is [ready](Self::poll_ready), in a version that it supports.
    pub(crate) fn send<T: Tag<E>>(
        &mut self,
        id: NodeId,
        request: &T::Request,
        version: i16,
        tag: T,
        now: Instant,
    ) {
        let is_answered = request.is_answered();
        self.send_tagged(id, request, version, Users(tag), is_answered, now);
    }

    /// Sends the request when it can be sent, in the highest version that both sides support.
    pub(crate) fn ask<T: Tag<E>>(&mut self, target: Target, request: T::Request, tag: T, now: Instant) {
        let request: Box<dyn WaitingRequest<RequestEvent<E>>> = match &target {
            Target::Node(_) | Target::Any => Box::new(Ask { tag: Users(tag), request }),
            Target::Coordinator(key) => {
                Box::new(Ask { tag: OfCoordinator { key: key.clone(), tag }, request })
            }
        };
        self.waiting.push_back(Waiting { target, request });
        self.ask_waiting(now);
    }

    /// Takes the leaders that other brokers have named. Newer metadata are requested in any case.
    pub(crate) fn learn_leaders(&mut self, hints: &[LeaderHint], endpoints: &[NodeEndpoint]) {
        if self.metadata.learn(hints, endpoints) {
            crate::sync::is_rare("leader hint used");
            self.meet_brokers();
            self.events.push_back(ClientEvent::MetadataChanged);
        }
    }

    /// Does what is due. `heard`, the time up to which all answers were read, decides what is late. `now` decides what else
    /// is due.
    pub(crate) fn step(&mut self, now: Instant, heard: Instant) {
        self.step_again = false;
        for id in self.nodes_that(|node, _| node.late_from().has_passed(heard)) {
            self.time_out(id, heard, now);
        }
        for id in self.nodes_that(|node, max_idle| node.due_from(max_idle).has_passed(now)) {
            self.run_due(id, now);
        }
        // Also if metadata are due: a broker with a new address can't be dialled and asked before this.
        self.retire(now);
        self.ask_waiting(now);
        self.ask_if_due(now);
    }

    /// Requests metadata if they are due and a node can be asked.
    pub(crate) fn ask_if_due(&mut self, now: Instant) {
        if self.metadata.is_due(now) {
            self.ask_for_metadata(now);
        }
    }

    pub(crate) fn next_deadline(&self, now: Instant) -> Deadline {
        if self.step_again {
            return Deadline::at(now);
        }
        let max_idle = self.settings.max_idle;
        let nodes = self.nodes.values().map(|node| node.late_from().min(node.due_from(max_idle)));
        let coordinators = self.coordinators.values().map(Coordinator::next_request_at);
        let coordinators = coordinators.min().filter(|_| !self.waiting.is_empty());
        let asks_any = self.waiting.iter().any(|waiting| waiting.target == Target::Any);
        let request_at = self.metadata.next_request_at().min(coordinators.unwrap_or(Deadline::NEVER));
        let mut next = nodes.min().unwrap_or(Deadline::NEVER);
        if !asks_any && !request_at.has_passed(now) {
            next = next.min(request_at);
        } else if self.free().next().is_some() {
            // It has become due since the last step.
            next = next.min(Deadline::at(now));
        } else if let Next::Wait(until) = self.whom_to_dial(now) {
            // It is overdue and no node can be asked. The next dial is the next chance.
            next = next.min(until);
        } else {
            next = next.min(Deadline::at(now));
        }
        next
    }

    /// Closes every connection. The requests in flight are lost.
    pub(crate) fn close(&mut self, now: Instant) {
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in ids {
            self.disconnect(id, &ConnectionEnd::Closed, now);
        }
        for waiting in std::mem::take(&mut self.waiting) {
            self.on_request_event(
                waiting.request.fail(Loss::unsent(Error::new(ErrorKind::Closed))),
                None,
                now,
            );
        }
    }

    fn nodes_that(&self, is_meant: impl Fn(&Node<RequestEvent<E>>, Duration) -> bool) -> Vec<NodeId> {
        let max_idle = self.settings.max_idle;
        self.nodes.iter().filter(|(_, node)| is_meant(node, max_idle)).map(|(id, _)| *id).collect()
    }

    /// A broker is late.
    fn time_out(&mut self, id: NodeId, heard: Instant, now: Instant) {
        // The failure of another node may have changed it.
        let Some(node) = self.nodes.get(&id).filter(|node| node.late_from().has_passed(heard)) else {
            return;
        };
        let (limit, value, stage) = match &node.state {
            State::Idle | State::BackingOff(_) => return,
            State::Resolving { .. } => (Limit::ConnectionSetup, self.dialling.limit(node), Stage::Dns),
            State::Connecting { stage, .. } => (Limit::ConnectionSetup, self.dialling.limit(node), *stage),
            State::SettingUp { setup, .. } => {
                (Limit::ConnectionSetup, self.dialling.limit(node), setup.stage())
            }
            State::Ready(connection) => {
                (Limit::RequestTimeout, self.settings.request_timeout, connection.stage())
            }
        };
        self.fail(id, Fault::passing(stage, format!("no response within {value:?} ({limit})")), now);
    }

    /// Something else than lateness is due.
    fn run_due(&mut self, id: NodeId, now: Instant) {
        let max_idle = self.settings.max_idle;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if node.throttled.is_some_and(|until| until <= now) {
            node.throttled = None;
        }
        if !node.due_from(max_idle).has_passed(now) {
            return;
        }
        let is_quiet = node.connection().is_some_and(|connection| connection.load() == 0);
        if let Some(session) = node.session().filter(|session| session.due_from(is_quiet).has_passed(now)) {
            return match session.is_over(now) {
                true => self.session_over(id, now),
                false => self.renew(id, None, now),
            };
        }
        if node.connection().is_some() {
            log::debug!("closing the connection to {}, which was not used for {max_idle:?}", node.address());
            self.disconnect(id, &ConnectionEnd::Closed, now);
        } else {
            self.dial(id, now);
        }
    }

    /// The broker accepts nothing more. That is no failure of the broker, so the next dial need not wait. The requests in
    /// flight are still answered, because the broker checks the time only when a request comes.
    fn session_over(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let Some(connection) = node.connection_mut() else { return };
        if connection.load() > 0 {
            return connection.end_session();
        }
        let cause = connection.session().why_over();
        let trouble = node.trouble_at(Stage::Sasl, cause);
        log::debug!("{trouble}");
        self.disconnect(id, &ConnectionEnd::Failed { trouble, closed_by_peer: false }, now);
    }

    /// Renews the login while requests are in flight: begins, or goes on after an answer.
    fn renew(&mut self, id: NodeId, answer: Option<&[u8]>, now: Instant) {
        let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) else { return };
        let number = connection.id();
        match connection.renew(answer, Box::new(Sasl), now, &mut self.random) {
            Ok(true) => self.writable.push_back(number),
            Ok(false) if answer.is_some() => self.recorder.renewed(true, now),
            Ok(false) => {}
            Err(failure) => self.not_accepted(id, Stage::Sasl, failure, now),
        }
    }

    fn dial(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let command = self.dialling.begin(node, now, &mut self.random);
        self.commands.push_back(command);
        self.troubles_changed = true;
    }

    fn whom_to_dial(&self, now: Instant) -> Next {
        let members = self.nodes.iter().filter(|(id, _)| self.is_member(**id));
        dial::next(members.map(|(id, node)| (*id, node)), now)
    }

    /// Not a broker that the cluster has named before and does not name any more. It may be cut off and know only old
    /// metadata. Without rebootstrapping, `bootstrap_servers` are only for the first metadata.
    fn is_member(&self, id: NodeId) -> bool {
        match id {
            NodeId::Bootstrap(_) => {
                self.settings.recovery == MetadataRecoveryStrategy::Rebootstrap
                    || self.metadata.snapshot().brokers.is_empty()
            }
            NodeId::Broker(number) => self.metadata.snapshot().brokers.contains_key(&number),
        }
    }

    /// The nodes that can be asked now.
    fn free(&self) -> impl Iterator<Item = (NodeId, &Connection<RequestEvent<E>>)> {
        let free = self.nodes.iter().filter(|(id, node)| node.is_free() && self.is_member(**id));
        free.filter_map(|(id, node)| Some((*id, node.connection()?)))
    }

    /// The node with the fewest requests in flight answers soonest (as the Java client's `leastLoadedNode`). Among several
    /// it is a random one: a node with old metadata, or one that all clients ask, should not be asked each time. If no node
    /// can be asked, one is dialled.
    fn anybody(&mut self, now: Instant) -> Option<NodeId> {
        let Some(least) = self.free().map(|(_, connection)| connection.load()).min() else {
            if let Next::Now(id) = self.whom_to_dial(now) {
                self.dial(id, now);
            }
            return None;
        };
        let nodes: Vec<NodeId> =
            self.free().filter(|(_, connection)| connection.load() == least).map(|(id, _)| id).collect();
        self.random.choice(nodes)
    }

    fn ask_for_metadata(&mut self, now: Instant) {
        let Some(id) = self.anybody(now) else { return };
        let version = match self.version::<MetadataRequest>(id, 0, i16::MAX) {
            Ok(version) => version,
            Err(error) => {
                let cause = match error.kind() {
                    ErrorKind::UnsupportedVersion { theirs: None, .. } => NO_BROKER.to_owned(),
                    _ => error.to_string(),
                };
                return self.fail(id, Fault::passing(Stage::Metadata, cause), now);
            }
        };
        let request = self.metadata.request(now);
        self.send_tagged(id, &request, version, MetadataTag { version }, true, now);
        self.troubles_changed = true;
    }

    fn send_tagged<T: Tag<RequestEvent<E>>>(
        &mut self,
        id: NodeId,
        request: &T::Request,
        version: i16,
        tag: T,
        is_answered: bool,
        now: Instant,
    ) {
        match self.nodes.get_mut(&id).and_then(Node::connection_mut) {
            Some(connection) => {
                connection.send(request, version, tag, is_answered, now);
                let connection = connection.id();
                self.writable.push_back(connection);
            }
            None => {
                let what = "a request was sent to a broker that is not connected".to_owned();
                let loss = Loss::unsent(Error::new(ErrorKind::Bug { what }));
                self.on_request_event(tag.over(Outcome::Lost(loss)), None, now);
            }
        }
    }

    /// Sends the waiting requests that can be sent now.
    fn ask_waiting(&mut self, now: Instant) {
        for waiting in std::mem::take(&mut self.waiting) {
            match self.route(&waiting.target, now) {
                Route::NotYet => self.waiting.push_back(waiting),
                Route::Never(error) => {
                    self.on_request_event(waiting.request.fail(Loss::unsent(error)), None, now)
                }
                Route::Now(id) => {
                    let Some(node) = self.nodes.get_mut(&id) else { continue };
                    let address = node.address();
                    let Some(connection) = node.connection_mut() else { continue };
                    let over = waiting.request.send(connection, &address, now);
                    let connection = connection.id();
                    self.writable.push_back(connection);
                    over.into_iter().for_each(|over| self.on_request_event(over, None, now));
                }
            }
        }
    }

    fn route(&mut self, target: &Target, now: Instant) -> Route {
        let ready = |client: &mut Self, id| match client.poll_ready(id, now) {
            true => Route::Now(id),
            false => Route::NotYet,
        };
        match target {
            Target::Any => self.anybody(now).map_or(Route::NotYet, Route::Now),
            Target::Node(id) => match self.nodes.contains_key(id) {
                true => ready(self, *id),
                false => {
                    let what = "a request is for a broker that the cluster does not have".to_owned();
                    Route::Never(Error::new(ErrorKind::Bug { what }))
                }
            },
            Target::Coordinator(key) => {
                let known = self.coordinators.entry(key.clone());
                let coordinator = known.or_insert_with(|| Coordinator::new(key.clone()));
                match coordinator.state() {
                    coordinator::State::Known(id) => ready(self, id),
                    _ => {
                        if coordinator.next_request_at().has_passed(now) {
                            self.look_for(key, now);
                        }
                        Route::NotYet
                    }
                }
            }
        }
    }

    fn look_for(&mut self, key: &Key, now: Instant) {
        let Some(id) = self.anybody(now) else { return };
        let version = self.version::<FindCoordinatorRequest>(id, key.first_version(), i16::MAX);
        let Some(coordinator) = self.coordinators.get_mut(key) else { return };
        match version {
            Ok(version) => {
                let request = coordinator.ask();
                self.send_tagged(id, &request, version, CoordinatorTag(key.clone()), true, now);
            }
            Err(error) => {
                coordinator.failed(self.settings.metadata.retry, now, &mut self.random);
                self.give_up_on(key, &error, now);
            }
        }
    }

    /// The requests for this coordinator fail.
    fn give_up_on(&mut self, key: &Key, error: &Error, now: Instant) {
        let is_for = |target: &Target| matches!(target, Target::Coordinator(wanted) if wanted == key);
        for waiting in std::mem::take(&mut self.waiting) {
            match is_for(&waiting.target) {
                true => self.on_request_event(waiting.request.fail(Loss::unsent(error.clone())), None, now),
                false => self.waiting.push_back(waiting),
            }
        }
    }

    /// The outcome of a request. `from` is the node that has answered it, if one has.
    fn on_request_event(&mut self, event: RequestEvent<E>, from: Option<NodeId>, now: Instant) {
        match event {
            RequestEvent::Over(event) => self.events.push_back(ClientEvent::Over(event)),
            RequestEvent::OfCoordinator(key, code, event) => {
                if let Some(from) = from.filter(|_| coordinator::is_gone(code)) {
                    self.coordinators.get_mut(&key).into_iter().for_each(|known| known.lost(from));
                }
                self.events.push_back(ClientEvent::Over(event));
            }
            RequestEvent::Metadata(version, Outcome::Answered(response)) => {
                self.metadata.answered(version, response, now, &mut self.random);
                self.recorder.metadata_came(now);
                self.meet_brokers();
                self.events.push_back(ClientEvent::MetadataChanged);
            }
            RequestEvent::Metadata(_, Outcome::Written | Outcome::Lost(_)) => {
                self.metadata.failed(now, &mut self.random);
            }
            RequestEvent::Coordinator(key, outcome) => self.coordinator_answered(&key, outcome, now),
            RequestEvent::Sasl(Outcome::Answered(frame)) => {
                from.into_iter().for_each(|id| self.renew(id, Some(&frame), now));
            }
            // It is lost with its connection.
            RequestEvent::Sasl(Outcome::Written | Outcome::Lost(_)) => {}
        }
    }

    fn coordinator_answered(
        &mut self,
        key: &Key,
        outcome: Outcome<crate::protocol::FindCoordinatorResponse>,
        now: Instant,
    ) {
        let Some(coordinator) = self.coordinators.get_mut(key) else { return };
        let retry = self.settings.metadata.retry;
        match outcome {
            Outcome::Answered(response) => {
                match coordinator.answered(response, retry, now, &mut self.random) {
                    Found::NotYet => {}
                    Found::Never(error) => self.give_up_on(key, &error, now),
                    // It may be a broker that is not in the metadata yet.
                    Found::At { number, host, port } => self.meet(number, &host.into(), port),
                }
            }
            Outcome::Written | Outcome::Lost(_) => coordinator.failed(retry, now, &mut self.random),
        }
    }

    /// The metadata have the brokers of the cluster. They are the nodes now.
    fn meet_brokers(&mut self) {
        let snapshot = Arc::clone(self.metadata.snapshot());
        for (number, broker) in &snapshot.brokers {
            self.meet(*number, &broker.host, broker.port);
        }
        let gone =
            |id: &NodeId| matches!(id, NodeId::Broker(number) if !snapshot.brokers.contains_key(number));
        self.nodes.retain(|id, node| !(gone(id) && node.connection_id().is_none()));
        self.troubles_changed = true;
    }

    fn meet(&mut self, number: i32, host: &Arc<str>, port: u16) {
        let fresh = || Node::new(Arc::clone(host), port, Origin::Metadata { broker: number });
        let node = self.nodes.entry(NodeId::Broker(number)).or_insert_with(fresh);
        if node.host != *host || node.port != port {
            node.move_to(Arc::clone(host), port);
        }
    }

    /// An attempt or a connection has failed.
    fn fail(&mut self, id: NodeId, fault: Fault, now: Instant) {
        let Fault { stage, cause, is_fatal, mechanism, closed_by_peer } = fault;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        match &node.state {
            State::SettingUp { .. } if stage == Stage::Sasl => self.recorder.authenticated(false, now),
            State::Ready(connection) if connection.session().is_renewing() => {
                self.recorder.renewed(false, now)
            }
            _ => {}
        }
        // Failures at an old address say nothing about the new one.
        let moved = node.moved;
        let cause = if moved { format!("{cause} (at the broker's previous address)") } else { cause };
        let trouble = node.trouble_at(stage, cause);
        self.disconnect(id, &ConnectionEnd::Failed { trouble: trouble.clone(), closed_by_peer }, now);
        self.coordinators.values_mut().for_each(|coordinator| coordinator.lost(id));
        let Some(node) = self.nodes.get_mut(&id) else { return };
        // One warning for each change of state. A failure that goes on is not logged again.
        if node.trouble.is_none() {
            node.warnings.begin(now);
        }
        let text = trouble.to_string();
        match node.warnings.should_log(&text, Duration::MAX, now) {
            None => log::debug!("{text}"),
            Some(_) => log::warn!("{text}"),
        }
        if moved {
            // The failed attempt was not for the current address.
            return;
        }
        node.trouble = Some(trouble.clone());
        node.fatal = is_fatal.then(|| fatal_error(mechanism, trouble));
        node.has_changed_mechanism = false;
        if is_fatal {
            node.addresses.clear();
        }
        if !node.addresses.is_empty() {
            return self.dial(id, now);
        }
        // Code that needs the node says so again, and that decides when it is dialled next.
        self.step_again = true;
        // The partitions that it led may have another leader by now.
        self.metadata.want();
        node.failures = node.failures.saturating_add(1);
        let failures = node.failures;
        let resting = self.nodes.values().filter(|node| matches!(node.state, State::BackingOff(_))).count();
        let pause = self.dialling.pause(failures, is_fatal, resting, now, &mut self.random);
        self.nodes.get_mut(&id).into_iter().for_each(|node| node.state = State::BackingOff(pause));
        self.publish_fatal(id);
        self.ask_if_due(now);
    }

    /// Fails the calls that wait for metadata because no wait can succeed, or lets them wait again. If another broker can
    /// be used, or may turn out to be usable, they do not depend on the one that has failed. Accepted records are not
    /// failed by it. Their topic is known from a broker that has accepted the login. So a login that is refused now,
    /// because a password is being changed, may be accepted again before they expire.
    fn publish_fatal(&mut self, latest: NodeId) {
        let may_come = |node: &Node<_>| node.is_ready() || node.is_coming() || node.is_untried();
        if self.nodes.iter().any(|(id, node)| self.is_member(*id) && may_come(node)) {
            return;
        }
        let of_latest = self.nodes.get(&latest).and_then(|node| node.fatal.clone());
        let fatal = of_latest.or_else(|| self.nodes.values().find_map(|node| node.fatal.clone()));
        if self.published_fatal || fatal.is_some() {
            self.published_fatal = fatal.is_some();
            self.metadata.shared().set_fatal(fatal);
        }
    }

    /// Ends the connection of a node in any state. The node is idle then, without a failure.
    fn disconnect(&mut self, id: NodeId, end: &ConnectionEnd, now: Instant) {
        self.forget_failures(id, now);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.moved = false;
        self.refused.remove(&id);
        if let Some(connection) = node.connection_id() {
            self.commands.push_back(Command::Close { connection });
        }
        if matches!(node.state, State::SettingUp { .. } | State::Ready(_)) {
            self.recorder.closed(now);
        }
        if let State::Ready(connection) = std::mem::replace(&mut node.state, State::Idle) {
            connection.lost(end).into_iter().for_each(|event| self.on_request_event(event, None, now));
        }
        self.troubles_changed = true;
    }

    /// Closes connections that are not needed any more and have no request in flight: bootstrap connections when the
    /// brokers are known, no metadata are due and no request waits, and connections to the former address of a broker.
    fn retire(&mut self, now: Instant) {
        // A bootstrap connection may have been made for a request that waits.
        let is_quiet = self.waiting.is_empty() && !self.metadata.is_due(now);
        let known = !self.metadata.snapshot().brokers.is_empty() && is_quiet;
        let retired = |id: &NodeId, node: &Node<_>| {
            // A connection that is not ready yet has no request that would be lost.
            let quiet = node.connection().is_none_or(|connection| connection.load() == 0);
            let bootstrap = matches!(id, NodeId::Bootstrap(_)) && node.connection().is_some();
            quiet && node.connection_id().is_some() && (node.moved || (known && bootstrap))
        };
        let retired: Vec<NodeId> =
            self.nodes.iter().filter(|(id, node)| retired(id, node)).map(|(id, _)| *id).collect();
        for id in retired {
            self.disconnect(id, &ConnectionEnd::Closed, now);
        }
    }

    /// The set-up is complete.
    fn ready(&mut self, id: NodeId, now: Instant) {
        let (timeout, proof) = (self.settings.request_timeout, self.dialling.proof());
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let State::SettingUp { setup, .. } = std::mem::replace(&mut node.state, State::Idle) else { return };
        let Some(Ready { foundation, grant, throttle_ms }) = setup.finish() else { return };
        if grant.is_some() {
            self.recorder.authenticated(true, now);
        }
        let session = Session::of(grant, now, &mut self.random);
        let mut connection = Connection::new(foundation, session, timeout, now);
        connection.be_useful_from(Deadline::after(now, proof));
        node.state = State::Ready(connection);
        node.needed = false;
        node.has_changed_mechanism = false;
        self.troubles_changed = true;
        if std::mem::take(&mut self.published_fatal) {
            self.metadata.shared().set_fatal(None);
        }
        self.throttle(id, throttle_ms, now);
    }

    /// The set-up or the renewal of the login was refused.
    fn not_accepted(&mut self, id: NodeId, stage: Stage, failure: Failure, now: Instant) {
        if let Failure::Refused { mechanism, offered: Some(offered), .. } = &failure
            && let Some(other) = self.mechanisms.other_than(mechanism, offered)
            && let Some(node) = self.nodes.get_mut(&id)
            && !std::mem::replace(&mut node.has_changed_mechanism, true)
        {
            node.mechanism = other;
            log::debug!(
                "{} does not offer the SASL mechanism {mechanism}; trying another mechanism",
                node.address()
            );
            self.disconnect(id, &ConnectionEnd::Closed, now);
            return self.dial(id, now);
        }
        self.fail(id, Fault::of(stage, failure), now);
    }

    /// Forgets earlier failures if the current connection was useful.
    fn forget_failures(&mut self, id: NodeId, now: Instant) {
        self.troubles_changed |= self.nodes.get_mut(&id).is_some_and(|node| node.recover(now));
    }

    fn throttle(&mut self, id: NodeId, millis: i32, now: Instant) {
        if let Some(node) = self.nodes.get_mut(&id)
            && let Ok(millis @ 1..) = u64::try_from(millis)
        {
            let until = node.throttle(Duration::from_millis(millis), now);
            let not_late_before = Deadline::after(until, self.settings.request_timeout);
            node.connection_mut()
                .into_iter()
                .for_each(|connection| connection.put_off_deadline(not_late_before));
        }
    }

    /// The node of a connection. There is no second list that could differ from the nodes.
    fn node_of(&self, connection: ConnectionId) -> Option<NodeId> {
        let is_its_own = |node: &Node<_>| node.connection_id() == Some(connection);
        self.nodes.iter().find(|(_, node)| is_its_own(node)).map(|(id, _)| *id)
    }
}

impl<E: 'static> Endpoint for KafkaClient<E> {
    fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    fn next_writable(&mut self) -> Option<ConnectionId> {
        self.writable.pop_front()
    }

    fn outgoing<'a>(&'a self, connection: ConnectionId, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        match self.node_of(connection).and_then(|id| self.nodes.get(&id)).map(|node| &node.state) {
            Some(State::SettingUp { setup, .. }) => setup.outgoing(visit),
            Some(State::Ready(connection)) => connection.outgoing(visit),
            _ => {}
        }
    }

    fn written(&mut self, connection: ConnectionId, count: usize, now: Instant) {
        let Some(id) = self.node_of(connection) else { return };
        let completed = &mut self.completed;
        let over = match self.nodes.get_mut(&id).map(|node| &mut node.state) {
            Some(State::SettingUp { setup, .. }) => {
                setup.written(count, completed);
                None
            }
            Some(State::Ready(connection)) => Some(connection.written(count, now, completed)),
            _ => return,
        };
        self.recorder.written(id.number(), count, completed.drain(..), now);
        let Some(over) = over else { return };
        over.into_iter().for_each(|event| self.on_request_event(event, Some(id), now));
        self.forget_failures(id, now);
        let is_writing = self.nodes.get(&id).and_then(Node::connection).is_some_and(Connection::is_writing);
        self.step_again |= !is_writing && self.refused.remove(&id);
    }

    fn received(&mut self, connection: ConnectionId, mut bytes: &[u8], now: Instant) {
        let Some(id) = self.node_of(connection) else { return };
        if let Some((from, State::SettingUp { setup, .. })) = self.nodes.get_mut(&id).map(Node::responder) {
            let (stage, before, count) = (setup.stage(), setup.answers(), bytes.len());
            let outcome = setup.received(&mut bytes, from, now);
            let answers = setup.answers() - before;
            self.recorder.received(id.number(), count - bytes.len(), answers, now);
            match outcome {
                Ok(true) => self.ready(id, now),
                Ok(false) => return self.writable.push_back(connection),
                Err(failure) => return self.not_accepted(id, stage, failure, now),
            }
        }
        if bytes.is_empty() {
            return;
        }
        let Some((from, State::Ready(ready))) = self.nodes.get_mut(&id).map(Node::responder) else { return };
        let Received { answers, broken } = ready.received(bytes, from, now);
        self.recorder.received(id.number(), bytes.len(), answers.len(), now);
        for Answer { event, throttle_ms } in answers {
            if let Some(ready) = self.nodes.get_mut(&id).and_then(Node::connection_mut) {
                ready.be_useful_from(Deadline::at(now));
            }
            self.forget_failures(id, now);
            self.throttle(id, throttle_ms, now);
            self.on_request_event(event, Some(id), now);
        }
        // An answer may have ended the connection.
        if let Some(cause) = broken
            && self.node_of(connection) == Some(id)
        {
            let stage = self.nodes.get(&id).and_then(Node::connection).map_or(Stage::Idle, Connection::stage);
            self.fail(id, Fault::passing(stage, cause), now);
        }
    }

    fn resolved(&mut self, lookup_id: u64, found: io::Result<Vec<SocketAddr>>, now: Instant) {
        let mut nodes = self.nodes.iter_mut();
        let Some((id, node)) = nodes.find(|(_, node)| node.awaits(lookup_id)) else { return };
        let id = *id;
        match dial::addresses(found, self.settings.address_family) {
            Ok(addresses) => {
                node.addresses = addresses;
                self.dial(id, now);
            }
            Err(cause) => self.fail(id, Fault::passing(Stage::Dns, cause), now),
        }
    }

    fn dial_reached(&mut self, connection: ConnectionId, reached: Stage, _: Instant) {
        let Some(id) = self.node_of(connection) else { return };
        if let Some(State::Connecting { stage, .. }) = self.nodes.get_mut(&id).map(|node| &mut node.state) {
            *stage = reached;
            self.troubles_changed = true;
        }
    }

    fn connected(&mut self, connection: ConnectionId, now: Instant) {
        let Some(id) = self.node_of(connection) else { return };
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let State::Connecting { deadline, .. } = node.state else { return };
        let max_frame = self.settings.receive_message_max_bytes;
        self.recorder.connected(now);
        let login = self.mechanisms.login(node.mechanism, &node.host);
        let setup = Setup::new(connection, Arc::clone(&self.client_id), max_frame, login, now);
        node.state = State::SettingUp { setup, deadline };
        self.writable.push_back(connection);
        self.troubles_changed = true;
    }

    fn disconnected(&mut self, connection: ConnectionId, cause: io::Error, now: Instant) {
        let Some(id) = self.node_of(connection) else { return };
        let Some(node) = self.nodes.get(&id) else { return };
        let stage = match &node.state {
            State::Ready(connection) if connection.load() == 0 && connection.is_useful(now) => {
                log::debug!("{} closed an idle connection", node.address());
                return self.disconnect(id, &ConnectionEnd::Closed, now);
            }
            State::Ready(connection) => {
                let stage = connection.stage();
                // After a broker has answered a metadata request, it is not a SASL port that closes the connection.
                let is_first = connection.load() > 0 && self.metadata.snapshot().brokers.is_empty();
                if is_first && self.mechanisms.is_empty() && cause.kind() == io::ErrorKind::UnexpectedEof {
                    return self.fail(id, Fault::passing(stage, WANTS_SASL).by_peer(), now);
                }
                stage
            }
            State::SettingUp { setup, .. } => {
                let stage = setup.stage();
                if let Some(refusal) = setup.cut_off() {
                    return self.fail(id, Fault::of(stage, refusal).by_peer(), now);
                }
                stage
            }
            State::Connecting { stage, .. } => *stage,
            State::Idle | State::BackingOff(_) | State::Resolving { .. } => Stage::Tcp,
        };
        self.fail(id, Fault::of_io(stage, &cause), now);
    }
}

/// Such a port answers ApiVersions, and accepts nothing more from a client that has not authenticated.
const WANTS_SASL: &str = "the broker closed the connection at the first request; brokers do this on a port with SASL; set \
                          security_protocol to SASL_SSL or SASL_PLAINTEXT, or use the port of a listener without SASL";
/// KRaft controllers listen on ports of their own, and answer ApiVersions there.
const NO_BROKER: &str =
    "it does not know this request; if this is the port of a controller, use the port of a broker";
