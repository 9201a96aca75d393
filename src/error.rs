//! The one error type: what happened, whose move it is, and whether the record may have been written.

mod details;
mod kind;
mod report;
mod trouble;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

pub(crate) use self::details::Count;
pub use self::details::{ConfigProblem, Limit, SizeLimit};
pub use self::kind::ErrorKind;
pub use self::report::{DeliveryReport, PendingPartition};
pub use self::trouble::{BrokerTrouble, Origin, Stage};
use crate::protocol::ErrorCode;

/// Anything that can go wrong, one pointer wide and cheap to clone: one broker error completes thousands of futures.
///
/// Ask it with the predicates ([`is_retriable`](Self::is_retriable), [`is_timeout`](Self::is_timeout), …) or match on
/// [`kind`](Self::kind). Its text is one sentence that names the setting, the value and what to change; causes below
/// it are reached through [`source`](StdError::source).
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    certainty: Certainty,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(Inner { kind, certainty: Certainty::NotWritten, source: None }))
    }

    pub(crate) fn with_source(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            certainty: Certainty::NotWritten,
            source: Some(Arc::from(source.into())),
        }))
    }

    /// The same error about a record of which bytes had left and no answer came, or whose answer leaves it open.
    pub(crate) fn maybe_written(self) -> Self {
        let Inner { kind, source, .. } = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Inner { kind, certainty: Certainty::MaybeWritten, source }))
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the record this error is about may stand in the log all the same, or get there yet: that is so too where
    /// only the waiting has ended ([`get`](crate::FutureRecordMetadata::get), `flush` and `close` whose time ran out). It
    /// means nothing where there is no record (`build`, `wait_connected`).
    pub fn certainty(&self) -> Certainty {
        match self.kind() {
            ErrorKind::Timeout { limit: Limit::Call, .. } | ErrorKind::CalledFromCallback { .. } => {
                Certainty::MaybeWritten
            }
            ErrorKind::Undelivered { report } => report.certainty(),
            _ => self.0.certainty,
        }
    }

    /// Whether the same call may succeed later with nothing changed: for the error of a future, sending the record
    /// again (see [`certainty`](Self::certainty) first); for that of a `get` or `flush` whose time ran out, calling it
    /// again, as the records are on their way still.
    pub fn is_retriable(&self) -> bool {
        match self.kind() {
            ErrorKind::Broker { code, .. } => code.is_retriable(),
            ErrorKind::RetriesUsedUp { last, .. } => last.is_retriable(),
            ErrorKind::Undelivered { report } => report.timed_out.is_some() && report.failed == 0,
            ErrorKind::Timeout { .. }
            | ErrorKind::BufferExhausted { .. }
            | ErrorKind::WouldBlock { .. }
            | ErrorKind::Network { .. }
            | ErrorKind::RefusedWithBatch { .. }
            | ErrorKind::UnknownTopic { .. } => true,
            _ => false,
        }
    }

    /// Whether a limit of time ran out; [`ErrorKind::Timeout`] says which, [`ErrorKind::BufferExhausted`] is
    /// `max_block_ms`, [`ErrorKind::Undelivered`] the time that `flush` or `close` was given.
    pub fn is_timeout(&self) -> bool {
        match self.kind() {
            ErrorKind::Timeout { .. } | ErrorKind::BufferExhausted { .. } => true,
            ErrorKind::Undelivered { report } => report.timed_out.is_some(),
            _ => false,
        }
    }

    /// Whether the producer was closed, or closed meanwhile.
    pub fn is_closed(&self) -> bool {
        matches!(self.kind(), ErrorKind::Closed)
    }

    /// The code a broker answered with, if it was a broker that refused, in the end or at the last of `retries`. A
    /// time-out has none of its own; what the last attempt before it ended with is its [`source`](StdError::source).
    pub fn broker_code(&self) -> Option<ErrorCode> {
        match self.kind() {
            ErrorKind::Broker { code, .. }
            | ErrorKind::RefusedWithBatch { code, .. }
            | ErrorKind::RefusedAsTooLarge { code, .. } => Some(*code),
            ErrorKind::RetriesUsedUp { last, .. } => last.broker_code(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)?;
        if self.0.certainty == Certainty::MaybeWritten {
            f.write_str(" (the record may have been written)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("certainty", &self.certainty());
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// Whether a record that failed may stand in a broker's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Certainty {
    /// No byte of it left, or the broker refused it: sending it again makes no duplicate.
    NotWritten,
    /// Bytes of it left and no answer came, the answer leaves it open, or it is on its way still: sending it again may
    /// make a duplicate.
    MaybeWritten,
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::time::Duration;

    use super::*;

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
            "the record takes 1048700 bytes, more than max_request_size of 1048576 allows; \
             raise max_request_size (and the broker's max.message.bytes) or send less at once"
        );
    }

    #[test]
    fn memory_that_is_there_and_may_not_be_had_is_told_of() {
        let text = |used| {
            Error::new(ErrorKind::BufferExhausted {
                about: "t-0".to_owned(),
                requested: 100,
                used,
                total: 1000,
                waited: Duration::from_millis(5),
                max_block: Duration::from_millis(5),
                brokers: Vec::new(),
            })
            .to_string()
        };
        let kept = "880 of 1000 are in use, the rest is kept for other partitions; the brokers take less";
        assert!(text(880).contains(kept), "{}", text(880));
        assert!(text(950).contains("950 of 1000 are in use; the brokers take less"), "{}", text(950));
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
    }

    #[test]
    fn the_predicates_tell_what_a_report_says() {
        let pending =
            PendingPartition { topic: "t".into(), partition: 0, batches: 1, records: 2, last_error: None };
        let told = |failed: Option<&Error>, pending: &[PendingPartition]| {
            let error = Error::new(ErrorKind::Undelivered {
                report: DeliveryReport {
                    failed: failed.iter().len() as u64,
                    first_error: failed.cloned(),
                    pending: pending.to_vec(),
                    brokers: Vec::new(),
                    timed_out: (!pending.is_empty()).then_some(Duration::from_secs(1)),
                },
            });
            (error.is_timeout(), error.is_retriable(), error.certainty())
        };
        let (code, about) = (ErrorCode::RECORD_LIST_TOO_LARGE, "t-0".to_owned());
        let refused = Error::new(ErrorKind::RefusedAsTooLarge { code, size: 9, about });
        assert_eq!(refused.broker_code(), Some(code));
        assert_eq!(
            refused.to_string(),
            "a broker answered RECORD_LIST_TOO_LARGE (18) to a record for t-0, which takes 9 bytes by itself; raise the \
             topic's segment.bytes (the broker's log.segment.bytes) or send less at once"
        );
        assert_eq!(told(Some(&refused), &[]), (false, false, Certainty::NotWritten));
        assert_eq!(
            told(Some(&refused.clone().maybe_written()), &[]),
            (false, false, Certainty::MaybeWritten)
        );
        // flush again, and it may be done.
        assert_eq!(told(None, std::slice::from_ref(&pending)), (true, true, Certainty::MaybeWritten));
        assert_eq!(told(Some(&refused), &[pending]), (true, false, Certainty::MaybeWritten));
    }
}
