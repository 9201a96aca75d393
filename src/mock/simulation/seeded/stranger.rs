//! The logs as a stranger reads them: by the crate `kafka-protocol`, which has nothing of ours.

use bytes::Bytes;
use kafka_protocol::records::{Record, RecordBatchDecoder};

use super::*;
use crate::mock::log::PartitionLog;

/// A record in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) offset: i64,
    /// -1 without idempotence, as the two that follow.
    pub(super) producer: i64,
    pub(super) epoch: i16,
    pub(super) sequence: i32,
    pub(super) timestamp: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    /// Of several with one name the stranger keeps the place of the first and the value of the last.
    pub(super) headers: Headers,
}

pub(super) type Headers = Vec<(String, Option<Vec<u8>>)>;

impl Stored {
    pub(super) fn mark(&self) -> &[u8] {
        users::mark(self.key.as_deref(), self.value.as_deref())
    }
}

/// Of each partition, in the order of the log.
pub(super) fn read(site: &Site) -> Vec<Vec<Stored>> {
    site.core.cluster.topics["t"].partitions.iter().map(|partition| read_log(&partition.log)).collect()
}

fn read_log(log: &PartitionLog) -> Vec<Stored> {
    let mut all = Vec::new();
    for (base, bytes) in log.raw() {
        let mut bytes = Bytes::copy_from_slice(bytes);
        let set = decode(&mut bytes).expect("a stranger can read it");
        assert!(bytes.is_empty(), "{} bytes behind a batch", bytes.len());
        all.extend(set.into_iter().map(|record| stored(base, record)));
    }
    all
}

#[cfg(not(feature = "zstd"))]
fn decode(bytes: &mut Bytes) -> Result<Vec<Record>, String> {
    RecordBatchDecoder::decode(bytes).map(|set| set.records).map_err(|error| error.to_string())
}

/// The crate as we build it has no zstd.
#[cfg(feature = "zstd")]
fn decode(bytes: &mut Bytes) -> Result<Vec<Record>, String> {
    const ATTRIBUTES: usize = 21;
    const ZSTD: u8 = 4;
    let set = match bytes.get(ATTRIBUTES + 1).map(|low| low & 7) {
        Some(ZSTD) => RecordBatchDecoder::decode_with_custom_compression(
            bytes,
            Some(|compressed: &mut Bytes, _| Ok(Bytes::from(zstd::stream::decode_all(&compressed[..])?))),
        ),
        _ => RecordBatchDecoder::decode(bytes),
    };
    set.map(|set| set.records).map_err(|error| error.to_string())
}

fn stored(base: i64, record: Record) -> Stored {
    let bytes = |bytes: Bytes| bytes.to_vec();
    let headers = record.headers.into_iter();
    Stored {
        offset: base + record.offset,
        producer: record.producer_id,
        epoch: record.producer_epoch,
        sequence: record.sequence,
        timestamp: record.timestamp,
        key: record.key.map(bytes),
        value: record.value.map(bytes),
        headers: headers.map(|(name, value)| (name.to_string(), value.map(bytes))).collect(),
    }
}

/// What the stranger makes of headers.
pub(super) fn as_kept(headers: &Headers) -> Headers {
    let mut kept = Headers::new();
    for (name, value) in headers {
        match kept.iter_mut().find(|(known, _)| known == name) {
            Some((_, last)) => last.clone_from(value),
            None => kept.push((name.clone(), value.clone())),
        }
    }
    kept
}
