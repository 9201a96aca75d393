//! The mock cluster without sockets: a request in, the time in, answers out.
//!
//! A request is read in two steps. [`parse`] needs nothing but its bytes and does what is expensive (checksums), so
//! the server calls it while the core is not locked; [`Core::receive`] then acts on it. Answers wait in their
//! connection's queue until [`Core::take_outgoing`]: that is where they are held back.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::mock::cluster::{Cluster, Settings};
use crate::mock::faults::{Faults, Link, Plan, Subject, Target};
use crate::mock::login::{Gate, Login};
use crate::mock::outgoing::{Outgoing, Queue, pieces};
use crate::mock::produce::{Look, Produce};
use crate::mock::rule::Moment;
use crate::mock::sasl::{self, Said};
use crate::mock::{Counts, MockRequest, api_versions, metadata, produce, producer_ids};
use crate::protocol::{
    ApiKey, ApiVersionsRequest, DecodeError, ErrorCode, InitProducerIdRequest, MetadataRequest,
    ProduceRequest, Request, RequestHeader, SaslAuthenticateRequest, SaslHandshakeRequest, bare_frame,
    decode_request, decode_request_header, encode_response,
};
use crate::time::Instant;

#[cfg(test)]
mod tests;

pub(super) struct Core {
    pub(super) cluster: Cluster,
    /// What brokers that are cut off from their controller believe the cluster to be, by broker.
    islands: BTreeMap<usize, Cluster>,
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
    /// `None` if clients need not say who they are.
    login: Option<Login>,
    /// It has met a black hole.
    is_deaf: bool,
}

/// What comes of a request.
#[derive(Debug, Default)]
struct Reply {
    /// With its length.
    frame: Option<Vec<u8>>,
    /// The connection ends behind it.
    ends: bool,
    /// What the broker waits for before it answers takes so long.
    after: Option<Duration>,
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
    SaslHandshake(SaslHandshakeRequest),
    SaslAuthenticate(SaslAuthenticateRequest),
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
        ApiKey::SASL_HANDSHAKE if speaks::<SaslHandshakeRequest>(version) => {
            Body::SaslHandshake(decode_request(version, body)?)
        }
        ApiKey::SASL_AUTHENTICATE if speaks::<SaslAuthenticateRequest>(version) => {
            Body::SaslAuthenticate(decode_request(version, body)?)
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
            islands: BTreeMap::new(),
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
        let login = self.cluster.settings.credentials.are_asked_for().then(Login::new);
        let connection = Connection { broker, outgoing: Queue::default(), login, is_deaf: false };
        self.connections.insert(self.next_connection, connection);
        self.next_connection
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
    }

    /// Acts on a request; [`Core::take_outgoing`] then has what comes of it.
    pub(super) fn receive(&mut self, id: ConnectionId, request: &Parsed<'_>, now: Instant) {
        let Some(Connection { broker, is_deaf, login, .. }) = self.connections.get(&id) else { return };
        let (broker, is_deaf) = (*broker, *is_deaf);
        let awaits_proof = login.as_ref().is_some_and(Login::awaits_proof);
        self.log(id, broker, request, now);
        if is_deaf {
            return;
        }
        let plan = self.plan(broker, request, awaits_proof);
        let reply = match plan.acts() {
            true => self.answer(id, broker, request, &plan, now),
            false => Reply::default(),
        };
        self.put(id, &plan, reply, now);
    }

    /// Whether the next frame of the connection is no request but a token of SASL, for [`Core::receive_token`].
    pub(super) fn awaits_bare_token(&self, id: ConnectionId) -> bool {
        let login = self.connections.get(&id).and_then(|connection| connection.login.as_ref());
        login.is_some_and(Login::awaits_bare_token)
    }

    /// Acts on a token that has nothing around it. Rules take it for a SaslAuthenticate.
    pub(super) fn receive_token(&mut self, id: ConnectionId, token: &[u8], now: Instant) {
        let Some(Connection { broker, is_deaf, login: Some(login), .. }) = self.connections.get(&id) else {
            return;
        };
        let (broker, is_deaf, awaits_proof) = (*broker, *is_deaf, login.awaits_proof());
        self.note(MockRequest {
            broker,
            api: ApiKey::SASL_AUTHENTICATE,
            version: NO_VERSION,
            client_id: None,
            user: login.principal().map(str::to_owned),
            at: now.since(self.started),
            acks: None,
            topics: Vec::new(),
            batches: Vec::new(),
        });
        if is_deaf {
            return;
        }
        let subject = Subject { broker, api: ApiKey::SASL_AUTHENTICATE, awaits_proof, ..Subject::default() };
        let plan = self.faults.plan(&subject);
        let Self { connections, cluster, .. } = self;
        let login = connections.get_mut(&id).and_then(|connection| connection.login.as_mut());
        let reply = match login.filter(|_| plan.acts()) {
            None => Reply::default(),
            Some(login) => {
                let said = sasl::bare(login, &mut cluster.settings.credentials, &plan, token, now);
                let frame = said.answer.map(|answer| bare_frame(&answer).to_vec());
                Reply { frame, ends: said.ends, after: None }
            }
        };
        self.put(id, &plan, reply, now);
    }

    /// Has an answer wait for its turn, changed as was ordered.
    fn put(&mut self, id: ConnectionId, plan: &Plan, reply: Reply, now: Instant) {
        let delay = plan.delay.max(reply.after);
        self.has_delays |= delay.is_some() || matches!(plan.link, Link::Drip { .. });
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let due = delay.map(|delay| now + delay);
        let mut put = |outgoing, due| connection.outgoing.push(outgoing, due, plan.hold);
        if matches!(plan.link, Link::Cut { moment: Moment::After, .. }) {
            crate::sync::is_rare("cut after append");
        }
        match plan.link {
            Link::Cut { reset: true, .. } => return put(Outgoing::Reset, due),
            Link::Cut { .. } => return put(Outgoing::Close, due),
            Link::BlackHole(_) => {
                connection.is_deaf = true;
                return;
            }
            _ => {}
        }
        if let Some(mut frame) = reply.frame.filter(|_| plan.link != Link::LosesAnswer) {
            if let Some(edit) = &plan.edit {
                (edit.0)(&mut frame);
            }
            match plan.link {
                Link::CutAfterBytes(bytes) => {
                    frame.truncate(bytes);
                    put(Outgoing::Write(frame), due);
                    return put(Outgoing::Close, due);
                }
                Link::Drip { bytes, every } => {
                    let first = due.unwrap_or(now);
                    let mut last = first;
                    for (piece, due) in pieces(&frame, bytes, first, every) {
                        put(piece, Some(due));
                        last = due;
                    }
                    if reply.ends {
                        put(Outgoing::Close, Some(last));
                    }
                    return;
                }
                _ => put(Outgoing::Write(frame), due),
            }
        }
        if reply.ends {
            put(Outgoing::Close, due);
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

    /// Cuts a broker off from its controller and the other brokers. It answers on by what it knows, and leads what it has
    /// led; for the cluster it is dead, and others lead in new epochs, if there are any.
    #[cfg(test)]
    pub(super) fn cut_off(&mut self, broker: usize) {
        // Brokers are given ids for producers in advance, a block at a time.
        const BLOCK: i64 = 1000;
        let Self { cluster, islands, .. } = self;
        let mut island = cluster.clone();
        island.is_cut_off = true;
        island.next_producer_id += BLOCK;
        cluster.next_producer_id += 2 * BLOCK;
        islands.insert(broker, island);
        cluster.brokers[broker].is_fenced = true;
        cluster.leave_leaders(broker);
    }

    /// Ends that: the broker is one of the cluster again and copies from the others. Returns what it believed until now,
    /// with the records that go.
    #[cfg(test)]
    pub(super) fn rejoin(&mut self, broker: usize) -> Option<Cluster> {
        let island = self.islands.remove(&broker)?;
        self.cluster.brokers[broker].is_fenced = false;
        Some(island)
    }

    /// Lets answers go that rules hold.
    pub(super) fn release_held(&mut self, brokers: impl Fn(usize) -> bool) {
        let held = self.connections.values_mut().filter(|connection| brokers(connection.broker));
        held.for_each(|connection| connection.outgoing.release());
    }

    fn plan(&mut self, broker: usize, request: &Parsed<'_>, awaits_proof: bool) -> Plan {
        if self.faults.is_empty() {
            return Plan::default();
        }
        let cluster = self.islands.get(&broker).unwrap_or(&self.cluster);
        let names = match &request.body {
            Body::Metadata(request) => metadata::names(cluster, request),
            _ => Vec::new(),
        };
        let targets = match &request.body {
            Body::Produce(request) => produce::targets(cluster, broker, request),
            _ => names.iter().map(|topic| Target { topic, partition: None }).collect(),
        };
        let is_answered = !matches!(&request.body, Body::Produce(Produce { acks: 0, .. }));
        let api = request.header.api_key;
        self.faults.plan(&Subject { broker, api, is_answered, awaits_proof, targets })
    }

    fn log(&mut self, id: ConnectionId, broker: usize, request: &Parsed<'_>, now: Instant) {
        if self.cluster.settings.counting {
            self.counts.requests += 1;
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
        let login = self.connections.get(&id).and_then(|connection| connection.login.as_ref());
        self.note(MockRequest {
            broker,
            api: header.api_key,
            version: header.version,
            client_id: header.client_id.map(str::to_owned),
            user: login.and_then(Login::principal).map(str::to_owned),
            at: now.since(self.started),
            acks,
            topics,
            batches,
        });
    }

    fn note(&mut self, request: MockRequest) {
        self.counts.requests += 1;
        if !self.cluster.settings.counting {
            self.requests.push(request);
        }
    }

    fn answer(
        &mut self,
        id: ConnectionId,
        broker: usize,
        request: &Parsed<'_>,
        plan: &Plan,
        now: Instant,
    ) -> Reply {
        let RequestHeader { api_key, version, correlation_id, .. } = request.header;
        let Self { cluster, islands, counts, connections, .. } = self;
        let cluster = islands.get_mut(&broker).unwrap_or(cluster);
        let offered = cluster.brokers[broker].versions.get(&api_key);
        let is_offered = offered.is_some_and(|versions| versions.contains(&version));
        let login = connections.get_mut(&id).and_then(|connection| connection.login.as_mut());
        let credentials = &mut cluster.settings.credentials;
        match &request.body {
            _ if login.as_ref().is_some_and(|login| login.is_over()) => return Reply::default(),
            Body::SaslHandshake(request) if is_offered => {
                let said = sasl::handshake(login, credentials, plan, request, version, now);
                return Reply::said::<SaslHandshakeRequest>(said, correlation_id, version);
            }
            Body::SaslAuthenticate(request) if is_offered => {
                let said = sasl::authenticate(login, credentials, plan, request, now);
                return Reply::said::<SaslAuthenticateRequest>(said, correlation_id, version);
            }
            _ => {}
        }
        let wrong = Plan::failing(ErrorCode::ILLEGAL_SASL_STATE);
        let gate = login.map_or(Gate::Open, |login| login.gate(api_key, is_offered, now));
        let plan = match gate {
            Gate::Open => plan,
            Gate::Wrong => &wrong,
            Gate::Shut => return Reply::END,
        };
        let mut after = None;
        let frame = match &request.body {
            Body::ApiVersions if is_offered => {
                let response = api_versions::answer(&cluster.brokers[broker], plan);
                answer::<ApiVersionsRequest>(correlation_id, version, &response)
            }
            _ if api_key == ApiKey::API_VERSIONS => {
                let response = api_versions::refusal(&cluster.brokers[broker], plan);
                answer::<ApiVersionsRequest>(correlation_id, 0, &response)
            }
            Body::Metadata(request) if is_offered => {
                let response = metadata::answer(cluster, plan, broker, version, request);
                answer::<MetadataRequest>(correlation_id, version, &response)
            }
            Body::Produce(request) if is_offered => {
                let mut response = produce::answer(cluster, plan, counts, broker, request);
                if request.acks == 0 {
                    // Without an answer, closing is all that a broker can do about an error.
                    return Reply { ends: produce::has_errors(&response), ..Reply::default() };
                }
                if cluster.is_cut_off {
                    after = produce::wait_in_vain(request, &mut response);
                }
                answer::<ProduceRequest>(correlation_id, version, &response)
            }
            Body::InitProducerId(request) if is_offered => {
                let response = producer_ids::answer(cluster, plan, broker, request);
                answer::<InitProducerIdRequest>(correlation_id, version, &response)
            }
            _ => return Reply::END,
        };
        Reply { frame: Some(frame), ends: gate == Gate::Wrong, after }
    }
}

impl Reply {
    const END: Self = Self { frame: None, ends: true, after: None };

    fn said<R: Request>(said: Said<R::Response>, correlation_id: i32, version: i16) -> Self {
        let frame = said.answer.map(|response| answer::<R>(correlation_id, version, &response));
        Self { frame, ends: said.ends, after: None }
    }
}

fn answer<R: Request>(correlation_id: i32, version: i16, response: &R::Response) -> Vec<u8> {
    encode_response::<R>(correlation_id, version, response).to_vec()
}

/// Of what is no request.
const NO_VERSION: i16 = -1;
