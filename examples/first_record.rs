//! Sends ten records and reads them back.
//!
//! ```sh
//! cargo run --example first_record --features mock                    # to a broker inside this process
//! cargo run --example first_record --features mock -- localhost:9092  # to yours; reads nothing back
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{KafkaProducer, ProducerRecord};

fn main() -> Result<(), kafka_producer::Error> {
    let given = std::env::args().nth(1);
    let mock = given.is_none().then(|| MockCluster::builder().default_partitions(3).build());
    let servers = mock.as_ref().map_or_else(|| given.unwrap_or_default(), MockCluster::bootstrap_servers);
    println!("sending to {servers}");

    let producer = KafkaProducer::builder().bootstrap_servers([servers]).build()?;
    for number in 0..10 {
        let (key, value) = (format!("user-{}", number % 4), format!("hello {number}"));
        let record = ProducerRecord::to("greetings").key(&key).value(&value).header("from", "first_record");
        let metadata = producer.send(record)?.get(Duration::from_secs(10))?;
        println!("  {value:8} -> {metadata}");
    }
    producer.close(Duration::from_secs(10))?;

    if let Some(mock) = mock {
        println!("the broker holds");
        for partition in 0..3 {
            for record in mock.records("greetings", partition) {
                let text = |bytes: &Option<Vec<u8>>| {
                    String::from_utf8_lossy(bytes.as_deref().unwrap_or(b"null")).into_owned()
                };
                println!(
                    "  greetings-{partition} @ {} = {}: {}",
                    record.offset,
                    text(&record.key),
                    text(&record.value)
                );
            }
        }
    }
    Ok(())
}
