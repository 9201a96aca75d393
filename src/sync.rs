//! The only module that uses locks, condition variables and atomics directly.
//!
//! The same production files run on three kinds of them: the machine's own, those of loom and shuttle (`--cfg loom`, `--cfg
//! shuttle`), which try interleavings, and, in tests, watched ones of the machine that a seeded schedule
//! (`sync/schedule.rs`) can drive. Waiting is by value (`guard = condvar.wait(guard)`), the only form that all of them
//! have.

#[cfg(any(loom, shuttle))]
#[path = "sync/model.rs"]
mod base;
#[cfg(not(any(loom, shuttle)))]
#[path = "sync/native.rs"]
mod base;
#[cfg(test)]
pub(crate) mod schedule;
#[cfg(test)]
mod watched;

pub(crate) use self::base::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(not(test))]
pub(crate) use self::base::{Condvar, Mutex, MutexGuard};
#[cfg(test)]
pub(crate) use self::watched::{Alarm, Condvar, Mutex, MutexGuard};

/// The atomics, with the methods that are used.
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
                super::point();
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: bool, order: Ordering) {
                super::point();
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
                super::point();
                self.0.load(order)
            }

            #[allow(dead_code, reason = "not every number is set")]
            pub(crate) fn store(&self, value: $type, order: Ordering) {
                super::point();
                self.0.store(value, order);
            }

            pub(crate) fn fetch_add(&self, value: $type, order: Ordering) -> $type {
                super::point();
                self.0.fetch_add(value, order)
            }

            #[allow(dead_code, reason = "not every number goes down")]
            pub(crate) fn fetch_sub(&self, value: $type, order: Ordering) -> $type {
                self.0.fetch_sub(value, order)
            }
        }
    };
}
use atomics;

/// A schedule may run another thread here. Outside of tests it does nothing.
#[inline(always)]
fn point() {
    #[cfg(test)]
    schedule::point();
}

/// Marks a rare event, so that seeded runs can tell whether it happens. Outside of tests it does nothing.
#[inline(always)]
pub(crate) fn is_rare(_what: &'static str) {
    #[cfg(test)]
    schedule::count(_what);
}

/// Ends a wait of the sender thread. It never blocks and never fails, in any state of the thread. The descriptor behind it
/// is in `net/`; the caller need not know.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}
