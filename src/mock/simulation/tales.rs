//! What the network of a run tells: requests, answers and the ends of connections, as the brokers see them. They are kept
//! as they came and made into words when a run has failed.

use std::collections::BTreeMap;

use crate::mock::MockRequest;
use crate::mock::outgoing::Outgoing;
use crate::mock::produce::{self, Look};
use crate::protocol::{
    ApiKey, InitProducerIdRequest, MetadataRequest, ProduceRequest, decode_request_header, decode_response,
};
use crate::sync::schedule::tell;

pub(super) enum Tale {
    Request { link: u64, broker: usize, frame: Vec<u8>, taken: Option<MockRequest> },
    Answer { link: u64, broker: usize, frame: Vec<u8> },
    End { link: u64, broker: usize, is_reset: bool, is_mid_frame: bool },
    Fault(&'static str),
}

/// Which request an answer belongs to: by connection and correlation id, its API and version.
pub(super) type Asked = BTreeMap<(u64, i32), (ApiKey, i16)>;

pub(super) fn request(link: u64, broker: usize, frame: &[u8], taken: Option<&MockRequest>) {
    tell(|| Tale::Request { link, broker, frame: frame.to_vec(), taken: taken.cloned() });
}

pub(super) fn outgoing(link: u64, broker: usize, outgoing: &[Outgoing]) {
    for outgoing in outgoing {
        tell(|| match outgoing {
            Outgoing::Write(frame) => Tale::Answer { link, broker, frame: frame.clone() },
            Outgoing::Close => Tale::End { link, broker, is_reset: false, is_mid_frame: false },
            Outgoing::Reset => Tale::End { link, broker, is_reset: true, is_mid_frame: false },
        });
    }
}

impl Tale {
    pub(super) fn words(&self, asked: &mut Asked) -> String {
        match self {
            Self::Fault(name) => format!("FAULT: {name}"),
            Self::End { link, broker, is_reset, is_mid_frame } => {
                let how = if *is_reset { "is reset" } else { "ends" };
                let half = if *is_mid_frame { ", a request half written" } else { "" };
                format!("connection {link} to broker {broker} {how}{half}")
            }
            Self::Request { link, broker, frame, taken } => {
                let Ok((header, _)) = decode_request_header(frame) else {
                    return format!("broker {broker} <- {link}: {} bytes that are no request", frame.len());
                };
                asked.insert((*link, header.correlation_id), (header.api_key, header.version));
                let mut text = format!(
                    "broker {broker} <- {link}: {:?} v{} #{}",
                    header.api_key, header.version, header.correlation_id
                );
                let Some(taken) = taken else { return text + ", rudely treated" };
                for batch in &taken.batches {
                    let (last, epoch) = (batch.base_sequence + batch.records - 1, batch.producer_epoch);
                    text += &format!(
                        " [{}-{}: {} records, producer {} epoch {epoch}, sequences {}..={last}]",
                        batch.topic, batch.partition, batch.records, batch.producer_id, batch.base_sequence
                    );
                }
                text
            }
            Self::Answer { link, broker, frame } => {
                let id = frame.get(4..8).and_then(|id| id.try_into().ok()).map(i32::from_be_bytes);
                let known = id.and_then(|id| asked.get(&(*link, id)));
                let what = known.map(|(api, version)| answer_words(*api, *version, &frame[4..]));
                let what = what.unwrap_or_else(|| format!("{} bytes", frame.len()));
                format!("broker {broker} -> {link}: #{} {what}", id.unwrap_or(-1))
            }
        }
    }

    /// What a request and its answer have in common: the connection, and the number of the request on it.
    pub(super) fn exchange(&self) -> Option<(u64, i32)> {
        let (link, id) = match self {
            Self::Request { link, frame, .. } => (*link, frame.get(4..8)?),
            // Behind its length.
            Self::Answer { link, frame, .. } => (*link, frame.get(4..8)?),
            Self::End { .. } | Self::Fault(_) => return None,
        };
        Some((link, i32::from_be_bytes(id.try_into().ok()?)))
    }

    /// Whether the record with this mark is in it.
    pub(super) fn brings(&self, mark: &[u8]) -> bool {
        let Self::Request { frame, .. } = self else { return false };
        let Ok((header, body)) = decode_request_header(frame) else { return false };
        header.api_key == ApiKey::PRODUCE
            && produce::parse(header.version, body, Look::Header).is_ok_and(|produce| produce.brings(mark))
    }
}

fn answer_words(api: ApiKey, version: i16, frame: &[u8]) -> String {
    let nothing = || format!("to {api:?}: {} bytes that can't be read", frame.len());
    match api {
        ApiKey::PRODUCE => decode_response::<ProduceRequest>(version, frame).map_or_else(
            |_| nothing(),
            |(_, answer)| {
                let mut text = format!("to Produce, throttle {} ms:", answer.throttle_time_ms);
                for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
                    let (index, code) = (partition.index, partition.error_code);
                    text += &match code.is_error() {
                        false => format!(" [{index}: at {}]", partition.base_offset),
                        true => format!(" [{index}: {code}, leader {}]", partition.current_leader.leader_id),
                    };
                }
                text
            },
        ),
        ApiKey::INIT_PRODUCER_ID => decode_response::<InitProducerIdRequest>(version, frame).map_or_else(
            |_| nothing(),
            |(_, answer)| {
                let (id, epoch) = (answer.producer_id, answer.producer_epoch);
                format!("to InitProducerId: {}, producer {id} epoch {epoch}", answer.error_code)
            },
        ),
        ApiKey::METADATA => decode_response::<MetadataRequest>(version, frame).map_or_else(
            |_| nothing(),
            |(_, answer)| {
                let mut text = format!("to Metadata: {} brokers", answer.brokers.len());
                for topic in &answer.topics {
                    let leaders: Vec<_> =
                        topic.partitions.iter().map(|it| (it.index, it.leader_id)).collect();
                    text += &format!(" [{:?} {}: {leaders:?}]", topic.name, topic.error_code);
                }
                text
            },
        ),
        _ => format!("to {api:?}: {} bytes", frame.len()),
    }
}
