//! What user threads tell the sender, and the flag that says whether it must be woken for it.
//!
//! ```text
//!   user:    lock { push; was_asleep = take(asleep) }   if was_asleep { wake }
//!   sender:  lock { if empty { asleep = true } }  wait  lock { asleep = false }  drain the socket, take
//! ```
//!
//! List and flag share one lock, so there is no moment at which a notice is in the list, the sender sleeps and nobody
//! is on the way to wake it. The first who finds it asleep clears the flag, so one byte is written however many
//! notices come. A model checker runs this file (`models.rs`).

use crate::sync::{Mutex, Wake};

/// A list of notices and the sender's "I sleep".
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    sender: Box<dyn Wake>,
}

struct State<T> {
    notices: Vec<T>,
    asleep: bool,
}

impl<T> Inbox<T> {
    pub(crate) fn new(sender: Box<dyn Wake>) -> Self {
        Self { state: Mutex::new(State { notices: Vec::new(), asleep: false }), sender }
    }

    /// Leaves a notice; never blocks.
    pub(crate) fn post(&self, notice: T) {
        let mut state = self.state.lock();
        state.notices.push(notice);
        let was_asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if was_asleep {
            self.sender.wake();
        }
    }

    /// Sender: may I wait? If not, there is something to take. After a yes, [`post`](Self::post) wakes.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = state.notices.is_empty();
        state.asleep
    }

    /// Sender: moves all notices to the end of `into`; from here on nobody wakes it.
    pub(crate) fn take(&self, into: &mut Vec<T>) {
        let mut state = self.state.lock();
        state.asleep = false;
        into.append(&mut state.notices);
    }
}
