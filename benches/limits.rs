//! What it costs when nothing happens, or nothing can: wake-ups of an idle producer, memory before a frozen broker, how
//! soon `close` wakes who blocks, and what ten thousand known partitions add to a record.
//!
//! ```sh
//! cargo bench --features mock --bench limits
//! ```

#![allow(clippy::print_stdout, reason = "it prints figures")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures time, and lets it pass")]

mod measure;

use std::time::{Duration, Instant};

use kafka_producer::mock::MockCluster;
use kafka_producer::{KafkaProducer, ProducerRecord};
use measure::cpu;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    idle()?;
    known_partitions()?;
    close_wakes()?;
    // Last: the peak that it leaves behind would spoil the other figures.
    frozen_broker()
}

fn producer(cluster: &MockCluster, id: &str) -> Result<KafkaProducer, kafka_producer::Error> {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers().split(',')).client_id(id).build()
}

/// How often a thread of this process has given the processor up to wait, by the thread's name.
fn waits(name: &str) -> std::io::Result<u64> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim_end() == name {
            return Ok(number(&std::fs::read_to_string(task.join("status"))?, "voluntary_ctxt_switches:"));
        }
    }
    Err(std::io::ErrorKind::NotFound.into())
}

fn number(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Of this process's memory in KiB, the peak or what is there now.
fn memory(key: &str) -> u64 {
    number(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), key)
}

fn idle() -> Outcome {
    let cluster = MockCluster::start(3);
    cluster.create_topic("t", 6);
    let producer = producer(&cluster, "idle")?;
    for partition in 0..6 {
        producer.send(ProducerRecord::to("t").partition(partition).value("v"))?.get(None)?;
    }
    let before = waits("idle")?;
    std::thread::sleep(Duration::from_secs(10));
    println!("idle for 10 s: {} wake-ups of the sender thread", waits("idle")? - before);
    Ok(())
}

/// CPU of the whole process, the counting broker's share included: the difference is ours.
fn known_partitions() -> Outcome {
    const RECORDS: u32 = 3_000_000;
    let mut costs = Vec::new();
    for known in [6, 10_000, 6, 10_000] {
        let cluster = MockCluster::builder().counting().build();
        cluster.create_topic("t", known);
        let producer = producer(&cluster, "scale")?;
        producer.partitions_for("t")?;
        let value = [b'v'; 100];
        let before = cpu();
        for number in 0..RECORDS {
            producer.send(ProducerRecord::to("t").partition(number as i32 % 6).value(&value))?;
        }
        producer.flush(None)?;
        costs.push((known, (cpu() - before).as_secs_f64() * 1e6 / f64::from(RECORDS)));
    }
    for (known, cost) in &costs {
        println!("{known} known partitions, 6 in use: {cost:.3} µs of CPU a record, broker included");
    }
    println!("ratio of the second pair: {:.2}", costs[3].1 / costs[2].1);
    Ok(())
}

fn close_wakes() -> Outcome {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let producer = KafkaProducer::builder()
        .bootstrap_servers([cluster.bootstrap_servers()])
        .buffer_memory(64 << 10)
        .build()?;
    producer.partitions_for("t")?;
    cluster.hold_replies();
    let (told, tell) = (std::sync::mpsc::channel(), Instant::now());
    let latest = std::thread::scope(|scope| {
        for _ in 0..4 {
            let (producer, send) = (&producer, told.0.clone());
            scope.spawn(move || {
                while producer.send(ProducerRecord::to("t").value(&[0; 1000])).is_ok() {}
                let _ = send.send(tell.elapsed());
            });
        }
        std::thread::sleep(Duration::from_millis(300));
        let closed = tell.elapsed();
        let _ = producer.close(Duration::ZERO);
        drop(told.0);
        told.1.iter().map(|woken| woken.saturating_sub(closed)).max().unwrap_or_default()
    });
    let start = Instant::now();
    let refused = producer.send(ProducerRecord::to("t").value("v")).is_err();
    println!(
        "four blocked callers were awake {latest:?} after close; a send after it fails ({refused}) in {:?}",
        start.elapsed()
    );
    Ok(())
}

fn frozen_broker() -> Outcome {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 6);
    let producer = KafkaProducer::builder()
        .bootstrap_servers([cluster.bootstrap_servers()])
        .max_block(Duration::from_secs(3))
        .build()?;
    producer.partitions_for("t")?;
    cluster.hold_replies();
    let before = memory("VmRSS:");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| while producer.send(ProducerRecord::to("t").value(&[0; 100])).is_ok() {});
        }
    });
    // The mock broker lives in this process and keeps what it was sent: what is under way is there twice.
    let after = memory("VmHWM:");
    let held: u64 = cluster.counted().bytes / 1024;
    let allowed = (32 << 10) * 5 / 4 + (16 << 10);
    println!(
        "frozen broker, four threads: {} KiB more at the peak, of which the broker holds {held}; allowed {allowed}",
        after - before
    );
    let _ = producer.close(Duration::ZERO);
    Ok(())
}
