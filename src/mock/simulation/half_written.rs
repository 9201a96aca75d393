//! A request of which a part is on the wire when everything changes.

use super::*;
use crate::config::Acks;
use crate::error::Certainty;

fn values(world: &mut World, partition: i32) -> Vec<Vec<u8>> {
    let log = &world.core.cluster.partition_mut("t", partition).unwrap().log;
    log.records().unwrap().into_iter().skip(1).map(|record| record.value.unwrap()).collect()
}

/// B01: a batch expires while its bytes go out. They stay what they are, and the memory is the batch's until they are gone:
/// nothing else gets it, and so nothing else gets on the wire in its place.
#[test]
fn what_expires_half_written_keeps_its_memory_until_it_is_off_the_wire() {
    let limits = config().request_timeout(secs(3)).delivery_timeout(secs(4)).buffer_memory(64 << 10);
    let mut world = World::with_topic(1, 2, limits);
    let dials = world.dials.len();
    world.mischief.room = Some(2000);
    let first = world.send(0, &[b'a'; 6000]);
    world.run_for(secs(2));
    // A byte moves: the request is not late before five seconds are over, and the batch expires after four.
    world.mischief.room = Some(1);
    world.run_until(secs(3), |_| first.is_done());
    let error = first.exception().unwrap();
    assert!(error.is_timeout() && error.certainty() == Certainty::MaybeWritten, "{error}");
    let used = world.accumulator.pool().used();
    assert!(used >= 6000, "{used} bytes, and most of 6000 are still to be written");
    let second = world.send(1, &[b'b'; 6000]);
    world.settle();
    assert!(world.accumulator.pool().used() >= used + 6000, "it has memory of its own");
    world.mischief.room = None;
    world.run_until(secs(1), |_| second.is_done());
    world.run_for(secs(1));
    assert_eq!(world.dials.len(), dials, "all of it went on one connection");
    assert!(first.failed() && second.succeeded());
    assert_eq!(
        (values(&mut world, 0), values(&mut world, 1)),
        (vec![vec![b'a'; 6000]], vec![vec![b'b'; 6000]])
    );
    assert_eq!(world.accumulator.pool().used(), 0);
}

/// B35: the broker stops reading in the middle of a request. It is left after one request timeout, and the batch goes
/// again, whole, on another connection.
#[test]
fn a_broker_that_stops_reading_in_the_middle_of_a_request_is_left_in_time() {
    for taken in [0, 1, 4, 50, 3000] {
        let mut world = World::with_topic(1, 1, config().request_timeout(secs(3)));
        let dials = world.dials.len();
        world.mischief.room = Some(taken);
        let future = world.send(0, &[7; 5000]);
        world.run_for(millis(2900));
        assert!(world.dials.len() == dials && !future.is_done(), "{taken}");
        world.run_for(millis(500));
        assert!(world.dials.len() > dials, "{taken}: it is left");
        world.mischief.room = None;
        world.run_until(secs(2), |_| future.is_done());
        assert!(future.succeeded());
        assert_eq!(values(&mut world, 0), [[7; 5000]], "{taken}: once, and whole");
    }
}

/// B18: without acks a record is sent when its last byte has left, and not before.
#[test]
fn without_acks_what_was_not_written_whole_is_sent_again() {
    for taken in [0, 1, 4, 50, 3000] {
        let mut world = World::with_topic(1, 1, config().acks(Acks::None));
        world.mischief.room = Some(taken);
        let future = world.send(0, &[7; 5000]);
        world.run_for(secs(1));
        assert!(!future.is_done(), "{taken}");
        world.stop(0);
        world.core.cluster.brokers[0].running = true;
        world.mischief.room = None;
        world.run_until(secs(2), |_| future.is_done());
        assert_eq!(future.value().unwrap().offset(), None);
        assert_eq!(values(&mut world, 0), [[7; 5000]], "{taken}");
    }
}
