//! The metrics say what the sink has counted: counts to the record, rates within 2 %.

use std::time::Duration;

use kafka_producer::{KafkaProducer, Metrics, ProducerRecord};

use super::measure::stopwatch;
use super::sink::Sink;
use super::table::at_most;
use super::{Outcome, Scale, part_of_its_own};

pub fn metrics(scale: Scale) -> Outcome {
    let window = Duration::from_secs(scale.pick(1, 5));
    let (mut sink, servers) = Sink::start(&mut part_of_its_own("sink", ["1"])?)?;
    sink.ask("topic 6")?;
    let config = KafkaProducer::builder().bootstrap_servers([servers]).metrics_sample_window(window);
    let producer = config.build()?;
    producer.partitions_for("load")?;
    let value = [b'v'; 100];
    let (clock, mut sent, mut marks) = (stopwatch(), 0, Vec::new());
    // A steady load. A rate is over one to two windows, and the counts are of the last one and a half.
    for until in [window * 2, window * 7 / 2] {
        while clock() < until {
            while sent < u64::try_from(clock().as_millis())? * RECORDS_PER_MS {
                producer.send(ProducerRecord::to("load").value(&value))?;
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        marks.push((clock(), sink.ask("count")?[0]));
    }
    let metrics = producer.metrics();
    let [(start, before), (end, after)] = marks[..] else { return Err("two marks were set".into()) };
    let counted = (after - before) as f64 / (end - start).as_secs_f64();
    let off = (get(&metrics, "record-send-rate")? / counted - 1.0).abs() * 100.0;
    at_most("metrics: the difference of record-send-rate and the sink's count", off, 2.0, "%");
    producer.flush(None)?;
    let (total, counted) = (get(&producer.metrics(), "record-send-total")?, sink.ask("count")?[0]);
    at_most(
        "metrics: the difference of record-send-total and the sink's count",
        total - counted as f64,
        0.0,
        "",
    );
    if counted != sent {
        return Err(format!("{sent} records were sent, the broker counted {counted}").into());
    }
    Ok(())
}

fn get(metrics: &Metrics, name: &str) -> Result<f64, String> {
    metrics.get("producer-metrics", name).ok_or_else(|| format!("{name} has no value"))
}

const RECORDS_PER_MS: u64 = 50;
