//! Answers for batches that have expired.

use super::idempotence::{assert_stored_where_they_say, await_all, numbers, send_all, single, stored, world};
use super::*;
use crate::mock::MockRule;

/// B12: the batch has expired when its answer comes, whatever that says: the futures and callbacks stay as they are, nothing is
/// cut up or sent again, and the memory comes back once.
#[test]
fn a_late_answer_changes_nothing_whatever_it_says() {
    for code in [
        ErrorCode::MESSAGE_TOO_LARGE,
        ErrorCode::NOT_ENOUGH_REPLICAS,
        ErrorCode::INVALID_RECORD,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ] {
        let mut world = world(1, single().request_timeout(secs(30)).delivery_timeout(secs(30)));
        world.core.faults.held[0] = true;
        world.core.faults.fail_produce("t", 0, code, 1);
        // It goes out two seconds late: so the request is not late yet when the batch is.
        world.mischief.stalled = vec![0];
        let late = send_all(&mut world, 0, 0..1);
        world.run_for(secs(2));
        world.mischief.stalled.clear();
        let called = Arc::new(Mutex::new(0));
        let count = Arc::clone(&called);
        late[0].add_both(move |_| *count.lock() += 1);
        world.run_for(millis(27_999));
        assert!(!late[0].is_done());
        world.run_for(millis(2));
        let dials = world.dials.len();
        let told = late[0].exception().unwrap().to_string();
        world.core.faults.held[0] = false;
        world.run_for(secs(5));
        assert_eq!((world.requests(ApiKey::PRODUCE), world.dials.len()), (1, dials), "{code}: it was heard");
        assert_eq!(late[0].exception().unwrap().to_string(), told, "{code}");
        assert_eq!((*called.lock(), world.accumulator.pool().used()), (1, 0), "{code}");
        let more = send_all(&mut world, 0, 1..4);
        await_all(&mut world, &more);
        assert_stored_where_they_say(&mut world, &more, 1..4);
        assert_eq!(stored(&mut world, 0), [1, 2, 3], "{code}");
        let bases: Vec<_> = numbers(&mut world, 0).iter().map(|(_, epoch, base)| (*epoch, *base)).collect();
        assert!(bases.windows(2).all(|pair| pair[0] < pair[1]), "no number is used twice: {bases:?}");
    }
}

/// A batch that may have been written stays when its time is over, and waits behind another that is under way. What is queued
/// behind it fails in time all the same, and nobody goes round until then.
#[test]
fn what_is_queued_behind_a_batch_that_was_given_up_expires_on_time() {
    let mut world = world(1, single().request_timeout(secs(30)).delivery_timeout(secs(30)));
    world.core.faults.add(MockRule::hold().on(ApiKey::PRODUCE).forever(), Default::default);
    let under_way = send_all(&mut world, 0, 0..2);
    world.run_for(millis(500));
    world.stop(0);
    world.core.cluster.partition_mut("t", 0).unwrap().leader_epoch += 1;
    let queued = world.send(0, b"queued");
    world.run_for(millis(1500));
    // It is led from anew, so the first goes alone.
    world.core.cluster.brokers[0].running = true;
    world.run_for(millis(28_001));
    assert!(under_way.iter().all(FutureRecordMetadata::failed) && !queued.is_done());
    let steps = world.steps;
    let took = world.run_until(MINUTE, |_| queued.is_done());
    assert_about(took, millis(499));
    assert!(queued.failed() && world.steps - steps < 20, "{} steps", world.steps - steps);
}
