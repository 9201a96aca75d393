//! How the memory of a batch grows.

use super::Source;

/// All memory lies there in pieces that are smaller than what is wanted.
#[test]
fn a_batch_that_began_with_small_pieces_goes_on_with_large_ones() {
    let source = Source::new();
    let pool = source.accumulator.pool();
    let pieces: Vec<_> = (0..976).map(|_| pool.try_reserve(7, 1024).unwrap()).collect();
    drop(pieces);
    let (_small, _) = source.batch(600);
    assert_eq!(pool.used(), 8 * 1024, "it is made of what lies there");
    let (_large, _) = source.batch(720);
    assert_eq!(pool.used(), 8 * 1024 + 9 * 1024 + 10_000);
}
