//! What user threads tell the sender, and the flag that says whether it must be woken for it.
//!
//! ```text
//!   user:    lock { note; was_asleep = take(asleep) }   if was_asleep { wake }
//!   sender:  lock { if nothing noted { asleep = true } }  wait  lock { asleep = false }  drain the socket, take
//! ```
//!
//! Notes and flag share one lock, so there is no moment at which something is noted, the sender sleeps and nobody is on
//! the way to wake it. The first who finds it asleep clears the flag, so one byte is written however many come. A model
//! checker runs this file (`models.rs`).
//!
//! What is said twice is noted once: however long the sender is kept from looking, notes do not pile up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sync::{Mutex, Wake};
use crate::time::Deadline;

/// Everything that user threads have to say; `P` is a partition, each of which is told of once until it is looked at.
pub(crate) struct Notices<P> {
    /// They have something to send, or more than the sender knew.
    pub(crate) partitions: Vec<P>,
    /// Newer metadata is waited for, of these topics above all, until then at most.
    pub(crate) topics: BTreeMap<Arc<str>, Deadline>,
    /// What lingers should go: memory is waited for, or a flush.
    pub(crate) hurry: bool,
    /// The producer is being closed, or earlier than the sender knew: the lifecycle says until when.
    pub(crate) close: bool,
}

impl<P> Default for Notices<P> {
    fn default() -> Self {
        Self { partitions: Vec::new(), topics: BTreeMap::new(), hurry: false, close: false }
    }
}

impl<P> Notices<P> {
    fn is_empty(&self) -> bool {
        self.partitions.is_empty() && self.topics.is_empty() && !self.hurry && !self.close
    }
}

/// The notices, and the sender's "I sleep".
pub(crate) struct Inbox<P> {
    state: Mutex<State<P>>,
    sender: Box<dyn Wake>,
}

struct State<P> {
    notices: Notices<P>,
    asleep: bool,
}

impl<P> Inbox<P> {
    pub(crate) fn new(sender: Box<dyn Wake>) -> Self {
        Self { state: Mutex::new(State { notices: Notices::default(), asleep: false }), sender }
    }

    pub(crate) fn partition(&self, partition: P) {
        self.note(|notices| notices.partitions.push(partition));
    }

    pub(crate) fn topic(&self, topic: &Arc<str>, until: Deadline) {
        self.note(|notices| {
            let last = notices.topics.entry(Arc::clone(topic)).or_insert(until);
            *last = until.max(*last);
        });
    }

    pub(crate) fn hurry(&self) {
        self.note(|notices| notices.hurry = true);
    }

    pub(crate) fn close(&self) {
        self.note(|notices| notices.close = true);
    }

    /// Never blocks.
    fn note(&self, note: impl FnOnce(&mut Notices<P>)) {
        let mut state = self.state.lock();
        note(&mut state.notices);
        let was_asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if was_asleep {
            self.sender.wake();
        }
    }

    /// Sender: may I wait? If not, there is something to take. After a yes, the next note wakes.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = state.notices.is_empty();
        state.asleep
    }

    /// Sender: takes all that was noted; from here on nobody wakes it.
    pub(crate) fn take(&self) -> Notices<P> {
        let mut state = self.state.lock();
        state.asleep = false;
        std::mem::take(&mut state.notices)
    }
}
