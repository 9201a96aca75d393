//! By how much calls overrun the time that they were given, over real sockets and with the real clock, under every fault
//! that the mock cluster can be told.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_producer::mock::{MockCluster, MockClusterBuilder, MockRule};
use kafka_producer::{
    Error, FutureRecordMetadata, KafkaProducer, ProducerConfig, ProducerRecord, SecurityProtocol,
};

use super::measure::stopwatch;
use super::table::at_most;
use super::{Outcome, Scale, part_of_its_own};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refusing,
    BlackHoled,
    StalledReader,
    HeldAnswers,
    DrippingAnswers,
    Throttled,
    Leaderless,
    UnknownTopic,
    LoginRefused,
    MemoryFull,
    BlockingCallback,
    Restarting,
}

const FAULTS: &[Fault] = &[
    Fault::Refusing,
    Fault::BlackHoled,
    Fault::StalledReader,
    Fault::HeldAnswers,
    Fault::DrippingAnswers,
    Fault::Throttled,
    Fault::Leaderless,
    Fault::UnknownTopic,
    Fault::LoginRefused,
    Fault::MemoryFull,
    Fault::BlockingCallback,
    Fault::Restarting,
];

/// How many at a time: each has some ten threads, which mostly wait.
const AT_A_TIME: usize = 4;

pub fn kept_time(scale: Scale) -> Outcome {
    let limit = scale.pick(Duration::from_millis(300), Duration::from_secs(2));
    for faults in FAULTS.chunks(scale.pick(FAULTS.len(), AT_A_TIME)) {
        let measured: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                faults.iter().map(|fault| scope.spawn(|| (*fault, measure(*fault, limit)))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a thread panicked"))
                .collect::<Result<_, _>>()
        })?;
        for (fault, overruns) in measured {
            for (what, overrun) in overruns.map_err(|error| format!("{fault:?}: {error}"))? {
                let what = format!("{fault:?}: {what} beyond {limit:?}");
                at_most(&what, overrun.as_secs_f64() * 1e3, scale.slack().as_secs_f64() * 1e3, "ms");
            }
        }
    }
    Ok(())
}

type Overruns = Result<Vec<(&'static str, Duration)>, Box<dyn std::error::Error + Send + Sync>>;

/// Each call, and how much longer than `limit` it took.
fn measure(fault: Fault, limit: Duration) -> Overruns {
    let cluster = fault.builder().build();
    cluster.create_topic("t", 3);
    let producer = fault.config(&cluster).max_block(limit).build()?;
    for partition in 0..3 {
        producer.send(ProducerRecord::to("t").partition(partition).value("v"))?.get(None)?;
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (over, cluster) = (&over, &cluster);
        fault.strike(cluster, &producer, limit)?;
        if fault == Fault::Restarting {
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    for act in [MockCluster::stop_broker, MockCluster::start_broker] {
                        (0..3).for_each(|broker| act(cluster, broker));
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
        let overruns = calls(&producer, limit);
        over.store(true, Ordering::SeqCst);
        overruns
    })
}

fn calls(producer: &KafkaProducer, limit: Duration) -> Overruns {
    let future = fill(producer).ok_or("nothing could be sent any more")?;
    let send = |topic| producer.send(ProducerRecord::to(topic).partition(0).value(&[0; 1000])).map(drop);
    let get = || future.get(limit).map(drop);
    let flush = || producer.flush(limit);
    let (known, unknown) = (|| send("t"), || send("missing"));
    let first: [(_, &(dyn Fn() -> Result<(), Error> + Sync)); 4] =
        [("get", &get), ("flush", &flush), ("send", &known), ("send to a missing topic", &unknown)];
    let mut overruns = at_once(&first, limit)?;
    let close = || producer.close(limit);
    overruns.extend(at_once(&[("close", &close), ("get beside close", &get)], limit)?);
    // What comes now waits for nothing.
    overruns.extend(
        at_once(&first[2..], Duration::ZERO)?.into_iter().map(|(_, took)| ("send after close", took)).max(),
    );
    Ok(overruns)
}

/// Three records, or as many as there is room for if that is little.
fn fill(producer: &KafkaProducer) -> Option<FutureRecordMetadata> {
    let record = || ProducerRecord::to("t").partition(0).value(&[0; 1000]);
    (0..300).map_while(|_| producer.try_send(record()).ok()).last()
}

type Calls<'a> = [(&'static str, &'a (dyn Fn() -> Result<(), Error> + Sync))];

fn at_once(calls: &Calls<'_>, limit: Duration) -> Overruns {
    let clock = stopwatch();
    let took: Vec<_> = std::thread::scope(|scope| {
        let clock = &clock;
        let threads = calls.iter().map(|(what, call)| {
            scope.spawn(move || {
                let start = clock();
                let result = call();
                (*what, clock() - start, result)
            })
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked"))
            .collect::<Result<_, _>>()
    })?;
    took.into_iter()
        .map(|(what, took, result)| match result {
            Err(error) if error.is_timeout() && took < limit => {
                Err(format!("{what} took {took:?}: {error}").into())
            }
            _ => Ok((what, took.saturating_sub(limit))),
        })
        .collect()
}

impl Fault {
    fn builder(self) -> MockClusterBuilder {
        let builder = MockCluster::builder().brokers(3).auto_create_topics(false);
        match self {
            Self::LoginRefused => builder.sasl_user("alice", "secret"),
            _ => builder,
        }
    }

    fn config(self, cluster: &MockCluster) -> ProducerConfig {
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        match self {
            Self::LoginRefused => config
                .security_protocol(SecurityProtocol::SaslPlaintext)
                .sasl_mechanism("PLAIN")
                .sasl_plain_username("alice")
                .sasl_plain_password("secret"),
            Self::MemoryFull | Self::StalledReader => config.buffer_memory(64 << 10),
            _ => config,
        }
    }

    fn strike(self, cluster: &MockCluster, producer: &KafkaProducer, limit: Duration) -> Outcome {
        match self {
            Self::Refusing => (0..3).for_each(|broker| cluster.stop_broker(broker)),
            // Connections are taken, and nothing comes of them.
            Self::BlackHoled => {
                cluster.add_rule(MockRule::black_hole().forever());
                cluster.drop_connections();
            }
            // The connections there are take nothing more.
            Self::StalledReader => drop(cluster.add_rule(MockRule::black_hole().forever())),
            Self::HeldAnswers | Self::MemoryFull => cluster.hold_responses(),
            Self::DrippingAnswers => {
                cluster.add_rule(MockRule::drip(1, Duration::from_secs(1)).forever());
            }
            Self::Throttled => {
                cluster.throttle(60_000);
                for partition in 0..3 {
                    producer.send(ProducerRecord::to("t").partition(partition).value("v"))?.get(None)?;
                }
            }
            Self::Leaderless => cluster.stop_broker(0),
            Self::UnknownTopic => cluster.delete_topic("t"),
            Self::LoginRefused => {
                cluster.security().set_user("alice", "another");
                cluster.drop_connections();
            }
            Self::BlockingCallback => {
                cluster.hold_responses();
                let future = producer.send(ProducerRecord::to("t").partition(0).value("v"))?;
                let (tell, told) = std::sync::mpsc::channel();
                future.add_callback(move |_| {
                    let _ = tell.send(());
                    std::thread::sleep(3 * limit);
                });
                cluster.release_responses();
                told.recv()?;
            }
            Self::Restarting => {}
        }
        Ok(())
    }
}

/// A process that is stopped while calls wait in it returns from them as soon as it goes on.
pub fn frozen_client(scale: Scale) -> Outcome {
    use rustix::process::{Pid, Signal, kill_process};
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let limit = scale.pick(300_u64, 2000);
    let words = [cluster.bootstrap_servers(), limit.to_string()];
    let mut process =
        part_of_its_own("frozen", words)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut out = BufReader::new(process.stdout.take().ok_or("no output")?);
    let mut line = String::new();
    out.read_line(&mut line)?;
    cluster.hold_responses();
    // Its calls begin when its input ends.
    drop(process.stdin.take());
    std::thread::sleep(Duration::from_millis(limit / 4));
    let id = Pid::from_child(&process);
    kill_process(id, Signal::STOP)?;
    std::thread::sleep(Duration::from_millis(limit + limit / 2));
    let clock = stopwatch();
    kill_process(id, Signal::CONT)?;
    line.clear();
    out.read_line(&mut line)?;
    let took = clock();
    process.wait()?;
    if line.trim() != "over" {
        return Err(format!("a call of the frozen client was wrong: {line}").into());
    }
    let most = scale.slack().as_secs_f64() * 1e3;
    at_most("FrozenClient: get, flush, send after going on", took.as_secs_f64() * 1e3, most, "ms");
    Ok(())
}

pub fn calls_of_a_frozen_client(arguments: &[String]) -> Outcome {
    let [servers, limit] = arguments else { return Err("two words: servers and milliseconds".into()) };
    let limit = Duration::from_millis(limit.parse()?);
    let producer = KafkaProducer::builder().bootstrap_servers(servers).max_block(limit).build()?;
    producer.send(ProducerRecord::to("t").value("v"))?.get(None)?;
    println!("ready");
    std::io::stdin().lines().for_each(drop);
    let future = producer.try_send(ProducerRecord::to("t").value("v"))?;
    let get = || future.get(limit).map(drop);
    let flush = || producer.flush(limit);
    let send = || producer.send(ProducerRecord::to("missing").value("v")).map(drop);
    match at_once(&[("get", &get), ("flush", &flush), ("send", &send)], limit) {
        Ok(_) => println!("over"),
        Err(error) => println!("{error}"),
    }
    let _ = producer.close(Duration::ZERO);
    Ok(())
}
