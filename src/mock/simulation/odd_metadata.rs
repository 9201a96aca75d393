//! Metadata that makes no sense, or says that something is gone.

use super::idempotence::{assert_stored_where_they_say, await_all, send_all, single, stored};
use super::*;
use crate::mock::MockRule;

/// B42, R6: the topic is gone, or an error is all that is said of it, and nothing waits to be sent to it: nobody is in a hurry.
#[test]
fn a_topic_that_is_gone_is_asked_about_at_max_age_if_nothing_is_to_be_sent_to_it() {
    for code in [None, Some(ErrorCode::LEADER_NOT_AVAILABLE), Some(ErrorCode::UNKNOWN_SERVER_ERROR)] {
        let mut world = World::with_topic(1, 1, config().metadata_max_idle(secs(36_000)));
        match code {
            Some(code) => world.core.faults.fail_metadata("t", code, usize::MAX),
            None => assert!(world.core.cluster.delete_topic("t")),
        }
        want(&mut world);
        world.run_for(secs(60));
        let (asked, steps) = (world.requests(ApiKey::METADATA), world.steps);
        assert!(asked < 20, "{code:?}: {asked} questions in the first minute");
        world.run_for(secs(1500));
        let (asked, steps) = (world.requests(ApiKey::METADATA) - asked, world.steps - steps);
        assert!((4..=7).contains(&asked), "{code:?}: {asked} questions in 25 minutes");
        assert!(steps < 100, "{code:?}: {steps} steps");
    }
}

/// B43: a broker that starts knows nobody, not even itself. What was known is better.
#[test]
fn an_answer_without_any_broker_is_passed_over() {
    let mut world = World::with_topic(2, 2, single());
    for broker in &mut world.core.cluster.brokers {
        // Its connections stand, and it answers that nobody is there.
        broker.running = false;
    }
    want(&mut world);
    world.run_for(secs(5));
    let known = world.metadata.snapshot();
    assert_eq!((known.brokers.len(), known.topics["t"].partitions.len()), (2, 2));
    world.core.cluster.brokers.iter_mut().for_each(|broker| broker.running = true);
    let futures = send_all(&mut world, 1, 0..3);
    await_all(&mut world, &futures);
    assert_stored_where_they_say(&mut world, &futures, 0..3);
}

/// Where a Metadata answer has the number of its second broker: behind the lengths, the correlation id, the throttle time and
/// the first broker, whose host has nine characters.
const SECOND_BROKER: std::ops::Range<usize> = 34..38;

/// B43: partition 1 is led by a broker that is not listed. Its records wait, others go, and nobody asks without end.
#[test]
fn a_leader_that_is_not_among_the_brokers_is_waited_for() {
    let mut world = World::with_topic(2, 2, single());
    world.run_for(secs(1));
    let renamed = MockRule::edit_response(|answer| {
        assert_eq!(answer[SECOND_BROKER], 1_i32.to_be_bytes(), "the answer is not as this test thinks");
        answer[SECOND_BROKER].copy_from_slice(&9_i32.to_be_bytes());
    });
    let id = world.core.faults.add(renamed.on(ApiKey::METADATA).forever(), Default::default);
    want(&mut world);
    world.run_for(secs(1));
    assert!(world.core.faults.acted(id) > 0);
    let brokers: Vec<i32> = world.metadata.snapshot().brokers.keys().copied().collect();
    assert_eq!(brokers, [0, 9]);
    let waiting = send_all(&mut world, 1, 0..3);
    let free = send_all(&mut world, 0, 0..3);
    let took = world.run_until(secs(1), |_| free.iter().all(FutureRecordMetadata::is_done));
    assert!(took < millis(10), "{took:?}");
    let (asked, steps) = (world.requests(ApiKey::METADATA), world.steps);
    world.run_for(secs(30));
    assert!(waiting.iter().all(|future| !future.is_done()));
    let (asked, steps) = (world.requests(ApiKey::METADATA) - asked, world.steps - steps);
    assert!(asked <= 45 && steps < 500, "{asked} questions and {steps} steps in 30 s");
    world.core.faults.remove(id);
    world.run_until(secs(3), |_| waiting.iter().all(FutureRecordMetadata::is_done));
    assert_stored_where_they_say(&mut world, &waiting, 0..3);
    assert_eq!(stored(&mut world, 1), [0, 1, 2]);
}
