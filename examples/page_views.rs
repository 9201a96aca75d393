//! Counts of page views from a server that never waits for Kafka; and tests that it does not.
//!
//! ```sh
//! cargo run --example page_views --features mock -- localhost:9092
//! cargo test --example page_views --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafka_producer::{Error, KafkaProducer, ProducerConfig, ProducerRecord};

/// What a handler of requests holds. It drops a view rather than wait.
struct PageViews {
    producer: KafkaProducer,
    lost: Arc<AtomicU64>,
}

impl PageViews {
    fn new(config: ProducerConfig) -> Result<Self, Error> {
        Ok(Self { producer: config.build()?, lost: Arc::default() })
    }

    fn seen(&self, page: &str) {
        match self.producer.try_send(ProducerRecord::to("views").value(page)) {
            Ok(future) => {
                let lost = Arc::clone(&self.lost);
                future.add_errback(move |_| {
                    lost.fetch_add(1, Ordering::Relaxed);
                });
            }
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let views = PageViews::new(KafkaProducer::builder().bootstrap_servers([servers]))?;
    // Until then it does not know the topic, and would drop what it is given.
    views.producer.partitions_for("views")?;
    (0..100).for_each(|number| views.seen(&format!("/page/{number}")));
    views.producer.close(Duration::from_secs(10))?;
    println!("{} of 100 views were lost", views.lost());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn views(cluster: &MockCluster, change: impl Fn(ProducerConfig) -> ProducerConfig) -> PageViews {
        cluster.create_topic("views", 1);
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        let views = PageViews::new(change(config)).unwrap();
        views.producer.partitions_for("views").unwrap();
        views
    }

    /// The broker's clock stands still, so its answer is an hour away until the test says otherwise.
    #[test]
    fn a_broker_that_takes_an_hour_keeps_nobody_waiting() {
        let cluster = MockCluster::start(1);
        let views = views(&cluster, |config| config);
        cluster.hold_clock();
        let hour = Duration::from_secs(3600);
        cluster.add_rule(MockRule::delay(hour).on(ApiKey::PRODUCE));
        views.seen("/a");
        assert!(cluster.wait_for_records("views", 1, PATIENCE), "stored, though not answered");
        views.seen("/b");
        assert!(views.producer.flush(Duration::ZERO).is_err(), "one is under way, and one waits for company");
        cluster.advance_clock(hour);
        views.producer.flush(PATIENCE).unwrap();
        assert_eq!((views.lost(), cluster.record_count("views")), (0, 2));
    }

    #[test]
    fn what_a_dead_broker_does_not_take_is_counted() {
        let cluster = MockCluster::start(1);
        let limit = Duration::from_millis(300);
        let views = views(&cluster, |config| config.request_timeout(limit).delivery_timeout(limit));
        cluster.stop_broker(0);
        (0..10).for_each(|_| views.seen("/"));
        let _ = views.producer.flush(PATIENCE);
        assert_eq!(views.lost(), 10);
    }

    #[test]
    fn more_than_the_memory_holds_is_dropped_at_once() {
        let cluster = MockCluster::start(1);
        let views = views(&cluster, |config| config.buffer_memory(64 << 10).batch_size(16 << 10));
        cluster.hold_replies();
        let page = "x".repeat(1000);
        (0..200).for_each(|_| views.seen(&page));
        let lost = views.lost();
        assert!((100..200).contains(&lost), "{lost} of 200 KB do not fit into 64");
        cluster.release_replies();
        views.producer.flush(PATIENCE).unwrap();
        assert_eq!(cluster.record_count("views"), 200 - lost);
    }
}
