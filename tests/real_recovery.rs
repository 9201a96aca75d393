//! How soon it goes on, beside the Java client in the same run: after an outage, with topics that are made on the way,
//! and with many topics.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "it shows what it measured")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerRecord};
use support::clock::{Failure, Stopwatch, deadline, pause, retry};
use support::kafka::Cluster;

const PATIENCE: Duration = Duration::from_secs(120);

fn ours(cluster: &Cluster) -> KafkaProducer {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).build().unwrap()
}

fn send(producer: &KafkaProducer, topic: &str) -> Result<(), String> {
    let future =
        producer.send(ProducerRecord::to(topic).value("value")).map_err(|error| error.to_string())?;
    future.get(PATIENCE).map(drop).map_err(|error| error.to_string())
}

/// How long the broker is down, in seconds; the longer, the further a back-off can have grown.
const OUTAGE: &str = "OUTAGE_SECS";

/// D17: one record after another, each waited for. The next one after the outage comes at most this much later than
/// Java's.
#[test]
fn after_an_outage_it_sends_again_as_soon_as_java() {
    const LATER: Duration = Duration::from_millis(1500);
    let outage = std::env::var(OUTAGE).map_or(12, |secs| secs.parse().unwrap());
    let mut cluster = Cluster::start(1);
    cluster.create_topic("ours", 1, 1, &[]);
    cluster.create_topic("javas", 1, 1, &[]);
    let (ours, mut java) = (ours(&cluster), cluster.java_producer(&[]));
    let mut javas = |topic: &str| java.send(topic);
    let ours = |topic: &str| send(&ours, topic);

    let (clock, end) = (Stopwatch::start(), AtomicBool::new(false));
    let stored: [Mutex<Vec<Duration>>; 2] = Default::default();
    let go_on = |which: usize, send: &mut dyn FnMut() -> Result<(), String>| {
        while !end.load(Ordering::SeqCst) {
            send().unwrap();
            stored[which].lock().unwrap().push(clock.elapsed());
            pause(Duration::from_millis(10));
        }
    };
    let since = |which: usize, moment: Duration| {
        stored[which].lock().unwrap().iter().copied().find(|stored| *stored > moment)
    };
    let (started, open) = std::thread::scope(|scope| {
        scope.spawn(|| go_on(0, &mut || ours("ours")));
        scope.spawn(|| go_on(1, &mut || javas("javas")));
        let both_since = |moment: Duration| {
            let wait = deadline(PATIENCE.as_secs());
            let both = retry(wait, || match (since(0, moment), since(1, moment)) {
                (Some(_), Some(_)) => Ok(()),
                (ours, javas) => Err(Failure::Again(format!("ours {ours:?}, Java's {javas:?}"))),
            });
            end.store(both.is_err(), Ordering::SeqCst);
            both.unwrap();
        };
        both_since(Duration::from_secs(1));
        cluster.kill_node(1);
        pause(Duration::from_secs(outage));
        let (started, address) = (clock.elapsed(), cluster.address(1));
        let open = scope.spawn(move || {
            let tried = || std::net::TcpStream::connect(address).map_err(|e| Failure::Again(e.to_string()));
            retry(deadline(60), tried).unwrap();
            clock.elapsed()
        });
        cluster.start_node(1);
        both_since(started);
        end.store(true, Ordering::SeqCst);
        (started, open.join().unwrap())
    });
    let [ours, javas] = [0, 1].map(|which| since(which, started).unwrap());
    println!(
        "down for {outage} s; after its port was open ours was stored after {:?}, Java's after {:?}",
        ours.saturating_sub(open),
        javas.saturating_sub(open)
    );
    assert!(ours <= javas + LATER, "ours came {:?} after Java's", ours.saturating_sub(javas));
}

/// D18: what one wait for a topic has taken says nothing about the next topic.
#[test]
fn topics_made_on_the_way_take_no_longer_than_with_java() {
    const TOPICS: usize = 100;
    // Both ask a broker that takes its time, and are not asked in the same order.
    const TOLERANCE: f64 = 1.15;
    let cluster = Cluster::start(1);
    let (ours, mut java) = (ours(&cluster), cluster.java_producer(&[]));
    let mut spent = [Vec::new(), Vec::new()];
    for number in 0..=TOPICS {
        for which in if number % 2 == 0 { [0, 1] } else { [1, 0] } {
            let clock = Stopwatch::start();
            match which {
                0 => send(&ours, &format!("ours-{number}")).unwrap(),
                _ => java.send(&format!("javas-{number}")).unwrap(),
            }
            // The first has the connections to make, and Java its classes to load.
            if number > 0 {
                spent[which].push(clock.elapsed());
            }
        }
    }
    let [total, javas] = [0, 1].map(|which| spent[which].iter().sum::<Duration>());
    let [median, javas_median] = [0, 1].map(|which| self::median(&spent[which]));
    let ratio = total.as_secs_f64() / javas.as_secs_f64();
    println!(
        "{TOPICS} new topics: ours {total:?} (median {median:?}), Java {javas:?} (median {javas_median:?}), ratio {ratio:.2}"
    );
    assert!(ratio <= TOLERANCE, "ours takes {ratio:.2} times as long");
}

/// D21: a new topic costs the same, however many are known.
#[test]
fn the_first_send_to_a_topic_costs_the_same_with_many_known() {
    const TOPICS: usize = 1500;
    const SOME: usize = 200;
    // The broker's own work for a topic grows a little, and a median of 200 swings by some.
    const GROWTH: f64 = 1.5;
    let cluster = Cluster::builder(1).property("log.index.size.max.bytes", "65536").start();
    let names: Vec<String> = (0..TOPICS).map(|number| format!("topic-{number:04}")).collect();
    names.chunks(100).for_each(|names| cluster.create_topics(names));
    let producer = ours(&cluster);
    let spent: Vec<Duration> = names
        .iter()
        .map(|name| {
            let clock = Stopwatch::start();
            send(&producer, name).unwrap();
            clock.elapsed()
        })
        .collect();
    let (first, last) = (median(&spent[..SOME]), median(&spent[TOPICS - SOME..]));
    println!(
        "first sends to {TOPICS} topics: median {first:?} of the first {SOME}, {last:?} of the last {SOME}"
    );
    assert!(last.as_secs_f64() <= first.as_secs_f64() * GROWTH, "{last:?} after {first:?}");
}

fn median(of: &[Duration]) -> Duration {
    let mut of = of.to_vec();
    of.sort_unstable();
    of[of.len() / 2]
}
