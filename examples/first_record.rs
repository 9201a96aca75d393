//! Sends ten records, and prints the partition and the offset of each record.
//!
//! ```sh
//! cargo run --example first_record --features mock                    # sends to a broker inside this process
//! cargo run --example first_record --features mock -- localhost:9092  # sends to your broker
//! cargo test --example first_record --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Error, KafkaProducer, ProducerRecord};

const TOPIC: &str = "greetings";
const PATIENCE: Duration = Duration::from_secs(10);

fn send_ten(servers: &str) -> Result<(), Error> {
    let producer = KafkaProducer::builder().bootstrap_servers(servers).build()?;
    // `send` appends the record to a batch and returns a future. The future returns the partition and the offset later.
    let mut futures = Vec::new();
    for number in 0..10 {
        let (key, value) = (format!("user-{}", number % 4), format!("hello {number}"));
        let record = ProducerRecord::to(TOPIC).key(&key).value(&value).header("from", "first_record");
        futures.push(producer.send(record)?);
    }
    // Wait only after the last `send`. A program that waits after each `send` sends one record at a time.
    for (number, future) in futures.iter().enumerate() {
        println!("  hello {number} -> {}", future.get(PATIENCE)?);
    }
    producer.close(PATIENCE)
}

fn print_stored(mock: &MockCluster) {
    println!("the broker has stored");
    for partition in 0..3 {
        for record in mock.records(TOPIC, partition) {
            let [key, value] = [record.key, record.value].map(|field| field.unwrap_or_default());
            let (key, value) = (String::from_utf8_lossy(&key), String::from_utf8_lossy(&value));
            println!("  {TOPIC}-{partition}@{} = {key}: {value}", record.offset);
        }
    }
}

fn main() -> Result<(), Error> {
    if let Some(servers) = std::env::args().nth(1) {
        return send_ten(&servers);
    }
    let mock = MockCluster::builder().default_partitions(3).build();
    send_ten(&mock.bootstrap_servers())?;
    print_stored(&mock);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use super::*;

    #[test]
    fn ten_records_are_stored_and_each_key_is_in_one_partition() {
        let mock = MockCluster::builder().default_partitions(3).build();
        send_ten(&mock.bootstrap_servers()).unwrap();
        assert_eq!(mock.record_count(TOPIC), 10);
        for user in ["user-0", "user-1", "user-2", "user-3"] {
            let of_user = |partition| {
                let mut records = mock.records(TOPIC, partition);
                records.retain(|record| record.key.as_deref() == Some(user.as_bytes()));
                records
            };
            let partitions: Vec<_> = (0..3).map(of_user).filter(|records| !records.is_empty()).collect();
            let [records] = &partitions[..] else { panic!("{user} is in {} partitions", partitions.len()) };
            assert!(records.is_sorted_by_key(|record| record.value.clone()), "in the order of the sends");
            let header = ("from".to_owned(), Some(b"first_record".to_vec()));
            assert!(records.iter().all(|record| record.headers == [header.clone()]));
        }
    }
}
