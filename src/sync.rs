//! The only door to locks, condition variables and atomics.
//!
//! Under `--cfg loom` or `--cfg shuttle` the same production files run inside the model checker. Waiting is by value
//! (`guard = condvar.wait(guard)`), the one form that all three share.

pub(crate) use self::imp::*;

#[cfg(loom)]
use loom::sync as model;
#[cfg(shuttle)]
use shuttle::sync as model;

/// The atomics, with what of them is in use.
macro_rules! atomics {
    ($($path:ident)::+) => {
        #[derive(Debug)]
        pub(crate) struct AtomicBool($($path)::+::AtomicBool);

        impl AtomicBool {
            pub(crate) fn new(value: bool) -> Self {
                Self($($path)::+::AtomicBool::new(value))
            }

            #[inline]
            pub(crate) fn load(&self, order: Ordering) -> bool {
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: bool, order: Ordering) {
                self.0.store(value, order);
            }
        }

        super::atomics!(@number AtomicU32, u32, $($path)::+);
        super::atomics!(@number AtomicU64, u64, $($path)::+);
    };
    (@number $name:ident, $type:ty, $($path:ident)::+) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name($($path)::+::$name);

        impl $name {
            pub(crate) fn new(value: $type) -> Self {
                Self($($path)::+::$name::new(value))
            }

            #[inline]
            #[allow(dead_code, reason = "not every number is read")]
            pub(crate) fn load(&self, order: Ordering) -> $type {
                self.0.load(order)
            }

            #[allow(dead_code, reason = "not every number is set")]
            pub(crate) fn store(&self, value: $type, order: Ordering) {
                self.0.store(value, order);
            }

            pub(crate) fn fetch_add(&self, value: $type, order: Ordering) -> $type {
                self.0.fetch_add(value, order)
            }
        }
    };
}
use atomics;

/// Ends the sender thread's wait. Never blocks and never fails, whatever the state of the thread; the descriptor
/// behind it lives in `net/`, and who calls it need not know.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

#[cfg(not(any(loom, shuttle)))]
#[expect(clippy::disallowed_types, reason = "this is the one place")]
mod imp {
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
    }

    /// Lets threads wait for a change of what a [`Mutex`] guards. [`crate::time::Clock::wait`] is how to use it.
    #[derive(Debug, Default)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        pub(crate) const fn new() -> Self {
            Self(parking_lot::Condvar::new())
        }

        pub(crate) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
            self.0.wait(&mut guard);
            guard
        }

        pub(crate) fn wait_for<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            most: Duration,
        ) -> MutexGuard<'a, T> {
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
}

#[cfg(any(loom, shuttle))]
#[expect(clippy::disallowed_types, reason = "this is the one place")]
mod imp {
    use std::sync::PoisonError;
    use std::time::Duration;

    use super::model;

    pub(crate) use model::MutexGuard;
    pub(crate) use model::atomic::Ordering;

    super::atomics! { super::model::atomic }

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(model::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(model::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

        /// Neither checker lets time pass: a model moves its manual clock and then notifies.
        pub(crate) fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, _: Duration) -> MutexGuard<'a, T> {
            self.wait(guard)
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}
