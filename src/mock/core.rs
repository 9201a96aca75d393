//! The mock cluster without sockets: a request in, the time in, answers out.
//!
//! A request is read in two steps. [`parse`] needs nothing but its bytes and does what is expensive (checksums), so
//! the server calls it while the core is not locked; [`Core::receive`] then acts on it. Answers wait in their
//! connection's queue until [`Core::take_outgoing`]: that is where they are held back.

use std::collections::HashMap;
use std::mem;

use crate::mock::cluster::{Cluster, Settings};
use crate::mock::faults::Faults;
use crate::mock::produce::{Look, Produce};
use crate::mock::{Counts, MockRequest, api_versions, metadata, produce, producer_ids};
use crate::protocol::{
    ApiKey, ApiVersionsRequest, DecodeError, Frame, InitProducerIdRequest, MetadataRequest, ProduceRequest,
    Request, RequestHeader, decode_request, decode_request_header, encode_response,
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
    started: Instant,
}

pub(super) type ConnectionId = u64;

struct Connection {
    broker: usize,
    outgoing: Vec<Outgoing>,
}

/// What a connection is to do next.
#[derive(Debug)]
pub(super) enum Outgoing {
    Write(Frame),
    Close,
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
            started: now,
        }
    }

    pub(super) fn connect(&mut self, broker: usize) -> ConnectionId {
        self.next_connection += 1;
        self.connections.insert(self.next_connection, Connection { broker, outgoing: Vec::new() });
        self.next_connection
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
    }

    /// Acts on a request; [`Core::take_outgoing`] then has what comes of it.
    pub(super) fn receive(&mut self, connection: ConnectionId, request: &Parsed<'_>, now: Instant) {
        let Some(broker) = self.connections.get(&connection).map(|connection| connection.broker) else {
            return;
        };
        self.log(broker, &request.header, now);
        let outgoing = self.answer(broker, request);
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.outgoing.extend(outgoing);
        }
    }

    /// A request that can't be read: brokers close the connection.
    pub(super) fn receive_garbage(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.outgoing.push(Outgoing::Close);
        }
    }

    /// What the connection is to do now, in order.
    pub(super) fn take_outgoing(&mut self, connection: ConnectionId) -> Vec<Outgoing> {
        match self.connections.get_mut(&connection) {
            Some(connection) if !self.faults.held[connection.broker] => mem::take(&mut connection.outgoing),
            _ => Vec::new(),
        }
    }

    fn log(&mut self, broker: usize, header: &RequestHeader<'_>, now: Instant) {
        self.counts.requests += 1;
        if self.cluster.settings.counting {
            return;
        }
        self.requests.push(MockRequest {
            broker,
            api: header.api_key,
            version: header.version,
            client_id: header.client_id.map(str::to_owned),
            at: now.since(self.started),
        });
    }

    fn answer(&mut self, broker: usize, request: &Parsed<'_>) -> Option<Outgoing> {
        let RequestHeader { api_key, version, correlation_id, .. } = request.header;
        let Self { cluster, faults, counts, .. } = self;
        let offered = cluster.brokers[broker].versions.get(&api_key);
        let is_offered = offered.is_some_and(|versions| versions.contains(&version));
        match &request.body {
            Body::ApiVersions if is_offered => {
                let response = api_versions::answer(&cluster.brokers[broker]);
                Some(answer::<ApiVersionsRequest>(correlation_id, version, &response))
            }
            _ if api_key == ApiKey::API_VERSIONS => {
                let response = api_versions::refusal(&cluster.brokers[broker]);
                Some(answer::<ApiVersionsRequest>(correlation_id, 0, &response))
            }
            Body::Metadata(request) if is_offered => {
                let response = metadata::answer(cluster, faults, broker, version, request);
                Some(answer::<MetadataRequest>(correlation_id, version, &response))
            }
            Body::Produce(request) if is_offered => {
                let response = produce::answer(cluster, faults, counts, broker, request);
                if request.acks == 0 {
                    // Without an answer, closing is all that a broker can do about an error.
                    return produce::has_errors(&response).then_some(Outgoing::Close);
                }
                if faults.takes_cut(broker) {
                    return Some(Outgoing::Close);
                }
                Some(answer::<ProduceRequest>(correlation_id, version, &response))
            }
            Body::InitProducerId(request) if is_offered => {
                let response = producer_ids::answer(cluster, faults, broker, request);
                Some(answer::<InitProducerIdRequest>(correlation_id, version, &response))
            }
            _ => Some(Outgoing::Close),
        }
    }
}

fn answer<R: Request>(correlation_id: i32, version: i16, response: &R::Response) -> Outgoing {
    Outgoing::Write(encode_response::<R>(correlation_id, version, response))
}
