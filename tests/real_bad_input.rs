//! What is wrong is told as clearly by a real broker as by ours: the rows of `bad_input.rs` where the two could differ.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

mod support;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kafka_producer::{
    Acks, Certainty, Error, ErrorCode, ErrorKind, KafkaProducer, Limit, ProducerConfig, ProducerRecord,
};
use support::clock::{Failure, Stopwatch, deadline, retry, unix_millis};
use support::kafka::Cluster;

const PATIENCE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// One broker for all tests that leave it alive. Starts cost seconds, and who comes while another uses it shares it.
fn shared() -> Arc<Cluster> {
    static CLUSTER: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut weak = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    weak.upgrade().unwrap_or_else(|| {
        let cluster = Cluster::builder(1)
            .listener("TLS", "SSL")
            .listener("CLOSED", "PLAINTEXT")
            .advertised("CLOSED", "127.0.0.1:1")
            .listener("NAMELESS", "PLAINTEXT")
            .advertised("NAMELESS", "no-such-host.invalid:9092")
            // A quota holds over this many seconds: by default ten, and as many go through at once.
            .property("quota.window.num", "2")
            .start();
        let cluster = Arc::new(cluster);
        *weak = Arc::downgrade(&cluster);
        cluster
    })
}

fn config(servers: &str) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(servers)
}

fn producer(cluster: &Cluster) -> KafkaProducer {
    config(&cluster.bootstrap_servers()).build().unwrap()
}

/// The values that a partition holds, in their order; by a stranger's decoder, since a JVM for each would take its time.
fn values(cluster: &Cluster, topic: &str, partition: i32) -> Vec<String> {
    let records = cluster.fetch(topic, partition).into_iter().flat_map(|batch| batch.records);
    records.map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

fn print(what: &str, error: &Error) {
    #[allow(clippy::print_stdout, reason = "shows the text as users see it")]
    {
        println!("{what}: {error}");
    }
}

/// What `servers` give a waiting caller to read, once it `says` something; and quickly.
#[track_caller]
fn trouble(what: &str, servers: &str, says: &str) -> String {
    let producer = config(servers).build().unwrap();
    let error = retry(deadline(10), || {
        let error = producer.wait_connected(Duration::from_millis(100)).unwrap_err();
        if error.to_string().contains(says) { Ok(error) } else { Err(Failure::Again(error.to_string())) }
    });
    let error = error.unwrap();
    print(what, &error);
    error.to_string()
}

#[test]
fn a_topic_that_is_not_there() {
    let cluster = shared();
    let servers = cluster.bootstrap_servers();
    let strict = config(&servers).allow_auto_create_topics(false).max_block(SECOND).build().unwrap();
    let watch = Stopwatch::start();
    let error = strict.send(ProducerRecord::to("missing").value("v")).unwrap_err();
    print("topic missing, client does not create", &error);
    assert!((SECOND..10 * SECOND).contains(&watch.elapsed()), "{:?}", watch.elapsed());
    assert!(
        matches!(error.kind(), ErrorKind::UnknownTopic { topic, .. } if &**topic == "missing"),
        "{error:?}"
    );
    // By default the broker creates what it is asked about.
    let metadata =
        producer(&cluster).send(ProducerRecord::to("made").value("v")).unwrap().get(PATIENCE).unwrap();
    assert_eq!((metadata.partition(), metadata.offset()), (0, Some(0)));
    assert_eq!(values(&cluster, "made", 0), ["v"]);
}

/// The topic's id is another one then, and Produce names topics by id.
#[test]
fn a_topic_that_is_made_anew() {
    let cluster = shared();
    cluster.create_topic("phoenix", 1, 1, &[]);
    // Else our own questions would bring it back to life between the two.
    let producer = config(&cluster.bootstrap_servers()).allow_auto_create_topics(false).build().unwrap();
    let send = |value: &str| producer.send(ProducerRecord::to("phoenix").value(value)).unwrap();
    assert_eq!(send("before").get(PATIENCE).unwrap().offset(), Some(0));
    cluster.delete_topic("phoenix");
    let between = send("between");
    cluster.create_topic("phoenix", 1, 1, &[]);
    let after = send("after");
    assert_eq!(between.get(PATIENCE).unwrap().offset(), Some(0));
    assert_eq!(after.get(PATIENCE).unwrap().offset(), Some(1));
    let read: Vec<_> = cluster.read_back("phoenix").into_iter().map(|record| record.value.unwrap()).collect();
    assert_eq!(read, [&b"between"[..], b"after"]);
}

#[test]
fn a_partition_that_is_not_there_until_it_is_added() {
    let cluster = shared();
    cluster.create_topic("growing", 2, 1, &[]);
    let producer = producer(&cluster);
    let send = || producer.send(ProducerRecord::to("growing").partition(2).value("v"));
    let error = send().unwrap_err();
    print("partition missing", &error);
    assert_eq!(error.to_string(), "topic 'growing' has no partition 2; it has 2 partitions, numbered from 0");
    cluster.add_partitions("growing", 3);
    // At once: a partition that is asked for and not known is worth a question.
    let watch = Stopwatch::start();
    assert_eq!(send().unwrap().get(PATIENCE).unwrap().partition(), 2);
    assert!(watch.elapsed() < 10 * SECOND, "{:?}", watch.elapsed());
    assert_eq!(values(&cluster, "growing", 2), ["v"]);
}

#[test]
fn a_port_that_wants_tls() {
    let cluster = shared();
    let address = cluster.bootstrap_servers_of("TLS");
    let producer = config(&address).build().unwrap();
    let watch = Stopwatch::start();
    let error = producer.send(ProducerRecord::to("t").value("v")).unwrap_err();
    print("plaintext to TLS", &error);
    assert!(watch.elapsed() < 2 * SECOND, "{:?}", watch.elapsed());
    assert!(matches!(error.kind(), ErrorKind::Denied { .. }), "{error:?}");
    let error = error.to_string();
    assert!(
        error.ends_with(&format!(
            "a broker can't be used with this configuration: {address} (from bootstrap_servers) at ApiVersions: the peer \
             sent TLS, but this connection is not encrypted: set security_protocol to SSL or SASL_SSL, or use the port \
             of a PLAINTEXT listener"
        )),
        "{error}"
    );
}

#[test]
fn a_port_where_controllers_talk_to_each_other() {
    let cluster = shared();
    let address = cluster.bootstrap_servers_of("CONTROLLER");
    let error = trouble("controller", &address, "controller");
    assert!(
        error.ends_with(&format!(
            "last seen: {address} (from bootstrap_servers) at Metadata: it does not know this request; if this is the port of a controller, use the port of a broker"
        )),
        "{error}"
    );
    // Among others it does no harm.
    let producer = config(&format!("{address},{}", cluster.bootstrap_servers())).build().unwrap();
    producer.wait_connected(PATIENCE).unwrap();
}

#[test]
fn an_advertised_address_that_leads_nowhere() {
    let cluster = shared();
    cluster.create_topic("behind", 1, 1, &[]);
    for (listener, advertised) in [("CLOSED", "127.0.0.1:1"), ("NAMELESS", "no-such-host.invalid:9092")] {
        let producer = config(&cluster.bootstrap_servers_of(listener))
            .request_timeout(SECOND)
            .delivery_timeout(3 * SECOND)
            .build()
            .unwrap();
        let future = producer.send(ProducerRecord::to("behind").value("v")).unwrap();
        let error = future.get(PATIENCE).unwrap_err();
        print(listener, &error);
        assert!(error.is_timeout() && error.certainty() == Certainty::NotWritten, "{error:?}");
        assert!(
            error.to_string().contains(&format!("{advertised} (from advertised.listeners of broker 1) at ")),
            "{error}"
        );
    }
}

#[test]
fn records_that_the_topic_does_not_take() {
    let cluster = shared();
    cluster.create_topic("compacted", 2, 1, &[("cleanup.policy", "compact")]);
    let patient = || config(&cluster.bootstrap_servers()).linger(PATIENCE).build().unwrap();
    let producer = patient();
    let send = |partition, key: Option<&str>, value: &str| {
        let record = ProducerRecord::to("compacted").partition(partition).value(value);
        let record = if let Some(key) = key { record.key(key) } else { record };
        producer.send(record).unwrap()
    };
    let refused = send(0, None, "no key");
    let stored = send(1, Some("k"), "v");
    // Both go now, in one request.
    let _ = producer.flush(PATIENCE);
    assert_eq!(stored.get(Duration::ZERO).unwrap().offset(), Some(0));
    let error = refused.get(Duration::ZERO).unwrap_err();
    print("no key where the topic is compacted", &error);
    let words = "Compacted topic cannot accept message without key in topic partition compacted-0";
    let to_blame = format!("a broker returned INVALID_RECORD (87) for compacted-0: {words}");
    assert_eq!(error.to_string(), to_blame);
    assert_eq!(error.broker_code(), Some(ErrorCode::INVALID_RECORD));
    assert_eq!(error.certainty(), Certainty::NotWritten);
    // One batch: it is refused as a whole, and who is not to blame is told so.
    let (good, bad) = (send(0, Some("k"), "good"), send(0, None, "bad"));
    let error = producer.flush(PATIENCE).unwrap_err();
    print("flush of a bad batch", &error);
    assert_eq!(bad.get(Duration::ZERO).unwrap_err().to_string(), to_blame);
    let error = good.get(Duration::ZERO).unwrap_err();
    print("good in a bad batch", &error);
    assert_eq!(
        error.to_string(),
        format!(
            "a broker returned INVALID_RECORD (87) for compacted-0 because of another record in the same batch, not \
             because of this one: {words}"
        )
    );
    assert!(error.is_retriable() && error.certainty() == Certainty::NotWritten);
    assert_eq!(values(&cluster, "compacted", 1), ["v"]);

    cluster.create_topic("punctual", 1, 1, &[("message.timestamp.after.max.ms", "1000")]);
    let tomorrow = unix_millis() + 24 * 60 * 60 * 1000;
    let send = |timestamp: i64| {
        let record = ProducerRecord::to("punctual").value("v").timestamp_ms(timestamp);
        let future = producer.send(record).unwrap();
        let _ = producer.flush(PATIENCE);
        future
    };
    let error = send(tomorrow).get(Duration::ZERO).unwrap_err();
    print("of tomorrow", &error);
    assert_eq!(error.broker_code(), Some(ErrorCode::INVALID_TIMESTAMP));
    assert_eq!(error.certainty(), Certainty::NotWritten);
    assert_eq!(send(unix_millis()).get(Duration::ZERO).unwrap().offset(), Some(0));
}

#[test]
fn too_few_replicas() {
    let mut cluster = Cluster::start(3);
    cluster.create_topic_on("safe", &[&[1, 2, 3]], &[("min.insync.replicas", "3")]);
    // Not killed: that would be noticed after nine seconds, and sooner only where a busy node is taken for a dead one.
    cluster.stop_node(3);
    cluster.wait_for_partition("safe", 0, |state| state.isr.len() == 2);
    let producer = config(&cluster.address(1).to_string())
        .request_timeout(SECOND)
        .delivery_timeout(3 * SECOND)
        .build()
        .unwrap();
    let watch = Stopwatch::start();
    let future = producer.send(ProducerRecord::to("safe").value("v")).unwrap();
    let error = future.get(PATIENCE).unwrap_err();
    print("too few replicas", &error);
    assert!(watch.elapsed() >= 3 * SECOND);
    assert!(matches!(error.kind(), ErrorKind::Timeout { limit: Limit::DeliveryTimeout, .. }), "{error:?}");
    assert!(error.to_string().contains("NOT_ENOUGH_REPLICAS (19) for safe-0"), "{error}");
    assert_eq!(error.certainty(), Certainty::NotWritten);
    assert!(values(&cluster, "safe", 0).is_empty());
}

/// The broker creates no topics, and then stops answering.
#[test]
fn a_broker_that_creates_nothing_and_then_freezes() {
    let mut cluster = Cluster::builder(1).property("auto.create.topics.enable", "false").start();
    let servers = cluster.bootstrap_servers();
    let producer = config(&servers)
        .max_block(SECOND)
        .request_timeout(SECOND)
        .delivery_timeout(3 * SECOND)
        .build()
        .unwrap();
    let error = producer.send(ProducerRecord::to("missing").value("v")).unwrap_err();
    print("topic missing, broker does not create", &error);
    assert!(
        matches!(error.kind(), ErrorKind::UnknownTopic { topic, .. } if &**topic == "missing"),
        "{error:?}"
    );

    cluster.create_topic("t", 2, 1, &[]);
    let unasked = config(&servers).acks(Acks::None).build().unwrap();
    let answered = |partition, value: &str| {
        producer.send(ProducerRecord::to("t").partition(partition).value(value)).unwrap()
    };
    let unanswered = |value: &str| unasked.send(ProducerRecord::to("t").partition(1).value(value)).unwrap();
    answered(0, "before").get(PATIENCE).unwrap();
    unanswered("before").get(PATIENCE).unwrap();
    cluster.freeze_node(1);
    let watch = Stopwatch::start();
    let lost = answered(0, "frozen");
    unanswered("frozen").get(PATIENCE).unwrap();
    let error = lost.get(PATIENCE).unwrap_err();
    print("frozen", &error);
    assert!((2 * SECOND..10 * SECOND).contains(&watch.elapsed()), "{:?}", watch.elapsed());
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(error.certainty(), Certainty::MaybeWritten);
    cluster.thaw_node(1);
    assert!(answered(0, "after").get(PATIENCE).is_ok());
    let read = values(&cluster, "t", 0);
    assert!(read == ["before", "frozen", "after"] || read == ["before", "after"], "{read:?}");
    unanswered("after").get(PATIENCE).unwrap();
    unasked.close(PATIENCE).unwrap();
    retry(deadline(10), || match &values(&cluster, "t", 1)[..] {
        [.., last] if last == "after" => Ok(()),
        read => Err(Failure::Again(format!("{read:?}"))),
    })
    .unwrap();
}

/// The broker answers at once and then reads nothing for as long as it says. A client that took no notice would have
/// its next request time out, and send it twice.
#[test]
fn a_quota() {
    const QUOTA: usize = 100_000;
    const BATCH: usize = 300_000;
    const COUNT: i64 = 45;
    let cluster = shared();
    cluster.limit_producer("slowcoach", QUOTA as f64);
    cluster.create_topic("slow", 1, 1, &[]);
    let producer = config(&cluster.bootstrap_servers())
        .client_id("slowcoach")
        .batch_size(BATCH)
        // Else one batch would take in all that comes while it waits.
        .batch_max_bytes(BATCH)
        .request_timeout(SECOND)
        .build()
        .unwrap();
    // A broker hears of a limit a little later, and complains of what was too much after it was: so to the next.
    let probe = "x".repeat(BATCH);
    let slowed = retry(deadline(30), || {
        let watch = Stopwatch::start();
        producer.send(ProducerRecord::to("slow").value(&probe)).unwrap().get(PATIENCE).unwrap();
        if watch.elapsed() > SECOND { Ok(()) } else { Err(Failure::Again("not slowed".into())) }
    });
    slowed.unwrap();
    let watch = Stopwatch::start();
    let filler = "x".repeat(10_000);
    let sent: Vec<_> = (0..COUNT).map(|number| format!("{number:03}{filler}")).collect();
    let futures: Vec<_> =
        sent.iter().map(|value| producer.send(ProducerRecord::to("slow").value(value)).unwrap()).collect();
    producer.flush(PATIENCE).unwrap();
    // Its window is short, so a broker may let through up to twice as much.
    let least = SECOND * (COUNT as usize * filler.len() / (2 * QUOTA)) as u32;
    assert!(watch.elapsed() > least, "{:?}", watch.elapsed());
    let offsets: Vec<_> =
        futures.iter().map(|future| future.get(Duration::ZERO).unwrap().offset().unwrap()).collect();
    assert!(offsets.iter().copied().eq(offsets[0]..offsets[0] + COUNT), "{offsets:?}");
    let mut read = values(&cluster, "slow", 0);
    read.retain(|value| *value != probe);
    assert!(read == sent, "each once and in order");
}
