//! Who wants something of the cluster: whom a question serves, how long it is asked for, and who is dialled for it.

use super::*;


/// An answer about another topic says nothing of this one.
#[test]
fn only_an_answer_about_its_topic_decides_that_a_partition_is_unknown() {
    let mut world = World::with_topic(1, 1, config());
    world.core.cluster.create_topic("u", 1);
    world.core.faults.held[0] = true;
    let other = world.spawn("other", |producer| {
        producer.send(ProducerRecord::to("u").value("v")).unwrap();
    });
    world.settle();
    let id = world.core.cluster.topics["t"].id;
    world.core.cluster.insert_topic("t", id, 2);
    let mine = world.spawn("mine", |producer| {
        producer.send(ProducerRecord::to("t").partition(1).value("v")).unwrap();
    });
    world.settle();
    world.core.faults.held[0] = false;
    world.run_for(secs(1));
    other(&mut world);
    mine(&mut world);
}
