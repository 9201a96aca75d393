//! Every record once, in order, at the offset its future gave, while three real brokers, the connections to them and the
//! producer's own process are disturbed.
//!
//! Without libtest's harness: the producer runs in a process of its own, so that it can be frozen, and that is this
//! program again. `support/chaos.rs` says what the two agree on.
//!
//! * `CHAOS_SECS`: how long it sends; 60 by default. From 300 on brokers are frozen for 5 to 45 s and the client for 40.
//! * `CHAOS_SEED`: for the choices of the script.
//! * `CHAOS_MODES`: separated by commas, `all` (the defaults), `1` (`acks=1` without idempotence) and, not played unless
//!   asked for, `off` (the defaults without idempotence, which shows that the script finds what is doubled).
//! * `CHAOS_CLIENT`: the command of another client, whose verdict is printed and not judged.
//!   `tests/peers/chaos.sh` knows some.
//! * `CHAOS_LOG`: what ours logs from, such as `debug`; with a failure it is left beside the brokers' logs.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod support;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use kafka_producer::{Acks, ErrorKind, FutureRecordMetadata, KafkaProducer, Limit, ProducerRecord};
use support::chaos::{KEYS, Ledger, Script, THREADS, Verdict, value_length};
use support::clock::{Stopwatch, deadline, pause};
use support::kafka::{Cluster, Daemon, GivenUp, Head, given_up};
use support::proxy::Proxy;

const CLIENT: &str = "KAFKA_PRODUCER_TEST_CHAOS_CLIENT";
const TOPIC: &str = "chaos";
const PARTITIONS: i32 = 6;
/// A second, of all threads. More than must be shown, since the ends count as well.
const RATE: u64 = 22_000;
const LEAST_RATE: u64 = 20_000;
/// Longer than the delivery timeout: then a future without a result is a bug.
const END_SECS: u64 = 240;

fn main() {
    if std::env::var_os(CLIENT).is_some() {
        return client(&std::env::args().skip(1).collect::<Vec<_>>());
    }
    the_ledger_finds_each_kind_of_fault();
    what_a_leader_gives_up_is_read_from_its_console();
    let secs: u64 = asked("CHAOS_SECS").map_or(60, |secs| secs.parse().unwrap());
    let seed = asked("CHAOS_SEED").map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("CHAOS_SEED={seed}");
    fastrand::seed(seed);
    let modes = asked("CHAOS_MODES").unwrap_or_else(|| "all,1".to_owned());
    for mode in modes.split(',') {
        // Half of it for what proves less.
        let secs = if mode == "1" && asked("CHAOS_SECS").is_none() { secs / 2 } else { secs };
        run(mode, Script::of(Duration::from_secs(secs)));
    }
}

/// Before it is trusted: one record of each kind.
fn the_ledger_finds_each_kind_of_fault() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledger-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    // By number: well, lost, doubled, overtaken, overtaking, misplaced, nowhere, failed, failed but stored, lost where
    // another is, lost where the first lost one was, lost with nobody knowing where it was; 12 has no result.
    let told = [
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 5),
        (0, 4),
        (0, 60),
        (0, -1),
        (-1, -1),
        (-1, -1),
        (0, 2),
        (0, 1),
        (0, -1),
    ];
    let entries = told.iter().zip(0_u32..).flat_map(|(&place, number)| entry_of(0, number, place));
    std::fs::write(dir.join("thread-0"), entries.collect::<Vec<u8>>()).unwrap();
    (1..THREADS).for_each(|thread| std::fs::write(dir.join(format!("thread-{thread}")), "").unwrap());
    std::fs::write(dir.join("sent"), "13").unwrap();
    let mut ledger = Ledger::load(&dir).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    for (number, offset) in [(0, 0), (2, 2), (2, 3), (4, 4), (3, 5), (5, 6), (6, 7), (8, 8)] {
        let (key, value_length) = (b"0-0".to_vec(), value_length(0, number));
        ledger.see(&Head { partition: 0, offset, key, value_length, number });
    }
    ledger.see(&Head { partition: 1, offset: 0, key: b"0-0".to_vec(), value_length: 1, number: 0 });
    // One of the two that are told to have been at 1, and neither the one at 60 nor, in this partition, the one at 2.
    let of = |partition, offsets| GivenUp { partition, leader_epoch: 0, offsets };
    let verdict = ledger.close(&[of(0, 1..2), of(0, 59..60), of(0, 61..70), of(1, 0..70)]);
    let line = verdict.to_string();
    let counts: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(counts, ["13", "1", "2", "1", "4", "1", "1", "1", "4", "1", "1"], "{}", verdict.examples());
    assert!(!verdict.is_exactly_once());
}

/// Before that is trusted.
fn what_a_leader_gives_up_is_read_from_its_console() {
    let leads = |epoch: i32, from: i64| {
        format!(
            "INFO state.change.logger - [Broker id=2] Leader chaos-1 with topic id Some(x) starts at leader epoch {epoch} \
                 from offset {from} with partition epoch 9, high watermark 0, ISR [2]. Previous leader None."
        )
    };
    let follows = |epoch: i32, from: i64| {
        format!(
            "INFO state.change.logger - [Broker id=2] Follower chaos-1 starts at leader epoch {epoch} from offset {from} \
                 with partition epoch 9 and high watermark 0. Current leader is 1."
        )
    };
    let truncates =
        |to: i64| format!("INFO x - [UnifiedLog partition=chaos-1, dir=/d] Truncating to offset {to}");
    let told = |lines: &[String]| given_up("chaos", &lines.join("\n"));
    let of = |leader_epoch, offsets| GivenUp { partition: 1, leader_epoch, offsets };

    // What it copied from another leader is not what it has given offsets to.
    assert_eq!(told(&[follows(0, 0), leads(1, 10), follows(2, 30), truncates(5)]), [of(1, 10..30)]);
    assert_eq!(
        told(&[leads(1, 10), follows(2, 30), truncates(25), truncates(20)]),
        [of(1, 25..30), of(1, 20..25)]
    );
    // The records behind the first 30 are another leader's.
    assert_eq!(told(&[leads(1, 10), follows(2, 30), follows(3, 50), truncates(40)]), []);
    assert_eq!(
        told(&[leads(1, 10), leads(3, 20), follows(4, 30), truncates(15)]),
        [of(1, 15..20), of(3, 20..30)]
    );
    let elsewhere = ["chaos-11", "chaos-2", "chaos"].map(|place| truncates(0).replace("chaos-1", place));
    assert_eq!(told(&[&[leads(1, 10), follows(2, 30)][..], &elsewhere].concat()), []);
}

fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn run(mode: &str, mut script: Script) {
    let proxies: Vec<Proxy> = (0..3).map(|_| Proxy::start()).collect();
    let mut builder = Cluster::builder(3)
        .quick_failover()
        // Leaders come back soon, so that whatever broker is hit leads something.
        .property("leader.imbalance.check.interval.seconds", "3")
        .listener("PROXIED", "PLAINTEXT");
    for (node, proxy) in (1..).zip(&proxies) {
        builder = builder.node_advertised(node, "PROXIED", &proxy.address().to_string());
    }
    let mut cluster = builder.start();
    for (node, proxy) in (1..).zip(&proxies) {
        proxy.lead_to(cluster.address_of(node, "PROXIED"));
    }
    cluster.create_topic(TOPIC, PARTITIONS, 3, &[("min.insync.replicas", "2"), ("retention.ms", "-1")]);

    let (dir, log) = (cluster.dir().join("client"), cluster.dir().join("client.log"));
    std::fs::create_dir(&dir).unwrap();
    let servers: Vec<String> = proxies.iter().map(|proxy| proxy.address().to_string()).collect();
    let command = command(&servers.join(","), script.length(), &dir, mode);
    let mut client = Daemon::spawn(&log, &command).unwrap();
    let clock = Stopwatch::start();
    let weather = script.play(&mut cluster, TOPIC, &proxies, &mut client);
    let status = client.wait(deadline(END_SECS));
    let took = clock.elapsed();
    assert!(status.is_some(), "the client has not ended {END_SECS} s after it was to: {}", end_of(&log));
    assert!(status.unwrap().success(), "the client fails: {}", end_of(&log));

    let mut ledger = Ledger::load(&dir).unwrap();
    let limit = Duration::from_secs(120) + script.length() * 2;
    cluster.read_heads(TOPIC, &cluster.dir().join("heads"), limit, |head| ledger.see(&head));
    let given_up = cluster.given_up(TOPIC);
    let verdict = ledger.close(&given_up);
    let offsets: i64 = given_up.iter().map(|of| of.offsets.end - of.offsets.start).sum();
    println!(
        "acks={mode}, {script}; answers lost on {} connections, {} reset",
        weather.lost_answers, weather.resets
    );
    println!("the client took {took:.1?}; leaders gave up {offsets} offsets in {} places", given_up.len());
    println!("{}\n{verdict}\n{}", Verdict::COLUMNS, verdict.examples());
    if asked("CHAOS_CLIENT").is_some() {
        println!("{}", end_of(&log));
        return;
    }
    assert!(weather.lost_answers > 0 && weather.resets > 0, "the script disturbs: {weather:?}");
    let least = LEAST_RATE * script.length().as_secs();
    assert!(verdict.sent >= least, "{} records are sent, not {least}", verdict.sent);
    match mode {
        "all" => assert!(verdict.is_exactly_once(), "{verdict:?} {}", end_of(&log)),
        "off" => assert!(verdict.lost == 0 && verdict.unresolved == 0 && verdict.doubled > 0, "{verdict:?}"),
        // As the documents warn, what a leader gives up is lost, and what was sent again may be doubled. Nothing else is
        // lost, no future is without a result, and the leader's answer always says where a record is.
        _ => {
            let Verdict { unresolved, untrue, nowhere, foreign, .. } = verdict;
            assert_eq!((unresolved, untrue, nowhere, foreign), (0, 0, 0, 0), "{verdict:?} {}", end_of(&log));
        }
    }
}

fn command(servers: &str, length: Duration, dir: &Path, mode: &str) -> Vec<OsString> {
    let program: Vec<OsString> = match asked("CHAOS_CLIENT") {
        Some(command) => command.split_whitespace().map(OsString::from).collect(),
        None => {
            let ours = std::env::current_exe().unwrap();
            vec!["env".into(), format!("{CLIENT}=1").into(), ours.into()]
        }
    };
    let (secs, rate) = (length.as_secs().to_string(), RATE.to_string());
    let arguments = [servers.into(), TOPIC.into(), secs.into(), rate.into(), dir.into(), mode.into()];
    program.into_iter().chain(arguments).collect()
}

fn end_of(log: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    format!("the end of {}:\n{}", log.display(), lines[lines.len().saturating_sub(20)..].join("\n"))
}

/// Our part: what a user would write, and a thread beside each that asks what became of the records.
fn client(arguments: &[String]) {
    let [servers, topic, secs, rate, dir, mode] = arguments else {
        panic!("SERVERS TOPIC SECONDS RATE DIRECTORY ACKS, not {arguments:?}");
    };
    let level = asked("CHAOS_LOG").map_or(log::LevelFilter::Warn, |level| level.parse().unwrap());
    log::set_logger(&ToStderr).unwrap();
    log::set_max_level(level);
    let config = KafkaProducer::builder().bootstrap_servers(servers.split(','));
    let config = match mode.as_str() {
        "all" => config,
        "1" => config.acks(Acks::Leader).enable_idempotence(false),
        "off" => config.enable_idempotence(false),
        other => panic!("acks={other}"),
    };
    let producer = config.build().unwrap();
    let length = Duration::from_secs(secs.parse().unwrap());
    let rate: u64 = rate.parse().unwrap();
    let each = rate / THREADS as u64;
    let dir = PathBuf::from(dir);
    let sent: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (futures, of_thread) = mpsc::channel();
                let file = dir.join(format!("thread-{thread}"));
                let writer = scope.spawn(move || write_down(&file, &of_thread));
                let producer = &producer;
                (scope.spawn(move || send(producer, topic, thread, each, length, &futures)), writer)
            })
            .collect();
        let all = threads.into_iter().map(|(sender, writer)| {
            let sent = sender.join().unwrap();
            writer.join().unwrap();
            sent
        });
        all.sum()
    });
    producer.close(Duration::from_secs(10)).unwrap();
    std::fs::write(dir.join("sent"), sent.to_string()).unwrap();
}

/// `None` where `send` itself has failed.
type Sent = (u16, u32, Option<FutureRecordMetadata>);

fn send(
    producer: &KafkaProducer,
    topic: &str,
    thread: usize,
    rate: u64,
    length: Duration,
    futures: &mpsc::Sender<Sent>,
) -> u64 {
    let keys: Vec<String> = (0..KEYS).map(|key| format!("{thread}-{key}")).collect();
    let (clock, mut sent) = (Stopwatch::start(), 0_u64);
    loop {
        let elapsed = clock.elapsed();
        if elapsed >= length {
            return sent;
        }
        let due = (elapsed.as_secs_f64() * rate as f64) as u64;
        while sent < due {
            let (key, number) = (sent as usize % KEYS, (sent / KEYS as u64) as u32);
            let mut value = vec![number as u8; value_length(thread * KEYS + key, number)];
            value[..4].copy_from_slice(&number.to_be_bytes());
            let record = ProducerRecord::to(topic).key(&keys[key]).value(&value);
            let future = producer.send(record).map_err(|error| eprintln!("refused: {error}")).ok();
            futures.send((key as u16, number, future)).unwrap();
            sent += 1;
        }
        pause(Duration::from_millis(5));
    }
}

/// Asks a while later than it could, so that nobody's waiting makes a batch urgent.
fn write_down(file: &Path, futures: &mpsc::Receiver<Sent>) {
    const BEHIND: usize = 1_000;
    let mut file = BufWriter::new(File::create(file).unwrap());
    let mut waiting = VecDeque::new();
    loop {
        let next = futures.recv().ok();
        let over = next.is_none();
        waiting.extend(next);
        while waiting.len() > BEHIND || over {
            let Some(oldest) = waiting.pop_front() else { break };
            if let Some(entry) = entry(oldest) {
                file.write_all(&entry).unwrap();
            }
        }
        if over {
            return file.flush().unwrap();
        }
    }
}

/// `None` for a future without a result.
fn entry((key, number, future): Sent) -> Option<Vec<u8>> {
    let (partition, offset) = match future.map(|future| future.get(Duration::from_secs(END_SECS))) {
        None => (-1, -1),
        Some(Ok(stored)) => (stored.partition(), stored.offset()),
        Some(Err(error)) => {
            eprintln!("record {number} of {key}: {error}");
            if matches!(error.kind(), ErrorKind::Timeout { limit: Limit::Call, .. }) {
                return None;
            }
            (-1, -1)
        }
    };
    Some(entry_of(key, number, (partition, offset)))
}

fn entry_of(key: u16, number: u32, (partition, offset): (i32, i64)) -> Vec<u8> {
    let mut entry = Vec::with_capacity(18);
    entry.extend(key.to_be_bytes());
    entry.extend(number.to_be_bytes());
    entry.extend(partition.to_be_bytes());
    entry.extend(offset.to_be_bytes());
    entry
}

struct ToStderr;

impl log::Log for ToStderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!(
            "{} {} {} {}",
            support::clock::unix_millis(),
            record.level(),
            record.target(),
            record.args()
        );
    }

    fn flush(&self) {}
}
