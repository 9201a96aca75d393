//! What a broker answers, without a socket.

use std::time::Duration;

use super::*;
use crate::mock::credentials::Credentials;
use crate::mock::{MockRecord, MockRule};
use crate::protocol::hostile::{attack, in_proportion};
use crate::protocol::vectors::{Exchange, exchanges, readme_records};
use crate::protocol::{
    ErrorCode, MetadataRequestTopic, MetadataResponse, ProducePartition, ProduceResponse, ProduceTopic,
    Segments, Uuid, decode_api_versions_response, decode_response, encode_request,
};

fn core(brokers: u16) -> Core {
    let settings = Settings {
        auto_create_topics: true,
        default_partitions: 1,
        leader_not_available_once: false,
        counting: false,
        credentials: Credentials::default(),
        first_epoch: 0,
        refuses_unknown_producers: false,
    };
    let ports: Vec<u16> = (9000..9000 + brokers).collect();
    Core::new(settings, &ports, Instant::ZERO)
}

/// Sends a frame without its length; gives back the answer without its length, or `None` for a closed connection.
fn exchange(core: &mut Core, connection: ConnectionId, frame: &[u8]) -> Option<Vec<u8>> {
    match parse(frame, Look::Records) {
        Ok(request) => core.receive(connection, &request, Instant::ZERO),
        Err(_) => core.receive_garbage(connection),
    }
    let mut outgoing = core.take_outgoing(connection, Instant::ZERO);
    assert!(outgoing.len() <= 1);
    match outgoing.pop() {
        Some(Outgoing::Write(frame)) => Some(frame.to_vec().split_off(4)),
        Some(Outgoing::Close | Outgoing::Reset) | None => None,
    }
}

fn ask<R: Request>(
    core: &mut Core,
    connection: ConnectionId,
    version: i16,
    request: &R,
) -> Option<R::Response> {
    let frame = encode_request(7, version, Some("test"), request).to_vec();
    let answer = exchange(core, connection, &frame[4..])?;
    let (correlation_id, response) = decode_response::<R>(version, &answer).unwrap();
    assert_eq!(correlation_id, 7);
    Some(response)
}

fn metadata(core: &mut Core, topics: &[&str], version: i16) -> MetadataResponse {
    let connection = core.connect(0);
    let topic = |name: &&str| MetadataRequestTopic { name: Some((*name).to_owned()), ..Default::default() };
    let topics = Some(topics.iter().map(topic).collect());
    ask(core, connection, version, &MetadataRequest { topics, ..Default::default() }).unwrap()
}

/// A Produce exchange of the vectors with batches that are not compressed, and the topic id it names, if it does.
fn uncompressed(exchange: &Exchange) -> Option<Uuid> {
    if exchange.api_key != ApiKey::PRODUCE || exchange.version < produce::OLDEST_VERSION {
        return None;
    }
    let (header, body) = decode_request_header(&exchange.request).unwrap();
    let request: ProduceRequest = decode_request(header.version, body).unwrap();
    let plain = |records: &Segments| {
        crate::record::split_batches(&records.to_vec()).all(|batch| batch.unwrap().decode().is_ok())
    };
    let all_plain = request
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .all(|partition| plain(partition.records.as_ref().unwrap()));
    (all_plain && !request.topics.is_empty()).then(|| request.topics[0].topic_id)
}

#[test]
fn other_clients_records_are_kept_as_they_were_sent() {
    for client in ["franz-go-1.22.2", "java-4.3.1", "librdkafka-2.16.0", "kafka-python-3.0.12"] {
        let mut core = core(1);
        let connection = core.connect(0);
        for vector in exchanges().into_iter().filter(|vector| vector.file.starts_with(client)) {
            let Some(id) = uncompressed(&vector) else { continue };
            if !core.cluster.topics.contains_key("vec") {
                core.cluster.insert_topic("vec", id, 3);
            }
            let answer = exchange(&mut core, connection, &vector.request).unwrap();
            let (_, response) = decode_response::<ProduceRequest>(vector.version, &answer).unwrap();
            assert!(!produce::has_errors(&response), "{vector}: {response:?}");
        }
        let logs = core.cluster.topics["vec"].partitions.iter().map(|partition| &partition.log);
        let found: Vec<Vec<MockRecord>> = logs.map(|log| log.records().unwrap()).collect();
        for (index, expected) in readme_records(!client.starts_with("kafka-python")).into_iter().enumerate() {
            let (partition, place) = (index % 3, index / 3);
            let MockRecord { offset, timestamp, key, value, headers } = found[partition][place].clone();
            assert_eq!(offset, i64::try_from(place).unwrap());
            assert_eq!((timestamp, key, value, headers), expected, "{client}, record {index}");
        }
    }
}

/// A Produce request with 20 records for the partitions of the topic `vec`, by name, and without a producer id.
fn sample(acks: i16) -> ProduceRequest {
    let wanted = |vector: &Exchange| {
        vector.file == "kafka-python-2.0.2.jsonl" && vector.version == 7 && uncompressed(vector).is_some()
    };
    let request = exchanges().into_iter().find(wanted).unwrap().request;
    let (header, body) = decode_request_header(&request).unwrap();
    ProduceRequest { acks, ..decode_request(header.version, body).unwrap() }
}

fn codes(response: &ProduceResponse) -> Vec<i16> {
    response
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|partition| partition.error_code.code())
        .collect()
}

#[test]
fn every_version_offered_is_spoken() {
    let mut core = core(2);
    let connection = core.connect(0);
    for version in 0..=4 {
        let response = ask(&mut core, connection, version, &ApiVersionsRequest::default()).unwrap();
        assert_eq!((response.error_code, response.api_keys.len()), (ErrorCode::NONE, 6), "{version}");
    }
    for version in 0..=13 {
        let response = metadata(&mut core, &["a"], version);
        assert_eq!((response.brokers.len(), response.topics[0].partitions.len()), (2, 1), "{version}");
    }
    for version in 0..=5 {
        let response = ask(&mut core, connection, version, &InitProducerIdRequest::default()).unwrap();
        assert_eq!((response.producer_id, response.producer_epoch), (1000 + i64::from(version), 0));
    }
    core.cluster.insert_topic("vec", Uuid([1; 16]), 3);
    core.cluster
        .topics
        .get_mut("vec")
        .unwrap()
        .partitions
        .iter_mut()
        .for_each(|partition| partition.leader = 0);
    for version in 3..=13 {
        let mut request = sample(-1);
        request.topics[0].topic_id = Uuid([1; 16]);
        let response = ask(&mut core, connection, version, &request).unwrap();
        assert!(!produce::has_errors(&response), "{version}: {response:?}");
    }
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let mut core = core(1);
    let connection = core.connect(0);
    let frame = encode_request(7, 5, None, &ApiVersionsRequest::default()).to_vec();
    let answer = exchange(&mut core, connection, &frame[4..]).unwrap();
    let (_, response) = decode_api_versions_response(5, &answer).unwrap();
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(
        response.api_keys.iter().map(|api| (api.api_key, api.max_version)).collect::<Vec<_>>(),
        [(ApiKey::API_VERSIONS, 4)]
    );
}

#[test]
fn what_a_broker_closes_the_connection_for() {
    let mut core = core(1);
    let connection = core.connect(0);
    assert_eq!(ask(&mut core, connection, 2, &ProduceRequest::default()), None, "records too old");
    core.cluster.brokers[0].versions.insert(ApiKey::METADATA, 0..=3);
    assert_eq!(ask(&mut core, connection, 4, &MetadataRequest::default()), None, "version not offered");
    assert_eq!(exchange(&mut core, connection, &[0, 3, 0]), None, "cut short");
    assert_eq!(
        exchange(&mut core, connection, &[0, 99, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0]),
        None,
        "unknown API"
    );
}

#[test]
fn metadata_says_what_is_wrong_with_a_topic() {
    let mut core = core(1);
    let code = |response: MetadataResponse| response.topics[0].error_code.code();
    assert_eq!(code(metadata(&mut core, &["a b"], 9)), 17);
    core.cluster.settings.leader_not_available_once = true;
    assert_eq!(code(metadata(&mut core, &["new"], 9)), 5);
    assert_eq!(code(metadata(&mut core, &["new"], 9)), 0);
    core.cluster.settings.auto_create_topics = false;
    assert_eq!(code(metadata(&mut core, &["other"], 9)), 3);
    let connection = core.connect(0);
    let by_id = MetadataRequestTopic { topic_id: Uuid([9; 16]), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![by_id]), ..Default::default() };
    assert_eq!(code(ask(&mut core, connection, 12, &request).unwrap()), 100);
    let all = ask(&mut core, connection, 1, &MetadataRequest::default()).unwrap();
    assert_eq!(all.topics.iter().map(|topic| topic.name.as_deref()).collect::<Vec<_>>(), [Some("new")]);
}

#[test]
fn a_broker_that_is_down_leads_nothing() {
    let mut core = core(2);
    core.cluster.create_topic("t", 2);
    core.cluster.brokers[1].running = false;
    let response = metadata(&mut core, &["t"], 9);
    assert_eq!(response.brokers.len(), 1);
    let leaders: Vec<_> = response.topics[0]
        .partitions
        .iter()
        .map(|partition| (partition.leader_id, partition.error_code.code()))
        .collect();
    assert_eq!(leaders, [(0, 0), (-1, 5)]);
}

#[test]
fn the_wrong_broker_names_the_right_one() {
    let mut core = core(2);
    core.cluster.create_topic("vec", 3);
    core.cluster
        .topics
        .get_mut("vec")
        .unwrap()
        .partitions
        .iter_mut()
        .for_each(|partition| partition.leader = 1);
    let connection = core.connect(0);
    let response = ask(&mut core, connection, 10, &sample(1)).unwrap();
    assert!(codes(&response).iter().all(|code| *code == 6), "{response:?}");
    assert_eq!(response.topics[0].partitions[0].current_leader.leader_id, 1);
    assert_eq!((response.node_endpoints[0].node_id, response.node_endpoints[0].port), (1, 9001));
    // Where it listens is what it advertises, and nothing if it is down.
    core.cluster.brokers[1].advertised = Some(("elsewhere".to_owned(), 1));
    let response = ask(&mut core, connection, 10, &sample(1)).unwrap();
    assert_eq!((response.node_endpoints[0].host.as_str(), response.node_endpoints[0].port), ("elsewhere", 1));
    core.cluster.brokers[1].running = false;
    assert_eq!(ask(&mut core, connection, 10, &sample(1)).unwrap().node_endpoints, []);
}

#[test]
fn faults_happen_as_often_as_they_were_queued() {
    let mut core = core(1);
    core.cluster.create_topic("vec", 3);
    let connection = core.connect(0);
    let request = sample(-1);
    let partition = request.topics[0].partitions[0].index;
    let count = |core: &Core| core.cluster.topics["vec"].partitions[partition as usize].log.next_offset();
    core.faults.fail_produce("vec", partition, ErrorCode::NOT_ENOUGH_REPLICAS, 2);
    core.faults.fail_produce("vec", partition, ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, 1);
    for (code, appended) in [(19, false), (19, false), (20, true), (0, true)] {
        let before = count(&core);
        let response = ask(&mut core, connection, 10, &request).unwrap();
        assert_eq!(codes(&response)[0], code);
        assert_eq!(count(&core) > before, appended, "{code}");
    }
    let before = count(&core);
    core.faults.cut_produce_responses(None, 1);
    assert_eq!(ask(&mut core, connection, 10, &request), None);
    assert!(count(&core) > before, "a cut answer is one to a batch that was appended");
}

/// Batches of Java's with producer ids, all of which begin at sequence 0.
fn idempotent(core: &mut Core) -> (ConnectionId, ProduceRequest) {
    core.cluster.create_topic("vec", 3);
    let vector = exchanges()
        .into_iter()
        .find(|vector| vector.file.starts_with("java") && uncompressed(vector).is_some());
    let frame = vector.unwrap().request;
    let (header, body) = decode_request_header(&frame).unwrap();
    let mut request: ProduceRequest = decode_request(header.version, body).unwrap();
    request.topics[0].name = "vec".to_owned();
    (core.connect(0), request)
}

fn offsets(response: &ProduceResponse) -> Vec<i64> {
    response.topics[0].partitions.iter().map(|partition| partition.base_offset).collect()
}

fn append_times(response: &ProduceResponse) -> Vec<i64> {
    response.topics[0].partitions.iter().map(|partition| partition.log_append_time_ms).collect()
}

#[test]
fn a_batch_that_is_sent_again_is_stored_once() {
    let mut core = core(1);
    let (connection, request) = idempotent(&mut core);
    let ask = |core: &mut Core| ask(core, connection, 10, &request).unwrap();
    let first = ask(&mut core);
    let counts = core.counts;
    assert_eq!((codes(&first), offsets(&first)), (vec![0; 3], vec![0; 3]));
    assert_eq!(append_times(&first), [-1; 3]);
    let newest: Vec<i64> = first.topics[0]
        .partitions
        .iter()
        .map(|partition| {
            core.cluster.partition_mut("vec", partition.index).unwrap().log.headers()[0].max_timestamp
        })
        .collect();
    for duplicates in [3, 6] {
        let again = ask(&mut core);
        assert_eq!((codes(&again), offsets(&again)), (vec![0; 3], vec![0; 3]));
        assert_eq!(append_times(&again), newest, "as a real broker has it");
        assert_eq!(core.counts, Counts { duplicates, requests: core.counts.requests, ..counts });
    }
    // A failure that comes after the append does not change that.
    core.faults.fail_produce("vec", 0, ErrorCode::REQUEST_TIMED_OUT, 1);
    assert_eq!(codes(&ask(&mut core)).into_iter().max(), Some(7));
    assert_eq!(offsets(&ask(&mut core)), [0; 3]);
    // An unknown producer's batch is a new one.
    core.cluster.partition_mut("vec", 0).unwrap().log.forget_producers();
    let mut found = offsets(&ask(&mut core));
    found.sort_unstable();
    assert_eq!(found, [0, 0, 7]);
}

#[test]
fn a_log_that_is_cut_off_knows_what_its_batches_say_of_producers() {
    let mut core = core(1);
    let (connection, request) = idempotent(&mut core);
    let ask = |core: &mut Core| {
        let response = ask(core, connection, 10, &request).unwrap();
        (codes(&response), offsets(&response))
    };
    let first = ask(&mut core);
    let records = |core: &mut Core| core.cluster.partition_mut("vec", 0).unwrap().log.records().unwrap();
    let before = records(&mut core);
    // All of it lies below 7: nothing is lost.
    core.cluster.partition_mut("vec", 0).unwrap().log.truncate(7);
    assert_eq!(records(&mut core), before);
    assert_eq!(ask(&mut core), first);
    assert_eq!(records(&mut core), before);
    // A batch goes as a whole, and then it is a new one.
    core.cluster.partition_mut("vec", 0).unwrap().log.truncate(6);
    assert_eq!(records(&mut core), []);
    let duplicates = core.counts.duplicates;
    assert_eq!(ask(&mut core), first);
    assert_eq!(core.counts.duplicates, duplicates + 2);
    assert_eq!(records(&mut core), before);
}

#[test]
fn producer_ids_are_given_in_turn_or_refused() {
    let mut core = core(2);
    let mut init = |request: &InitProducerIdRequest| {
        let connection = core.connect(1);
        let response = ask(&mut core, connection, 4, request).unwrap();
        (response.error_code.code(), response.producer_id, response.producer_epoch)
    };
    let had = |producer_id, producer_epoch| InitProducerIdRequest {
        producer_id,
        producer_epoch,
        ..Default::default()
    };
    assert_eq!(init(&InitProducerIdRequest::default()), (0, 1000, 0));
    // Without transactions an id that a producer had is of no interest.
    assert_eq!(init(&had(1000, 5)), (0, 1001, 0));
    assert_eq!(init(&had(1000, -1)), (42, -1, -1));
    assert_eq!(init(&had(-1, 5)), (42, -1, -1));
    let transactional =
        |id: &str| InitProducerIdRequest { transactional_id: Some(id.to_owned()), ..Default::default() };
    assert_eq!(init(&transactional("")), (42, -1, -1));
    assert_eq!(init(&transactional("t")), (16, -1, -1));
    core.faults.fail_init_producer_id(ErrorCode::CLUSTER_AUTHORIZATION_FAILED, 1);
    core.faults.fail_init_producer_id(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, 2);
    let connection = core.connect(0);
    let found = [0; 4]
        .map(|_| ask(&mut core, connection, 4, &InitProducerIdRequest::default()).unwrap().error_code.code());
    assert_eq!(found, [31, 14, 14, 0]);
}

#[test]
fn acks_0_is_not_answered_and_errors_close() {
    let mut core = core(1);
    core.cluster.create_topic("vec", 3);
    let connection = core.connect(0);
    let frame = encode_request(7, 10, None, &sample(0)).to_vec();
    core.receive(connection, &parse(&frame[4..], Look::Header).unwrap(), Instant::ZERO);
    assert_eq!(core.take_outgoing(connection, Instant::ZERO).len(), 0);
    core.cluster.topics.clear();
    core.receive(connection, &parse(&frame[4..], Look::Header).unwrap(), Instant::ZERO);
    assert!(matches!(core.take_outgoing(connection, Instant::ZERO)[..], [Outgoing::Close]));
    let frame = encode_request(7, 10, None, &sample(5)).to_vec();
    core.receive(connection, &parse(&frame[4..], Look::Header).unwrap(), Instant::ZERO);
    assert_eq!(core.take_outgoing(connection, Instant::ZERO).len(), 1);
}

struct Sample {
    bytes: Vec<u8>,
    /// It is a batch, not a request.
    is_batch: bool,
}

impl AsRef<[u8]> for Sample {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Not only read but acted on: requests, and batches whose length and checksum are right, so that what lies behind them is
/// read.
#[test]
fn hostile_mock_core() {
    let mut samples = Vec::new();
    for Exchange { api_key, version, request, .. } in exchanges() {
        if api_key == ApiKey::PRODUCE && version >= produce::OLDEST_VERSION {
            let (_, body) = decode_request_header(&request).unwrap();
            let request: ProduceRequest = decode_request(version, body).unwrap();
            let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
            let batches = partitions.filter_map(|partition| partition.records.as_ref());
            samples.extend(batches.map(|batch| Sample { bytes: batch.to_vec(), is_batch: true }));
        }
        samples.push(Sample { bytes: request, is_batch: false });
    }
    samples.retain(|sample| sample.bytes.len() < 1000);
    let words: [&[u8]; 2] = [b"\x04vec", b"\x00\x03vec"];
    attack("mock_core", &samples, &words, |sample, random, bytes| {
        let bytes = if sample.is_batch { &produce_request(bytes) } else { bytes };
        let look = if random.bool() { Look::Records } else { Look::Header };
        // Who looks at records takes what they are compressed from: 276 bytes have become 4 MiB, and the most is 256 MiB.
        let more = if look == Look::Records { 2 * (256 << 20) } else { 0 };
        let parsed = in_proportion(bytes, more, || parse(bytes, look));
        let Ok(request) = parsed else { return false };
        let mut core = core(1);
        core.cluster.create_topic("vec", 3);
        let connection = core.connect(0);
        core.receive(connection, &request, Instant::ZERO);
        core.take_outgoing(connection, Instant::ZERO);
        core.counts.records > 0
    });
}

/// With a batch made of `bytes`, whose length and checksum are those that it should have.
fn produce_request(bytes: &[u8]) -> Vec<u8> {
    let mut batch = bytes.to_vec();
    if batch.len() > 21 {
        let length = (batch.len() - 12) as u32;
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    let partition = ProducePartition { index: 0, records: Some(batch.into()), ..Default::default() };
    let topic = ProduceTopic { name: "vec".to_owned(), partitions: vec![partition], ..Default::default() };
    let request = ProduceRequest { acks: 1, topics: vec![topic], ..Default::default() };
    encode_request(7, 9, None, &request).to_vec().split_off(4)
}

#[test]
fn held_answers_come_later_and_in_order() {
    let mut core = core(1);
    let connection = core.connect(0);
    core.faults.held[0] = true;
    for correlation in 0..3 {
        let frame = encode_request(correlation, 0, None, &ApiVersionsRequest::default()).to_vec();
        core.receive(connection, &parse(&frame[4..], Look::Header).unwrap(), Instant::ZERO);
        assert_eq!(core.take_outgoing(connection, Instant::ZERO).len(), 0);
    }
    core.faults.held[0] = false;
    let order: Vec<u8> = core
        .take_outgoing(connection, Instant::ZERO)
        .into_iter()
        .map(|outgoing| match outgoing {
            Outgoing::Write(frame) => frame.to_vec()[7],
            Outgoing::Close | Outgoing::Reset => panic!("closed"),
        })
        .collect();
    assert_eq!(order, [0, 1, 2]);
}

/// What the connection has to write at `second`, in pieces; `None` at the end if it closes then.
fn written(core: &mut Core, connection: ConnectionId, second: u64) -> Vec<Option<Vec<u8>>> {
    let now = Instant::ZERO + Duration::from_secs(second);
    let outgoing = core.take_outgoing(connection, now).into_iter();
    let bytes = |outgoing| if let Outgoing::Write(bytes) = outgoing { Some(bytes) } else { None };
    outgoing.map(bytes).collect()
}

fn send<R: Request>(core: &mut Core, connection: ConnectionId, version: i16, request: &R) {
    let frame = encode_request(7, version, None, request).to_vec();
    core.receive(connection, &parse(&frame[4..], Look::Records).unwrap(), Instant::ZERO);
}

fn order(core: &mut Core, rule: MockRule) {
    let Core { faults, cluster, .. } = core;
    faults.add(rule, || cluster.view());
}

/// The bytes of an answer to `ApiVersions`.
fn plain(core: &mut Core, connection: ConnectionId) -> Vec<u8> {
    send(core, connection, 0, &ApiVersionsRequest::default());
    written(core, connection, 0).pop().unwrap().unwrap()
}

#[test]
fn answers_are_late_in_pieces_changed_or_cut_short() {
    let mut core = core(1);
    let connection = core.connect(0);
    let whole = plain(&mut core, connection);
    let second = Duration::from_secs(1);
    order(&mut core, MockRule::delay(5 * second));
    order(&mut core, MockRule::drip(whole.len() - 1, 3 * second).skip(1));
    order(&mut core, MockRule::hold().skip(2));
    order(&mut core, MockRule::edit_response(|frame| frame.truncate(5)).skip(3));
    order(&mut core, MockRule::cut_after_bytes(3).skip(4));
    (0..5).for_each(|_| send(&mut core, connection, 0, &ApiVersionsRequest::default()));
    let due = |core: &Core| core.next_due().map(|due| due.since(Instant::ZERO));
    assert_eq!((written(&mut core, connection, 4), due(&core)), (vec![], Some(5 * second)));
    let (first, last) = whole.split_at(whole.len() - 1);
    let come = vec![Some(whole.clone()), Some(first.to_vec()), Some(last.to_vec())];
    assert_eq!((written(&mut core, connection, 5), due(&core)), (come, None));
    core.release_held(|broker| broker == 0);
    let come = [Some(whole.clone()), Some(whole[..5].to_vec()), Some(whole[..3].to_vec()), None];
    assert_eq!(written(&mut core, connection, 5), come);
}

#[test]
fn a_black_hole_swallows_all_that_follows_on_its_connection() {
    let mut core = core(1);
    core.cluster.create_topic("vec", 3);
    for (rule, stored) in [(MockRule::black_hole(), 0), (MockRule::black_hole_after_append(), 1)] {
        let connection = core.connect(0);
        order(&mut core, rule.on(ApiKey::PRODUCE));
        plain(&mut core, connection);
        let before = core.counts.batches;
        (0..2).for_each(|_| send(&mut core, connection, 10, &sample(1)));
        send(&mut core, connection, 0, &ApiVersionsRequest::default());
        assert_eq!(written(&mut core, connection, 1), []);
        assert_eq!(core.counts.batches - before, 3 * stored);
        let other = core.connect(0);
        plain(&mut core, other);
    }
}

#[test]
fn connections_end_before_or_after_the_append() {
    let mut core = core(1);
    core.cluster.create_topic("vec", 3);
    let rules = [
        (MockRule::cut_before_append(), false, 0),
        (MockRule::reset_before_append(), true, 0),
        (MockRule::cut_after_append(), false, 3),
        (MockRule::reset_after_append(), true, 3),
    ];
    for (rule, is_reset, stored) in rules {
        let connection = core.connect(0);
        order(&mut core, rule.on(ApiKey::PRODUCE));
        let before = core.counts.batches;
        send(&mut core, connection, 10, &sample(-1));
        let outgoing = core.take_outgoing(connection, Instant::ZERO);
        assert_eq!(matches!(outgoing[..], [Outgoing::Reset]), is_reset, "{outgoing:?}");
        assert_eq!(matches!(outgoing[..], [Outgoing::Close]), !is_reset, "{outgoing:?}");
        assert_eq!(core.counts.batches - before, stored);
    }
}

#[test]
fn partitions_are_left_out_of_an_answer_repeated_or_made_up() {
    let mut core = core(1);
    core.cluster.create_topic("vec", 3);
    let connection = core.connect(0);
    order(&mut core, MockRule::omit_partition().partition("vec", 1));
    order(&mut core, MockRule::repeat_partition().partition("vec", 2));
    order(&mut core, MockRule::extra_partition("other", 9));
    order(&mut core, MockRule::throttle(77).on(ApiKey::PRODUCE));
    let response = ask(&mut core, connection, 10, &sample(-1)).unwrap();
    assert_eq!((core.counts.batches, response.throttle_time_ms), (3, 77));
    let told = response.topics.iter().map(|topic| {
        let mut indices: Vec<_> = topic.partitions.iter().map(|partition| partition.index).collect();
        indices.sort_unstable();
        (topic.name.as_str(), indices)
    });
    assert_eq!(told.collect::<Vec<_>>(), [("vec", vec![0, 2, 2]), ("other", vec![9])]);
    let response = ask(&mut core, connection, 10, &sample(-1)).unwrap();
    assert_eq!((codes(&response).len(), response.throttle_time_ms), (3, 0));
}

#[test]
fn stale_metadata_is_what_was_when_it_was_ordered() {
    let mut core = core(2);
    core.cluster.create_topic("old", 2);
    core.cluster.create_topic("gone", 1);
    order(&mut core, MockRule::stale_metadata().broker(0).forever());
    core.cluster.partition_mut("old", 0).unwrap().leader = 1;
    assert!(core.cluster.add_partitions("old", 3));
    assert!(!core.cluster.add_partitions("old", 3));
    assert!(core.cluster.delete_topic("gone"));
    core.cluster.brokers[1].running = false;
    let stale = metadata(&mut core, &["old", "gone", "new"], 12);
    let leaders = |topic: &crate::protocol::MetadataTopic| {
        topic.partitions.iter().map(|partition| partition.leader_id).collect::<Vec<_>>()
    };
    assert_eq!(stale.brokers.len(), 2);
    assert_eq!(stale.topics.iter().map(leaders).collect::<Vec<_>>(), [vec![0, 1], vec![0], vec![]]);
    assert_eq!(stale.topics[2].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    core.faults.clear();
    let fresh = metadata(&mut core, &["old", "gone"], 12);
    assert_eq!(fresh.brokers.len(), 1);
    assert_eq!(fresh.topics.iter().map(leaders).collect::<Vec<_>>(), [vec![-1, -1, 0], vec![0]]);
    assert_ne!(fresh.topics[1].topic_id, stale.topics[1].topic_id, "made anew");
}

#[test]
fn the_log_tells_what_requests_were_about() {
    let mut core = core(1);
    let (connection, request) = idempotent(&mut core);
    metadata(&mut core, &["vec", "other"], 9);
    ask(&mut core, connection, 10, &request).unwrap();
    let [asked, produced] = &core.requests[..] else { panic!("{:?}", core.requests) };
    assert_eq!(
        (asked.acks, &asked.topics[..], &asked.batches[..]),
        (None, &["vec".into(), "other".into()][..], &[][..])
    );
    assert_eq!((produced.acks, &produced.topics[..]), (Some(-1), &["vec".to_owned()][..]));
    let mut batches = produced.batches.clone();
    batches.sort_by_key(|batch| batch.partition);
    let told = |batch: &crate::mock::MockBatch| {
        (batch.topic.clone(), batch.partition, batch.producer_epoch, batch.base_sequence, batch.records)
    };
    let all = [0, 1, 2].map(|index| ("vec".to_owned(), index, 0, 0, if index == 2 { 6 } else { 7 }));
    assert_eq!(batches.iter().map(told).collect::<Vec<_>>(), all);
    assert!(
        batches.iter().all(|batch| batch.producer_id == batches[0].producer_id && batch.producer_id >= 0)
    );
}
