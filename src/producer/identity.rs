//! The identity of this producer for the brokers (KIP-98): a producer id, which a broker gives, and an epoch.
//!
//! Brokers keep the state of a producer for each partition. So an epoch belongs to a partition, too. A partition that is
//! reset takes the next epoch, without a request and without a change for other partitions (KIP-360). Another id is
//! requested only when the epochs of an id are used up.
//!
//! ```text
//!           wanted                    given
//!   Idle ───────────▶ asked, Asked ─────────▶ Idle, with a current id
//!    ▲   its time is over  │ lost, refused
//!    └───── BackingOff ◀───┘
//! ```

use crate::client::{ClusterMetadata, Outcome};
use crate::error::{Error, ErrorKind};
use crate::protocol::{ErrorCode, InitProducerIdRequest, InitProducerIdResponse};
use crate::time::{Backoff, Deadline, Instant};

/// The identity by which the brokers of a partition recognize the batches of this producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

impl Identity {
    /// The next identity. `None` if the epochs of the id are used up.
    pub(crate) fn next(self) -> Option<Self> {
        self.epoch.checked_add(1).map(|epoch| Self { epoch, ..self })
    }
}

/// The producer id, and when to request one.
#[derive(Debug)]
pub(crate) struct ProducerIds {
    retry: Backoff,
    current: Option<Identity>,
    /// A partition has records to send and no identity.
    wanted: bool,
    state: State,
    /// The number of failed requests in a row.
    failures: u32,
    last_error: Option<Error>,
    /// The last answer was that there will be no id. Records fail at once until the next request.
    is_denied: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Asked,
    /// No request before this.
    BackingOff(Instant),
}

impl ProducerIds {
    pub(crate) fn new(retry: Backoff) -> Self {
        Self {
            retry,
            current: None,
            wanted: false,
            state: State::Idle,
            failures: 0,
            last_error: None,
            is_denied: false,
        }
    }

    /// An identity for a partition that has none. `spent` is the id whose epochs the partition has used up. `None` if there
    /// is no identity yet; then one is wanted.
    pub(crate) fn identity(&mut self, spent: Option<i64>) -> Option<Identity> {
        if self.current.is_some_and(|current| Some(current.producer_id) == spent) {
            self.current = None;
        }
        self.want();
        self.current
    }

    /// An identity will be needed.
    pub(crate) fn want(&mut self) {
        self.wanted |= self.current.is_none();
    }

    /// When to request an id.
    pub(crate) fn next_request_at(&self) -> Deadline {
        match self.state {
            _ if !self.wanted => Deadline::NEVER,
            State::Idle => Deadline::at(Instant::ZERO),
            State::Asked => Deadline::NEVER,
            State::BackingOff(until) => Deadline::at(until),
        }
    }

    pub(crate) fn ask(&mut self) -> InitProducerIdRequest {
        self.state = State::Asked;
        self.is_denied = false;
        // Without transactions the broker keeps nothing that could time out.
        InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..Default::default() }
    }

    /// The outcome of the request.
    pub(crate) fn answered(
        &mut self,
        outcome: Outcome<InitProducerIdResponse>,
        cluster: &ClusterMetadata,
        now: Instant,
        random: &mut fastrand::Rng,
    ) {
        let error = match outcome {
            Outcome::Answered(response) if response.error_code == ErrorCode::NONE => {
                let InitProducerIdResponse { producer_id, producer_epoch: epoch, .. } = response;
                let Self { retry, .. } = *self;
                *self = Self { current: Some(Identity { producer_id, epoch }), ..Self::new(retry) };
                return;
            }
            Outcome::Answered(response) => {
                let code = response.error_code;
                let error = Error::new(ErrorKind::NoProducerId { code: Some(code) });
                self.is_denied = !code.is_retriable();
                error
            }
            Outcome::Lost(loss) => {
                // A controller does not know the request either, and may be the only known node before the first metadata.
                self.is_denied = match loss.error.kind() {
                    ErrorKind::UnsupportedVersion { address, .. } => cluster.has_broker_at(address),
                    _ => false,
                };
                match self.is_denied {
                    true => Error::with_source(ErrorKind::NoProducerId { code: None }, loss.error),
                    false => loss.error,
                }
            }
            // This request always gets an answer.
            Outcome::Written => return,
        };
        // A partition that still needs an id says so again, if its records have not failed with this error.
        self.wanted &= !self.is_denied;
        self.failures = self.failures.saturating_add(1);
        self.state = State::BackingOff(now + self.retry.delay(self.failures, random));
        log::debug!("the request for a producer id failed: {error}");
        self.last_error = Some(error);
    }

    /// Why nothing can be sent, if a broker has said that this will not change by itself. After a while a new request is
    /// made, and the records wait for its answer.
    pub(crate) fn denial(&self, now: Instant) -> Option<&Error> {
        let rests = matches!(self.state, State::BackingOff(until) if until > now);
        self.last_error.as_ref().filter(|_| self.is_denied && rests)
    }

    /// The error of the last request, if it failed.
    pub(crate) fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }
}
