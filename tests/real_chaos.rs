//! Every record once, in order, at the offset its future gave, while three real brokers, the connections to them and the
//! producer's own process are disturbed.
//!
//! Without libtest's harness: the producer runs in a process of its own, so that it can be frozen, and that is this
//! program again. `support/chaos.rs` says what the two agree on.
//!
//! * `CHAOS_SECS`: how long it sends; 60 by default. From 300 on brokers are frozen for 5 to 45 s and the client for 40.
//!   With more than 60, but for `acks=1`, records are read back while they are sent and deleted once they are verified:
//!   then memory and disk do not grow with the length, and there is a line of progress each minute.
//! * `CHAOS_RATE`: records a second of all threads; 22,000 by default, 12,000 in runs of more than ten minutes. At least
//!   ten elevenths of it must be reached.
//! * `CHAOS_SEED`: for the choices of the script.
//! * `CHAOS_MODES`: separated by commas, `all` (the defaults), `1` (`acks=1` without idempotence) and, not played unless
//!   asked for, `off` (the defaults without idempotence, which shows that the script finds what is doubled).
//! * `CHAOS_CLIENT`: the command of another client, whose verdict is printed and not judged.
//!   `tests/peers/chaos.sh` knows some.
//! * `CHAOS_LOG`: what ours logs from, such as `debug`; with a failure it is left beside the brokers' logs.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod support;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use kafka_producer::{Acks, ErrorKind, FutureRecordMetadata, KafkaProducer, Limit, ProducerRecord};
use support::chaos::{
    Alarm, Bounds, KEYS, Ledger, Results, Script, THREADS, Verdict, Watch, entry,
    the_ledger_finds_each_kind_of_fault, value_length, what_a_leader_gives_up_is_read_from_its_console,
};
use support::clock::{Stopwatch, deadline, pause};
use support::kafka::{Cluster, ClusterBuilder, Complete, Daemon};
use support::proxy::Proxy;

const CLIENT: &str = "KAFKA_PRODUCER_TEST_CHAOS_CLIENT";
const TOPIC: &str = "chaos";
const PARTITIONS: i32 = 6;
/// How long a run is, at the most, of which all is kept until its end.
const KEPT_WHOLE: Duration = Duration::from_secs(60);
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

fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn run(mode: &str, mut script: Script) {
    let proxies: Vec<Proxy> = (0..3).map(|_| Proxy::start()).collect();
    let mut cluster = cluster(&proxies);
    let configs = [
        ("min.insync.replicas", "2"),
        ("retention.ms", "-1"),
        ("segment.bytes", "16777216"),
        ("file.delete.delay.ms", "1000"),
    ];
    cluster.create_topic(TOPIC, PARTITIONS, 3, &configs);

    let (dir, log) = (cluster.dir().join("client"), cluster.dir().join("client.log"));
    std::fs::create_dir(&dir).unwrap();
    let (ledger, alarm) = (Arc::new(Mutex::new(Ledger::new())), Alarm::default());
    let results = Results::read(&dir, &ledger, &alarm).unwrap();
    // With acks=1 records that can be read are given up all the same.
    let follows = script.length() > KEPT_WHOLE && mode != "1";
    let rate = rate(script.length());
    let early = follows.then(|| {
        let bounds = Bounds::of(&script, rate, cluster.trimmer(TOPIC));
        (follow(&cluster, &ledger, &alarm), Watch::start(cluster.dir(), &ledger, &alarm, bounds))
    });

    let servers: Vec<String> = proxies.iter().map(|proxy| proxy.address().to_string()).collect();
    let command = command(&servers.join(","), script.length(), rate, &dir, mode);
    let mut client = Daemon::spawn(&log, &command).unwrap();
    let clock = Stopwatch::start();
    let weather = script.play(&mut cluster, TOPIC, &proxies, &mut client, &alarm);
    check(&alarm);
    let status = client.wait(deadline(END_SECS));
    let took = clock.elapsed();
    assert!(status.is_some(), "the client has not ended {END_SECS} s after it was to: {}", end_of(&log));
    assert!(status.unwrap().success(), "the client fails: {}", end_of(&log));

    results.finish();
    let (reads, watch) = match early {
        Some((reads, watch)) => (reads, Some(watch)),
        None => (follow(&cluster, &ledger, &alarm), None),
    };
    reads.finish();
    let most_disk = watch.map(Watch::finish);
    check(&alarm);

    let (given_up, forgotten) = (cluster.given_up(TOPIC), cluster.forgotten(TOPIC));
    let sent = std::fs::read_to_string(dir.join("sent")).unwrap().trim().parse().unwrap();
    let verdict = Arc::into_inner(ledger).unwrap().into_inner().unwrap().close(sent, &given_up);
    let offsets: i64 = given_up.iter().map(|of| of.offsets.end - of.offsets.start).sum();
    println!(
        "acks={mode}, {script}; answers lost on {} connections, {} reset",
        weather.lost_answers, weather.resets
    );
    println!(
        "the client took {took:.1?}; leaders gave up {offsets} offsets in {} places, and forgot {forgotten} batches",
        given_up.len()
    );
    if let Some(most) = most_disk {
        println!("at the most {} MiB of the disk were used", most >> 20);
    }
    println!("{}\n{verdict}\n{}", Verdict::COLUMNS, verdict.examples());
    if asked("CHAOS_CLIENT").is_some() {
        println!("{}", end_of(&log));
        return;
    }
    assert!(weather.lost_answers > 0 && weather.resets > 0, "the script disturbs: {weather:?}");
    // Less than was asked for, since the ends count as well.
    let least = rate * 10 / 11 * script.length().as_secs();
    assert!(verdict.sent >= least, "{} records are sent, not {least}", verdict.sent);
    match mode {
        "all" => assert!(verdict.is_exactly_once(forgotten), "{verdict:?} {}", end_of(&log)),
        "off" => assert!(verdict.lost == 0 && verdict.unresolved == 0 && verdict.doubled > 0, "{verdict:?}"),
        // As the documents warn, what a leader gives up is lost, and what was sent again may be doubled. Nothing else is
        // lost, no future is without a result, and the leader's answer always says where a record is.
        _ => {
            let Verdict { unresolved, untrue, nowhere, foreign, .. } = verdict;
            assert_eq!((unresolved, untrue, nowhere, foreign), (0, 0, 0, 0), "{verdict:?} {}", end_of(&log));
        }
    }
}

/// Clients reach each of its brokers through a proxy.
fn cluster(proxies: &[Proxy]) -> Cluster {
    let builder = Cluster::builder(3)
        .quick_failover()
        // Leaders come back soon, so that whatever broker is hit leads something.
        .property("leader.imbalance.check.interval.seconds", "3")
        // Segments whose records are deleted go soon.
        .property("log.retention.check.interval.ms", "5000")
        .listener("PROXIED", "PLAINTEXT");
    let advertise = |builder: ClusterBuilder, (node, proxy): (i32, &Proxy)| {
        builder.node_advertised(node, "PROXIED", &proxy.address().to_string())
    };
    let cluster = (1..).zip(proxies).fold(builder, advertise).start();
    for (node, proxy) in (1..).zip(proxies) {
        proxy.lead_to(cluster.address_of(node, "PROXIED"));
    }
    cluster
}

fn rate(length: Duration) -> u64 {
    let usual = if length > Duration::from_secs(600) { 12_000 } else { 22_000 };
    asked("CHAOS_RATE").map_or(usual, |rate| rate.parse().unwrap())
}

/// The thread that reads the topic into the ledger.
struct Reads {
    complete: Complete,
    thread: JoinHandle<()>,
}

fn follow(cluster: &Cluster, ledger: &Arc<Mutex<Ledger>>, alarm: &Alarm) -> Reads {
    let (follower, complete) = cluster.follow(TOPIC);
    let (ledger, alarm) = (Arc::clone(ledger), alarm.clone());
    let thread = std::thread::spawn(move || {
        if let Err(why) = follower.read(|head| ledger.lock().unwrap().see(&head)) {
            alarm.raise(&why);
        }
    });
    Reads { complete, thread }
}

impl Reads {
    fn finish(self) {
        self.complete.tell();
        self.thread.join().unwrap();
    }
}

fn check(alarm: &Alarm) {
    assert!(alarm.reason().is_none(), "{}", alarm.reason().unwrap_or_default());
}

fn command(servers: &str, length: Duration, rate: u64, dir: &Path, mode: &str) -> Vec<OsString> {
    let program: Vec<OsString> = match asked("CHAOS_CLIENT") {
        Some(command) => command.split_whitespace().map(OsString::from).collect(),
        None => {
            let ours = std::env::current_exe().unwrap();
            vec!["env".into(), format!("{CLIENT}=1").into(), ours.into()]
        }
    };
    let (secs, rate) = (length.as_secs().to_string(), rate.to_string());
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
    let config = KafkaProducer::builder().bootstrap_servers(servers);
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
            if let Some(entry) = result(oldest) {
                file.write_all(&entry).unwrap();
            }
        }
        if over {
            return file.flush().unwrap();
        }
    }
}

/// `None` for a future without a result.
fn result((key, number, future): Sent) -> Option<[u8; 18]> {
    let (partition, offset) = match future.map(|future| future.get(Duration::from_secs(END_SECS))) {
        None => (-1, -1),
        Some(Ok(stored)) => (stored.partition(), stored.offset().unwrap_or(-1)),
        Some(Err(error)) => {
            eprintln!("record {number} of {key}: {error}");
            if matches!(error.kind(), ErrorKind::Timeout { limit: Limit::Call, .. }) {
                return None;
            }
            (-1, -1)
        }
    };
    Some(entry(key, number, (partition, offset)))
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
