//! How the memory of a batch grows.

use super::Source;
use crate::time::Clock;

/// All memory lies there in pieces that are smaller than what is wanted. A thread may have read the clock before another
/// one has opened the batch.
#[test]
fn a_batch_that_began_with_small_pieces_goes_on_with_large_ones() {
    for earlier in [0, 100] {
        let source = Source::new();
        let pool = source.accumulator.pool();
        let pieces: Vec<_> = (0..976).map(|_| pool.try_reserve(7, 1024).unwrap()).collect();
        drop(pieces);
        let wall = Clock::System.wall_millis() - earlier;
        let (_small, _) = source.batch_at(600, wall);
        assert_eq!(pool.used(), 8 * 1024, "it is made of what lies there");
        let (_large, _) = source.batch_at(720, wall);
        assert_eq!(pool.used(), 8 * 1024 + 9 * 1024 + 10_000);
    }
}
