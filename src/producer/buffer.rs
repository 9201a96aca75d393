//! `SimpleBufferPool`: the memory budget.
//!
//! kafka-python's name with the Java client's semantics: every byte that waits to be sent is reserved here first, and
//! who comes when nothing is left waits in line. Memory goes to the *longest* waiter, whole: a newcomer never
//! overtakes, a large request can't be starved by small ones, and a waiter that gives up makes way at once
//! (KAFKA-3651).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use crate::time::{Clock, Deadline};

/// `buffer_memory` bytes, handed out as buffers. A leaf lock: nothing else is locked while it is held, and nobody may
/// hold a lock while waiting here.
#[derive(Debug)]
pub(crate) struct SimpleBufferPool {
    total: usize,
    buffer_size: usize,
    /// Somebody waits. The sender asks for each partition it looks at, so it is apart from the lock.
    wanted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes neither handed out nor lying in `free`.
    untouched: usize,
    /// Buffers of `buffer_size` that came back.
    free: Vec<Vec<u8>>,
    waiting: VecDeque<Waiter>,
    /// Reserved for a waiter that has been told but not looked yet.
    granted: Vec<(u64, Option<Vec<u8>>)>,
    next_ticket: u64,
    closed: bool,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    size: usize,
    turn: Arc<Condvar>,
}

/// Why no buffer was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReserveError {
    /// Nothing is left, or others wait already.
    Exhausted,
    /// The deadline came first.
    TimedOut,
    Closed,
}

impl SimpleBufferPool {
    /// A pool of `total` bytes that keeps buffers of `buffer_size` for the next one who asks.
    pub(crate) fn new(total: usize, buffer_size: usize) -> Arc<Self> {
        let state = State {
            untouched: total,
            free: Vec::new(),
            waiting: VecDeque::new(),
            granted: Vec::new(),
            next_ticket: 0,
            closed: false,
        };
        Arc::new(Self { total, buffer_size, wanted: AtomicBool::new(false), state: Mutex::new(state) })
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    pub(crate) fn buffer_size(&self) -> usize {
        self.buffer_size
    }

    /// Whether somebody waits for memory: what could go, should.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// A buffer of `size` bytes, if it can be had at once.
    pub(crate) fn try_reserve(self: &Arc<Self>, size: usize) -> Result<PooledBuffer, ReserveError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(ReserveError::Closed);
        }
        if !state.waiting.is_empty() || !state.has(size, self.buffer_size) {
            return Err(ReserveError::Exhausted);
        }
        let reused = state.take(size, self.buffer_size);
        drop(state);
        Ok(self.buffer(size, reused))
    }

    /// A buffer of `size` bytes, waiting in line for it until `deadline`. `waiting` is called once it stands in line:
    /// whoever can make room must hear of it when it shows, not before.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        size: usize,
        clock: &Clock,
        deadline: Deadline,
        waiting: impl FnOnce(),
    ) -> Result<PooledBuffer, ReserveError> {
        debug_assert!(size <= self.total, "refused before: it would wait for ever");
        let mut state = self.state.lock();
        if !state.closed && state.waiting.is_empty() && state.has(size, self.buffer_size) {
            let reused = state.take(size, self.buffer_size);
            drop(state);
            return Ok(self.buffer(size, reused));
        }
        let turn = Arc::new(Condvar::new());
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push_back(Waiter { ticket, size, turn: Arc::clone(&turn) });
        self.wanted.store(true, Ordering::SeqCst);
        drop(state);
        waiting();
        let mut state = self.state.lock();
        loop {
            if let Some(reused) = state.collect(ticket) {
                drop(state);
                return Ok(self.buffer(size, reused));
            }
            let failure = if state.closed {
                Some(ReserveError::Closed)
            } else if deadline.has_passed(clock.now()) {
                Some(ReserveError::TimedOut)
            } else {
                None
            };
            if let Some(failure) = failure {
                state.waiting.retain(|waiter| waiter.ticket != ticket);
                // What is too little for this one may be enough for the next.
                self.grant(&mut state);
                return Err(failure);
            }
            state = clock.wait(&turn, state, deadline);
        }
    }

    /// Fails everybody who waits, and whoever comes.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.untouched += state.free.len() * self.buffer_size;
        state.free = Vec::new();
        for waiter in &state.waiting {
            waiter.turn.notify_one();
        }
    }

    /// Bytes handed out.
    pub(crate) fn used(&self) -> usize {
        let state = self.state.lock();
        self.total - state.untouched - state.free.len() * self.buffer_size
    }

    /// Lets every waiter look at the time again, for models in which time does not pass by itself.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn nudge(&self) {
        for waiter in &self.state.lock().waiting {
            waiter.turn.notify_one();
        }
    }

    fn buffer(self: &Arc<Self>, size: usize, reused: Option<Vec<u8>>) -> PooledBuffer {
        let bytes = reused.unwrap_or_else(|| Vec::with_capacity(size));
        PooledBuffer { bytes, charged: size, pool: Arc::clone(self) }
    }

    fn give_back(&self, mut bytes: Vec<u8>, charged: usize) {
        let mut state = self.state.lock();
        // What came by another way than from here may have less capacity than it was charged for.
        if charged == self.buffer_size && bytes.capacity() >= charged && !state.closed {
            bytes.clear();
            state.free.push(bytes);
        } else {
            state.untouched += charged;
        }
        self.grant(&mut state);
    }

    fn grant(&self, state: &mut MutexGuard<'_, State>) {
        while let Some(size) = state.waiting.front().map(|waiter| waiter.size) {
            if !state.has(size, self.buffer_size) {
                return;
            }
            let reused = state.take(size, self.buffer_size);
            if let Some(waiter) = state.waiting.pop_front() {
                state.granted.push((waiter.ticket, reused));
                waiter.turn.notify_one();
            }
        }
        self.wanted.store(false, Ordering::SeqCst);
    }
}

impl State {
    fn has(&self, size: usize, buffer_size: usize) -> bool {
        self.untouched + self.free.len() * buffer_size >= size
    }

    /// Takes `size` bytes, of which the caller knows that they are there.
    fn take(&mut self, size: usize, buffer_size: usize) -> Option<Vec<u8>> {
        if size == buffer_size
            && let Some(buffer) = self.free.pop()
        {
            return Some(buffer);
        }
        while self.untouched < size && self.free.pop().is_some() {
            self.untouched += buffer_size;
        }
        self.untouched -= size;
        None
    }

    fn collect(&mut self, ticket: u64) -> Option<Option<Vec<u8>>> {
        let at = self.granted.iter().position(|(granted, _)| *granted == ticket)?;
        Some(self.granted.swap_remove(at).1)
    }
}

/// Memory of the pool's. It goes back when this is dropped, wherever that is.
#[derive(Debug)]
pub(crate) struct PooledBuffer {
    bytes: Vec<u8>,
    charged: usize,
    pool: Arc<SimpleBufferPool>,
}

impl PooledBuffer {
    /// What can still be put in without outgrowing what was reserved.
    pub(crate) fn room(&self) -> usize {
        self.charged.saturating_sub(self.bytes.len())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// For appending no more than [`room`](Self::room).
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// Puts `bytes`, which are fewer than `buffers` hold, into as many of them as that takes; the others go back.
pub(crate) fn refill(mut buffers: Vec<PooledBuffer>, mut bytes: &[u8]) -> Vec<PooledBuffer> {
    let mut needed = 0;
    for buffer in &mut buffers {
        if bytes.is_empty() {
            break;
        }
        buffer.bytes.clear();
        let (here, rest) = bytes.split_at(buffer.charged.min(bytes.len()));
        buffer.bytes.extend_from_slice(here);
        bytes = rest;
        needed += 1;
    }
    buffers.truncate(needed);
    buffers
}

/// Puts `contents` in the place of what `buffers` held: the reservation goes over, nothing is given back between.
/// What is larger than all of it together, by a few bytes at the most, is not charged.
pub(crate) fn replace(buffers: Vec<PooledBuffer>, contents: Vec<Vec<u8>>) -> Vec<PooledBuffer> {
    let Some(pool) = buffers.first().map(|buffer| Arc::clone(&buffer.pool)) else { return Vec::new() };
    let mut charged: usize = buffers.iter().map(|buffer| buffer.charged).sum();
    // Dropped with nothing charged, they give nothing back.
    buffers.into_iter().for_each(|mut buffer| buffer.charged = 0);
    let last = contents.len().saturating_sub(1);
    let buffer = |(index, bytes): (usize, Vec<u8>)| {
        let share = if index == last { charged } else { charged.min(bytes.len()) };
        charged -= share;
        PooledBuffer { bytes, charged: share, pool: Arc::clone(&pool) }
    };
    contents.into_iter().enumerate().map(buffer).collect()
}

/// The same for buffers that somebody else still holds, and will give back: nothing is left to charge.
pub(crate) fn beside(buffers: &[PooledBuffer], contents: Vec<Vec<u8>>) -> Vec<PooledBuffer> {
    let Some(pool) = buffers.first().map(|buffer| &buffer.pool) else { return Vec::new() };
    contents.into_iter().map(|bytes| PooledBuffer { bytes, charged: 0, pool: Arc::clone(pool) }).collect()
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes), self.charged);
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now_and_never() -> (Clock, Deadline) {
        (Clock::System, Deadline::after(Clock::System.now(), Duration::ZERO))
    }

    #[test]
    fn what_is_dropped_comes_back() {
        let pool = SimpleBufferPool::new(100, 40);
        let first = pool.try_reserve(40).unwrap();
        let second = pool.try_reserve(60).unwrap();
        assert_eq!(pool.used(), 100);
        assert_eq!(pool.try_reserve(1).unwrap_err(), ReserveError::Exhausted);
        drop(first);
        assert_eq!(pool.used(), 60);
        drop(second);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_large_request_eats_the_buffers_kept_for_reuse() {
        let pool = SimpleBufferPool::new(100, 40);
        drop((pool.try_reserve(40).unwrap(), pool.try_reserve(40).unwrap()));
        assert_eq!(pool.try_reserve(100).unwrap().room(), 100);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_buffer_that_came_back_is_empty_and_not_allocated_again() {
        let pool = SimpleBufferPool::new(100, 40);
        let mut first = pool.try_reserve(40).unwrap();
        first.bytes_mut().extend_from_slice(b"abc");
        let place = first.bytes().as_ptr();
        drop(first);
        let second = pool.try_reserve(40).unwrap();
        assert_eq!((second.bytes().as_ptr(), second.bytes().len()), (place, 0));
    }

    #[test]
    fn a_deadline_that_has_passed_does_not_wait_and_leaves_nobody_in_line() {
        let pool = SimpleBufferPool::new(10, 10);
        let held = pool.try_reserve(10).unwrap();
        let (clock, deadline) = now_and_never();
        assert_eq!(pool.reserve(10, &clock, deadline, || ()).unwrap_err(), ReserveError::TimedOut);
        assert!(!pool.is_wanted());
        drop(held);
        assert!(pool.reserve(10, &clock, deadline, || ()).is_ok(), "memory that is there needs no time");
    }

    #[test]
    fn closing_fails_who_waits_and_who_comes() {
        let pool = SimpleBufferPool::new(10, 10);
        let held = pool.try_reserve(10).unwrap();
        std::thread::scope(|scope| {
            let waiter =
                scope.spawn(|| pool.reserve(10, &Clock::System, Deadline::NEVER, || ()).unwrap_err());
            while !pool.is_wanted() {
                std::thread::yield_now();
            }
            pool.close();
            assert_eq!(waiter.join().unwrap(), ReserveError::Closed);
        });
        assert_eq!(pool.try_reserve(1).unwrap_err(), ReserveError::Closed);
        drop(held);
        assert_eq!(pool.used(), 0);
    }

    /// B27: a waiter at the head that gives up blocks nobody, and newcomers do not overtake.
    #[test]
    fn memory_goes_to_the_longest_waiter_and_round_one_that_gave_up() {
        let pool = SimpleBufferPool::new(10, 10);
        let held = pool.try_reserve(6).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let deadline = Deadline::after(Clock::System.now(), Duration::from_millis(30));
            let timed = &pool;
            let first = scope.spawn(move || timed.reserve(8, &Clock::System, deadline, || ()).unwrap_err());
            while pool.state.lock().waiting.is_empty() {
                std::thread::yield_now();
            }
            let second = scope.spawn(|| {
                let _small = pool.reserve(3, &Clock::System, Deadline::NEVER, || ()).unwrap();
                order.lock().push("second");
            });
            assert_eq!(pool.try_reserve(1).unwrap_err(), ReserveError::Exhausted, "others wait already");
            assert_eq!(first.join().unwrap(), ReserveError::TimedOut);
            second.join().unwrap();
        });
        drop(held);
        assert_eq!(*order.lock(), ["second"]);
        assert_eq!((pool.used(), pool.is_wanted()), (0, false));
    }

    #[test]
    fn a_reservation_goes_over_to_what_takes_its_place() {
        let pool = SimpleBufferPool::new(100, 40);
        let buffers = vec![pool.try_reserve(40).unwrap(), pool.try_reserve(40).unwrap()];
        let parts = replace(buffers, vec![vec![0; 10], vec![0; 25], vec![0; 41]]);
        assert_eq!(pool.used(), 80);
        assert!(beside(&parts, vec![vec![0; 99]]).iter().all(|buffer| buffer.room() == 0));
        assert_eq!(pool.used(), 80);
        drop(parts);
        assert_eq!(pool.used(), 0);
        assert_eq!(pool.try_reserve(100).unwrap().room(), 100);
    }

    #[test]
    fn many_threads_with_sizes_of_all_kinds_leave_the_pool_whole() {
        let pool = SimpleBufferPool::new(1000, 100);
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let pool = &pool;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    for _ in 0..2000 {
                        let size = if random.bool() { 100 } else { random.usize(1..=1000) };
                        let timeout = Duration::from_micros(random.u64(..200));
                        let deadline = Deadline::after(Clock::System.now(), timeout);
                        drop(pool.reserve(size, &Clock::System, deadline, || ()));
                    }
                });
            }
        });
        assert_eq!(pool.used(), 0);
        assert!(pool.state.lock().granted.is_empty() && pool.state.lock().waiting.is_empty());
        assert!(!pool.is_wanted());
    }
}
