//! Who may compress: as many threads at a time as the machine has processors, each with a compressor that is lent.
//!
//! What a codec needs lies outside of `buffer_memory`: up to 2.5 MiB, and the result. With one for each thread that sends,
//! sixteen threads have more of that than of records. More threads than processors gain nothing by compressing at once.
//! The sender's thread takes no turn, as it must not wait: it has a compressor of its own.

use crate::record::{Compressor, lend_compressor};
use crate::sync::{Condvar, Mutex};
use crate::time::{Clock, Deadline};

pub(super) struct Turns {
    most: usize,
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// Of those whose turn is over.
    idle: Vec<Compressor>,
}

impl Turns {
    /// `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::new(State::default()), free: Condvar::new() }
    }

    /// By the processors of this machine; where time is made up, always the same, so that a seed means the same anywhere.
    pub(super) fn by(clock: &Clock) -> Self {
        let processors =
            clock.is_the_machines().then(std::thread::available_parallelism).and_then(Result::ok);
        Self::new(processors.map_or(UNKNOWN, |count| count.get().min(MOST)))
    }

    /// Waits for a turn, and does `act` with a compressor that stays for the next one. Nobody who holds a lock may wait here.
    pub(super) fn take<R>(&self, clock: &Clock, act: impl FnOnce() -> R) -> R {
        let mut state = self.state.lock();
        while state.taken >= self.most {
            state = clock.wait(&self.free, state, Deadline::NEVER);
        }
        state.taken += 1;
        let compressor = state.idle.pop();
        drop(state);
        let mut turn = Turn { turns: self, compressor };
        let (result, compressor) = lend_compressor(turn.compressor.take().unwrap_or_default(), act);
        turn.compressor = Some(compressor);
        result
    }
}

struct Turn<'a> {
    turns: &'a Turns,
    /// `None` while it is lent; one that a panic left half-way is gone.
    compressor: Option<Compressor>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state.lock();
        state.taken -= 1;
        state.idle.extend(self.compressor.take());
        drop(state);
        self.turns.free.notify_one();
    }
}

/// Where the processors can't be counted, or must not count.
const UNKNOWN: usize = 2;

/// Beyond these the compressors alone would take a large part of what `buffer_memory` usually is.
const MOST: usize = 16;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn no_more_than_so_many_are_inside_and_everybody_gets_in() {
        let (turns, inside) = (Turns::new(2), Mutex::new((0, 0, 0)));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        turns.take(&Clock::System, || {
                            let mut state = inside.lock();
                            state.0 += 1;
                            state.1 = state.1.max(state.0);
                            drop(state);
                            std::thread::yield_now();
                            inside.lock().0 -= 1;
                        });
                        inside.lock().2 += 1;
                    }
                });
            }
        });
        let (left, most, all) = *inside.lock();
        assert_eq!((left, all), (0, 1600));
        assert!((1..=2).contains(&most), "{most} at once");
        assert!(turns.state.lock().idle.len() <= 2);
    }

    #[test]
    fn where_time_is_made_up_it_is_the_same_number_on_each_machine() {
        assert_eq!(Turns::by(&Clock::Simulated).most, 2);
        assert_eq!(Turns::by(&Clock::Manual(Default::default())).most, 2);
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!(Turns::by(&Clock::System).most, processors.min(16));
    }

    #[test]
    fn a_panic_ends_the_turn() {
        let turns = Arc::new(Turns::new(1));
        let inside = Arc::clone(&turns);
        std::thread::spawn(move || inside.take(&Clock::System, || panic!("on purpose"))).join().unwrap_err();
        assert_eq!(turns.take(&Clock::System, || 7), 7);
        assert_eq!(turns.state.lock().taken, 0);
    }
}
