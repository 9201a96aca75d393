//! Orders as JSON, keyed by their customer, by a typed producer; and tests of what is stored.
//!
//! ```sh
//! cargo run --example order_events --features mock -- localhost:9092
//! cargo test --example order_events --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use kafka_producer::{
    Error, KafkaProducer, ProducerConfig, ProducerRecord, RecordMetadata, StringSerializer,
};

struct Order {
    customer: String,
    cents: u64,
}

/// Sends orders; the topic is one thing that its callers need not know.
struct Orders(KafkaProducer<str, Order>);

impl Orders {
    fn new(config: ProducerConfig) -> Result<Self, Error> {
        Ok(Self(config.build_with(StringSerializer, to_json)?))
    }

    /// Returns once the order is stored.
    fn place(&self, order: &Order) -> Result<RecordMetadata, Error> {
        let record = ProducerRecord::to("orders").key(order.customer.as_str()).value(order);
        self.0.send(record)?.get(PATIENCE)
    }
}

fn to_json(order: &Order) -> Result<Vec<u8>, String> {
    if order.cents == 0 {
        return Err("an order of nothing".to_owned());
    }
    let json = serde_json::json!({ "customer": order.customer, "cents": order.cents });
    serde_json::to_vec(&json).map_err(|error| error.to_string())
}

const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let orders = Orders::new(KafkaProducer::builder().bootstrap_servers([servers]))?;
    let stored = orders.place(&Order { customer: "ada".to_owned(), cents: 1999 })?;
    println!("stored at {stored}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::ErrorKind;
    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};

    use super::*;

    fn orders(cluster: &MockCluster) -> Orders {
        cluster.create_topic("orders", 1);
        Orders::new(KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers())).unwrap()
    }

    #[test]
    fn an_order_is_stored_under_its_customer() {
        let cluster = MockCluster::start(1);
        orders(&cluster).place(&Order { customer: "ada".to_owned(), cents: 1999 }).unwrap();
        let [record] = &cluster.records("orders", 0)[..] else { panic!("one record") };
        assert_eq!(record.key.as_deref(), Some(&b"ada"[..]));
        let value: serde_json::Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
        assert_eq!(value["cents"], 1999);
    }

    #[test]
    fn an_order_that_makes_no_sense_reaches_no_broker() {
        let cluster = MockCluster::start(1);
        let error = orders(&cluster).place(&Order { customer: "bob".to_owned(), cents: 0 }).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Serialization { .. }), "{error}");
        assert_eq!(cluster.record_count("orders"), 0);
    }

    /// The broker stores the order and its answer is lost, three times: the producer asks again, and is told.
    #[test]
    fn an_order_whose_answer_is_lost_is_stored_once() {
        let cluster = MockCluster::start(1);
        let orders = orders(&cluster);
        let lost = cluster.add_rule(MockRule::cut_after_append().on(ApiKey::PRODUCE).times(3));
        let stored = orders.place(&Order { customer: "ada".to_owned(), cents: 1 }).unwrap();
        assert_eq!(
            (stored.offset(), cluster.record_count("orders"), cluster.times_acted(lost)),
            (Some(0), 1, 3)
        );
    }
}
