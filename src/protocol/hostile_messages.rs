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
use super::wire::{DecodeError, Uuid};

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
