//! The batches that have no result yet, and the failures that nobody has looked at: what `flush` and `close` wait for
//! and report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{DeliveryReport, Error};
use crate::producer::future::ResultSlot;
use crate::sync::{Condvar, Mutex};
use crate::time::{Clock, Deadline};

/// Batches by the order of their creation.
#[derive(Default)]
pub(crate) struct Unfinished {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    /// With the number of parts that each still has.
    batches: BTreeMap<u64, (Arc<ResultSlot>, usize)>,
    /// Completed with an error since the last report.
    failed: Vec<Arc<ResultSlot>>,
    /// Failures squeezed out of `failed` before anybody asked.
    forgotten: Option<(u64, Error)>,
    waiting: u32,
}

impl Unfinished {
    pub(crate) fn enter(&self, slot: Arc<ResultSlot>) -> u64 {
        let mut state = self.state.lock();
        let ticket = state.next;
        state.next += 1;
        state.batches.insert(ticket, (slot, 1));
        ticket
    }

    /// A batch was cut up: it leaves when each of its parts has left.
    pub(crate) fn split(&self, ticket: u64, parts: usize) {
        if let Some((_, left)) = self.state.lock().batches.get_mut(&ticket) {
            *left += parts.saturating_sub(1);
        }
    }

    pub(crate) fn leave(&self, ticket: u64, failed: Option<&Arc<ResultSlot>>) {
        let mut state = self.state.lock();
        let was_first = state.batches.first_key_value().is_some_and(|(first, _)| *first == ticket);
        let is_over = match state.batches.get_mut(&ticket) {
            Some((_, left)) if *left > 1 => {
                *left -= 1;
                false
            }
            _ => state.batches.remove(&ticket).is_some(),
        };
        if let Some(slot) = failed {
            state.remember(slot);
        }
        // Whoever waits, waits for the oldest.
        let notify = was_first && is_over && state.waiting > 0;
        drop(state);
        if notify {
            self.changed.notify_all();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().batches.is_empty()
    }

    /// Waits until every batch that is here now has left, then says what failed since the last time.
    pub(crate) fn wait(
        &self,
        clock: &Clock,
        deadline: Deadline,
        timeout: Option<Duration>,
    ) -> Result<(), DeliveryReport> {
        let mut state = self.state.lock();
        let until = state.next;
        let timed_out = loop {
            if state.batches.first_key_value().is_none_or(|(first, _)| *first >= until) {
                break None;
            }
            if deadline.has_passed(clock.now()) {
                break timeout;
            }
            state.waiting += 1;
            state = clock.wait(&self.changed, state, deadline);
            state.waiting -= 1;
        };
        let pending = match timed_out {
            None => Vec::new(),
            Some(_) => state.batches.range(..until).map(|(_, (slot, _))| slot.place().clone()).collect(),
        };
        let (failed, forgotten) = (std::mem::take(&mut state.failed), state.forgotten.take());
        drop(state);
        let (mut count, mut first_error) = forgotten.map_or((0, None), |(count, error)| (count, Some(error)));
        for (overlooked, error) in failed.iter().filter_map(|slot| slot.overlooked_failures()) {
            count += overlooked;
            first_error.get_or_insert(error);
        }
        if timed_out.is_none() && count == 0 {
            return Ok(());
        }
        let pending = pending.iter().map(|place| (Arc::clone(&place.topic), place.partition)).collect();
        Err(DeliveryReport { failed: count, first_error, pending, timed_out })
    }
}

impl State {
    fn remember(&mut self, slot: &Arc<ResultSlot>) {
        // A program that never flushes must not pay for it for ever.
        const MOST: usize = 1024;
        if self.failed.len() == MOST {
            for slot in self.failed.drain(..) {
                if let Some((overlooked, error)) = slot.overlooked_failures() {
                    self.forgotten.get_or_insert((0, error)).0 += overlooked;
                }
            }
        }
        self.failed.push(Arc::clone(slot));
    }
}
