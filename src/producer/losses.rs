//! What the sender says on the log of records that are refused or lost: their futures know, but perhaps nobody asks
//! those. Not one warning for each.

use std::time::Duration;

use crate::client::Warnings;
use crate::error::{Count, Error, ErrorKind};
use crate::producer::result::TopicPartition;
use crate::time::Instant;

#[derive(Default)]
pub(crate) struct Losses {
    warnings: Warnings,
}

impl Losses {
    /// Records failed for good.
    pub(crate) fn lost(&mut self, records: u32, error: &Error, now: Instant) {
        let code = error.broker_code().map(|code| code.to_string());
        let kind = match error.kind() {
            ErrorKind::Closed => return,
            ErrorKind::Timeout { .. } => "expired",
            ErrorKind::RetriesUsedUp { .. } => "retries",
            _ => code.as_deref().unwrap_or("refused"),
        };
        let records = Count(u64::from(records), "record");
        match self.warnings.is_news(kind, A_MINUTE, now) {
            None => log::debug!("{records} failed: {error}"),
            Some(0) => log::warn!("{records} failed: {error}"),
            Some(more) => {
                log::warn!("{records} failed, and {} like it before: {error}", Count(more, "batch"))
            }
        }
    }

    /// An attempt failed, and there will be another. A broker that can be reached and does not take records would
    /// otherwise not be heard of before they expire. What the client warns of, and what is everyday life when leaders
    /// move, is not told again.
    pub(crate) fn refused(&mut self, attempt: u32, name: &TopicPartition, error: &Error, now: Instant) {
        let code = error.broker_code().filter(|code| !code.needs_metadata_refresh());
        let news = code.and_then(|code| self.warnings.is_news(&format!("attempt: {code}"), A_MINUTE, now));
        match news {
            None => log::debug!("attempt {attempt} for {name} failed: {error}"),
            Some(0) => log::warn!("attempt {attempt} for {name} failed: {error}"),
            Some(more) => {
                let more = Count(more, "attempt");
                log::warn!("attempt {attempt} for {name} failed, as did {more} before: {error}");
            }
        }
    }

    /// An answer names a partition that its request did not.
    pub(crate) fn not_asked_about(&mut self, topic: &str, partition: i32, now: Instant) {
        if self.warnings.is_news("an answer too many", A_MINUTE, now).is_some() {
            log::warn!("an answer names {topic}-{partition}, which was not asked about");
        }
    }
}

/// Between two warnings of the same kind.
const A_MINUTE: Duration = Duration::from_secs(60);
