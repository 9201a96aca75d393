//! What is left of waits that were in vain.

use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerRecord};

use super::measure::{descriptors, resident, stopwatch, threads};
use super::sink::Sink;
use super::table::at_most;
use super::{Outcome, Scale, part_of_its_own};

const THREADS: u64 = 16;
const HOUR: Duration = Duration::from_secs(3600);

/// What it waits for, how often, and whether that was in vain.
type Wait<'a> = (&'a str, u64, &'a (dyn Fn(u64) -> bool + Sync));

pub fn expiries(scale: Scale) -> Outcome {
    let (mut sink, servers) = Sink::start(&mut part_of_its_own("sink", ["1"])?)?;
    sink.ask("topic 1")?;
    let producer = KafkaProducer::builder()
        .bootstrap_servers([servers])
        .buffer_memory(1 << 20)
        .max_block(Duration::from_micros(1))
        .delivery_timeout(None)
        // Or connections come and go while it is measured: what is refreshed is asked of the node that has nothing under way.
        .request_timeout(HOUR)
        .metadata_max_age(HOUR)
        .connections_max_idle(HOUR)
        .build()?;
    while producer.partitions_for("load").is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    sink.ask("hold")?;
    // Until nothing more fits.
    let value = [0; 1000];
    let send = || producer.send(ProducerRecord::to("load").value(&value));
    let futures: Vec<_> = std::iter::repeat_with(send).map_while(Result::ok).collect();
    let tiny = Duration::from_micros(1);
    let many = scale.pick(20_000, 1_000_000);
    let waits: [Wait<'_>; 4] = [
        ("get", many, &|number| futures[number as usize % futures.len()].get(tiny).is_err()),
        ("flush", many / 10, &|_| producer.flush(tiny).is_err()),
        ("send, for want of memory", many / 10, &|_| send().is_err()),
        ("send, for want of a topic", many / 10, &|number| {
            // A few names: each that was asked about is known to be missing for a while.
            let topic = ["missing-1", "missing-2", "missing-3"][number as usize % 3];
            producer.send(ProducerRecord::to(topic).value("v")).is_err()
        }),
    ];
    for (what, count, wait) in waits {
        // What is sealed gives a little back, so a few of those who want memory get some.
        let in_vain = |count: u64| {
            std::thread::scope(|scope| {
                let in_vain =
                    |thread| (0..count / THREADS).filter(|number| wait(number + thread)).count() as u64;
                let threads: Vec<_> =
                    (0..THREADS).map(|thread| scope.spawn(move || in_vain(thread))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum::<u64>()
            })
        };
        // Whatever is taken once for ever.
        in_vain(count / 10);
        let before = (threads(), descriptors(), resident());
        let expired = in_vain(count);
        if expired < count / 100 * 99 {
            return Err(format!("{what}: only {expired} of {count} waits were in vain").into());
        }
        let grown = (resident() as f64 - before.2 as f64) / 1024.0;
        at_most(&format!("{count} waits of 1 µs in vain, {what}: memory"), grown, 1.0, "MiB more");
        let more = |after: u64, before: u64| after as f64 - before as f64;
        let what = format!("{count} waits of 1 µs in vain, {what}: ");
        // A thread that was joined can be listed for a moment.
        let since = stopwatch();
        while threads() > before.0 && since() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
        at_most(&format!("{what}threads"), more(threads(), before.0), 0.0, "more");
        at_most(&format!("{what}descriptors"), more(descriptors(), before.1), 0.0, "more");
    }
    drop(futures);
    let _ = producer.close(Duration::ZERO);
    Ok(())
}
