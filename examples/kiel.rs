//! A producer as in kiel, a Python client: values are JSON, a key maker makes the key from the message, and a partitioner
//! chooses the partition by the key.
//!
//! ```sh
//! cargo run --example kiel --features mock,json -- localhost:9092
//! cargo test --example kiel --features mock,json
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use kafka_producer::{
    Acks, Compression, Error, JsonSerializer, KafkaProducer, PartitionContext, Partitioner, ProducerConfig,
    ProducerRecord, RandomPartitioner,
};
use serde::Serialize;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Login {
    user_id: Option<u64>,
    page: &'static str,
}

/// The key is the user. A message without a user has no key.
fn key_maker(login: &Login) -> Option<String> {
    Some(login.user_id?.to_string())
}

/// `partitions[key % len(partitions)]`. A record without a key goes to a random partition.
fn partitioner(record: &PartitionContext<'_>) -> i32 {
    let key = record.key().and_then(|key| std::str::from_utf8(key).ok()?.parse::<u64>().ok());
    match key {
        // The remainder is less than the number of partitions, which is an i32.
        Some(key) => (key % u64::from(record.partition_count().unsigned_abs())) as i32,
        None => RandomPartitioner.partition(record),
    }
}

/// kiel's `Producer(servers, key_maker=…, partitioner=…, compression=GZIP, batch_size=1, required_acks=1, ack_timeout=500)`.
/// Idempotence needs all in-sync replicas, so one acknowledgement disables it.
fn connect(config: ProducerConfig) -> Result<KafkaProducer<[u8], Login>, Error> {
    config
        .compression(Compression::Gzip)
        .batch_num_records(1)
        .acks(Acks::Leader)
        .ack_timeout(Duration::from_millis(500))
        .partition_by(partitioner)
        .build_with_key_maker(key_maker, JsonSerializer)
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let producer = connect(KafkaProducer::builder().bootstrap_servers(servers))?;
    for user_id in [Some(7), Some(8), None] {
        let login = Login { user_id, page: "/home" };
        let stored = producer.send(ProducerRecord::to("activity.logins").value(&login))?.get(PATIENCE)?;
        println!("the login of user {user_id:?} is stored at {stored}");
    }
    producer.close(PATIENCE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::mock::MockCluster;

    use super::*;

    #[test]
    fn the_key_comes_from_the_message_and_chooses_the_partition() {
        let cluster = MockCluster::builder().default_partitions(6).build();
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        let producer = connect(config).unwrap();
        let send = |user_id| {
            let login = Login { user_id, page: "/home" };
            let future = producer.send(ProducerRecord::to("activity.logins").value(&login)).unwrap();
            future.get(PATIENCE).unwrap()
        };
        for user in [7, 8, 13] {
            assert_eq!(send(Some(user)).partition(), (user % 6) as i32);
        }
        let [first, second] = &cluster.records("activity.logins", 1)[..] else { panic!("two records") };
        assert_eq!((first.key.as_deref(), second.key.as_deref()), (Some(&b"7"[..]), Some(&b"13"[..])));
        assert_eq!(first.value.as_deref(), Some(&br#"{"user_id":7,"page":"/home"}"#[..]));
        assert_eq!(send(None).serialized_key_size(), None);
        producer.close(PATIENCE).unwrap();
    }
}
