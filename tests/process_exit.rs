//! What is buffered when the process ends: a producer that nobody drops, in a process of its own each time.
//!
//! Without libtest's harness: the end of `main` is what this is about. Without arguments it runs all scenarios, each in
//! a child that is this program again, told by the environment what to do.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{KafkaProducer, ProducerConfig, ProducerRecord};

const SCENARIO: &str = "KAFKA_PRODUCER_TEST_SCENARIO";
const SERVERS: &str = "KAFKA_PRODUCER_TEST_SERVERS";
const PATIENCE: Duration = Duration::from_secs(30);
/// What a process may take longer than it says, on a machine that does ten other things.
const SLACK: Duration = Duration::from_secs(3);
const EXIT_TIMEOUT: Duration = Duration::from_millis(300);

static ONCE: OnceLock<KafkaProducer> = OnceLock::new();
static LAZY: LazyLock<KafkaProducer> = LazyLock::new(|| config().build().unwrap());

fn main() {
    match std::env::var(SCENARIO) {
        Ok(scenario) => play(&scenario),
        Err(_) => direct(),
    }
}

/// The parent: the brokers are here, and outlive the children.
fn direct() {
    for scenario in
        ["once main", "once exit", "lazy main", "lazy exit", "several main", "leaked main", "thread exit"]
    {
        let cluster = MockCluster::builder().auto_create_topics(true).build();
        let (output, _) = run(scenario, &cluster.bootstrap_servers());
        assert!(output.status.success(), "{scenario}: {output:?}");
        assert_eq!(cluster.record_count("t"), 1000, "{scenario}: {output:?}");
        println!("{scenario}: 1000 of 1000");
    }
    what_is_lost_is_said_in_time();
    a_forked_child_sends_nothing();
    an_exit_inside_a_callback_waits_for_nothing();
    nothing_is_waited_for_if_that_is_turned_off();
    println!("all is well");
}

/// The broker goes down when everything is buffered.
fn what_is_lost_is_said_in_time() {
    for scenario in ["short main", "short exit"] {
        let cluster = MockCluster::start(1);
        cluster.create_topic("t", 1);
        let mut child = start(scenario, &cluster.bootstrap_servers());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "buffered\n");
        cluster.stop_broker(0);
        let (output, time) = takes(|| {
            drop(child.stdin.take());
            child.wait_with_output().unwrap()
        });
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = "the process ends; some records were not delivered: exit_timeout_ms of 300ms expired; 1000 \
                        records in ";
        assert!(said.contains(expected) && said.contains("Connection refused"), "{scenario}: {said}");
        assert!(output.status.success(), "{scenario}: {output:?}");
        assert!((EXIT_TIMEOUT..EXIT_TIMEOUT + SLACK).contains(&time), "{scenario}: {time:?}");
        println!("{scenario}: said in time");
    }
}

/// What the child has is a copy of what the parent sends.
fn a_forked_child_sends_nothing() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let (output, _) = run("fork main", &cluster.bootstrap_servers());
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(cluster.record_count("t"), 1000, "{output:?}");
    println!("fork main: nothing");
}

fn an_exit_inside_a_callback_waits_for_nothing() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let (output, time) = run("callback exit", &cluster.bootstrap_servers());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && time < SLACK, "{time:?} {said}");
    assert!(said.contains("the process ends inside a callback"), "{said}");
    println!("callback exit: waits for nothing");
}

fn nothing_is_waited_for_if_that_is_turned_off() {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 1);
    let (output, time) = run("off main", &cluster.bootstrap_servers());
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(time < SLACK && cluster.record_count("t") == 0, "{time:?}");
    println!("off main: nothing is waited for");
}

fn run(scenario: &str, servers: &str) -> (Output, Duration) {
    takes(|| start(scenario, servers).wait_with_output().unwrap())
}

fn start(scenario: &str, servers: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.env(SCENARIO, scenario).env(SERVERS, servers);
    child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "this test is about time")]
fn takes<R>(what: impl FnOnce() -> R) -> (R, Duration) {
    let start = std::time::Instant::now();
    (what(), start.elapsed())
}

fn config() -> ProducerConfig {
    // Whatever is to be sent is still there at the end.
    let servers = std::env::var(SERVERS).unwrap();
    KafkaProducer::builder().bootstrap_servers([servers]).linger(Duration::from_secs(60))
}

fn send(producer: &KafkaProducer, records: usize) {
    for _ in 0..records {
        drop(producer.send(ProducerRecord::to("t").value("v")).unwrap());
    }
}

/// The child.
fn play(scenario: &str) {
    log::set_logger(&ToStderr).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let (what, end) = scenario.split_once(' ').unwrap();
    match what {
        "once" => send(ONCE.get_or_init(|| config().build().unwrap()), 1000),
        "lazy" => send(&LAZY, 1000),
        "several" => {
            send(ONCE.get_or_init(|| config().build().unwrap()), 500);
            send(&LAZY, 500);
        }
        "leaked" => send(Box::leak(Box::new(config().build().unwrap())), 1000),
        "thread" => {
            let sent = std::thread::spawn(|| {
                send(&LAZY, 1000);
                std::process::exit(0)
            });
            sent.join().unwrap();
        }
        "short" => {
            let config = config().exit_timeout(EXIT_TIMEOUT);
            send(ONCE.get_or_init(|| config.build().unwrap()), 1000);
            println!("buffered");
            // Until the parent lets go.
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        "off" => send(ONCE.get_or_init(|| config().exit_timeout(Duration::ZERO).build().unwrap()), 1000),
        "fork" => {
            send(ONCE.get_or_init(|| config().build().unwrap()), 1000);
            match fork::fork().unwrap() {
                fork::Fork::Child => std::process::exit(0),
                fork::Fork::Parent(child) => drop(fork::waitpid(child).unwrap()),
            }
        }
        "callback" => {
            let producer = ONCE.get_or_init(|| config().build().unwrap());
            let future = producer.send(ProducerRecord::to("t").value("v")).unwrap();
            future.add_callback(|_| {
                send(ONCE.get().unwrap(), 10);
                std::process::exit(0)
            });
            let _ = producer.flush(PATIENCE);
        }
        other => panic!("{other}"),
    }
    if end == "exit" {
        std::process::exit(0);
    }
}

struct ToStderr;

impl log::Log for ToStderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{}", record.args());
    }

    fn flush(&self) {}
}
