//! What nobody may find in memory that is used again.

use std::hint::black_box;

/// Makes all of its memory zeros, also what it no longer uses, and leaves it empty.
///
/// A plain `fill` before the memory goes would be left out by the compiler, as nobody reads it any more. `black_box` is
/// somebody who may read it. A volatile write says the same, but is `unsafe`, and the crate that wraps it is not worth a
/// dependency of programs that have no secrets.
pub(crate) fn wipe(bytes: &mut Vec<u8>) {
    bytes.clear();
    // Within the capacity: nothing is moved.
    bytes.resize(bytes.capacity(), 0);
    black_box(bytes.as_mut_slice());
    bytes.clear();
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn wiping_covers_all_memory_that_ever_held_a_part_of_it() {
        let mut bytes = b"a long secret".to_vec();
        bytes.truncate(3);
        let (at, capacity) = (bytes.as_ptr(), bytes.capacity());
        wipe(&mut bytes);
        assert!(bytes.is_empty());
        assert_eq!(
            (bytes.as_ptr(), bytes.capacity()),
            (at, capacity),
            "it was moved, and the old place kept it"
        );
    }
}
