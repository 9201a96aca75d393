//! A model checker's.

#![expect(clippy::disallowed_types, reason = "this is the one place")]

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(loom)]
use loom::sync as model;
#[cfg(shuttle)]
use shuttle::sync as model;

pub(crate) use model::MutexGuard;
pub(crate) use model::atomic::Ordering;

super::atomics! { model::atomic }

#[derive(Debug)]
pub(crate) struct Mutex<T>(model::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(model::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inside a model there is one process.
    pub(crate) fn lock_unless(&self, _gone: impl FnOnce() -> bool) -> Option<MutexGuard<'_, T>> {
        Some(self.lock())
    }

    #[cfg(test)]
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[derive(Debug)]
pub(crate) struct Condvar(model::Condvar);

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(model::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Neither checker lets time pass: a model moves its manual clock.
    pub(crate) fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, _: Duration) -> MutexGuard<'a, T> {
        self.wait(guard)
    }

    #[cfg_attr(test, allow(dead_code, reason = "a watched condvar notifies all that stand in its line"))]
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
