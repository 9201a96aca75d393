//! What a test makes the sender thread do between two steps. Only that thread can reach the sender.

#![cfg_attr(not(feature = "mock"), allow(dead_code, reason = "the simulation needs the mock broker"))]

use std::collections::VecDeque;
use std::sync::Arc;

use crate::producer::Sender;
use crate::sync::Mutex;
use crate::time::Instant;

#[derive(Clone, Default)]
pub(crate) struct Errands(Arc<Mutex<VecDeque<(Step, Errand)>>>);

type Errand = Box<dyn FnOnce(&mut Sender, Instant) + Send>;

/// A step of the loop. An errand runs before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Hear,
    Act,
    Write,
    Sleep,
    Wait,
}

impl Step {
    pub(crate) const ALL: [Self; 5] = [Self::Hear, Self::Act, Self::Write, Self::Sleep, Self::Wait];
}

impl Errands {
    /// The errands to run between two rounds.
    #[cfg_attr(any(loom, shuttle), allow(dead_code, reason = "models have no thread of the sender's"))]
    pub(crate) fn add(&self, errand: impl FnOnce(&mut Sender, Instant) + Send + 'static) {
        self.add_before(Step::Hear, errand);
    }

    #[cfg_attr(any(loom, shuttle), allow(dead_code, reason = "models have no thread of the sender's"))]
    pub(crate) fn add_before(&self, step: Step, errand: impl FnOnce(&mut Sender, Instant) + Send + 'static) {
        self.0.lock().push_back((step, Box::new(errand)));
    }

    /// The next errand to run before `step`.
    pub(super) fn next(&self, step: Step) -> Option<Errand> {
        let mut errands = self.0.lock();
        let at = errands.iter().position(|(before, _)| *before == step)?;
        errands.remove(at).map(|(_, errand)| errand)
    }
}
