//! What waits to go out of a connection.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// What a connection is to do next.
#[derive(Debug)]
pub(super) enum Outgoing {
    Write(Vec<u8>),
    Close,
    /// Close it in a way that the peer takes for an error.
    Reset,
}

/// In order: what comes later waits for what is not to go yet.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Waiting>);

#[derive(Debug)]
struct Waiting {
    outgoing: Outgoing,
    /// Not before.
    due: Option<Instant>,
    /// Not before it is released.
    held: bool,
}

impl Queue {
    pub(super) fn push(&mut self, outgoing: Outgoing, due: Option<Instant>, held: bool) {
        self.0.push_back(Waiting { outgoing, due, held });
    }

    /// What may go now.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Outgoing> {
        let may_go = |waiting: &Waiting| !waiting.held && waiting.due.is_none_or(|due| due <= now);
        let count = self.0.iter().take_while(|waiting| may_go(waiting)).count();
        self.0.drain(..count).map(|waiting| waiting.outgoing).collect()
    }

    /// When the first may go, if nothing but time is missing.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.front().filter(|waiting| !waiting.held)?.due
    }

    pub(super) fn release(&mut self) {
        self.0.iter_mut().for_each(|waiting| waiting.held = false);
    }
}

/// An answer in pieces, and when each is due.
pub(super) fn pieces(
    frame: &[u8],
    bytes: usize,
    first: Instant,
    every: Duration,
) -> impl Iterator<Item = (Outgoing, Instant)> {
    let mut due = first;
    frame.chunks(bytes).map(move |piece| {
        let at = due;
        due = due + every;
        (Outgoing::Write(piece.to_vec()), at)
    })
}
