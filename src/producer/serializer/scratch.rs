//! The buffers that serializers write to.

use std::cell::Cell;

/// The buffers that a thread's serializers write to. They are kept for the next record.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { key: Vec::new(), value: Vec::new() }) };
}

/// Runs `with` on this thread's empty buffers. A serializer that sends a record itself gets new buffers.
pub(crate) fn with_scratch<R>(with: impl FnOnce(&mut Scratch) -> R) -> R {
    // In the destructor of a thread-local the buffers may be gone. Then new ones are used.
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.key.clear();
    scratch.value.clear();
    let result = with(&mut scratch);
    // A very large buffer is not kept until the thread ends.
    if scratch.key.capacity().max(scratch.value.capacity()) <= LARGEST_KEPT {
        SCRATCH.try_with(|kept| kept.set(scratch)).ok();
    }
    result
}

const LARGEST_KEPT: usize = 1 << 20;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_kept_empty_and_not_if_they_are_giants() {
        let capacity = with_scratch(|scratch| {
            scratch.value.extend_from_slice(&[1; 1000]);
            // A serializer that sends.
            with_scratch(|inner| assert_eq!((inner.key.len(), inner.value.capacity()), (0, 0)));
            scratch.value.capacity()
        });
        with_scratch(|scratch| assert_eq!((scratch.value.len(), scratch.value.capacity()), (0, capacity)));
        with_scratch(|scratch| scratch.key.reserve(LARGEST_KEPT + 1));
        with_scratch(|scratch| assert_eq!(scratch.key.capacity(), 0));
    }
}
