//! What a batch remembers of its attempts.

use super::*;
use crate::error::{BrokerTrouble, Certainty, Error, ErrorKind, Origin, Stage, Subject};
use crate::producer::result::BatchResult;
use crate::protocol::ErrorCode;
use crate::topic_partition::TopicPartition;

pub(super) fn trouble() -> BrokerTrouble {
    let (address, cause) = ("b:9092".to_owned(), "none".to_owned());
    BrokerTrouble { address, origin: Origin::Bootstrap, stage: Stage::Produce, cause }
}

#[test]
fn parts_of_a_batch_that_may_have_been_written_may_have_been_too() {
    let source = Source::new();
    let closed = || Error::new(ErrorKind::Closed);
    for maybe_written in [true, false] {
        let (mut batch, futures) = source.batch(4);
        batch.attempt_failed(closed(), maybe_written);
        for part in batch.split(70, &ENCODING) {
            part.complete(BatchResult::Failed(closed()));
        }
        let expected = if maybe_written { Certainty::MaybeWritten } else { Certainty::NotWritten };
        assert!(futures.iter().all(|future| future.exception().unwrap().certainty() == expected));
    }
}

/// The limit must be one of bytes that are sent; what is cut up are bytes before they are compressed.
#[cfg(feature = "gzip")]
#[test]
fn a_compressed_batch_is_cut_into_no_more_parts_than_needed() {
    let encoding = Encoding { compression: Compression::Gzip, level: None };
    let source = Source::encoding(encoding);
    let (batch, futures) = source.batch(500);
    let header = crate::record::BATCH_HEADER_LEN;
    let records = batch.len() - header;
    assert!(records < 2000, "{records} bytes of 500 records");
    let parts = batch.split(header + records / 2, &encoding);
    assert!((2..=3).contains(&parts.len()), "{} parts", parts.len());
    assert_eq!(parts.iter().map(SealedBatch::records).sum::<u32>(), 500);
    drop(parts);
    assert!(futures.iter().all(FutureRecordMetadata::is_done));
}

#[test]
fn each_buffer_of_a_batch_is_twice_as_large_as_the_one_before() {
    // Not before the batch was made.
    const LATER: i64 = i64::MAX / 2;
    let source = Source::new();
    let fields = RecordFields { key: None, value: Some(&[7; 100]), headers: &[] };
    let mut sizes = Vec::new();
    for _ in 0..60 {
        let (queue, size) = (&source.queue, RecordSize::of(&fields));
        source.accumulator.append(queue, &fields, size, 0, LATER, Wait::Never).unwrap();
        sizes.push(source.accumulator.pool().used());
    }
    sizes.dedup();
    assert_eq!(sizes, [1024, 3072, 7168]);
}

#[test]
fn a_refusal_of_what_may_have_been_written_before_says_so() {
    let source = Source::new();
    for maybe_written in [true, false] {
        let (mut batch, futures) = source.batch(1);
        batch.note_maybe_written(maybe_written);
        let (code, about) = (ErrorCode::INVALID_RECORD, Subject::Partition(TopicPartition::new("t", 0)));
        let error = Error::new(ErrorKind::Broker { code, message: None, about });
        batch.complete(BatchResult::Refused { error, blamed: Arc::new([]) });
        let expected = if maybe_written { Certainty::MaybeWritten } else { Certainty::NotWritten };
        assert_eq!(futures[0].exception().unwrap().certainty(), expected);
    }
}

/// How long the batch has waited counts once, whatever becomes of its attempts.
#[test]
fn only_the_first_transmission_of_a_batch_has_a_time_in_the_queue() {
    let source = Source::new();
    let broker = Arc::new(trouble());
    let is_first = |batch: &SealedBatch| batch.sent(&Arc::from("t"), batch.created()).queued.is_some();
    let (mut batch, futures) = source.batch(4);
    batch.begin_attempt(&broker);
    assert!(is_first(&batch));
    batch.excuse_attempt();
    batch.begin_attempt(&broker);
    assert_eq!(
        (batch.attempts(), is_first(&batch)),
        (1, false),
        "the first attempt does not count, but it was made"
    );
    for mut part in batch.split(70, &ENCODING) {
        assert_eq!(part.attempts(), 0, "a part has all its retries");
        part.begin_attempt(&broker);
        assert!(!is_first(&part), "its records were sent as part of the whole");
    }
    drop(futures);
    // What is split before it is sent.
    let (batch, _futures) = source.batch(4);
    for mut part in batch.split(70, &ENCODING) {
        part.begin_attempt(&broker);
        assert!(is_first(&part));
    }
}
