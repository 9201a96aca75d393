//! "Inside a callback": whoever waits there waits for the thread it stands on.
//!
//! A callback is not all of a user's that runs on a sender thread: a logger may send what it is told, and what a callback
//! has captured has destructors. So the whole thread counts as inside.

use std::any::Any;
use std::cell::Cell;

thread_local! {
    /// Without a destructor, so it is there at a thread's very end.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// A callback has run on this thread.
    static HAS_RUN: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a callback of any producer's, or is one's sender thread.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// From here until the guard goes, this thread is inside a callback.
pub(crate) fn enter() -> Inside {
    DEPTH.set(DEPTH.get() + 1);
    HAS_RUN.set(true);
    Inside(())
}

/// Whether a callback has run on this thread since this was asked last.
pub(crate) fn has_run() -> bool {
    HAS_RUN.replace(false)
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

pub(crate) struct Inside(());

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
