//! What a producer does while no broker can be had, with records waiting and threads that go on using it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerRecord};

use super::measure::{Task, cpu, stopwatch};
use super::silence::Silence;
use super::sink::Sink;
use super::table::{at_most, note};
use super::{Outcome, Scale, part_of_its_own};

/// How brokers can be gone.
#[derive(Clone, Copy, Debug)]
enum Gone {
    /// Their ports refuse.
    Refusing,
    /// They take connections and say nothing: their process is stopped.
    Frozen,
    /// Nothing answers at their ports; those of `bootstrap_servers` refuse.
    Swallowing,
}

struct Site {
    gone: Gone,
    sink: Sink,
    producer: KafkaProducer,
    _silence: Option<Silence>,
}

pub fn down(scale: Scale) -> Outcome {
    let time = scale.pick(Duration::from_secs(2), Duration::from_secs(60));
    let sites: Vec<Site> = [Gone::Refusing, Gone::Frozen, Gone::Swallowing]
        .into_iter()
        .map(Site::new)
        .collect::<Result<_, _>>()?;
    let over = AtomicBool::new(false);
    let measured = std::thread::scope(|scope| {
        for site in &sites {
            site.begin_to_use(scope, &over);
        }
        let measured = measure(&sites, time, scale);
        over.store(true, Ordering::SeqCst);
        for site in &sites {
            let _ = site.producer.close(Duration::ZERO);
        }
        measured
    });
    for site in sites {
        let _ = site.sink.freeze(false);
    }
    measured
}

fn measure(sites: &[Site], time: Duration, scale: Scale) -> Outcome {
    // What was under way has failed, and the memory is full.
    std::thread::sleep(scale.pick(Duration::from_millis(500), Duration::from_secs(2)));
    let tasks: Vec<Task> = sites.iter().map(|site| Task::named(&site.name())).collect::<Result<_, _>>()?;
    let before: Vec<_> =
        tasks.iter().map(|task| Ok((task.waits()?, task.cpu()?))).collect::<Result<_, std::io::Error>>()?;
    let (clock, all) = (stopwatch(), cpu());
    std::thread::sleep(time);
    let (took, all) = (clock().as_secs_f64(), (cpu() - all).as_secs_f64());
    for ((site, task), (waits, used)) in sites.iter().zip(&tasks).zip(before) {
        let waits = (task.waits()? - waits) as f64 / took;
        let used = (task.cpu()? - used).as_secs_f64() / took;
        let what = format!("{:?} brokers for {time:?}: the sender thread", site.gone);
        // A start takes its part of a short time.
        at_most(&what, used * 100.0, scale.pick(5.0, 1.0), "% of a core");
        at_most(&what, waits, scale.pick(30.0, 20.0), "wake-ups/s");
    }
    note(
        "all three producers and the 24 threads that use them",
        format!("{:.2} % of a core", all * 100.0 / took),
    );
    Ok(())
}

impl Site {
    fn new(gone: Gone) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (mut sink, servers) = Sink::start(&mut part_of_its_own("sink", ["3"])?)?;
        sink.ask("topic 6")?;
        let silence = matches!(gone, Gone::Swallowing).then(Silence::start).transpose()?;
        if let Some(silence) = &silence {
            sink.ask(&format!("advertise {}", silence.port))?;
        }
        let producer = KafkaProducer::builder()
            .bootstrap_servers(servers)
            .client_id(name(gone))
            .max_block(Duration::from_secs(2))
            .build()?;
        producer.partitions_for("load")?;
        if silence.is_none() {
            for partition in 0..6 {
                producer.send(ProducerRecord::to("load").partition(partition).value("v"))?.get(None)?;
            }
        }
        match gone {
            Gone::Refusing | Gone::Swallowing => drop(sink.ask("stop")?),
            Gone::Frozen => sink.freeze(true)?,
        }
        Ok(Self { gone, sink, producer, _silence: silence })
    }

    fn name(&self) -> String {
        name(self.gone)
    }

    /// Eight threads, until it is over.
    fn begin_to_use<'scope>(
        &'scope self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        over: &'scope AtomicBool,
    ) {
        let producer = &self.producer;
        let record = |topic| ProducerRecord::to(topic).value(&[0; 100]);
        let often = move |act: Box<dyn Fn() + Send + 'scope>| {
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    act();
                }
            });
        };
        // They fill the memory, and then wait for it.
        for _ in 0..4 {
            often(Box::new(move || drop(producer.send(record("load")))));
        }
        often(Box::new(move || drop(producer.send(record("missing")))));
        often(Box::new(move || drop(producer.flush(Duration::from_millis(100)))));
        // These do not wait, and come again.
        let pause = || std::thread::sleep(Duration::from_millis(10));
        often(Box::new(move || {
            drop(producer.try_send(record("load")));
            pause();
        }));
        let waiting = producer.try_send(record("load")).ok();
        often(Box::new(move || match &waiting {
            Some(future) => drop(future.get(Duration::from_millis(10))),
            None => pause(),
        }));
    }
}

/// Of the thread: no more than 15 bytes.
fn name(gone: Gone) -> String {
    format!("{gone:?}").to_lowercase()
}
