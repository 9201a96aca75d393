//! A long run: memory does not creep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerRecord};

use super::measure::{resident, stopwatch};
use super::sink::Sink;
use super::table::{at_most, note};
use super::{Outcome, Scale, part_of_its_own};

pub fn steady(scale: Scale) -> Outcome {
    let records = scale.pick(2_000_000_u64, 100_000_000);
    let memory = scale.pick(4 << 20, 32 << 20);
    let (mut sink, servers) = Sink::start(&mut part_of_its_own("sink", ["1"])?)?;
    sink.ask("topic 6")?;
    let producer = KafkaProducer::builder().bootstrap_servers([servers]).buffer_memory(memory).build()?;
    producer.partitions_for("load")?;
    let value = [b'v'; 100];
    let (start, sent, clock) = (resident(), AtomicU64::new(0), stopwatch());
    let samples = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            for number in 0..records {
                producer.send(ProducerRecord::to("load").value(&value))?;
                // Not each time: the other thread looks at it.
                if number % 1000 == 0 {
                    sent.store(number, Ordering::Relaxed);
                }
            }
            sent.store(records, Ordering::Relaxed);
            producer.flush(None)
        });
        let mut samples = Vec::new();
        while !sending.is_finished() {
            samples.push((sent.load(Ordering::Relaxed), resident()));
            std::thread::sleep(Duration::from_millis(5));
        }
        samples.push((records, resident()));
        sending
            .join()
            .map_err(|_| "the sending thread panicked")?
            .map_err(|error| error.to_string())
            .map(|()| samples)
    })?;
    let took = clock().as_secs_f64();
    let counted = sink.ask("count")?;
    if counted.first() != Some(&records) {
        return Err(format!("{records} records were sent, the broker counted {counted:?}").into());
    }
    // The memory that the settings allow is taken when it is first needed.
    let most = |from: u64, to: u64| {
        let of = samples.iter().filter(|(at, _)| (from..=to).contains(at));
        of.map(|(_, resident)| *resident).max().unwrap_or_default() as f64 / 1024.0
    };
    let (first, last) = (samples.first().map_or(start, |it| it.1), samples.last().map_or(start, |it| it.1));
    let what = format!("{records} records in {took:.1} s, memory: ");
    note(
        &format!("{what}first, most, last of {} samples", samples.len()),
        format!("{:.1}, {:.1}, {:.1} MiB", first as f64 / 1024.0, most(0, records), last as f64 / 1024.0),
    );
    at_most(
        &format!("{what}most above the first"),
        most(0, records) - start as f64 / 1024.0,
        memory as f64 * 1.25 / MIB + 8.0,
        "MiB",
    );
    let creep = most(records / 2, records) - most(0, records / 2);
    at_most(&format!("{what}second half above the first half"), creep, 4.0, "MiB");
    Ok(())
}

const MIB: f64 = (1 << 20) as f64;
