//! The sequence numbers of the records of a partition (KIP-98). A broker accepts a batch only if its number follows the one
//! before, and recognizes a batch that it already has.
//!
//! ```text
//!                 begin                  a batch is stored
//!   NoProducerId ───────▶ numbers, alone ─────────────────▶ numbers
//!      ▲                      │ a number is missing for good   │
//!      │ epochs used up       ▼                                │
//!      └───────────────── a new beginning: the next epoch, from 0 (`partition.rs` says when)
//! ```
//!
//! While a partition numbers alone, one batch is in flight. A broker that does not know this producer accepts any number as
//! the first. So of two batches the second could be stored and the first refused. Brokers also forget producers. So if the
//! partition has another leader, was created again, or was idle, it numbers alone until a batch is stored there.

use std::time::Duration;

use crate::producer::identity::Identity;
use crate::record::Sequence;
use crate::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Numbering {
    identity: Option<Identity>,
    /// The producer id whose epochs are used up.
    spent: Option<i64>,
    /// The sequence number of the next record.
    next: i32,
    /// When a batch of this identity was stored at the broker that the next batch goes to.
    proven_at: Option<Instant>,
}

impl Numbering {
    pub(crate) fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    pub(crate) fn spent(&self) -> Option<i64> {
        self.spent
    }

    pub(crate) fn begin(&mut self, identity: Identity) {
        *self = Self { identity: Some(identity), ..Self::default() };
    }

    /// The sequence numbers of a batch that has none yet.
    pub(crate) fn give(&mut self, records: u32) -> Option<Sequence> {
        let Identity { producer_id, epoch } = self.identity?;
        let base = self.next;
        self.next = after(base, records);
        Some(Sequence { producer_id, producer_epoch: epoch, base })
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.proven_at.is_some()
    }

    /// A batch of this identity was stored.
    pub(crate) fn stored(&mut self, now: Instant) {
        self.proven_at = Some(now);
    }

    /// No batch is in flight. The next batch goes to the same broker as the last one, or `elsewhere`.
    pub(crate) fn expire_proof(&mut self, elsewhere: bool, now: Instant) {
        self.proven_at = self.proven_at.filter(|at| !elsewhere && now.since(*at) <= REMEMBERED);
    }

    /// Starts at 0 in the next epoch. Batches that have sequence numbers need others.
    pub(crate) fn reset(&mut self) {
        let Some(identity) = self.identity else { return };
        match identity.next() {
            Some(next) => self.begin(next),
            None => *self = Self { spent: Some(identity.producer_id), ..Self::default() },
        }
    }
}

/// How long a broker is assumed to know a producer that sends nothing. It forgets one after `producer.id.expiration.ms`, a
/// day by default. Assuming that it has forgotten costs a round trip.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The sequence number `records` after `base`. After `i32::MAX` comes 0 (KAFKA-7693).
pub(crate) fn after(base: i32, records: u32) -> i32 {
    ((i64::from(base) + i64::from(records)) & i64::from(i32::MAX)) as i32
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    fn numbering(epoch: i16) -> Numbering {
        let mut numbering = Numbering::default();
        numbering.begin(Identity { producer_id: 7, epoch });
        numbering
    }

    #[test]
    fn after_the_largest_number_comes_zero() {
        let mut numbering = numbering(0);
        numbering.next = i32::MAX - 2;
        assert_eq!(numbering.give(5).map(|sequence| sequence.base), Some(i32::MAX - 2));
        assert_eq!(numbering.give(1).map(|sequence| sequence.base), Some(2));
        assert_eq!(after(0, i32::MAX as u32), i32::MAX);
        assert_eq!(after(1, i32::MAX as u32), 0);
    }

    #[test]
    fn a_new_beginning_is_the_next_epoch_and_after_the_last_one_another_id() {
        let mut numbering = numbering(i16::MAX - 1);
        numbering.give(9);
        numbering.stored(Instant::ZERO);
        assert!(numbering.is_proven());
        numbering.reset();
        assert!(!numbering.is_proven());
        let sequence = Sequence { producer_id: 7, producer_epoch: i16::MAX, base: 0 };
        assert_eq!(numbering.give(1), Some(sequence));
        numbering.reset();
        assert_eq!((numbering.has_identity(), numbering.spent()), (false, Some(7)));
        assert_eq!(numbering.give(1), None);
    }
}
