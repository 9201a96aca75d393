//! `SimpleBufferPool`: the memory of a producer.
//!
//! It has kafka-python's name and the behaviour of the Java client. All memory for records is reserved here first. If
//! nothing is left, threads wait in line. Memory goes to the *longest* waiter, and it gets all it needs: later ones never
//! overtake it, small requests can't starve a large one, and a waiter that gives up leaves the line at once (KAFKA-3651).
//!
//! A partition whose leader is stuck must not get all memory bit by bit, as it is returned. So a partition that has its
//! share waits behind those that do not, and leaves a reserve for them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::lifecycle::Lifecycle;
use crate::producer::kept::{Kept, Lot, Size};
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};
use crate::time::{Clock, Deadline};

/// `buffer_memory` bytes, given out as buffers. No other lock is taken while its lock is held, and no thread may hold a
/// lock while it waits here.
#[derive(Debug)]
pub(crate) struct SimpleBufferPool {
    total: usize,
    buffer_size: usize,
    lifecycle: Arc<Lifecycle>,
    /// A thread waits, or would wait if it were allowed, and nothing has been returned since. The sender reads it for each
    /// partition, so it is not under the lock.
    wanted: AtomicBool,
    state: Mutex<State>,
}

/// A partition, by its queue id.
pub(crate) type Holder = u32;

#[derive(Debug)]
struct State {
    /// The bytes that are neither given out nor kept for reuse.
    untouched: usize,
    kept: Kept,
    /// The bytes that each holder has. `None` if it never had any.
    held: Vec<Option<usize>>,
    /// The number of holders that ever had any bytes. A single holder need not leave a reserve.
    holders: usize,
    waiting: VecDeque<Waiter>,
    /// Given to waiters that were notified and have not taken it yet.
    granted: Vec<(u64, Lot)>,
    next_waiter_id: u64,
}

#[derive(Debug)]
struct Waiter {
    waiter_id: u64,
    holder: Holder,
    size: Size,
    condvar: Arc<Condvar>,
}

/// Why no buffer was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReserveError {
    /// Nothing is left, or other threads wait already.
    Exhausted,
    /// The deadline came first.
    TimedOut,
    Closed,
}

impl SimpleBufferPool {
    /// A pool of `total` bytes that keeps buffers of `buffer_size` for reuse.
    pub(crate) fn new(total: usize, buffer_size: usize, lifecycle: Arc<Lifecycle>) -> Arc<Self> {
        let state = State {
            untouched: total,
            kept: Kept::new(buffer_size),
            held: Vec::new(),
            holders: 0,
            waiting: VecDeque::new(),
            granted: Vec::new(),
            next_waiter_id: 0,
        };
        Arc::new(Self {
            total,
            buffer_size,
            lifecycle,
            wanted: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    pub(crate) fn buffer_size(&self) -> usize {
        self.buffer_size
    }

    /// Whether a thread waits for memory, or will ask for it again. Then batches should be sent.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// A buffer of `size`, if there is one at once.
    pub(crate) fn try_reserve(
        self: &Arc<Self>,
        holder: Holder,
        size: impl Into<Size>,
    ) -> Result<PooledBuffer, ReserveError> {
        let size = size.into();
        let mut state = self.state.lock();
        if !self.lifecycle.is_open() {
            return Err(ReserveError::Closed);
        }
        let lot = self.take_at_once(&mut state, holder, size).ok_or(ReserveError::Exhausted)?;
        drop(state);
        Ok(self.buffer(holder, lot))
    }

    /// A thread that may not wait will ask again. This stays set until memory is returned, and does nothing if none can be.
    /// `waiting` is called if it was not set before: a thread that asks again and again must not wake the sender each time.
    pub(crate) fn want(&self, waiting: impl FnOnce()) {
        let state = self.state.lock();
        let is_new = self.total > state.left() && self.is_newly_wanted();
        drop(state);
        if is_new {
            waiting();
        }
    }

    /// A buffer of `size`. It waits in line until `deadline`. `waiting` is called when the thread stands in line and is the
    /// first one there: the sender must hear of it only when it can see it.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        holder: Holder,
        size: impl Into<Size>,
        clock: &Clock,
        deadline: Deadline,
        waiting: impl FnOnce(),
    ) -> Result<PooledBuffer, ReserveError> {
        let size = size.into();
        debug_assert!(size.wanted <= self.total, "refused before: it would wait for ever");
        let mut state = self.state.lock();
        if !self.lifecycle.is_open() {
            return Err(ReserveError::Closed);
        }
        if let Some(lot) = self.take_at_once(&mut state, holder, size) {
            drop(state);
            return Ok(self.buffer(holder, lot));
        }
        let condvar = Arc::new(Condvar::new());
        let waiter_id = state.next_waiter_id;
        state.next_waiter_id += 1;
        state.waiting.push_back(Waiter { waiter_id, holder, size, condvar: Arc::clone(&condvar) });
        let is_new = self.is_newly_wanted();
        drop(state);
        if is_new {
            waiting();
        }
        let mut state = self.state.lock();
        loop {
            if let Some(lot) = state.collect(waiter_id) {
                drop(state);
                return Ok(self.buffer(holder, lot));
            }
            let failure = if !self.lifecycle.is_open() {
                Some(ReserveError::Closed)
            } else if deadline.has_passed(clock.now()) {
                Some(ReserveError::TimedOut)
            } else {
                None
            };
            if let Some(failure) = failure {
                state.waiting.retain(|waiter| waiter.waiter_id != waiter_id);
                // Memory that is too little for this thread may be enough for the next one.
                self.grant(&mut state);
                return Err(failure);
            }
            crate::sync::is_rare("memory wait");
            state = clock.wait(&condvar, state, deadline);
        }
    }

    /// Called under the lock, as everything that changes it.
    fn is_newly_wanted(&self) -> bool {
        let was_wanted = self.wanted.load(Ordering::SeqCst);
        self.wanted.store(true, Ordering::SeqCst);
        !was_wanted
    }

    /// The producer is closed: fails all threads that wait, and frees the memory that is kept for reuse. A thread that has
    /// seen the producer open and stands in line is notified under the same lock.
    pub(crate) fn wake(&self) {
        let mut state = self.state.lock();
        state.untouched = state.left();
        state.kept = Kept::new(self.buffer_size);
        for waiter in &state.waiting {
            waiter.condvar.notify_one();
        }
    }

    /// The bytes that are given out.
    pub(crate) fn used(&self) -> usize {
        let state = self.state.lock();
        self.total - state.left()
    }

    /// The bytes that each of `holders` has. In a forked child the lock may be held by a thread that does not exist there;
    /// then it is 0.
    pub(crate) fn held_by<const N: usize>(&self, holders: [Holder; N]) -> [usize; N] {
        match self.state.lock_unless(|| self.lifecycle.check_process().is_err()) {
            Some(state) => holders.map(|holder| state.held(holder)),
            None => [0; N],
        }
    }

    /// Whether this is a forked child.
    pub(crate) fn is_of_another_process(&self) -> bool {
        self.lifecycle.check_process().is_err()
    }

    /// The number of threads that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    fn buffer(self: &Arc<Self>, holder: Holder, Lot { charged, mut buffer }: Lot) -> PooledBuffer {
        // New buffers are allocated outside of the lock. A reused buffer has enough room.
        buffer.reserve_exact(charged);
        PooledBuffer { bytes: buffer, charged, holder, pool: Arc::clone(self) }
    }

    fn give_back(&self, holder: Holder, bytes: Vec<u8>, charged: usize) {
        let mut state = self.state.lock();
        if let Some(Some(held)) = state.held.get_mut(holder as usize) {
            *held -= charged;
        }
        if !self.lifecycle.is_open() || !state.kept.keep(bytes, charged) {
            state.untouched += charged;
        }
        self.grant(&mut state);
    }

    fn grant(&self, state: &mut MutexGuard<'_, State>) {
        while !state.waiting.is_empty() {
            // The longest waiter among those without a share. If all have their share, the longest waiter.
            let first = state.waiting.iter().position(|waiter| !self.has_share(state, waiter.holder));
            let first = first.unwrap_or(0);
            let Some(Waiter { holder, size, .. }) = state.waiting.get(first) else { return };
            let (holder, size) = (*holder, *size);
            if !self.may_take(state, holder, size) {
                return;
            }
            let lot = state.take(holder, size);
            if let Some(waiter) = state.waiting.remove(first) {
                state.granted.push((waiter.waiter_id, lot));
                waiter.condvar.notify_one();
            }
        }
        self.wanted.store(false, Ordering::SeqCst);
    }

    /// Unless a thread that comes first waits.
    fn take_at_once(&self, state: &mut MutexGuard<'_, State>, holder: Holder, size: Size) -> Option<Lot> {
        let comes_first =
            |waiter: &Waiter| self.has_share(state, holder) || !self.has_share(state, waiter.holder);
        if state.waiting.iter().any(comes_first) || !self.may_take(state, holder, size) {
            return None;
        }
        Some(state.take(holder, size))
    }

    fn has_share(&self, state: &State, holder: Holder) -> bool {
        state.held(holder) >= self.total / SHARES
    }

    fn may_take(&self, state: &State, holder: Holder, size: Size) -> bool {
        let left = state.left().checked_sub(size.wanted);
        let reserve =
            if self.has_share(state, holder) && state.holders > 1 { self.total / RESERVES } else { 0 };
        left.is_some_and(|left| left >= reserve)
    }
}

/// A partition has its share when it holds this part of all memory.
const SHARES: usize = 4;
/// This part is a reserve that partitions with a share do not get, unless there is no other partition.
const RESERVES: usize = 8;

impl State {
    /// The bytes that are not given out.
    fn left(&self) -> usize {
        self.untouched + self.kept.bytes()
    }

    fn held(&self, holder: Holder) -> usize {
        self.held.get(holder as usize).copied().flatten().unwrap_or(0)
    }

    /// Takes as much as is wanted; the caller knows that it is there. It takes less if that saves making a new buffer from
    /// others.
    fn take(&mut self, holder: Holder, size: Size) -> Lot {
        let lot = self.find(size);
        let index = holder as usize;
        if self.held.len() <= index {
            self.held.resize(index + 1, None);
        }
        self.holders += usize::from(self.held[index].is_none());
        self.held[index] = Some(self.held(holder) + lot.charged);
        lot
    }

    /// A buffer without room is allocated later.
    fn find(&mut self, size: Size) -> Lot {
        let wanted = size.wanted;
        let buffer = match self.kept.take(wanted) {
            Some(lot) if lot.charged == wanted => return lot,
            Some(lot) => {
                self.untouched += lot.charged;
                lot.buffer
            }
            None if self.untouched >= wanted => Vec::new(),
            None => match self.kept.take_less(size) {
                Some(lot) => return lot,
                None => Vec::new(),
            },
        };
        while self.untouched < wanted
            && let Some(lot) = self.kept.take_any()
        {
            self.untouched += lot.charged;
        }
        self.untouched -= wanted;
        Lot { charged: wanted, buffer }
    }

    fn collect(&mut self, waiter_id: u64) -> Option<Lot> {
        let at = self.granted.iter().position(|(granted, _)| *granted == waiter_id)?;
        Some(self.granted.swap_remove(at).1)
    }
}

/// Memory of the pool. It is returned when this is dropped.
#[derive(Debug)]
pub(crate) struct PooledBuffer {
    bytes: Vec<u8>,
    charged: usize,
    holder: Holder,
    pool: Arc<SimpleBufferPool>,
}

impl PooledBuffer {
    /// The number of bytes that can be added without exceeding what was reserved.
    pub(crate) fn room(&self) -> usize {
        self.charged.saturating_sub(self.bytes.len())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// For appending at most [`room`](Self::room) bytes.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// Puts `bytes`, which are fewer than `buffers` hold, into as many buffers as they need. The others are returned.
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

/// Puts `contents` in the place of `buffers`. The reservation is kept, and nothing is returned in between. If `contents`
/// are a few bytes larger, these are not charged.
pub(crate) fn replace(buffers: Vec<PooledBuffer>, contents: Vec<Vec<u8>>) -> Vec<PooledBuffer> {
    let Some(first) = buffers.first() else { return Vec::new() };
    let (pool, holder) = (Arc::clone(&first.pool), first.holder);
    let mut charged: usize = buffers.iter().map(|buffer| buffer.charged).sum();
    // With nothing charged, dropping them returns nothing.
    buffers.into_iter().for_each(|mut buffer| buffer.charged = 0);
    let last = contents.len().saturating_sub(1);
    let buffer = |(index, bytes): (usize, Vec<u8>)| {
        let share = if index == last { charged } else { charged.min(bytes.len()) };
        charged -= share;
        PooledBuffer { bytes, charged: share, holder, pool: Arc::clone(&pool) }
    };
    contents.into_iter().enumerate().map(buffer).collect()
}

/// As `replace`, for buffers that other code still holds and will return. Nothing is charged for `contents`.
pub(crate) fn beside(buffers: &[PooledBuffer], contents: Vec<Vec<u8>>) -> Vec<PooledBuffer> {
    let Some(PooledBuffer { pool, holder, .. }) = buffers.first() else { return Vec::new() };
    let buffer = |bytes| PooledBuffer { bytes, charged: 0, holder: *holder, pool: Arc::clone(pool) };
    contents.into_iter().map(buffer).collect()
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.give_back(self.holder, std::mem::take(&mut self.bytes), self.charged);
    }
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Limit;
    use crate::lifecycle::Closing;
    use crate::time::Instant;

    fn pool_of(total: usize, buffer_size: usize) -> Arc<SimpleBufferPool> {
        SimpleBufferPool::new(total, buffer_size, Arc::default())
    }

    fn now_and_never() -> (Clock, Deadline) {
        (Clock::System, Deadline::after(Clock::System.now(), Duration::ZERO))
    }

    #[test]
    fn what_is_dropped_comes_back() {
        let pool = pool_of(100, 40);
        let first = pool.try_reserve(0, 40).unwrap();
        let second = pool.try_reserve(0, 60).unwrap();
        assert_eq!(pool.used(), 100);
        assert_eq!(pool.try_reserve(0, 1).unwrap_err(), ReserveError::Exhausted);
        drop(first);
        assert_eq!(pool.used(), 60);
        drop(second);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_large_request_eats_the_buffers_kept_for_reuse() {
        let pool = pool_of(100, 40);
        drop((pool.try_reserve(0, 40).unwrap(), pool.try_reserve(0, 40).unwrap()));
        assert_eq!(pool.try_reserve(0, 100).unwrap().room(), 100);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_buffer_that_came_back_is_empty_and_not_allocated_again() {
        let pool = pool_of(100, 40);
        let mut first = pool.try_reserve(0, 40).unwrap();
        first.bytes_mut().extend_from_slice(b"abc");
        let place = first.bytes().as_ptr();
        drop(first);
        let second = pool.try_reserve(0, 40).unwrap();
        assert_eq!((second.bytes().as_ptr(), second.bytes().len()), (place, 0));
    }

    /// An allocator that sixteen threads use keeps twice as much memory as they use if each megabyte is freed.
    #[test]
    fn a_buffer_of_another_size_is_kept_for_who_needs_about_as_much() {
        let pool = pool_of(1000, 40);
        for (first, second, is_reused) in
            [(200, 200, true), (200, 180, true), (200, 150, false), (200, 201, false), (8, 8, true)]
        {
            let buffer = pool.try_reserve(0, first).unwrap();
            let place = buffer.bytes().as_ptr();
            drop(buffer);
            // So that no other buffer gets the same address.
            let between = Vec::<u8>::with_capacity(first);
            let buffer = pool.try_reserve(0, second).unwrap();
            assert_eq!(buffer.bytes().as_ptr() == place, is_reused, "{second} after {first}");
            assert!(buffer.room() == second && pool.used() == second);
            drop((buffer, between));
            // All memory can be used, whatever is kept for reuse.
            assert_eq!(pool.try_reserve(0, 1000).unwrap().room(), 1000);
            assert_eq!(pool.used(), 0);
            pool.wake();
        }
    }

    /// All memory can be used also if it is there in pieces that are too small. A piece that is of use is used as it is.
    #[test]
    fn a_smaller_buffer_is_used_as_it_is_if_the_one_that_is_wanted_would_have_to_be_made_of_others() {
        for (wanted, least, charged) in
            [(128, 10, 64), (128, 56, 64), (128, 60, 128), (128, 65, 128), (512, 10, 64), (520, 10, 520)]
        {
            let pool = pool_of(1024, 256);
            let size = Size { wanted, least };
            let first = pool.try_reserve(0, size).unwrap();
            assert_eq!(first.room(), wanted, "nobody has touched it");
            drop(first);
            pool.wake();
            let pieces: Vec<_> = (0..16).map(|_| pool.try_reserve(0, 64).unwrap()).collect();
            let places: Vec<_> = pieces.iter().map(|piece| piece.bytes().as_ptr()).collect();
            drop(pieces);
            let buffer = pool.try_reserve(0, size).unwrap();
            assert_eq!((buffer.room(), pool.used()), (charged, charged), "{wanted} or {least}");
            assert_eq!(pool.state.lock().held, [Some(charged)]);
            assert!(buffer.bytes.capacity() >= charged);
            assert!(charged > 64 || places.contains(&buffer.bytes().as_ptr()));
            drop(buffer);
            assert_eq!((pool.used(), pool.try_reserve(0, 1024).unwrap().room()), (0, 1024));
        }
    }

    /// A buffer that is charged for less each time it is given out must not stay.
    #[test]
    fn what_is_kept_is_never_much_larger_than_what_is_charged() {
        let pool = pool_of(1000, 40);
        let mut size = 1000;
        while size > 50 {
            let buffer = pool.try_reserve(0, size).unwrap();
            let capacity = buffer.bytes.capacity();
            assert!((size..=size + size / 8).contains(&capacity), "{capacity} bytes for {size}");
            drop(buffer);
            size -= size / 10;
        }
        let state = pool.state.lock();
        let (room, charged) = (state.kept.room(), state.kept.bytes());
        assert!(room <= charged + charged / 8 && state.left() == 1000, "room for {room} bytes is kept");
    }

    /// Many threads that wait, or one that asks again and again, wake the sender once.
    #[test]
    fn that_memory_is_wanted_is_told_once_until_some_comes_back() {
        let pool = pool_of(100, 100);
        let held = pool.try_reserve(0, 100).unwrap();
        let mut told = 0;
        for _ in 0..10 {
            pool.want(|| told += 1);
        }
        assert_eq!(told, 1);
        let (clock, deadline) = now_and_never();
        pool.reserve(0, 10, &clock, deadline, || told += 1).unwrap_err();
        assert_eq!(told, 1, "somebody had said so");
        pool.reserve(0, 10, &clock, deadline, || told += 1).unwrap_err();
        assert_eq!(told, 2, "who gives up takes it back");
        pool.want(|| told += 1);
        drop(held);
        pool.want(|| told += 1);
        assert_eq!(told, 3, "there is nothing that could come back");
        let _held = pool.try_reserve(0, 100).unwrap();
        pool.want(|| told += 1);
        assert_eq!(told, 4);
    }

    #[test]
    fn a_deadline_that_has_passed_does_not_wait_and_leaves_nobody_in_line() {
        let pool = pool_of(10, 10);
        let held = pool.try_reserve(0, 10).unwrap();
        let (clock, deadline) = now_and_never();
        assert_eq!(pool.reserve(0, 10, &clock, deadline, || ()).unwrap_err(), ReserveError::TimedOut);
        assert!(!pool.is_wanted());
        drop(held);
        assert!(pool.reserve(0, 10, &clock, deadline, || ()).is_ok(), "memory that is there needs no time");
    }

    #[test]
    fn closing_fails_who_waits_and_who_comes() {
        let pool = pool_of(10, 10);
        let held = pool.try_reserve(0, 10).unwrap();
        std::thread::scope(|scope| {
            let waiter =
                scope.spawn(|| pool.reserve(0, 10, &Clock::System, Deadline::NEVER, || ()).unwrap_err());
            while !pool.is_wanted() {
                std::thread::yield_now();
            }
            pool.lifecycle.close(Closing::after(Instant::ZERO, Limit::Close, None));
            pool.wake();
            assert_eq!(waiter.join().unwrap(), ReserveError::Closed);
        });
        assert_eq!(pool.try_reserve(0, 1).unwrap_err(), ReserveError::Closed);
        drop(held);
        assert_eq!(pool.used(), 0);
    }

    /// B27: a waiter that gives up blocks no other one, and later ones do not overtake.
    #[test]
    fn memory_goes_to_the_longest_waiter_and_round_one_that_gave_up() {
        let pool = pool_of(10, 10);
        let held = pool.try_reserve(0, 6).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let deadline = Deadline::after(Clock::System.now(), Duration::from_millis(30));
            let timed = &pool;
            let first =
                scope.spawn(move || timed.reserve(0, 8, &Clock::System, deadline, || ()).unwrap_err());
            while pool.state.lock().waiting.is_empty() {
                std::thread::yield_now();
            }
            let second = scope.spawn(|| {
                let _small = pool.reserve(0, 3, &Clock::System, Deadline::NEVER, || ()).unwrap();
                order.lock().push("second");
            });
            assert_eq!(pool.try_reserve(0, 1).unwrap_err(), ReserveError::Exhausted, "others wait already");
            assert_eq!(first.join().unwrap(), ReserveError::TimedOut);
            second.join().unwrap();
        });
        drop(held);
        assert_eq!(*order.lock(), ["second"]);
        assert_eq!((pool.used(), pool.is_wanted()), (0, false));
    }

    #[test]
    fn a_reservation_goes_over_to_what_takes_its_place() {
        let pool = pool_of(100, 40);
        let buffers = vec![pool.try_reserve(0, 40).unwrap(), pool.try_reserve(0, 40).unwrap()];
        let parts = replace(buffers, vec![vec![0; 10], vec![0; 25], vec![0; 41]]);
        assert_eq!(pool.used(), 80);
        // The last one has what is left.
        assert!(parts.iter().map(|part| part.charged).eq([10, 25, 45]));
        let beside = beside(&parts, vec![vec![7; 99], vec![8; 9]]);
        let held = beside.iter().map(|buffer| (buffer.bytes.as_slice(), buffer.charged));
        assert!(held.eq([(&[7; 99][..], 0), (&[8; 9][..], 0)]));
        drop(beside);
        assert_eq!(pool.used(), 80);
        drop(parts);
        assert_eq!(pool.used(), 0);
        assert_eq!(pool.try_reserve(0, 100).unwrap().room(), 100);
    }

    /// Memory that is returned goes past the partitions that have their share, and they leave a reserve.
    #[test]
    fn a_holder_that_has_its_share_waits_behind_those_that_have_not() {
        let pool = pool_of(80, 10);
        let stuck: Vec<_> = (0..7).map(|_| pool.try_reserve(0, 10).unwrap()).collect();
        let moving = pool.try_reserve(1, 10).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let wait = |holder| {
                drop(pool.reserve(holder, 10, &Clock::System, Deadline::NEVER, || ()).unwrap());
                order.lock().push(holder);
            };
            for (index, holder) in [0, 1].into_iter().enumerate() {
                scope.spawn(move || wait(holder));
                while pool.state.lock().waiting.len() <= index {
                    std::thread::yield_now();
                }
            }
            drop(moving);
            while order.lock().is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(*order.lock(), [1]);
            // Ten bytes are there, and they are the reserve.
            assert_eq!(pool.used(), 70);
            drop(pool.try_reserve(2, 10).unwrap());
            assert_eq!(pool.try_reserve(0, 1).unwrap_err(), ReserveError::Exhausted);
            drop(stuck);
        });
        assert_eq!(*order.lock(), [1, 0]);
        assert_eq!((pool.used(), pool.is_wanted()), (0, false));
    }

    #[test]
    fn who_has_always_been_alone_may_have_all_of_it() {
        let pool = pool_of(80, 10);
        let all: Vec<_> = (0..8).map(|_| pool.try_reserve(5, 10).unwrap()).collect();
        assert_eq!(pool.used(), 80);
        drop(all);
    }

    /// As the sender does it: memory is returned only when a thread is said to wait. So a thread that waits is always
    /// known, and in the end every thread gets memory, whatever the partitions hold.
    #[test]
    fn nobody_waits_for_ever_if_memory_comes_back_only_while_it_is_wanted() {
        let pool = pool_of(1000, 100);
        let handed_out = Mutex::new(Vec::new());
        let reserve = &|seed: u64| {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..3000 {
                let size = match random.u8(..8) {
                    0 => random.usize(900..=1000),
                    1..=3 => 100,
                    _ => random.usize(1..=300),
                };
                let deadline = match random.u8(..4) {
                    0 => Deadline::after(Clock::System.now(), Duration::from_micros(random.u64(..200))),
                    _ => Deadline::NEVER,
                };
                let holder = random.u32(..4);
                let size = Size { wanted: size, least: random.usize(1..=size) };
                match pool.reserve(holder, size, &Clock::System, deadline, || ()) {
                    Ok(buffer) => handed_out.lock().push(buffer),
                    Err(error) => {
                        assert_eq!((error, deadline == Deadline::NEVER), (ReserveError::TimedOut, false));
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            let users: Vec<_> = (0..6).map(|seed| scope.spawn(move || reserve(seed))).collect();
            let start = Clock::System.now();
            let mut random = fastrand::Rng::with_seed(9);
            while users.iter().any(|user| !user.is_finished()) {
                if pool.is_wanted() {
                    let mut buffers = handed_out.lock();
                    let at = random.usize(..buffers.len().max(1));
                    let back = (at < buffers.len()).then(|| buffers.swap_remove(at));
                    drop((buffers, back));
                } else {
                    std::thread::yield_now();
                }
                if Clock::System.now().since(start) > Duration::from_secs(60) {
                    eprintln!("{:?}", pool.state.lock());
                    std::process::abort();
                }
            }
        });
        handed_out.lock().clear();
        assert_eq!((pool.used(), pool.is_wanted()), (0, false));
        assert!(pool.state.lock().held.iter().all(|held| *held == Some(0)));
    }

    #[test]
    fn many_threads_with_sizes_of_all_kinds_leave_the_pool_whole() {
        let pool = pool_of(1000, 100);
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let pool = &pool;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    for _ in 0..2000 {
                        let size = if random.bool() { 100 } else { random.usize(1..=1000) };
                        let timeout = Duration::from_micros(random.u64(..200));
                        let deadline = Deadline::after(Clock::System.now(), timeout);
                        let size = Size { wanted: size, least: random.usize(1..=size) };
                        drop(pool.reserve(seed as Holder % 3, size, &Clock::System, deadline, || ()));
                    }
                });
            }
        });
        assert_eq!(pool.used(), 0);
        assert!(pool.state.lock().granted.is_empty() && pool.state.lock().waiting.is_empty());
        assert_eq!(pool.state.lock().held, [Some(0), Some(0), Some(0)]);
        assert!(!pool.is_wanted());
    }
}
