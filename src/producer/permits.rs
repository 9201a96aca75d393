//! The permits to compress. As many threads compress at a time as the machine has processors, each with a compressor that
//! is lent.
//!
//! A codec needs memory beside `buffer_memory`: up to 2.5 MiB, and the result. With a compressor for each of sixteen
//! threads, that would be more than the records take. More threads than processors gain nothing by compressing at once. No
//! thread waits for a permit, because `send` has a deadline and `try_send` must not wait. Without a permit the batch is
//! left to the sender, which has a compressor of its own.

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
    /// The compressors that are not in use.
    idle: Vec<Compressor>,
}

impl Permits {
    /// `most` permits at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::new(State::default()) }
    }

    /// As many permits as this machine has processors. With simulated time it is always the same number, so that a seed
    /// gives the same run on any machine.
    pub(super) fn by(clock: &Clock) -> Self {
        let processors =
            clock.is_the_machines().then(std::thread::available_parallelism).and_then(Result::ok);
        Self::new(processors.map_or(UNKNOWN, |count| count.get().min(MOST)))
    }

    /// A permit, unless all are taken.
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
    /// `None` while it is lent. A compressor that was lent when a panic came is lost.
    compressor: Option<Compressor>,
}

impl Permit<'_> {
    /// Runs `act` with a compressor, which is then kept for the next permit. This ends the permit.
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

/// If the number of processors is unknown or must not count.
const UNKNOWN: usize = 2;

/// With more, the compressors alone would take a large part of the usual `buffer_memory`.
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
