//! What `flush` and `close` report.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::details::Count;
use super::trouble::{BrokerTrouble, write_last_seen};
use super::{Certainty, Error};

/// What `flush` or `close` found undelivered: the text of the error, in numbers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeliveryReport {
    /// Records that failed and whose failure no future or callback had looked at.
    pub failed: u64,
    /// The first of those failures.
    pub first_error: Option<Error>,
    /// What had no answer when the time ran out, the oldest first. After `close` it has failed.
    pub pending: Vec<PendingPartition>,
    /// Why, if the time ran out: what was last seen of each broker that gave trouble or that has not answered.
    pub brokers: Vec<BrokerTrouble>,
    /// The time that ran out, if it did.
    pub timed_out: Option<Duration>,
}

/// What a partition has that is without an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PendingPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its batches.
    pub batches: u64,
    /// The records in them.
    pub records: u64,
    /// What the last attempt to send the oldest of them ended with, if there was one.
    pub last_error: Option<Error>,
}

impl fmt::Display for DeliveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(limit) = self.timed_out {
            write!(f, "the time of {limit:?} ran out")?;
            self.write_pending(f)?;
            write_last_seen(f, &self.brokers)?;
            separator = "; ";
        }
        if let Some(error) = &self.first_error {
            let first = if self.failed == 1 { "" } else { ", the first" };
            write!(f, "{separator}{} failed{first} because {error}", Count(self.failed, "record"))?;
        }
        Ok(())
    }
}

impl DeliveryReport {
    /// Of all its records; only the first failure is known here.
    pub(super) fn certainty(&self) -> Certainty {
        match &self.first_error {
            Some(error) if self.failed == 1 && self.pending.is_empty() => error.certainty(),
            None if self.pending.is_empty() => Certainty::NotWritten,
            _ => Certainty::MaybeWritten,
        }
    }

    fn write_pending(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Partitions that are named; of more only the number is told.
        const NAMED: usize = 3;
        if self.pending.is_empty() {
            return Ok(());
        }
        let records = self.pending.iter().map(|partition| partition.records).sum();
        let batches = self.pending.iter().map(|partition| partition.batches).sum();
        write!(f, " with {} in {} pending", Count(records, "record"), Count(batches, "batch"))?;
        for (index, PendingPartition { topic, partition, .. }) in self.pending.iter().take(NAMED).enumerate()
        {
            write!(f, "{}{topic}-{partition}", if index == 0 { ", for " } else { ", " })?;
        }
        if let Some(more @ 1..) = self.pending.len().checked_sub(NAMED) {
            write!(f, " and {} more", Count(more as u64, "partition"))?;
        }
        match self.pending.iter().find_map(|partition| partition.last_error.as_ref()) {
            Some(error) => write!(f, "; the last attempt: {error}"),
            None => Ok(()),
        }
    }
}
