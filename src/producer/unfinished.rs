//! The batches that have no result yet, and the failures that nobody has looked at: what `flush` and `close` wait for
//! and report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{BrokerTrouble, DeliveryReport, Error, Limit, PendingPartition};
use crate::observation::Observer;
use crate::producer::result::{Forgotten, Progress, ResultSlot, TopicPartition};
use crate::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering};
use crate::time::{Clock, Deadline};

/// Batches by the order of their creation.
#[derive(Default)]
pub(crate) struct Unfinished {
    /// Batches of an older epoch take no more records. Raised under the lock, together with what a flush waits for, so
    /// that no batch can be of this epoch and yet be waited for; read by every thread that appends, without it.
    epoch: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    /// With the number of parts that each still has.
    batches: BTreeMap<u64, (Arc<ResultSlot>, usize)>,
    /// What has failed, numbered, until every flush that began before has reported it.
    failed: BTreeMap<u64, Arc<ResultSlot>>,
    next_failure: u64,
    /// Up to here failures have been reported to somebody.
    reported: u64,
    /// Failures squeezed out of `failed` before anybody asked.
    forgotten: Option<Arc<Forgotten>>,
    /// Where the flushes under way began to count failures.
    flushes: Vec<u64>,
    /// What the sender had to fail when the time of `close` was over, for `close` to tell of.
    given_up: Option<Pending>,
    waiting: u32,
}

/// What has no result, and what is known of the reasons.
pub(crate) type Pending = (Vec<PendingPartition>, Vec<BrokerTrouble>);

/// What a flush waits for and reports.
pub(crate) struct Cut {
    /// Batches below this.
    until: u64,
    /// Failures from here on.
    failures_from: u64,
}

impl Unfinished {
    /// A batch is born. Returns its ticket and epoch.
    pub(crate) fn enter(&self, slot: Arc<ResultSlot>) -> (u64, u64) {
        let mut state = self.state.lock();
        let ticket = state.next;
        state.next += 1;
        state.batches.insert(ticket, (slot, 1));
        (ticket, self.epoch())
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// A batch was cut up: it leaves when each of its parts has left.
    pub(crate) fn split(&self, ticket: u64, parts: usize) {
        if let Some((_, left)) = self.state.lock().batches.get_mut(&ticket) {
            *left += parts.saturating_sub(1);
        }
    }

    /// A batch, or a part of one, has failed: to be reported.
    pub(crate) fn failed(&self, slot: &Arc<ResultSlot>) {
        self.state.lock().remember(slot);
    }

    pub(crate) fn leave(&self, ticket: u64) {
        let mut state = self.state.lock();
        let was_first = state.batches.first_key_value().is_some_and(|(first, _)| *first == ticket);
        let is_over = match state.batches.get_mut(&ticket) {
            Some((_, left)) if *left > 1 => {
                *left -= 1;
                false
            }
            _ => state.batches.remove(&ticket).is_some(),
        };
        // Whoever waits, waits for the oldest.
        let notify = was_first && is_over && state.waiting > 0;
        drop(state);
        if notify {
            self.changed.notify_all();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().batches.is_empty()
    }

    /// Draws the line: batches that are open now take no more records. [`wait`](Self::wait) must follow.
    pub(crate) fn cut(&self) -> Cut {
        let mut state = self.state.lock();
        self.epoch.fetch_add(1, Ordering::Relaxed);
        let failures_from = state.reported;
        state.flushes.push(failures_from);
        Cut { until: state.next, failures_from }
    }

    /// Waits until every batch before the cut has left; false if the deadline comes first.
    /// [`report`](Self::report) must follow.
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

    /// What is `pending` after `limit`, if anything is, and what failed since the last report before the cut.
    pub(crate) fn report(
        &self,
        cut: &Cut,
        limit: Option<(Limit, Duration)>,
        (pending, brokers): Pending,
    ) -> Result<(), DeliveryReport> {
        let timed_out = limit.filter(|_| !pending.is_empty());
        let (failed, forgotten) = Self::take_failures(self.state.lock(), cut);
        // The slots' locks come after this one, and only when it is free.
        let forgotten = forgotten.map(|forgotten| (forgotten.records.load(Ordering::Relaxed), forgotten));
        let (mut count, mut first_error) = match forgotten {
            Some((count @ 1.., forgotten)) => (count, Some(forgotten.first_error.clone())),
            _ => (0, None),
        };
        // What the end has failed because its time was over is what is pending, told once, whether it has failed by now.
        let is_pending = |error: &Error| timed_out.is_some() && error.is_closed();
        let failed = failed.iter().filter_map(|slot| slot.overlooked_failures());
        for (overlooked, error) in failed.filter(|(_, error)| !is_pending(error)) {
            count += overlooked;
            first_error.get_or_insert(error);
        }
        if timed_out.is_none() && count == 0 {
            return Ok(());
        }
        Err(DeliveryReport { failed: count, first_error, pending, brokers, timed_out })
    }

    /// Sender, when the time of `close` is over: what has no result by now is about to fail.
    /// Returns what keeps it here.
    pub(crate) fn give_up(&self, observer: &Observer) -> Vec<BrokerTrouble> {
        let pending = self.pending_below(u64::MAX, observer);
        let brokers = pending.1.clone();
        self.state.lock().given_up = Some(pending);
        brokers
    }

    /// What [`give_up`](Self::give_up) has found, once.
    pub(crate) fn given_up(&self) -> Option<Pending> {
        self.state.lock().given_up.take()
    }

    /// Where the batches before the cut go, each partition once.
    pub(crate) fn places(&self, cut: &Cut) -> Vec<Arc<TopicPartition>> {
        let state = self.state.lock();
        let mut places: Vec<_> =
            state.batches.range(..cut.until).map(|(_, (slot, _))| Arc::clone(slot.place())).collect();
        drop(state);
        // Not by address: a simulated run must be the same each time.
        places
            .sort_unstable_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
        places.dedup_by(|one, other| Arc::ptr_eq(one, other));
        places
    }

    /// What before the cut has no result.
    pub(crate) fn pending(&self, cut: &Cut, observer: &Observer) -> Pending {
        self.pending_below(cut.until, observer)
    }

    /// What keeps the oldest batches here, for those who wait for their memory.
    pub(crate) fn troubles(&self, observer: &Observer) -> Vec<BrokerTrouble> {
        /// A program that does not wait asks for each record.
        const OLDEST: usize = 64;
        let slots: Vec<_> =
            self.state.lock().batches.values().take(OLDEST).map(|(slot, _)| Arc::clone(slot)).collect();
        let under_way: Vec<_> = slots.iter().filter_map(|slot| slot.progress()?.under_way).collect();
        observer.troubles(under_way.iter().map(|broker| &**broker))
    }

    fn pending_below(&self, until: u64, observer: &Observer) -> Pending {
        // As with the failures: the slots' locks come later.
        let slots: Vec<_> =
            self.state.lock().batches.range(..until).map(|(_, (slot, _))| Arc::clone(slot)).collect();
        let (mut partitions, mut places, mut asked) = (Vec::new(), BTreeMap::new(), Vec::new());
        for slot in &slots {
            let place = slot.place();
            let Some(Progress { records, under_way, last_error }) = slot.progress() else { continue };
            asked.extend(under_way);
            let index = *places.entry((&*place.topic, place.partition)).or_insert(partitions.len());
            if index == partitions.len() {
                let (topic, partition) = (Arc::clone(&place.topic), place.partition);
                partitions.push(PendingPartition { topic, partition, batches: 0, records: 0, last_error });
            }
            if let Some(partition) = partitions.get_mut(index) {
                partition.batches += 1;
                partition.records += u64::from(records);
            }
        }
        (partitions, observer.troubles(asked.iter().map(|broker| &**broker)))
    }

    /// The failures of one flush. They stay for the others that began before they were reported.
    fn take_failures(
        mut state: MutexGuard<'_, State>,
        cut: &Cut,
    ) -> (Vec<Arc<ResultSlot>>, Option<Arc<Forgotten>>) {
        let failed = state.failed.range(cut.failures_from..).map(|(_, slot)| Arc::clone(slot)).collect();
        state.reported = state.next_failure;
        if let Some(at) = state.flushes.iter().position(|from| *from == cut.failures_from) {
            state.flushes.swap_remove(at);
        }
        let kept_from = state.flushes.iter().copied().min().unwrap_or(state.reported);
        state.failed = state.failed.split_off(&kept_from);
        (failed, state.forgotten.take())
    }
}

impl State {
    fn remember(&mut self, slot: &Arc<ResultSlot>) {
        // A program that never flushes must not pay for it for ever.
        const MOST: usize = 1024;
        if self.failed.len() == MOST {
            for slot in std::mem::take(&mut self.failed).into_values() {
                let Some((_, first_error)) = slot.overlooked_failures() else { continue };
                let fresh = || Arc::new(Forgotten { records: AtomicU64::new(0), first_error });
                slot.forget_failures(self.forgotten.get_or_insert_with(fresh));
            }
        }
        self.failed.insert(self.next_failure, Arc::clone(slot));
        self.next_failure += 1;
    }
}

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

    fn failure(unfinished: &Unfinished, records: u32) -> Arc<ResultSlot> {
        let place = Arc::new(TopicPartition { topic: "t".into(), partition: 0 });
        let (slot, completer) = ResultSlot::new(place, Observer::new(Clock::System));
        let (ticket, _) = unfinished.enter(Arc::clone(&slot));
        let failed = BatchResult::Failed(Error::new(ErrorKind::Closed));
        completer.complete(failed, records, || unfinished.failed(&slot));
        unfinished.leave(ticket);
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
        assert!(unfinished.state.lock().failed.len() <= 1024);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 10_000);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0, "once is enough");
    }

    /// D12: of three records in each batch one is looked at at once, another when its batch has been squeezed out.
    #[test]
    fn beyond_what_is_kept_only_failures_that_nobody_looked_at_count() {
        let unfinished = Unfinished::default();
        let slots: Vec<_> = (0..3000)
            .map(|_| {
                let slot = failure(&unfinished, 3);
                look_at(&slot, 0);
                slot
            })
            .collect();
        slots.iter().for_each(|slot| look_at(slot, 1));
        // Twice is not two.
        slots.iter().for_each(|slot| look_at(slot, 1));
        assert_eq!(failed(&unfinished, &unfinished.cut()), 3000);
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0);
    }

    #[test]
    fn a_flush_is_fine_when_all_failures_that_were_squeezed_out_have_been_looked_at() {
        let unfinished = Unfinished::default();
        let slots: Vec<_> = (0..2000).map(|_| failure(&unfinished, 1)).collect();
        slots.iter().for_each(|slot| look_at(slot, 0));
        assert_eq!(failed(&unfinished, &unfinished.cut()), 0);
    }

    #[test]
    fn a_cut_divides_batches_by_epoch_as_by_ticket() {
        let unfinished = Unfinished::default();
        let place = Arc::new(TopicPartition { topic: "t".into(), partition: 0 });
        let (slot, _completer) = ResultSlot::new(place, Observer::new(Clock::System));
        let (before, old) = unfinished.enter(Arc::clone(&slot));
        let cut = unfinished.cut();
        let (after, new) = unfinished.enter(slot);
        assert!(before < cut.until && after >= cut.until && old < new);
    }
}
