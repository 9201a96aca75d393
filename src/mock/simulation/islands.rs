//! A leader that is cut off from its controller and the other brokers, and answers on.

use super::*;
use crate::config::Acks;

fn stored(world: &mut World, partition: i32) -> Vec<Vec<u8>> {
    let log = &world.core.cluster.partition_mut("t", partition).unwrap().log;
    log.records().unwrap().into_iter().filter_map(|record| record.value).collect()
}

/// It waits in vain for its replicas, and says that each time it is asked again: whoever goes on asking it has to ask
/// somebody else who leads.
#[test]
fn what_a_deposed_leader_can_not_commit_goes_to_the_new_one() {
    let mut world = World::with_topic(3, 3, config().request_timeout(secs(2)).delivery_timeout(None));
    world.core.cut_off(0);
    let future = world.send(0, b"v");
    let took = world.run_until(secs(30), |_| future.is_done());
    assert!(future.succeeded() && took >= secs(2), "{took:?}");
    assert_eq!(stored(&mut world, 0), [b"first".to_vec(), b"v".to_vec()], "once");
    let island = world.core.rejoin(0).unwrap();
    assert_eq!(island.topics["t"].partitions[0].log.next_offset(), 2, "it was there first");
}

#[test]
fn what_a_deposed_leader_alone_has_acknowledged_is_lost() {
    let mut world = World::with_topic(2, 2, config().acks(Acks::Leader));
    world.core.cut_off(0);
    let future = world.send(0, b"v");
    world.run_until(secs(1), |_| future.is_done());
    assert_eq!(future.value().unwrap().offset(), Some(1));
    assert_eq!(stored(&mut world, 0), [b"first".to_vec()]);
    let island = world.core.rejoin(0).unwrap();
    assert_eq!(island.topics["t"].partitions[0].log.next_offset(), 2);
}

/// It tells what was true before; once something newer is known nobody believes it.
#[test]
fn nobody_goes_back_to_a_deposed_leader_because_it_says_so() {
    let mut world = World::with_topic(2, 2, config());
    world.core.cut_off(0);
    let leader = |world: &World, partition| world.metadata.snapshot().leader("t", partition);
    for _ in 0..20 {
        world.want();
        world.run_for(secs(1));
    }
    for _ in 0..20 {
        world.want();
        world.run_for(secs(1));
        assert_eq!(leader(&world, 0), leader(&world, 1));
    }
    let future = world.send(0, b"v");
    world.run_until(secs(1), |_| future.is_done());
    assert_eq!(stored(&mut world, 0).len(), 2);
}
