//! What the end of an attempt means for its batch: the only place that decides.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{BrokerTrouble, Count, Error, ErrorKind, Limit, Subject};
use crate::producer::batch::SealedBatch;
use crate::producer::partition::Partition;
use crate::producer::result::BatchResult;
use crate::protocol::{ErrorCode, ProducePartitionResponse, RecordError};
use crate::time::Instant;
use crate::topic_partition::TopicPartition;

/// When a batch is given up.
#[derive(Clone, Debug)]
pub(crate) struct RetryPolicy {
    /// `retries`: how often a batch is sent again.
    pub(crate) retries: u32,
    /// `delivery_timeout_ms`; `None` is for ever.
    pub(crate) delivery_timeout: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy)]
pub(crate) enum AttemptOutcome<'a> {
    Answered(&'a ProducePartitionResponse),
    /// The answer to its request says nothing of it.
    LeftOut,
    /// All bytes are with the kernel, and no answer is to come (acks=0).
    Written,
    /// No answer will come; some of its bytes had left, or not.
    Lost {
        error: &'a Error,
        sent: bool,
    },
}

/// What to do with the batch.
#[derive(Debug)]
pub(crate) enum Action {
    /// It is over, with this.
    Complete(BatchResult),
    /// Send the same bytes again after a while.
    SendAgain { error: Error, maybe_written: bool },
    /// No broker takes it with its numbers: send it with others.
    Renumber { error: Error },
    /// It is too large: send it in parts.
    Split,
    /// It was given up before, and its futures know; whether it was written is not known still.
    Keep { maybe_written: bool },
    /// It was given up before, and its futures know: what comes back is for nobody.
    Forget,
}

/// What becomes of `batch`, which is of `partition`, when an attempt to send it ends.
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
            // Of a batch that it knows again a broker tells the time of the newest record as if it were its own.
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
        // It was stored by an attempt whose answer got lost, too long ago for the broker to know where.
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
            // Of a batch behind others a gap says no more than that those are not stored yet.
            waits_for_others =
                code == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER && !partition.is_oldest(batch.ordinal());
            renumber = is_of_numbers && !waits_for_others;
            (error, code.may_have_been_written())
        }
        AttemptOutcome::LeftOut => (Error::new(ErrorKind::LeftOut { topic_partition: name.clone() }), true),
        AttemptOutcome::Lost { error, sent } => (error.clone(), sent),
    };
    // What was given up is sent again only for the sake of others, and as long as they need it.
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

/// Of a refusal that no further attempt changes.
fn refused(error: Error, answer: &ProducePartitionResponse) -> BatchResult {
    if answer.error_code.may_have_been_written() {
        return BatchResult::Failed(error.maybe_written());
    }
    if answer.record_errors.is_empty() {
        return BatchResult::Failed(error);
    }
    // Some of its records are to blame, by the broker's own words (KIP-467).
    let mut blamed: Arc<[RecordError]> = answer.record_errors.as_slice().into();
    Arc::make_mut(&mut blamed).sort_by_key(|blamed| blamed.batch_index);
    BatchResult::Refused { error, blamed }
}

impl AttemptOutcome<'_> {
    /// Whether the partition may be led by another broker by now.
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

    /// Whether the delivery timeout of what was created then has run out.
    pub(crate) fn is_over(&self, created: Instant, now: Instant) -> bool {
        self.delivery_timeout.is_some_and(|timeout| created + timeout <= now)
    }

    /// The final error of a batch whose time ran out, or whose retries are used up; `last` is what the last attempt ended
    /// with.
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
                        // Once is enough.
                        let told = |trouble: &BrokerTrouble| matches!(last.kind(), ErrorKind::Network { trouble: told, .. } if told == trouble);
                        brokers.retain(|trouble| !told(trouble));
                        let attempts = Count(u64::from(attempts), "attempt");
                        format!("after {attempts} to send the records for {name}, the last attempt: {last}")
                    }
                };
                ErrorKind::Timeout { limit: Limit::DeliveryTimeout, value, waited_for, brokers }
            }
            (_, Some(last)) => {
                let (retries, topic_partition, last) = (self.retries, name.clone(), last.clone());
                ErrorKind::RetriesUsedUp { retries, attempts, topic_partition, last }
            }
            (_, None) => {
                let what = format!("a batch for {name} was given up without a reason");
                ErrorKind::Bug { what }
            }
        };
        match last {
            None => Error::new(kind),
            Some(last) => Error::after(kind, last),
        }
    }
}
