//! `RecordAccumulator`: the batches of every partition, filled by user threads and emptied by the sender.
//!
//! It has two halves. [`RecordAccumulator`] appends. [`Drain`] looks at batches and takes them; there is only one, on the
//! sender thread.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Limit, PendingPartition};
use crate::lifecycle::{Closing, Lifecycle};
use crate::observation::Observer;
use crate::producer::batch::{Growth, NewBatch, OpenBatch};
use crate::producer::buffer::{PooledBuffer, ReserveError, SimpleBufferPool};
use crate::producer::callback;
use crate::producer::completion::Completion;
use crate::producer::drain::Drain;
use crate::producer::future::FutureRecordMetadata;
use crate::producer::inbox::Inbox;
use crate::producer::kept::Size;
use crate::producer::permits::{Permit, Permits};
use crate::producer::queue::{Batch, PartitionQueue, QueueState};
use crate::producer::result::ResultSlot;
use crate::producer::sealing::Sealing;
use crate::producer::shared::{AccumulatorSettings, Shared};
use crate::producer::topics::TopicTable;
use crate::producer::unfinished::{Cut, Pending};
use crate::record::{Compression, RecordFields, RecordSize};
use crate::time::{Deadline, Instant};
use crate::topic_partition::TopicPartition;

/// The half of the user threads.
#[derive(Clone)]
pub(crate) struct RecordAccumulator {
    shared: Arc<Shared>,
}

/// Makes the two halves.
pub(crate) fn record_accumulator(
    lifecycle: Arc<Lifecycle>,
    settings: AccumulatorSettings,
    pool: Arc<SimpleBufferPool>,
    inbox: Arc<Inbox<Arc<PartitionQueue>>>,
    observer: Arc<Observer>,
) -> (RecordAccumulator, Drain) {
    let (unfinished, permits) = (Arc::default(), Permits::by(observer.clock()));
    let shared = Arc::new(Shared { lifecycle, settings, pool, unfinished, inbox, observer, permits });
    (RecordAccumulator { shared: Arc::clone(&shared) }, Drain { shared })
}

/// How long an append may wait for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Never,
    Until(Deadline),
    /// For `max_block`, from the moment at which it begins to wait.
    MaxBlock,
}

/// Why a record could not be appended without new memory.
enum Refused {
    Closed,
    /// A buffer of this size is needed.
    NeedsBuffer(usize),
}

impl RecordAccumulator {
    /// Appends a record. It waits for memory as `wait` says.
    ///
    /// `wall` is the time in milliseconds since 1970 that the caller has read.
    pub(crate) fn append(
        &self,
        queue: &Arc<PartitionQueue>,
        fields: &RecordFields<'_>,
        size: RecordSize,
        timestamp: i64,
        wall: i64,
        wait: Wait,
    ) -> Result<FutureRecordMetadata, Error> {
        // In a forked child the lock may be held by a thread that does not exist there.
        let lifecycle = &self.shared.lifecycle;
        let Some(mut state) = queue.state.lock_unless(|| lifecycle.check_process().is_err()) else {
            return Err(lifecycle.used_after_fork().at(queue.topic_partition()));
        };
        let needed = match self.shared.append_fast(&mut state, fields, size, timestamp, wall) {
            Ok((future, must_notify)) => {
                drop(state);
                if must_notify {
                    lifecycle.check_process().map_err(|error| error.at(queue.topic_partition()))?;
                    self.shared.inbox.partition(Arc::clone(queue));
                }
                return Ok(future);
            }
            Err(Refused::Closed) => {
                let refusal = lifecycle.check_process().err().unwrap_or_else(|| lifecycle.refusal());
                return Err(refusal.at(queue.topic_partition()));
            }
            Err(Refused::NeedsBuffer(needed)) => needed,
        };
        drop(state);
        let result = self.append_slow(queue, fields, size, timestamp, needed, wait);
        result.map_err(|error| error.at(queue.topic_partition()))
    }

    fn append_slow(
        &self,
        queue: &Arc<PartitionQueue>,
        fields: &RecordFields<'_>,
        size: RecordSize,
        timestamp: i64,
        needed: usize,
        wait: Wait,
    ) -> Result<FutureRecordMetadata, Error> {
        let shared = &*self.shared;
        shared.lifecycle.check_process()?;
        let buffer = shared.reserve(queue, Size { wanted: needed, least: size.at_most() }, wait)?;
        // Both clocks are read again: waiting for memory may have taken long, and a batch must not be old when it is made.
        let (now, wall) = (shared.observer.clock().now(), shared.observer.clock().wall_millis());
        let mut full = None;
        let mut state = queue.state.lock();
        // While the lock was free, another thread may have made room. Then this buffer is not needed.
        let (result, unused) = match shared.append_fast(&mut state, fields, size, timestamp, wall) {
            Ok(appended) => (Ok(appended), Some(buffer)),
            Err(Refused::Closed) => (Err(shared.lifecycle.refusal()), Some(buffer)),
            Err(Refused::NeedsBuffer(_)) => {
                let growth = shared.growth(state.max_bytes, wall);
                let is_first = state.batches.is_empty();
                match state.batches.back_mut() {
                    Some(Batch::Open(batch)) if batch.accepts(size.at_most(), &growth) => {
                        batch.add_buffer(buffer);
                    }
                    _ => {
                        full = shared.take_full(&mut state, size.at_most(), &growth);
                        let mut batch = shared.open_batch(queue, buffer, now, wall);
                        if state.several_in_flight {
                            shared.watch(queue, &mut batch);
                        }
                        state.batches.push_back(Batch::Open(batch));
                    }
                }
                let appended = match state.batches.back_mut() {
                    Some(Batch::Open(batch)) => batch.try_append(size, timestamp, fields),
                    _ => None,
                };
                let appended = appended.ok_or_else(|| bug("a fresh buffer had no room for its record"));
                (appended.map(|future| (future, shared.must_notify(&mut state, is_first))), None)
            }
        };
        drop(state);
        drop(unused);
        let (future, must_notify) = result?;
        match full {
            Some((full, permit)) => Sealing::new(queue, shared, full, must_notify).finish(permit),
            None if must_notify => shared.inbox.partition(Arc::clone(queue)),
            None => {}
        }
        Ok(future)
    }

    pub(crate) fn pool(&self) -> &Arc<SimpleBufferPool> {
        &self.shared.pool
    }

    /// Closes the open batches to appends, sends them, and waits until all of them have a result.
    pub(crate) fn flush(
        &self,
        deadline: Deadline,
        timeout: Option<Duration>,
        topics: &TopicTable,
    ) -> Result<(), Error> {
        let cut = self.shared.unfinished.cut();
        if !self.shared.unfinished.is_empty() {
            self.shared.inbox.hurry();
        }
        let pending = match self.shared.unfinished.wait(&cut, self.shared.observer.clock(), deadline) {
            true => Pending::default(),
            false => self.pending_below(cut.until, topics),
        };
        self.report(&cut, timeout.map(|value| (Limit::Call, value)), pending)
    }

    /// Makes the sender fail the records that were appended before this call and that no broker can have.
    pub(crate) fn purge(&self) {
        self.shared.unfinished.purge();
        self.shared.inbox.purge();
    }

    /// Reports the failures since the last flush that the program has not looked at, and the records that had no result
    /// when the time of `close` was over. It does not wait.
    pub(crate) fn close(&self, closing: Option<Closing>, topics: &TopicTable) -> Result<(), Error> {
        let cut = self.shared.unfinished.cut();
        let pending =
            self.shared.unfinished.given_up().unwrap_or_else(|| self.pending_below(cut.until, topics));
        let limit = closing.and_then(|closing| Some((closing.limit, closing.value?)));
        self.report(&cut, limit, pending)
    }

    /// The records that have no result.
    pub(crate) fn pending(&self, topics: &TopicTable) -> Vec<PendingPartition> {
        self.pending_below(u64::MAX, topics).0
    }

    /// How many records have no result, and how many batches they are in.
    pub(crate) fn in_flight(&self, topics: &TopicTable) -> (u64, u64) {
        sum(&self.pending(topics))
    }

    fn pending_below(&self, until: u64, topics: &TopicTable) -> Pending {
        // Not for all known partitions: a program may call this again and again without a time to wait.
        let topic_partitions = self.shared.unfinished.places_below(until);
        topics.queues_of(&topic_partitions).iter().for_each(|queue| queue.note_records());
        self.shared.unfinished.pending_below(until, &self.shared.observer)
    }

    fn report(&self, cut: &Cut, limit: Option<(Limit, Duration)>, pending: Pending) -> Result<(), Error> {
        let reported = self.shared.unfinished.report(cut, limit, pending);
        // They are in this report, or in that of another flush.
        drop(self.shared.observer.take_unreported());
        reported.map_err(|report| Error::new(ErrorKind::Undelivered { report }))
    }
}

impl Shared {
    /// Appends if that needs no new memory. Returns whether the sender must be notified.
    #[inline]
    fn append_fast(
        &self,
        state: &mut QueueState,
        fields: &RecordFields<'_>,
        size: RecordSize,
        timestamp: i64,
        wall: i64,
    ) -> Result<(FutureRecordMetadata, bool), Refused> {
        // Under the queue's lock. `lifecycle.rs` says why that is enough.
        if !self.lifecycle.is_open() {
            return Err(Refused::Closed);
        }
        let (most, max_bytes) = (size.at_most(), state.max_bytes);
        match state.batches.back_mut() {
            Some(Batch::Open(batch)) if batch.accepts(most, &self.growth(max_bytes, wall)) => {
                match batch.try_append(size, timestamp, fields) {
                    Some(future) => Ok((future, self.must_notify(state, false))),
                    None => Err(Refused::NeedsBuffer(batch.next_buffer(self.pool.buffer_size()).max(most))),
                }
            }
            _ => Err(Refused::NeedsBuffer(state.first_buffer.min(self.pool.buffer_size()).max(most))),
        }
    }

    #[inline]
    fn must_notify(&self, state: &mut QueueState, is_first: bool) -> bool {
        state.must_notify(is_first, self.unfinished.epoch())
    }

    fn growth(&self, max_bytes: usize, wall: i64) -> Growth {
        Growth {
            max_bytes: self.settings.batch_max_bytes.min(max_bytes),
            max_age_millis: self.settings.max_age_millis,
            wall,
            flush_epoch: self.unfinished.epoch(),
        }
    }

    /// Takes the batch at the back out of its queue if this thread is to compress it: the batch is full, there is a permit,
    /// and this is not the sender thread in a callback, which other threads wait for.
    fn take_full(
        &self,
        state: &mut QueueState,
        next: usize,
        growth: &Growth,
    ) -> Option<(OpenBatch, Permit<'_>)> {
        if self.settings.encoding.compression == Compression::None || callback::is_inside() {
            return None;
        }
        let entry = state.batches.back_mut()?;
        let batch_id = match entry {
            Batch::Open(batch) if batch.has_no_room(next, growth) => batch.batch_id(),
            _ => return None,
        };
        let permit = self.permits.try_take()?;
        match std::mem::replace(entry, Batch::Sealing(batch_id)) {
            Batch::Open(batch) => {
                batch.note_records();
                Some((batch, permit))
            }
            Batch::Sealing(_) | Batch::Sealed(_) => None,
        }
    }

    fn open_batch(&self, queue: &PartitionQueue, first: PooledBuffer, now: Instant, wall: i64) -> OpenBatch {
        let (slot, completer) =
            ResultSlot::new(Arc::clone(&queue.topic_partition), Arc::clone(&self.observer));
        let (completion, flush_epoch) =
            Completion::new(completer, Arc::clone(&slot), Arc::clone(&self.unfinished));
        let AccumulatorSettings { batch_num_records: max_records, manual_flush: waits_for_flush, .. } =
            self.settings;
        let new_batch = NewBatch { now, wall, flush_epoch, max_records, waits_for_flush, slot, completion };
        OpenBatch::new(new_batch, first)
    }

    fn reserve(&self, queue: &PartitionQueue, size: Size, wait: Wait) -> Result<PooledBuffer, Error> {
        let (holder, topic_partition) = (queue.id(), queue.topic_partition());
        let error = match self.pool.try_reserve(holder, size) {
            Ok(buffer) => return Ok(buffer),
            Err(error) => error,
        };
        if error == ReserveError::Exhausted {
            let max_block = self.settings.max_block;
            let deadline = match wait {
                Wait::Never => {
                    let (used, total) = (self.pool.used(), self.pool.total());
                    let wanted = size.wanted;
                    let what = format!(
                        "{wanted} bytes of buffer_memory for {topic_partition}: {used} of {total} bytes are in use"
                    );
                    self.pool.want(|| self.inbox.hurry());
                    let inside_callback = callback::is_inside();
                    return Err(Error::new(ErrorKind::WouldBlock { what, inside_callback }));
                }
                Wait::Until(deadline) => deadline,
                Wait::MaxBlock => Deadline::after(self.observer.clock().now(), max_block),
            };
            let start = self.observer.clock().now();
            let clock = self.observer.clock();
            let reserved = self.pool.reserve(holder, size, clock, deadline, || self.inbox.hurry());
            let (recorder, now) = (self.observer.recorder(), clock.now());
            recorder.waited_for_memory(now.since(start), now);
            match reserved {
                Ok(buffer) => return Ok(buffer),
                Err(ReserveError::Closed) => {}
                Err(_) => {
                    recorder.memory_exhausted(now);
                    return Err(Error::new(ErrorKind::BufferExhausted {
                        topic_partition: TopicPartition::clone(topic_partition),
                        requested: size.wanted,
                        used: self.pool.used(),
                        total: self.pool.total(),
                        waited: now.since(start),
                        max_block,
                        brokers: self.unfinished.troubles(&self.observer),
                    }));
                }
            }
        }
        Err(self.lifecycle.refusal())
    }
}

/// How many records and batches are pending.
pub(super) fn sum(pending: &[PendingPartition]) -> (u64, u64) {
    let sums = pending.iter().map(|partition| (partition.records, partition.batches));
    sums.fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1))
}

fn bug(what: &str) -> Error {
    Error::new(ErrorKind::Bug { what: what.to_owned() })
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::client::{ClusterMetadata, PartitionMetadata};
    use crate::error::DeliveryReport;
    use crate::process::Process;
    use crate::producer::batch::Encoding;
    use crate::producer::result::BatchResult;
    use crate::sync::Wake;
    use crate::time::Clock;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(&self) {}
    }

    /// Both halves, and the queues of a topic of two partitions.
    fn halves() -> (RecordAccumulator, Drain, Arc<TopicTable>, [Arc<PartitionQueue>; 2]) {
        halves_with(Compression::None)
    }

    fn halves_with(
        compression: Compression,
    ) -> (RecordAccumulator, Drain, Arc<TopicTable>, [Arc<PartitionQueue>; 2]) {
        halves_of(Lifecycle::default(), compression)
    }

    fn halves_of(
        lifecycle: Lifecycle,
        compression: Compression,
    ) -> (RecordAccumulator, Drain, Arc<TopicTable>, [Arc<PartitionQueue>; 2]) {
        let settings = AccumulatorSettings {
            batch_size: 1000,
            batch_num_records: u32::MAX,
            manual_flush: false,
            batch_max_bytes: 1000,
            encoding: Encoding { compression, level: None },
            max_age_millis: i64::MAX,
            max_block: Duration::ZERO,
        };
        let inbox = Arc::new(Inbox::new(Box::new(Nobody)));
        let lifecycle = Arc::new(lifecycle);
        let pool = SimpleBufferPool::new(100_000, 1000, Arc::clone(&lifecycle));
        let observer = Observer::new(Clock::System);
        let (accumulator, drain) =
            record_accumulator(Arc::clone(&lifecycle), settings, pool, inbox, observer);
        let topics = TopicTable::new(lifecycle, None);
        let mut snapshot = ClusterMetadata::default();
        snapshot.topics.entry(Arc::from("t")).or_default().partitions = vec![PartitionMetadata::default(); 2];
        let handle = topics.handle("t", &snapshot).unwrap();
        let queues = [0, 1].map(|partition| Arc::clone(&handle.queues[partition]));
        (accumulator, drain, topics, queues)
    }

    fn send(accumulator: &RecordAccumulator, queue: &Arc<PartitionQueue>) -> FutureRecordMetadata {
        let fields = RecordFields { key: None, value: Some(b"v"), headers: &[] };
        accumulator.append(queue, &fields, RecordSize::of(&fields), 0, 0, Wait::Never).unwrap()
    }

    #[test]
    fn the_sender_is_told_of_a_batch_once_however_many_buffers_it_takes() {
        let (accumulator, _drain, _topics, [queue, _]) = halves();
        for _ in 0..5 {
            // More than the room in the buffer of the batch, so each takes another buffer.
            let fields = RecordFields { key: None, value: Some(&[7; 100]), headers: &[] };
            accumulator.append(&queue, &fields, RecordSize::of(&fields), 0, 0, Wait::Never).unwrap();
        }
        assert_eq!(accumulator.shared.inbox.take().partitions.len(), 1);
    }

    #[test]
    fn a_report_counts_batches_and_records() {
        let (accumulator, _drain, topics, [queue, _]) = halves();
        let _first = send(&accumulator, &queue);
        accumulator.flush(over(), Some(Duration::ZERO), &topics).unwrap_err();
        let _others = [(); 2].map(|()| send(&accumulator, &queue));
        let report = report(accumulator.flush(over(), Some(Duration::ZERO), &topics));
        let [pending] = &report.pending[..] else { panic!("{report:?}") };
        assert_eq!((pending.topic_partition.partition(), pending.batches, pending.records), (0, 2, 3));
    }

    /// If the sender panics, only its own part is closed.
    #[test]
    fn who_waits_for_memory_is_told_when_the_sender_ends() {
        let (accumulator, drain, _topics, _queues) = halves();
        let pool = accumulator.pool();
        let all = pool.try_reserve(0, pool.total()).unwrap();
        std::thread::scope(|scope| {
            let waiter =
                scope.spawn(|| pool.reserve(0, 1, &Clock::System, Deadline::NEVER, || ()).unwrap_err());
            while !pool.is_wanted() {
                std::thread::yield_now();
            }
            accumulator.shared.lifecycle.close(Closing::after(Clock::System.now(), Limit::Close, None));
            drain.close_pool();
            assert_eq!(waiter.join().unwrap(), ReserveError::Closed);
        });
        drop(all);
    }

    #[test]
    fn who_waits_for_a_batch_that_has_left_hurries_no_other() {
        let (accumulator, drain, _topics, [queue, _]) = halves();
        let batch_id = || match queue.state.lock().batches.back() {
            Some(Batch::Open(batch)) => batch.batch_id(),
            _ => unreachable!(),
        };
        let _first = send(&accumulator, &queue);
        let left = batch_id();
        let _batch = drain.pop_if(&queue, |_| true).unwrap();
        let _second = send(&accumulator, &queue);
        queue.state.lock().notified = false;
        assert!(!queue.hasten(left), "it has left");
        assert!(queue.hasten(batch_id()), "it lies there");
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn a_batch_that_a_flush_has_cut_off_is_left_to_the_sender() {
        let (accumulator, _drain, topics, [queue, _]) = halves_with(Compression::Gzip);
        let _first = send(&accumulator, &queue);
        accumulator.flush(over(), Some(Duration::ZERO), &topics).unwrap_err();
        let _second = send(&accumulator, &queue);
        let state = queue.state.lock();
        assert_eq!(state.batches.len(), 2);
        assert!(state.batches.iter().all(|batch| matches!(batch, Batch::Open(_))));
    }

    fn report(flushed: Result<(), Error>) -> DeliveryReport {
        match flushed.unwrap_err().kind() {
            ErrorKind::Undelivered { report } => report.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// It does not wait either for a lock whose holder does not exist in the child.
    #[test]
    fn in_a_forked_child_nothing_is_reserved_and_the_sender_is_not_told() {
        let (accumulator, drain, _topics, [queue, held]) =
            halves_of(Lifecycle::of(Process::ELSEWHERE), Compression::None);
        let _held = held.state.lock();
        let fields = RecordFields { key: None, value: Some(b"v"), headers: &[] };
        for queue in [&queue, &held] {
            let wait = Wait::Until(Deadline::NEVER);
            let appended = accumulator.append(queue, &fields, RecordSize::of(&fields), 0, 0, wait);
            assert!(matches!(appended.unwrap_err().kind(), ErrorKind::UsedAfterFork { process: u32::MAX }));
        }
        assert_eq!(accumulator.pool().used(), 0);
        assert!(drain.notices().partitions.is_empty());
    }

    /// There may be a hundred thousand other partitions, and a program may flush in a loop.
    #[test]
    fn a_flush_in_vain_asks_only_the_partitions_that_have_something_pending() {
        let (accumulator, _drain, topics, [queue, other]) = halves();
        let _future = send(&accumulator, &queue);
        let _held = other.state.lock();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || tell.send(accumulator.flush(over(), Some(Duration::ZERO), &topics)));
        let flushed = told.recv_timeout(Duration::from_secs(5)).expect("it waits for another partition");
        let pending = report(flushed).pending;
        assert_eq!(pending.iter().map(|partition| partition.records).collect::<Vec<_>>(), [1]);
    }

    /// A callback may take longer than a flush waits.
    #[test]
    fn a_flush_that_ends_while_callbacks_run_tells_of_the_failure_and_no_later_one() {
        let (accumulator, drain, topics, [queue, _]) = halves();
        let (_silent, looked_at) = (send(&accumulator, &queue), send(&accumulator, &queue));
        let (tell, told) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        looked_at.add_errback(move |_| {
            tell.send(()).unwrap();
            released.recv().unwrap();
        });
        let batch = drain.pop_if(&queue, |_| true).unwrap();
        let sender = std::thread::spawn(move || {
            batch.complete(BatchResult::Failed(Error::new(ErrorKind::Closed)));
        });
        told.recv().unwrap();
        let report = report(accumulator.flush(over(), Some(Duration::ZERO), &topics));
        assert_eq!((report.failed, report.pending.len(), report.timed_out), (1, 0, None));
        release.send(()).unwrap();
        sender.join().unwrap();
        accumulator.flush(Deadline::NEVER, None, &topics).unwrap();
    }

    #[test]
    fn of_a_batch_that_is_lost_all_records_are_counted() {
        let (accumulator, drain, topics, [queue, _]) = halves();
        let _futures = [(); 3].map(|()| send(&accumulator, &queue));
        drop(drain.pop_if(&queue, |_| true).unwrap());
        assert_eq!(report(accumulator.flush(Deadline::NEVER, None, &topics)).failed, 3);
    }

    /// The sender must be notified of the sealed batch and of the batch behind it, also if the codec panics.
    #[test]
    fn the_sender_is_told_of_a_batch_whose_codec_panics_and_of_the_one_behind_it() {
        let (accumulator, drain, _topics, [queue, _]) = halves();
        let _future = send(&accumulator, &queue);
        drop(drain.notices());
        let full = match queue.state.lock().batches.front_mut() {
            Some(entry @ Batch::Open(_)) => match std::mem::replace(entry, Batch::Sealing(0)) {
                Batch::Open(batch) => batch,
                _ => unreachable!(),
            },
            _ => unreachable!(),
        };
        assert!(drain.look(&queue, 0, |_| false).is_none());
        drop(Sealing::new(&queue, &accumulator.shared, full, false));
        assert_eq!(drain.notices().partitions.len(), 1);
        assert!(drain.look(&queue, 0, |_| false).is_some());
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn what_is_not_sent_is_not_compressed() {
        let (accumulator, drain, _topics, [queue, other]) = halves_with(Compression::Gzip);
        let _futures = [(); 50].map(|()| (send(&accumulator, &queue), send(&accumulator, &other)));
        let (sent, given_up) =
            (drain.pop_if(&queue, |_| true).unwrap(), drain.give_up_front(&other, |_| true).unwrap());
        assert!(sent.len() < given_up.len(), "{} and {}", sent.len(), given_up.len());
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn who_fills_a_batch_compresses_it_but_not_in_a_callback() {
        for in_callback in [false, true] {
            let (accumulator, _drain, _topics, [queue, _]) = halves_with(Compression::Gzip);
            let inside = in_callback.then(callback::enter);
            let _futures = [(); 200].map(|()| send(&accumulator, &queue));
            drop(inside);
            let state = queue.state.lock();
            assert!(state.batches.len() > 1);
            assert_eq!(matches!(state.batches[0], Batch::Open(_)), in_callback);
        }
    }

    fn over() -> Deadline {
        Deadline::at(Clock::System.now())
    }
}
