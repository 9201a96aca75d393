//! The notices of user threads for the sender, and the flag that says whether the sender must be woken.
//!
//! ```text
//!   user:    lock { note; was_asleep = take(asleep) }   if was_asleep { wake }
//!   sender:  lock { if nothing noted { asleep = true } }  wait  lock { asleep = false }  drain the socket, take
//! ```
//!
//! Notices and flag share one lock. So it can't happen that a notice is left while the sender sleeps and no thread wakes
//! it. The first thread that finds it asleep clears the flag, so one byte is written for any number of notices. A model
//! checker runs this file (`models.rs`).
//!
//! A repeated notice is kept once, so notices do not pile up while the sender is busy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::sync::{Mutex, Wake};
use crate::time::Deadline;

/// The notices of user threads. `P` is a partition; each one is listed once until the sender has taken the list.
pub(crate) struct Notices<P> {
    /// Partitions that have records to send, or more than the sender knows of.
    pub(crate) partitions: Vec<P>,
    /// Topics for which a call waits for newer metadata, and until when.
    pub(crate) topics: BTreeMap<Arc<str>, Deadline>,
    /// Topics that must not be forgotten, however seldom records are sent to them.
    pub(crate) kept_topics: BTreeSet<Arc<str>>,
    /// Lingering batches should be sent, because a thread waits for memory or for a flush.
    pub(crate) hurry: bool,
    /// Batches have been purged.
    pub(crate) purge: bool,
    /// The producer is being closed, or earlier than the sender knows. The lifecycle has the deadline.
    pub(crate) close: bool,
}

impl<P> Default for Notices<P> {
    fn default() -> Self {
        Self {
            partitions: Vec::new(),
            topics: BTreeMap::new(),
            kept_topics: BTreeSet::new(),
            hurry: false,
            purge: false,
            close: false,
        }
    }
}

impl<P> Notices<P> {
    fn is_empty(&self) -> bool {
        self.partitions.is_empty()
            && self.topics.is_empty()
            && self.kept_topics.is_empty()
            && !self.hurry
            && !self.purge
            && !self.close
    }
}

/// The notices, and whether the sender sleeps.
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

    pub(crate) fn keep(&self, topic: &Arc<str>) {
        self.note(|notices| {
            notices.kept_topics.insert(Arc::clone(topic));
        });
    }

    pub(crate) fn hurry(&self) {
        self.note(|notices| notices.hurry = true);
    }

    pub(crate) fn purge(&self) {
        self.note(|notices| notices.purge = true);
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

    /// Sender: returns whether it may sleep. If not, there are notices to take. If so, the next notice wakes it.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = state.notices.is_empty();
        state.asleep
    }

    /// Sender: takes all notices. From here on no notice wakes it.
    pub(crate) fn take(&self) -> Notices<P> {
        let mut state = self.state.lock();
        state.asleep = false;
        std::mem::take(&mut state.notices)
    }
}
