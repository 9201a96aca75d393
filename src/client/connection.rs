//! One connection that is ready. It writes requests and reads answers, in the same order. It has no socket: bytes are
//! passed as arguments.
//!
//! The time of a request begins when the broker could answer it: when its last byte was passed to the kernel, or when the
//! request before it was answered, whichever is later. Before that, it is late only if no byte is written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::client::failure::Failure;
use crate::client::request::{Answer, ConnectionEnd, Pending, Tag, Tagged};
use crate::client::responder::Responder;
use crate::client::session::Session;
use crate::client::transport::ConnectionId;
use crate::client::versions::{Versions, common_version, offered, ours};
use crate::error::{Error, ErrorKind, Stage};
use crate::protocol::{self, Frame, FrameReader, LENGTH_SIZE, Request};
use crate::time::{Deadline, Instant};

/// What the set-up leaves for the connection.
pub(super) struct Foundation {
    pub(super) id: ConnectionId,
    pub(super) client_id: Arc<str>,
    pub(super) next_correlation: i32,
    /// It may have the beginning of a frame.
    pub(super) reader: FrameReader,
    pub(super) versions: Versions,
}

pub(super) struct Connection<E> {
    foundation: Foundation,
    session: Session,
    request_timeout: Duration,
    /// Oldest first. Those that are not completely written are the last.
    requests: VecDeque<InFlight<E>>,
    /// The number of bytes that are written of the first one with a frame.
    offset: usize,
    last_used: Instant,
    /// When a byte was written last, and when an answer came last.
    last_written: Instant,
    last_answer: Instant,
    /// See [`is_useful`](Self::is_useful).
    useful_from: Deadline,
    /// No request is late before this: the broker asked for no requests, and does not read meanwhile (KIP-219).
    not_late_before: Deadline,
}

struct InFlight<E> {
    request: Box<dyn Pending<E>>,
    version: i16,
    correlation: i32,
    is_answered: bool,
    size: usize,
    progress: Progress,
}

enum Progress {
    /// When it was queued. Not all of it is written.
    Leaving(Frame, Instant),
    Written(Instant),
}

/// The result of bytes that were received.
pub(super) struct Received<E> {
    pub(super) answers: Vec<Answer<E>>,
    /// The bytes make no sense, so the connection must be closed.
    pub(super) broken: Option<String>,
}

impl<E> Connection<E> {
    pub(super) fn new(
        foundation: Foundation,
        session: Session,
        request_timeout: Duration,
        now: Instant,
    ) -> Self {
        Self {
            foundation,
            session,
            request_timeout,
            requests: VecDeque::new(),
            offset: 0,
            last_used: now,
            last_written: now,
            last_answer: now,
            useful_from: Deadline::NEVER,
            not_late_before: Deadline::at(Instant::ZERO),
        }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.foundation.id
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The session has ended. The requests in flight still get their answers.
    pub(super) fn end_session(&mut self) {
        self.session.end();
    }

    /// The number of requests without an answer, written or not.
    pub(super) fn load(&self) -> usize {
        self.requests.len()
    }

    /// Whether a request is not completely written.
    pub(super) fn is_writing(&self) -> bool {
        matches!(self.requests.back(), Some(InFlight { progress: Progress::Leaving(..), .. }))
    }

    pub(super) fn last_used(&self) -> Instant {
        self.last_used
    }

    /// Whether the connection was of more use than its set-up: it has brought an answer, or has lasted for some time, if
    /// there is nothing to answer.
    pub(super) fn is_useful(&self, now: Instant) -> bool {
        self.useful_from.has_passed(now)
    }

    /// It counts as useful from then on at the latest, if it lasts so long.
    pub(super) fn be_useful_from(&mut self, from: Deadline) {
        self.useful_from = self.useful_from.min(from);
    }

    /// The stage of its oldest request.
    pub(super) fn stage(&self) -> Stage {
        self.requests.front().map_or(Stage::Idle, |oldest| oldest.request.stage())
    }

    /// The highest version between `floor` and `cap` that both sides support. The address is for the error.
    pub(super) fn version<R: Request>(&self, floor: i16, cap: i16, address: &str) -> Result<i16, Error> {
        let ours = ours::<R>(floor, cap);
        common_version::<R>(&self.foundation.versions, ours.clone()).ok_or_else(|| {
            let (api, ours) = (R::KEY.to_string(), (*ours.start(), *ours.end()));
            let theirs = offered::<R>(&self.foundation.versions);
            Error::new(ErrorKind::UnsupportedVersion { api, ours, theirs, address: address.to_owned() })
        })
    }

    pub(super) fn send<T: Tag<E>>(
        &mut self,
        request: &T::Request,
        version: i16,
        tag: T,
        is_answered: bool,
        now: Instant,
    ) {
        self.last_used = now;
        let request = |correlation, client_id: &str| {
            protocol::encode_request(correlation, version, Some(client_id), request)
        };
        self.push(request, Box::new(Tagged(tag)), version, is_answered, now);
    }

    /// Begins to renew the login, or goes on after an answer. True if there is something to write.
    pub(super) fn renew(
        &mut self,
        answer: Option<&[u8]>,
        pending: Box<dyn Pending<E>>,
        now: Instant,
        random: &mut fastrand::Rng,
    ) -> Result<bool, Failure> {
        let line = match answer {
            None => self.session.renew(&self.foundation.versions, now),
            Some(frame) => self.session.frame(frame, now, random),
        };
        let Some(line) = line? else { return Ok(false) };
        // The code that reads the answer knows the version.
        self.push(|correlation, client_id| line.into_frame(correlation, client_id), pending, 0, true, now);
        Ok(true)
    }

    fn push(
        &mut self,
        frame: impl FnOnce(i32, &str) -> Frame,
        request: Box<dyn Pending<E>>,
        version: i16,
        is_answered: bool,
        now: Instant,
    ) {
        let correlation = self.foundation.next_correlation;
        self.foundation.next_correlation = correlation.wrapping_add(1);
        let frame = frame(correlation, &self.foundation.client_id);
        let (size, progress) = (frame.len(), Progress::Leaving(frame, now));
        self.requests.push_back(InFlight { request, version, correlation, is_answered, size, progress });
    }

    /// Visits the bytes that wait to be written, in order, until `visit` returns false.
    pub(super) fn outgoing<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        let leaving = self.requests.iter().filter_map(|request| match &request.progress {
            Progress::Leaving(frame, _) => Some(frame),
            Progress::Written(_) => None,
        });
        Frame::visit_all(leaving, self.offset, visit);
    }

    /// `count` bytes were written. Returns the events of requests that are complete because of it. Adds the sizes of all
    /// requests that are completely written now to `completed`.
    pub(super) fn written(&mut self, count: usize, now: Instant, completed: &mut Vec<usize>) -> Vec<E> {
        self.last_written = now;
        self.note_use(now);
        self.offset += count;
        let mut over = Vec::new();
        let mut index = self.requests.len() - self.leaving();
        while let Some(first) = self.requests.get_mut(index) {
            let Some(rest) = self.offset.checked_sub(first.size) else { break };
            self.offset = rest;
            completed.push(first.size);
            first.progress = Progress::Written(now);
            if first.is_answered {
                index += 1;
            } else if let Some(unanswered) = self.requests.remove(index) {
                over.push(unanswered.request.written());
            }
        }
        over
    }

    /// A renewal of the login is not a use. Otherwise it would keep a connection that is not needed.
    fn note_use(&mut self, now: Instant) {
        if !self.session.is_renewing() {
            self.last_used = now;
        }
    }

    fn leaving(&self) -> usize {
        let is_leaving = |request: &&InFlight<E>| matches!(request.progress, Progress::Leaving(..));
        self.requests.iter().rev().take_while(is_leaving).count()
    }

    /// Takes received bytes and returns the answers that they complete.
    pub(super) fn received(&mut self, mut bytes: &[u8], from: Responder<'_>, now: Instant) -> Received<E> {
        self.note_use(now);
        let mut answers = Vec::new();
        let broken = loop {
            match self.next_answer(&mut bytes, from, now) {
                Ok(Some(answer)) => {
                    self.last_answer = now;
                    answers.push(answer);
                }
                Ok(None) => break None,
                Err(cause) => break Some(cause),
            }
        };
        Received { answers, broken }
    }

    fn next_answer(
        &mut self,
        bytes: &mut &[u8],
        from: Responder<'_>,
        now: Instant,
    ) -> Result<Option<Answer<E>>, String> {
        let frame = match self.foundation.reader.next(bytes) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let correlation = protocol::correlation_id(frame).map_err(|error| error.to_string())?;
        let expected = self.requests.front().and_then(|oldest| match oldest.progress {
            Progress::Written(at) => Some((oldest.correlation, oldest.request.stage(), at)),
            Progress::Leaving(..) => None,
        });
        let Some((expected, stage, written)) = expected else {
            return Err(format!(
                "a response with correlation id {correlation} arrived, but no response was expected"
            ));
        };
        if correlation != expected {
            return Err(format!("the response has correlation id {correlation} instead of {expected}"));
        }
        from.log(stage, Some(correlation), LENGTH_SIZE + frame.len(), now.since(written));
        let Some(InFlight { request, version, is_answered, size, progress, .. }) = self.requests.pop_front()
        else {
            return Ok(None);
        };
        request.answered(version, frame).map(Some).map_err(|unreadable| {
            // It is lost with the other requests.
            let request = unreadable.request;
            self.requests.push_front(InFlight { request, version, correlation, is_answered, size, progress });
            unreadable.cause
        })
    }

    /// The broker does not answer for a while, and that is no failure: no request is late before `until`.
    pub(super) fn put_off_deadline(&mut self, until: Deadline) {
        self.not_late_before = self.not_late_before.max(until);
    }

    /// When it is late: the oldest request has no answer, or no byte of it was written, for the request timeout.
    pub(super) fn deadline(&self) -> Deadline {
        self.requests.front().map_or(Deadline::NEVER, |oldest| {
            let since = match oldest.progress {
                Progress::Leaving(_, queued) => queued.max(self.last_written),
                Progress::Written(at) => at.max(self.last_answer),
            };
            Deadline::after(since, self.request_timeout).max(self.not_late_before)
        })
    }

    /// The end: the events of all requests in flight, oldest first.
    pub(super) fn lost(self, end: &ConnectionEnd) -> Vec<E> {
        let mut offset = self.offset;
        let lost = |InFlight { request, size, progress, .. }: InFlight<E>| {
            let sent = match progress {
                Progress::Written(_) => size,
                Progress::Leaving(..) => std::mem::take(&mut offset),
            };
            let loss = end.loss(request.stage(), sent, size);
            request.lost(loss)
        };
        self.requests.into_iter().map(lost).collect()
    }
}
