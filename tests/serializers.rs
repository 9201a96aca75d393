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
