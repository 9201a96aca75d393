//! Reading a partition batch by batch, with a decoder that is neither ours nor the JVM's.

use bytes::{Buf as _, Bytes};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, TopicName};
use kafka_protocol::records::{Record, RecordBatchDecoder};

use super::admin::{error, text};
use super::{Cluster, PATIENCE, PATIENCE_SECS, Wire};
use crate::support::clock::{Failure, deadline, retry};

/// The last version that names topics in place of their ids.
const FETCH_VERSION: i16 = 12;
const MAX_BYTES: i32 = 32 << 20;
/// From the base offset up to the records.
const HEADER_LENGTH: usize = 61;

/// A record batch as it lies in the broker's log.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedBatch {
    pub base_offset: i64,
    pub partition_leader_epoch: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
    /// Of the whole batch with its header, in bytes.
    pub size: usize,
    /// The decoder has checked the batch's CRC. Of headers with the same name in one record it
    /// keeps only the last.
    pub records: Vec<Record>,
}

impl FetchedBatch {
    /// 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub fn compression(&self) -> i16 {
        self.attributes & 7
    }

    /// Whether the broker has put its own time into the records.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & 1 << 3 != 0
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & 1 << 4 != 0
    }

    /// Whether it holds the marker at the end of a transaction.
    pub fn is_control(&self) -> bool {
        self.attributes & 1 << 5 != 0
    }

    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    fn decode(mut bytes: Bytes) -> Result<Self, String> {
        let size = bytes.len();
        if size < HEADER_LENGTH {
            return Err(format!("a batch of {size} bytes"));
        }
        let mut header = bytes.clone();
        let mut batch = Self {
            base_offset: header.get_i64(),
            partition_leader_epoch: {
                header.advance(4);
                header.get_i32()
            },
            magic: header.get_i8(),
            crc: header.get_u32(),
            attributes: header.get_i16(),
            last_offset_delta: header.get_i32(),
            base_timestamp: header.get_i64(),
            max_timestamp: header.get_i64(),
            producer_id: header.get_i64(),
            producer_epoch: header.get_i16(),
            base_sequence: header.get_i32(),
            record_count: header.get_i32(),
            size,
            records: Vec::new(),
        };
        let set = RecordBatchDecoder::decode(&mut bytes)
            .map_err(|error| format!("the batch at offset {}: {error:#}", batch.base_offset))?;
        batch.records = set.records;
        Ok(batch)
    }
}

impl Cluster {
    /// All batches of a partition from its start to the high watermark, from its leader. Of
    /// transactions it shows all, the aborted ones and the markers too.
    #[track_caller]
    pub fn fetch(&self, topic: &str, partition: i32) -> Vec<FetchedBatch> {
        let deadline = deadline(PATIENCE_SECS);
        let mut batches: Vec<FetchedBatch> = Vec::new();
        let mut offset = 0;
        loop {
            let more = retry(deadline, || self.fetch_once(topic, partition, &mut offset));
            let (more, at_end) = more.unwrap_or_else(|why| panic!("cannot fetch {topic}-{partition}: {why}"));
            batches.extend(more);
            offset = batches.last().map_or(offset, |last| last.last_offset() + 1);
            if at_end {
                return batches;
            }
        }
    }

    /// The batches from `offset` on, and whether the last of them is the partition's last one.
    fn fetch_once(
        &self,
        topic: &str,
        partition: i32,
        offset: &mut i64,
    ) -> Result<(Vec<FetchedBatch>, bool), Failure> {
        let wanted = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(*offset)
            .with_partition_max_bytes(MAX_BYTES);
        let request =
            FetchRequest::default().with_max_wait_ms(100).with_max_bytes(MAX_BYTES).with_topics(vec![
                FetchTopic::default().with_topic(TopicName(text(topic))).with_partitions(vec![wanted]),
            ]);
        let leader = self.address(self.leader(topic, partition));
        let response = Wire::connect(leader, PATIENCE)
            .and_then(|mut wire| wire.call(FETCH_VERSION, &request))
            .map_err(|error| Failure::Again(error.to_string()))?;
        let topic = response.responses.into_iter().next();
        let Some(data) = topic.and_then(|topic| topic.partitions.into_iter().next()) else {
            let why = format!("an answer without the partition, error {}", response.error_code);
            return Err(Failure::Again(why));
        };
        match error(data.error_code) {
            None => {}
            // Records were deleted, or retention took them.
            Some(ResponseError::OffsetOutOfRange) if *offset < data.log_start_offset => {
                *offset = data.log_start_offset;
                return Err(Failure::Again("before the start of the log".into()));
            }
            Some(error) if error.is_retriable() => return Err(Failure::Again(error.to_string())),
            Some(error) => return Err(Failure::Fatal(error.to_string())),
        }
        let batches = split(data.records.unwrap_or_default())
            .map(FetchedBatch::decode)
            .collect::<Result<Vec<_>, _>>()
            .map_err(Failure::Fatal)?;
        let next = batches.last().map_or(*offset, |last| last.last_offset() + 1);
        let at_end = next >= data.high_watermark;
        if batches.is_empty() && !at_end {
            let why = format!("nothing at {next}, high watermark {}", data.high_watermark);
            return Err(Failure::Again(why));
        }
        Ok((batches, at_end))
    }
}

/// Cuts into whole batches; the broker may cut the last one off.
fn split(mut records: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let length = records.get(8..12)?;
        let length = i32::from_be_bytes(length.try_into().expect("four bytes"));
        let whole = 12 + usize::try_from(length).expect("a broker's length is positive");
        (records.len() >= whole).then(|| records.split_to(whole))
    })
}
