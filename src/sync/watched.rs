//! Locks and condition variables for tests: a [`schedule`](super::schedule) may decide who gets them and when, and a
//! clock that is moved by hand may end a wait. On a thread without a schedule they are what they are made of.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use super::base;
use super::schedule::{self, Number, On};

#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    inner: base::Mutex<T>,
    number: Number,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { inner: base::Mutex::new(value), number: Number::default() }
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let Some(me) = schedule::me() else {
            return MutexGuard { mutex: self, inner: Some(self.inner.lock()) };
        };
        me.point();
        loop {
            if let Some(inner) = self.inner.try_lock() {
                me.has_locked(&self.number);
                return MutexGuard { mutex: self, inner: Some(inner) };
            }
            if !me.park(On::Lock, &self.number, None).is_scheduled() {
                return MutexGuard { mutex: self, inner: Some(self.inner.lock()) };
            }
        }
    }

    #[track_caller]
    pub(crate) fn lock_unless(&self, gone: impl FnOnce() -> bool) -> Option<MutexGuard<'_, T>> {
        match schedule::me() {
            // A simulated run is one process.
            Some(_) => Some(self.lock()),
            None => Some(MutexGuard { mutex: self, inner: Some(self.inner.lock_unless(gone)?) }),
        }
    }
}

pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// `None` only on the way out.
    inner: Option<base::MutexGuard<'a, T>>,
}

impl<'a, T> MutexGuard<'a, T> {
    /// Unlocks without giving another thread its turn, and says what was locked.
    fn open(mut self) -> &'a Mutex<T> {
        drop(self.inner.take());
        self.mutex
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().expect("it is locked as long as the guard can be reached")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("it is locked as long as the guard can be reached")
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.inner.take().is_some()
            && let Some(me) = schedule::me()
        {
            me.has_unlocked(&self.mutex.number);
            me.point();
        }
    }
}

/// Whoever waits stands in line with a ticket. So a clock can end one wait, also one that has not quite begun: the
/// ticket is there before the lock is given up.
#[derive(Debug, Default)]
pub(crate) struct Condvar {
    line: Arc<Line>,
    number: Number,
}

#[derive(Debug, Default)]
struct Line {
    tickets: base::Mutex<Tickets>,
    changed: base::Condvar,
}

#[derive(Debug, Default)]
struct Tickets {
    next: u64,
    waiting: VecDeque<u64>,
}

/// Ends one wait.
#[derive(Debug)]
pub(crate) struct Alarm {
    line: Arc<Line>,
    ticket: u64,
}

impl Alarm {
    pub(crate) fn ring(self) {
        self.line.tickets.lock().waiting.retain(|ticket| *ticket != self.ticket);
        self.line.changed.notify_all();
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    #[track_caller]
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        match schedule::me() {
            Some(_) => self.wait_until(guard, None),
            None => self.stand(guard, None, |_| true),
        }
    }

    pub(crate) fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, most: Duration) -> MutexGuard<'a, T> {
        self.stand(guard, Some(most), |_| true)
    }

    /// Under a schedule: until a time of its own, in nanoseconds; `None` is for ever.
    #[track_caller]
    pub(crate) fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<u64>,
    ) -> MutexGuard<'a, T> {
        let me = schedule::me().expect("a wait in simulated time");
        // Nobody else runs between the two, so no notification is lost.
        let mutex = guard.open();
        me.has_unlocked(&mutex.number);
        me.park(On::Condvar, &self.number, deadline);
        mutex.lock()
    }

    /// Until it is notified or the alarm rings. `set` says whether there is anything to wait for.
    pub(crate) fn wait_for_alarm<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        set: impl FnOnce(Alarm) -> bool,
    ) -> MutexGuard<'a, T> {
        self.stand(guard, None, set)
    }

    pub(crate) fn notify_one(&self) {
        if let Some(me) = schedule::me() {
            return me.notify(&self.number, false);
        }
        self.line.tickets.lock().waiting.pop_front();
        self.line.changed.notify_all();
    }

    pub(crate) fn notify_all(&self) {
        if let Some(me) = schedule::me() {
            return me.notify(&self.number, true);
        }
        self.line.tickets.lock().waiting.clear();
        self.line.changed.notify_all();
    }

    fn stand<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        most: Option<Duration>,
        set: impl FnOnce(Alarm) -> bool,
    ) -> MutexGuard<'a, T> {
        let mut tickets = self.line.tickets.lock();
        let ticket = tickets.next;
        tickets.next += 1;
        tickets.waiting.push_back(ticket);
        if !set(Alarm { line: Arc::clone(&self.line), ticket }) {
            tickets.waiting.retain(|waiting| *waiting != ticket);
            return guard;
        }
        let mutex = guard.open();
        while tickets.waiting.contains(&ticket) {
            tickets = match most {
                None => self.line.changed.wait(tickets),
                Some(most) => {
                    let mut tickets = self.line.changed.wait_for(tickets, most);
                    tickets.waiting.retain(|waiting| *waiting != ticket);
                    tickets
                }
            };
        }
        drop(tickets);
        mutex.lock()
    }
}
