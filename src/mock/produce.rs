//! Takes Produce apart and answers it.
//!
//! Apart from the message definition, which would copy the records: here they are lent from the frame. What can be
//! told without looking at the cluster, such as checksums, is checked while the cluster is not locked.

use std::time::Duration;

use crate::mock::cluster::{Cluster, Partition};
use crate::mock::faults::{Plan, Target};
use crate::mock::metadata::node_id;
use crate::mock::producers::Decision;
use crate::mock::{Counts, MockBatch, log::PartitionLog};
use crate::protocol::{
    DecodeError, DecodeErrorKind, ErrorCode, LeaderIdAndEpoch, Message, NodeEndpoint,
    ProducePartitionResponse, ProduceRequest, ProduceResponse, ProduceTopicResponse, Reader, RecordError,
    Uuid,
};
use crate::record::{BatchErrorKind, BatchHeader, RawBatch, split_batches};

#[cfg(test)]
mod tests;

/// A request whose records still lie in its frame.
pub(super) struct Produce<'a> {
    pub(super) acks: i16,
    /// How long the replicas may take.
    timeout_ms: i32,
    topics: Vec<ProduceTopic<'a>>,
}

struct ProduceTopic<'a> {
    /// Empty from version 13 on.
    name: &'a str,
    /// Zero before.
    id: Uuid,
    partitions: Vec<ProducePartition<'a>>,
}

struct ProducePartition<'a> {
    index: i32,
    /// Of the first batch, if it can be read.
    header: Option<BatchHeader>,
    batch: Result<RawBatch<'a>, Refusal>,
}

/// Why the batch of a partition was not appended.
#[derive(Clone)]
struct Refusal {
    code: ErrorCode,
    message: Option<String>,
    /// The records that are to blame, where not all are.
    blamed: Vec<RecordError>,
    /// Of the log, where the broker tells it: if it has looked at the log before it refused.
    log_start_offset: i64,
}

impl Refusal {
    fn new(code: ErrorCode, message: impl Into<Option<String>>) -> Self {
        // Brokers remove it with these codes, though for some of them they have looked.
        let is_told = !matches!(
            code,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                | ErrorCode::UNKNOWN_TOPIC_ID
                | ErrorCode::NOT_LEADER_OR_FOLLOWER
                | ErrorCode::INVALID_REQUIRED_ACKS
                | ErrorCode::MESSAGE_TOO_LARGE
                | ErrorCode::CORRUPT_MESSAGE
        );
        let log_start_offset = if is_told { 0 } else { -1 };
        Self { code, message: message.into(), blamed: Vec::new(), log_start_offset }
    }

    /// Of what can't be given to a log at all.
    fn of_request(why: &str) -> Self {
        Self { log_start_offset: -1, ..Self::new(ErrorCode::INVALID_RECORD, why.to_owned()) }
    }
}

/// How closely to look at a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// At its header and checksum.
    Header,
    /// At each record too.
    Records,
}

/// The oldest version whose records are batches. Brokers from 4.0 on take none below.
pub(super) const OLDEST_VERSION: i16 = 3;

pub(super) fn parse(version: i16, mut body: Reader<'_>, look: Look) -> Result<Produce<'_>, DecodeError> {
    const TOPIC_ID_SINCE: i16 = 13;
    if !(OLDEST_VERSION..=*ProduceRequest::VERSIONS.end()).contains(&version) {
        return Err(body.error(DecodeErrorKind::Version { version }));
    }
    let flexible = version >= ProduceRequest::FLEXIBLE_SINCE;
    body.nullable_string(flexible)?;
    let acks = body.i16()?;
    let timeout_ms = body.i32()?;
    let topic_count = body.nullable_array(flexible)?.unwrap_or(0);
    let mut topics = body.room_for(topic_count)?;
    for _ in 0..topic_count {
        let name = if version < TOPIC_ID_SINCE { body.string(flexible)? } else { "" };
        let id = if version < TOPIC_ID_SINCE { Uuid::ZERO } else { body.uuid()? };
        let partition_count = body.nullable_array(flexible)?.unwrap_or(0);
        let mut partitions = body.room_for(partition_count)?;
        for _ in 0..partition_count {
            let index = body.i32()?;
            let records = body.nullable_bytes(flexible)?;
            let records = records.unwrap_or_default();
            let header = BatchHeader::decode(records).ok();
            let batch = check(records, look);
            if let Err(Refusal { message: Some(message), .. }) = &batch {
                body.spend(message.capacity())?;
            }
            partitions.push(ProducePartition { index, header, batch });
            skip_tags(&mut body, flexible)?;
        }
        topics.push(ProduceTopic { name, id, partitions });
        skip_tags(&mut body, flexible)?;
    }
    skip_tags(&mut body, flexible)?;
    body.finish()?;
    Ok(Produce { acks, timeout_ms, topics })
}

#[cfg(test)]
impl Produce<'_> {
    /// Whether a record with this value, or without one with this key, is in it.
    pub(super) fn brings(&self, mark: &[u8]) -> bool {
        let batches = self.topics.iter().flat_map(|topic| &topic.partitions);
        let batches = batches.filter_map(|partition| partition.batch.as_ref().ok()?.decode().ok());
        batches.flat_map(|batch| batch.records).any(|record| {
            let value = record.value.filter(|value| !value.is_empty());
            value.or(record.key).is_some_and(|theirs| theirs == mark)
        })
    }
}

fn skip_tags(body: &mut Reader<'_>, flexible: bool) -> Result<(), DecodeError> {
    if flexible { body.skip_tagged_fields() } else { Ok(()) }
}

/// A broker's rules for what a client may append: one batch of format 2, whole, counted from zero.
fn check(records: &[u8], look: Look) -> Result<RawBatch<'_>, Refusal> {
    let invalid = |why: &str| Refusal::new(ErrorCode::INVALID_RECORD, why.to_owned());
    let mut batches = split_batches(records);
    let batch = match batches.next() {
        None => return Err(Refusal::of_request("a partition without a record batch")),
        Some(Err(error)) => return Err(refusal(error.kind)),
        Some(Ok(batch)) => batch,
    };
    if batches.next().is_some() {
        return Err(Refusal::of_request("more than one record batch for a partition"));
    }
    let BatchHeader { base_offset, last_offset_delta, record_count, attributes, producer_id, .. } =
        batch.header;
    if base_offset != 0 {
        return Err(invalid("a batch whose base offset is not 0"));
    }
    batch.check_crc().map_err(refusal)?;
    if record_count < 1 || last_offset_delta != record_count - 1 {
        return Err(invalid("a batch whose count and last offset disagree"));
    }
    if attributes.is_control() {
        return Err(invalid("control records, which only brokers write"));
    }
    if attributes.is_transactional() && producer_id < 0 {
        return Err(invalid("a transactional batch without a producer id"));
    }
    if producer_id >= 0 && batch.header.base_sequence < 0 {
        return Err(invalid("a batch with a producer id and without a sequence number"));
    }
    if look == Look::Records {
        check_records(&batch)?;
    }
    Ok(batch)
}

fn check_records(batch: &RawBatch<'_>) -> Result<(), Refusal> {
    let (mut next, mut are_counted) = (0, true);
    let read = batch.each_record(|record| {
        are_counted &= record.offset_delta == next;
        next += 1;
    });
    match read {
        Ok(()) if are_counted => Ok(()),
        Ok(()) => {
            Err(Refusal::new(ErrorCode::INVALID_RECORD, "records that are not counted from zero".to_owned()))
        }
        Err(error) if error.is_for_want_of_a_codec() => Ok(()),
        Err(error) => Err(refusal(error)),
    }
}

fn refusal(error: BatchErrorKind) -> Refusal {
    let code = match error {
        BatchErrorKind::Cut { .. } | BatchErrorKind::Length { .. } | BatchErrorKind::Crc { .. } => {
            ErrorCode::CORRUPT_MESSAGE
        }
        BatchErrorKind::Magic { .. }
        | BatchErrorKind::Count { .. }
        | BatchErrorKind::Codec(_)
        | BatchErrorKind::Records(_) => ErrorCode::INVALID_RECORD,
    };
    Refusal::new(code, error.to_string())
}

/// Appends what can be appended, and says how it went.
pub(super) fn answer(
    cluster: &mut Cluster,
    plan: &Plan,
    counts: &mut Counts,
    broker: usize,
    request: &Produce<'_>,
) -> ProduceResponse {
    let throttle_time_ms = plan.throttle_ms.unwrap_or(cluster.brokers[broker].throttle_ms);
    let mut response = ProduceResponse { throttle_time_ms, ..Default::default() };
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let outcome = append(cluster, plan, counts, broker, request.acks, topic, partition);
            counts.refused += u64::from(outcome.is_err());
            if let Err((Refusal { code, .. }, _)) = &outcome {
                crate::sync::is_rare(code.name().unwrap_or_default());
            }
            let name = name_of(cluster, topic);
            let told = match (plan.omits(name, partition.index), plan.repeats(name, partition.index)) {
                (true, _) => 0,
                (false, true) => 2,
                (false, false) => 1,
            };
            let answer = partition_response(partition.index, outcome);
            partitions.extend(std::iter::repeat_n(answer, told));
        }
        response.topics.push(ProduceTopicResponse {
            name: topic.name.to_owned(),
            topic_id: topic.id,
            partitions,
            ..Default::default()
        });
    }
    if let Some((name, index)) = &plan.extra {
        let partitions =
            vec![partition_response(*index, Ok(Told { base_offset: 0, log_append_time_ms: NO_TIME }))];
        let topic_id = cluster.topics.get(name).map_or(Uuid::ZERO, |topic| topic.id);
        response.topics.push(ProduceTopicResponse {
            name: name.clone(),
            topic_id,
            partitions,
            ..Default::default()
        });
    }
    name_leaders(cluster, &mut response);
    response
}

/// What becomes of an answer if what was appended waits for replicas that never come: how long it waits.
pub(super) fn wait_in_vain(request: &Produce<'_>, response: &mut ProduceResponse) -> Option<Duration> {
    const ALL: i16 = -1;
    let partitions = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    let mut waits = false;
    for partition in partitions.filter(|partition| request.acks == ALL && !partition.error_code.is_error()) {
        partition.error_code = ErrorCode::REQUEST_TIMED_OUT;
        partition.base_offset = -1;
        waits = true;
    }
    waits.then(|| Duration::from_millis(request.timeout_ms.try_into().unwrap_or(0)))
}

/// What the request brings for partitions that the broker leads.
pub(super) fn targets<'a>(cluster: &'a Cluster, broker: usize, request: &'a Produce<'_>) -> Vec<Target<'a>> {
    let mut targets = Vec::new();
    for topic in &request.topics {
        let name = name_of(cluster, topic);
        let Some(known) = cluster.topics.get(name) else { continue };
        let indices = topic.partitions.iter().map(|partition| partition.index);
        let led = indices.filter(|&index| {
            let place = usize::try_from(index).ok().and_then(|index| known.partitions.get(index));
            place.is_some_and(|place| place.leader == broker)
        });
        targets.extend(led.map(|index| Target { topic: name, partition: Some(index) }));
    }
    targets
}

/// What the request brings, for the log of requests.
pub(super) fn batches(cluster: &Cluster, request: &Produce<'_>) -> Vec<MockBatch> {
    let mut batches = Vec::new();
    for topic in &request.topics {
        let name = name_of(cluster, topic);
        batches.extend(topic.partitions.iter().map(|ProducePartition { index, header, .. }| MockBatch {
            topic: name.to_owned(),
            partition: *index,
            producer_id: header.map_or(-1, |header| header.producer_id),
            producer_epoch: header.map_or(-1, |header| header.producer_epoch),
            base_sequence: header.map_or(-1, |header| header.base_sequence),
            records: header.map_or(0, |header| header.record_count),
        }));
    }
    batches
}

/// Empty if it is named by an id that nobody knows.
fn name_of<'a>(cluster: &'a Cluster, topic: &ProduceTopic<'a>) -> &'a str {
    let by_id = || cluster.names.get(&topic.id).map_or("", String::as_str);
    if topic.name.is_empty() { by_id() } else { topic.name }
}

/// What became of one partition: where it is, or why there is none and who leads instead.
type Outcome = Result<Told, (Refusal, Option<LeaderIdAndEpoch>)>;

/// Of a batch that is in the log.
struct Told {
    base_offset: i64,
    log_append_time_ms: i64,
}

const NO_TIME: i64 = -1;

fn append(
    cluster: &mut Cluster,
    plan: &Plan,
    counts: &mut Counts,
    broker: usize,
    acks: i16,
    topic: &ProduceTopic<'_>,
    partition: &ProducePartition<'_>,
) -> Outcome {
    let refuse = |code| Err((Refusal::new(code, None), None));
    if !(-1..=1).contains(&acks) {
        return refuse(ErrorCode::INVALID_REQUIRED_ACKS);
    }
    let by_id = topic.name.is_empty();
    let name = if by_id { cluster.names.get(&topic.id).map_or("", String::as_str) } else { topic.name };
    let (counting, is_strict) = (cluster.settings.counting, cluster.settings.refuses_unknown_producers);
    let Some(known) = cluster.topics.get_mut(name) else {
        let unknown = if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
        return refuse(unknown);
    };
    let (max_message_bytes, compacted) = (known.max_message_bytes, known.compacted);
    let place = usize::try_from(partition.index).ok().and_then(|index| known.partitions.get_mut(index));
    let Some(Partition { leader, leader_epoch, log }) = place else {
        return refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    if *leader != broker {
        let leader = LeaderIdAndEpoch {
            leader_id: node_id(*leader),
            leader_epoch: *leader_epoch,
            ..Default::default()
        };
        return Err((Refusal::new(ErrorCode::NOT_LEADER_OR_FOLLOWER, None), Some(leader)));
    }
    let failure = plan.failure(name, Some(partition.index));
    if let Some(failure) = failure.filter(|failure| !failure.appends()) {
        return Err((Refusal::new(failure.code, failure.words.as_deref().map(str::to_owned)), None));
    }
    let batch = match &partition.batch {
        Ok(batch) => batch,
        Err(refusal) => return Err((refusal.clone(), None)),
    };
    if batch.bytes.len() > max_message_bytes {
        return refuse(ErrorCode::MESSAGE_TOO_LARGE);
    }
    if compacted {
        check_keys(batch, name, partition.index).map_err(|refusal| (refusal, None))?;
    }
    if is_strict && !log.may_begin(&batch.header) {
        return refuse(ErrorCode::UNKNOWN_PRODUCER_ID);
    }
    let told = match log.decide(&batch.header) {
        Decision::Refuse(code) => return refuse(code),
        Decision::Duplicate { base_offset, max_timestamp } => {
            counts.duplicates += 1;
            Told { base_offset, log_append_time_ms: max_timestamp }
        }
        Decision::Append => {
            counts.batches += 1;
            counts.bytes += u64::try_from(batch.bytes.len()).unwrap_or(u64::MAX);
            counts.records += u64::from(batch.header.record_count.unsigned_abs());
            Told { base_offset: store(log, batch, counting), log_append_time_ms: NO_TIME }
        }
    };
    match failure {
        Some(failure) => Err((Refusal::new(failure.code, failure.words.as_deref().map(str::to_owned)), None)),
        None => Ok(told),
    }
}

/// A compacted topic's rule, in the words of a real broker.
fn check_keys(batch: &RawBatch<'_>, topic: &str, partition: i32) -> Result<(), Refusal> {
    // Brokers know every codec; this build need not.
    let records = batch.decode().map(|decoded| decoded.records).unwrap_or_default();
    let why =
        format!("Compacted topic cannot accept message without key in topic partition {topic}-{partition}");
    let keyless = records.iter().filter(|record| record.key.is_none());
    let blamed: Vec<RecordError> = keyless
        .map(|record| RecordError {
            batch_index: record.offset_delta,
            message: Some(why.clone()),
            ..Default::default()
        })
        .collect();
    if blamed.is_empty() {
        return Ok(());
    }
    let told = blamed
        .iter()
        .take(3)
        .map(|record| format!("RecordError(batchIndex={}, message='{why}')", record.batch_index));
    let message = format!(
        "One or more records have been rejected due to {} record errors in total, and only showing the first three \
         errors at most: [{}]",
        blamed.len(),
        told.collect::<Vec<_>>().join(", ")
    );
    Err(Refusal { blamed, ..Refusal::new(ErrorCode::INVALID_RECORD, message) })
}

fn store(log: &mut PartitionLog, batch: &RawBatch<'_>, counting: bool) -> i64 {
    if counting { log.count(&batch.header) } else { log.append(&batch.header, batch.bytes) }
}

fn partition_response(index: i32, outcome: Outcome) -> ProducePartitionResponse {
    match outcome {
        Ok(Told { base_offset, log_append_time_ms }) => ProducePartitionResponse {
            index,
            base_offset,
            log_append_time_ms,
            log_start_offset: 0,
            ..Default::default()
        },
        Err((Refusal { code, message, blamed, log_start_offset }, leader)) => ProducePartitionResponse {
            index,
            error_code: code,
            base_offset: -1,
            log_start_offset,
            record_errors: blamed,
            error_message: message,
            current_leader: leader.unwrap_or_default(),
            ..Default::default()
        },
    }
}

/// Adds where the leaders listen that the answer names (KIP-951).
fn name_leaders(cluster: &Cluster, response: &mut ProduceResponse) {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let mut leaders: Vec<i32> = partitions.map(|partition| partition.current_leader.leader_id).collect();
    leaders.sort_unstable();
    leaders.dedup();
    let brokers = if leaders == [-1] { Vec::new() } else { cluster.broker_views() };
    for leader in leaders {
        let broker = usize::try_from(leader).ok().and_then(|index| brokers.get(index));
        let Some(broker) = broker.filter(|broker| broker.running) else { continue };
        response.node_endpoints.push(NodeEndpoint {
            node_id: leader,
            host: broker.host.clone(),
            port: broker.port.into(),
            rack: broker.rack.clone(),
            ..Default::default()
        });
    }
}

/// Whether any partition was refused.
pub(super) fn has_errors(response: &ProduceResponse) -> bool {
    response
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .any(|partition| partition.error_code.is_error())
}
