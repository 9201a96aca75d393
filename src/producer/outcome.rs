//! What happens to a batch when an attempt ends. This is the only place that decides it.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{BrokerTrouble, Count, Error, ErrorKind, Limit, Subject};
use crate::producer::batch::SealedBatch;
use crate::producer::partition::Partition;
use crate::producer::result::BatchResult;
use crate::protocol::{ErrorCode, ProducePartitionResponse, RecordError};
use crate::time::Instant;
use crate::topic_partition::TopicPartition;

/// When a batch is not sent again.
#[derive(Clone, Debug)]
pub(crate) struct RetryPolicy {
    /// `retries`: how often a batch is sent again.
    pub(crate) retries: u32,
    /// `delivery_timeout_ms`; `None` is no limit.
    pub(crate) delivery_timeout: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy)]
pub(crate) enum AttemptOutcome<'a> {
    Answered(&'a ProducePartitionResponse),
    /// The answer to the request says nothing about the batch.
    LeftOut,
    /// All bytes were passed to the kernel, and no answer comes (acks=0).
    Written,
    /// No answer will come. Some bytes of the request were sent, or none.
    Lost {
        error: &'a Error,
        sent: bool,
    },
}

/// What to do with the batch.
#[derive(Debug)]
pub(crate) enum Action {
    /// The batch is complete, with this result.
    Complete(BatchResult),
    /// Send the same bytes again after the back-off.
    SendAgain { error: Error, maybe_written: bool },
    /// No broker accepts the batch with its sequence numbers. Send it with others.
    Renumber { error: Error },
    /// The batch is too large. Send it in parts.
    Split,
    /// The batch was given up before. Whether it was written is still unknown.
    Keep { maybe_written: bool },
    /// The batch was given up before. The answer is not needed any more.
    Forget,
}

/// Decides what happens to `batch` of `partition` when an attempt to send it ends.
pub(crate) fn decide(
    batch: &SealedBatch,
    partition: &Partition,
    end: AttemptOutcome<'_>,
    retry_policy: &RetryPolicy,
    now: Instant,
) -> Action {
    let action = choose_action(batch, partition, end, retry_policy, now);
    match action {
        Action::Complete(BatchResult::Stored { .. }) => action,
        Action::SendAgain { maybe_written, .. } if batch.is_given_up() && batch.sequence().is_some() => {
            Action::Keep { maybe_written }
        }
        _ if batch.is_given_up() => Action::Forget,
        action => action,
    }
}

fn choose_action(
    batch: &SealedBatch,
    partition: &Partition,
    end: AttemptOutcome<'_>,
    retry_policy: &RetryPolicy,
    now: Instant,
) -> Action {
    let name: &TopicPartition = partition.topic_partition();
    let is_numbered = batch.sequence().is_some();
    let (mut renumber, mut waits_for_others) = (false, false);
    let (error, maybe_written) = match end {
        AttemptOutcome::Written => return stored(None, None),
        AttemptOutcome::Answered(answer) if answer.error_code == ErrorCode::NONE => {
            let told = |number: i64| (number >= 0).then_some(number);
            // For a batch that it recognizes, a broker returns the time of the newest record as if it were its own time.
            let is_ours = |time: &i64| batch.attempts() > 1 && *time == batch.max_timestamp();
            let append_time = told(answer.log_append_time_ms).filter(|time| !is_ours(time));
            return stored(told(answer.base_offset), append_time);
        }
        AttemptOutcome::Answered(answer) if answer.error_code.asks_for_split() => {
            if batch.records() > 1 {
                return Action::Split;
            }
            let (code, size) = (answer.error_code, batch.len());
            let kind = ErrorKind::RefusedAsTooLarge { code, size, topic_partition: name.clone() };
            return Action::Complete(BatchResult::Failed(Error::new(kind)));
        }
        // An attempt whose answer was lost has stored the batch, so long ago that the broker does not know the offset.
        AttemptOutcome::Answered(answer)
            if is_numbered && answer.error_code == ErrorCode::DUPLICATE_SEQUENCE_NUMBER =>
        {
            return stored(None, None);
        }
        AttemptOutcome::Answered(answer) => {
            let (code, message) = (answer.error_code, answer.error_message.clone());
            let error =
                Error::new(ErrorKind::Broker { code, message, about: Subject::Partition(name.clone()) });
            let is_of_numbers = is_numbered
                && matches!(
                    code,
                    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
                        | ErrorCode::UNKNOWN_PRODUCER_ID
                        | ErrorCode::INVALID_PRODUCER_EPOCH
                );
            if !is_of_numbers && !code.is_retriable() {
                return Action::Complete(refused(error, answer));
            }
            // For a batch behind others, a gap only says that those are not stored yet.
            waits_for_others =
                code == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER && !partition.is_oldest(batch.ordinal());
            renumber = is_of_numbers && !waits_for_others;
            (error, code.may_have_been_written())
        }
        AttemptOutcome::LeftOut => (Error::new(ErrorKind::LeftOut { topic_partition: name.clone() }), true),
        AttemptOutcome::Lost { error, sent } => (error.clone(), sent),
    };
    // A batch that was given up is sent again only because of batches behind it, and only as long as they need it.
    let counts_not = waits_for_others && !retry_policy.is_over(batch.created(), now);
    if counts_not || retry_policy.allows(batch, now) || batch.is_given_up() {
        return if renumber {
            Action::Renumber { error }
        } else {
            Action::SendAgain { error, maybe_written }
        };
    }
    let error = retry_policy.final_error(batch, Some(&error), name, String::new(), Vec::new(), now);
    Action::Complete(BatchResult::Failed(if maybe_written { error.maybe_written() } else { error }))
}

fn stored(base_offset: Option<i64>, log_append_time: Option<i64>) -> Action {
    Action::Complete(BatchResult::Stored { base_offset, log_append_time })
}

/// The result of a refusal that another attempt does not change.
fn refused(error: Error, answer: &ProducePartitionResponse) -> BatchResult {
    if answer.error_code.may_have_been_written() {
        return BatchResult::Failed(error.maybe_written());
    }
    if answer.record_errors.is_empty() {
        return BatchResult::Failed(error);
    }
    // The broker names the records that are the cause (KIP-467).
    let mut blamed: Arc<[RecordError]> = answer.record_errors.as_slice().into();
    Arc::make_mut(&mut blamed).sort_by_key(|blamed| blamed.batch_index);
    BatchResult::Refused { error, blamed }
}

impl AttemptOutcome<'_> {
    /// Whether the partition may have another leader by now.
    pub(crate) fn wants_metadata(self) -> bool {
        match self {
            AttemptOutcome::Answered(answer) => answer.error_code.needs_metadata_refresh(),
            AttemptOutcome::Lost { .. } => true,
            AttemptOutcome::LeftOut | AttemptOutcome::Written => false,
        }
    }
}

impl RetryPolicy {
    /// Whether a batch whose attempt has just failed may be sent again.
    fn allows(&self, batch: &SealedBatch, now: Instant) -> bool {
        batch.attempts() <= self.retries && !self.is_over(batch.created(), now)
    }

    /// Whether the delivery timeout of a batch that was created at `created` is over.
    pub(crate) fn is_over(&self, created: Instant, now: Instant) -> bool {
        self.delivery_timeout.is_some_and(|timeout| created + timeout <= now)
    }

    /// The final error of a batch whose time expired, or whose retries are used up. `last` is the error of the last
    /// attempt.
    pub(crate) fn final_error(
        &self,
        batch: &SealedBatch,
        last: Option<&Error>,
        name: &TopicPartition,
        waited_for: String,
        mut brokers: Vec<BrokerTrouble>,
        now: Instant,
    ) -> Error {
        let attempts = batch.attempts();
        let kind = match (self.delivery_timeout, last) {
            (Some(value), last) if self.is_over(batch.created(), now) => {
                let waited_for = match last {
                    None => waited_for,
                    Some(last) => {
                        // The trouble of the last attempt is in the text already.
                        let told = |trouble: &BrokerTrouble| matches!(last.kind(), ErrorKind::Network { trouble: told, .. } if told == trouble);
                        brokers.retain(|trouble| !told(trouble));
                        let attempts = Count(u64::from(attempts), "attempt");
                        format!("after {attempts} to send the records for {name}; the last attempt: {last}")
                    }
                };
                ErrorKind::Timeout { limit: Limit::DeliveryTimeout, value, waited_for, brokers }
            }
            (_, Some(last)) => {
                let (retries, topic_partition) = (self.retries, name.clone());
                let last = last.clone().at(name);
                ErrorKind::RetriesUsedUp { retries, attempts, topic_partition, last }
            }
            (_, None) => {
                let what = format!("a batch for {name} failed without an error");
                ErrorKind::Bug { what }
            }
        };
        match last {
            None => Error::new(kind),
            Some(last) => Error::after(kind, last),
        }
    }
}
