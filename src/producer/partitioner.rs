//! Which partition a record goes to.

/// Chooses the partition of a record that names none.
///
/// A closure `Fn(Option<&[u8]>, usize, &[i32]) -> i32` is one too.
pub trait Partitioner: Send + Sync {
    /// The partition for `key` among `partitions` ones, numbered from 0, of which `available` have a leader now.
    ///
    /// It is called on the thread that sends and must not send itself. What it chooses must exist: any other number is
    /// [`ErrorKind::UnknownPartition`](crate::ErrorKind::UnknownPartition).
    ///
    /// A panic in here reaches whoever called `send`. Nothing else comes of it: the record is in no batch, no memory is
    /// kept for it, and the producer goes on.
    fn partition(&self, key: Option<&[u8]>, partitions: usize, available: &[i32]) -> i32;
}

impl<F> Partitioner for F
where
    F: Fn(Option<&[u8]>, usize, &[i32]) -> i32 + Send + Sync,
{
    fn partition(&self, key: Option<&[u8]>, partitions: usize, available: &[i32]) -> i32 {
        self(key, partitions, available)
    }
}

/// kafka-python's: a key by its murmur2 hash, as the Java client does it; no key at random, among those that have a
/// leader if there are any.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has nothing to grow, and is named to be used")]
pub struct DefaultPartitioner;

impl Partitioner for DefaultPartitioner {
    #[inline]
    fn partition(&self, key: Option<&[u8]>, partitions: usize, available: &[i32]) -> i32 {
        match key {
            // The sign bit goes rather than the sign: abs(i32::MIN) is negative (KAFKA-1988).
            Some(key) => ((murmur2(key) & 0x7fff_ffff) as usize % partitions.max(1)) as i32,
            None if available.is_empty() => fastrand::usize(..partitions.max(1)) as i32,
            None => available[fastrand::usize(..available.len())],
        }
    }
}

/// The 32-bit hash of the Java client's `Utils.murmur2`.
pub(crate) fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    /// From the Java client's own tests.
    #[test]
    fn murmur2_is_javas() {
        let expected = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in expected {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    #[test]
    fn a_key_stays_where_it_is_and_no_key_goes_where_there_is_a_leader() {
        let partitioner = DefaultPartitioner;
        assert_eq!(partitioner.partition(Some(b"foobar"), 10, &[]), ((-790_332_482i32) & 0x7fff_ffff) % 10);
        for _ in 0..100 {
            assert!([2, 5].contains(&partitioner.partition(None, 10, &[2, 5])));
            assert!((0..10).contains(&partitioner.partition(None, 10, &[])));
        }
    }
}
