//! From the name of a topic to its queues, at the cost of one string comparison.
//!
//! Every `send` needs this, and it must write nothing that threads share: no lock, no reference count. So each thread keeps
//! the topics it has looked up. They are valid as long as the version of the metadata stays the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::client::{ClusterMetadata, PartitionMetadata};
use crate::lifecycle::Lifecycle;
use crate::producer::queue::PartitionQueue;
use crate::producer::sticky::Sticky;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, Ordering};
use crate::topic_partition::TopicPartition;

/// A topic as `send` needs it.
pub(crate) struct TopicHandle {
    pub(crate) name: Arc<str>,
    pub(crate) queues: Box<[Arc<PartitionQueue>]>,
    /// The partitions that have a leader.
    pub(crate) available: Box<[i32]>,
    /// The partitions whose leader is in the rack of this producer. None if the choice does not depend on racks.
    pub(crate) near: Box<[i32]>,
    /// Where its records without a key go.
    pub(crate) sticky: Sticky,
    /// Whether the sender was told to keep the topic.
    pub(crate) is_kept: AtomicBool,
}

/// The queues of every topic that this producer has sent to.
pub(crate) struct TopicTable {
    /// Distinguishes the producers of a process in the caches of threads.
    id: u64,
    lifecycle: Arc<Lifecycle>,
    /// The rack of this producer, if the choice of partitions depends on racks.
    rack: Option<Box<str>>,
    partitions: AtomicU32,
    topics: Mutex<HashMap<Arc<str>, Entry>>,
}

struct Entry {
    version: u64,
    handle: Arc<TopicHandle>,
    /// Every partition that the topic ever had. A cluster may lose some and find them again, because a broker lags or a
    /// topic is created again. Their batches must be found by the sender and by `close`, and must not exist twice.
    all: Vec<Arc<PartitionQueue>>,
}

struct Cached {
    table: Arc<TopicTable>,
    version: u64,
    handle: Arc<TopicHandle>,
    /// The number of this thread for the topic.
    thread: u32,
}

thread_local! {
    /// The topics that this thread has sent to, the last one first.
    static CACHE: RefCell<Vec<Cached>> = const { RefCell::new(Vec::new()) };
}

impl TopicTable {
    pub(crate) fn new(lifecycle: Arc<Lifecycle>, rack: Option<Box<str>>) -> Arc<Self> {
        static NEXT: std::sync::LazyLock<AtomicU64> = std::sync::LazyLock::new(|| AtomicU64::new(0));
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            lifecycle,
            rack,
            partitions: AtomicU32::new(0),
            topics: Mutex::default(),
        })
    }

    /// Runs `with` on the topic's handle and the number of this thread, if this thread knows the topic as of metadata
    /// `version`.
    #[inline]
    pub(crate) fn cached<R>(
        &self,
        topic: &str,
        version: u64,
        with: impl FnOnce(&TopicHandle, u32) -> R,
    ) -> Option<R> {
        // At the very end of a thread the cache is gone, as all thread-locals with a destructor. Then the slow path is
        // taken. A partitioner that sends takes it, too, because the cache is borrowed.
        let known = CACHE.try_with(|cache| {
            let mut cache = cache.try_borrow_mut().ok()?;
            let fits = |cached: &Cached| {
                cached.version == version && cached.table.id == self.id && *cached.handle.name == *topic
            };
            let at = cache.iter().position(fits)?;
            if at > 0 {
                // The topic moves half way to the front each time. So topics that are used often get there, and one that is
                // used once does not push the others back.
                cache.swap(at, at / 2);
            }
            let cached = &cache[at / 2];
            Some(with(&cached.handle, cached.thread))
        });
        known.ok().flatten()
    }

    /// The handle of the topic in `snapshot`, with queues for all its partitions. `None` if the snapshot does not have the
    /// topic. This thread remembers the handle.
    pub(crate) fn handle(
        self: &Arc<Self>,
        topic: &str,
        snapshot: &ClusterMetadata,
    ) -> Option<Arc<TopicHandle>> {
        let (name, partitions) = snapshot.topic(topic)?;
        // The version of the topic. An answer that changes nothing for this topic needs no new handle.
        let version = snapshot.topics.get(topic)?.version;
        let mut topics = self.topics.lock();
        let old = topics.get(topic).filter(|entry| entry.version >= version);
        let handle = match old {
            Some(entry) => Arc::clone(&entry.handle),
            None => {
                let (name, mut all) = topics.remove(topic).map_or_else(
                    || (Arc::clone(name), Vec::new()),
                    |old| (Arc::clone(&old.handle.name), old.all),
                );
                let handle = Arc::new(self.build(name, partitions, snapshot, &mut all));
                let entry = Entry { version, handle: Arc::clone(&handle), all };
                topics.insert(Arc::clone(&handle.name), entry);
                handle
            }
        };
        drop(topics);
        self.remember(snapshot.version(), &handle);
        Some(handle)
    }

    /// Waits until the threads that append at this moment are done.
    pub(crate) fn pass_through(&self) {
        self.queues().iter().for_each(|queue| queue.pass_through());
    }

    /// Every queue.
    pub(crate) fn queues(&self) -> Vec<Arc<PartitionQueue>> {
        let topics = self.topics.lock();
        topics.values().flat_map(|entry| entry.all.iter().map(Arc::clone)).collect()
    }

    /// The queues of `topic_partitions`.
    pub(crate) fn queues_of(&self, topic_partitions: &[Arc<TopicPartition>]) -> Vec<Arc<PartitionQueue>> {
        let topics = self.topics.lock();
        let queue = |topic_partition: &Arc<TopicPartition>| {
            let index = usize::try_from(topic_partition.partition).ok()?;
            topics.get(&topic_partition.topic)?.all.get(index).map(Arc::clone)
        };
        topic_partitions.iter().filter_map(queue).collect()
    }

    fn build(
        &self,
        name: Arc<str>,
        partitions: &[PartitionMetadata],
        snapshot: &ClusterMetadata,
        all: &mut Vec<Arc<PartitionQueue>>,
    ) -> TopicHandle {
        while all.len() < partitions.len() {
            let topic_partition = TopicPartition { topic: Arc::clone(&name), partition: all.len() as i32 };
            let queue_id = self.partitions.fetch_add(1, Ordering::Relaxed);
            all.push(Arc::new(PartitionQueue::new(queue_id, topic_partition)));
        }
        let that = |fits: &dyn Fn(&PartitionMetadata) -> bool| {
            (0..partitions.len())
                .filter(|index| fits(&partitions[*index]))
                .map(|index| index as i32)
                .collect()
        };
        let is_near = |partition: &PartitionMetadata| {
            self.rack.as_deref().is_some_and(|rack| snapshot.rack_of_leader(partition) == Some(rack))
        };
        TopicHandle {
            queues: all[..partitions.len()].iter().map(Arc::clone).collect(),
            available: that(&|partition| partition.leader.is_some()),
            near: that(&is_near),
            sticky: Sticky::new(partitions.len()),
            name,
            is_kept: AtomicBool::new(false),
        }
    }

    fn remember(self: &Arc<Self>, version: u64, handle: &Arc<TopicHandle>) {
        const MOST: usize = 64;
        let remembered = CACHE.try_with(|cache| {
            let Ok(mut cache) = cache.try_borrow_mut() else { return };
            cache.retain(|cached| {
                let outdated = cached.table.id == self.id && cached.handle.name == handle.name;
                !outdated && cached.table.lifecycle.is_open()
            });
            cache.truncate(MOST - 1);
            let thread = handle.sticky.number_thread();
            cache.insert(0, Cached { table: Arc::clone(self), version, handle: Arc::clone(handle), thread });
        });
        remembered.ok();
    }
}
