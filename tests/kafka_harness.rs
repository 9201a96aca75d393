//! The harness itself: brokers start, take records and are read back in each way.

#![cfg(feature = "_real-brokers")]

mod support;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use support::clock::{Stopwatch, unix_millis};
use support::kafka::{Cluster, Head, JvmRecord, SummaryCrc};

fn record(offset: i64, timestamp: i64, key: Option<&'static [u8]>, value: Option<Bytes>) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset,
        // The encoder starts a new batch where offset and sequence drift apart.
        sequence: NO_SEQUENCE.wrapping_add(i32::try_from(offset).expect("a small batch")),
        timestamp,
        key: key.map(Bytes::from_static),
        value,
        headers: IndexMap::new(),
    }
}

fn produce(cluster: &Cluster, topic: &str, partition: i32, records: &[Record]) -> i64 {
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::Gzip };
    RecordBatchEncoder::encode(&mut batch, records, &options).expect("records can be encoded");
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch.freeze()));
    let topic_data = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partition_data(vec![data]);
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(60_000).with_topic_data(vec![topic_data]);
    let mut wire = cluster.connect(cluster.leader(topic, partition));
    let response = wire.call(9, &request).expect("the leader answers");
    let response = &response.responses[0].partition_responses[0];
    assert_eq!(response.error_code, 0, "{response:?}");
    response.base_offset
}

#[allow(clippy::print_stdout, reason = "shows how quick the harness is")]
fn report(what: &str, since: Stopwatch) {
    println!("{what}: {:?}", since.elapsed());
}

#[test]
fn one_node_takes_records_and_both_readers_see_them() {
    let start = Stopwatch::start();
    let cluster = Cluster::start(1);
    report("one node", start);

    let start = Stopwatch::start();
    cluster.create_topic("readers", 2, 1, &[("max.message.bytes", "100000")]);
    report("topic", start);

    let now = unix_millis();
    let mut first = record(0, now, Some(b"key"), Some(Bytes::from_static(b"value")));
    first.headers.insert(StrBytes::from_static_str("full"), Some(Bytes::from_static(b"x")));
    first.headers.insert(StrBytes::from_static_str("null"), None);
    let second = record(1, now + 1, None, None);
    assert_eq!(produce(&cluster, "readers", 1, &[first, second]), 0);

    let start = Stopwatch::start();
    let jvm = cluster.read_back("readers");
    report("read_back", start);
    let expected = [
        JvmRecord {
            partition: 1,
            offset: 0,
            timestamp: now,
            timestamp_type: 0,
            key: Some(b"key".to_vec()),
            value: Some(b"value".to_vec()),
            headers: vec![("full".into(), Some(b"x".to_vec())), ("null".into(), None)],
        },
        JvmRecord {
            partition: 1,
            offset: 1,
            timestamp: now + 1,
            timestamp_type: 0,
            key: None,
            value: None,
            headers: vec![],
        },
    ];
    assert_eq!(jvm, expected);
    assert_eq!(cluster.read_back_committed("readers"), expected);

    let start = Stopwatch::start();
    let batches = cluster.fetch("readers", 1);
    report("fetch", start);
    let [batch] = &batches[..] else {
        panic!("one batch was sent: {batches:?}");
    };
    assert_eq!((batch.base_offset, batch.last_offset_delta, batch.record_count), (0, 1, 2));
    assert_eq!((batch.producer_id, batch.producer_epoch, batch.base_sequence), (-1, -1, -1));
    assert_eq!((batch.compression(), batch.magic), (1, 2));
    assert_eq!((batch.base_timestamp, batch.max_timestamp), (now, now + 1));
    assert_eq!(batch.records[0].key.as_deref(), Some(&b"key"[..]));
    assert_eq!(batch.records[0].headers.len(), 2);
    assert_eq!((&batch.records[1].key, &batch.records[1].value), (&None, &None));
    assert_eq!(cluster.fetch("readers", 0), []);

    let summary = cluster.summary("readers");
    let mut crc = SummaryCrc::new();
    crc.add(now, Some(b"key"), Some(b"value"), &[("full", Some(b"x")), ("null", None)]);
    crc.add(now + 1, None, None, &[]);
    assert_eq!((summary[0].count, summary[0].first_offset, summary[0].crc), (0, None, 0));
    assert_eq!((summary[1].count, summary[1].last_offset), (2, Some(1)));
    assert_eq!(summary[1].crc, crc.value());

    let start = Stopwatch::start();
    let dump = cluster.dump_log("readers", 1);
    report("dump_log", start);
    assert!(dump.contains("baseOffset: 0 lastOffset: 1 count: 2"), "{dump}");

    cluster.delete_topic("readers");
    let start = Stopwatch::start();
    let dir = cluster.dir().to_owned();
    drop(cluster);
    report("drop", start);
    assert!(!dir.exists(), "the run directory goes with the cluster");
}

#[test]
fn three_nodes_survive_the_loss_of_a_leader() {
    let start = Stopwatch::start();
    let mut cluster = Cluster::builder(3).quick_failover().start();
    report("three nodes", start);
    cluster.create_topic_on("moving", &[&[3, 1, 2]], &[("min.insync.replicas", "2")]);
    assert_eq!(cluster.leader("moving", 0), 3);

    let value = |text| Some(Bytes::from_static(text));
    produce(&cluster, "moving", 0, &[record(0, unix_millis(), None, value(b"before"))]);

    let start = Stopwatch::start();
    cluster.kill_node(3);
    cluster.wait_for_partition("moving", 0, |state| state.leader.is_some_and(|id| id != 3));
    report("failover", start);
    produce(&cluster, "moving", 0, &[record(0, unix_millis(), None, value(b"while down"))]);

    let start = Stopwatch::start();
    cluster.start_node(3);
    cluster.wait_for_partition("moving", 0, |state| state.isr.len() == 3);
    report("back in the ISR", start);

    let leader = cluster.leader("moving", 0);
    cluster.freeze_node(leader);
    cluster.wait_for_partition("moving", 0, |state| state.leader.is_some_and(|id| id != leader));
    cluster.thaw_node(leader);
    cluster.wait_for_partition("moving", 0, |state| state.isr.len() == 3);

    cluster.stop_node(leader);
    produce(&cluster, "moving", 0, &[record(0, unix_millis(), None, value(b"after"))]);
    let values: Vec<_> = cluster.read_back("moving").into_iter().map(|record| record.value).collect();
    let expected = [&b"before"[..], b"while down", b"after"].map(|value| Some(value.to_vec()));
    assert_eq!(values, expected);
    let start = Stopwatch::start();
    drop(cluster);
    report("drop of three nodes", start);
}

#[test]
fn a_topic_is_followed_while_it_is_written_and_its_beginning_deleted() {
    const LIMIT: Duration = Duration::from_secs(60);
    let cluster = Cluster::start(1);
    cluster.create_topic("followed", 2, 1, &[]);
    let numbered = |number: u32| {
        let value = [&number.to_be_bytes()[..], b"rest"].concat();
        record(0, unix_millis(), Some(b"key"), Some(Bytes::from(value)))
    };
    let head =
        |partition, offset, number| Head { partition, offset, key: b"key".to_vec(), value_length: 8, number };
    produce(&cluster, "followed", 0, &[numbered(70)]);
    produce(&cluster, "followed", 0, &[numbered(71)]);

    let (follower, complete) = cluster.follow("followed");
    let (heads, read) = mpsc::channel();
    let thread = std::thread::spawn(move || follower.read(|head| heads.send(head).expect("somebody asks")));
    assert_eq!(read.recv_timeout(LIMIT), Ok(head(0, 0, 70)));
    assert_eq!(read.recv_timeout(LIMIT), Ok(head(0, 1, 71)));

    let offsets = BTreeMap::from([(0, 1)]);
    assert_eq!(cluster.trimmer("followed").delete_before(&offsets), offsets);
    let kept: Vec<i64> = cluster.read_back("followed").iter().map(|record| record.offset).collect();
    assert_eq!(kept, [1]);

    produce(&cluster, "followed", 1, &[numbered(72)]);
    assert_eq!(read.recv_timeout(LIMIT), Ok(head(1, 0, 72)));
    produce(&cluster, "followed", 0, &[numbered(73)]);
    complete.tell();
    assert_eq!(thread.join().expect("it panics nowhere"), Ok(()));
    assert_eq!(read.iter().collect::<Vec<_>>(), [head(0, 2, 73)]);

    // One that comes too late skips nothing.
    let (follower, complete) = cluster.follow("followed");
    complete.tell();
    let late = follower.read(|_| ()).expect_err("offset 0 is deleted");
    assert!(late.contains("out of range"), "{late}");
}
