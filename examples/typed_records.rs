//! Sends structs as JSON, with a typed producer and a partitioner that depends on the topic.
//!
//! ```sh
//! cargo run --example typed_records --features mock -- localhost:9092
//! cargo test --example typed_records --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use kafka_producer::{
    Error, KafkaProducer, PartitionContext, Partitioner, ProducerConfig, ProducerRecord, RecordMetadata,
    SerializationContext, Serializer, StickyPartitioner, StringSerializer,
};
use serde::{Deserialize, Serialize};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    customer: String,
    items: Vec<String>,
    cents: u64,
}

/// Serializes every type that serde can serialize.
///
/// The closure `|order: &Order| serde_json::to_vec(order)` would also work for orders. `Json` works for every type that
/// serde can serialize. It writes into a buffer that is reused for the next record. `JsonSerializer` (feature `json`) does
/// the same.
struct Json;

impl<T: Serialize> Serializer<T> for Json {
    fn serialize(
        &self,
        _: &SerializationContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_writer(out, value)?)
    }
}

/// Stores the journal in one partition, so that its records have one order. Records of all other topics are partitioned by
/// key.
fn choose_partition(record: &PartitionContext<'_>) -> i32 {
    match record.topic() {
        "order-journal" => 0,
        _ => StickyPartitioner.partition(record),
    }
}

/// Keys are strings, and values are of the type `Order`. Any other record is a compile error.
struct Orders(KafkaProducer<str, Order>);

impl Orders {
    fn new(config: ProducerConfig) -> Result<Self, Error> {
        Ok(Self(config.partition_by(choose_partition).build_with(StringSerializer, Json)?))
    }

    /// Returns when the order is stored in both topics.
    fn place(&self, order: &Order) -> Result<RecordMetadata, Error> {
        let record = ProducerRecord::to("orders").key(&order.customer).value(order);
        let entry = ProducerRecord::to("order-journal").key(&order.customer).value(order);
        let (stored, entered) = (self.0.send(record)?, self.0.send(entry)?);
        entered.get(PATIENCE)?;
        stored.get(PATIENCE)
    }
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let orders = Orders::new(KafkaProducer::builder().bootstrap_servers(servers))?;
    for (customer, cents) in [("ada", 1999), ("bob", 250), ("ada", 700)] {
        let order = Order { customer: customer.to_owned(), items: vec!["book".to_owned()], cents };
        println!("{customer}'s order is stored at {}", orders.place(&order)?);
    }
    orders.0.close(PATIENCE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use std::collections::HashMap;

    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
    use kafka_producer::{ErrorCode, ErrorKind};

    use super::*;

    fn cluster() -> (MockCluster, ProducerConfig) {
        let cluster = MockCluster::builder().default_partitions(6).build();
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        (cluster, config)
    }

    fn order(customer: &str) -> Order {
        Order { customer: customer.to_owned(), items: vec!["book".to_owned(), "pen".to_owned()], cents: 1999 }
    }

    #[test]
    fn an_order_is_stored_as_json_under_its_customer() {
        let (cluster, config) = cluster();
        let stored = Orders::new(config).unwrap().place(&order("ada")).unwrap();
        let [record] = &cluster.records("orders", stored.partition())[..] else { panic!("one record") };
        assert_eq!(record.key.as_deref(), Some(&b"ada"[..]));
        assert_eq!(
            String::from_utf8_lossy(record.value.as_ref().unwrap()),
            r#"{"customer":"ada","items":["book","pen"],"cents":1999}"#
        );
    }

    #[test]
    fn the_journal_has_one_order_and_each_customer_one_partition() {
        let (cluster, config) = cluster();
        let orders = Orders::new(config).unwrap();
        let customers: Vec<_> = (0..20).map(|number| format!("customer {}", number % 10)).collect();
        let placed = customers.iter().map(|customer| orders.place(&order(customer)).unwrap().partition());
        let partitions: Vec<_> = placed.collect();
        assert_eq!(partitions[..10], partitions[10..]);
        assert!(partitions.iter().any(|partition| *partition != partitions[0]), "customers are spread");
        let entries = cluster.records("order-journal", 0).into_iter();
        let entries: Vec<Order> =
            entries.map(|record| serde_json::from_slice(&record.value.unwrap()).unwrap()).collect();
        assert_eq!(entries, customers.iter().map(|customer| order(customer)).collect::<Vec<_>>());
    }

    #[test]
    fn an_order_that_is_not_in_the_journal_is_an_error() {
        let (cluster, config) = cluster();
        let refusal = MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE);
        cluster.add_rule(refusal.topic("order-journal"));
        let error = Orders::new(config).unwrap().place(&order("ada")).unwrap_err();
        assert_eq!((error.topic(), error.partition()), (Some("order-journal"), Some(0)));
    }

    /// A partitioner can be tested without a producer.
    #[test]
    fn the_partitioner_looks_at_the_topic() {
        let of = |topic, key| choose_partition(&PartitionContext::new(topic, 6).with_key(Some(key)));
        for key in [&b"ada"[..], b"bob", b"eve"] {
            assert_eq!(of("order-journal", key), 0);
            let by_default =
                StickyPartitioner.partition(&PartitionContext::new("orders", 6).with_key(Some(key)));
            assert_eq!(of("orders", key), by_default);
        }
    }

    #[test]
    fn what_is_no_json_reaches_no_broker() {
        let (cluster, config) = cluster();
        let producer: KafkaProducer<str, HashMap<(u8, u8), u8>> =
            config.build_with(StringSerializer, Json).unwrap();
        let no_json = HashMap::from([((1, 2), 3)]);
        let error = producer.send(ProducerRecord::to("orders").value(&no_json)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Serialization { is_key: false, .. }), "{error}");
        assert_eq!((error.topic(), cluster.record_count("orders")), (Some("orders"), 0));
    }

    /// The broker stores the order, and its responses to three attempts are lost. The producer sends the batch again each
    /// time, and the broker recognizes the batch.
    #[test]
    fn an_order_whose_answer_is_lost_is_stored_once() {
        let (cluster, config) = cluster();
        let lost =
            cluster.add_rule(MockRule::cut_after_append().on(ApiKey::PRODUCE).topic("orders").times(3));
        let orders = Orders::new(config.retry_backoff(Duration::from_millis(1))).unwrap();
        let stored = orders.place(&order("ada")).unwrap();
        assert_eq!(
            (stored.offset(), cluster.record_count("orders"), cluster.times_acted(lost)),
            (Some(0), 1, 3)
        );
    }
}
