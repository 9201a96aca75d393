//! What interceptors see and change, and that one that fails harms nothing.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::sync::{Arc, Mutex, Once, Weak};
use std::time::Duration;

use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
use kafka_producer::{
    Error, ErrorCode, ErrorKind, InterceptedRecord, KafkaProducer, ProducerConfig, ProducerInterceptor,
    ProducerRecord, RecordMetadata, StringSerializer,
};

const PATIENCE: Duration = Duration::from_secs(30);

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn cluster() -> MockCluster {
    let cluster = MockCluster::start(1);
    cluster.create_topic("t", 3);
    cluster
}

fn config(cluster: &MockCluster) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers())
}

/// An interceptor of two closures.
struct By<S, A>(S, A);

impl<S, A> ProducerInterceptor for By<S, A>
where
    S: Fn(&mut InterceptedRecord<'_>) -> Result<(), Failure> + Send + Sync,
    A: Fn(Result<&RecordMetadata, &Error>) + Send + Sync,
{
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), Failure> {
        self.0(record)
    }

    fn on_acknowledgement(&self, result: Result<&RecordMetadata, &Error>) {
        self.1(result);
    }
}

/// Notes the results: the place of a stored record, or the text of an error.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl ProducerInterceptor for Notes {
    fn on_acknowledgement(&self, result: Result<&RecordMetadata, &Error>) {
        self.add(match result {
            Ok(stored) => stored.to_string(),
            Err(error) => format!("{:?} {:?} {error}", error.topic(), error.partition()),
        });
    }
}

#[test]
fn interceptors_change_a_record_one_after_the_other() {
    let cluster = cluster();
    let (notes, seen) = (Notes::default(), Notes::default());
    let first = By(
        |record: &mut InterceptedRecord<'_>| {
            assert_eq!((record.topic(), record.partition(), record.timestamp_ms()), ("t", None, None));
            assert_eq!((record.key(), record.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
            record.remove_headers("old");
            record.add_header("first", "1");
            record.set_key(b"first".to_vec());
            record.set_timestamp_ms(77);
            Ok(())
        },
        |_: Result<&RecordMetadata, &Error>| {},
    );
    let heard = seen.clone();
    let second = By(
        move |record: &mut InterceptedRecord<'_>| {
            heard.add(record.headers().map(|header| header.key).collect::<String>());
            assert_eq!((record.key(), record.timestamp_ms()), (Some(&b"first"[..]), Some(77)));
            record.set_value(None);
            record.add_header("second", None::<&str>);
            Ok(())
        },
        |_: Result<&RecordMetadata, &Error>| {},
    );
    let heard = seen.clone();
    let producer: KafkaProducer<str, str> = config(&cluster)
        .interceptor(first)
        .interceptor(Box::new(second) as Box<dyn ProducerInterceptor>)
        .interceptor(Arc::new(notes.clone()))
        .partition_by(move |record| {
            let headers: String = record.headers().iter().map(|header| header.key).collect();
            heard.add(format!("{:?} {:?} {headers}", record.key(), record.value()));
            2
        })
        .build_with(StringSerializer, StringSerializer)
        .unwrap();
    let record = ProducerRecord::to("t").key("key").value("value");
    let record = record.header("old", "0").header("own", "0").header("old", "1");
    let stored = producer.send(record).unwrap().get(PATIENCE).unwrap();
    assert_eq!((stored.serialized_key_size(), stored.serialized_value_size()), (Some(5), None));
    producer.close(PATIENCE).unwrap();
    assert_eq!(seen.take(), ["ownfirst", &format!("{:?} None ownfirstsecond", Some(b"first"))]);
    assert_eq!(notes.take(), ["t-2@0"]);
    let [record] = &cluster.records("t", 2)[..] else { panic!("one record") };
    assert_eq!((record.key.as_deref(), record.value.as_deref()), (Some(&b"first"[..]), None));
    assert_eq!(record.timestamp, 77);
    let header =
        |key: &str, value: Option<&str>| (key.to_owned(), value.map(|value| value.as_bytes().to_vec()));
    assert_eq!(
        record.headers,
        [header("own", Some("0")), header("first", Some("1")), header("second", None)]
    );
}

#[test]
fn a_partition_and_a_timestamp_can_be_set() {
    let cluster = cluster();
    let aside = By(
        |record: &mut InterceptedRecord<'_>| {
            record.set_partition(1);
            record.set_timestamp(std::time::UNIX_EPOCH + Duration::from_millis(5));
            Ok(())
        },
        |_: Result<&RecordMetadata, &Error>| {},
    );
    let producer = config(&cluster).interceptor(aside).build().unwrap();
    let stored =
        producer.send(ProducerRecord::to("t").value("v").partition(0)).unwrap().get(PATIENCE).unwrap();
    assert_eq!((stored.partition(), stored.timestamp_ms()), (1, 5));
}

#[test]
fn each_record_is_acknowledged_once_and_before_its_callbacks() {
    let cluster = cluster();
    let notes = Notes::default();
    let producer = config(&cluster).interceptor(notes.clone()).build().unwrap();
    let record = ProducerRecord::to("t").value("v").partition(0);
    let refusal = MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE).partition("t", 1);
    cluster.add_rule(refusal);
    for partition in [0, 1] {
        let record = ProducerRecord::to("t").value("v").partition(partition);
        let callback = notes.clone();
        let send =
            producer.send_with(record, move |result| callback.add(format!("callback {}", result.is_ok())));
        drop(send.unwrap().get(PATIENCE));
        producer.flush(PATIENCE).unwrap();
    }
    let [stored, callback, failed, failed_callback] = &notes.take()[..] else { panic!("four notes") };
    assert_eq!((stored.as_str(), callback.as_str()), ("t-0@0", "callback true"));
    assert!(
        failed.starts_with(r#"Some("t") Some(1) "#) && failed.contains("TOPIC_AUTHORIZATION_FAILED"),
        "{failed}"
    );
    assert_eq!(failed_callback, "callback false");

    // Refused by `send`.
    for (record, expected) in [
        (
            record.clone().timestamp_ms(-1),
            r#"Some("t") Some(0) the record can't be sent: its timestamp is negative"#,
        ),
        (record.clone().partition(7), r#"Some("t") Some(7) topic 't' has no partition 7"#),
        (ProducerRecord::to("a b").value("v"), r#"Some("a b") None 'a b' is not a valid topic name"#),
        (
            ProducerRecord::to("t"),
            r#"Some("t") None the record can't be sent: it has neither a key nor a value"#,
        ),
    ] {
        producer.send(record).unwrap_err();
        let [note] = &notes.take()[..] else { panic!("one note") };
        assert!(note.starts_with(expected), "{note}");
    }
    producer.close(PATIENCE).unwrap();
    producer.send(record).unwrap_err();
    assert_eq!(notes.take(), [r#"Some("t") Some(0) the producer is closed"#]);
}

/// The records of a batch that is split keep their interceptors.
#[test]
fn a_batch_that_is_split_is_acknowledged_once_for_each_record() {
    let cluster = cluster();
    cluster.set_max_message_bytes("t", 400);
    let notes = Notes::default();
    let config = config(&cluster).interceptor(notes.clone()).linger(Duration::from_secs(600));
    let producer = config.build().unwrap();
    for _ in 0..50 {
        producer.send(ProducerRecord::to("t").value(&[7; 100]).partition(0)).unwrap();
    }
    producer.close(PATIENCE).unwrap();
    let mut expected: Vec<_> = (0..50).map(|offset| format!("t-0@{offset}")).collect();
    let mut found = notes.take();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn nothing_waits_inside_an_acknowledgement() {
    let cluster = cluster();
    let (notes, told) = (Notes::default(), Notes::default());
    let producer: Arc<std::sync::OnceLock<KafkaProducer>> = Arc::default();
    let (own, heard) = (Arc::downgrade(&producer), told.clone());
    let sends = By(
        |_: &mut InterceptedRecord<'_>| Ok(()),
        move |result: Result<&RecordMetadata, &Error>| {
            // The inner record comes here too.
            let about = result
                .map_or_else(|error| error.topic().unwrap().to_owned(), |stored| stored.topic().to_owned());
            let (Some(producer), true) = (Weak::upgrade(&own), about == "t") else { return };
            // The mock creates a topic that was requested.
            let unknown = format!("unknown-{}", result.is_ok());
            let error = producer.get().unwrap().send(ProducerRecord::to(&unknown).value("v")).unwrap_err();
            heard.add(format!(
                "{}",
                matches!(error.kind(), ErrorKind::WouldBlock { inside_callback: true, .. })
            ));
        },
    );
    let built = config(&cluster).interceptor(sends).interceptor(notes).build().unwrap();
    let built = producer.get_or_init(|| built);
    built.send(ProducerRecord::to("t").value("v").timestamp_ms(-1)).unwrap_err();
    assert_eq!(told.take(), ["true"], "on the thread of the send");
    built.send(ProducerRecord::to("t").value("v")).unwrap();
    built.flush(PATIENCE).unwrap();
    assert_eq!(told.take(), ["true"], "on the background thread");
}

#[test]
fn an_error_that_only_an_interceptor_has_seen_is_unchecked() {
    let cluster = cluster();
    cluster.add_rule(MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE).forever());
    let notes = Notes::default();
    let producer = config(&cluster).interceptor(notes.clone()).build().unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap();
    let error = producer.close(PATIENCE).unwrap_err();
    let ErrorKind::Undelivered { report, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((report.failed, notes.take().len()), (1, 1));
}

#[test]
fn a_record_that_is_not_serialized_gets_to_no_interceptor() {
    let cluster = cluster();
    let notes = Notes::default();
    let heard = notes.clone();
    let counts = By(
        move |_: &mut InterceptedRecord<'_>| {
            heard.add("sent");
            Ok(())
        },
        |_: Result<&RecordMetadata, &Error>| {},
    );
    let never = |_: &str| -> Result<String, &str> { Err("never") };
    let config = config(&cluster).interceptor(counts).interceptor(notes.clone());
    let producer: KafkaProducer<str, str> = config.build_with(StringSerializer, never).unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap_err();
    producer.send(ProducerRecord::new().value("v")).unwrap_err();
    assert!(notes.take().is_empty());
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push(format!("{} {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

struct Fails;

impl ProducerInterceptor for Fails {
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), Failure> {
        change(record);
        Err("it has failed".into())
    }
}

struct Panics;

impl ProducerInterceptor for Panics {
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), Failure> {
        change(record);
        panic!("it has panicked")
    }

    fn on_acknowledgement(&self, _: Result<&RecordMetadata, &Error>) {
        panic!("it has panicked again")
    }
}

fn change(record: &mut InterceptedRecord<'_>) {
    record.set_key(None);
    record.set_value(b"changed".to_vec());
    record.set_partition(2);
    record.set_timestamp_ms(-1);
    record.remove_headers("own");
    record.add_header("added", "1");
}

#[test]
fn an_interceptor_that_fails_harms_nothing_and_is_logged_once() {
    static LOGGER: Once = Once::new();
    LOGGER.call_once(|| log::set_logger(&Keeper).unwrap());
    log::set_max_level(log::LevelFilter::Error);
    let cluster = cluster();
    let notes = Notes::default();
    let tags = By(
        |record: &mut InterceptedRecord<'_>| {
            record.add_header("tag", "1");
            Ok(())
        },
        |_: Result<&RecordMetadata, &Error>| {},
    );
    let config = config(&cluster).interceptor(tags).interceptor(Fails).interceptor(Panics);
    let producer = config.interceptor(notes.clone()).build().unwrap();
    for _ in 0..5 {
        producer.send(ProducerRecord::to("t").key("k").value("v").partition(0).header("own", "1")).unwrap();
    }
    producer.close(PATIENCE).unwrap();
    assert_eq!(notes.take(), ["t-0@0", "t-0@1", "t-0@2", "t-0@3", "t-0@4"]);
    for record in cluster.records("t", 0) {
        assert_eq!((record.key.as_deref(), record.value.as_deref()), (Some(&b"k"[..]), Some(&b"v"[..])));
        assert!(record.timestamp > 0);
        let header = |key: &str| (key.to_owned(), Some(b"1".to_vec()));
        assert_eq!(record.headers, [header("own"), header("tag")]);
    }
    let mut lines = LINES.lock().unwrap().clone();
    lines.retain(|line| ["::Fails", "::Panics"].iter().any(|name| line.contains(name)));
    assert_eq!(
        lines,
        [
            "ERROR on_send of the interceptor interceptors::Fails failed: it has failed; the record is sent without the \
             changes of this call",
            "ERROR on_send of the interceptor interceptors::Panics panicked: it has panicked; the record is sent without \
             the changes of this call",
            "ERROR on_acknowledgement of the interceptor interceptors::Panics panicked: it has panicked again; the producer \
             continues",
        ]
    );
}

#[test]
fn an_interceptor_is_dropped_with_its_producer() {
    let cluster = cluster();
    let notes = Arc::new(Notes::default());
    let producer = config(&cluster).interceptor(Arc::clone(&notes)).build().unwrap();
    producer.send(ProducerRecord::to("t").value("v")).unwrap();
    producer.close(PATIENCE).unwrap();
    assert_eq!(Arc::strong_count(&notes), 2);
    drop(producer);
    assert_eq!(Arc::strong_count(&notes), 1);
    assert_eq!(notes.take().len(), 1);
}

#[test]
fn an_intercepted_record_shows_no_payload() {
    let mut record = InterceptedRecord::new("t");
    change(&mut record);
    assert_eq!(
        format!("{record:?}"),
        "InterceptedRecord { topic: \"t\", partition: Some(2), timestamp: Some(-1), key_size: None, value_size: Some(7), \
         headers: 1 }"
    );
}

/// A dead-letter topic that can't be sent to either.
#[test]
fn an_interceptor_that_sends_for_each_failure_does_not_call_itself_without_end() {
    let cluster = cluster();
    let producer: Arc<Mutex<Weak<KafkaProducer>>> = Arc::default();
    let (for_acks, failures) = (Arc::clone(&producer), Notes::default());
    let seen = failures.clone();
    let interceptor = By(
        |_: &mut InterceptedRecord<'_>| Ok(()),
        move |result: Result<&RecordMetadata, &Error>| {
            let Err(error) = result else { return };
            seen.add(error.to_string());
            let producer = for_acks.lock().unwrap().upgrade().unwrap();
            let sent = producer.try_send(ProducerRecord::to("dead").value("v"));
            assert!(matches!(sent.unwrap_err().kind(), ErrorKind::WouldBlock { .. }));
        },
    );
    let built = Arc::new(config(&cluster).interceptor(interceptor).build().unwrap());
    *producer.lock().unwrap() = Arc::downgrade(&built);
    // By the call itself, and on the background thread.
    built.send(ProducerRecord::to("t").partition(9).value("v")).unwrap_err();
    cluster.add_rule(MockRule::fail(ErrorCode::INVALID_RECORD).on(ApiKey::PRODUCE).times(1));
    built.send(ProducerRecord::to("t").partition(0).value("v")).unwrap().get(PATIENCE).unwrap_err();
    built.flush(PATIENCE).ok();
    assert_eq!(failures.take().len(), 2);
}
