//! The batches that have no result yet, and the failures that the program has not looked at. `flush` and `close` wait for
//! them and report them.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{BrokerTrouble, DeliveryReport, Error, Limit, PendingPartition};
use crate::observation::Observer;
use crate::producer::failures::Failures;
use crate::producer::result::{Progress, ResultSlot};
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering};
use crate::time::{Clock, Deadline};
use crate::topic_partition::TopicPartition;

/// Batches in the order of their creation.
#[derive(Default)]
pub(crate) struct Unfinished {
    /// Batches of an older epoch accept no more records. It is raised under the lock, together with the batches that a
    /// flush waits for, so that a flush never waits for a batch of the new epoch. Threads that append read it without the
    /// lock.
    epoch: AtomicU64,
    /// Batches with smaller ids are purged. It is raised before the epoch.
    purged_below: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    /// With the number of parts of each that are left.
    batches: BTreeMap<u64, (Arc<ResultSlot>, usize)>,
    /// Failures, by the number of the next report, until every flush that began before has reported them.
    failed: BTreeMap<u64, Vec<Group>>,
    next_report: u64,
    /// The numbers of the next report when the current flushes began.
    flushes: Vec<u64>,
    /// The batches that the sender had to fail when the time of `close` was over, for the report of `close`.
    given_up: Option<Pending>,
    waiting: u32,
}

/// Failures of one partition and of one kind.
#[derive(Clone)]
struct Group {
    topic_partition: Arc<TopicPartition>,
    failures: Arc<Failures>,
}

/// The records without a result, and what stops the sender at each broker.
pub(crate) type Pending = (Vec<PendingPartition>, Vec<BrokerTrouble>);

/// The batches that a flush waits for, and the failures that it reports.
pub(crate) struct Cut {
    /// Batches with a smaller id.
    pub(crate) until: u64,
    /// Failures from this report on.
    failures_from: u64,
}

impl Unfinished {
    /// A new batch. Returns its id and its epoch.
    pub(crate) fn enter(&self, slot: Arc<ResultSlot>) -> (u64, u64) {
        let mut state = self.state.lock();
        let batch_id = state.next;
        state.next += 1;
        state.batches.insert(batch_id, (slot, 1));
        (batch_id, self.epoch())
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// A batch was split. It leaves when each of its parts has left.
    pub(crate) fn split(&self, batch_id: u64, parts: usize) {
        if let Some((_, left)) = self.state.lock().batches.get_mut(&batch_id) {
            *left += parts.saturating_sub(1);
        }
    }

    /// A batch or a part has failed, and has to be reported.
    pub(crate) fn failed(&self, slot: &ResultSlot) {
        let mut state = self.state.lock();
        slot.count_failures(|error| state.failures(slot.topic_partition(), error));
    }

    pub(crate) fn leave(&self, batch_id: u64) {
        let mut state = self.state.lock();
        let was_first = state.batches.first_key_value().is_some_and(|(first, _)| *first == batch_id);
        let is_over = match state.batches.get_mut(&batch_id) {
            Some((_, left)) if *left > 1 => {
                *left -= 1;
                false
            }
            _ => state.batches.remove(&batch_id).is_some(),
        };
        // Threads wait for the oldest batch.
        let notify = was_first && is_over && state.waiting > 0;
        drop(state);
        if notify {
            self.changed.notify_all();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().batches.is_empty()
    }

    /// Open batches accept no more records. [`wait`](Self::wait) must follow.
    pub(crate) fn cut(&self) -> Cut {
        let mut state = self.state.lock();
        self.epoch.fetch_add(1, Ordering::Relaxed);
        let failures_from = state.next_report;
        state.flushes.push(failures_from);
        Cut { until: state.next, failures_from }
    }

    /// Sender: as [`epoch`](Self::epoch). If a purge has raised the epoch, [`purged_below`](Self::purged_below) then returns
    /// the batches of this purge. Without that, the sender would take the end of their growth for a flush, and send them.
    pub(crate) fn epoch_with_purges(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Purges the batches that there are. Open batches accept no more records.
    pub(crate) fn purge(&self) {
        let state = self.state.lock();
        self.purged_below.store(state.next, Ordering::Relaxed);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Batches with smaller ids that no broker has should fail.
    pub(crate) fn purged_below(&self) -> u64 {
        self.purged_below.load(Ordering::Relaxed)
    }

    /// Whether a batch with a smaller id than this has not left.
    pub(crate) fn has_below(&self, batch_id: u64) -> bool {
        self.state.lock().batches.first_key_value().is_some_and(|(first, _)| *first < batch_id)
    }

    /// Waits until every batch before the cut has left. False if the deadline comes first. [`report`](Self::report) must
    /// follow.
    pub(crate) fn wait(&self, cut: &Cut, clock: &Clock, deadline: Deadline) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.batches.first_key_value().is_none_or(|(first, _)| *first >= cut.until) {
                return true;
            }
            if deadline.has_passed(clock.now()) {
                return false;
            }
            state.waiting += 1;
            state = clock.wait(&self.changed, state, deadline);
            state.waiting -= 1;
        }
    }

    /// The report of what is `pending` after `limit`, and of what failed since the last report before the cut. If a flush is
    /// out of time, its failures stay for the next one: a program that calls it until nothing is pending must not end with
    /// `Ok` over them.
    pub(crate) fn report(
        &self,
        cut: &Cut,
        limit: Option<(Limit, Duration)>,
        (pending, brokers): Pending,
    ) -> Result<(), DeliveryReport> {
        let timed_out = limit.filter(|_| !pending.is_empty());
        // Records that failed because the time of the producer was over are those that are pending. They are reported once,
        // whether they have failed yet or not.
        let is_pending = |error: &Error| timed_out.is_some() && error.is_closed();
        let (mut count, mut first_error) = (0, None);
        let again = matches!(timed_out, Some((Limit::Call, _)));
        let reported = self.state.lock().report(cut, again);
        for failures in reported {
            // Failures that are reported again are still open: others may be added to them.
            if !again {
                failures.report();
            }
            let (records, error) = (failures.records(), failures.first_error());
            if records > 0 && !is_pending(error) {
                count += records;
                first_error.get_or_insert_with(|| error.clone());
            }
        }
        if timed_out.is_none() && count == 0 {
            return Ok(());
        }
        Err(DeliveryReport { failed: count, first_error, pending, brokers, timed_out })
    }

    /// Sender: the time of `close` is over, and the batches without a result are about to fail. Returns what stops it at
    /// each broker.
    pub(crate) fn give_up(&self, observer: &Observer) -> Vec<BrokerTrouble> {
        let pending = self.pending_below(u64::MAX, observer);
        let brokers = pending.1.clone();
        self.state.lock().given_up = Some(pending);
        brokers
    }

    /// What [`give_up`](Self::give_up) has found. It is returned once.
    pub(crate) fn given_up(&self) -> Option<Pending> {
        self.state.lock().given_up.take()
    }

    /// The partitions of the batches with ids below `until`, each once.
    pub(crate) fn places_below(&self, until: u64) -> Vec<Arc<TopicPartition>> {
        let state = self.state.lock();
        let mut topic_partitions: Vec<_> =
            state.batches.range(..until).map(|(_, (slot, _))| Arc::clone(slot.topic_partition())).collect();
        drop(state);
        // Not sorted by address: a simulated run must be the same each time.
        topic_partitions
            .sort_unstable_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
        topic_partitions.dedup_by(|one, other| Arc::ptr_eq(one, other));
        topic_partitions
    }

    /// What stops the oldest batches, for threads that wait for their memory.
    pub(crate) fn troubles(&self, observer: &Observer) -> Vec<BrokerTrouble> {
        /// A program that does not wait asks for it with each record.
        const OLDEST: usize = 64;
        let slots: Vec<_> =
            self.state.lock().batches.values().take(OLDEST).map(|(slot, _)| Arc::clone(slot)).collect();
        let in_flight: Vec<_> = slots.iter().filter_map(|slot| slot.progress()?.in_flight).collect();
        observer.troubles(in_flight.iter().map(|broker| &**broker))
    }

    /// The records of batches with ids below `until` that have no result.
    pub(crate) fn pending_below(&self, until: u64, observer: &Observer) -> Pending {
        // As with failures, the locks of the slots are taken after this one.
        let slots: Vec<_> =
            self.state.lock().batches.range(..until).map(|(_, (slot, _))| Arc::clone(slot)).collect();
        let (mut partitions, mut topic_partitions, mut asked) = (Vec::new(), BTreeMap::new(), Vec::new());
        for slot in &slots {
            let topic_partition = slot.topic_partition();
            let Some(Progress { records, in_flight, last_error }) = slot.progress() else { continue };
            asked.extend(in_flight);
            let index = *topic_partitions
                .entry((&*topic_partition.topic, topic_partition.partition))
                .or_insert(partitions.len());
            if index == partitions.len() {
                let topic_partition = TopicPartition::clone(topic_partition);
                partitions.push(PendingPartition { topic_partition, batches: 0, records: 0, last_error });
            }
            if let Some(partition) = partitions.get_mut(index) {
                partition.batches += 1;
                partition.records += u64::from(records);
            }
        }
        (partitions, observer.troubles(asked.iter().map(|broker| &**broker)))
    }
}

impl State {
    /// The counter for a failure of `topic_partition`.
    fn failures(&mut self, topic_partition: &Arc<TopicPartition>, error: &Error) -> Arc<Failures> {
        let groups = self.failed.entry(self.next_report).or_default();
        // If a program never flushes, the memory must not grow with the number of partitions.
        let any_topic_partition = groups.len() >= MOST_GROUPS;
        let is_like_it = |group: &&mut Group| {
            let first = group.failures.first_error();
            discriminant(first.kind()) == discriminant(error.kind())
                && first.certainty() == error.certainty()
                && (any_topic_partition || group.topic_partition == *topic_partition)
        };
        let fresh = || Arc::new(Failures::new(error));
        match groups.iter_mut().find(is_like_it) {
            Some(group) => {
                if group.failures.records() == 0 {
                    // The program has looked at all of them. The next failure is a first error again.
                    group.failures = fresh();
                }
                Arc::clone(&group.failures)
            }
            None => {
                let failures = fresh();
                groups.push(Group {
                    topic_partition: Arc::clone(topic_partition),
                    failures: Arc::clone(&failures),
                });
                failures
            }
        }
    }

    /// The failures that a flush reports, the first one first. They stay for the flushes that began before this report, and
    /// if they are to be reported `again`, for the next one.
    fn report(&mut self, cut: &Cut, again: bool) -> Vec<Arc<Failures>> {
        let groups = self.failed.range(cut.failures_from..).flat_map(|(_, groups)| groups);
        let failures = groups.map(|group| Arc::clone(&group.failures)).collect();
        if again {
            // Another flush may have ended the report that they were in.
            let older = self.failed.range(cut.failures_from..self.next_report);
            let mut kept: Vec<Group> = older.flat_map(|(_, groups)| groups).map(Group::clone).collect();
            let groups = self.failed.entry(self.next_report).or_default();
            kept.truncate(MOST_GROUPS.saturating_sub(groups.len()));
            groups.append(&mut kept);
        } else {
            self.next_report += 1;
        }
        if let Some(at) = self.flushes.iter().position(|from| *from == cut.failures_from) {
            self.flushes.swap_remove(at);
        }
        let kept_from = self.flushes.iter().copied().min().unwrap_or(self.next_report);
        self.failed = self.failed.split_off(&kept_from);
        failures
    }
}

/// The most groups of failures that are distinguished by partition. Beyond that they are distinguished only by kind.
const MOST_GROUPS: usize = 64;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::producer::future::{FutureRecordMetadata, Sizes};
    use crate::producer::result::BatchResult;

    fn fails(unfinished: &Unfinished, records: u32) {
        failure(unfinished, records);
    }

    fn fails_in(unfinished: &Unfinished, partition: i32, kind: ErrorKind) {
        failure_of(unfinished, partition, kind, 1);
    }

    fn failure(unfinished: &Unfinished, records: u32) -> Arc<ResultSlot> {
        failure_of(unfinished, 0, ErrorKind::Closed, records)
    }

    fn failure_of(unfinished: &Unfinished, partition: i32, kind: ErrorKind, records: u32) -> Arc<ResultSlot> {
        let topic_partition = Arc::new(TopicPartition { topic: "t".into(), partition });
        let (slot, completer) = ResultSlot::new(topic_partition, Observer::new(Clock::System));
        let (batch_id, _) = unfinished.enter(Arc::clone(&slot));
        let failed = BatchResult::Failed(Error::new(kind));
        completer.complete(failed, records, || unfinished.failed(&slot));
        unfinished.leave(batch_id);
        slot
    }

    fn look_at(slot: &Arc<ResultSlot>, record: u32) {
        let future = FutureRecordMetadata::new(Arc::clone(slot), record, 0, Sizes { key: -1, value: -1 });
        assert!(future.exception().is_some());
    }

    fn failed(unfinished: &Unfinished, cut: &Cut) -> u64 {
        assert!(unfinished.wait(cut, &Clock::System, Deadline::NEVER));
        unfinished.report(cut, None, Pending::default()).map_or_else(|report| report.failed, |()| 0)
    }

    #[test]
    fn every_flush_that_began_before_hears_of_a_failure_and_no_later_one() {
        let unfinished = Unfinished::default();
        fails(&unfinished, 3);
        let (first, second) = (unfinished.cut(), unfinished.cut());
        assert_eq!((failed(&unfinished, &first), failed(&unfinished, &second)), (3, 3));
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0);
        fails(&unfinished, 2);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 2);
        assert!(unfinished.state.lock().failed.is_empty());
    }

    #[test]
    fn a_program_that_never_flushes_keeps_the_count_and_not_the_batches() {
        let unfinished = Unfinished::default();
        (0..5000).for_each(|_| fails(&unfinished, 2));
        assert_eq!(unfinished.state.lock().failed[&0].len(), 1);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 10_000);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0, "once is enough");
    }

    /// D12: of three records in each batch the program looks at one at once, and at another one later.
    #[test]
    fn only_failures_that_nobody_looked_at_count() {
        let unfinished = Unfinished::default();
        let slots: Vec<_> = (0..3000)
            .map(|_| {
                let slot = failure(&unfinished, 3);
                look_at(&slot, 0);
                slot
            })
            .collect();
        slots.iter().for_each(|slot| look_at(slot, 1));
        // Looking twice counts once.
        slots.iter().for_each(|slot| look_at(slot, 1));
        assert_eq!(failed(&unfinished, &unfinished.cut()), 3000);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0);
    }

    #[test]
    fn a_flush_is_fine_when_all_failures_have_been_looked_at() {
        let unfinished = Unfinished::default();
        let slots: Vec<_> = (0..2000).map(|_| failure(&unfinished, 1)).collect();
        slots.iter().for_each(|slot| look_at(slot, 0));
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0);
    }

    #[test]
    fn the_first_error_is_one_that_nobody_has_looked_at() {
        let unfinished = Unfinished::default();
        let size = |size| ErrorKind::RefusedAsTooLarge {
            code: crate::protocol::ErrorCode::MESSAGE_TOO_LARGE,
            size,
            topic_partition: TopicPartition::new("t", 0),
        };
        look_at(&failure_of(&unfinished, 0, size(1), 1), 0);
        look_at(&failure_of(&unfinished, 1, size(2), 1), 0);
        drop(failure_of(&unfinished, 0, size(3), 1));
        drop(failure_of(&unfinished, 0, ErrorKind::Spawn, 1));
        let report = unfinished.report(&unfinished.cut(), None, Pending::default()).unwrap_err();
        assert_eq!(report.failed, 2);
        assert!(matches!(report.first_error.unwrap().kind(), ErrorKind::RefusedAsTooLarge { size: 3, .. }));
    }

    #[test]
    fn failures_of_any_number_of_partitions_are_counted_in_the_memory_of_a_few() {
        let unfinished = Unfinished::default();
        for partition in 0..1000 {
            fails_in(&unfinished, partition, ErrorKind::Closed);
            fails_in(&unfinished, partition, ErrorKind::Spawn);
        }
        assert!(unfinished.state.lock().failed[&0].len() <= MOST_GROUPS);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 2000);
    }

    /// A loop of `flush` until nothing is pending ends with an error.
    #[test]
    fn a_flush_that_is_out_of_time_leaves_its_failures_to_the_next_one() {
        let unfinished = Unfinished::default();
        failure_of(&unfinished, 0, ErrorKind::Spawn, 3);
        let pending = PendingPartition {
            topic_partition: TopicPartition::new("t", 0),
            batches: 1,
            records: 1,
            last_error: None,
        };
        for _ in 0..2 {
            let limit = Some((Limit::Call, Duration::ZERO));
            let report = unfinished.report(&unfinished.cut(), limit, (vec![pending.clone()], Vec::new()));
            assert_eq!(report.unwrap_err().failed, 3);
        }
        assert_eq!(failed(&unfinished, &unfinished.cut()), 3);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0);
    }

    /// What fails after such a flush is counted and logged as anything else that nobody looks at.
    #[test]
    fn failures_after_a_flush_that_is_out_of_time_are_not_taken_for_reported() {
        let unfinished = Unfinished::default();
        let pending = PendingPartition {
            topic_partition: TopicPartition::new("t", 0),
            batches: 1,
            records: 1,
            last_error: None,
        };
        failure_of(&unfinished, 0, ErrorKind::Spawn, 1);
        let limit = Some((Limit::Call, Duration::ZERO));
        unfinished.report(&unfinished.cut(), limit, (vec![pending], Vec::new())).unwrap_err();
        let slot = failure_of(&unfinished, 0, ErrorKind::Spawn, 2);
        let observer = Arc::clone(&slot.observer);
        drop(slot);
        assert_eq!(observer.unchecked(), 2);
    }

    #[test]
    fn another_flush_does_not_take_failures_from_one_that_is_out_of_time() {
        let unfinished = Unfinished::default();
        failure_of(&unfinished, 0, ErrorKind::Spawn, 3);
        let (slow, quick) = (unfinished.cut(), unfinished.cut());
        assert_eq!(failed(&unfinished, &quick), 3);
        let pending = PendingPartition {
            topic_partition: TopicPartition::new("t", 0),
            batches: 1,
            records: 1,
            last_error: None,
        };
        let limit = Some((Limit::Call, Duration::ZERO));
        let report = unfinished.report(&slow, limit, (vec![pending], Vec::new()));
        assert_eq!(report.unwrap_err().failed, 3);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 3);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0);
    }

    /// A failure that `flush` has reported is not logged.
    #[test]
    fn what_was_reported_is_not_unchecked() {
        let unfinished = Unfinished::default();
        let slot = failure_of(&unfinished, 0, ErrorKind::Spawn, 2);
        let observer = Arc::clone(&slot.observer);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 2);
        drop(slot);
        assert_eq!(observer.unchecked(), 0);
    }

    #[test]
    fn a_cut_divides_batches_by_epoch_as_by_ticket() {
        let unfinished = Unfinished::default();
        let topic_partition = Arc::new(TopicPartition { topic: "t".into(), partition: 0 });
        let (slot, _completer) = ResultSlot::new(topic_partition, Observer::new(Clock::System));
        let (before, old) = unfinished.enter(Arc::clone(&slot));
        let cut = unfinished.cut();
        let (after, new) = unfinished.enter(slot);
        assert!(before < cut.until && after >= cut.until && old < new);
    }
}
