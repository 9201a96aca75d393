//! The only door to locks, condition variables and atomics.
//!
//! The same production files run on three kinds of them: the machine's; loom's and shuttle's (`--cfg loom`,
//! `--cfg shuttle`), which try interleavings; and, in tests, the machine's watched ones, which a seeded
//! schedule (`sync/schedule.rs`) can drive. Waiting is by value (`guard = condvar.wait(guard)`), the one form that all share.

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

/// Here a schedule may let another thread go on. Nothing, but in tests.
#[inline(always)]
fn point() {
    #[cfg(test)]
    schedule::point();
}

/// Says that something rare happens here, so that seeded runs can tell whether they come to it. Nothing, but in tests.
#[inline(always)]
pub(crate) fn is_rare(_what: &'static str) {
    #[cfg(test)]
    schedule::count(_what);
}

/// Ends the sender thread's wait. Never blocks and never fails, whatever the state of the thread; the descriptor
/// behind it lives in `net/`, and who calls it need not know.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}
