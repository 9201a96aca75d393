//! How much more memory a process has when sixteen threads send as fast as they can.

use std::time::Duration;

use kafka_producer::{Compression, KafkaProducer, ProducerRecord};

use super::measure::{peak, resident, stopwatch};
use super::sink::Sink;
use super::table::at_most;
use super::{Outcome, Scale, part_of_its_own};

const THREADS: usize = 16;

/// Bytes of a record, and partitions.
const LOADS: &[(usize, i32)] = &[(100, 6), (1_000_000, 1000), (100, 1000), (1_000_000, 6)];

/// `brokers` is what they do: `answer`, `hold` answers, refuse after a `stop`, or `freeze`.
pub fn memory(scale: Scale, brokers: &str) -> Outcome {
    let (memory, time) = (scale.pick(4 << 20, 32 << 20), scale.pick(300, 1000));
    for (codec, _) in codecs().into_iter().take(scale.pick(2, usize::MAX)) {
        let mut worst = (0, String::new());
        for (size, partitions) in &LOADS[..scale.pick(2, LOADS.len())] {
            let arguments = [brokers.to_owned(), codec.to_owned(), size.to_string(), partitions.to_string()];
            let arguments = arguments.into_iter().chain([memory.to_string(), time.to_string()]);
            let output = part_of_its_own("memory", arguments)?.output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let grown: u64 = text.trim().parse().map_err(|_| format!("{brokers} {codec} {size}: {text}"))?;
            worst = worst.max((grown, format!("{size} B, {partitions} partitions")));
        }
        let what = format!("16 threads, brokers {brokers}, codec {codec}: memory ({})", worst.1);
        let most = memory as f64 * 1.25 / MIB + 8.0;
        at_most(&what, worst.0 as f64 / 1024.0, most, "MiB");
    }
    Ok(())
}

/// One case, in a process of its own: prints by how many KiB it has grown at the most.
pub fn one(arguments: &[String]) -> Outcome {
    let [brokers, codec, size, partitions, memory, time] = arguments else {
        return Err("six words: brokers, codec, size, partitions, buffer_memory, milliseconds".into());
    };
    let (size, partitions): (usize, i32) = (size.parse()?, partitions.parse()?);
    let time = Duration::from_millis(time.parse()?);
    let (_, codec) = codecs().into_iter().find(|(name, _)| name == codec).ok_or("no such codec")?;
    let (mut sink, servers) = Sink::start(&mut part_of_its_own("sink", ["1"])?)?;
    sink.ask(&format!("topic {partitions}"))?;
    // A codec has the most to keep of what it can't make smaller.
    let mut random = fastrand::Rng::with_seed(1);
    let value: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(size).collect();
    let before = resident();
    let producer = KafkaProducer::builder()
        .bootstrap_servers([servers])
        .buffer_memory(memory.parse()?)
        .compression(codec)
        .max_block(Duration::from_millis(500))
        .build()?;
    while producer.partitions_for("load").is_err() {}
    producer.send(ProducerRecord::to("load").partition(0).value("v"))?.get(None)?;
    match brokers.as_str() {
        "answer" => {}
        "freeze" => sink.freeze(true)?,
        order => drop(sink.ask(order)?),
    }
    let clock = stopwatch();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (producer, value, clock) = (&producer, &value[..], &clock);
            scope.spawn(move || {
                let mut number = thread as i32;
                while clock() < time {
                    number += THREADS as i32 - 1;
                    let record = ProducerRecord::to("load").partition(number % partitions).value(value);
                    // A refusal for want of memory is what is to be seen.
                    drop(producer.send(record));
                }
            });
        }
    });
    println!("{}", peak() - before);
    let _ = producer.close(Duration::ZERO);
    Ok(())
}

fn codecs() -> Vec<(&'static str, Compression)> {
    vec![
        ("none", Compression::None),
        #[cfg(feature = "gzip")]
        ("gzip", Compression::Gzip),
        #[cfg(feature = "snappy")]
        ("snappy", Compression::Snappy),
        #[cfg(feature = "lz4")]
        ("lz4", Compression::Lz4),
        #[cfg(feature = "zstd")]
        ("zstd", Compression::Zstd),
    ]
}

const MIB: f64 = (1 << 20) as f64;
