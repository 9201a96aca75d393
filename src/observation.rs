//! What is seen of the sender's work from outside: by those who wait in vain and want to know why, and later by metrics.
//!
//! The sender feeds it once a step. Batches, `send`, `flush` and `close` ask it.

use std::sync::Arc;

use crate::error::{BrokerTrouble, Error};
use crate::sync::Mutex;
use crate::time::Clock;

/// One for each producer; its batches and its calls share it.
#[derive(Debug)]
pub(crate) struct Observer {
    clock: Clock,
    troubles: Mutex<Vec<BrokerTrouble>>,
    overlooked: Mutex<Overlooked>,
}

/// Records that failed, and whose future is gone without anybody having looked.
#[derive(Debug, Default)]
struct Overlooked {
    total: u64,
    /// Those that nobody has been told of, and the error of the last.
    untold: Option<(u64, Error)>,
}

impl Observer {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, troubles: Mutex::default(), overlooked: Mutex::default() })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sender: what keeps it from brokers now.
    pub(crate) fn publish(&self, troubles: Vec<BrokerTrouble>) {
        *self.troubles.lock() = troubles;
    }

    /// What keeps the sender from brokers, and after that those of `asked` of which nothing worse is known than that they
    /// have not answered.
    pub(crate) fn troubles<'a>(
        &self,
        asked: impl IntoIterator<Item = &'a BrokerTrouble>,
    ) -> Vec<BrokerTrouble> {
        let mut troubles = self.troubles.lock().clone();
        for trouble in asked {
            if troubles.len() >= MOST_TROUBLES {
                break;
            }
            if troubles.iter().all(|known| known.origin != trouble.origin) {
                troubles.push(trouble.clone());
            }
        }
        troubles
    }

    /// So many records failed with `error`, and nobody can look at it any more.
    pub(crate) fn overlook(&self, records: u64, error: &Error) {
        let mut overlooked = self.overlooked.lock();
        overlooked.total += records;
        let before = overlooked.untold.take().map_or(0, |(records, _)| records);
        overlooked.untold = Some((before + records, error.clone()));
    }

    /// All that was ever overlooked.
    pub(crate) fn overlooked(&self) -> u64 {
        self.overlooked.lock().total
    }

    pub(crate) fn has_untold(&self) -> bool {
        self.overlooked.lock().untold.is_some()
    }

    /// What was overlooked since the last call, and the error of the last of it: for whoever tells of it.
    pub(crate) fn take_untold(&self) -> Option<(u64, Error)> {
        self.overlooked.lock().untold.take()
    }
}

/// Brokers that are told of at once. Each batch that expires keeps what it was told, and of a cluster of a thousand brokers
/// that is gone nobody reads more.
pub(crate) const MOST_TROUBLES: usize = 16;
