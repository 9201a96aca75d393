//! One connection: requests out, answers in, in the same order. No socket here: bytes come and go as arguments.

use std::collections::VecDeque;

use crate::client::transport::ConnectionId;
use crate::error::Stage;
use crate::protocol::{self, ApiKey, Frame, FrameReader, Request};
use crate::time::{Deadline, Instant};

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    ApiVersions,
    Metadata,
    /// The sender's number for the request.
    Produce(u64),
}

pub(crate) struct Connection {
    id: ConnectionId,
    client_id: String,
    next_correlation: i32,
    outgoing: VecDeque<Outgoing>,
    /// Bytes of the first of `outgoing` that are gone.
    offset: usize,
    in_flight: VecDeque<InFlight>,
    reader: FrameReader,
    versions: Vec<(ApiKey, i16, i16)>,
    last_used: Instant,
    /// See [`is_useful`](Self::is_useful).
    useful_from: Deadline,
    /// No time-out before: the broker asked for quiet, and does not read meanwhile (KIP-219).
    patience: Deadline,
}

struct Outgoing {
    frame: Frame,
    /// Requests that get no answer are over when they are written, which must not take for ever either.
    unanswered: Option<(Purpose, Deadline)>,
    correlation: i32,
}

/// A request whose answer is to come.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) purpose: Purpose,
    pub(crate) version: i16,
    correlation: i32,
    deadline: Deadline,
}

/// A request that gets no answer any more.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) purpose: Purpose,
    /// Bytes of it have left: the broker may have acted on it.
    pub(crate) sent: bool,
}

/// What came in.
pub(crate) enum Incoming<'a> {
    Answer(InFlight, &'a [u8]),
    /// Not what this connection can be: it must be closed.
    Broken(String),
}

impl Connection {
    pub(crate) fn new(id: ConnectionId, client_id: &str, max_frame: usize, now: Instant) -> Self {
        Self {
            id,
            client_id: client_id.to_owned(),
            next_correlation: 0,
            outgoing: VecDeque::new(),
            offset: 0,
            in_flight: VecDeque::new(),
            reader: FrameReader::new(max_frame),
            versions: Vec::new(),
            last_used: now,
            useful_from: Deadline::NEVER,
            patience: Deadline::at(Instant::ZERO),
        }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Requests written or waiting to be, without an answer.
    pub(crate) fn load(&self) -> usize {
        self.in_flight.len() + self.outgoing.iter().filter(|outgoing| outgoing.unanswered.is_some()).count()
    }

    pub(crate) fn last_used(&self) -> Instant {
        self.last_used
    }

    pub(crate) fn set_versions(&mut self, versions: Vec<(ApiKey, i16, i16)>) {
        self.versions = versions;
    }

    /// Whether more has come of it than the handshake: an answer, or, where nothing is answered (acks=0) or asked, that
    /// it has held for some time.
    pub(crate) fn is_useful(&self, now: Instant) -> bool {
        self.useful_from.has_passed(now)
    }

    /// At the latest, if it holds so long.
    pub(crate) fn be_useful_from(&mut self, from: Deadline) {
        self.useful_from = self.useful_from.min(from);
    }

    /// What its oldest question without an answer is about.
    pub(crate) fn stage(&self) -> Stage {
        match self.oldest() {
            Some(Purpose::ApiVersions) => Stage::ApiVersions,
            Some(Purpose::Metadata) => Stage::Metadata,
            Some(Purpose::Produce(_)) => Stage::Produce,
            None => Stage::Idle,
        }
    }

    /// The highest version that both sides speak and that is not above `cap`.
    pub(crate) fn version<R: Request>(&self, floor: i16, cap: i16) -> Option<i16> {
        let (_, least, most) = self.versions.iter().find(|(key, ..)| *key == R::KEY)?;
        let ours = (*R::VERSIONS.start()).max(floor)..=(*R::VERSIONS.end()).min(cap);
        protocol::negotiate(ours, *least..=*most)
    }

    /// What the broker said of an API, for the text of an error.
    pub(crate) fn offered(&self, key: ApiKey) -> Option<(i16, i16)> {
        self.versions.iter().find(|(offered, ..)| *offered == key).map(|(_, least, most)| (*least, *most))
    }

    pub(crate) fn send<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        purpose: Purpose,
        answered: bool,
        deadline: Deadline,
        now: Instant,
    ) {
        let correlation = self.next_correlation;
        self.next_correlation = self.next_correlation.wrapping_add(1);
        self.last_used = now;
        let frame = protocol::encode_request(correlation, version, Some(&self.client_id), request);
        self.outgoing.push_back(Outgoing {
            frame,
            unanswered: (!answered).then_some((purpose, deadline)),
            correlation,
        });
        if answered {
            self.in_flight.push_back(InFlight { purpose, version, correlation, deadline });
        }
    }

    /// Visits what waits to be written, in order, until `visit` says false.
    pub(crate) fn outgoing<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        let mut wants_more = true;
        let mut offset = self.offset;
        for outgoing in &self.outgoing {
            outgoing.frame.slices_from(offset, &mut |slice| {
                wants_more = visit(slice);
                wants_more
            });
            if !wants_more {
                return;
            }
            offset = 0;
        }
    }

    /// `count` bytes are gone. Returns the requests that are thereby over.
    pub(crate) fn written(&mut self, count: usize, now: Instant) -> Vec<Purpose> {
        self.last_used = now;
        self.offset += count;
        let mut over = Vec::new();
        while let Some(first) = self.outgoing.front() {
            let Some(rest) = self.offset.checked_sub(first.frame.len()) else { break };
            self.offset = rest;
            let unanswered = self.outgoing.pop_front().and_then(|outgoing| outgoing.unanswered);
            over.extend(unanswered.map(|(purpose, _)| purpose));
        }
        over
    }

    /// Takes bytes in and hands out what they complete.
    pub(crate) fn received(&mut self, mut bytes: &[u8], now: Instant, mut take: impl FnMut(Incoming<'_>)) {
        self.last_used = now;
        let Self { reader, in_flight, .. } = self;
        loop {
            let frame = match reader.next(&mut bytes) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => return take(Incoming::Broken(error.to_string())),
            };
            let correlation = match protocol::correlation_id(frame) {
                Ok(correlation) => correlation,
                Err(error) => return take(Incoming::Broken(error.to_string())),
            };
            match in_flight.pop_front() {
                Some(request) if request.correlation == correlation => take(Incoming::Answer(request, frame)),
                Some(request) => {
                    let expected = request.correlation;
                    in_flight.push_front(request);
                    let what =
                        format!("the answer has correlation id {correlation}, {expected} was expected");
                    return take(Incoming::Broken(what));
                }
                None => {
                    let what =
                        format!("an answer with correlation id {correlation} came, and none was expected");
                    return take(Incoming::Broken(what));
                }
            }
        }
    }

    /// Puts back, in their order, requests whose answers are not believed: they are lost with the rest.
    pub(crate) fn put_back(&mut self, requests: impl DoubleEndedIterator<Item = InFlight>) {
        requests.rev().for_each(|request| self.in_flight.push_front(request));
    }

    /// The broker answers nothing for a while, and that is no fault: time-outs before `until` are put off.
    pub(crate) fn be_patient(&mut self, until: Deadline) {
        self.patience = self.patience.max(until);
    }

    /// When the oldest request should have been answered, or written if that is all that happens to it.
    pub(crate) fn deadline(&self) -> Deadline {
        self.oldest_request().map_or(Deadline::NEVER, |(_, deadline)| deadline.max(self.patience))
    }

    /// The purpose of the oldest request that is not over.
    pub(crate) fn oldest(&self) -> Option<Purpose> {
        self.oldest_request().map(|(purpose, _)| purpose)
    }

    fn oldest_request(&self) -> Option<(Purpose, Deadline)> {
        let answered = self.in_flight.front().map(|request| (request.purpose, request.deadline));
        let unanswered = self.outgoing.iter().find_map(|outgoing| outgoing.unanswered);
        answered.into_iter().chain(unanswered).min_by_key(|(_, deadline)| *deadline)
    }

    /// The end: all requests that were under way; those that wait for an answer first, each kind oldest first.
    pub(crate) fn lost(self) -> Vec<Lost> {
        let untouched = self.outgoing.iter().skip(usize::from(self.offset > 0));
        let untouched: Vec<i32> = untouched.map(|outgoing| outgoing.correlation).collect();
        let sent = |correlation: i32| !untouched.contains(&correlation);
        let answered = self.in_flight.iter().map(|request| (request.correlation, request.purpose));
        let unanswered =
            self.outgoing.iter().filter_map(|outgoing| Some((outgoing.correlation, outgoing.unanswered?.0)));
        let lost = answered.chain(unanswered);
        lost.map(|(correlation, purpose)| Lost { purpose, sent: sent(correlation) }).collect()
    }
}
