//! The machine's.

#![expect(clippy::disallowed_types, reason = "this is the one place")]

use std::time::Duration;

pub(crate) use parking_lot::MutexGuard;
pub(crate) use std::sync::atomic::Ordering;

// Types of our own rather than the standard library's by another name: so that a tool can tell the two apart.
super::atomics! { std::sync::atomic }

/// Mutual exclusion without poisoning: what a panic interrupts is put right by the owner's `Drop`.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(parking_lot::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }

    /// As [`lock`](Self::lock); but `None` if somebody holds it and `gone` says that they will never let it go.
    #[inline]
    pub(crate) fn lock_unless(&self, gone: impl FnOnce() -> bool) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Some(guard) => Some(guard),
            None if gone() => None,
            None => Some(self.0.lock()),
        }
    }

    #[cfg(test)]
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock()
    }
}

/// Lets threads wait for a change of what a [`Mutex`] guards. [`crate::time::Clock::wait`] is how to use it.
#[derive(Debug, Default)]
pub(crate) struct Condvar(parking_lot::Condvar);

#[cfg_attr(test, allow(dead_code, reason = "a watched one is made by default, and notifies all in its line"))]
impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    pub(crate) fn wait_for<'a, T>(&self, mut guard: MutexGuard<'a, T>, most: Duration) -> MutexGuard<'a, T> {
        self.0.wait_for(&mut guard, most);
        guard
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
