//! How much goes into one request, and whose turn it is.

use super::*;

fn offsets(world: &mut World, partitions: i32) -> Vec<i64> {
    let offset = |partition| world.core.cluster.partition_mut("t", partition).unwrap().log.next_offset();
    (0..partitions).map(offset).collect()
}

/// A world with one request under way at a time, each with at most 2,000 bytes and each record a batch, in which every
/// partition has 40 records of its size to send. The answers to Produce pass one by one.
fn with_much_to_send(sizes: &[usize]) -> World {
    let config =
        config().batch_size(0).produce_request_max_bytes(2000).max_in_flight_requests_per_connection(1);
    let mut world = World::with_topic(1, sizes.len(), config);
    world.mischief.passing = Some(0);
    for _ in 0..40 {
        for (partition, size) in sizes.iter().enumerate() {
            world.send(partition, &vec![0; *size]);
        }
    }
    world.settle();
    world
}

fn answer_one(world: &mut World) {
    world.mischief.passing = Some(1);
    world.run_for(millis(1));
}

/// D13: with room for one batch in a request and always something to send for all.
#[test]
fn partitions_that_always_have_something_to_send_take_turns() {
    let mut world = with_much_to_send(&[1500, 1500, 1500]);
    for round in 1..100 {
        answer_one(&mut world);
        let stored = offsets(&mut world, 3);
        let (least, most) = (stored.iter().min().unwrap(), stored.iter().max().unwrap());
        assert!(most - least <= 1, "{stored:?} in round {round}");
    }
    assert_eq!(world.requests(ApiKey::PRODUCE), 100, "one batch in each");
}

#[test]
fn one_request_carries_the_batches_of_several_topics_and_partitions() {
    let mut world = World::with_topic(1, 3, config().linger(millis(5)));
    for topic in ["u", "v"] {
        assert!(world.core.cluster.create_topic(topic, 2));
        world.ask_for(topic);
        world.run_until(secs(1), |world| knows(world, topic));
    }
    let expected = [("t", 0), ("t", 1), ("t", 2), ("u", 0), ("u", 1), ("v", 0), ("v", 1)]
        .map(|(t, p)| (t.to_owned(), p));
    let send = |(topic, partition): &(String, i32)| {
        let record = ProducerRecord::to(topic).partition(*partition).value("v");
        world.producer().try_send(record).unwrap()
    };
    let futures: Vec<_> = expected.iter().map(send).collect();
    world.run_until(secs(1), |_| futures.iter().all(FutureRecordMetadata::succeeded));
    let mut requests = world.core.requests.iter().filter(|request| request.api == ApiKey::PRODUCE);
    let batches = &requests.next().unwrap().batches;
    let mut carried: Vec<_> = batches.iter().map(|batch| (batch.topic.clone(), batch.partition)).collect();
    carried.sort();
    assert_eq!(carried, expected);
    assert_eq!(requests.next(), None);
    for (topic, partition) in expected {
        let records = world.core.cluster.partition_mut(&topic, partition).unwrap().log.records().unwrap();
        assert_eq!(records.last().unwrap().value.as_deref(), Some(&b"v"[..]), "{topic}-{partition}");
    }
}

/// It fits into a request of its own only, and two of the small ones fit beside each other.
#[test]
fn a_large_batch_that_does_not_fit_beside_small_ones_keeps_its_turn() {
    let mut world = with_much_to_send(&[800, 1800, 800, 800]);
    for round in 1..60 {
        answer_one(&mut world);
        let stored = offsets(&mut world, 4);
        let (least, most) = (stored.iter().min().unwrap(), stored.iter().max().unwrap());
        assert!(most - least <= 2, "{stored:?} in round {round}");
    }
}

#[test]
fn a_request_has_no_more_bytes_than_it_may() {
    let mut world = World::with_topic(1, 10, config().produce_request_max_bytes(2000).linger(millis(5)));
    let before = world.dials.len();
    world.mischief.rudeness = Some(Rudeness::TakesAtMost(2500));
    let futures: Vec<_> = (0..10).map(|partition| world.send(partition, &[0; 600])).collect();
    world.run_until(secs(1), |_| futures.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(world.dials.len(), before, "no request was too large");
    assert!(world.requests(ApiKey::PRODUCE) <= 6, "up to three batches in each");
}

/// D3: a broker says nothing of its `socket.request.max.bytes`; it ends the connection. Everything is to be sent again
/// before the next one stands, so it would go in one request again.
#[test]
fn a_broker_that_ends_connections_at_large_requests_gets_smaller_ones() {
    let mut world = World::with_topic(1, 40, config().retry_backoff(millis(1)).retry_backoff_max(millis(1)));
    let before = world.dials.len();
    world.mischief.rudeness = Some(Rudeness::TakesAtMost(25_000));
    let futures: Vec<_> = (0..120).map(|number| world.send(number % 40, &[0; 3000])).collect();
    world.run_until(secs(20), |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    assert_eq!(offsets(&mut world, 40), [4; 40], "stored once each");
    let lost = world.dials.len() - before;
    assert!((1..=8).contains(&lost), "{lost} connections were lost");
}

#[test]
fn the_error_of_a_batch_that_is_too_large_for_any_request_says_how_large_it_was() {
    let mut world = World::with_topic(1, 1, config().retries(2));
    world.mischief.rudeness = Some(Rudeness::TakesAtMost(25_000));
    let future = world.send(0, &[0; 30_000]);
    world.run_until(MINUTE, |_| future.is_done());
    let error = future.exception().unwrap().to_string();
    assert!(
        error.contains("the broker had not responded to a request of 301")
            && error.contains("socket.request.max.bytes"),
        "{error}"
    );
}

#[test]
fn a_leader_that_is_lost_with_a_request_is_asked_after() {
    let mut world = World::with_topic(2, 2, config());
    world.core.faults.held[0] = true;
    let future = world.send(0, b"v");
    world.run_for(millis(10));
    world.stop(0);
    let partition = world.core.cluster.partition_mut("t", 0).unwrap();
    (partition.leader, partition.leader_epoch) = (1, partition.leader_epoch + 1);
    let took = world.run_until(MINUTE, |_| future.is_done());
    assert!(future.succeeded() && took < secs(1), "{took:?}");
}
