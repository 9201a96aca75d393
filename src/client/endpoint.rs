//! What the network tells: connections come and go, bytes come in, answers are understood.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::NodeId;
use crate::client::connection::{Connection, InFlight, Incoming, Purpose};
use crate::client::handshake::{self, Handshake};
use crate::client::kafka_client::{ClientEvent, KafkaClient};
use crate::client::node::{Node, State};
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::error::{Error, ErrorKind, Origin, Stage};
use crate::protocol::{self, ApiVersionsRequest, MetadataRequest, ProduceRequest};
use crate::time::{Deadline, Instant};

impl Endpoint for KafkaClient {
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
            }
        }
        self.judge(id, now);
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
        let mut answers = answers.into_iter();
        while let Some((request, frame)) = answers.next() {
            if let Err(cause) = self.answer(id, &request, &frame, now) {
                broken = Some(cause);
                // These have left the connection already, and its end must find all that have no answer.
                let rest = std::iter::once(request).chain(answers.map(|(request, _)| request));
                if let Some(connection) = self.nodes.get_mut(&id).and_then(Node::connection_mut) {
                    connection.put_back(rest);
                }
                break;
            }
        }
        if let Some(cause) = broken {
            let stage = self.nodes.get(&id).and_then(Node::connection).map_or(Stage::Idle, Connection::stage);
            self.fail(id, stage, cause, now);
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
        self.publish_troubles();
    }

    fn disconnected(&mut self, connection: ConnectionId, cause: io::Error, now: Instant) {
        let Some(id) = self.connections.get(&connection).copied() else { return };
        let Some(node) = self.nodes.get(&id) else { return };
        let stage = match &node.state {
            State::Ready(connection) if connection.load() == 0 && connection.is_useful(now) => {
                log::debug!("{} closed a connection that was at rest", node.address());
                return self.disconnect(id, now, &Error::new(ErrorKind::Closed));
            }
            State::Ready(connection) => connection.stage(),
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

impl KafkaClient {
    fn answer(&mut self, id: NodeId, request: &InFlight, frame: &[u8], now: Instant) -> Result<(), String> {
        match request.purpose {
            Purpose::ApiVersions => {
                let answer = handshake::answer(request.version, frame)?;
                let Some(node) = self.nodes.get_mut(&id) else { return Ok(()) };
                let (connection, deadline) = match std::mem::replace(&mut node.state, State::Idle) {
                    State::Handshaking { connection, deadline } => (connection, deadline),
                    other => {
                        node.state = other;
                        return Err("an ApiVersions answer came that was not asked for".to_owned());
                    }
                };
                match answer {
                    Handshake::Again { version } => {
                        node.state = State::Handshaking { connection, deadline };
                        self.shake_hands(id, version, deadline, now);
                    }
                    Handshake::Done { versions, throttle_time_ms } => {
                        self.ready(id, connection, versions, now);
                        self.throttle(id, request, throttle_time_ms, now);
                    }
                }
            }
            Purpose::Metadata => {
                let (_, response) = protocol::decode_response::<MetadataRequest>(request.version, frame)
                    .map_err(|error| format!("its Metadata answer can't be read: {error}"))?;
                self.useful(id, now);
                self.throttle(id, request, response.throttle_time_ms, now);
                self.metadata.answered(response, now, &mut self.random);
                self.meet_brokers();
                self.events.push_back(ClientEvent::MetadataChanged);
            }
            Purpose::Produce(number) => {
                let (_, response) = protocol::decode_response::<ProduceRequest>(request.version, frame)
                    .map_err(|error| format!("its Produce answer can't be read: {error}"))?;
                self.useful(id, now);
                self.throttle(id, request, response.throttle_time_ms, now);
                self.events.push_back(ClientEvent::Answer { request: number, response });
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

    fn ready(&mut self, id: NodeId, mut connection: Connection, versions: handshake::Versions, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        connection.set_versions(versions);
        // If connections hold as long as the longest back-off, dials are as rare as that makes them.
        connection.be_useful_from(Deadline::after(now, self.settings.reconnect.max));
        node.state = State::Ready(connection);
        node.wanted = false;
        self.publish_troubles();
    }

    fn useful(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.connection_mut().into_iter().for_each(|connection| connection.be_useful_from(Deadline::at(now)));
        self.judge(id, now);
    }

    /// Forgets what failed before if the connection of now has been of use.
    pub(super) fn judge(&mut self, id: NodeId, now: Instant) {
        if self.nodes.get_mut(&id).is_some_and(|node| node.recover(now)) {
            self.publish_troubles();
        }
    }

    fn throttle(&mut self, id: NodeId, request: &InFlight, millis: i32, now: Instant) {
        // In older versions the time is over when it is told: the broker has held its answer back (KIP-219).
        let told_before = match request.purpose {
            Purpose::ApiVersions => 2,
            Purpose::Metadata | Purpose::Produce(_) => 6,
        };
        if request.version < told_before {
            return;
        }
        if let Some(node) = self.nodes.get_mut(&id)
            && let Ok(millis @ 1..) = u64::try_from(millis)
        {
            let until = now + Duration::from_millis(millis);
            // An answer with a shorter time may have been on its way when the longer one was decided on.
            node.throttled = node.throttled.max(Some(until));
            let patience = Deadline::after(until, self.settings.request_timeout);
            node.connection_mut().into_iter().for_each(|connection| connection.be_patient(patience));
        }
    }

    /// The cluster has told its brokers: those are the nodes now.
    fn meet_brokers(&mut self) {
        let snapshot = Arc::clone(self.metadata.snapshot());
        for (number, broker) in &snapshot.brokers {
            let fresh =
                || Node::new(Arc::clone(&broker.host), broker.port, Origin::Metadata { broker: *number });
            let node = self.nodes.entry(NodeId::Broker(*number)).or_insert_with(fresh);
            if node.host != broker.host || node.port != broker.port {
                node.move_to(Arc::clone(&broker.host), broker.port);
                // The addresses to come are those of the old name.
                self.tickets.retain(|_, resolved| *resolved != NodeId::Broker(*number));
            }
        }
        let gone =
            |id: &NodeId| matches!(id, NodeId::Broker(number) if !snapshot.brokers.contains_key(number));
        self.nodes.retain(|id, node| !(gone(id) && node.connection_id().is_none()));
        self.publish_troubles();
    }
}
