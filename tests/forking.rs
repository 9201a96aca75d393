//! A producer in a forked child: each call says so at once, and the parent does not notice.
//!
//! Without libtest's harness, as `process_exit.rs`: a scenario is a process of its own, which forks.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "it is a program")]
#![allow(clippy::disallowed_types, reason = "no model checker comes here")]

use std::cell::RefCell;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use fork::Fork;
use kafka_producer::mock::MockCluster;
use kafka_producer::{
    Certainty, Error, ErrorKind, FutureRecordMetadata, KafkaProducer, ProducerConfig, ProducerRecord,
};

const SCENARIO: &str = "KAFKA_PRODUCER_TEST_SCENARIO";
const SERVERS: &str = "KAFKA_PRODUCER_TEST_SERVERS";
const PATIENCE: Duration = Duration::from_secs(30);
/// A call that is refused waits for nothing.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The exit code of a child that hangs.
const HANGS: i32 = 7;
const FORKS: usize = 100;

fn main() {
    match std::env::var(SCENARIO).as_deref() {
        Ok("calls") => calls(),
        Ok("busy") => busy(),
        Ok("callback") => callback(),
        Ok(other) => panic!("{other}"),
        Err(_) => direct(),
    }
}

/// The brokers are here, and outlive the rest.
fn direct() {
    for scenario in ["calls", "busy", "callback"] {
        let cluster = MockCluster::builder().counting().build();
        ["t", "own"].into_iter().for_each(|topic| cluster.create_topic(topic, 4));
        let output = run(scenario, &cluster.bootstrap_servers());
        assert!(output.status.success(), "{scenario}: {output:?}");
        let sent: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
        assert_eq!(cluster.record_count("t"), sent, "{scenario}: {output:?}");
        let own = if scenario == "calls" { 10 } else { 0 };
        assert_eq!(cluster.record_count("own"), own, "{scenario}: {output:?}");
        println!("{scenario}: {sent} records, each of them once");
    }
}

fn run(scenario: &str, servers: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.env(SCENARIO, scenario).env(SERVERS, servers);
    child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

fn config() -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers([std::env::var(SERVERS).unwrap()])
}

fn record<'a>() -> ProducerRecord<'a> {
    ProducerRecord::to("t").value("v")
}

/// Forks; the child does its part and ends, in time. Returns its exit code, or what there is of it, to the parent.
fn in_a_child(part: impl FnOnce()) -> i32 {
    match fork::fork().unwrap() {
        Fork::Parent(child) => fork::waitpid(child).unwrap(),
        Fork::Child => {
            let (done, waits) = mpsc::channel::<()>();
            let watchdog = std::thread::spawn(move || {
                if waits.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    std::process::exit(HANGS);
                }
            });
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(part)).is_err();
            drop(done);
            // Its place in memory was that of a thread of the parent's, of which nobody may have let go.
            watchdog.join().unwrap();
            std::process::exit(i32::from(panicked));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this test is about time")]
fn at_once<R>(what: impl FnOnce() -> R) -> R {
    let start = std::time::Instant::now();
    let result = what();
    let took = start.elapsed();
    assert!(took < AT_ONCE, "it took {took:?}");
    result
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, impl Into<Error>>, certainty: Certainty) {
    let error = result.unwrap_err().into();
    let ErrorKind::UsedAfterFork { process, .. } = error.kind() else { panic!("{error}") };
    assert_ne!(*process, std::process::id());
    assert_eq!((error.certainty(), error.is_retriable()), (certainty, false));
    let text = format!(
        "the producer was built by process {process}, and this process is a forked child without the background thread; \
         build a new producer in the child"
    );
    assert!(error.to_string().starts_with(&text), "{error}");
}

/// `send` in a child: the records that are let in before the clock's next tick fail by their futures.
fn sends_are_refused(producer: &KafkaProducer) {
    for _ in 0..100_000_000 {
        match at_once(|| producer.send(record())) {
            Ok(future) => refused(at_once(|| future.get(None)), Certainty::MaybeWritten),
            error => return refused(error, Certainty::NotWritten),
        }
    }
    panic!("a forked child sends");
}

const SLEEPER: &str = "sleeper";

/// How often the sender's thread has gone to sleep, when it sleeps for good.
#[cfg(target_os = "linux")]
fn switches_once_asleep() -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let named =
        |path: &std::path::PathBuf| std::fs::read_to_string(path.join("comm")).unwrap().trim() == SLEEPER;
    let sender = tasks.into_iter().find(named).unwrap();
    let (mut switches, mut asleep) = (None, 0);
    for _ in 0..1_000_000 {
        let status = std::fs::read_to_string(sender.join("status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        let now = Some(field("voluntary_ctxt_switches").parse().unwrap());
        asleep = if field("State:") == "S" && now == switches { asleep + 1 } else { 0 };
        switches = now;
        if asleep == 1000 {
            return switches;
        }
        std::thread::yield_now();
    }
    panic!("the sender does not fall asleep");
}

#[cfg(not(target_os = "linux"))]
fn switches_once_asleep() -> Option<u64> {
    None
}

fn calls() {
    // Records stay in their batches, and the sender sleeps, whatever the child does.
    let producer = config().linger(Duration::from_secs(600)).client_id(SLEEPER).build().unwrap();
    let done = producer.send(record()).unwrap();
    producer.flush(PATIENCE).unwrap();
    let futures: Vec<FutureRecordMetadata> = (0..1000).map(|_| producer.send(record()).unwrap()).collect();
    // Taken out in the child, it is still there in the parent.
    let place = RefCell::new(Some(producer));
    let switches = switches_once_asleep();
    let code = in_a_child(|| {
        const NOT: Certainty = Certainty::NotWritten;
        let producer = place.take().unwrap();
        assert!(at_once(|| done.get(None)).is_ok());
        let pending = &futures[0];
        refused(at_once(|| pending.get(None)), Certainty::MaybeWritten);
        refused(at_once(|| pending.get(Duration::ZERO)), Certainty::MaybeWritten);
        assert!(at_once(|| pending.failed() && !pending.succeeded() && pending.value().is_none()));
        refused(Err::<(), _>(pending.exception().unwrap()), Certainty::MaybeWritten);
        sends_are_refused(&producer);
        // By then the clock has gone on.
        assert!(at_once(|| pending.is_done()));
        let (tell, told) = mpsc::channel();
        pending.add_callback(|_| panic!("nothing is stored here"));
        pending.add_errback(move |error| tell.send(error.clone()).unwrap());
        refused(Err::<(), _>(told.try_recv().unwrap()), Certainty::MaybeWritten);
        refused(at_once(|| producer.try_send(record())), NOT);
        refused(at_once(|| producer.send(ProducerRecord::to("unknown").value("v"))), NOT);
        refused(at_once(|| producer.partitions_for("t")), NOT);
        refused(at_once(|| producer.partitions_for("unknown")), NOT);
        refused(at_once(|| producer.wait_connected(None)), NOT);
        assert_eq!(at_once(|| producer.in_flight()).records, 0);
        assert!(at_once(|| producer.metrics_with_partitions()).is_empty());
        refused(at_once(|| producer.flush(None)), NOT);
        refused(at_once(|| producer.close(None)), NOT);
        // What the text advises. Its thread may well get the place in memory of the one that has not come along; to let go
        // of the parent's producer must not let go of that.
        let servers = std::env::var(SERVERS).unwrap().replace("127.0.0.1", "localhost");
        let own = KafkaProducer::builder().bootstrap_servers([servers]).build().unwrap();
        for _ in 0..10 {
            own.send(ProducerRecord::to("own").value("v")).unwrap().get(PATIENCE).unwrap();
        }
        at_once(|| drop(producer));
        own.close(PATIENCE).unwrap();
    });
    assert_eq!(code, 0);
    assert_eq!(switches_once_asleep(), switches, "the child has woken its parent's sender");
    place.take().unwrap().close(PATIENCE).unwrap();
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    println!("{}", 1 + futures.len());
}

/// Other threads send all the time, so that any lock may be held by one of them, and so does the thread that forks.
fn busy() {
    let producer = Arc::new(config().buffer_memory(4 << 20).build().unwrap());
    producer.partitions_for("t").unwrap();
    let (over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    drop(producer.send(record()).unwrap());
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let codes: Vec<i32> = (0..FORKS)
            .map(|_| {
                let future = producer.send(record()).unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
                in_a_child(|| {
                    sends_are_refused(&producer);
                    if let Err(error) = at_once(|| future.get(None)) {
                        refused(Err::<(), _>(error), Certainty::MaybeWritten);
                    }
                    at_once(|| future.is_done());
                    refused(at_once(|| producer.partitions_for("t")), Certainty::NotWritten);
                    refused(at_once(|| producer.flush(None)), Certainty::NotWritten);
                    refused(at_once(|| producer.close(None)), Certainty::NotWritten);
                })
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        assert_eq!(codes, [0; FORKS]);
    });
    producer.close(PATIENCE).unwrap();
    println!("{}", sent.into_inner());
}

/// A callback that forks and returns, twice: in the child the thread that ran it goes no further.
fn callback() {
    // Not sent before it has the callback.
    let producer = config().linger(Duration::from_secs(600)).build().unwrap();
    let (tell, told) = mpsc::channel();
    producer.send(record()).unwrap().add_callback(move |_| {
        if let Fork::Parent(child) = fork::fork().unwrap() {
            tell.send(child).unwrap();
        }
    });
    let _ = producer.flush(Duration::ZERO);
    let child = told.recv_timeout(PATIENCE).unwrap();
    let futures: Vec<_> = (0..1000).map(|_| producer.send(record()).unwrap()).collect();
    let (tell, ended) = mpsc::channel();
    std::thread::spawn(move || tell.send(fork::waitpid(child).unwrap()));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(0), "the child goes on");
    producer.close(PATIENCE).unwrap();
    assert!(futures.iter().all(FutureRecordMetadata::succeeded));
    println!("{}", 1 + futures.len());
}
