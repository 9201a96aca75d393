//! A consistent-hash ring: few keys move when partitions are added.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use md5::{Digest, Md5};

use super::{PartitionContext, Partitioner, StickyPartitioner};
use crate::process::PerProcess;
use crate::sync::Mutex;

/// Chooses the partition of a record with a key by a ring of hashes. When a topic gets one more partition, about
/// 1 / (the new number of partitions) of the keys move, and all of them move to the new partition. With the other
/// partitioners almost all keys move. Requires the feature `partitioners`.
///
/// Each partition has many points on a ring of 32-bit numbers, computed by MD5. A key belongs to the partition of the first
/// point after the hash of the key. A record without a key is handled by [`StickyPartitioner`].
///
/// MD5 protects nothing here: somebody who chooses the keys can also choose their partition, as with every partitioner of
/// this crate.
///
/// ```
/// use kafka_producer::HashRingPartitioner;
///
/// let ring = HashRingPartitioner::new();
/// let moved = (0..1000_u32).filter(|user| {
///     let key = user.to_be_bytes();
///     ring.partition_of(&key, 10) != ring.partition_of(&key, 9)
/// });
/// assert!(moved.count() < 120);
/// ```
#[doc(alias = "HashRing")]
pub struct HashRingPartitioner {
    shape: Shape,
    /// The ring for each number of partitions that was asked for. A forked child has its own rings, because its parent's may
    /// be locked forever.
    rings: PerProcess<Mutex<HashMap<i32, Arc<[Point]>>>>,
}

impl fmt::Debug for HashRingPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashRingPartitioner").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// How many points a partition has: `digests`, with `words` points from each.
#[derive(Clone, Copy, Debug)]
struct Shape {
    digests: u32,
    words: usize,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    hash: u32,
    partition: i32,
}

impl Default for HashRingPartitioner {
    fn default() -> Self {
        Self::new()
    }
}

impl HashRingPartitioner {
    /// Creates a partitioner with 184 points for each partition. When a topic gets one more partition, at most 2 % of the
    /// keys move in addition to the necessary ones, for up to 100 partitions.
    pub fn new() -> Self {
        Self::of(Shape { digests: 46, words: 4 })
    }

    /// Creates a partitioner that chooses the same partitions as the Python package `hash_ring`, which kiel's documentation
    /// recommends: `HashRing(partitions).get_node(key)`. It has 120 points for each partition, so it distributes keys a
    /// little less evenly over the partitions than [`new`](Self::new).
    pub fn like_hash_ring() -> Self {
        Self::of(Shape { digests: 40, words: 3 })
    }

    fn of(shape: Shape) -> Self {
        Self { shape, rings: PerProcess::new() }
    }

    /// Returns the partition of `key` in a topic with `partition_count` partitions. A count less than 1 counts as 1.
    pub fn partition_of(&self, key: &[u8], partition_count: i32) -> i32 {
        let count = partition_count.max(1);
        let rings = self.rings.get_or_make(Mutex::default);
        let known = rings.lock().get(&count).map(Arc::clone);
        let ring = known.unwrap_or_else(|| {
            // Without the lock, because it takes long. Two threads make the same ring.
            let ring: Arc<[Point]> = self.shape.ring(count).into();
            rings.lock().insert(count, Arc::clone(&ring));
            ring
        });
        let [hash, ..] = words(&Md5::digest(key).into());
        let after = ring.partition_point(|point| point.hash <= hash);
        ring.get(after).or(ring.first()).map_or(0, |point| point.partition)
    }
}

impl Partitioner for HashRingPartitioner {
    fn partition(&self, record: &PartitionContext<'_>) -> i32 {
        match record.key {
            Some(key) => self.partition_of(key, record.partition_count),
            None => StickyPartitioner.partition(record),
        }
    }
}

impl Shape {
    /// The points of all partitions in ascending order. If two partitions have the same point, the later one keeps it.
    fn ring(self, partitions: i32) -> Vec<Point> {
        let digest = |(partition, number)| (partition, Md5::digest(format!("{partition}-{number}")).into());
        let digests = (0..partitions)
            .flat_map(|partition| (0..self.digests).map(move |number| (partition, number)))
            .map(digest);
        let mut points: Vec<Point> = digests
            .flat_map(|(partition, digest): (i32, [u8; 16])| {
                words(&digest).into_iter().take(self.words).map(move |hash| Point { hash, partition })
            })
            .collect();
        points.sort_by_key(|point| (point.hash, std::cmp::Reverse(point.partition)));
        points.dedup_by_key(|point| point.hash);
        points
    }
}

/// The four numbers of a digest.
fn words(digest: &[u8; 16]) -> [u32; 4] {
    let word = |at: usize| u32::from_le_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
    [0, 4, 8, 12].map(word)
}
