//! What an idle producer does, and what partitions cost that are only known.

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{KafkaProducer, ProducerRecord};

use super::measure::{Task, cpu};
use super::table::at_most;
use super::{Outcome, Scale};

pub fn idle(_: Scale) -> Outcome {
    let cluster = MockCluster::start(3);
    cluster.create_topic("t", 6);
    let servers = cluster.bootstrap_servers();
    let producer = KafkaProducer::builder().bootstrap_servers(servers).client_id("idle").build()?;
    for partition in 0..6 {
        producer.send(ProducerRecord::to("t").partition(partition).value("v"))?.get(None)?;
    }
    let task = Task::named("idle")?;
    let before = task.waits()?;
    std::thread::sleep(Duration::from_secs(10));
    at_most("idle for 10 s: the sender thread", (task.waits()? - before) as f64, 2.0, "wake-ups");
    Ok(())
}

/// CPU of the whole process, the counting broker's share included: the difference is ours.
pub fn known_partitions(_: Scale) -> Outcome {
    const RECORDS: u32 = 3_000_000;
    let mut costs = Vec::new();
    for known in [6, 10_000, 6, 10_000, 6, 10_000] {
        let cluster = MockCluster::builder().counting().build();
        cluster.create_topic("t", known);
        let producer = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).build()?;
        producer.partitions_for("t")?;
        let value = [b'v'; 100];
        let before = cpu();
        for number in 0..RECORDS {
            producer.send(ProducerRecord::to("t").partition(number as i32 % 6).value(&value))?;
        }
        producer.flush(None)?;
        costs.push((cpu() - before).as_secs_f64());
    }
    // The best of each: what disturbs a run only adds.
    let best = |first: usize| costs.iter().skip(first).step_by(2).copied().fold(f64::MAX, f64::min);
    let what = "a record's CPU with 10,000 partitions known and 6 in use, to that with 6 known";
    at_most(what, best(1) / best(0), 1.3, "times");
    Ok(())
}
