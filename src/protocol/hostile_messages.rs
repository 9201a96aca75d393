//! Hostile messages: answers, requests and frames, in every version.
#![cfg(not(any(loom, shuttle)))]

use fastrand::Rng;

use super::api::ApiKey;
use super::broker::{decode_request, decode_request_header, encode_response};
use super::code::ErrorCode;
use super::frame::{correlation_id, decode_response, encode_request};
use super::frame_reader::FrameReader;
use super::hostile::{attack, in_proportion};
use super::message::Request;
use super::messages::api_versions::*;
use super::messages::find_coordinator::*;
use super::messages::init_producer_id::*;
use super::messages::metadata::*;
use super::messages::produce::*;
use super::messages::sasl_authenticate::*;
use super::messages::sasl_handshake::*;
use super::vectors::{Exchange, exchanges};
use super::wire::{DecodeError, DecodeErrorKind, Uuid};

/// Valid bytes, and who reads them.
struct Sample {
    bytes: Vec<u8>,
    version: i16,
    read: fn(i16, &[u8]) -> Result<(), DecodeError>,
}

impl AsRef<[u8]> for Sample {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn answer<R: Request>(version: i16, bytes: &[u8]) -> Result<(), DecodeError> {
    correlation_id(bytes)?;
    let version = version.clamp(*R::VERSIONS.start() - 1, *R::VERSIONS.end());
    if R::KEY == ApiKey::API_VERSIONS {
        return decode_api_versions_response(version, bytes).map(drop);
    }
    decode_response::<R>(version, bytes).map(|(_, response)| {
        let _ = R::throttle_ms(&response, version);
    })
}

/// In the version that its header has, or in another.
fn request<R: Request>(version: i16, bytes: &[u8]) -> Result<(), DecodeError> {
    let (header, body) = decode_request_header(bytes)?;
    let version = if header.api_key == R::KEY { header.version } else { version };
    decode_request::<R>(version, body).map(|request| {
        let _ = request.is_answered();
    })
}

fn strike(name: &str, samples: &[Sample]) {
    attack(name, samples, &[], |sample, random: &mut Rng, bytes| {
        let version = if random.u8(..8) == 0 { random.i16(-1..15) } else { sample.version };
        let read = in_proportion(bytes, 0, || (sample.read)(version, bytes));
        if let Err(error) = &read
            && random.u8(..8) == 0
        {
            assert!(error.offset <= bytes.len() && !error.to_string().is_empty());
        }
        read.is_ok()
    });
}

#[test]
fn hostile_answers() {
    fn recorded<R: Request>(exchange: Exchange) -> Sample {
        Sample { version: exchange.answered_in(), bytes: exchange.response, read: answer::<R> }
    }
    let mut samples = recorded_samples(|exchange| match exchange.api_key {
        ApiKey::API_VERSIONS => Some(recorded::<ApiVersionsRequest>(exchange)),
        ApiKey::METADATA => Some(recorded::<MetadataRequest>(exchange)),
        ApiKey::PRODUCE => Some(recorded::<ProduceRequest>(exchange)),
        ApiKey::FIND_COORDINATOR => Some(recorded::<FindCoordinatorRequest>(exchange)),
        ApiKey::INIT_PRODUCER_ID => Some(recorded::<InitProducerIdRequest>(exchange)),
        _ => None,
    });
    fn add<R: Request>(samples: &mut Vec<Sample>, response: &R::Response) {
        samples.extend(R::VERSIONS.map(|version| Sample {
            bytes: encode_response::<R>(7, version, response).to_vec().split_off(4),
            version,
            read: answer::<R>,
        }));
    }
    let text = || Some("what is wrong".to_owned());
    let api = ApiVersion { api_key: ApiKey::PRODUCE, min_version: 0, max_version: 13, ..Default::default() };
    let feature =
        SupportedFeature { name: "metadata.version".to_owned(), max_version: 3, ..Default::default() };
    let finalized = FinalizedFeature { name: "metadata.version".to_owned(), ..Default::default() };
    add::<ApiVersionsRequest>(
        &mut samples,
        &ApiVersionsResponse {
            api_keys: vec![api.clone(), api],
            throttle_time_ms: 5,
            supported_features: vec![feature],
            finalized_features_epoch: 7,
            finalized_features: vec![finalized],
            zk_migration_ready: true,
            ..Default::default()
        },
    );
    let refused = ApiVersionsResponse { error_code: ErrorCode::UNSUPPORTED_VERSION, ..Default::default() };
    add::<ApiVersionsRequest>(&mut samples, &refused);
    let broker = MetadataBroker {
        node_id: 1,
        host: "broker-1".to_owned(),
        port: 9092,
        rack: Some("r".to_owned()),
        ..Default::default()
    };
    let partition = MetadataPartition {
        index: 1,
        leader_id: 1,
        leader_epoch: 4,
        replica_nodes: vec![1, 2],
        isr_nodes: vec![1],
        offline_replicas: vec![2],
        ..Default::default()
    };
    let topic = MetadataTopic {
        name: Some("topic".to_owned()),
        topic_id: Uuid([7; 16]),
        partitions: vec![partition.clone(), partition],
        ..Default::default()
    };
    add::<MetadataRequest>(
        &mut samples,
        &MetadataResponse {
            brokers: vec![broker.clone(), broker],
            cluster_id: Some("cluster".to_owned()),
            topics: vec![topic.clone(), MetadataTopic { partitions: Vec::new(), ..topic }],
            ..Default::default()
        },
    );
    let partition = ProducePartitionResponse {
        index: 3,
        base_offset: 77,
        record_errors: vec![RecordError { batch_index: 1, message: text(), ..Default::default() }],
        error_message: text(),
        current_leader: LeaderIdAndEpoch { leader_id: 2, leader_epoch: 3, ..Default::default() },
        ..Default::default()
    };
    let topic = ProduceTopicResponse {
        name: "topic".to_owned(),
        topic_id: Uuid([7; 16]),
        partitions: vec![partition.clone(), partition],
        ..Default::default()
    };
    let endpoint = NodeEndpoint { node_id: 2, host: "broker-2".to_owned(), port: 9092, ..Default::default() };
    add::<ProduceRequest>(
        &mut samples,
        &ProduceResponse {
            topics: vec![topic.clone(), topic],
            node_endpoints: vec![endpoint],
            ..Default::default()
        },
    );
    let found = FoundCoordinator {
        key: "t".to_owned(),
        host: "b".to_owned(),
        error_message: text(),
        ..Default::default()
    };
    add::<FindCoordinatorRequest>(
        &mut samples,
        &FindCoordinatorResponse {
            error_message: text(),
            coordinators: vec![found.clone(), found],
            ..Default::default()
        },
    );
    add::<InitProducerIdRequest>(
        &mut samples,
        &InitProducerIdResponse { producer_id: 9, ..Default::default() },
    );
    let mechanisms = ["PLAIN", "SCRAM-SHA-256"].map(str::to_owned).to_vec();
    add::<SaslHandshakeRequest>(&mut samples, &SaslHandshakeResponse { mechanisms, ..Default::default() });
    add::<SaslAuthenticateRequest>(
        &mut samples,
        &SaslAuthenticateResponse {
            error_message: text(),
            auth_bytes: AuthBytes(vec![1; 30]),
            ..Default::default()
        },
    );
    strike("answers", &samples);
}

#[test]
fn hostile_requests() {
    fn recorded<R: Request>(exchange: Exchange) -> Sample {
        Sample { version: exchange.version, bytes: exchange.request, read: request::<R> }
    }
    let mut samples = recorded_samples(|exchange| match exchange.api_key {
        ApiKey::API_VERSIONS => Some(recorded::<ApiVersionsRequest>(exchange)),
        ApiKey::METADATA => Some(recorded::<MetadataRequest>(exchange)),
        ApiKey::PRODUCE => Some(recorded::<ProduceRequest>(exchange)),
        ApiKey::FIND_COORDINATOR => Some(recorded::<FindCoordinatorRequest>(exchange)),
        ApiKey::INIT_PRODUCER_ID => Some(recorded::<InitProducerIdRequest>(exchange)),
        _ => None,
    });
    fn add<R: Request>(samples: &mut Vec<Sample>, message: &R) {
        samples.extend(R::VERSIONS.map(|version| Sample {
            bytes: encode_request(7, version, Some("me"), message).to_vec().split_off(4),
            version,
            read: request::<R>,
        }));
    }
    add(&mut samples, &ApiVersionsRequest { client_software_name: "n".to_owned(), ..Default::default() });
    let topic = MetadataRequestTopic {
        name: Some("topic".to_owned()),
        topic_id: Uuid([7; 16]),
        ..Default::default()
    };
    add(&mut samples, &MetadataRequest { topics: Some(vec![topic; 3]), ..Default::default() });
    add(&mut samples, &MetadataRequest::default());
    let records = Some(vec![7; 80].into());
    let partitions = vec![ProducePartition { index: 1, records, ..Default::default() }; 2];
    let topic = ProduceTopic { name: "topic".to_owned(), partitions, ..Default::default() };
    let transactional_id = Some("tx".to_owned());
    add(
        &mut samples,
        &ProduceRequest { transactional_id, acks: -1, topics: vec![topic; 2], ..Default::default() },
    );
    let coordinator_keys = vec!["a".to_owned(), "b".to_owned()];
    add(
        &mut samples,
        &FindCoordinatorRequest { key: "a".to_owned(), coordinator_keys, ..Default::default() },
    );
    add(
        &mut samples,
        &InitProducerIdRequest { transactional_id: Some("tx".to_owned()), ..Default::default() },
    );
    add(&mut samples, &SaslHandshakeRequest { mechanism: "PLAIN".to_owned(), ..Default::default() });
    add(&mut samples, &SaslAuthenticateRequest { auth_bytes: AuthBytes(vec![1; 30]), ..Default::default() });
    strike("requests", &samples);
}

/// Every third of what was recorded, that it does not crowd out the versions that were not.
fn recorded_samples(sample: impl Fn(Exchange) -> Option<Sample>) -> Vec<Sample> {
    let mut samples: Vec<Sample> = exchanges().into_iter().step_by(3).filter_map(sample).collect();
    // Long ones hide in their bytes what is struck.
    samples.retain(|sample| sample.bytes.len() < 2000);
    samples
}

/// A stream of frames, cut into reads anywhere.
#[test]
fn hostile_frames() {
    let frame = |length: usize| [&(length as u32).to_be_bytes()[..], &vec![7; length]].concat();
    let samples = [
        [frame(0), frame(3), frame(100)].concat(),
        [frame(1000), frame(1)].concat(),
        frame(300),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0x15, 3, 3, 0, 2, 2, 70],
    ];
    attack("frames", &samples, &[], |_, random, bytes| {
        let mut reader = FrameReader::new(1000);
        let pieces: Vec<usize> = (0..5).map(|_| random.usize(..200)).chain([usize::MAX]).collect();
        in_proportion(bytes, 0, || {
            let (mut rest, mut found) = (bytes, false);
            for piece in pieces {
                let (mut now, after) = rest.split_at(piece.min(rest.len()));
                rest = after;
                loop {
                    match reader.next(&mut now) {
                        Ok(Some(frame)) => found |= frame.len() <= 1000,
                        Ok(None) => break,
                        Err(error) => {
                            assert!(!error.to_string().is_empty());
                            return false;
                        }
                    }
                }
                assert!(now.is_empty());
            }
            found
        })
    });
}

/// How often each message is refused of those that hold `count` elements with names of so many letters.
fn refusals(letters: usize, count: usize) -> Vec<(ApiKey, i16)> {
    fn refusals<R: Request>(
        refused: &mut Vec<(ApiKey, i16)>,
        request: Option<&R>,
        response: Option<&R::Response>,
    ) {
        let mut read = |version, bytes: &[u8], read: fn(i16, &[u8]) -> Result<(), DecodeError>| {
            if let Err(error) = in_proportion(bytes, 0, || read(version, bytes)) {
                assert!(
                    matches!(error.kind, DecodeErrorKind::TooMuch { .. }),
                    "{} {version}: {error}",
                    R::KEY
                );
                refused.push((R::KEY, version));
            }
        };
        for version in R::VERSIONS {
            if let Some(message) = request {
                let bytes = encode_request(7, version, None, message).to_vec();
                read(version, &bytes[4..], self::request::<R>);
            }
            if let Some(response) = response {
                let bytes = encode_response::<R>(7, version, response).to_vec();
                read(version, &bytes[4..], answer::<R>);
            }
        }
    }
    let mut refused = Vec::new();
    let name = || "n".repeat(letters);
    let broker = MetadataBroker { host: name(), ..Default::default() };
    let partition = MetadataPartition::default();
    let unknown = MetadataTopic { name: Some(name()), ..Default::default() };
    let topic = MetadataTopic { partitions: vec![partition.clone()], ..unknown.clone() };
    let metadata = [
        MetadataResponse { brokers: vec![broker; count], ..Default::default() },
        MetadataResponse { topics: vec![unknown; count], ..Default::default() },
        MetadataResponse { topics: vec![topic; count], ..Default::default() },
        MetadataResponse {
            topics: vec![MetadataTopic { partitions: vec![partition; count], ..Default::default() }],
            ..Default::default()
        },
    ];
    metadata.iter().for_each(|response| refusals::<MetadataRequest>(&mut refused, None, Some(response)));
    let topic = MetadataRequestTopic { name: Some(name()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic; count]), ..Default::default() };
    refusals(&mut refused, Some(&request), None);
    let partition = ProducePartitionResponse::default();
    let topic =
        ProduceTopicResponse { name: name(), partitions: vec![partition.clone()], ..Default::default() };
    let errors = vec![RecordError { message: Some(name()), ..Default::default() }; count];
    let with_errors = ProducePartitionResponse { record_errors: errors, ..Default::default() };
    for topics in [
        vec![topic; count],
        vec![ProduceTopicResponse { partitions: vec![partition; count], ..Default::default() }],
        vec![ProduceTopicResponse { partitions: vec![with_errors], ..Default::default() }],
    ] {
        refusals::<ProduceRequest>(
            &mut refused,
            None,
            Some(&ProduceResponse { topics, ..Default::default() }),
        );
    }
    let feature = FinalizedFeature { name: name(), ..Default::default() };
    let features = ApiVersionsResponse {
        api_keys: vec![ApiVersion::default(); count],
        finalized_features: vec![feature; count],
        ..Default::default()
    };
    refusals::<ApiVersionsRequest>(&mut refused, None, Some(&features));
    let coordinator = FoundCoordinator { key: name(), ..Default::default() };
    let coordinators =
        FindCoordinatorResponse { coordinators: vec![coordinator; count], ..Default::default() };
    let keys = FindCoordinatorRequest { coordinator_keys: vec![name(); count], ..Default::default() };
    refusals(&mut refused, Some(&keys), Some(&coordinators));
    let mechanisms = SaslHandshakeResponse { mechanisms: vec![name(); count], ..Default::default() };
    refusals::<SaslHandshakeRequest>(&mut refused, None, Some(&mechanisms));
    refused
}

/// A struct may be thirty times larger in memory than on the wire. What a broker has reason to send is read all the same.
#[test]
fn what_grows_too_large_in_memory_is_refused_and_what_is_of_use_is_not() {
    assert_eq!(refusals(6, 30_000), []);
    assert_eq!(refusals(0, 300), []);
    let refused = refusals(0, 30_000);
    for expected in [(ApiKey::SASL_HANDSHAKE, 1), (ApiKey::METADATA, 0), (ApiKey::PRODUCE, 0)] {
        assert!(refused.contains(&expected), "{refused:?}");
    }
}

/// Two bytes on the wire are more than thirty in memory.
#[test]
fn unknown_tags_are_paid_for() {
    for (count, is_read) in [(500, true), (60_000, false)] {
        // Correlation id, no tags in the header, the body; then varints: how many, and each a tag and no bytes.
        let mut bytes = vec![0; 4 + 1 + 16];
        bytes.extend([(count & 0x7f) as u8 | 0x80, (count >> 7 & 0x7f) as u8 | 0x80, (count >> 14) as u8]);
        (0..count).for_each(|_| bytes.extend([9, 0]));
        let read = in_proportion(&bytes, 0, || answer::<InitProducerIdRequest>(4, &bytes));
        assert_eq!(read.is_ok(), is_read, "{read:?}");
    }
}
