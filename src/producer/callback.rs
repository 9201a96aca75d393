//! "Inside a callback": whoever waits there waits for the thread it stands on.

use std::cell::Cell;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread runs a callback of any producer's.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// From here until the guard goes, this thread is inside a callback.
pub(crate) fn enter() -> Inside {
    DEPTH.set(DEPTH.get() + 1);
    Inside(())
}

pub(crate) struct Inside(());

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
