//! What comes of a request: for each of its batches, done, sent again, cut up, or failed.

use std::sync::Arc;

use crate::error::{Count, Error, ErrorKind};
use crate::producer::batch::SealedBatch;
use crate::producer::outcome::{self, Verdict};
use crate::producer::queue::PartitionQueue;
use crate::producer::result::{BatchResult, TopicPartition};
use crate::producer::sender::{A_MINUTE, Sender, UnderWay};
use crate::protocol::{ErrorCode, ProducePartitionResponse, ProduceResponse, Uuid};
use crate::time::Instant;

impl Sender {
    pub(super) fn answered(&mut self, number: u64, response: ProduceResponse, now: Instant) {
        let Some(mut request) = self.under_way.remove(&number) else { return };
        for topic in response.topics {
            let name = match request.topic_ids.get(&topic.topic_id) {
                Some(name) if topic.topic_id != Uuid::ZERO => Arc::clone(name),
                _ => Arc::from(topic.name),
            };
            for answer in topic.partitions {
                match request.batches.remove(&(Arc::clone(&name), answer.index)) {
                    Some((index, batch)) => self.judge(index, batch, &answer, now),
                    None => {
                        if self.warnings.is_news("an answer too many", A_MINUTE, now).is_some() {
                            log::warn!("an answer names {name}-{}, which was not asked about", answer.index);
                        }
                    }
                }
            }
        }
        for (index, batch) in request.batches.into_values() {
            let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { continue };
            let error = outcome::left_out(queue.place());
            self.carry_out(index, batch, Verdict::Retry { error, maybe_written: true }, -1, -1, now);
        }
    }

    fn judge(&mut self, index: u32, batch: SealedBatch, answer: &ProducePartitionResponse, now: Instant) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        if answer.error_code.needs_metadata_refresh() {
            self.client.metadata_mut().want();
        }
        if answer.error_code.asks_for_split() {
            return self.refused_as_too_large(index, &queue, batch, answer.error_code, now);
        }
        let verdict = outcome::answered(answer, queue.place());
        if matches!(verdict, Verdict::Store) {
            self.limits.stored(&queue.place().topic, batch.len(), now);
        }
        self.carry_out(index, batch, verdict, answer.base_offset, answer.log_append_time_ms, now);
    }

    /// Cuts the batch up and goes on with the parts; a single record can't be helped.
    fn refused_as_too_large(
        &mut self,
        index: u32,
        queue: &PartitionQueue,
        batch: SealedBatch,
        code: ErrorCode,
        now: Instant,
    ) {
        let place = queue.place();
        let size = batch.len();
        if batch.records() == 1 {
            let kind = ErrorKind::RefusedAsTooLarge { code, size, about: place.to_string() };
            return self.carry_out(index, batch, Verdict::Fail(Error::new(kind)), -1, -1, now);
        }
        let limit = self.limits.refused(&place.topic, size, now);
        let parts = batch.split(limit, self.drain.encoding());
        log::debug!("a batch of {size} bytes for {place} was refused as too large: sent as {}", parts.len());
        parts.into_iter().rev().for_each(|part| self.drain.put_back(queue, part));
        self.attempt_is_over(index, queue, now);
    }

    pub(super) fn stored_unseen(&mut self, number: u64, now: Instant) {
        let Some(request) = self.under_way.remove(&number) else { return };
        for (index, batch) in request.batches.into_values() {
            self.carry_out(index, batch, Verdict::Store, -1, -1, now);
        }
    }

    pub(super) fn lost(&mut self, number: u64, sent: bool, error: &Error, now: Instant) {
        let Some(request) = self.under_way.remove(&number) else { return };
        // Where it was may not be where it is.
        self.client.metadata_mut().want();
        for (index, batch) in request.batches.into_values() {
            self.carry_out(index, batch, outcome::lost(error.clone(), sent), -1, -1, now);
        }
    }

    pub(super) fn fail(&mut self, request: UnderWay, error: &Error, now: Instant) {
        for (index, batch) in request.batches.into_values() {
            self.carry_out(index, batch, Verdict::Fail(error.clone()), -1, -1, now);
        }
    }

    /// The end of an attempt: the batch is done, or goes back to the front of its queue.
    fn carry_out(
        &mut self,
        index: u32,
        mut batch: SealedBatch,
        verdict: Verdict,
        base_offset: i64,
        log_append_time: i64,
        now: Instant,
    ) {
        let Some(queue) = self.readiness.queue(index).map(Arc::clone) else { return };
        let result = match verdict {
            // What comes back is for nobody; it is only over now.
            _ if batch.is_given_up() => Some(BatchResult::Failed(Error::new(ErrorKind::Closed))),
            Verdict::Store => {
                let log_append_time = (log_append_time >= 0).then_some(log_append_time);
                Some(BatchResult::Stored { base_offset, log_append_time })
            }
            Verdict::Fail(error) => Some(BatchResult::Failed(error)),
            Verdict::Blame(error, blamed) => Some(BatchResult::Refused { error, blamed }),
            Verdict::Retry { error, maybe_written } => {
                self.warn_of_refusal(batch.attempts(), queue.place(), &error, now);
                batch.attempt_failed(error, maybe_written);
                if self.settings.patience.allows(&batch, now) {
                    None
                } else {
                    let (patience, place) = (&self.settings.patience, queue.place());
                    let error = patience.last_word(&batch, place, String::new(), Vec::new(), now);
                    Some(BatchResult::Failed(error))
                }
            }
        };
        match result {
            None => {
                let delay = self.settings.retry.delay(batch.attempts(), &mut self.random);
                self.readiness.back_off(index, now + delay);
                self.drain.put_back(&queue, batch);
            }
            Some(result) => {
                let (records, loss) = (batch.records(), result.error().cloned());
                batch.complete(result);
                if let Some(error) = loss {
                    self.warn_of_loss(records, &error, now);
                }
            }
        }
        self.attempt_is_over(index, &queue, now);
    }

    /// A broker that can be reached and does not take records would otherwise not be heard of before they expire. What
    /// the client warns of, and what is everyday life when leaders move, is not told again.
    fn warn_of_refusal(&mut self, attempt: u32, place: &TopicPartition, error: &Error, now: Instant) {
        let code = error.broker_code().filter(|code| !code.needs_metadata_refresh());
        let news = code.and_then(|code| self.warnings.is_news(&format!("attempt: {code}"), A_MINUTE, now));
        match news {
            None => log::debug!("attempt {attempt} for {place} failed: {error}"),
            Some(0) => log::warn!("attempt {attempt} for {place} failed: {error}"),
            Some(more) => {
                let more = Count(more, "attempt");
                log::warn!("attempt {attempt} for {place} failed, as did {more} before: {error}");
            }
        }
    }

    fn attempt_is_over(&mut self, index: u32, queue: &PartitionQueue, now: Instant) {
        let topic = &queue.place().topic;
        if let Some(limit) = self.limits.limit(topic) {
            self.drain.limit(queue, limit);
            for waiting in self.limits.end(topic, index) {
                self.reconsider(waiting, now);
            }
        }
        self.reconsider(index, now);
    }
}
