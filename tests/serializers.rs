//! Keys and values that are more than bytes.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{
    BytesSerializer, Certainty, ErrorKind, Header, KafkaProducer, ProducerConfig, ProducerRecord,
    SerializationContext, Serializer, StringSerializer,
};

const PATIENCE: Duration = Duration::from_secs(30);

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Order {
    id: u32,
    items: Vec<String>,
}

fn json(order: &Order) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&serde_json::json!({ "id": order.id, "items": order.items }))
}

fn cluster(partitions: usize) -> MockCluster {
    let cluster = MockCluster::start(1);
    cluster.create_topic("orders", partitions);
    cluster
}

fn config(cluster: &MockCluster) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers())
}

#[test]
fn text_and_json() {
    let cluster = cluster(1);
    let producer: KafkaProducer<str, Order> = config(&cluster).build_with(StringSerializer, json).unwrap();
    let order = Order { id: 7, items: vec!["tea".to_owned()] };
    producer.send(ProducerRecord::to("orders").key("ä").value(&order)).unwrap();
    producer.send(ProducerRecord::to("orders").key(&String::from("b")).value(&order)).unwrap();
    producer.send(ProducerRecord::to("orders").key("tombstone")).unwrap();
    producer.send(ProducerRecord::to("orders").key(None::<&str>).value(Some(&order))).unwrap();
    producer.close(PATIENCE).unwrap();

    let text = br#"{"id":7,"items":["tea"]}"#;
    let stored: Vec<_> =
        cluster.records("orders", 0).into_iter().map(|record| (record.key, record.value)).collect();
    let (key, value) = (|key: &str| Some(key.as_bytes().to_vec()), Some(text.to_vec()));
    assert_eq!(
        stored,
        [(key("ä"), value.clone()), (key("b"), value.clone()), (key("tombstone"), None), (None, value)]
    );
}

#[test]
fn bytes_beside_something_else_are_as_they_are() {
    let cluster = cluster(1);
    let number = |number: &i64| number.to_be_bytes();
    let producer = config(&cluster).build_with(BytesSerializer, number).unwrap();
    for key in [&b"\x00\xff"[..], b""] {
        producer.send(ProducerRecord::to("orders").key(key).value(&258)).unwrap();
    }
    producer.close(PATIENCE).unwrap();
    let records = cluster.records("orders", 0);
    assert_eq!(records[0].key.as_deref(), Some(&[0, 255][..]));
    assert_eq!(records[1].key.as_deref(), Some(&[][..]));
    assert_eq!(records[0].value.as_deref(), Some(&[0, 0, 0, 0, 0, 0, 1, 2][..]));
}

/// The partitioner sees what is stored, whatever it was made from.
#[test]
fn equal_keys_go_to_the_same_partition_with_and_without_a_serializer() {
    let cluster = cluster(50);
    let plain = config(&cluster).build().unwrap();
    let typed: KafkaProducer<u64, [u8]> =
        config(&cluster).build_with(|id: &u64| id.to_string(), BytesSerializer).unwrap();
    for id in 0..100_u64 {
        let one = plain.send(ProducerRecord::to("orders").key(&id.to_string()).value("v")).unwrap();
        let other = typed.send(ProducerRecord::to("orders").key(&id).value("v")).unwrap();
        let partitions = [one, other].map(|future| future.get(PATIENCE).unwrap().partition());
        assert_eq!(partitions[0], partitions[1], "{id}");
    }
}

/// What fails is told, and nothing is lost: no memory, no other record, not even the one that failed.
#[test]
fn a_serializer_that_fails_loses_nothing() {
    let cluster = cluster(1);
    let number = |text: &str| text.parse::<i32>().map(i32::to_be_bytes);
    let producer: KafkaProducer<str, str> =
        config(&cluster).buffer_memory(1 << 20).build_with(StringSerializer, number).unwrap();
    // More often than would leave memory if each cost a batch.
    for round in 0..200 {
        let record = ProducerRecord::to("orders").key("k").header("h", "1").value("one");
        let error = producer.send(record.clone()).unwrap_err();
        assert_eq!((error.topic(), error.partition()), (Some("orders"), None));
        assert_eq!(error.to_string(), "the value of a record for 'orders' could not be serialized");
        let ErrorKind::Serialization { reason, is_key: false, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(reason, "invalid digit found in string");
        assert!(error.source().unwrap().is::<std::num::ParseIntError>());
        assert_eq!(error.certainty(), Certainty::NotWritten);
        assert!(!error.is_retriable());
        let future = producer.send(record.value(&format!("{round}"))).unwrap();
        assert_eq!(future.get(PATIENCE).unwrap().offset(), Some(round));
    }
    producer.close(PATIENCE).unwrap();
    let stored = cluster.records("orders", 0);
    assert_eq!(stored.len(), 200);
    assert_eq!(stored[199].headers, [("h".to_owned(), Some(b"1".to_vec()))]);
}

#[test]
fn a_serializer_that_panics_loses_nothing() {
    let cluster = cluster(1);
    let picky = |text: &str| if text == "bad" { panic!("not that") } else { text.to_owned() };
    let producer: KafkaProducer<str, str> = config(&cluster).build_with(picky, picky).unwrap();
    for (key, value) in [("bad", "v"), ("k", "bad")] {
        let record = ProducerRecord::to("orders").key(key).value(value);
        let thrown = catch_unwind(AssertUnwindSafe(|| producer.send(record))).unwrap_err();
        assert_eq!(thrown.downcast_ref::<&str>(), Some(&"not that"));
    }
    producer.send(ProducerRecord::to("orders").key("k").value("v")).unwrap().get(PATIENCE).unwrap();
    producer.close(PATIENCE).unwrap();
    assert_eq!(cluster.record_count("orders"), 1);
}

/// kafka-python calls `close` of its serializers. Here a serializer is dropped, after the last record is stored.
#[test]
fn serializers_are_dropped_with_their_producer_after_its_records_are_stored() {
    struct Closes(&'static str, Arc<MockCluster>, Arc<Mutex<Vec<(&'static str, u64)>>>);

    impl Serializer<str> for Closes {
        fn serialize(
            &self,
            _: &SerializationContext<'_>,
            value: &str,
            out: &mut Vec<u8>,
        ) -> Result<(), Failure> {
            out.extend_from_slice(value.as_bytes());
            Ok(())
        }
    }

    impl Drop for Closes {
        fn drop(&mut self) {
            self.2.lock().unwrap().push((self.0, self.1.record_count("orders")));
        }
    }

    let cluster = Arc::new(cluster(1));
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let closes = |name| Closes(name, Arc::clone(&cluster), Arc::clone(&dropped));
    let config = || config(&cluster).linger(PATIENCE);
    for is_closed in [true, false] {
        let producer: KafkaProducer<str, str> = config().build_with(closes("key"), closes("value")).unwrap();
        let before = cluster.record_count("orders");
        producer.send(ProducerRecord::to("orders").key("k").value("v")).unwrap();
        if is_closed {
            producer.close(PATIENCE).unwrap();
        }
        assert!(dropped.lock().unwrap().is_empty(), "they are still there for `partition_for`");
        drop(producer);
        let stored = before + 1;
        assert_eq!(std::mem::take(&mut *dropped.lock().unwrap()), [("key", stored), ("value", stored)]);
    }
    let producer: KafkaProducer<[u8], str> =
        config().build_with_key_maker(closes("key maker"), closes("value")).unwrap();
    drop(producer);
    assert_eq!(
        dropped.lock().unwrap().iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["value", "key maker"]
    );
    dropped.lock().unwrap().clear();
    // A producer that is not built leaves none either.
    config()
        .linger(Duration::MAX)
        .max_request_size(0)
        .build_with(closes("key"), closes("value"))
        .unwrap_err();
    assert_eq!(dropped.lock().unwrap().len(), 2);
}

/// Like a serializer that registers a schema by sending it.
#[test]
fn a_serializer_may_send_and_sees_what_its_record_is() {
    #[derive(Clone, Default)]
    struct Nosy {
        seen: Arc<Mutex<Vec<String>>>,
        producer: Arc<OnceLock<KafkaProducer<u8, u8>>>,
    }

    impl Serializer<u8> for Nosy {
        fn serialize(
            &self,
            context: &SerializationContext<'_>,
            value: &u8,
            out: &mut Vec<u8>,
        ) -> Result<(), Failure> {
            assert!(out.is_empty());
            out.push(*value);
            let (topic, headers) = (context.topic(), context.headers());
            self.seen.lock().unwrap().push(format!(
                "{topic} {} {}",
                context.is_key(),
                headers.iter().map(|header| header.key).collect::<String>()
            ));
            if *value > 0 {
                let less = value - 1;
                let record = ProducerRecord::to("orders").key(&less).value(&less);
                self.producer.get().unwrap().send(record)?;
            }
            Ok(())
        }
    }

    let cluster = cluster(1);
    let nosy = Nosy::default();
    let producer = config(&cluster).build_with(nosy.clone(), nosy.clone()).unwrap();
    let producer = nosy.producer.get_or_init(|| producer);
    let headers = [Header::null("h")];
    producer.send(ProducerRecord::to("orders").key(&1).value(&1).headers(&headers)).unwrap();
    producer.flush(PATIENCE).unwrap();
    let stored: Vec<_> =
        cluster.records("orders", 0).into_iter().map(|record| (record.key, record.value)).collect();
    let both = |byte: u8| (Some(vec![byte]), Some(vec![byte]));
    assert_eq!(stored, [both(0), both(0), both(1)]);
    assert_eq!(
        *nosy.seen.lock().unwrap(),
        ["orders true h", "orders true ", "orders false ", "orders false h", "orders true ", "orders false "]
    );
    producer.close(PATIENCE).unwrap();
}

#[test]
fn neither_key_nor_value_nor_payload_in_its_debug_text() {
    let cluster = cluster(1);
    let producer: KafkaProducer<str, Order> = config(&cluster).build_with(StringSerializer, json).unwrap();
    let order = Order { id: 1, items: vec!["secret".to_owned()] };
    let record: ProducerRecord<'_, str, Order> = ProducerRecord::to("orders").key("secret").value(&order);
    let text = format!("{record:?}");
    assert!(text.contains("key: Some(str of 6 bytes)") && text.contains("::Order of "), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let plain: ProducerRecord<'_> = ProducerRecord::to("orders").key("secret");
    assert!(format!("{plain:?}").contains("key: Some([u8] of 6 bytes)"), "{plain:?}");
    let empty = producer.send(ProducerRecord::to("orders")).unwrap_err().to_string();
    assert_eq!(empty, "the record can't be sent: it has neither a key nor a value; set at least one of them");
}

/// What a serializer's own test needs, and one that is made of others.
#[test]
fn a_serializer_is_tested_without_a_producer() {
    struct Tagged<S>(S);

    impl<T: ?Sized, S: Serializer<T>> Serializer<T> for Tagged<S> {
        fn serialize(
            &self,
            context: &SerializationContext<'_>,
            value: &T,
            out: &mut Vec<u8>,
        ) -> Result<(), Failure> {
            out.extend_from_slice(context.topic().as_bytes());
            out.push(if context.is_key() { b'k' } else { b'v' });
            out.push(context.headers().len() as u8);
            self.0.serialize(context, value, out)
        }
    }

    let chosen: Box<dyn Serializer<str>> = Box::new(StringSerializer);
    let (serializer, headers) = (Tagged(chosen), [Header::null("h")]);
    let mut out = Vec::new();
    serializer.serialize(&SerializationContext::key("t", &headers), "x", &mut out).unwrap();
    serializer.serialize(&SerializationContext::value("t", &[]), "y", &mut out).unwrap();
    assert_eq!(out, b"tk\x01xtv\0y");
}

type Seen = Arc<Mutex<Vec<String>>>;

/// Adds a header with its name, notes the headers that it sees, and stores its text. Fails for the text "bad".
#[derive(Clone)]
struct WithHeader(&'static str, Seen);

impl Serializer<str> for WithHeader {
    fn serialize(
        &self,
        context: &SerializationContext<'_>,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.1.lock().unwrap().push(context.headers().iter().map(|header| header.key).collect());
        context.add_header(self.0, context.topic());
        context.add_header("null", None::<&str>);
        if value == "bad" {
            return Err("it is bad".into());
        }
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }
}

#[test]
fn serializers_add_headers_after_those_of_the_record() {
    let cluster = cluster(1);
    let seen = Seen::default();
    let of_partitioner = Seen::default();
    let heard = Arc::clone(&of_partitioner);
    let config = config(&cluster).partition_by(move |record| {
        heard.lock().unwrap().extend(record.headers().iter().map(|header| header.key.to_owned()));
        0
    });
    let (key, value) = (WithHeader("k", seen.clone()), WithHeader("v", seen.clone()));
    let producer = config.build_with(key, value).unwrap();
    let record = ProducerRecord::to("orders").key("a").value("b").header("own", "1");
    // What a serializer has added before it fails is gone.
    producer.send(record.clone().value("bad")).unwrap_err();
    let stored = producer.send(record).unwrap().get(PATIENCE).unwrap();
    assert_eq!((stored.serialized_key_size(), stored.serialized_value_size()), (Some(1), Some(1)));
    producer.send(ProducerRecord::to("orders").value("b")).unwrap();
    producer.close(PATIENCE).unwrap();
    assert_eq!(*seen.lock().unwrap(), ["own", "ownknull", "own", "ownknull", ""]);
    assert_eq!(*of_partitioner.lock().unwrap(), ["own", "k", "null", "v", "null", "v", "null"]);
    let header = |key: &str, value: &str| (key.to_owned(), Some(value.as_bytes().to_vec()));
    let null = || ("null".to_owned(), None);
    let records = cluster.records("orders", 0);
    assert_eq!(
        records[0].headers,
        [header("own", "1"), header("k", "orders"), null(), header("v", "orders"), null()]
    );
    assert_eq!(records[1].headers, [header("v", "orders"), null()]);
}

#[test]
fn added_headers_count_for_the_size_of_a_record() {
    let cluster = cluster(1);
    let with_header = |bytes: usize| {
        let tagged = WithHeader("v", Seen::default());
        let producer = config(&cluster).max_request_size(bytes).build_with(StringSerializer, tagged).unwrap();
        producer.send(ProducerRecord::to("orders").value("b")).map(|future| future.get(PATIENCE).unwrap())
    };
    let error = with_header(1).unwrap_err();
    let ErrorKind::RecordTooLarge { size, .. } = error.kind() else { panic!("{error}") };
    with_header(*size).unwrap();
    with_header(size - 1).unwrap_err();
    let without = config(&cluster).max_request_size(1).build().unwrap();
    let error = without.send(ProducerRecord::to("orders").value("b")).unwrap_err();
    let ErrorKind::RecordTooLarge { size: plain, .. } = error.kind() else { panic!("{error}") };
    // "v" = "orders" and "null" = null, with their lengths.
    assert_eq!(size - plain, (1 + 1 + 1 + 6) + (1 + 4 + 1));
}

#[test]
fn a_closure_that_returns_none_stores_null() {
    let cluster = cluster(1);
    let unless_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let producer: KafkaProducer<str, str> = config(&cluster).build_with(unless_empty, unless_empty).unwrap();
    for (key, value) in [("k", ""), ("", "v"), ("k", "v")] {
        producer.send(ProducerRecord::to("orders").key(key).value(value)).unwrap();
    }
    let error = producer.send(ProducerRecord::to("orders").key("").value("")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRecord { .. }), "{error}");
    producer.close(PATIENCE).unwrap();
    let records = cluster.records("orders", 0);
    let stored: Vec<_> =
        records.iter().map(|record| (record.key.is_some(), record.value.is_some())).collect();
    assert_eq!(stored, [(true, false), (false, true), (true, true)]);
}

#[test]
fn the_headers_of_a_serializer_are_tested_without_a_producer() {
    let context = SerializationContext::value("t", &[]);
    WithHeader("v", Seen::default()).serialize(&context, "x", &mut Vec::new()).unwrap();
    assert!(!context.is_null());
    let text = format!("{context:?}");
    assert!(text.contains(r#"added: [Header { key: "v", value_size: Some(1) }"#), "{text}");
    assert_eq!(
        context.into_added_headers(),
        [("v".to_owned(), Some(b"t".to_vec())), ("null".to_owned(), None)]
    );
}

struct Login {
    user: Option<&'static str>,
    page: &'static str,
}

fn user(login: &Login) -> Result<Option<String>, &'static str> {
    match login.user {
        Some("nobody") => Err("nobody has no key"),
        Some("somebody") => panic!("somebody"),
        user => Ok(user.map(str::to_owned)),
    }
}

fn page(login: &Login) -> String {
    login.page.to_owned()
}

#[test]
fn a_key_maker_makes_the_key_of_a_record_without_a_key() {
    let cluster = cluster(50);
    let producer: KafkaProducer<[u8], Login> = config(&cluster).build_with_key_maker(user, page).unwrap();
    let login = |user, page| Login { user, page };
    let send = |record| producer.send(record).unwrap().get(PATIENCE).unwrap();
    let (ada, no_user) = (login(Some("ada"), "a"), login(None, "b"));
    let made = send(ProducerRecord::to("orders").value(&ada));
    let same = send(ProducerRecord::to("orders").key("ada").value(&ada));
    assert_eq!((made.partition(), made.serialized_key_size()), (same.partition(), Some(3)));
    let own = send(ProducerRecord::to("orders").key("own").value(&ada));
    assert_eq!(cluster.records("orders", own.partition()).last().unwrap().key.as_deref(), Some(&b"own"[..]));
    assert_eq!(send(ProducerRecord::to("orders").value(&no_user)).serialized_key_size(), None);
    // There is no message to make a key from.
    assert_eq!(send(ProducerRecord::to("orders").key("gone")).serialized_value_size(), None);
    let error = producer.send(ProducerRecord::to("orders")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRecord { .. }), "{error}");
    producer.close(PATIENCE).unwrap();
}

#[test]
fn a_key_maker_of_bytes_makes_keys_too() {
    let cluster = cluster(1);
    let first = |value: &[u8]| [value[0]];
    let producer = config(&cluster).build_with_key_maker(first, BytesSerializer).unwrap();
    producer.send(ProducerRecord::to("orders").value("xyz")).unwrap();
    producer.close(PATIENCE).unwrap();
    let records = cluster.records("orders", 0);
    assert_eq!(
        (records[0].key.as_deref(), records[0].value.as_deref()),
        (Some(&b"x"[..]), Some(&b"xyz"[..]))
    );
}

#[test]
fn a_key_maker_that_fails_or_panics_fails_only_its_record() {
    let cluster = cluster(1);
    let producer: KafkaProducer<[u8], Login> = config(&cluster).build_with_key_maker(user, page).unwrap();
    let (nobody, somebody) =
        (Login { user: Some("nobody"), page: "" }, Login { user: Some("somebody"), page: "" });
    for _ in 0..3 {
        let error = producer.send(ProducerRecord::to("orders").value(&nobody)).unwrap_err();
        let ErrorKind::Serialization { reason, is_key: true, .. } = error.kind() else { panic!("{error}") };
        assert_eq!((reason.as_str(), error.topic()), ("nobody has no key", Some("orders")));
        assert_eq!(error.source().unwrap().to_string(), "nobody has no key");
        let record = ProducerRecord::to("orders").value(&somebody);
        let thrown = catch_unwind(AssertUnwindSafe(|| producer.send(record))).unwrap_err();
        assert_eq!(thrown.downcast_ref::<&str>(), Some(&"somebody"));
        let in_flight = producer.in_flight();
        assert_eq!((in_flight.records, in_flight.batches, in_flight.buffer_bytes), (0, 0, 0));
    }
    let login = Login { user: Some("ada"), page: "a" };
    producer.send(ProducerRecord::to("orders").value(&login)).unwrap();
    producer.close(PATIENCE).unwrap();
    assert_eq!(cluster.record_count("orders"), 1);
}

#[test]
fn a_record_without_a_topic_goes_to_the_default_topic() {
    let cluster = cluster(2);
    cluster.create_topic("others", 1);
    let topic_of = |text: &str| if text == "bad" { Err("no") } else { Ok(text.to_owned()) };
    let seen = Seen::default();
    let producer =
        config(&cluster).default_topic("orders").build_with(WithHeader("k", seen), topic_of).unwrap();
    let record = ProducerRecord::new().key("k").value("v");
    let stored = producer.send(record.clone().partition(1)).unwrap().get(PATIENCE).unwrap();
    assert_eq!((stored.topic(), stored.partition()), ("orders", 1));
    assert_eq!(cluster.records("orders", 1)[0].headers[0], ("k".to_owned(), Some(b"orders".to_vec())));
    let owned = record.clone().into_owned();
    let stored = producer.send(owned.as_record()).unwrap().get(PATIENCE).unwrap();
    assert_eq!(stored.topic(), "orders");
    let stored = producer.send(record.clone().with_topic("others")).unwrap().get(PATIENCE).unwrap();
    assert_eq!(stored.topic(), "others");

    let errors = [
        producer.send(record.clone().value("bad")),
        producer.send(record.clone().partition(9)),
        producer.send(record.clone().timestamp_ms(-1)),
        producer.send(ProducerRecord::default()),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!(error.topic(), Some("orders"), "{error}");
    }
    producer.close(PATIENCE).unwrap();
}

#[test]
fn without_a_default_topic_the_error_names_the_setting() {
    let cluster = cluster(1);
    let producer = config(&cluster).build().unwrap();
    let error = producer.send(ProducerRecord::new().value("v")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidRecord { .. }));
    assert_eq!(
        error.to_string(),
        "the record can't be sent: it has no topic, and default_topic is not set; create the record with \
         ProducerRecord::to, or set default_topic"
    );
    assert_eq!(error.topic(), None);
}

#[test]
fn a_default_topic_is_checked_when_the_producer_is_built() {
    for (topic, rule) in [
        ("", "it is empty"),
        ("..", "'.' and '..' are not allowed"),
        ("a b", "only letters, digits, '.', '_' and '-' are allowed"),
        (&"x".repeat(250), "it is longer than 249 characters"),
    ] {
        let error = KafkaProducer::builder().default_topic(topic).build().unwrap_err().to_string();
        let expected = format!("default_topic = '{topic}': it is not a valid topic name: {rule}");
        assert_eq!(error, format!("the configuration can't be used: {expected}"));
    }
    let config = ProducerConfig::from_pairs([("default_topic", "events")]).unwrap();
    assert_eq!(config.get("default_topic").as_deref(), Some("events"));
    assert_eq!(ProducerConfig::new().get("default_topic").as_deref(), Some("none"));
}
