//! What is seen of the sender's work from outside: by those who wait in vain and want to know why, and later by metrics.
//!
//! The sender feeds it once a step. Batches, `send`, `flush` and `close` ask it.

use std::sync::Arc;

use crate::error::{BrokerTrouble, Error};
use crate::process::Process;
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::time::Clock;

/// One for each producer; its batches and its calls share it.
#[derive(Debug)]
pub(crate) struct Observer {
    clock: Clock,
    process: Process,
    troubles: Mutex<Vec<BrokerTrouble>>,
    /// Records that failed, and whose future is gone without anybody having looked.
    overlooked: AtomicU64,
    /// Those of them that nobody has been told of, and the error of the last.
    unreported: Mutex<Option<(u64, Error)>>,
}

impl Observer {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            process: Process::current(),
            troubles: Mutex::default(),
            overlooked: AtomicU64::new(0),
            unreported: Mutex::default(),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The process that made the producer.
    pub(crate) fn process(&self) -> Process {
        self.process
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
        self.overlooked.fetch_add(records, Ordering::Relaxed);
        // A forked child has no sender that would tell of it.
        let Some(mut unreported) = self.unreported.lock_unless(|| self.process.is_another()) else { return };
        let before = unreported.take().map_or(0, |(records, _)| records);
        *unreported = Some((before + records, error.clone()));
    }

    /// All that was ever overlooked.
    pub(crate) fn overlooked(&self) -> u64 {
        self.overlooked.load(Ordering::Relaxed)
    }

    pub(crate) fn has_unreported(&self) -> bool {
        self.unreported.lock().is_some()
    }

    /// What was overlooked since the last call, and the error of the last of it: for whoever tells of it.
    pub(crate) fn take_unreported(&self) -> Option<(u64, Error)> {
        self.unreported.lock().take()
    }
}

/// Brokers that are told of at once. Each batch that expires keeps what it was told, and of a cluster of a thousand brokers
/// that is gone nobody reads more.
pub(crate) const MOST_TROUBLES: usize = 16;
