//! The mock cluster without sockets: a request in, the time in, answers out.
//!
//! A request is read in two steps. [`parse`] needs nothing but its bytes and does what is expensive (checksums), so
//! the server calls it while the core is not locked; [`Core::receive`] then acts on it. Answers wait in their
//! connection's queue until [`Core::take_outgoing`]: that is where they are held back.

use std::collections::HashMap;

use crate::mock::cluster::{Cluster, Settings};
use crate::mock::faults::{Faults, Link, Plan, Subject, Target};
use crate::mock::outgoing::{Outgoing, Queue, pieces};
use crate::mock::produce::{Look, Produce};
use crate::mock::rule::Moment;
use crate::mock::{Counts, MockRequest, api_versions, metadata, produce, producer_ids};
use crate::protocol::{
    ApiKey, ApiVersionsRequest, DecodeError, InitProducerIdRequest, MetadataRequest, ProduceRequest, Request,
    RequestHeader, decode_request, decode_request_header, encode_response,
};
use crate::time::Instant;

#[cfg(test)]
mod tests;

pub(super) struct Core {
    pub(super) cluster: Cluster,
    pub(super) faults: Faults,
    pub(super) requests: Vec<MockRequest>,
    pub(super) counts: Counts,
    connections: HashMap<ConnectionId, Connection>,
    next_connection: ConnectionId,
    has_delays: bool,
    started: Instant,
}

pub(super) type ConnectionId = u64;

struct Connection {
    broker: usize,
    outgoing: Queue,
    /// It has met a black hole.
    is_deaf: bool,
}

/// A request that was read but not yet acted on.
pub(super) struct Parsed<'a> {
    header: RequestHeader<'a>,
    body: Body<'a>,
}

enum Body<'a> {
    ApiVersions,
    Metadata(MetadataRequest),
    Produce(Produce<'a>),
    InitProducerId(InitProducerIdRequest),
    /// An API or a version that the mock does not speak.
    Unknown,
}

/// Reads a request, which comes without its length. An error is one that a broker closes the connection for.
pub(super) fn parse(frame: &[u8], look: Look) -> Result<Parsed<'_>, DecodeError> {
    let (header, body) = decode_request_header(frame)?;
    let version = header.version;
    let body = match header.api_key {
        ApiKey::API_VERSIONS if speaks::<ApiVersionsRequest>(version) => {
            decode_request::<ApiVersionsRequest>(version, body)?;
            Body::ApiVersions
        }
        ApiKey::METADATA if speaks::<MetadataRequest>(version) => {
            Body::Metadata(decode_request(version, body)?)
        }
        ApiKey::PRODUCE if speaks::<ProduceRequest>(version) && version >= produce::OLDEST_VERSION => {
            Body::Produce(produce::parse(version, body, look)?)
        }
        ApiKey::INIT_PRODUCER_ID if speaks::<InitProducerIdRequest>(version) => {
            Body::InitProducerId(decode_request(version, body)?)
        }
        _ => Body::Unknown,
    };
    Ok(Parsed { header, body })
}

fn speaks<R: Request>(version: i16) -> bool {
    R::VERSIONS.contains(&version)
}

impl Core {
    pub(super) fn new(settings: Settings, ports: &[u16], now: Instant) -> Self {
        Self {
            cluster: Cluster::new(settings, ports),
            faults: Faults::new(ports.len()),
            requests: Vec::new(),
            counts: Counts::default(),
            connections: HashMap::new(),
            next_connection: 0,
            has_delays: false,
            started: now,
        }
    }

    pub(super) fn connect(&mut self, broker: usize) -> ConnectionId {
        self.next_connection += 1;
        self.connections
            .insert(self.next_connection, Connection { broker, outgoing: Queue::default(), is_deaf: false });
        self.next_connection
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
    }

    /// Acts on a request; [`Core::take_outgoing`] then has what comes of it.
    pub(super) fn receive(&mut self, connection: ConnectionId, request: &Parsed<'_>, now: Instant) {
        let Some(&Connection { broker, is_deaf, .. }) = self.connections.get(&connection) else { return };
        self.log(broker, request, now);
        if is_deaf {
            return;
        }
        let plan = self.plan(broker, request);
        let answer = match plan.link {
            Link::Cut { moment: Moment::Before, .. } | Link::BlackHole(Moment::Before) => None,
            _ => self.answer(broker, request, &plan),
        };
        self.has_delays |= plan.delay.is_some() || matches!(plan.link, Link::Drip { .. });
        let Some(connection) = self.connections.get_mut(&connection) else { return };
        let due = plan.delay.map(|delay| now + delay);
        let mut put = |outgoing, due| connection.outgoing.push(outgoing, due, plan.hold);
        match (plan.link, answer) {
            (Link::Cut { reset: true, .. }, _) => put(Outgoing::Reset, due),
            (Link::Cut { .. }, _) => put(Outgoing::Close, due),
            (Link::BlackHole(_), _) => connection.is_deaf = true,
            (_, None) => {}
            (link, Some(Outgoing::Write(mut frame))) => {
                if let Some(edit) = &plan.edit {
                    (edit.0)(&mut frame);
                }
                match link {
                    Link::CutAfterBytes(bytes) => {
                        frame.truncate(bytes);
                        put(Outgoing::Write(frame), due);
                        put(Outgoing::Close, due);
                    }
                    Link::Drip { bytes, every } => {
                        let first = due.unwrap_or(now);
                        pieces(&frame, bytes, first, every).for_each(|(piece, due)| put(piece, Some(due)));
                    }
                    _ => put(Outgoing::Write(frame), due),
                }
            }
            (_, Some(end)) => put(end, due),
        }
    }

    /// A request that can't be read: brokers close the connection.
    pub(super) fn receive_garbage(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.outgoing.push(Outgoing::Close, None, false);
        }
    }

    /// What the connection is to do now, in order.
    pub(super) fn take_outgoing(&mut self, connection: ConnectionId, now: Instant) -> Vec<Outgoing> {
        match self.connections.get_mut(&connection) {
            Some(connection) if !self.faults.held[connection.broker] => connection.outgoing.take(now),
            _ => Vec::new(),
        }
    }

    /// When the next of the answers may go that wait for nothing but time.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let waiting = self.connections.values().filter(|connection| !self.faults.held[connection.broker]);
        waiting.filter_map(|connection| connection.outgoing.next_due()).min()
    }

    /// Whether there were ever answers that wait for their time; cheaper than to look for one.
    pub(super) fn has_delays(&self) -> bool {
        self.has_delays
    }

    /// Lets answers go that rules hold.
    pub(super) fn release_held(&mut self, brokers: impl Fn(usize) -> bool) {
        let held = self.connections.values_mut().filter(|connection| brokers(connection.broker));
        held.for_each(|connection| connection.outgoing.release());
    }

    fn plan(&mut self, broker: usize, request: &Parsed<'_>) -> Plan {
        if self.faults.is_empty() {
            return Plan::default();
        }
        let names = match &request.body {
            Body::Metadata(request) => metadata::names(&self.cluster, request),
            _ => Vec::new(),
        };
        let targets = match &request.body {
            Body::Produce(request) => produce::targets(&self.cluster, broker, request),
            _ => names.iter().map(|topic| Target { topic, partition: None }).collect(),
        };
        let is_answered = !matches!(&request.body, Body::Produce(Produce { acks: 0, .. }));
        self.faults.plan(&Subject { broker, api: request.header.api_key, is_answered, targets })
    }

    fn log(&mut self, broker: usize, request: &Parsed<'_>, now: Instant) {
        self.counts.requests += 1;
        if self.cluster.settings.counting {
            return;
        }
        let Parsed { header, body } = request;
        let (acks, topics, batches) = match body {
            Body::Produce(request) => {
                let batches = produce::batches(&self.cluster, request);
                let mut topics: Vec<String> = batches.iter().map(|batch| batch.topic.clone()).collect();
                topics.retain(|topic| !topic.is_empty());
                topics.dedup();
                (Some(request.acks), topics, batches)
            }
            Body::Metadata(request) => (None, metadata::names(&self.cluster, request), Vec::new()),
            _ => (None, Vec::new(), Vec::new()),
        };
        self.requests.push(MockRequest {
            broker,
            api: header.api_key,
            version: header.version,
            client_id: header.client_id.map(str::to_owned),
            at: now.since(self.started),
            acks,
            topics,
            batches,
        });
    }

    fn answer(&mut self, broker: usize, request: &Parsed<'_>, plan: &Plan) -> Option<Outgoing> {
        let RequestHeader { api_key, version, correlation_id, .. } = request.header;
        let Self { cluster, counts, .. } = self;
        let offered = cluster.brokers[broker].versions.get(&api_key);
        let is_offered = offered.is_some_and(|versions| versions.contains(&version));
        match &request.body {
            Body::ApiVersions if is_offered => {
                let response = api_versions::answer(&cluster.brokers[broker], plan);
                Some(answer::<ApiVersionsRequest>(correlation_id, version, &response))
            }
            _ if api_key == ApiKey::API_VERSIONS => {
                let response = api_versions::refusal(&cluster.brokers[broker], plan);
                Some(answer::<ApiVersionsRequest>(correlation_id, 0, &response))
            }
            Body::Metadata(request) if is_offered => {
                let response = metadata::answer(cluster, plan, broker, version, request);
                Some(answer::<MetadataRequest>(correlation_id, version, &response))
            }
            Body::Produce(request) if is_offered => {
                let response = produce::answer(cluster, plan, counts, broker, request);
                if request.acks == 0 {
                    // Without an answer, closing is all that a broker can do about an error.
                    return produce::has_errors(&response).then_some(Outgoing::Close);
                }
                Some(answer::<ProduceRequest>(correlation_id, version, &response))
            }
            Body::InitProducerId(request) if is_offered => {
                let response = producer_ids::answer(cluster, plan, broker, request);
                Some(answer::<InitProducerIdRequest>(correlation_id, version, &response))
            }
            _ => Some(Outgoing::Close),
        }
    }
}

fn answer<R: Request>(correlation_id: i32, version: i16, response: &R::Response) -> Outgoing {
    Outgoing::Write(encode_response::<R>(correlation_id, version, response).to_vec())
}
