//! All partitions that ever had something to send, and the lists of those that wait for the same thing. The cost depends on
//! the work: the sender is notified of partitions that have something to do, and never looks at all of them.
//!
//! Each partition is in the one list of its state, and in no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::client::NodeId;
use crate::producer::partition::{Partition, PartitionState, SendRules};
use crate::producer::queue::PartitionQueue;
use crate::time::{Deadline, Instant};

pub(crate) struct Partitions {
    all: Vec<Option<Entry>>,
    /// The ready partitions of each node, in the order of their turns.
    ready: BTreeMap<NodeId, BTreeMap<u64, u32>>,
    next_turn: u64,
    leaderless: BTreeSet<u32>,
    backing_off: BTreeSet<u32>,
    without_producer_id: BTreeSet<u32>,
    lingering: BTreeSet<u32>,
    /// The partitions that have to be looked at later, each once.
    timers: BTreeSet<(Instant, u32)>,
    send_rules: SendRules,
}

struct Entry {
    partition: Partition,
    /// The turn in the list of its node, while it is ready.
    turn: u64,
    look_again: Deadline,
    /// The last result of [`Partitions::changed`].
    was_busy: bool,
}

impl Partitions {
    pub(crate) fn new(send_rules: SendRules) -> Self {
        Self {
            all: Vec::new(),
            ready: BTreeMap::new(),
            next_turn: 0,
            leaderless: BTreeSet::new(),
            backing_off: BTreeSet::new(),
            without_producer_id: BTreeSet::new(),
            lingering: BTreeSet::new(),
            timers: BTreeSet::new(),
            send_rules,
        }
    }

    /// Makes the partition known if it is not.
    pub(crate) fn meet(&mut self, queue: &Arc<PartitionQueue>) -> u32 {
        let queue_id = queue.id();
        let at = queue_id as usize;
        if self.all.len() <= at {
            self.all.resize_with(at + 1, || None);
        }
        let send_rules = self.send_rules;
        self.all[at].get_or_insert_with(|| Entry {
            partition: Partition::new(Arc::clone(queue), send_rules),
            turn: 0,
            look_again: Deadline::NEVER,
            was_busy: false,
        });
        queue_id
    }

    pub(crate) fn get(&self, queue_id: u32) -> Option<&Partition> {
        self.all.get(queue_id as usize)?.as_ref().map(|entry| &entry.partition)
    }

    pub(crate) fn get_mut(&mut self, queue_id: u32) -> Option<&mut Partition> {
        self.entry(queue_id).map(|entry| &mut entry.partition)
    }

    /// The queue ids of the partitions that have something to send.
    pub(crate) fn busy(&self) -> Vec<u32> {
        let busy = |entry: &&Entry| entry.partition.is_busy();
        self.all.iter().flatten().filter(busy).map(|entry| entry.partition.queue().id()).collect()
    }

    /// Every known partition.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.all.iter_mut().flatten().map(|entry| &mut entry.partition)
    }

    /// Whether the partition has something to send, if that has changed since the last call.
    pub(crate) fn changed(&mut self, queue_id: u32) -> Option<(&Partition, bool)> {
        let entry = self.entry(queue_id)?;
        let busy = entry.partition.is_busy();
        (std::mem::replace(&mut entry.was_busy, busy) != busy).then_some((&entry.partition, busy))
    }

    /// Sets the state of a partition, to be looked at again at `look_again` if nothing happens before.
    pub(crate) fn set_state(&mut self, queue_id: u32, state: PartitionState, look_again: Deadline) {
        let Self {
            all,
            ready,
            next_turn,
            leaderless,
            backing_off,
            without_producer_id,
            lingering,
            timers,
            ..
        } = self;
        let Some(entry) = all.get_mut(queue_id as usize).and_then(Option::as_mut) else { return };
        if entry.look_again != look_again {
            if let Some(at) = std::mem::replace(&mut entry.look_again, look_again).instant() {
                timers.remove(&(at, queue_id));
            }
            if let Some(at) = look_again.instant() {
                timers.insert((at, queue_id));
            }
        }
        let before = entry.partition.set_state(state);
        if before == state {
            return;
        }
        match before {
            PartitionState::Ready(node) => {
                if let Some(list) = ready.get_mut(&node) {
                    list.remove(&entry.turn);
                    if list.is_empty() {
                        ready.remove(&node);
                    }
                }
            }
            PartitionState::Leaderless => drop(leaderless.remove(&queue_id)),
            PartitionState::BackingOff => drop(backing_off.remove(&queue_id)),
            PartitionState::NoProducerId => drop(without_producer_id.remove(&queue_id)),
            PartitionState::Lingering => drop(lingering.remove(&queue_id)),
            PartitionState::Idle | PartitionState::AwaitingTrial | PartitionState::Full => {}
        }
        match state {
            PartitionState::Ready(node) => {
                entry.turn = *next_turn;
                *next_turn += 1;
                ready.entry(node).or_default().insert(entry.turn, queue_id);
            }
            PartitionState::Leaderless => drop(leaderless.insert(queue_id)),
            PartitionState::BackingOff => drop(backing_off.insert(queue_id)),
            PartitionState::NoProducerId => drop(without_producer_id.insert(queue_id)),
            PartitionState::Lingering => drop(lingering.insert(queue_id)),
            PartitionState::Idle | PartitionState::AwaitingTrial | PartitionState::Full => {}
        }
    }

    /// The turn of the next partition to get ready. Those that are ready now come before it.
    pub(crate) fn next_turn(&self) -> u64 {
        self.next_turn
    }

    /// The partition whose turn it is at `node`, of those before the turn `end`. It keeps its turn until its state is set
    /// again. So a large batch that does not fit is not overtaken by small ones forever.
    pub(crate) fn first_ready(&self, node: NodeId, end: u64) -> Option<u32> {
        let (turn, queue_id) = self.ready.get(&node)?.first_key_value()?;
        (*turn < end).then_some(*queue_id)
    }

    /// The nodes that have ready partitions.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.ready.keys().copied().collect()
    }

    /// The partitions whose state new metadata may change.
    pub(crate) fn with_or_without_leader(&self) -> Vec<u32> {
        let ready = self.ready.values().flat_map(BTreeMap::values);
        self.leaderless.iter().chain(&self.backing_off).chain(ready).copied().collect()
    }

    pub(crate) fn without_producer_id(&self) -> Vec<u32> {
        self.without_producer_id.iter().copied().collect()
    }

    pub(crate) fn lingering(&self) -> Vec<u32> {
        self.lingering.iter().copied().collect()
    }

    /// The partitions that are due to be looked at. The state of each has to be set again.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        while let Some((at, queue_id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, queue_id));
            if let Some(entry) = self.entry(queue_id) {
                entry.look_again = Deadline::NEVER;
            }
            due.push(queue_id);
        }
        due
    }

    pub(crate) fn next_deadline(&self) -> Deadline {
        self.timers.first().map_or(Deadline::NEVER, |(at, _)| Deadline::at(*at))
    }

    fn entry(&mut self, queue_id: u32) -> Option<&mut Entry> {
        self.all.get_mut(queue_id as usize)?.as_mut()
    }
}
