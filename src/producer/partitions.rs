//! All partitions that ever had something to send, and the lists of those that wait for the same thing. Cost follows
//! work: the sender is told which partitions have something to do, and never goes through them all.
//!
//! Each partition stands in the one list of its place, and in no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::client::NodeId;
use crate::producer::partition::{Partition, Place, Sequel};
use crate::producer::queue::PartitionQueue;
use crate::time::{Deadline, Instant};

pub(crate) struct Partitions {
    all: Vec<Option<Entry>>,
    /// Of each node, in the order of their turns.
    ready: BTreeMap<NodeId, BTreeMap<u64, u32>>,
    next_turn: u64,
    leaderless: BTreeSet<u32>,
    backing_off: BTreeSet<u32>,
    nameless: BTreeSet<u32>,
    lingering: BTreeSet<u32>,
    /// Those that have a time to be looked at, once each.
    timers: BTreeSet<(Instant, u32)>,
    sequel: Sequel,
}

struct Entry {
    partition: Partition,
    /// In the list of its node, while it is ready.
    turn: u64,
    look_again: Deadline,
    /// What [`Partitions::changed`] said last.
    was_busy: bool,
}

impl Partitions {
    pub(crate) fn new(sequel: Sequel) -> Self {
        Self {
            all: Vec::new(),
            ready: BTreeMap::new(),
            next_turn: 0,
            leaderless: BTreeSet::new(),
            backing_off: BTreeSet::new(),
            nameless: BTreeSet::new(),
            lingering: BTreeSet::new(),
            timers: BTreeSet::new(),
            sequel,
        }
    }

    /// Makes sure that the partition is known.
    pub(crate) fn meet(&mut self, queue: &Arc<PartitionQueue>) -> u32 {
        let index = queue.index();
        let at = index as usize;
        if self.all.len() <= at {
            self.all.resize_with(at + 1, || None);
        }
        let sequel = self.sequel;
        self.all[at].get_or_insert_with(|| Entry {
            partition: Partition::new(Arc::clone(queue), sequel),
            turn: 0,
            look_again: Deadline::NEVER,
            was_busy: false,
        });
        index
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Partition> {
        self.all.get(index as usize)?.as_ref().map(|entry| &entry.partition)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Partition> {
        self.entry(index).map(|entry| &mut entry.partition)
    }

    /// Every partition that was ever met.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.all.iter_mut().flatten().map(|entry| &mut entry.partition)
    }

    /// Whether the partition has something to send, if that is another answer than the last.
    pub(crate) fn changed(&mut self, index: u32) -> Option<(&Partition, bool)> {
        let entry = self.entry(index)?;
        let busy = entry.partition.is_busy();
        (std::mem::replace(&mut entry.was_busy, busy) != busy).then_some((&entry.partition, busy))
    }

    /// Puts a partition where it belongs, to be looked at again at `look_again` if nothing happens before.
    pub(crate) fn settle(&mut self, index: u32, place: Place, look_again: Deadline) {
        let Self { all, ready, next_turn, leaderless, backing_off, nameless, lingering, timers, .. } = self;
        let Some(entry) = all.get_mut(index as usize).and_then(Option::as_mut) else { return };
        if entry.look_again != look_again {
            if let Some(at) = std::mem::replace(&mut entry.look_again, look_again).instant() {
                timers.remove(&(at, index));
            }
            if let Some(at) = look_again.instant() {
                timers.insert((at, index));
            }
        }
        let before = entry.partition.set_place(place);
        if before == place {
            return;
        }
        match before {
            Place::Ready(node) => {
                if let Some(list) = ready.get_mut(&node) {
                    list.remove(&entry.turn);
                    if list.is_empty() {
                        ready.remove(&node);
                    }
                }
            }
            Place::Leaderless => drop(leaderless.remove(&index)),
            Place::BackingOff => drop(backing_off.remove(&index)),
            Place::Nameless => drop(nameless.remove(&index)),
            Place::Lingering => drop(lingering.remove(&index)),
            Place::Idle | Place::Learning | Place::Full => {}
        }
        match place {
            Place::Ready(node) => {
                entry.turn = *next_turn;
                *next_turn += 1;
                ready.entry(node).or_default().insert(entry.turn, index);
            }
            Place::Leaderless => drop(leaderless.insert(index)),
            Place::BackingOff => drop(backing_off.insert(index)),
            Place::Nameless => drop(nameless.insert(index)),
            Place::Lingering => drop(lingering.insert(index)),
            Place::Idle | Place::Learning | Place::Full => {}
        }
    }

    /// The turn that the next partition to get ready will have: those that are ready now come before it.
    pub(crate) fn next_turn(&self) -> u64 {
        self.next_turn
    }

    /// Whose turn it is at `node`, of those before the turn `end`. It keeps its turn until it is settled elsewhere: a
    /// large batch that does not fit is not passed by small ones for ever.
    pub(crate) fn first_ready(&self, node: NodeId, end: u64) -> Option<u32> {
        let (turn, index) = self.ready.get(&node)?.first_key_value()?;
        (*turn < end).then_some(*index)
    }

    /// The nodes for which something is ready.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.ready.keys().copied().collect()
    }

    /// Those that new metadata may bring elsewhere.
    pub(crate) fn with_or_without_leader(&self) -> Vec<u32> {
        let ready = self.ready.values().flat_map(BTreeMap::values);
        self.leaderless.iter().chain(&self.backing_off).chain(ready).copied().collect()
    }

    pub(crate) fn nameless(&self) -> Vec<u32> {
        self.nameless.iter().copied().collect()
    }

    pub(crate) fn lingering(&self) -> Vec<u32> {
        self.lingering.iter().copied().collect()
    }

    /// Those whose time has come. Each is to be settled anew.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        while let Some((at, index)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, index));
            if let Some(entry) = self.entry(index) {
                entry.look_again = Deadline::NEVER;
            }
            due.push(index);
        }
        due
    }

    pub(crate) fn next_deadline(&self) -> Deadline {
        self.timers.first().map_or(Deadline::NEVER, |(at, _)| Deadline::at(*at))
    }

    fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        self.all.get_mut(index as usize)?.as_mut()
    }
}
