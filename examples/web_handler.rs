//! Sends page views from the handlers of a web server. The handlers never wait for Kafka.
//!
//! The producer is in a `static`, so that every handler can use it. The tests at the end show how to test with the mock
//! cluster: they stop its clock, hold its responses, and stop its broker.
//!
//! ```sh
//! cargo run --example web_handler --features mock -- localhost:9092
//! cargo test --example web_handler --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafka_producer::{Error, KafkaProducer, ProducerConfig, ProducerRecord};

const TOPIC: &str = "views";

/// `main` sets it. Before that, handlers respond to requests and send no page views.
static VIEWS: OnceLock<PageViews> = OnceLock::new();

struct PageViews {
    producer: KafkaProducer,
    lost: Arc<Lost>,
}

/// The numbers of views that were lost.
#[derive(Default)]
struct Lost {
    /// Views that `try_send` did not accept, for example because it would have had to block.
    dropped: AtomicU64,
    /// Views that the producer accepted and could not deliver.
    failed: AtomicU64,
}

impl PageViews {
    fn start(config: ProducerConfig) -> Result<Self, Error> {
        // The producer keeps the metadata of unused topics for this time, so that `try_send` does not fail. The
        // metadata of a topic for which `partitions_for` was called is kept even without this setting.
        let config = config.metadata_max_idle(Duration::from_secs(7 * 24 * 3600));
        let producer = config.build()?;
        // `try_send` fails until the topic's metadata is known. This call waits for the metadata.
        producer.partitions_for(TOPIC)?;
        Ok(Self { producer, lost: Arc::default() })
    }

    /// Sends a view and never blocks. It is better to lose a view than to delay a request.
    fn add(&self, page: &str) {
        match self.producer.try_send(ProducerRecord::to(TOPIC).value(page)) {
            Ok(future) => {
                let lost = Arc::clone(&self.lost);
                future.add_errback(move |_| add_one(&lost.failed));
            }
            Err(_) => add_one(&self.lost.dropped),
        }
    }

    /// Returns the number of views that were dropped and the number of views that failed.
    fn lost(&self) -> (u64, u64) {
        (self.lost.dropped.load(Ordering::Relaxed), self.lost.failed.load(Ordering::Relaxed))
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A request handler. A web framework calls it on any of its threads.
fn handle(path: &str) -> String {
    if let Some(views) = VIEWS.get() {
        views.add(path);
    }
    format!("<h1>This is {path}</h1>")
}

/// Simulates a web server: four threads with 25 requests each.
fn serve() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || (0..25).for_each(|page| drop(handle(&format!("/{thread}/{page}")))));
        }
    });
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let views = PageViews::start(KafkaProducer::builder().bootstrap_servers(servers))?;
    let views = VIEWS.get_or_init(|| views);
    serve();
    // Rust does not drop a `static`. Without `close` the producer would send the buffered records when the process ends,
    // for at most five seconds (`exit_timeout`). The program would then not know which records were lost.
    let closed = views.producer.close(Duration::from_secs(10));
    let (dropped, failed) = views.lost();
    println!("of 100 views, {dropped} were dropped and {failed} failed");
    closed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use std::sync::mpsc;

    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn cluster() -> (MockCluster, ProducerConfig) {
        let cluster = MockCluster::start(1);
        cluster.create_topic(TOPIC, 1);
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        (cluster, config)
    }

    /// This is the only test that uses the `static`, because a process can set it only once.
    #[test]
    fn handlers_on_several_threads_share_the_producer() {
        assert_eq!(handle("/before"), "<h1>This is /before</h1>");
        let (cluster, config) = cluster();
        let views = PageViews::start(config).unwrap();
        let views = VIEWS.get_or_init(|| views);
        serve();
        views.producer.close(PATIENCE).unwrap();
        assert_eq!((views.lost(), cluster.record_count(TOPIC)), ((0, 0), 100));
        assert_eq!(handle("/late"), "<h1>This is /late</h1>");
        assert_eq!(views.lost(), (1, 0), "a closed producer accepts no records");
    }

    /// The broker's clock is stopped. The response arrives when the test moves the clock by an hour.
    #[test]
    fn a_broker_that_takes_an_hour_keeps_nobody_waiting() {
        let (cluster, config) = cluster();
        let views = PageViews::start(config).unwrap();
        cluster.hold_clock();
        let hour = Duration::from_secs(3600);
        cluster.add_rule(MockRule::delay(hour).on(ApiKey::PRODUCE));
        views.add("/a");
        assert!(cluster.wait_for_records(TOPIC, 1, PATIENCE), "stored, but without a response");
        views.add("/b");
        assert!(views.producer.flush(Duration::ZERO).is_err(), "there is no response");
        cluster.advance_clock(hour);
        views.producer.flush(PATIENCE).unwrap();
        assert_eq!((views.lost(), cluster.record_count(TOPIC)), ((0, 0), 2));
    }

    #[test]
    fn what_a_dead_broker_does_not_take_has_failed() {
        let (cluster, config) = cluster();
        let limit = Duration::from_millis(300);
        let views = PageViews::start(config.request_timeout(limit).delivery_timeout(limit)).unwrap();
        cluster.stop_broker(0);
        (0..10).for_each(|_| views.add("/"));
        views.producer.flush(PATIENCE).unwrap();
        assert_eq!(views.lost(), (0, 10));
    }

    #[test]
    fn more_than_the_memory_holds_is_dropped_at_once() {
        let (cluster, config) = cluster();
        let views = PageViews::start(config.buffer_memory(64 << 10).batch_size(16 << 10)).unwrap();
        cluster.hold_responses();
        let views = Arc::new(views);
        let (handler, (tell, told)) = (Arc::clone(&views), mpsc::channel());
        std::thread::spawn(move || {
            let page = "x".repeat(1000);
            (0..200).for_each(|_| handler.add(&page));
            tell.send(()).unwrap();
        });
        told.recv_timeout(PATIENCE).expect("the handler waits");
        let (dropped, failed) = views.lost();
        assert!(
            (100..200).contains(&dropped),
            "{dropped} of 200 views of 1 KB were dropped; the memory has 64 KiB"
        );
        cluster.release_responses();
        views.producer.flush(PATIENCE).unwrap();
        assert_eq!((failed, cluster.record_count(TOPIC)), (0, 200 - dropped));
    }

    #[test]
    fn the_first_view_after_a_quiet_time_is_not_dropped() {
        let (cluster, config) = cluster();
        let short = Duration::from_millis(10);
        let views = PageViews::start(config.metadata_max_age(short).metadata_max_idle(short)).unwrap();
        // Unused topics are forgotten when a newer metadata response arrives.
        let asked = |count| {
            cluster.wait_until_requests(PATIENCE, |requests| {
                requests.iter().filter(|request| request.api == ApiKey::METADATA).count() >= count
            })
        };
        assert!(asked(6));
        views.add("/");
        views.producer.flush(PATIENCE).unwrap();
        assert_eq!((views.lost(), cluster.record_count(TOPIC)), ((0, 0), 1));
    }
}
