//! A small program that sends records with a key, a value and a timestamp. Its serializers are functions, and its
//! partitioner hashes the key.
//!
//! ```sh
//! cargo run --example minimal --features mock,partitioners -- localhost:9092
//! cargo test --example minimal --features mock,partitioners
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_producer::{Error, HashPartitioner, KafkaProducer, KeyHash, ProducerConfig, ProducerRecord};

const PATIENCE: Duration = Duration::from_secs(30);

fn key_serializer(user: &str) -> Vec<u8> {
    user.as_bytes().to_vec()
}

fn value_serializer(amount: &u64) -> String {
    amount.to_string()
}

/// All records are for one topic, so the records do not name it. The partition is `sha256(key) % partitions`.
fn producer(config: ProducerConfig) -> Result<KafkaProducer<str, u64>, Error> {
    let partitioner = HashPartitioner::new(KeyHash::Sha256);
    config.default_topic("payments").partitioner(partitioner).build_with(key_serializer, value_serializer)
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let producer = producer(KafkaProducer::builder().bootstrap_servers(servers))?;
    let noon: SystemTime = UNIX_EPOCH + Duration::from_secs(1_714_651_200);
    let with_time = producer.send(ProducerRecord::new().key("ada").value(&1999).timestamp(noon))?;
    let without = producer.send(ProducerRecord::new().key("bob").value(&250))?; // the time of the send
    println!("stored at {} and {}", with_time.get(PATIENCE)?, without.get(PATIENCE)?);
    producer.close(PATIENCE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::mock::MockCluster;

    use super::*;

    #[test]
    fn a_record_is_serialized_hashed_and_stored_with_its_time() {
        let cluster = MockCluster::builder().default_partitions(4).build();
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        let producer = producer(config).unwrap();
        let record = ProducerRecord::new().key("ada").value(&1999);
        let stored = producer.send(record.clone().timestamp_ms(77)).unwrap().get(PATIENCE).unwrap();
        let again = producer.send(record).unwrap().get(PATIENCE).unwrap();
        assert_eq!((stored.topic(), stored.timestamp_ms()), ("payments", 77));
        assert_eq!(stored.partition(), again.partition());
        assert_eq!(stored.partition(), KeyHash::Sha256.partition(b"ada", 4));
        let records = cluster.records("payments", stored.partition());
        assert_eq!(records[0].key.as_deref(), Some(&b"ada"[..]));
        assert_eq!(records[0].value.as_deref(), Some(&b"1999"[..]));
        assert!(records[1].timestamp > 77);
    }
}
