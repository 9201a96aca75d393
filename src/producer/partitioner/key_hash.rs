//! From the bytes of a key to the number of a partition.

/// How the partition is computed from the bytes of a key. Each variant chooses the same partitions as the clients that its
/// documentation names.
///
/// ```
/// use kafka_producer::KeyHash;
///
/// assert_eq!(KeyHash::Murmur2.partition(b"user-1", 6), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyHash {
    /// Murmur2, without the sign bit. The default of the Java client, kafka-python and franz-go, and `murmur2` and
    /// `murmur2_random` of librdkafka.
    Murmur2,
    /// CRC-32 as an unsigned number. `consistent` and `consistent_random` of librdkafka. The latter is the default of
    /// librdkafka and of the clients that use it.
    #[doc(alias = "consistent_random")]
    Crc32,
    /// FNV-1a, the absolute value of the signed number. The default of Sarama (`NewHashPartitioner`), and `fnv1a` and
    /// `fnv1a_random` of librdkafka.
    #[doc(alias = "fnv1a_random")]
    Fnv1a,
    /// FNV-1a, without the sign bit. `NewReferenceHashPartitioner` of Sarama.
    SaramaReference,
    /// CRC-32, the absolute value of the signed number. `NewCustomHashPartitioner(crc32.NewIEEE)` of Sarama.
    SaramaCrc32,
    /// The remainder of the SHA-256 hash as a large unsigned number. Requires the feature `partitioners`.
    ///
    /// In Python: `int.from_bytes(sha256(key).digest(), "big") % partitions`.
    #[cfg(feature = "partitioners")]
    Sha256,
}

impl KeyHash {
    /// Returns the partition of `key` in a topic with `partition_count` partitions. A count less than 1 counts as 1.
    #[inline]
    pub fn partition(self, key: &[u8], partition_count: i32) -> i32 {
        let count = partition_count.max(1);
        match self {
            // The sign bit is removed. The absolute value would not do: abs(i32::MIN) is negative (KAFKA-1988).
            Self::Murmur2 => (murmur2(key) & 0x7fff_ffff) as i32 % count,
            Self::Crc32 => (crc32fast::hash(key) % count as u32) as i32,
            Self::Fnv1a => (fnv1a(key) as i32 % count).abs(),
            Self::SaramaReference => (fnv1a(key) & 0x7fff_ffff) as i32 % count,
            Self::SaramaCrc32 => (crc32fast::hash(key) as i32 % count).abs(),
            #[cfg(feature = "partitioners")]
            Self::Sha256 => {
                use sha2::Digest;

                let count = count as u64;
                let rest = |rest: u64, byte: &u8| ((rest << 8) | u64::from(*byte)) % count;
                sha2::Sha256::digest(key).iter().fold(0, rest) as i32
            }
        }
    }
}

/// The 32-bit hash of the Java client's `Utils.murmur2`.
fn murmur2(data: &[u8]) -> u32 {
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

/// The 32-bit FNV-1a hash.
fn fnv1a(data: &[u8]) -> u32 {
    data.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
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
}
