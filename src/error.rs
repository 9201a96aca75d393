//! The error type: what happened, what the program can do, and whether the record may have been written.

mod details;
mod feature;
mod texts;
mod trouble;
mod types;

pub(crate) use self::details::Count;
pub use self::details::{ConfigProblem, ConfigProblemKind, Limit, SizeLimit, Subject};
pub(crate) use self::feature::turn_on;
pub(crate) use self::trouble::NO_ANSWER_YET;
pub use self::trouble::{BrokerTrouble, Origin, Stage};
pub use self::types::{Certainty, DeliveryReport, Error, ErrorKind, PendingPartition};

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::time::Duration;

    use std::error::Error as _;

    use super::*;
    use crate::protocol::ErrorCode;
    use crate::topic_partition::TopicPartition;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    }

    #[test]
    fn a_text_names_the_setting_the_value_and_the_remedy() {
        let kind = ErrorKind::RecordTooLarge {
            size: 1_048_700,
            limit: 1_048_576,
            limited_by: SizeLimit::MaxRequestSize,
        };
        assert_eq!(
            Error::new(kind).to_string(),
            "a batch with only this record takes 1048700 bytes, more than max_request_size = 1048576 allows; \
             raise max_request_size (and the topic's max.message.bytes) or make the record smaller"
        );
    }

    #[test]
    fn a_main_that_returns_an_error_prints_its_text_and_its_sources() {
        let error = Error::with_source(ErrorKind::Closed, "why");
        assert_eq!(format!("{error:?}"), "the producer is closed: why");
        let fields = format!("{error:#?}");
        assert!(fields.contains("kind: Closed") && fields.contains("certainty: NotWritten"), "{fields}");
    }

    #[test]
    fn memory_that_is_there_and_may_not_be_had_is_told_of() {
        let text = |used| {
            Error::new(ErrorKind::BufferExhausted {
                topic_partition: TopicPartition::new("t", 0),
                requested: 100,
                used,
                total: 1000,
                waited: Duration::from_millis(5),
                max_block: Duration::from_millis(5),
                brokers: Vec::new(),
            })
            .to_string()
        };
        let kept = "880 of 1000 bytes are in use, and the rest is reserved for other partitions; the brokers accept records";
        assert!(text(880).contains(kept), "{}", text(880));
        assert!(
            text(950).contains("950 of 1000 bytes are in use; the brokers accept records"),
            "{}",
            text(950)
        );
    }

    #[test]
    fn certainty_survives_sharing_and_keeps_the_cause() {
        let first = Error::with_source(ErrorKind::Closed, "why");
        let second = first.clone();
        let maybe = first.maybe_written();
        assert_eq!(second.certainty(), Certainty::NotWritten);
        assert_eq!(maybe.certainty(), Certainty::MaybeWritten);
        // The cause itself, not the same text once more.
        assert_eq!(maybe.source().unwrap().to_string(), "why");
        assert_eq!(maybe.to_string(), "the producer is closed (the record may have been written)");
    }

    #[test]
    fn the_last_attempt_is_in_the_text_and_is_not_a_source() {
        let about = Subject::Partition(TopicPartition::new("t", 0));
        let last =
            Error::new(ErrorKind::Broker { code: ErrorCode::NOT_ENOUGH_REPLICAS, message: None, about });
        let (limit, value, brokers) = (Limit::DeliveryTimeout, Duration::ZERO, Vec::new());
        let waited_for = format!("after 2 attempts, the last attempt: {last}");
        let error = Error::after(ErrorKind::Timeout { limit, value, waited_for, brokers }, &last);
        assert!(error.to_string().contains(&last.to_string()) && error.source().is_none());
        assert_eq!(error.broker_code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
        assert_eq!(error.maybe_written().broker_code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
        assert_eq!(timeout(limit).broker_code(), None);
    }

    #[test]
    fn a_message_of_a_broker_stays_on_its_line() {
        let about = Subject::Partition(TopicPartition::new("t", 0));
        let (code, message) = (ErrorCode::INVALID_RECORD, Some("no\n\u{1b}[31mkey: \u{e4}'".to_owned()));
        let text = Error::new(ErrorKind::Broker { code, message, about }).to_string();
        assert!(text.ends_with(": no  [31mkey: \u{e4}'"), "{text:?}");
    }

    #[test]
    fn what_no_attempt_may_help_is_not_retriable() {
        let about = Subject::Partition(TopicPartition::new("t", 0));
        let code = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        let last = Error::new(ErrorKind::Broker { code, message: None, about });
        assert!(!last.is_retriable());
        let (retries, attempts, topic_partition) = (0, 1, TopicPartition::new("t", 0));
        let used_up = ErrorKind::RetriesUsedUp { retries, attempts, topic_partition, last };
        assert!(Error::new(used_up).is_retriable(), "what may pass was tried again");
        let denied = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
        let is_retriable = [None, Some(denied), Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)]
            .map(|code| Error::new(ErrorKind::NoProducerId { code }).is_retriable());
        assert_eq!(is_retriable, [false, false, true]);
    }

    #[test]
    fn a_broker_without_a_common_version_is_told_with_a_remedy() {
        let text = |theirs| {
            let (api, address) = ("Produce".to_owned(), "a:1".to_owned());
            Error::new(ErrorKind::UnsupportedVersion { api, ours: (3, 13), theirs, address }).to_string()
        };
        assert_eq!(
            [text(Some((0, 2))), text(Some((14, 15))), text(None)],
            [
                "a:1 does not support Produce in versions 3 to 13: it supports 0 to 2; use a newer broker",
                "a:1 does not support Produce in versions 3 to 13: it supports 14 to 15; use a newer client",
                "a:1 does not support Produce in versions 3 to 13: it does not know this request; use a newer broker, or \
                 use the port of a broker if this is the port of a controller",
            ]
        );
    }

    fn timeout(limit: Limit) -> Error {
        let (value, waited_for) = (Duration::ZERO, "for it".to_owned());
        Error::new(ErrorKind::Timeout { limit, value, waited_for, brokers: Vec::new() })
    }

    #[test]
    fn what_is_on_its_way_still_may_be_written() {
        assert_eq!(timeout(Limit::Call).certainty(), Certainty::MaybeWritten);
        assert_eq!(timeout(Limit::MaxBlock).certainty(), Certainty::NotWritten);
        let inside = Error::new(ErrorKind::CalledFromCallback { call: "get" });
        assert_eq!((inside.certainty(), inside.is_retriable()), (Certainty::MaybeWritten, false));
        assert!(inside.is_pending());
    }

    #[test]
    fn the_predicates_tell_what_a_report_says() {
        let topic_partition = TopicPartition::new("t", 0);
        let pending = PendingPartition { topic_partition, batches: 1, records: 2, last_error: None };
        let told = |failed: Option<&Error>, pending: &[PendingPartition]| {
            let error = Error::new(ErrorKind::Undelivered {
                report: DeliveryReport {
                    failed: failed.iter().len() as u64,
                    first_error: failed.cloned(),
                    pending: pending.to_vec(),
                    brokers: Vec::new(),
                    timed_out: (!pending.is_empty()).then_some((Limit::Call, Duration::from_secs(1))),
                },
            });
            assert!(!error.is_retriable(), "it is about many records");
            (error.is_timeout(), error.is_pending(), error.certainty())
        };
        let (code, topic_partition) = (ErrorCode::RECORD_LIST_TOO_LARGE, TopicPartition::new("t", 0));
        let refused = Error::new(ErrorKind::RefusedAsTooLarge { code, size: 9, topic_partition });
        assert_eq!(refused.broker_code(), Some(code));
        assert_eq!(
            refused.to_string(),
            "a broker rejected a record for t-0 with RECORD_LIST_TOO_LARGE (18); a batch with only this record takes 9 bytes; raise the \
             topic's segment.bytes (the broker's log.segment.bytes) or make the record smaller"
        );
        assert_eq!(told(Some(&refused), &[]), (false, false, Certainty::NotWritten));
        assert_eq!(
            told(Some(&refused.clone().maybe_written()), &[]),
            (false, false, Certainty::MaybeWritten)
        );
        assert_eq!(told(None, std::slice::from_ref(&pending)), (true, true, Certainty::MaybeWritten));
        assert_eq!(told(Some(&refused), &[pending]), (true, true, Certainty::MaybeWritten));
    }
}
