//! Sends records with librdkafka and prints one line, as every peer does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

/// Counts what was delivered; any failure is one too many.
#[derive(Clone, Default)]
struct Deliveries(Arc<AtomicU64>, Arc<AtomicBool>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => drop(self.0.fetch_add(1, SeqCst)),
            Err(_) => self.1.store(true, SeqCst),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut records, mut size, mut threads) = (1_000_000, 1000, 1);
    let mut config = ClientConfig::new();
    // As the others have it, while this client's default is off.
    config.set("enable.idempotence", "true");
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("address") => drop(config.set("bootstrap.servers", arguments.value()?.string()?)),
            Long("linger-ms") => drop(config.set("linger.ms", arguments.value()?.string()?)),
            Long("records") => records = arguments.value()?.parse()?,
            Long("size") => size = arguments.value()?.parse()?,
            Long("threads") => threads = arguments.value()?.parse()?,
            Long("set") => {
                let pair = arguments.value()?.string()?;
                let (key, value) = pair.split_once('=').ok_or("--set wants key=value")?;
                config.set(key, value);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let deliveries = Deliveries::default();
    let producer: BaseProducer<_> = BaseProducer::from_config_and_context(&config, deliveries.clone())?;
    let value = vec![b'v'; size];
    let send = || -> Result<(), KafkaError> {
        let mut record = BaseRecord::<(), [u8]>::to("load").payload(&value);
        while let Err((error, back)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            record = back;
            producer.poll(Duration::from_millis(1));
        }
        Ok(())
    };
    // So that nobody waits for metadata, or an identity, within the time.
    send()?;
    producer.flush(Duration::from_secs(60))?;
    let each: u64 = records / threads;
    let (before, start) = (cpu(), Instant::now());
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| (0..each).try_for_each(|_| send()))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    producer.flush(Duration::from_secs(60))?;
    let (wall, used) = (start.elapsed(), cpu() - before);
    let sent = each * threads;
    if deliveries.1.load(SeqCst) || deliveries.0.load(SeqCst) != sent + 1 {
        return Err("some records were not delivered".into());
    }
    println!(
        "librdkafka: {:.0} records/s, {:.3} µs of CPU a record",
        sent as f64 / wall.as_secs_f64(),
        used.as_secs_f64() * 1e6 / sent as f64
    );
    Ok(())
}

/// What this process has used of the processors, user and system.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
