//! What trouble has done that no client can mend.

use std::collections::{BTreeMap, BTreeSet};

use super::users::mark;
use super::*;
use crate::mock::cluster::Cluster;
use crate::mock::log::PartitionLog;

#[derive(Default)]
pub(in super::super) struct Harm {
    /// How often a partition's producers were forgotten: so often a record whose answer got lost may be stored again.
    pub(in super::super) forgotten: BTreeMap<usize, usize>,
    /// Partitions that had to take any batch as the first: one that was sent behind another may stand before it.
    pub(in super::super) disordered: BTreeSet<usize>,
    /// Where records stood, by their marks, that are gone, whatever was told of them: partition and offset. They may have
    /// been sent again.
    pub(in super::super) lost: BTreeMap<Vec<u8>, Vec<(usize, i64)>>,
    pub(in super::super) unclean_elections: usize,
    /// Times at which the topic was made anew.
    pub(in super::super) remade: Vec<Instant>,
    /// The topic is about to be made anew.
    pub(super) dooms_topic: bool,
    /// When nobody but brokers went on, and for how long.
    pub(in super::super) frozen: Vec<(Instant, Duration)>,
    /// When nothing stood in the way any more.
    pub(in super::super) healed_at: Option<Instant>,
    pub(in super::super) faults: Vec<Fault>,
    /// Brokers that have left the cluster for good.
    pub(super) removed: BTreeSet<usize>,
}

/// Something that went wrong.
#[derive(Clone, Debug)]
pub(in super::super) struct Fault {
    pub(in super::super) name: &'static str,
    pub(in super::super) at: Instant,
    /// If it was ordered: it has acted if this has.
    pub(in super::super) rule: Option<MockRuleId>,
}

impl Harm {
    /// Whether a record stood there and is gone.
    pub(in super::super) fn has_lost(&self, mark: &[u8], partition: usize, offset: i64) -> bool {
        self.lost.get(mark).is_some_and(|places| offset < 0 || places.contains(&(partition, offset)))
    }

    /// From this offset on.
    pub(super) fn loses(&mut self, partition: usize, log: &PartitionLog, from: i64) {
        for record in log.records().expect("they can be read") {
            if record.offset >= from {
                let mark = mark(record.key.as_deref(), record.value.as_deref()).to_vec();
                self.lost.entry(mark).or_default().push((partition, record.offset));
            }
        }
    }

    /// What nobody has copied from a broker that was cut off.
    pub(super) fn loses_island(&mut self, island: &Cluster, cluster: &Cluster) {
        let (Some(theirs), Some(ours)) = (island.topics.get("t"), cluster.topics.get("t")) else { return };
        for (index, partition) in theirs.partitions.iter().enumerate() {
            let common = ours.partitions.get(index).filter(|_| theirs.id == ours.id);
            let common = common.map_or(0, |ours| partition.log.in_common(&ours.log));
            self.loses(index, &partition.log, common);
        }
    }

    /// A partition takes any batch of any producer as its first.
    pub(super) fn forgets(&mut self, partition: usize) {
        *self.forgotten.entry(partition).or_default() += 1;
        self.disordered.insert(partition);
    }
}
