//! This crate's part in the comparison: sends to a broker that is there already and prints one line, as every peer does.
//!
//! ```sh
//! cargo bench --bench peers_ours -- --address 127.0.0.1:19092 --records 5000000 --size 1000 --linger-ms 5
//! ```
//!
//! `--set key=value` sets anything else.

#![allow(clippy::print_stdout, reason = "it prints figures")]

#[path = "../measure/mod.rs"]
mod measure;

use kafka_producer::{ProducerConfig, ProducerRecord};
use measure::{cpu, stopwatch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut address, mut records, mut size, mut threads) = (String::new(), 1_000_000, 1000, 1);
    let (mut linger, mut pairs) = ("5".to_owned(), Vec::new());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("address") => address = arguments.value()?.string()?,
            Long("records") => records = arguments.value()?.parse()?,
            Long("size") => size = arguments.value()?.parse()?,
            Long("threads") => threads = arguments.value()?.parse()?,
            Long("linger-ms") => linger = arguments.value()?.string()?,
            Long("set") => pairs.push(arguments.value()?.string()?),
            // `cargo bench` says so to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    let mut settings = vec![("bootstrap.servers", address.as_str()), ("linger.ms", linger.as_str())];
    for pair in &pairs {
        settings.push(pair.split_once('=').ok_or("--set wants key=value")?);
    }
    let producer = ProducerConfig::from_pairs(settings)?.build()?;
    let value = vec![b'v'; size];
    // So that nobody waits for metadata, or an identity, within the time.
    producer.send(ProducerRecord::to("load").value(&value))?.get(None)?;
    let each: u64 = records / threads;
    let (before, clock) = (cpu(), stopwatch());
    std::thread::scope(|scope| {
        let send =
            || (0..each).try_for_each(|_| producer.send(ProducerRecord::to("load").value(&value)).map(drop));
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(send)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err("a worker panicked".to_owned()),
        })
    })?;
    // Fails if any record has failed.
    producer.flush(None)?;
    let (wall, used) = (clock(), cpu() - before);
    producer.close(None)?;
    let sent = (each * threads) as f64;
    println!(
        "kafka-producer: {:.0} records/s, {:.3} µs of CPU a record",
        sent / wall.as_secs_f64(),
        used.as_secs_f64() * 1e6 / sent
    );
    Ok(())
}
