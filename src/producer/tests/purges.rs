//! Which batches a purge fails, and when.

use super::*;
use crate::client::NodeId;
use crate::error::{Error, ErrorKind};
use crate::producer::batch::OpenBatch;
use crate::producer::partition::{Partition, SendRules};
use crate::producer::purges::Purges;
use crate::producer::queue::Batch;
use crate::producer::sealing::Sealing;
use crate::time::Instant;

impl Source {
    /// A record for which no batch has room that has one already.
    fn send_large(&self) -> FutureRecordMetadata {
        let fields = RecordFields { key: None, value: Some(&[0; 6000]), headers: &[] };
        let (size, wall) = (RecordSize::of(&fields), Clock::System.wall_millis());
        self.accumulator.append(&self.queue, &fields, size, 0, wall, Wait::Never).unwrap()
    }

    /// Takes the front away, as a thread does that compresses it.
    fn take_away(&self) -> OpenBatch {
        let mut state = self.queue.state.lock();
        let front = state.batches.front_mut().unwrap();
        let Batch::Open(batch) = front else { panic!("it is open") };
        let placeholder = Batch::Sealing(batch.batch_id());
        let Batch::Open(batch) = std::mem::replace(front, placeholder) else { unreachable!() };
        batch
    }
}

fn is_purged(future: &FutureRecordMetadata) -> bool {
    future.exception().is_some_and(|error| matches!(error.kind(), ErrorKind::Purged))
}

#[test]
fn what_stands_behind_a_batch_that_is_being_compressed_is_purged_with_it() {
    let (source, mut purges) = (Source::new(), Purges::default());
    let before = [(); 3].map(|()| source.send_large());
    let away = source.take_away();
    source.accumulator.purge();
    let after = source.send_large();
    purges.queued(&source.queue, &source.drain);
    assert!(source.drain.pop_if(&source.queue, |_| true).is_none());
    assert!(!before.iter().any(FutureRecordMetadata::is_done));
    drop(source.drain.notices());

    drop(Sealing::new(&source.queue, &source.drain.shared, away, false));
    assert_eq!(source.drain.notices().partitions.len(), 1, "the sender looks again");
    purges.queued(&source.queue, &source.drain);
    assert!(before.iter().all(is_purged) && !after.is_done());
    let sent = source.drain.pop_if(&source.queue, |_| true).unwrap();
    assert_eq!(sent.records(), 1);
    drop(sent);
    assert_eq!(source.accumulator.pool().used(), 0);
}

/// A purge ends the growth of a batch as a flush does. Between the purge and its notice the sender must not take the batch.
#[test]
fn what_is_purged_is_not_taken_to_be_sent() {
    let (source, mut purges) = (Source::new(), Purges::default());
    let before = source.send_large();
    source.accumulator.purge();
    assert!(source.drain.pop_if(&source.queue, |_| true).is_none());
    purges.queued(&source.queue, &source.drain);
    assert!(is_purged(&before));
}

/// The sender considers a partition many times, and user threads hold the lock of its queue.
#[test]
fn a_purge_that_is_over_takes_no_lock_of_a_queue() {
    let (source, mut purges) = (Source::new(), Purges::default());
    let before = source.send_large();
    source.accumulator.purge();
    purges.queued(&source.queue, &source.drain);
    assert!(is_purged(&before));
    purges.queued(&source.queue, &source.drain);
    let _held = source.queue.state.lock();
    purges.queued(&source.queue, &source.drain);
}

#[test]
fn a_later_purge_fails_what_came_after_the_first() {
    let (source, mut purges) = (Source::new(), Purges::default());
    for _ in 0..3 {
        let future = source.send_large();
        purges.queued(&source.queue, &source.drain);
        assert!(!future.is_done());
        source.accumulator.purge();
        purges.queued(&source.queue, &source.drain);
        assert!(is_purged(&future));
        purges.queued(&source.queue, &source.drain);
    }
}

/// Of the batches that have left the queue, those fail that wait and that no broker can have.
#[test]
fn what_is_in_flight_or_may_be_written_is_not_purged() {
    let source = Source::new();
    let rules = SendRules { window: 5, idempotence: false };
    let mut partition = Partition::new(Arc::clone(&source.queue), rules);
    let [(refused, of_refused), (mut unknown, of_unknown), (sent, of_sent)] =
        [(); 3].map(|()| source.batch(1));
    unknown.attempt_failed(Error::new(ErrorKind::Spawn), true);
    partition.put_waiting(refused);
    partition.put_waiting(unknown);
    partition.put_in_flight(sent, NodeId::Broker(0), Instant::ZERO);
    source.accumulator.purge();
    let (later, of_later) = source.batch(1);
    partition.put_waiting(later);
    Purges::waiting(&mut partition, &source.drain);
    assert!(is_purged(&of_refused[0]));
    assert!([of_unknown, of_sent, of_later].iter().all(|futures| !futures[0].is_done()));
}
