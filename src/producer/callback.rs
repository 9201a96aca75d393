//! Code that runs inside a callback. If it waited, it would wait for its own thread.
//!
//! Callbacks are not the only code of the program on a sender thread: a logger may send records, and captured values have
//! destructors. So the whole sender thread counts as inside a callback.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// It has no destructor, so it exists until the very end of a thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// A callback has run on this thread.
    static HAS_RUN: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a callback of any producer, or is the sender thread of one.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Until the guard is dropped, this thread is inside a callback.
pub(crate) fn enter() -> Inside {
    DEPTH.set(DEPTH.get() + 1);
    HAS_RUN.set(true);
    Inside(())
}

/// Whether a callback has run on this thread since the last call.
pub(crate) fn has_run() -> bool {
    HAS_RUN.replace(false)
}

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Runs code of the program. An error is the message of its panic.
pub(super) fn caught<R>(code: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let message = panic_message(&*panic).to_owned();
        // The payload may panic when it is dropped. A second panic, while the first one unwinds through the batches of a
        // request, would end the process.
        std::mem::forget(panic);
        message
    })
}

pub(crate) struct Inside(());

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
