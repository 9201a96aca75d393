//! First figures: this crate against a broker that only counts, in a process of its own.
//!
//! ```sh
//! cargo bench --features mock --bench throughput -- --records 10000000 --size 100 --partitions 6 --threads 1
//! ```
//!
//! Prints records per second, CPU per record (user and system, of the producer's process alone) and peak memory. The
//! broker checks every batch's checksum; what it has counted must equal what was sent, or the run fails.

#![allow(clippy::print_stdout, reason = "it prints figures")]

mod measure;
mod sink;

use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerRecord};
use measure::{cpu, peak, stopwatch};

struct Options {
    records: u64,
    size: usize,
    partitions: i32,
    threads: u64,
    linger: Duration,
    batch_size: usize,
    keep_futures: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut options = Options {
        records: 10_000_000,
        size: 100,
        partitions: 6,
        threads: 1,
        linger: Duration::ZERO,
        batch_size: 16_384,
        keep_futures: false,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("sink") => return sink::run(&[]),
            Long("records") => options.records = arguments.value()?.parse()?,
            Long("size") => options.size = arguments.value()?.parse()?,
            Long("partitions") => options.partitions = arguments.value()?.parse()?,
            Long("threads") => options.threads = arguments.value()?.parse()?,
            Long("linger-ms") => options.linger = Duration::from_millis(arguments.value()?.parse()?),
            Long("batch-size") => options.batch_size = arguments.value()?.parse()?,
            Long("keep-futures") => options.keep_futures = true,
            // `cargo bench` says so to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    load(&options)
}

fn load(options: &Options) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    let (mut sink, address) = sink::Sink::start(command.arg("--sink"))?;
    sink.ask(&format!("topic {}", options.partitions))?;
    let producer = KafkaProducer::builder()
        .bootstrap_servers([address])
        .linger(options.linger)
        .batch_size(options.batch_size)
        .build()?;
    producer.partitions_for("load")?;
    let value = vec![b'v'; options.size];
    let each = options.records / options.threads;
    let (cpu, clock) = (cpu(), stopwatch());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut kept = Vec::new();
                    for _ in 0..each {
                        let future = producer.send(ProducerRecord::to("load").value(&value))?;
                        if options.keep_futures {
                            kept.push(future);
                            if kept.len() == KEPT {
                                kept.drain(..).try_for_each(|future| future.get(None).map(drop))?;
                            }
                        }
                    }
                    kept.into_iter().try_for_each(|future| future.get(None).map(drop))
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a worker panicked")?.map_err(|e| e.to_string()))
    })?;
    producer.flush(None)?;
    let (wall, cpu) = (clock(), self::cpu() - cpu);
    producer.close(None)?;
    let counted = sink.ask("count")?;
    let sent = each * options.threads;
    if counted.first() != Some(&sent) {
        return Err(format!("{sent} records were sent, the broker counted {counted:?}").into());
    }
    println!(
        "{sent} records of {} B, {} partitions, {} threads, linger {:?}, batch_size {}{}",
        options.size,
        options.partitions,
        options.threads,
        options.linger,
        options.batch_size,
        if options.keep_futures { ", every future read" } else { "" }
    );
    println!(
        "{:.2} M records/s, {:.3} µs of CPU a record, peak memory {:.1} MiB, {:.1} records a batch, {:.1} batches a request",
        sent as f64 / wall.as_secs_f64() / 1e6,
        cpu.as_secs_f64() * 1e6 / sent as f64,
        peak() as f64 / 1024.0,
        sent as f64 / counted[1] as f64,
        counted[1] as f64 / counted[3] as f64,
    );
    Ok(())
}

/// How many futures are kept before they are read.
const KEPT: usize = 100_000;
