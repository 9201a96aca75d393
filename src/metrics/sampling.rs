//! Chooses the records whose serialization is measured: reading the clock for each would take as long as a small
//! serialization.

use std::cell::Cell;

thread_local! {
    /// It has no destructor, so it exists until the very end of a thread.
    static SERIALIZED: Cell<u32> = const { Cell::new(0) };
}

/// Whether to measure the next record of this thread: the first one, and then one of 64.
#[inline]
pub(crate) fn is_sampled() -> bool {
    let before = SERIALIZED.get();
    SERIALIZED.set(before.wrapping_add(1));
    before.is_multiple_of(ONE_OF)
}

const ONE_OF: u32 = 64;
