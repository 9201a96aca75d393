//! Where each partition is, and when to look at it again. Cost follows work: the sender is told which partitions have
//! something to do, and never goes through them all.
//!
//! A partition is in exactly one [`Place`]; each event below makes the sender look at it again ([`Readiness::settle`]
//! takes what was found):
//!
//! | from | event | to |
//! |---|---|---|
//! | Idle | first record | Lingering, Ready, Leaderless |
//! | Lingering | batch full, linger over, flush, close, memory wanted | Ready, Leaderless |
//! | Ready | its node drained it | InFlight |
//! | Ready | a batch of this size is on trial already | Learning |
//! | Learning | the trial is over | Ready, Leaderless |
//! | Ready | metadata: another leader, none | Ready, Leaderless |
//! | Leaderless | metadata: a leader | Ready |
//! | InFlight | answered | Idle, Lingering, Ready, Leaderless |
//! | InFlight | to be sent again | BackingOff |
//! | BackingOff | its time is over | Ready, Leaderless |
//! | any | the delivery timeout of its oldest batch | as it was, without that batch; one under way is given up |

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::client::NodeId;
use crate::producer::queue::PartitionQueue;
use crate::time::{Deadline, Instant};

/// Where a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing to send.
    Idle,
    /// Waits for company.
    Lingering,
    /// In its leader's list.
    Ready(NodeId),
    /// Something to send and nowhere to.
    Leaderless,
    /// Waits to be sent again.
    BackingOff,
    /// Waits to see whether a batch of its size is taken at all.
    Learning,
    /// As many batches are under way as may be, in the request of this number.
    InFlight(u64),
}

/// All partitions that ever had something to send, by their index.
#[derive(Default)]
pub(crate) struct Readiness {
    partitions: Vec<Option<Entry>>,
    /// Entries whose partition has moved on meanwhile are passed over when they come up.
    ready: BTreeMap<NodeId, VecDeque<u32>>,
    leaderless: Vec<u32>,
    lingering: Vec<u32>,
    /// One entry for each partition that has a time to be looked at.
    timers: BTreeSet<(Instant, u32)>,
}

struct Entry {
    queue: Arc<PartitionQueue>,
    place: Place,
    /// When `timers` brings it up.
    look_again: Deadline,
    /// Not to be sent before.
    not_before: Instant,
    /// Stands in `leaderless` or `lingering`, where it may stay when it has moved on: once, however often it comes.
    in_leaderless: bool,
    in_lingering: bool,
    /// Whether it had something to send when [`Readiness::changed`] was asked last.
    busy: bool,
}

impl Readiness {
    /// Makes sure that the partition is known.
    pub(crate) fn meet(&mut self, queue: &Arc<PartitionQueue>) -> u32 {
        let index = queue.index();
        let at = index as usize;
        if self.partitions.len() <= at {
            self.partitions.resize_with(at + 1, || None);
        }
        self.partitions[at].get_or_insert_with(|| Entry {
            queue: Arc::clone(queue),
            place: Place::Idle,
            look_again: Deadline::NEVER,
            not_before: Instant::ZERO,
            in_leaderless: false,
            in_lingering: false,
            busy: false,
        });
        index
    }

    pub(crate) fn queue(&self, index: u32) -> Option<&Arc<PartitionQueue>> {
        self.entry(index).map(|entry| &entry.queue)
    }

    pub(crate) fn place(&self, index: u32) -> Place {
        self.entry(index).map_or(Place::Idle, |entry| entry.place)
    }

    /// Whether the partition has something to send, if that is another answer than the last.
    pub(crate) fn changed(&mut self, index: u32) -> Option<(&Arc<PartitionQueue>, bool)> {
        let entry = self.partitions.get_mut(index as usize)?.as_mut()?;
        let busy = entry.place != Place::Idle;
        (std::mem::replace(&mut entry.busy, busy) != busy).then_some((&entry.queue, busy))
    }

    pub(crate) fn not_before(&self, index: u32) -> Instant {
        self.entry(index).map_or(Instant::ZERO, |entry| entry.not_before)
    }

    /// The partition is to be sent again, but not before `instant`.
    pub(crate) fn back_off(&mut self, index: u32, instant: Instant) {
        if let Some(entry) = self.entry_mut(index) {
            entry.not_before = instant;
        }
    }

    /// Puts a partition where it belongs, to be looked at again at `look_again` if nothing happens before.
    pub(crate) fn settle(&mut self, index: u32, place: Place, look_again: Deadline) {
        let Some(entry) = self.partitions.get_mut(index as usize).and_then(Option::as_mut) else { return };
        let moved = entry.place != place;
        entry.place = place;
        if entry.look_again != look_again {
            if let Some(at) = std::mem::replace(&mut entry.look_again, look_again).instant() {
                self.timers.remove(&(at, index));
            }
            if let Some(at) = look_again.instant() {
                self.timers.insert((at, index));
            }
        }
        if moved {
            match place {
                Place::Ready(node) => self.ready.entry(node).or_default().push_back(index),
                Place::Leaderless if !std::mem::replace(&mut entry.in_leaderless, true) => {
                    self.leaderless.push(index)
                }
                Place::Lingering if !std::mem::replace(&mut entry.in_lingering, true) => {
                    self.lingering.push(index)
                }
                Place::Leaderless
                | Place::Lingering
                | Place::Learning
                | Place::Idle
                | Place::BackingOff
                | Place::InFlight(_) => {}
            }
        }
    }

    /// The next partition in the list of `node`, which stays `Ready` there until it is settled elsewhere.
    pub(crate) fn next_ready(&mut self, node: NodeId) -> Option<u32> {
        let list = self.ready.get_mut(&node)?;
        while let Some(index) = list.pop_front() {
            let entry = self.partitions.get(index as usize).and_then(Option::as_ref);
            if entry.is_some_and(|entry| entry.place == Place::Ready(node)) {
                return Some(index);
            }
        }
        self.ready.remove(&node);
        None
    }

    /// Puts back what [`next_ready`](Self::next_ready) gave and did not fit: first in line, so that a large batch is
    /// not passed by small ones for ever.
    pub(crate) fn still_ready(&mut self, node: NodeId, index: u32) {
        self.ready.entry(node).or_default().push_front(index);
    }

    pub(crate) fn has_ready(&self, node: NodeId) -> bool {
        self.ready.contains_key(&node)
    }

    /// The nodes for which something is, or was, ready.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.ready.keys().copied().collect()
    }

    /// The partitions whose leader is not known, to be looked at again now.
    pub(crate) fn take_leaderless(&mut self) -> Vec<u32> {
        let taken = std::mem::take(&mut self.leaderless);
        taken.iter().for_each(|index| {
            self.partitions[*index as usize].iter_mut().for_each(|e| e.in_leaderless = false)
        });
        taken
    }

    /// The partitions that wait for company, to be looked at again now.
    pub(crate) fn take_lingering(&mut self) -> Vec<u32> {
        let taken = std::mem::take(&mut self.lingering);
        taken.iter().for_each(|index| {
            self.partitions[*index as usize].iter_mut().for_each(|e| e.in_lingering = false)
        });
        taken
    }

    /// A node's list, to be looked at again now.
    pub(crate) fn take_ready(&mut self, node: NodeId) -> Vec<u32> {
        self.ready.remove(&node).map(Vec::from).unwrap_or_default()
    }

    /// The next partition whose time has come.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<u32> {
        let (at, index) = *self.timers.first()?;
        if at > now {
            return None;
        }
        self.timers.remove(&(at, index));
        if let Some(entry) = self.entry_mut(index) {
            entry.look_again = Deadline::NEVER;
        }
        Some(index)
    }

    pub(crate) fn next_deadline(&self) -> Deadline {
        self.timers.first().map_or(Deadline::NEVER, |(at, _)| Deadline::at(*at))
    }

    /// Every partition that was ever met.
    pub(crate) fn all(&self) -> Vec<u32> {
        self.partitions.iter().flatten().map(|entry| entry.queue.index()).collect()
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.partitions.get(index as usize)?.as_ref()
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.partitions.get_mut(index as usize)?.as_mut()
    }
}
