//! How many instructions a record costs: a figure that the machine's mood does not change.
//!
//! ```sh
//! RUSTFLAGS="--cfg rustix_use_libc" CARGO_TARGET_DIR=target/callgrind cargo bench --features mock --bench instructions
//! ```
//!
//! Needs valgrind, under which rustix can't read the clock by itself, but through libc. The program runs itself under callgrind, with few records and with many, and divides the difference:
//! what start and end cost cancels out. Only the producer's process is counted, that is the thread that sends and the
//! sender's; the broker, which only counts, is another process and runs at full speed. Each figure is taken with metrics
//! and without.

#![allow(clippy::print_stdout, reason = "it prints figures")]

mod sink;

use std::process::Command;
use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerRecord};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let (mut few, mut many, mut rounds, mut load) = (100_000, 400_000, 3, None);
    let mut metrics = true;
    let mut sizes = vec![100, 1000];
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("sink") => return sink::run(&[]),
            // What runs under callgrind.
            Long("load") => load = Some(arguments.value()?.string()?),
            Long("few") => few = arguments.value()?.parse()?,
            Long("many") => many = arguments.value()?.parse()?,
            Long("rounds") => rounds = arguments.value()?.parse()?,
            Long("no-metrics") => metrics = false,
            Long("size") => sizes = vec![arguments.value()?.parse()?],
            // `cargo bench` says so to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    if let Some(address) = load {
        return self::load(&address, few, sizes[0], metrics);
    }
    for size in sizes {
        // In turns: what the machine does meanwhile happens to both.
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (figures, metrics) in figures.iter_mut().zip([true, false]) {
                let (short, long) = (instructions(few, size, metrics)?, instructions(many, size, metrics)?);
                figures.push((long as f64 - short as f64) / (many - few) as f64);
            }
        }
        let mut medians = Vec::new();
        for (mut figures, with) in figures.into_iter().zip(["with metrics", "without"]) {
            figures.sort_by(f64::total_cmp);
            let all: Vec<String> = figures.iter().map(|figure| format!("{figure:.1}")).collect();
            let median = figures[figures.len() / 2];
            println!(
                "{size} B, {few} to {many} records, {with}: median {median:.1} instructions a record ({})",
                all.join(", ")
            );
            medians.push(median);
        }
        println!("{size} B: metrics cost {:+.2} %", (medians[0] / medians[1] - 1.0) * 100.0);
    }
    Ok(())
}

/// Of a whole run.
fn instructions(records: u64, size: usize, metrics: bool) -> Outcome<u64> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    let (mut sink, address) = sink::Sink::start(command.arg("--sink"))?;
    sink.ask("topic 6")?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // Whoever waits gets its turn, as on a machine where both threads run at once.
        .arg("--fair-sched=yes")
        .arg(std::env::current_exe()?)
        .args(["--load", &address, "--few", &records.to_string(), "--size", &size.to_string()])
        .args((!metrics).then_some("--no-metrics"))
        .output()
        .map_err(|error| format!("can't run valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&run.stderr);
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1));
    let counted = sink.ask("count")?;
    match collected {
        Some(number) if run.status.success() && counted.first() == Some(&records) => {
            Ok(number.trim().parse()?)
        }
        _ => Err(format!("{}; {counted:?} were counted of {records}: {said}", run.status).into()),
    }
}

fn load(address: &str, records: u64, size: usize, metrics: bool) -> Outcome<()> {
    let producer = KafkaProducer::builder()
        .bootstrap_servers([address])
        .metrics_enabled(metrics)
        // Under callgrind all takes fifty times as long.
        .delivery_timeout(Duration::from_secs(3600))
        .request_timeout(Duration::from_secs(1800))
        .build()?;
    let value = vec![b'v'; size];
    for _ in 0..records {
        producer.send(ProducerRecord::to("load").value(&value))?;
    }
    producer.flush(None)?;
    producer.close(None)?;
    Ok(())
}
