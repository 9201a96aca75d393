//! Which threads compress: as many at a time as the machine has processors, each with a compressor that is lent.
//!
//! What a codec needs lies outside of `buffer_memory`: up to 2.5 MiB, and the result. With one for each thread that sends,
//! sixteen threads have more of that than of records. More threads than processors gain nothing by compressing at once.
//! Nobody waits for a turn, as `send` has a deadline and `try_send` must not wait: without one the batch is left to the
//! sender, which has a compressor of its own.

use crate::record::{Compressor, lend_compressor};
use crate::sync::Mutex;
use crate::time::Clock;

pub(super) struct Permits {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// Of those whose turn is over.
    idle: Vec<Compressor>,
}

impl Permits {
    /// `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::new(State::default()) }
    }

    /// By the processors of this machine; where time is made up, always the same, so that a seed means the same anywhere.
    pub(super) fn by(clock: &Clock) -> Self {
        let processors =
            clock.is_the_machines().then(std::thread::available_parallelism).and_then(Result::ok);
        Self::new(processors.map_or(UNKNOWN, |count| count.get().min(MOST)))
    }

    /// A turn, unless all are taken.
    pub(super) fn try_take(&self) -> Option<Permit<'_>> {
        let mut state = self.state.lock();
        if state.taken >= self.most {
            return None;
        }
        state.taken += 1;
        Some(Permit { permits: self, compressor: Some(state.idle.pop().unwrap_or_default()) })
    }
}

pub(super) struct Permit<'a> {
    permits: &'a Permits,
    /// `None` while it is lent; one that a panic left half-way is gone.
    compressor: Option<Compressor>,
}

impl Permit<'_> {
    /// Does `act` with a compressor that stays for the next one. The turn is over then.
    pub(super) fn act<R>(mut self, act: impl FnOnce() -> R) -> R {
        let (result, compressor) = lend_compressor(self.compressor.take().unwrap_or_default(), act);
        self.compressor = Some(compressor);
        result
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.permits.state.lock();
        state.taken -= 1;
        state.idle.extend(self.compressor.take());
    }
}

/// Where the processors can't be counted, or must not count.
const UNKNOWN: usize = 2;

/// Beyond these the compressors alone would take a large part of what `buffer_memory` usually is.
const MOST: usize = 16;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_turns_and_who_has_had_one_leaves_it_to_others() {
        let permits = Permits::new(2);
        let (first, second) = (permits.try_take().unwrap(), permits.try_take().unwrap());
        assert!(permits.try_take().is_none());
        assert_eq!(first.act(|| 7), 7);
        let third = permits.try_take();
        assert!(third.is_some() && permits.try_take().is_none());
        drop((second, third));
        let state = permits.state.lock();
        assert_eq!((state.taken, state.idle.len()), (0, 2), "the compressors are kept");
    }

    #[test]
    fn a_panic_ends_the_turn() {
        let permits = Permits::new(1);
        let permit = permits.try_take().unwrap();
        let act = std::panic::AssertUnwindSafe(|| permit.act(|| panic!("on purpose")));
        std::panic::catch_unwind(act).unwrap_err();
        assert_eq!(permits.try_take().unwrap().act(|| 7), 7);
    }
}
