//! What is known of a seeded run when it is over: what users were told, what the logs hold, and what is left.

use std::collections::BTreeMap;

use super::stranger::{Headers, Stored};
use super::users::{Call, How, Sent, Unawaited};
use super::*;
use crate::error::Error;

pub(super) struct Evidence {
    pub(super) plan: Plan,
    pub(super) harm: Harm,
    pub(super) closed: bool,
    pub(super) records: Vec<Told>,
    pub(super) calls: Vec<Call>,
    pub(super) unawaited: Vec<Unawaited>,
    /// When futures got their results, of a part of the records, by their marks.
    pub(super) resolved: BTreeMap<Vec<u8>, Instant>,
    /// Callbacks that were asked for, and called.
    pub(super) callbacks: [usize; 2],
    /// The logs when everything had a result, and when time had passed in which nobody sent anything.
    pub(super) logs: Vec<Vec<Stored>>,
    pub(super) later: Vec<Vec<Stored>>,
    /// When brokers were asked for a producer id.
    pub(super) asked_for_ids: Vec<Instant>,
    pub(super) idle: Idle,
    pub(super) left: Left,
}

/// A record, and what its sender was told of it.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) sender: usize,
    pub(super) partition: Option<usize>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Headers,
    pub(super) timestamp: Option<i64>,
    pub(super) at: Instant,
    pub(super) result: Answer,
}

#[derive(Clone)]
pub(super) enum Answer {
    /// The call itself failed.
    Refused,
    /// Nobody has kept the future.
    Dropped,
    Stored {
        partition: usize,
        offset: i64,
        timestamp: i64,
    },
    Failed(Error),
    None,
}

/// A time in which nobody did anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Idle {
    pub(super) lasted: Duration,
    pub(super) polls: u64,
    pub(super) dials: u64,
    pub(super) requests: u64,
}

/// What is left when the producer has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Left {
    pub(super) memory: usize,
    pub(super) connections: usize,
}

impl Told {
    pub(super) fn of(sent: &Sent) -> Self {
        let result = match &sent.how {
            How::Refused => Answer::Refused,
            How::Dropped => Answer::Dropped,
            How::Kept(future) => match (future.value(), future.exception()) {
                (Some(metadata), _) => Answer::Stored {
                    partition: usize::try_from(metadata.partition()).unwrap_or(usize::MAX),
                    offset: metadata.offset().unwrap_or(-1),
                    timestamp: metadata.timestamp_ms(),
                },
                (None, Some(error)) => Answer::Failed(error),
                (None, None) => Answer::None,
            },
        };
        let Sent { sender, partition, key, value, headers, timestamp, at, .. } = sent;
        Self {
            sender: *sender,
            partition: *partition,
            key: key.clone(),
            value: value.clone(),
            headers: headers.clone(),
            timestamp: *timestamp,
            at: *at,
            result,
        }
    }

    pub(super) fn mark(&self) -> &[u8] {
        users::mark(self.key.as_deref(), self.value.as_deref())
    }
}

impl Evidence {
    /// Of when it began, when the call that sent a record ended.
    pub(super) fn ends_of_sends(&self) -> BTreeMap<(usize, Instant), Instant> {
        let sends = self.calls.iter().filter(|call| call.what.contains("send"));
        sends.map(|call| ((call.who, call.began), call.began + call.took)).collect()
    }

    /// Whether a purge has ended at this time or later.
    pub(super) fn was_purged_after(&self, at: Instant) -> bool {
        self.calls.iter().any(|call| call.what == "purge" && call.began + call.took >= at)
    }

    /// How much of a time nobody but brokers went on.
    pub(super) fn frozen(&self, from: Instant, to: Instant) -> Duration {
        let part = |(began, lasted): &(Instant, Duration)| to.min(*began + *lasted).since(from.max(*began));
        self.harm.frozen.iter().map(part).sum()
    }
}
