//! What is seen of the sender's work from outside: by those who wait in vain and want to know why, and later by metrics.
//!
//! The sender feeds it once a step. Batches, `send`, `flush` and `close` ask it.

use std::sync::Arc;

use crate::error::BrokerTrouble;
use crate::process::Process;
use crate::sync::Mutex;
use crate::time::Clock;

/// One for each producer; its batches and its calls share it.
#[derive(Debug)]
pub(crate) struct Observer {
    clock: Clock,
    process: Process,
    troubles: Mutex<Vec<BrokerTrouble>>,
}

impl Observer {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, process: Process::current(), troubles: Mutex::default() })
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
}

/// Brokers that are told of at once. Each batch that expires keeps what it was told, and of a cluster of a thousand brokers
/// that is gone nobody reads more.
pub(crate) const MOST_TROUBLES: usize = 16;
