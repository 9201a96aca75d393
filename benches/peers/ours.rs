//! This crate's part in the comparison: sends to a broker that is there already and prints one line, as every peer does.
//!
//! ```sh
//! cargo bench --bench peers_ours -- --address 127.0.0.1:19092 --records 5000000 --size 1000 --linger-ms 5
//! ```
//!
//! `--set key=value` sets anything else. `--keys 10000` gives the records so many different keys. `--get-each` waits for the
//! result of each record before the next one, and `--bulk same` or `--bulk other` sends bulk data meanwhile, by the same
//! producer or by another one.

#![allow(clippy::print_stdout, reason = "it prints figures")]

#[path = "../measure/mod.rs"]
mod measure;

use std::sync::mpsc::{self, TryRecvError};

use kafka_producer::{Error, ProducerConfig, ProducerRecord};
use measure::{cpu, stopwatch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut address, mut records, mut size, mut threads) = (String::new(), 1_000_000, 1000, 1);
    let (mut linger, mut pairs) = ("5".to_owned(), Vec::new());
    let (mut keys, mut get_each, mut bulk) = (None, false, String::new());
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
            Long("keys") => keys = Some(arguments.value()?.parse::<u64>()?),
            Long("get-each") => get_each = true,
            Long("bulk") => bulk = arguments.value()?.string()?,
            // `cargo bench` says so to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    let mut settings = vec![("bootstrap.servers", address.as_str()), ("linger.ms", linger.as_str())];
    for pair in &pairs {
        settings.push(pair.split_once('=').ok_or("--set wants key=value")?);
    }
    let config = ProducerConfig::from_pairs(settings)?;
    let producer = config.clone().build()?;
    let other = if bulk == "other" { Some(config.build()?) } else { None };
    let bulk = match bulk.as_str() {
        "" => None,
        "same" => Some(&producer),
        "other" => other.as_ref(),
        _ => return Err("--bulk wants same or other".into()),
    };
    let value = vec![b'v'; size];
    let send = |number: u64| -> Result<(), Error> {
        let key = keys.map(|keys| (number % keys).to_be_bytes());
        let record = ProducerRecord::to("load").value(&value);
        let future = producer.send(match &key {
            Some(key) => record.key(key),
            None => record,
        })?;
        if get_each { future.get(None).map(drop) } else { Ok(()) }
    };
    // So that nobody waits for metadata, or an identity, within the time.
    producer.send(ProducerRecord::to("load").value(&value))?.get(None)?;
    let each: u64 = records / threads;
    let (going_on, done) = mpsc::channel::<()>();
    let (before, clock) = (cpu(), stopwatch());
    let measured = std::thread::scope(|scope| {
        if let Some(bulk) = bulk {
            scope.spawn(move || {
                let value = [b'b'; 1000];
                while done.try_recv() == Err(TryRecvError::Empty) {
                    bulk.send(ProducerRecord::to("bulk").value(&value))?;
                }
                Ok::<(), Error>(())
            });
        }
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| (0..each).try_for_each(send))).collect();
        let sent = workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err("a worker panicked".to_owned()),
        });
        drop(going_on);
        // The bulk data are not measured.
        sent.map(|()| bulk.map(|_| clock()))
    })?;
    // Fails if any record has failed.
    producer.flush(None)?;
    let (wall, used) = (measured.unwrap_or_else(clock), cpu() - before);
    producer.close(None)?;
    let sent = (each * threads) as f64;
    println!(
        "kafka-producer: {:.0} records/s, {:.3} µs of CPU a record",
        sent / wall.as_secs_f64(),
        used.as_secs_f64() * 1e6 / sent
    );
    Ok(())
}
