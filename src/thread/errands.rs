//! What a test has the sender's thread do between two rounds, as nobody else can reach the sender.

#![cfg_attr(not(feature = "mock"), allow(dead_code, reason = "the simulation needs the mock broker"))]

use std::collections::VecDeque;
use std::sync::Arc;

use crate::producer::Sender;
use crate::sync::Mutex;
use crate::time::Instant;

#[derive(Clone, Default)]
pub(crate) struct Errands(Arc<Mutex<VecDeque<Errand>>>);

type Errand = Box<dyn FnOnce(&mut Sender, Instant) + Send>;

impl Errands {
    #[cfg_attr(any(loom, shuttle), allow(dead_code, reason = "models have no thread of the sender's"))]
    pub(crate) fn add(&self, errand: impl FnOnce(&mut Sender, Instant) + Send + 'static) {
        self.0.lock().push_back(Box::new(errand));
    }

    pub(super) fn next(&self) -> Option<Errand> {
        self.0.lock().pop_front()
    }
}
