//! A thread's last words: it sends from the destructor of a thread-local that is older than any of this crate's.
//! In a test binary of its own: what goes wrong there ends the process.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{Compression, KafkaProducer, ProducerConfig, ProducerRecord, StringSerializer};

const PATIENCE: Duration = Duration::from_secs(30);

type Last = Box<dyn FnOnce()>;

struct Guard(Option<Last>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(last) = self.0.take() {
            last();
        }
    }
}

thread_local! {
    static GUARD: RefCell<Guard> = const { RefCell::new(Guard(None)) };
}

/// Runs `last` in the destructor of a thread-local that was made before anything else, on a thread that runs `first`.
fn on_a_thread(first: impl FnOnce() + Send + 'static, last: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        GUARD.with_borrow_mut(|guard| guard.0 = Some(Box::new(last)));
        first();
    });
    thread.join().unwrap();
}

fn config(cluster: &MockCluster) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers())
}

fn cluster() -> MockCluster {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 3);
    cluster
}

/// Large enough for several batches to be filled, and so compressed, by this thread.
fn values() -> impl Iterator<Item = String> {
    (0..200).map(|number| format!("{number}").repeat(1000))
}

fn sends_bytes(producer: &KafkaProducer, tell: &Sender<bool>) {
    for value in values() {
        let keyed = producer.send(ProducerRecord::to("t").key(&value[..1]).value(&value)).is_ok();
        let unkeyed = producer.send(ProducerRecord::to("t").value(&value)).is_ok();
        tell.send(keyed && unkeyed).unwrap();
    }
}

fn sends_text(producer: &KafkaProducer<str, str>, tell: &Sender<bool>) {
    for value in values() {
        let keyed = producer.send(ProducerRecord::to("t").key(&value[..1]).value(&*value)).is_ok();
        let unkeyed = producer.send(ProducerRecord::to("t").value(&*value)).is_ok();
        tell.send(keyed && unkeyed).unwrap();
    }
}

/// D4.
#[test]
fn a_thread_sends_in_the_destructor_of_its_thread_local() {
    for compression in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        for sent_before in [true, false] {
            let cluster = cluster();
            let bytes = Arc::new(config(&cluster).compression(compression).build().unwrap());
            let text =
                config(&cluster).compression(compression).build_with(StringSerializer, StringSerializer);
            let text = Arc::new(text.unwrap());
            let (tell, told) = channel();
            let (first, last) =
                ((Arc::clone(&bytes), Arc::clone(&text)), (Arc::clone(&bytes), Arc::clone(&text)));
            let (tell_first, tell_last) = (tell.clone(), tell);
            on_a_thread(
                move || {
                    if sent_before {
                        sends_bytes(&first.0, &tell_first);
                        sends_text(&first.1, &tell_first);
                    }
                },
                move || {
                    sends_bytes(&last.0, &tell_last);
                    sends_text(&last.1, &tell_last);
                    // What else there is to call.
                    tell_last.send(last.0.flush(PATIENCE).is_ok()).unwrap();
                    let future = last.0.send(ProducerRecord::to("t").value("v")).unwrap();
                    tell_last.send(future.get(PATIENCE).is_ok()).unwrap();
                    let called = Arc::new(());
                    let kept = Arc::clone(&called);
                    future.add_callback(move |_| drop(kept));
                    tell_last.send(last.0.partitions_for("t").is_ok()).unwrap();
                    tell_last.send(last.1.close(PATIENCE).is_ok()).unwrap();
                },
            );
            assert!(told.iter().all(|sent| sent));
            bytes.close(PATIENCE).unwrap();
            let times = if sent_before { 2 } else { 1 };
            assert_eq!(cluster.record_count("t"), 800 * times + 1);
        }
    }
}
