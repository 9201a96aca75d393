//! Where the records without a key go: to one partition for some time, then to another one (KIP-480, KIP-794).
//!
//! A batch then gets many records. If each record went to a partition of its own choice, a topic with a thousand partitions
//! would have a thousand batches of a few records each.
//!
//! The next partition is the best of four random ones: the one that holds the least memory. Memory is held from the first
//! record of a batch to its response. So a partition whose leader is slow holds much, and gets less. Comparing four costs
//! the same for any number of partitions, and balances almost as well as comparing all. With two, a broker that leads a
//! third of the partitions would get a ninth of the records, however slow it is.
//!
//! A single current partition would make all threads wait for one lock. So at a high rate several partitions are current,
//! one for each lane, and each thread has its lane. At a low rate all threads use the first lane, and batches are as large
//! as they can be.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::producer::buffer::SimpleBufferPool;
use crate::producer::queue::PartitionQueue;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::time::Clock;

/// How long a partition is current, and how the next one is chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StickySettings {
    /// The bytes of records after which another partition is chosen.
    pub(crate) bytes: usize,
    /// The time in milliseconds after which another partition is chosen. A batch is not open for longer.
    pub(crate) millis: i64,
    /// `partitioner_adaptive_partitioning_enable`: slow partitions get less.
    pub(crate) adaptive: bool,
    /// A partition with a batch that has waited in its queue for longer than this is not chosen.
    pub(crate) availability_timeout: Option<Duration>,
}

/// The current partitions of a topic, as of one metadata. If the leaders change, there is a new one.
#[derive(Debug)]
pub(crate) struct Sticky {
    /// The number of lanes in use, less one.
    spread: AtomicU32,
    lanes: Box<[Lane]>,
    /// How many threads have numbers.
    threads: AtomicU32,
}

/// Lanes are written often and by different threads, so no two are in one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Lane {
    /// The partition in the upper half, and the bytes that it still gets in the lower half. Loads and stores are separate:
    /// if two threads meet, a few bytes are not counted, and nothing else happens.
    current: AtomicU64,
    /// When the partition was chosen, in milliseconds since 1970.
    since: AtomicU64,
}

impl Sticky {
    pub(crate) fn new(partitions: usize) -> Self {
        static PROCESSORS: LazyLock<usize> =
            LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
        let lanes = partitions.min(*PROCESSORS).clamp(1, MOST_LANES).next_power_of_two();
        let lanes = (0..lanes).map(|_| Lane::default()).collect();
        Self { spread: AtomicU32::new(0), lanes, threads: AtomicU32::new(0) }
    }

    /// The number of one more thread that sends to this topic.
    pub(crate) fn number_thread(&self) -> u32 {
        self.threads.fetch_add(1, Ordering::Relaxed)
    }

    fn lane(&self, thread: u32) -> &Lane {
        // There are as many lanes as the largest spread allows.
        &self.lanes[(thread & self.spread.load(Ordering::Relaxed)) as usize]
    }

    /// A partition was current for `millis`, until it had `all` its bytes or for as long as it could be.
    fn note_rate(&self, millis: i64, all: bool) {
        if all && millis <= FAST {
            // At most MOST_LANES.
            self.spread.store(self.lanes.len() as u32 - 1, Ordering::Relaxed);
        } else if millis >= SLOW {
            self.spread.store(0, Ordering::Relaxed);
        }
    }
}

/// What is known when a record without a key needs a partition.
pub(crate) struct StickyContext<'a> {
    pub(crate) settings: &'a StickySettings,
    pub(crate) sticky: &'a Sticky,
    pub(crate) queues: &'a [Arc<PartitionQueue>],
    /// The partitions with a leader, or none to choose from all.
    pub(crate) available: &'a [i32],
    /// The partitions with a leader in the rack of the producer, or none if racks are of no interest.
    pub(crate) near: &'a [i32],
    pub(crate) pool: &'a SimpleBufferPool,
    pub(crate) clock: &'a Clock,
    /// The number of this thread.
    pub(crate) thread: u32,
    /// The size of the record in bytes.
    pub(crate) size: usize,
    /// The time in milliseconds since 1970.
    pub(crate) wall: i64,
    /// Nothing is sent, so nothing is counted.
    pub(crate) is_dry_run: bool,
}

impl StickyContext<'_> {
    #[inline]
    pub(crate) fn partition(&self) -> i32 {
        let lane = self.sticky.lane(self.thread);
        let current = lane.current.load(Ordering::Relaxed);
        let (partition, left) = ((current >> 32) as i32, current as u32 as usize);
        let since = lane.since.load(Ordering::Relaxed) as i64;
        if left == 0 || !(0..self.settings.millis).contains(&self.wall.wrapping_sub(since)) {
            return self.next(lane, since, left == 0);
        }
        self.stay(lane, partition, left);
        partition
    }

    #[inline]
    fn stay(&self, lane: &Lane, partition: i32, left: usize) {
        if !self.is_dry_run {
            let left = left.saturating_sub(self.size);
            lane.current.store(((partition as u64) << 32) | left as u64, Ordering::Relaxed);
        }
    }

    #[cold]
    fn next(&self, lane: &Lane, since: i64, all: bool) -> i32 {
        let partition = self.choose();
        if !self.is_dry_run {
            // A lane that was never used says nothing.
            if since != 0 {
                self.sticky.note_rate(self.wall.wrapping_sub(since), all);
            }
            lane.since.store(self.wall as u64, Ordering::Relaxed);
            self.stay(lane, partition, self.settings.bytes.min(u32::MAX as usize));
        }
        partition
    }

    fn choose(&self) -> i32 {
        if !self.near.is_empty()
            && let Choice { partition, is_stuck: false } = self.choose_from(self.near)
        {
            return partition;
        }
        self.choose_from(self.available).partition
    }

    /// Chooses one of `partitions`, or of all if `partitions` is empty.
    fn choose_from(&self, partitions: &[i32]) -> Choice {
        let count = if partitions.is_empty() { self.queues.len() } else { partitions.len() };
        // The partitions are numbers of partitions, none of which is negative.
        let queue = |index: usize| &self.queues[number(partitions, index) as usize];
        let mut chosen = fastrand::usize(..count);
        if self.settings.adaptive && count > 1 {
            // Not at a fixed distance from each other: leaders usually take turns, so all of them could have the same.
            let second = (chosen + fastrand::usize(1..count)) % count;
            let indexes = [chosen, second, fastrand::usize(..count), fastrand::usize(..count)];
            let held = self.pool.held_by(indexes.map(|index| queue(index).id()));
            let least = indexes.into_iter().zip(held).min_by_key(|(_, held)| *held);
            chosen = least.map_or(chosen, |(index, _)| index);
        }
        let Some(timeout) = self.settings.availability_timeout else {
            return Choice { partition: number(partitions, chosen), is_stuck: false };
        };
        let now = self.clock.now();
        let is_stuck = |index: &usize| {
            let since = queue(*index).waiting_since(|| self.pool.is_of_another_process());
            since.is_some_and(|since| now.since(since) > timeout)
        };
        // With many partitions only some are looked at. If all of them are stuck, one is as good as another.
        let step = if count > MOST_LOOKED_AT { fastrand::usize(1..count) } else { 1 };
        let mut others = (0..count.min(MOST_LOOKED_AT)).map(|number| (chosen + number * step) % count);
        let free = others.find(|index| !is_stuck(index));
        Choice { partition: number(partitions, free.unwrap_or(chosen)), is_stuck: free.is_none() }
    }
}

struct Choice {
    partition: i32,
    /// Each partition that was looked at has a batch that waits too long.
    is_stuck: bool,
}

/// The number of the partition at `index` of `partitions`, or of all if `partitions` is empty.
fn number(partitions: &[i32], index: usize) -> i32 {
    // Kafka numbers partitions with an i32.
    partitions.get(index).copied().unwrap_or(index as i32)
}

/// The most partitions of a topic that are current at a time.
const MOST_LANES: usize = 16;
/// The most partitions that are looked at to find one without a batch that waits too long.
const MOST_LOOKED_AT: usize = 16;
/// The rate is high if a partition gets all its bytes within this time, in milliseconds,
const FAST: i64 = 4;
/// and low if it is current for this long.
const SLOW: i64 = 50;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::topic_partition::TopicPartition;

    const SETTINGS: StickySettings =
        StickySettings { bytes: 1000, millis: 500, adaptive: true, availability_timeout: None };

    struct Site {
        settings: StickySettings,
        sticky: Sticky,
        queues: Vec<Arc<PartitionQueue>>,
        available: Vec<i32>,
        near: Vec<i32>,
        pool: Arc<SimpleBufferPool>,
    }

    impl Site {
        fn new(partitions: u32) -> Self {
            let queue = |id| Arc::new(PartitionQueue::new(id, TopicPartition::new("t", id as i32)));
            Self {
                settings: SETTINGS,
                sticky: Sticky::new(partitions as usize),
                queues: (0..partitions).map(queue).collect(),
                available: (0..partitions as i32).collect(),
                near: Vec::new(),
                pool: SimpleBufferPool::new(100_000, 1000, Arc::default()),
            }
        }

        fn context(&self, thread: u32, wall: i64) -> StickyContext<'_> {
            StickyContext {
                settings: &self.settings,
                sticky: &self.sticky,
                queues: &self.queues,
                available: &self.available,
                near: &self.near,
                pool: &self.pool,
                clock: &Clock::System,
                thread,
                size: 100,
                wall,
                is_dry_run: false,
            }
        }

        /// The partitions of `records` records of 100 bytes, with `apart` milliseconds between them.
        fn partitions(&self, records: i64, apart: i64) -> Vec<i32> {
            (0..records).map(|record| self.context(0, 1_000_000 + record * apart).partition()).collect()
        }
    }

    /// How many records in a row went to the same partition.
    fn runs(partitions: &[i32]) -> Vec<usize> {
        partitions.chunk_by(|a, b| a == b).map(<[i32]>::len).collect()
    }

    #[test]
    fn a_partition_gets_its_bytes_and_then_another_one_does() {
        let site = Site::new(1000);
        let partitions = site.partitions(10_000, 0);
        // Two times in a row the same of a thousand is rare, but possible.
        let runs = runs(&partitions);
        assert!(runs.iter().all(|run| run % 10 == 0) && runs.len() > 980, "{runs:?}");
    }

    #[test]
    fn a_slow_program_does_not_stay_for_longer_than_a_batch_is_open() {
        let site = Site::new(1000);
        let runs = runs(&site.partitions(1000, 101));
        assert!(runs.iter().all(|run| run % 5 == 0) && runs.len() > 180, "{runs:?}");
    }

    #[test]
    fn without_batches_each_record_has_its_own_partition() {
        let mut site = Site::new(1000);
        site.settings.bytes = 0;
        assert!(runs(&site.partitions(1000, 0)).len() > 980);
    }

    #[test]
    fn all_partitions_with_a_leader_get_the_same() {
        let mut site = Site::new(10);
        site.available = vec![1, 3, 5, 7];
        let partitions = site.partitions(40_000, 0);
        for partition in 0..10 {
            let records = partitions.iter().filter(|chosen| **chosen == partition).count();
            let expected = if site.available.contains(&partition) { 9_000..11_000 } else { 0..1 };
            assert!(expected.contains(&records), "{records} to {partition}");
        }
        site.available.clear();
        let chosen: std::collections::BTreeSet<_> = site.partitions(10_000, 0).into_iter().collect();
        assert_eq!(chosen.len(), 10, "without leaders all are as good");
    }

    #[test]
    fn only_partitions_in_the_rack_are_chosen_if_there_are_any() {
        let mut site = Site::new(10);
        site.near = vec![2, 6];
        let chosen = |site: &Site| {
            site.partitions(1000, 0).into_iter().collect::<std::collections::BTreeSet<_>>().into_iter()
        };
        assert!(chosen(&site).eq([2, 6]));
        site.near.clear();
        assert_eq!(chosen(&site).len(), 10);
    }

    #[test]
    fn a_partition_that_holds_more_memory_gets_less() {
        let mut site = Site::new(3);
        let _held = site.pool.try_reserve(1, 5000).unwrap();
        let of_held = |site: &Site| site.partitions(3000, 0).iter().filter(|chosen| **chosen == 1).count();
        assert_eq!(of_held(&site), 0, "of three, another one is always in the pair");
        site.settings.adaptive = false;
        assert!((800..1200).contains(&of_held(&site)));
    }

    #[test]
    fn a_dry_run_counts_nothing_and_says_what_comes_next() {
        let site = Site::new(1000);
        let first = site.context(0, 0).partition();
        for _ in 0..100 {
            assert_eq!(StickyContext { is_dry_run: true, ..site.context(0, 0) }.partition(), first);
        }
        for _ in 0..9 {
            assert_eq!(site.context(0, 0).partition(), first);
        }
    }

    #[test]
    fn threads_share_a_partition_at_a_low_rate_and_have_their_own_at_a_high_one() {
        let mut site = Site::new(1000);
        // Whatever this machine has.
        site.sticky.lanes = (0..4).map(|_| Lane::default()).collect();
        let current = |wall: i64| -> Vec<i32> {
            let choose = |thread| site.context(thread, 1_000_000 + wall).partition();
            let mut current: Vec<_> = (0..4).map(choose).collect();
            current.dedup();
            current
        };
        assert_eq!(current(0).len(), 1);
        for _ in 0..20 {
            site.context(0, 1_000_001).partition();
        }
        assert!(current(2).len() > 2, "2,000 bytes came within a millisecond");
        assert_eq!(current(600).len(), 1, "only 400 bytes came within half a second");
    }
}
