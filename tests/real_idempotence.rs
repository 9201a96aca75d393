//! The mock cluster knows batches again, and refuses them, as a real broker does: generated scripts of raw Produce requests
//! are played to both, and error code, base offset and the log that comes of it must be the same.
//!
//! `KAFKA_PRODUCER_SCRIPTS` sets how many scripts are played, `KAFKA_PRODUCER_SCRIPTS_SEED` from which seed on.
#![cfg(all(feature = "_real-brokers", feature = "mock"))]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod idempotence;
mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use idempotence::{Script, Step};
use kafka_producer::mock::MockCluster;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use support::clock::unix_millis;
use support::kafka::{Cluster, Wire};

const TOPIC: &str = "scripts";
/// So many scripts are played at a time, each in a partition of its own.
const PARTITIONS: usize = 50;
const USUALLY: u64 = 2000;
const PATIENCE: Duration = Duration::from_secs(60);

/// What a broker says to a step: the code, the base offset, the time of the append, and the start of the log.
type Answer = (i16, i64, i64, i64);

/// Sends one step of several scripts in one request, and gives back the answers by partition.
fn play(wire: &mut Wire, version: i16, steps: &[(i32, Bytes)]) -> BTreeMap<i32, Answer> {
    let partitions = steps.iter().map(|(partition, records)| {
        PartitionProduceData::default().with_index(*partition).with_records(Some(records.clone()))
    });
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str(TOPIC)))
        .with_partition_data(partitions.collect());
    let request =
        ProduceRequest::default().with_acks(-1).with_timeout_ms(60_000).with_topic_data(vec![topic]);
    let response = wire.call(version, &request).unwrap();
    let partitions = response.responses.into_iter().flat_map(|topic| topic.partition_responses);
    let answer = |answer: kafka_protocol::messages::produce_response::PartitionProduceResponse| {
        (
            answer.index,
            (answer.error_code, answer.base_offset, answer.log_append_time_ms, answer.log_start_offset),
        )
    };
    let answers: BTreeMap<_, _> = partitions.map(answer).collect();
    assert_eq!(answers.len(), steps.len(), "each partition has its answer");
    answers
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn the_mock_cluster_answers_as_a_real_broker_does() {
    let count = number("KAFKA_PRODUCER_SCRIPTS", USUALLY);
    let first = number("KAFKA_PRODUCER_SCRIPTS_SEED", 0);
    let real = Cluster::start(1);
    real.create_topic(TOPIC, PARTITIONS as i32, 1, &[]);
    let mock = MockCluster::start(1);
    mock.create_topic(TOPIC, PARTITIONS);
    let mut to_real = real.connect(1);
    let address: SocketAddr = mock.address(0).parse().unwrap();
    let mut to_mock = Wire::connect(address, PATIENCE).unwrap();
    let now = unix_millis();

    let mut seen: BTreeMap<&'static str, u64> = BTreeMap::new();
    let seeds: Vec<u64> = (first..first + count).collect();
    for seeds in seeds.chunks(PARTITIONS) {
        let scripts: Vec<Script> = seeds.iter().map(|&seed| Script::generate(seed)).collect();
        let longest = scripts.iter().map(|script| script.steps.len()).max().unwrap();
        let mut newest: Vec<i64> = vec![-1; scripts.len()];
        for at in 0..longest {
            let steps: Vec<(i32, Bytes)> = (0..)
                .zip(&scripts)
                .filter_map(|(partition, script)| Some((partition, script.steps.get(at)?.encode(now))))
                .collect();
            // By name: the id would be another one with each cluster.
            let version = 3 + i16::try_from((at + seeds.len()) % 10).unwrap();
            let real = play(&mut to_real, version, &steps);
            let mock = play(&mut to_mock, version, &steps);
            for (partition, real) in real {
                let script = &scripts[partition as usize];
                assert_eq!(
                    mock[&partition], real,
                    "(code, base offset, start of the log) of the mock, and of the real broker, to step {at} of\n{script}"
                );
                let newest = &mut newest[partition as usize];
                *seen.entry(kind(real, *newest)).or_default() += 1;
                *newest = real.1.max(*newest);
            }
        }
    }
    for partition in 0..PARTITIONS as i32 {
        let batches = real.fetch(TOPIC, partition);
        let real = batches.iter().flat_map(|batch| &batch.records);
        let real: Vec<(i64, Option<Vec<u8>>)> =
            real.map(|record| (record.offset, record.value.as_ref().map(|value| value.to_vec()))).collect();
        let mock = mock.records(TOPIC, partition).into_iter().map(|record| (record.offset, record.value));
        assert_eq!(mock.collect::<Vec<_>>(), real, "the log of partition {partition}");
    }
    #[allow(clippy::print_stdout, reason = "shows what was compared")]
    {
        println!("{count} scripts from seed {first}: {seen:?}");
    }
    // Few scripts meet everything by chance; this many do.
    if count >= USUALLY {
        let all = [
            "CORRUPT_MESSAGE",
            "DUPLICATE",
            "INVALID_PRODUCER_EPOCH",
            "INVALID_RECORD",
            "OUT_OF_ORDER",
            "STORED",
        ];
        assert!(seen.keys().eq(all.iter()), "{seen:?}");
    }
}

/// What came of a step, for the count of what was compared.
fn kind((code, offset, ..): Answer, newest: i64) -> &'static str {
    match code {
        0 if offset <= newest => "DUPLICATE",
        0 => "STORED",
        2 => "CORRUPT_MESSAGE",
        45 => "OUT_OF_ORDER",
        47 => "INVALID_PRODUCER_EPOCH",
        87 => "INVALID_RECORD",
        _ => panic!("error code {code}"),
    }
}

/// Batches are what they are said to be: a plain one is stored, and read back by a decoder that is neither ours nor the JVM's.
#[test]
fn a_step_is_a_batch() {
    let step = Step { count: 3, ..Step::plain(5) };
    let batch = kafka_protocol::records::RecordBatchDecoder::decode(&mut step.encode(1000)).unwrap();
    let records: Vec<_> = batch.records.iter().map(|record| (record.offset, record.sequence)).collect();
    assert_eq!(records, [(0, 5), (1, 6), (2, 7)]);
}
