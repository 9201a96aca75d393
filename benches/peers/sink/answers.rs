//! What is answered to everything but Produce.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest,
    MetadataResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};

use crate::Sink;

/// The frame that answers the request of which this is the rest, after the correlation id.
pub(crate) fn answer(
    sink: &Sink,
    key: i16,
    version: i16,
    correlation: i32,
    rest: Vec<u8>,
) -> io::Result<Vec<u8>> {
    match ApiKey::try_from(key) {
        Ok(ApiKey::ApiVersions) if version > 4 => {
            let answer = api_versions().with_error_code(UNSUPPORTED_VERSION);
            frame(correlation, 0, &answer)
        }
        Ok(ApiKey::ApiVersions) => frame(correlation, version, &api_versions()),
        Ok(ApiKey::Metadata) => frame(correlation, version, &metadata(sink, &body(rest, version)?, version)),
        Ok(ApiKey::InitProducerId) => frame(correlation, version, &producer_id(&body(rest, version)?)),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, format!("no answer is known to API {key}"))),
    }
}

pub(crate) fn frame<M: Encodable + HeaderVersion>(
    correlation: i32,
    version: i16,
    answer: &M,
) -> io::Result<Vec<u8>> {
    let mut bytes = BytesMut::zeroed(4);
    let header = ResponseHeader::default().with_correlation_id(correlation);
    header.encode(&mut bytes, M::header_version(version)).map_err(io::Error::other)?;
    answer.encode(&mut bytes, version).map_err(io::Error::other)?;
    let length = (bytes.len() - 4) as u32;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes.into())
}

fn body<M: Decodable + HeaderVersion>(rest: Vec<u8>, version: i16) -> io::Result<M> {
    // The header begins with what was read of it already.
    let mut bytes = Bytes::from([vec![0; 8], rest].concat());
    RequestHeader::decode(&mut bytes, M::header_version(version)).map_err(io::Error::other)?;
    M::decode(&mut bytes, version).map_err(io::Error::other)
}

/// Old enough that topics have no ids. That Fetch is there tells librdkafka that batches are of format 2; nobody
/// fetches.
fn api_versions() -> ApiVersionsResponse {
    let keys = [
        (ApiKey::Produce, 3, 11),
        (ApiKey::Fetch, 4, 11),
        (ApiKey::Metadata, 0, 9),
        (ApiKey::ApiVersions, 0, 4),
        (ApiKey::InitProducerId, 0, 4),
    ];
    let keys = keys.map(|(key, min, max)| {
        ApiVersion::default().with_api_key(key as i16).with_min_version(min).with_max_version(max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.into())
}

/// The nodes lead the partitions of whatever topic is asked for in turn.
fn metadata(sink: &Sink, request: &MetadataRequest, version: i16) -> MetadataResponse {
    let broker = |(node, port): (usize, &u16)| {
        MetadataResponseBroker::default()
            .with_node_id(broker_id(node))
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port((*port).into())
    };
    let brokers = sink.ports.iter().enumerate().map(broker).collect();
    let topics = request.topics.iter().flatten().map(|topic| {
        let partitions = (0..sink.partitions).map(|partition| {
            let leader = broker_id(partition as usize % sink.ports.len());
            MetadataResponsePartition::default()
                .with_partition_index(partition)
                .with_leader_id(leader)
                .with_leader_epoch(if version >= 7 { 0 } else { -1 })
                .with_replica_nodes(vec![leader])
                .with_isr_nodes(vec![leader])
        });
        MetadataResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    MetadataResponse::default()
        .with_brokers(brokers)
        .with_controller_id(broker_id(0))
        .with_topics(topics.collect())
}

/// A new one, or the next epoch of the one that is told.
fn producer_id(request: &InitProducerIdRequest) -> InitProducerIdResponse {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let known = *request.producer_id >= 0;
    let (id, epoch) = match known {
        true => (*request.producer_id, request.producer_epoch.wrapping_add(1)),
        false => (NEXT.fetch_add(1, Relaxed), 0),
    };
    InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(epoch)
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn broker_id(node: usize) -> BrokerId {
    BrokerId(node as i32 + 1)
}

const UNSUPPORTED_VERSION: i16 = 35;
