//! `FutureRecordMetadata`: the result of one record, read from the result of its batch.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Certainty, Error, ErrorKind, Subject};
use crate::producer::callback;
use crate::producer::result::{BatchResult, ResultSlot};
use crate::protocol::RecordError;
use crate::time::{Deadline, since_epoch};
use crate::topic_partition::TopicPartition;

/// The result of one [`send`](crate::KafkaProducer::send). The result is pending until the record is stored or has failed.
/// After that, the result does not change.
///
/// With `acks=0` a broker sends no response. A record then counts as stored when the operating system has accepted the
/// bytes of the record.
///
/// A future is cheap to clone. Dropping a future cancels nothing: the record is still sent.
///
/// # Unchecked failures
/// A failure is checked when a future or a callback has seen the failure. Before that, the failure is unchecked.
///
/// - [`get`](Self::get), [`try_get`](Self::try_get), [`failed`](Self::failed), [`succeeded`](Self::succeeded),
///   [`value`](Self::value) and [`exception`](Self::exception) check the failure of a record that has failed.
/// - A callback of [`add_errback`](Self::add_errback) or [`add_both`](Self::add_both) checks the failure.
/// - [`is_done`](Self::is_done) and a callback of [`add_callback`](Self::add_callback) do not check the failure.
///
/// The next [`flush`](crate::KafkaProducer::flush) or [`close`](crate::KafkaProducer::close) reports unchecked failures.
/// When the last future of a batch is dropped, [`unchecked_failures`](crate::KafkaProducer::unchecked_failures) counts the
/// unchecked failures of the batch that no `flush` or `close` has reported.
#[derive(Clone)]
pub struct FutureRecordMetadata {
    slot: Arc<ResultSlot>,
    index: u32,
    timestamp: i64,
    sizes: Sizes,
}

/// The sizes of key and value in bytes, as sent. -1 means null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) key: i32,
    pub(crate) value: i32,
}

impl FutureRecordMetadata {
    pub(crate) fn new(slot: Arc<ResultSlot>, index: u32, timestamp: i64, sizes: Sizes) -> Self {
        Self { slot, index, timestamp, sizes }
    }

    /// Waits for the result, at most for `timeout`. `None` means no limit.
    ///
    /// When `get` returns, the callbacks of the record may not have run yet. [`flush`](crate::KafkaProducer::flush) waits
    /// for the callbacks.
    ///
    /// # Errors
    /// - The error of the record, if the record has failed. Each call returns this error. If a broker is too old to
    ///   store records, the error is [`ErrorKind::UnsupportedVersion`] or [`ErrorKind::NoProducerId`].
    /// - [`ErrorKind::Timeout`] with [`Limit::Call`](crate::Limit::Call), if the timeout expired before the record had a
    ///   result. The record is still being sent, so a later call can return the result.
    /// - [`ErrorKind::CalledFromCallback`] inside a callback, if the record has no result yet.
    /// - [`ErrorKind::UsedAfterFork`] in a forked child, if the record had no result when the process forked.
    pub fn get(&self, timeout: impl Into<Option<Duration>>) -> Result<RecordMetadata, Error> {
        let timeout = timeout.into();
        let now = self.slot.observer.clock().now();
        let inside = callback::is_inside();
        let deadline = if inside { Deadline::at(now) } else { Deadline::after(now, timeout) };
        match self.slot.wait(self.index, deadline) {
            Some((index, result)) => self.resolve(index, &result),
            None if inside => {
                let call = "get on a future without a result";
                Err(Error::new(ErrorKind::CalledFromCallback { call }).at(self.slot.topic_partition()))
            }
            None => match self.slot.timed_out(timeout.unwrap_or_default()) {
                Some(error) => Err(error),
                None => self.get(Duration::ZERO),
            },
        }
    }

    /// Returns the result, or `None` while the record is still being sent. This method never blocks.
    pub fn try_get(&self) -> Option<Result<RecordMetadata, Error>> {
        let (index, result) = self.slot.wait(self.index, Deadline::at(crate::time::Instant::ZERO))?;
        Some(self.resolve(index, &result))
    }

    /// Returns the topic of the record.
    pub fn topic(&self) -> &str {
        &self.slot.topic_partition.topic
    }

    /// Returns the partition of the record.
    pub fn partition(&self) -> i32 {
        self.slot.topic_partition.partition
    }

    /// Returns `true` if the record has a result: the record is stored or has failed.
    pub fn is_done(&self) -> bool {
        self.slot.is_done(self.index)
    }

    /// Returns `true` if the record is stored. Returns `false` if the record has failed or is still being sent.
    pub fn succeeded(&self) -> bool {
        self.try_get().is_some_and(|result| result.is_ok())
    }

    /// Returns `true` if the record has failed. Returns `false` if the record is stored or is still being sent.
    pub fn failed(&self) -> bool {
        self.try_get().is_some_and(|result| result.is_err())
    }

    /// Returns the metadata of the record if the record is stored.
    pub fn value(&self) -> Option<RecordMetadata> {
        self.try_get()?.ok()
    }

    /// Returns the error of the record if the record has failed.
    pub fn exception(&self) -> Option<Error> {
        self.try_get()?.err()
    }

    /// Calls `callback` with the record's metadata when the record is stored. If the record fails, `callback` is not
    /// called. Returns the future, so that calls can be chained.
    ///
    /// The callback runs on the background thread, and nothing is sent in the meantime. So the callback should be quick. If
    /// the record is already stored, the callback runs immediately, on the thread that calls this method.
    ///
    /// Inside a callback, no call waits:
    /// - [`send`](crate::KafkaProducer::send) fails with [`ErrorKind::WouldBlock`] if it would block.
    /// - [`flush`](crate::KafkaProducer::flush), and [`get`](Self::get) on a future without a result, fail with
    ///   [`ErrorKind::CalledFromCallback`].
    /// - [`close`](crate::KafkaProducer::close) closes the producer with a timeout of zero.
    ///
    /// If a callback panics, the panic is caught and logged. With `panic = "abort"` the panic ends the process.
    pub fn add_callback(&self, callback: impl FnOnce(&RecordMetadata) + Send + 'static) -> &Self {
        self.on_completion(false, move |result| {
            if let Ok(metadata) = result {
                callback(metadata);
            }
        })
    }

    /// Calls `callback` with the error when the record fails. If the record is stored, `callback` is not called. In all
    /// other respects this method is like [`add_callback`](Self::add_callback).
    ///
    /// Inside the callback, a `send` to a topic that the producer does not know fails with [`ErrorKind::WouldBlock`]. An
    /// example is a dead-letter topic. To avoid this error, call [`partitions_for`](crate::KafkaProducer::partitions_for)
    /// for the topic when the program starts, or send the record from another thread. See
    /// [`send`](crate::KafkaProducer::send).
    pub fn add_errback(&self, callback: impl FnOnce(&Error) + Send + 'static) -> &Self {
        self.on_completion(true, move |result| {
            if let Err(error) = result {
                callback(error);
            }
        })
    }

    /// Calls `callback` exactly once, with the record's metadata or with the error of the record, like Java's `Callback`.
    /// In all other respects this method is like [`add_callback`](Self::add_callback).
    ///
    /// Inside the callback, a `send` to a topic that the producer does not know fails with [`ErrorKind::WouldBlock`]. An
    /// example is a dead-letter topic. To avoid this error, call [`partitions_for`](crate::KafkaProducer::partitions_for)
    /// for the topic when the program starts, or send the record from another thread. See
    /// [`send`](crate::KafkaProducer::send).
    pub fn add_both(&self, callback: impl FnOnce(Result<&RecordMetadata, &Error>) + Send + 'static) -> &Self {
        self.on_completion(true, callback)
    }

    /// `sees_failure` says whether the callback makes a failure checked.
    pub(super) fn on_completion(
        &self,
        sees_failure: bool,
        callback: impl FnOnce(Result<&RecordMetadata, &Error>) + Send + 'static,
    ) -> &Self {
        let Self { slot, index, timestamp, sizes } = self;
        let (topic_partition, timestamp, sizes) = (Arc::clone(&slot.topic_partition), *timestamp, *sizes);
        slot.on_completion(
            *index,
            sees_failure,
            Box::new(move |index, result| match metadata(topic_partition, index, timestamp, sizes, result) {
                Ok(metadata) => callback(Ok(&metadata)),
                Err(error) => callback(Err(&error)),
            }),
        );
        self
    }

    fn resolve(&self, index: u32, result: &BatchResult) -> Result<RecordMetadata, Error> {
        metadata(Arc::clone(&self.slot.topic_partition), index, self.timestamp, self.sizes, result)
    }
}

fn metadata(
    topic_partition: Arc<TopicPartition>,
    index: u32,
    timestamp: i64,
    sizes: Sizes,
    result: &BatchResult,
) -> Result<RecordMetadata, Error> {
    match result {
        BatchResult::Failed(error) => Err(error.clone()),
        BatchResult::Refused { error, blamed } => Err(record_error(error, index, blamed)),
        BatchResult::Stored { base_offset, log_append_time } => Ok(RecordMetadata {
            topic_partition,
            offset: base_offset.map(|base| base.wrapping_add(i64::from(index))),
            timestamp: log_append_time.unwrap_or(timestamp),
            sizes,
        }),
    }
}

/// The error of one record of a refused batch: the record was refused itself, or another one was (KIP-467).
fn record_error(error: &Error, index: u32, blamed: &[RecordError]) -> Error {
    let ErrorKind::Broker { code, message, about: Subject::Partition(topic_partition) } = error.kind() else {
        return error.clone();
    };
    let (code, topic_partition) = (*code, topic_partition.clone());
    let batch_index = |blamed: &RecordError| i64::from(blamed.batch_index);
    let own = blamed.binary_search_by_key(&i64::from(index), batch_index).ok().and_then(|at| blamed.get(at));
    let words = own.or(blamed.first()).and_then(|blamed| blamed.message.clone());
    let message = words.or_else(|| message.clone());
    let kind = match own {
        Some(_) => ErrorKind::Broker { code, message, about: Subject::Partition(topic_partition.clone()) },
        None => ErrorKind::RefusedWithBatch { code, message, topic_partition: topic_partition.clone() },
    };
    let own = Error::new(kind).at(&topic_partition);
    if error.certainty() == Certainty::MaybeWritten { own.maybe_written() } else { own }
}

impl fmt::Debug for FutureRecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureRecordMetadata")
            .field("topic", &self.slot.topic_partition.topic)
            .field("partition", &self.slot.topic_partition.partition)
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}

/// The metadata of a stored record: its topic, partition, offset, timestamp and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    topic_partition: Arc<TopicPartition>,
    offset: Option<i64>,
    timestamp: i64,
    sizes: Sizes,
}

impl RecordMetadata {
    /// Returns the topic.
    pub fn topic(&self) -> &str {
        &self.topic_partition.topic
    }

    /// Returns the number of the partition.
    pub fn partition(&self) -> i32 {
        self.topic_partition.partition
    }

    /// Returns the topic and the partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Returns the offset of the record in its partition.
    ///
    /// Returns `None` if no broker has returned the offset:
    /// - With `acks=0` a broker sends no response.
    /// - If a broker stored the batch long before, the broker returns `DUPLICATE_SEQUENCE_NUMBER` without an offset.
    ///
    /// Other clients return -1 in these cases.
    pub fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// Returns the timestamp of the record. If the topic has `message.timestamp.type=LogAppendTime`, this is the broker's
    /// time. Otherwise this is the timestamp with which the record was sent.
    pub fn timestamp(&self) -> SystemTime {
        since_epoch(self.timestamp)
    }

    /// Returns the [`timestamp`](Self::timestamp) in milliseconds since 1970.
    pub fn timestamp_ms(&self) -> i64 {
        self.timestamp
    }

    /// Returns the size of the key in bytes, as sent. Returns `None` if the key is null.
    pub fn serialized_key_size(&self) -> Option<usize> {
        usize::try_from(self.sizes.key).ok()
    }

    /// Returns the size of the value in bytes, as sent. Returns `None` if the value is null.
    pub fn serialized_value_size(&self) -> Option<usize> {
        usize::try_from(self.sizes.value).ok()
    }
}

/// The string is the same as in the Java client: `events-3@42`. Without an offset, the string is `events-3@unknown`.
impl fmt::Display for RecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{}@{offset}", self.topic_partition),
            None => write!(f, "{}@unknown", self.topic_partition),
        }
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::observation::Observer;
    use crate::producer::result::Completer;
    use crate::time::Clock;

    fn pending(clock: Clock) -> (FutureRecordMetadata, Completer) {
        let topic_partition = Arc::new(TopicPartition { topic: "t".into(), partition: 3 });
        let (slot, completer) = ResultSlot::new(topic_partition, Observer::new(clock));
        (FutureRecordMetadata::new(slot, 2, 77, Sizes { key: -1, value: 5 }), completer)
    }

    const STORED: BatchResult = BatchResult::Stored { base_offset: Some(40), log_append_time: None };

    #[test]
    fn a_future_is_small() {
        assert!(size_of::<FutureRecordMetadata>() <= 32);
    }

    #[test]
    fn the_offset_counts_from_the_batch() {
        let (future, completer) = pending(Clock::System);
        assert!(future.try_get().is_none());
        assert!(!future.is_done() && !future.succeeded() && !future.failed());
        completer.complete(STORED, 3, || ());
        let metadata = future.get(None).unwrap();
        assert_eq!((metadata.topic(), metadata.partition(), metadata.offset()), ("t", 3, Some(42)));
        assert_eq!((future.topic(), future.partition()), ("t", 3));
        assert_eq!(metadata.topic_partition(), &TopicPartition::new("t", 3));
        assert_eq!(metadata.timestamp(), std::time::UNIX_EPOCH + Duration::from_millis(77));
        assert_eq!(metadata.to_string(), "t-3@42");
        assert_eq!(
            (metadata.timestamp_ms(), metadata.serialized_key_size(), metadata.serialized_value_size()),
            (77, None, Some(5))
        );
        assert_eq!(future.value(), Some(metadata));
    }

    #[test]
    fn without_an_offset_no_record_has_one_and_the_brokers_time_wins() {
        let (future, completer) = pending(Clock::System);
        completer.complete(BatchResult::Stored { base_offset: None, log_append_time: Some(99) }, 3, || ());
        let metadata = future.get(None).unwrap();
        assert_eq!((metadata.offset(), metadata.timestamp_ms()), (None, 99));
        assert_eq!(metadata.to_string(), "t-3@unknown");
    }

    /// B23: timeouts of every size are timeouts, and the value can still be had later.
    #[test]
    fn a_get_that_timed_out_can_be_repeated() {
        let (future, completer) = pending(Clock::System);
        for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)] {
            let error = future.get(timeout).unwrap_err();
            assert!(error.is_timeout() && error.is_pending() && !error.is_retriable(), "{error}");
            assert_eq!((error.topic(), error.partition()), (Some("t"), Some(3)));
        }
        let error = future.get(Duration::ZERO).unwrap_err().to_string();
        assert_eq!(
            error,
            "the call's timeout of 0ns expired while waiting for the response to a record for t-3; the record has not been sent yet"
        );
        assert_eq!(future.slot.waiting(), 0, "nobody waits any more");
        completer.complete(STORED, 3, || ());
        assert!(
            future.slot.timed_out(Duration::ZERO).is_none(),
            "an answer that came in the last moment counts"
        );
        assert_eq!(future.get(Duration::MAX).unwrap().offset(), Some(42));
        assert_eq!(future.get(Duration::ZERO).unwrap().offset(), Some(42));
    }

    #[test]
    fn every_waiter_gets_the_answer() {
        let (future, completer) = pending(Clock::System);
        std::thread::scope(|scope| {
            let waiters: Vec<_> =
                (0..8).map(|_| scope.spawn(|| future.get(None).unwrap().offset())).collect();
            while future.slot.waiting() < 8 {
                std::thread::yield_now();
            }
            completer.complete(STORED, 3, || ());
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == Some(42)));
        });
    }

    #[test]
    fn a_batch_that_is_lost_fails_its_futures() {
        let (future, completer) = pending(Clock::System);
        drop(completer);
        assert!(matches!(future.get(None).unwrap_err().kind(), ErrorKind::Bug { .. }));
    }

    #[test]
    fn callbacks_run_once_in_order_and_at_once_when_it_is_over() {
        let (future, completer) = pending(Clock::System);
        let (tell, told) = mpsc::channel();
        for name in ["first", "second"] {
            let tell = tell.clone();
            future.add_callback(move |metadata| tell.send((name, metadata.offset().unwrap())).unwrap());
        }
        future.add_errback(|_| panic!("it did not fail"));
        completer.complete(STORED, 3, || ());
        future.add_callback(move |metadata| tell.send(("third", metadata.offset().unwrap())).unwrap());
        assert_eq!(told.iter().collect::<Vec<_>>(), [("first", 42), ("second", 42), ("third", 42)]);
    }

    #[test]
    fn one_callback_for_both_is_told_of_either_and_has_looked_at_a_failure() {
        let (tell, told) = mpsc::channel();
        for result in [STORED, BatchResult::Failed(Error::new(ErrorKind::Closed))] {
            let ((future, completer), tell) = (pending(Clock::System), tell.clone());
            future.add_both(move |result| tell.send(result.cloned().map_err(Error::clone)).unwrap());
            completer.complete(result, 3, || ());
            assert_eq!(future.slot.unchecked(), if future.try_get().unwrap().is_ok() { 0 } else { 2 });
        }
        assert_eq!(told.recv().unwrap().unwrap().offset(), Some(42));
        assert!(told.recv().unwrap().unwrap_err().is_closed());
    }

    #[test]
    fn a_panicking_callback_stops_neither_the_next_nor_the_thread() {
        let (future, completer) = pending(Clock::System);
        let (tell, told) = mpsc::channel();
        future.add_callback(|_| panic!("on purpose"));
        future.add_callback(move |_| tell.send(()).unwrap());
        completer.complete(STORED, 3, || ());
        assert_eq!(told.recv(), Ok(()));
        assert!(!callback::is_inside());
    }

    #[test]
    fn inside_a_callback_get_never_waits() {
        let (done, completer) = pending(Clock::System);
        let (open, _completer) = pending(Clock::System);
        let (tell, told) = mpsc::channel();
        let finished = done.clone();
        done.add_callback(move |_| {
            tell.send((
                finished.get(None).map(|metadata| metadata.offset().unwrap()),
                open.get(None).unwrap_err(),
            ))
            .unwrap();
        });
        completer.complete(STORED, 3, || ());
        let (finished, unfinished) = told.recv().unwrap();
        assert_eq!(finished.unwrap(), 42);
        assert!(matches!(unfinished.kind(), ErrorKind::CalledFromCallback { .. }));
    }

    /// Each record finds its part, whoever asks and however: before, after, waiting, by callback; parts are split too.
    #[test]
    fn futures_and_callbacks_follow_a_split_batch() {
        let topic_partition = Arc::new(TopicPartition { topic: "t".into(), partition: 0 });
        let (slot, completer) = ResultSlot::new(topic_partition, Observer::new(Clock::System));
        let future =
            |index| FutureRecordMetadata::new(Arc::clone(&slot), index, 0, Sizes { key: -1, value: 0 });
        let (tell, told) = mpsc::channel();
        for index in 0..10 {
            let tell = tell.clone();
            future(index)
                .add_callback(move |metadata| tell.send((index, metadata.offset().unwrap())).unwrap());
        }
        std::thread::scope(|scope| {
            let waiters: Vec<_> = (0..10)
                .map(future)
                .map(|future| scope.spawn(move || future.get(None).unwrap().offset().unwrap()))
                .collect();
            while slot.waiting() < 10 {
                std::thread::yield_now();
            }
            let stored = |base| BatchResult::Stored { base_offset: Some(base), log_append_time: None };
            let mut parts = completer.split(&[4, 6]).into_iter().map(|(_, completer)| completer);
            let (first, second) = (parts.next().unwrap(), parts.next().unwrap());
            assert!((0..10).all(|index| !future(index).is_done()));
            first.complete(stored(100), 4, || ());
            let mut parts = second.split(&[1, 5]).into_iter().map(|(_, completer)| completer);
            parts.next().unwrap().complete(stored(200), 1, || ());
            parts.next().unwrap().complete(stored(300), 5, || ());
            let expected = [100, 101, 102, 103, 200, 300, 301, 302, 303, 304];
            assert_eq!(
                waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect::<Vec<_>>(),
                expected
            );
            assert_eq!(
                (0..10).map(|index| future(index).get(None).unwrap().offset().unwrap()).collect::<Vec<_>>(),
                expected
            );
            drop(tell);
            let mut told: Vec<_> = told.iter().collect();
            told.sort_unstable();
            assert_eq!(told, (0..10).zip(expected).collect::<Vec<_>>());
        });
    }

    #[test]
    fn a_failure_is_unchecked_until_a_future_or_a_callback_has_seen_it() {
        let (future, completer) = pending(Clock::System);
        let slot = Arc::clone(&future.slot);
        completer.complete(BatchResult::Failed(Error::new(ErrorKind::Closed)), 3, || ());
        assert_eq!(slot.unchecked(), 3);
        assert!(future.failed() && future.exception().is_some());
        assert_eq!(slot.unchecked(), 2);
        future.add_errback(|_| ());
        assert_eq!(slot.unchecked(), 2, "the same record");
    }

    #[test]
    fn a_failure_is_counted_when_nobody_can_look_at_it_any_more() {
        let (future, completer) = pending(Clock::System);
        let observer = Arc::clone(&future.slot.observer);
        let clone = future.clone();
        completer.complete(BatchResult::Failed(Error::new(ErrorKind::Spawn)), 3, || ());
        drop(future);
        assert_eq!(observer.unchecked(), 0, "there is another");
        assert!(clone.exception().is_some());
        drop(clone);
        assert_eq!(observer.unchecked(), 2);
        assert_eq!(
            observer.take_unreported().map(|(records, error)| (records, error.is_closed())),
            Some((2, false))
        );
        assert!(observer.take_unreported().is_none());
    }

    #[test]
    fn neither_what_is_stored_nor_what_the_end_of_a_producer_failed_is_unchecked() {
        for result in [STORED, BatchResult::Failed(Error::new(ErrorKind::Closed))] {
            let (future, completer) = pending(Clock::System);
            let observer = Arc::clone(&future.slot.observer);
            completer.complete(result, 3, || ());
            drop(future);
            assert_eq!((observer.unchecked(), observer.has_unreported()), (0, false));
        }
    }
}
