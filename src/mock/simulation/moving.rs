//! Brokers that come back at other addresses, by name and by number.

use super::*;

fn in_town(tells_names: bool) -> World {
    let mut site = Site::new(2, 1);
    site.town = Some(Town::new(&mut site.core.cluster, tells_names));
    let config = config().bootstrap_servers([format!("{}:{}", town::BOOTSTRAP, town::PORT)]);
    let mut world = World::within(Run::begin(1, STEADY), site, &config);
    world.meet_topic(2);
    world
}

fn is_delivered_again(mut world: World, what: &str) {
    for broker in 0..2 {
        world.stop(broker);
        world.core.cluster.brokers[broker].running = true;
    }
    let futures = [world.send(0, b"v"), world.send(1, b"v")];
    world.run_until(secs(10), |_| futures.iter().all(FutureRecordMetadata::is_done));
    assert!(futures.iter().all(FutureRecordMetadata::succeeded), "{what}");
    let log = |world: &mut World, partition| {
        world.core.cluster.partition_mut("t", partition).unwrap().log.next_offset()
    };
    assert_eq!([log(&mut world, 0), log(&mut world, 1)], [2, 2], "{what}");
}

#[test]
fn brokers_are_found_where_their_names_are_now() {
    for tells_names in [false, true] {
        let mut world = in_town(tells_names);
        let Site { town: Some(town), core, .. } = &mut *world else { unreachable!("it is in one") };
        (0..2).for_each(|broker| town.move_in(&mut core.cluster, broker));
        town.renew_bootstrap();
        is_delivered_again(world, &format!("tells_names: {tells_names}"));
    }
}

#[test]
fn brokers_that_have_changed_places_are_told_apart() {
    for tells_names in [false, true] {
        let mut world = in_town(tells_names);
        let Site { town: Some(town), core, .. } = &mut *world else { unreachable!("it is in one") };
        town.swap(&mut core.cluster, 0, 1);
        is_delivered_again(world, &format!("tells_names: {tells_names}"));
    }
}
