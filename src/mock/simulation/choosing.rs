//! Where records without a key go.

use super::*;

/// The partitions of `records` records without a key, of which `apart` passes between two.
fn partitions(world: &mut World, records: usize, apart: Duration) -> Vec<usize> {
    let mut futures = Vec::new();
    for _ in 0..records {
        futures.push(world.producer().try_send(ProducerRecord::to("t").value(&[7; 900])).unwrap());
        world.run_for(apart);
    }
    world.core.faults.held.fill(false);
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    futures.iter().map(|future| future.value().unwrap().partition() as usize).collect()
}

fn share(partitions: &[usize], of: usize) -> f64 {
    let those = partitions.iter().filter(|partition| **partition % 3 == of).count();
    those as f64 / partitions.len() as f64
}

/// Records that go to a broker in vain for a while hold memory, and others hold none.
#[test]
fn a_broker_that_does_not_answer_gets_a_small_part() {
    for (adaptive, expected) in [(true, 0.0..0.05), (false, 0.2..0.5)] {
        let config = config()
            .batch_size(1000)
            .batch_max_bytes(1000)
            .partitioner_adaptive_partitioning_enable(adaptive);
        let mut world = World::with_topic(3, 9, config);
        let leader = |world: &World, partition| world.metadata.snapshot().leader("t", partition);
        let slow = leader(&world, 0);
        assert!((0..9).all(|partition| (leader(&world, partition) == slow) == (partition % 3 == 0)));
        world.core.faults.held[0] = true;
        let share = share(&partitions(&mut world, 2000, millis(1)), 0);
        assert!(expected.contains(&share), "adaptive: {adaptive}: {share}");
    }
}

#[test]
fn a_partition_whose_batch_waits_too_long_is_not_chosen() {
    for (timeout, expected) in [(secs(0), 0.1..0.6), (secs(1), 0.0..0.001)] {
        let config = config()
            .batch_size(1000)
            .batch_max_bytes(1000)
            .partitioner_adaptive_partitioning_enable(false)
            .partitioner_availability_timeout(timeout);
        let mut world = World::with_topic(3, 3, config);
        world.core.faults.held[0] = true;
        // The first are under way, and the others can't go before they are answered.
        let _waiting: Vec<_> = (0..20).map(|_| world.send(0, &[7; 900])).collect();
        world.run_for(secs(2));
        let share = share(&partitions(&mut world, 200, millis(1)), 0);
        assert!(expected.contains(&share), "{timeout:?}: {share}");
    }
}

#[test]
fn a_thousand_partitions_get_few_batches() {
    let config = config().linger(millis(5));
    let mut world = World::with_topic(1, 1000, config);
    let before = world.core.requests.iter().map(|request| request.batches.len()).sum::<usize>();
    let futures: Vec<_> = (0..10_000)
        .map(|_| world.producer().try_send(ProducerRecord::to("t").value(&[7; 100])).unwrap())
        .collect();
    world.run_until(MINUTE, |_| futures.iter().all(FutureRecordMetadata::is_done));
    let batches = world.core.requests.iter().map(|request| request.batches.len()).sum::<usize>() - before;
    assert!(batches < 30, "1.1 MB in {batches} batches");
}

/// Each of three brokers leads three partitions of nine.
#[test]
fn records_stay_in_the_rack_while_it_leads_something() {
    let config = config()
        .batch_size(1000)
        .batch_max_bytes(1000)
        .metadata_max_age(secs(10))
        .client_rack("a")
        .partitioner_rack_aware(true);
    let mut world = World::new(3, config);
    for (broker, rack) in ["a", "b", "c"].iter().enumerate() {
        world.core.cluster.brokers[broker].rack = Some((*rack).to_owned());
    }
    world.meet_topic(9);
    assert_eq!(share(&partitions(&mut world, 300, millis(1)), 0), 1.0);
    world.core.cluster.brokers[0].rack = Some("c".to_owned());
    world.core.cluster.brokers[1].rack = Some("a".to_owned());
    world.run_for(secs(11));
    assert_eq!(share(&partitions(&mut world, 300, millis(1)), 1), 1.0, "brokers were moved");
    world.core.cluster.leave_leaders(1);
    world.run_for(secs(11));
    let shares = [0, 1, 2].map(|of| share(&partitions(&mut world, 300, millis(1)), of));
    assert!(shares.iter().all(|share| *share > 0.1), "nothing leads in the rack: {shares:?}");
}

/// What waits too long in the rack is worse than what is far away.
#[test]
fn records_leave_the_rack_when_all_of_it_waits_too_long() {
    for (timeout, expected) in [(secs(0), 1.0..1.001), (secs(1), 0.0..0.001)] {
        let config = config()
            .batch_size(1000)
            .batch_max_bytes(1000)
            .client_rack("a")
            .partitioner_rack_aware(true)
            .partitioner_availability_timeout(timeout);
        let mut world = World::new(3, config);
        world.core.cluster.brokers[0].rack = Some("a".to_owned());
        world.meet_topic(3);
        world.core.faults.held[0] = true;
        let _waiting: Vec<_> = (0..20).map(|_| world.send(0, &[7; 900])).collect();
        world.run_for(secs(2));
        let share = share(&partitions(&mut world, 200, millis(1)), 0);
        assert!(expected.contains(&share), "{timeout:?}: {share}");
    }
}
