//! What other threads see of the sender's work: calls that expired of time need it for their errors. It also has the
//! recorder of metrics, because all parts of a producer have the observer.
//!
//! The sender updates it in each step. Batches, `send`, `flush` and `close` read it.

use std::sync::Arc;

use crate::error::{BrokerTrouble, Error};
use crate::metrics::Recorder;
use crate::process::Process;
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::time::Clock;

/// One for each producer. Its batches and calls share it.
#[derive(Debug)]
pub(crate) struct Observer {
    clock: Clock,
    process: Process,
    recorder: Recorder,
    troubles: Mutex<Vec<BrokerTrouble>>,
    /// The number of records that failed and whose futures were dropped before the program looked at the failure.
    unchecked: AtomicU64,
    /// The number of those that were not logged or reported yet, and the error of the last one.
    unreported: Mutex<Option<(u64, Error)>>,
}

impl Observer {
    /// Without metrics.
    #[cfg(test)]
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Self::recording(clock, Recorder::default())
    }

    pub(crate) fn recording(clock: Clock, recorder: Recorder) -> Arc<Self> {
        Arc::new(Self {
            clock,
            process: Process::current(),
            recorder,
            troubles: Mutex::default(),
            unchecked: AtomicU64::new(0),
            unreported: Mutex::default(),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// The process that built the producer.
    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sender: sets what stops it at each broker now.
    pub(crate) fn publish(&self, troubles: Vec<BrokerTrouble>) {
        *self.troubles.lock() = troubles;
    }

    /// What stops the sender at each broker, followed by those of `asked` that have only not answered yet.
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

    /// Counts `records` that failed with `error` and that the program can't look at any more.
    pub(crate) fn overlook(&self, records: u64, error: &Error) {
        self.unchecked.fetch_add(records, Ordering::Relaxed);
        // A forked child has no sender that would log it.
        let Some(mut unreported) = self.unreported.lock_unless(|| self.process.is_another()) else { return };
        let before = unreported.take().map_or(0, |(records, _)| records);
        *unreported = Some((before + records, error.clone()));
    }

    /// The number of all records that were ever unchecked.
    pub(crate) fn unchecked(&self) -> u64 {
        self.unchecked.load(Ordering::Relaxed)
    }

    pub(crate) fn has_unreported(&self) -> bool {
        self.unreported.lock().is_some()
    }

    /// The number of records that were unchecked since the last call, and the error of the last one.
    pub(crate) fn take_unreported(&self) -> Option<(u64, Error)> {
        self.unreported.lock().take()
    }
}

/// The most brokers in one error. Each batch that expires keeps them, and nobody reads more than these if a cluster of a
/// thousand brokers is down.
pub(crate) const MOST_TROUBLES: usize = 16;
