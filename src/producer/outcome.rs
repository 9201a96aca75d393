//! What a broker's answer, or the lack of one, means for a batch: the only place that decides.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{BrokerTrouble, Certainty, Count, Error, ErrorKind, Limit};
use crate::producer::batch::SealedBatch;
use crate::producer::result::TopicPartition;
use crate::protocol::{ErrorCode, ProducePartitionResponse, RecordError};
use crate::time::Instant;

/// When a batch is given up.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// `retries`: how often a batch is sent again.
    pub(crate) retries: u32,
    /// `delivery_timeout_ms`; `None` is for ever.
    pub(crate) delivery_timeout: Option<Duration>,
}

/// What to do with a batch.
pub(crate) enum Verdict {
    Store,
    /// Send the same bytes again after a while.
    Retry {
        error: Error,
        maybe_written: bool,
    },
    Fail(Error),
    /// Some of its records are to blame, by the broker's own words, in the order of the batch.
    Blame(Error, Arc<[RecordError]>),
}

/// Of an answer that names the batch.
pub(crate) fn answered(answer: &ProducePartitionResponse, place: &TopicPartition) -> Verdict {
    let code = answer.error_code;
    if code == ErrorCode::NONE {
        return Verdict::Store;
    }
    let kind = ErrorKind::Broker { code, message: answer.error_message.clone(), about: place.to_string() };
    let error = Error::new(kind);
    let maybe_written = code.may_have_been_written();
    match code.is_retriable() {
        true => Verdict::Retry { error, maybe_written },
        false if maybe_written => Verdict::Fail(error.maybe_written()),
        false if !answer.record_errors.is_empty() => {
            let mut blamed: Arc<[RecordError]> = answer.record_errors.as_slice().into();
            Arc::make_mut(&mut blamed).sort_by_key(|blamed| blamed.batch_index);
            Verdict::Blame(error, blamed)
        }
        false => Verdict::Fail(error),
    }
}

/// Of a request that gets no answer any more.
pub(crate) fn lost(error: Error, sent: bool) -> Verdict {
    match error.kind() {
        ErrorKind::Closed if sent => Verdict::Fail(error.maybe_written()),
        ErrorKind::Closed => Verdict::Fail(error),
        _ => Verdict::Retry { error, maybe_written: sent },
    }
}

impl Patience {
    /// Whether a batch whose attempt has just failed may be sent again.
    pub(crate) fn allows(&self, batch: &SealedBatch, now: Instant) -> bool {
        batch.attempts() <= self.retries && !self.is_over(batch.created(), now)
    }

    /// Whether the delivery timeout of what was created then has run out.
    pub(crate) fn is_over(&self, created: Instant, now: Instant) -> bool {
        self.delivery_timeout.is_some_and(|timeout| created + timeout <= now)
    }

    /// The final error of a batch whose time ran out, or whose retries are used up.
    pub(crate) fn last_word(
        &self,
        batch: &SealedBatch,
        place: &TopicPartition,
        waited_for: String,
        mut brokers: Vec<BrokerTrouble>,
        now: Instant,
    ) -> Error {
        let (last, attempts) = (batch.last_error(), batch.attempts());
        let kind = match (self.delivery_timeout, last) {
            (Some(value), last) if self.is_over(batch.created(), now) => {
                let waited_for = match last {
                    None => waited_for,
                    Some(last) => {
                        // Once is enough.
                        let told = |trouble: &BrokerTrouble| matches!(last.kind(), ErrorKind::Network { trouble: told } if told == trouble);
                        brokers.retain(|trouble| !told(trouble));
                        let attempts = Count(u64::from(attempts), "attempt");
                        format!("after {attempts} to send the records for {place}, the last: {last}")
                    }
                };
                ErrorKind::Timeout { limit: Limit::DeliveryTimeout, value, waited_for, brokers }
            }
            (_, Some(last)) => {
                let (retries, about, last) = (self.retries, place.to_string(), last.clone());
                ErrorKind::RetriesUsedUp { retries, attempts, about, last }
            }
            (_, None) => {
                let what = format!("a batch for {place} was given up without a reason");
                ErrorKind::Bug { what }
            }
        };
        match last {
            None => Error::new(kind),
            Some(last) => Error::with_source(kind, last.clone()),
        }
    }
}

/// For a batch in an answer that left it out.
pub(crate) fn left_out(place: &TopicPartition) -> Error {
    let what = "the answer to a request left it out".to_owned();
    let code = ErrorCode::UNKNOWN_SERVER_ERROR;
    let error = Error::new(ErrorKind::Broker { code, message: Some(what), about: place.to_string() });
    debug_assert_eq!(error.certainty(), Certainty::NotWritten);
    error
}
