//! Models of what threads share. loom (every interleaving) or shuttle (very many) runs them on the production code.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release --lib models
//! RUSTFLAGS="--cfg shuttle" cargo test --release --lib models
//! ```
//!
//! Time passes only if a model moves its clock. So the checker decides what comes first, the answer or the timeout.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Limit};
use crate::lifecycle::{Closing, Lifecycle};
use crate::observation::Observer;
use crate::producer::accumulator::{RecordAccumulator, Wait, record_accumulator};
use crate::producer::batch::Encoding;
use crate::producer::buffer::{ReserveError, SimpleBufferPool};
use crate::producer::drain::Drain;
use crate::producer::future::{FutureRecordMetadata, Sizes};
use crate::producer::inbox::Inbox;
use crate::producer::purges::Purges;
use crate::producer::queue::PartitionQueue;
use crate::producer::result::{BatchResult, ResultSlot};
use crate::producer::shared::AccumulatorSettings;
use crate::record::{Compression, RecordFields, RecordSize};
use crate::sync::{Condvar, Mutex, Wake};
use crate::time::{Clock, Deadline, Instant, ManualClock};
use crate::topic_partition::TopicPartition;

#[cfg(loom)]
use loom::thread;
#[cfg(shuttle)]
use shuttle::thread;

#[cfg(loom)]
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[cfg(shuttle)]
fn check(model: impl Fn() + Send + Sync + 'static) {
    const RUNS: usize = 20_000;
    let model = Arc::new(model);
    let again = Arc::clone(&model);
    shuttle::check_random(move || again(), RUNS);
    shuttle::check_pct(move || model(), RUNS, 3);
}

/// The poll and its socketpair: a byte that is written ends the next wait, or the current one.
struct Socket {
    byte: Mutex<bool>,
    written: Condvar,
    /// The number of bytes that get lost. It is 0 in the real models.
    lost: Mutex<u32>,
}

impl Socket {
    fn new(lost: u32) -> Arc<Self> {
        Arc::new(Self { byte: Mutex::new(false), written: Condvar::new(), lost: Mutex::new(lost) })
    }

    fn poll(&self) {
        let mut byte = self.byte.lock();
        while !*byte {
            byte = self.written.wait(byte);
        }
        *byte = false;
    }
}

struct Waker(Arc<Socket>);

impl Wake for Waker {
    fn wake(&self) {
        let mut lost = self.0.lost.lock();
        if *lost > 0 {
            *lost -= 1;
            return;
        }
        drop(lost);
        *self.0.byte.lock() = true;
        self.0.written.notify_one();
    }
}

/// Two users leave notices, and the sender sleeps whenever it may. In the end it must have all notices.
fn wake_flag(lost: u32) {
    check(move || {
        let socket = Socket::new(lost);
        let inbox = Arc::new(Inbox::new(Box::new(Waker(Arc::clone(&socket)))));
        let users: Vec<_> = (0..2)
            .map(|user| {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || inbox.partition(user))
            })
            .collect();
        let mut heard = Vec::new();
        while heard.len() < 2 {
            if inbox.fall_asleep() {
                socket.poll();
            }
            heard.append(&mut inbox.take().partitions);
        }
        users.into_iter().for_each(|user| user.join().unwrap());
        heard.sort_unstable();
        assert_eq!(heard, [0, 1]);
    });
}

#[test]
fn no_wake_up_is_lost() {
    wake_flag(0);
}

/// A test of the checker itself: if a wake-up is really lost, it must find the sender asleep forever.
#[test]
#[should_panic(expected = "deadlock")]
fn a_planted_lost_wake_up_is_found() {
    wake_flag(1);
}

/// Two threads want all of the memory that a third one returns. The clock may run out for one of them at any time. A thread
/// fails only because of the time. Memory is never given out twice, nor lost.
#[test]
fn the_pool_hands_memory_to_who_waits_or_tells_that_time_is_over() {
    check(|| {
        let pool = SimpleBufferPool::new(2, 2, Arc::default());
        let clock = ManualClock::default();
        let held = pool.try_reserve(0, 2).unwrap();
        let deadline = Deadline::after(Clock::Manual(clock.clone()).now(), Duration::from_secs(1));
        let patient = {
            let (pool, clock) = (Arc::clone(&pool), Clock::Manual(clock.clone()));
            thread::spawn(move || drop(pool.reserve(0, 2, &clock, Deadline::NEVER, || ()).unwrap()))
        };
        let hurried = {
            let (pool, clock) = (Arc::clone(&pool), Clock::Manual(clock.clone()));
            thread::spawn(move || match pool.reserve(0, 2, &clock, deadline, || ()) {
                Ok(buffer) => drop(buffer),
                Err(error) => {
                    assert_eq!(error, ReserveError::TimedOut);
                    assert!(deadline.has_passed(clock.now()), "too early");
                }
            })
        };
        clock.advance(Duration::from_secs(2));
        drop(held);
        patient.join().unwrap();
        hurried.join().unwrap();
        assert_eq!((pool.used(), pool.is_wanted()), (0, false));
    });
}

/// A partition with its share and one without want more, and the sender returns memory only while a thread is said to wait.
/// Both get it, in any order.
#[test]
fn who_has_a_share_and_who_has_not_are_both_heard_of_and_served() {
    check(|| {
        let (pool, socket) = (SimpleBufferPool::new(8, 2, Arc::default()), Socket::new(0));
        let inbox = Arc::new(Inbox::new(Box::new(Waker(Arc::clone(&socket)))));
        let mut held: Vec<_> =
            [(0, 1), (0, 6), (1, 1)].map(|(holder, size)| pool.try_reserve(holder, size).unwrap()).into();
        let users: Vec<_> = (0..2)
            .map(|holder| {
                let (pool, inbox) = (Arc::clone(&pool), Arc::clone(&inbox));
                thread::spawn(move || {
                    let clock = Clock::Manual(ManualClock::default());
                    drop(pool.reserve(holder, 2, &clock, Deadline::NEVER, || inbox.hurry()).unwrap());
                    inbox.partition(holder);
                })
            })
            .collect();
        let mut served = 0;
        while served < 2 {
            if inbox.fall_asleep() {
                socket.poll();
            }
            served += inbox.take().partitions.len();
            while pool.is_wanted() && held.pop().is_some() {}
        }
        users.into_iter().for_each(|user| user.join().unwrap());
        held.clear();
        assert_eq!((pool.used(), pool.is_wanted()), (0, false));
    });
}

#[test]
fn closing_the_pool_ends_every_wait() {
    check(|| {
        let lifecycle = Arc::<Lifecycle>::default();
        let pool = SimpleBufferPool::new(1, 1, Arc::clone(&lifecycle));
        let held = pool.try_reserve(0, 1).unwrap();
        let waiter = {
            let pool = Arc::clone(&pool);
            let clock = Clock::Manual(ManualClock::default());
            thread::spawn(move || drop(pool.reserve(0, 1, &clock, Deadline::NEVER, || ())))
        };
        let closer = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                lifecycle.close(Closing::after(Instant::ZERO, Limit::Close, None));
                pool.wake();
            })
        };
        closer.join().unwrap();
        waiter.join().unwrap();
        drop(held);
        assert_eq!(pool.used(), 0);
    });
}

/// One thread waits without a limit, one until a deadline, while the sender completes or dies. Both return, and a timeout
/// happens only if the time was over.
fn future(dies: bool) {
    check(move || {
        let topic_partition = Arc::new(TopicPartition { topic: "t".into(), partition: 0 });
        let clock = ManualClock::default();
        let (slot, completer) = ResultSlot::new(topic_partition, Observer::new(Clock::Manual(clock.clone())));
        let future = FutureRecordMetadata::new(Arc::clone(&slot), 0, 0, Sizes { key: -1, value: 0 });
        let waiter = {
            let future = future.clone();
            thread::spawn(move || future.get(None).is_ok())
        };
        let sender = thread::spawn(move || {
            if dies {
                drop(completer);
            } else {
                completer.complete(
                    BatchResult::Stored { base_offset: Some(7), log_append_time: None },
                    1,
                    || (),
                );
            }
        });
        clock.advance(Duration::from_secs(2));
        sender.join().unwrap();
        assert_eq!(waiter.join().unwrap(), !dies);
        assert_eq!(
            future.get(Duration::ZERO).map(|metadata| metadata.offset()).ok(),
            (!dies).then_some(Some(7))
        );
    });
}

#[test]
fn every_future_resolves() {
    future(false);
}

#[test]
fn every_future_resolves_when_its_batch_is_lost() {
    future(true);
}

#[test]
fn a_get_with_a_deadline_ends_by_the_answer_or_by_the_clock() {
    check(|| {
        let topic_partition = Arc::new(TopicPartition { topic: "t".into(), partition: 0 });
        let clock = ManualClock::default();
        let (slot, completer) = ResultSlot::new(topic_partition, Observer::new(Clock::Manual(clock.clone())));
        let future = FutureRecordMetadata::new(Arc::clone(&slot), 0, 0, Sizes { key: -1, value: 0 });
        let waiter = {
            let (future, clock) = (future.clone(), clock.clone());
            thread::spawn(move || match future.get(Duration::from_secs(1)) {
                Ok(metadata) => assert_eq!(metadata.offset(), Some(7)),
                Err(error) => {
                    assert!(error.is_timeout());
                    assert!(
                        Clock::Manual(clock).now() >= crate::time::Instant::ZERO + Duration::from_secs(1)
                    );
                }
            })
        };
        let time = thread::spawn(move || clock.advance(Duration::from_secs(1)));
        completer.complete(BatchResult::Stored { base_offset: Some(7), log_append_time: None }, 1, || ());
        time.join().unwrap();
        waiter.join().unwrap();
    });
}

/// A partition with batches of 100 bytes.
fn partition(
    lifecycle: &Arc<Lifecycle>,
    manual_flush: bool,
) -> (RecordAccumulator, Drain, Arc<PartitionQueue>) {
    let settings = AccumulatorSettings {
        batch_size: 100,
        batch_num_records: u32::MAX,
        manual_flush,
        batch_max_bytes: 100,
        encoding: Encoding { compression: Compression::None, level: None },
        max_age_millis: i64::MAX,
        max_block: Duration::ZERO,
    };
    let pool = SimpleBufferPool::new(1000, 100, Arc::clone(lifecycle));
    let inbox = Arc::new(Inbox::new(Box::new(Waker(Socket::new(0)))));
    let observer = Observer::new(Clock::Manual(ManualClock::default()));
    let (accumulator, drain) = record_accumulator(Arc::clone(lifecycle), settings, pool, inbox, observer);
    let topic_partition = TopicPartition { topic: "t".into(), partition: 0 };
    (accumulator, drain, Arc::new(PartitionQueue::new(0, topic_partition)))
}

/// Two users append to a partition, and the first one opens the batch, while the producer is closed and its sender thread
/// empties the queue for good. Each record is among those that were taken out, or was refused. None is left behind.
#[test]
fn nothing_is_appended_after_its_queue_was_emptied() {
    check(|| {
        let lifecycle = Arc::<Lifecycle>::default();
        let (accumulator, drain, queue) = partition(&lifecycle, false);
        let users: Vec<_> = (0..2)
            .map(|_| {
                let (accumulator, queue) = (accumulator.clone(), Arc::clone(&queue));
                thread::spawn(move || {
                    let fields = RecordFields { key: None, value: Some(b"v"), headers: &[] };
                    accumulator.append(&queue, &fields, RecordSize::of(&fields), 0, 0, Wait::Never)
                })
            })
            .collect();
        lifecycle.close(Closing::after(Instant::ZERO, Limit::Close, Some(Duration::ZERO)));
        for batch in drain.empty(&queue) {
            batch.complete(BatchResult::Failed(Error::new(ErrorKind::Closed)));
        }
        for user in users {
            match user.join().unwrap() {
                Ok(future) => assert!(future.is_done(), "left behind"),
                Err(error) => assert!(error.is_closed()),
            }
        }
        assert!(queue.state.lock().batches.is_empty() && !drain.has_unfinished());
    });
}

/// One thread appends to a batch that waits for a flush, another one purges, and the sender looks. A purge ends the growth
/// of the batch as a flush does. The sender must not take it for a flush, whether its notice has come or not.
#[test]
fn a_purge_is_not_taken_for_a_flush() {
    check(|| {
        let (accumulator, drain, queue) = partition(&Arc::default(), true);
        let append = |accumulator: &RecordAccumulator, queue: &Arc<PartitionQueue>| {
            let fields = RecordFields { key: None, value: Some(b"v"), headers: &[] };
            accumulator.append(queue, &fields, RecordSize::of(&fields), 0, 0, Wait::Never).unwrap()
        };
        let first = append(&accumulator, &queue);
        let purger = {
            let accumulator = accumulator.clone();
            thread::spawn(move || accumulator.purge())
        };
        let user = {
            let (accumulator, queue) = (accumulator.clone(), Arc::clone(&queue));
            thread::spawn(move || append(&accumulator, &queue))
        };
        let mut purges = Purges::default();
        for _ in 0..2 {
            purges.queued(&queue, &drain);
            // The sender takes a batch that does not linger.
            if let Some((_, false)) = drain.look(&queue, 0, |_| true) {
                assert!(drain.pop_if(&queue, |_| true).is_none(), "it is sent without a flush");
            }
        }
        purger.join().unwrap();
        let second = user.join().unwrap();
        purges.queued(&queue, &drain);
        assert!(first.is_done());
        // The second record is in the batch of the first, or came after the purge.
        assert_eq!(drain.has_unfinished(), !second.is_done());
        drain.empty(&queue).into_iter().for_each(|batch| {
            batch.complete(BatchResult::Failed(Error::new(ErrorKind::Closed)));
        });
    });
}
