//! Topics whose limit is smaller than our batches, on a real broker.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::time::Duration;

use kafka_producer::{ErrorKind, KafkaProducer, ProducerRecord};
use support::kafka::Cluster;

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn batches_are_cut_up_until_the_topic_takes_them() {
    let cluster = Cluster::start(1);
    for (topic, limit) in [("small", "1000"), ("middle", "100000")] {
        cluster.create_topic(topic, 2, 1, &[("max.message.bytes", limit)]);
        let producer =
            KafkaProducer::builder().bootstrap_servers([cluster.bootstrap_servers()]).build().unwrap();
        let futures: Vec<_> = (0..50_000)
            .map(|number: u32| {
                let value = format!("value-{number:06}-{}", "x".repeat(number as usize % 60));
                let record =
                    ProducerRecord::to(topic).partition(number as i32 % 2).header("n", "1").timestamp(5);
                (value.clone(), producer.send(record.value(&value)).unwrap())
            })
            .collect();
        producer.flush(PATIENCE).unwrap();
        let read = cluster.read_back(topic);
        assert_eq!(read.len(), futures.len());
        let mut places: Vec<_> = futures
            .iter()
            .map(|(value, future)| (future.get(Duration::ZERO).unwrap(), value))
            .map(|(metadata, value)| ((metadata.partition(), metadata.offset()), value))
            .collect();
        // Within a partition offsets grow as records were sent: order has held.
        for partition in 0..2 {
            let offsets = places.iter().map(|(place, _)| *place).filter(|place| place.0 == partition);
            assert!(offsets.is_sorted(), "{topic}-{partition} is out of order");
        }
        places.sort_unstable();
        let read = read
            .iter()
            .map(|r| ((r.partition, r.offset), String::from_utf8(r.value.clone().unwrap()).unwrap()));
        let mut read: Vec<_> = read.collect();
        read.sort_unstable();
        assert!(read.iter().zip(&places).all(|((at, value), (place, sent))| at == place && value == *sent));

        let too_large = vec![b'x'; limit.parse::<usize>().unwrap() + 1000];
        let error =
            producer.send(ProducerRecord::to(topic).value(&too_large)).unwrap().get(PATIENCE).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RefusedAsTooLarge { .. }), "{error}");
    }
}
