//! Several batches of a partition under way at once: in what order they go, and where to. Answers are held back, or none
//! would be under way when the next goes: the simulated network takes no time.

use super::idempotence::*;
use super::*;
use crate::mock::MockRule;

/// First numbers of the batches in the order in which they were sent, and the brokers that they were sent to.
fn sent(world: &World) -> Vec<(i32, usize)> {
    let requests = world.core.requests.iter().filter(|request| request.api == ApiKey::PRODUCE);
    requests
        .flat_map(|request| request.batches.iter().map(|batch| (batch.base_sequence, request.broker)))
        .collect()
}

/// What was sent after the first `before`, without the brokers.
fn sent_since(world: &World, before: usize) -> Vec<i32> {
    sent(world)[before..].iter().map(|(number, _)| *number).collect()
}

/// Lets the answers through that are held, and waits until as many batches are sent again, whose answers are held as well.
fn release_once(world: &mut World, batches: usize) {
    let expected = sent(world).len() + batches;
    world.core.faults.held[0] = false;
    world.settle();
    world.core.faults.held[0] = true;
    world.run_until(secs(10), |world| sent(world).len() >= expected);
    world.run_for(millis(10));
}

/// B10, B11: of five under way the first is refused several times, and so are the others, as none comes before it: each
/// time all are sent again in their order, and stored once.
#[test]
fn batches_that_are_sent_again_keep_their_order() {
    // That of number 0 is stored already.
    const FIRST_FIVE: [i32; 5] = [1, 2, 3, 4, 5];
    for (code, refusals) in [
        // With this one a question for metadata comes between, whose answer would be held, too.
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, 1),
        (ErrorCode::NOT_ENOUGH_REPLICAS, 1),
        (ErrorCode::NOT_ENOUGH_REPLICAS, 3),
    ] {
        let mut world = world(1, single());
        world.core.faults.held[0] = true;
        world.core.faults.fail_produce("t", 0, code, 1);
        let futures = send_all(&mut world, 0, 0..20);
        world.run_for(millis(10));
        assert_eq!(sent_since(&world, 0), FIRST_FIVE, "{code}");
        for again in 1..refusals {
            world.core.faults.fail_produce("t", 0, code, 1);
            release_once(&mut world, 5);
            assert_eq!(sent_since(&world, 5 * again), FIRST_FIVE, "{code}, again: {again}");
        }
        world.core.faults.held[0] = false;
        await_all(&mut world, &futures);
        assert_eq!(sent_since(&world, 5 * refusals), (1..=20).collect::<Vec<_>>(), "{code}");
        assert_eq!(stored(&mut world, 0), (0..20).collect::<Vec<_>>(), "{code}");
        assert_stored_where_they_say(&mut world, &futures, 0..20);
    }
}

/// B13: of five under way three are stored and their answers say that replicas are late. The broker knows them again.
#[test]
fn batches_that_were_stored_are_sent_again_in_their_order() {
    let mut world = world(1, single());
    world.core.faults.held[0] = true;
    world.core.faults.fail_produce("t", 0, ErrorCode::REQUEST_TIMED_OUT, 3);
    let futures = send_all(&mut world, 0, 0..5);
    world.run_for(millis(10));
    assert_eq!(sent_since(&world, 0), [1, 2, 3, 4, 5]);
    release_once(&mut world, 3);
    assert_eq!(sent_since(&world, 5), [1, 2, 3]);
    world.core.faults.held[0] = false;
    await_all(&mut world, &futures);
    assert_eq!(stored(&mut world, 0), [0, 1, 2, 3, 4]);
    assert_stored_where_they_say(&mut world, &futures, 0..5);
}

/// As many as five are under way, and no more.
#[test]
fn five_batches_are_under_way() {
    let mut world = world(1, single());
    world.core.faults.held[0] = true;
    let futures = send_all(&mut world, 0, 0..20);
    world.run_for(millis(100));
    assert_eq!(world.requests(ApiKey::PRODUCE), 5);
    world.core.faults.held[0] = false;
    await_all(&mut world, &futures);
    assert_eq!(stored(&mut world, 0), (0..20).collect::<Vec<_>>());
}

/// To a broker that knows nothing of the producer any number is the first: the second of two batches could be stored, and
/// the first be refused then for ever.
#[test]
fn the_first_batch_of_an_identity_is_under_way_alone() {
    let mut world = World::new(1, single());
    assert!(world.core.cluster.create_topic("t", 1));
    world.ask_for("t");
    world.run_until(secs(1), |world| knows(world, "t"));
    world.core.faults.fail_produce("t", 0, ErrorCode::NOT_ENOUGH_REPLICAS, 2);
    world.core.faults.add(MockRule::hold().on(ApiKey::PRODUCE).times(3), Default::default);
    let futures = send_all(&mut world, 0, 0..20);
    for attempt in 1..=3 {
        world.run_for(secs(1));
        assert_eq!(sent_since(&world, 0), vec![0; attempt], "the first, and nothing beside it");
        world.core.release_held(|_| true);
        world.settle();
    }
    await_all(&mut world, &futures);
    assert_eq!(stored(&mut world, 0), (0..20).collect::<Vec<_>>());
    assert_stored_where_they_say(&mut world, &futures, 0..20);
}

/// What was sent to the leader of before is over before anything goes to the one of now.
#[test]
fn nothing_is_sent_to_a_new_leader_while_the_old_one_has_a_batch() {
    let mut world = World::with_topic(2, 2, single().request_timeout(secs(3)));
    world.core.faults.held[0] = true;
    let mut futures = send_all(&mut world, 0, 0..2);
    world.run_for(millis(10));
    assert_eq!(sent(&world), [(1, 0), (2, 0)]);
    let partition = world.core.cluster.partition_mut("t", 0).unwrap();
    partition.leader = 1;
    partition.leader_epoch += 1;
    want(&mut world);
    world.run_for(secs(1));
    assert_eq!(world.metadata.snapshot().topics["t"].partitions[0].leader, Some(1), "it is known");
    futures.extend(send_all(&mut world, 0, 2..5));
    world.run_for(secs(1));
    assert_eq!(sent(&world).len(), 2, "they wait for the answers of broker 0");
    // Nobody hears them: the request timeout is over first, and both may have been written.
    await_all(&mut world, &futures);
    assert_eq!(sent(&world)[2..], [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
    assert_eq!(stored(&mut world, 0), [0, 1, 2, 3, 4]);
    assert_stored_where_they_say(&mut world, &futures, 0..5);
}
