//! Whose turn it is when several brokers have several partitions with always something to send.

use super::*;

/// What is stored of the partitions that `broker` leads, without that of [`World::meet_topic`].
fn stored_at(world: &mut World, broker: usize, partitions: usize) -> Vec<i64> {
    let partitions = (0..partitions).filter_map(|partition| {
        let partition = world.core.cluster.partition_mut("t", partition as i32).unwrap();
        (partition.leader == broker).then(|| partition.log.next_offset() - 1)
    });
    partitions.collect()
}

/// B39, R5: whatever fits into a request, no partition is ahead of another of its broker by more than a batch.
#[test]
fn every_partition_gets_its_turn_whatever_fits_into_a_request() {
    const RECORDS: usize = 8;
    for (brokers, each, fits) in
        (1..=3).flat_map(|b| (1..=5).flat_map(move |e| (1..=5).map(move |f| (b, e, f))))
    {
        let config = config()
            .batch_size(0)
            .produce_request_max_bytes(fits * 620)
            .max_in_flight_requests_per_connection(1);
        let partitions = brokers * each;
        let mut world = World::with_topic(brokers as u16, partitions, config);
        world.mischief.passing = Some(0);
        for number in 0..RECORDS * partitions {
            world.send(number % partitions, &[0; 500]);
        }
        world.settle();
        let mut rounds = 0;
        while world.core.counts.records < (partitions * (RECORDS + 1)) as u64 {
            rounds += 1;
            assert!(rounds < 1000, "it comes to no end");
            world.mischief.passing = Some(brokers);
            world.run_for(millis(1));
            for broker in 0..brokers {
                let stored = stored_at(&mut world, broker, partitions);
                let (least, most) = (stored.iter().min().unwrap(), stored.iter().max().unwrap());
                assert!(
                    most - least <= 1,
                    "{brokers}, {each}, {fits}: {stored:?} at {broker} in round {rounds}"
                );
            }
        }
        assert!(fits > 1 || rounds + 1 >= RECORDS * each, "one batch in each: {rounds} rounds");
        world.mischief.passing = None;
    }
}
