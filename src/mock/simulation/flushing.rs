//! What `flush` waits for, for how long, and what it holds meanwhile.

use super::*;
use crate::error::ErrorKind;
use crate::mock::MockRule;

/// How long a `flush` took, and what it said; `None` while it waits.
type Flushed = Arc<Mutex<Option<(Duration, Result<(), Error>)>>>;

/// Has another thread flush.
fn flush(world: &World, limit: Option<Duration>) -> (Flushed, Join) {
    let flushed = Flushed::default();
    let place = Arc::clone(&flushed);
    let join = world.spawn("flushes", move |producer| {
        let start = Clock::Simulated.now();
        let result = producer.flush(limit);
        *place.lock() = Some((Clock::Simulated.now().since(start), result));
    });
    (flushed, join)
}

fn ended(flushed: &Flushed) -> (Duration, Result<(), Error>) {
    flushed.lock().clone().expect("it has ended")
}

fn answers_take(world: &mut World, time: Duration) {
    world.core.faults.add(MockRule::delay(time).on(ApiKey::PRODUCE).forever(), Default::default);
}

/// B02, R1: the batch is refused as too large while somebody flushes, and again; the parts are new batches.
#[test]
fn flush_waits_for_the_parts_of_what_is_cut_up_meanwhile() {
    let mut world = World::with_topic(1, 1, config().linger(secs(60)));
    world.core.cluster.topics.get_mut("t").unwrap().max_message_bytes = 400;
    answers_take(&mut world, millis(100));
    let futures: Vec<_> = (0..20).map(|_| world.send(0, &[0; 100])).collect();
    let (flushed, join) = flush(&world, None);
    world.run_until(MINUTE, |_| flushed.lock().is_some());
    assert!(futures.iter().all(FutureRecordMetadata::succeeded), "all parts are over when flush is");
    let (took, result) = ended(&flushed);
    assert!(result.is_ok() && took >= millis(300), "{took:?}: {result:?}");
    assert!(world.core.counts.refused > 1);
    assert_eq!(world.core.cluster.partition_mut("t", 0).unwrap().log.next_offset(), 21);
    join(&mut world);
}

/// B24, R2: the answers to twenty partitions come one after the other, each within a tenth of the limit.
#[test]
fn the_limit_of_flush_is_one_for_all_partitions() {
    let one_at_a_time = config()
        .linger(millis(250))
        .batch_size(1400)
        .produce_request_max_bytes(2000)
        .max_request_size(2000)
        .max_in_flight_requests_per_connection(1);
    let mut world = World::with_topic(1, 20, one_at_a_time);
    answers_take(&mut world, millis(100));
    let futures: Vec<_> = (0..20).map(|partition| world.send(partition, &[0; 1500])).collect();
    let (flushed, join) = flush(&world, Some(secs(1)));
    world.run_for(millis(999));
    assert!(flushed.lock().is_none());
    world.run_for(millis(51));
    let (took, result) = ended(&flushed);
    assert_about(took, secs(1));
    let error = result.unwrap_err();
    let ErrorKind::Undelivered { report } = error.kind() else { panic!("{error}") };
    assert!((9..=11).contains(&report.pending.len()) && report.failed == 0, "{error}");
    join(&mut world);
    let (flushed, join) = flush(&world, Some(secs(2)));
    world.run_until(secs(2), |_| flushed.lock().is_some());
    assert!(ended(&flushed).1.is_ok() && futures.iter().all(FutureRecordMetadata::succeeded));
    join(&mut world);
    // The one that ended in vain has left no haste behind: what comes now lingers.
    world.core.faults.clear();
    let late = world.send(0, b"v");
    assert_about(world.run_until(MINUTE, |_| late.is_done()), millis(250));
}

/// B37: one record in each of a hundred partitions, while another thread goes on sending to them.
#[test]
fn flush_takes_one_round_trip_whoever_goes_on_sending() {
    let mut world = World::with_topic(3, 100, config().linger(secs(10)));
    answers_take(&mut world, millis(5));
    let before: Vec<_> = (0..100).map(|partition| world.send(partition, b"v")).collect();
    let (flushed, join) = flush(&world, None);
    let last = Arc::new(Mutex::new(None));
    let place = Arc::clone(&last);
    let other = world.spawn("goes on sending", move |producer| {
        for number in 0..300 {
            let record = ProducerRecord::to("t").partition(number % 100).value("w");
            *place.lock() = Some(producer.send(record).unwrap());
            schedule::me().unwrap().sleep(100_000);
        }
    });
    world.run_until(secs(1), |_| flushed.lock().is_some());
    let (took, result) = ended(&flushed);
    assert!(result.is_ok() && took < millis(8), "{took:?}: {result:?}");
    assert!(before.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(world.requests(ApiKey::PRODUCE), 3, "one to each broker");
    world.run_for(millis(100));
    let last = last.lock().take().unwrap();
    assert!(!last.is_done(), "what was sent after it lingers");
    join(&mut world);
    other(&mut world);
}

/// B65: what is stored needs no memory, though a flush that began before waits for another partition.
#[test]
fn a_flush_that_waits_keeps_no_memory_of_what_is_stored() {
    let mut world = World::with_topic(2, 2, config());
    world.core.faults.held[1] = true;
    let stuck = world.send(1, b"v");
    let futures: Vec<_> = (0..100).map(|_| world.send(0, &[0; 1000])).collect();
    let (flushed, join) = flush(&world, None);
    world.run_until(secs(1), |_| futures.iter().all(FutureRecordMetadata::succeeded));
    let used = world.accumulator.pool().used();
    assert!(used < 2000 && !stuck.is_done() && flushed.lock().is_none(), "{used} bytes");
    world.core.faults.held[1] = false;
    world.run_until(MINUTE, |_| flushed.lock().is_some());
    join(&mut world);
}
