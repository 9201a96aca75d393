//! The series of one producer: its own, those of each topic and of each node, and the histograms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::catalogue::{NodePeak, NodeSum, Peak, Sum, TopicSum};
use crate::metrics::histogram::{Durations, Histogram};
use crate::metrics::series::{Series, View, Windows};
use crate::metrics::timing::Timing;
use crate::time::Instant;

pub(super) type ProducerSeries = Series<{ Sum::COUNT }, { Peak::COUNT }>;
pub(super) type TopicSeries = Series<{ TopicSum::COUNT }, 0>;
pub(super) type NodeSeries = Series<{ NodeSum::COUNT }, { NodePeak::COUNT }>;

#[derive(Debug)]
pub(super) struct Registry {
    windows: Windows,
    pub(super) producer: ProducerSeries,
    topics: Family<Arc<str>, { TopicSum::COUNT }, 0>,
    nodes: Family<i32, { NodeSum::COUNT }, { NodePeak::COUNT }>,
    durations: Vec<Durations>,
    /// Produce requests without a response.
    pub(super) requests_in_flight: usize,
    pub(super) last_metadata: Option<Instant>,
}

impl Registry {
    pub(super) fn new(windows: Windows, now: Instant) -> Self {
        Self {
            windows,
            producer: Series::new(now),
            topics: Family::new(now),
            nodes: Family::new(now),
            durations: Timing::ALL.map(|_| Durations::new(now)).into(),
            requests_in_flight: 0,
            last_metadata: None,
        }
    }

    /// The producer's series, for an event at `now`.
    #[inline]
    pub(super) fn producer(&mut self, now: Instant) -> &mut ProducerSeries {
        self.producer.at(now, self.windows)
    }

    pub(super) fn topic(&mut self, topic: &Arc<str>, now: Instant) -> &mut TopicSeries {
        self.topics.at(topic, now, self.windows)
    }

    pub(super) fn node(&mut self, node: i32, now: Instant) -> &mut NodeSeries {
        self.nodes.at(&node, now, self.windows)
    }

    pub(super) fn time(&mut self, timing: Timing, duration: Duration, now: Instant) {
        if let Some(durations) = self.durations.get_mut(timing as usize) {
            durations.record(duration, now, self.windows);
        }
    }

    /// A copy of all numbers that metrics at `now` are made of.
    pub(super) fn read(&self, now: Instant) -> Readings {
        let timings = self.durations.iter().map(|durations| durations.view(now, self.windows));
        Readings {
            producer: self.producer.view(now, self.windows),
            topics: self.topics.views(now, self.windows).collect(),
            nodes: self.nodes.views(now, self.windows).collect(),
            timings: Timing::ALL.into_iter().zip(timings).collect(),
            requests_in_flight: self.requests_in_flight,
            metadata_age: self.last_metadata.map(|last| now.since(last)),
        }
    }
}

/// The numbers of a [`Registry`] at one time.
#[derive(Debug)]
pub(super) struct Readings {
    pub(super) producer: View<{ Sum::COUNT }, { Peak::COUNT }>,
    pub(super) topics: Vec<(Arc<str>, View<{ TopicSum::COUNT }, 0>)>,
    pub(super) nodes: Vec<(i32, View<{ NodeSum::COUNT }, { NodePeak::COUNT }>)>,
    pub(super) timings: Vec<(Timing, Histogram)>,
    pub(super) requests_in_flight: usize,
    pub(super) metadata_age: Option<Duration>,
}

/// Series by topic or node. One that gets no event for an hour is forgotten, as in the Java client. So the memory is
/// bounded by the topics of an hour.
#[derive(Debug)]
pub(super) struct Family<K, const SUMS: usize, const PEAKS: usize> {
    members: BTreeMap<K, Member<SUMS, PEAKS>>,
    /// When members were forgotten last.
    swept: Instant,
}

#[derive(Debug)]
struct Member<const SUMS: usize, const PEAKS: usize> {
    series: Series<SUMS, PEAKS>,
    last_event: Instant,
}

impl<K: Ord + Clone, const SUMS: usize, const PEAKS: usize> Family<K, SUMS, PEAKS> {
    fn new(now: Instant) -> Self {
        Self { members: BTreeMap::new(), swept: now }
    }

    /// The series of `key`, for an event at `now`. It is made if it does not exist.
    fn at(&mut self, key: &K, now: Instant, windows: Windows) -> &mut Series<SUMS, PEAKS> {
        if now.since(self.swept) >= SWEEP_INTERVAL {
            self.sweep(now);
        }
        let fresh = || Member { series: Series::new(now), last_event: now };
        let member = self.members.entry(key.clone()).or_insert_with(fresh);
        member.last_event = now;
        member.series.at(now, windows)
    }

    #[cold]
    fn sweep(&mut self, now: Instant) {
        self.swept = now;
        self.members.retain(|_, member| now.since(member.last_event) < FORGOTTEN_AFTER);
    }

    fn views(&self, now: Instant, windows: Windows) -> impl Iterator<Item = (K, View<SUMS, PEAKS>)> {
        let is_kept = move |member: &Member<SUMS, PEAKS>| now.since(member.last_event) < FORGOTTEN_AFTER;
        let kept = self.members.iter().filter(move |(_, member)| is_kept(member));
        kept.map(move |(key, member)| (key.clone(), member.series.view(now, windows)))
    }
}

const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { samples: 2, length: Duration::from_secs(30) };

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    fn known(registry: &Registry, now: u64) -> Vec<i32> {
        registry.nodes.views(at(now), WINDOWS).map(|(node, _)| node).collect()
    }

    #[test]
    fn a_node_without_an_event_for_an_hour_is_forgotten() {
        let mut registry = Registry::new(WINDOWS, at(0));
        registry.node(1, at(0));
        registry.node(2, at(1000));
        assert_eq!(known(&registry, 3599), [1, 2]);
        assert_eq!(known(&registry, 3600), [2], "it is not shown, even if nothing happens any more");
        registry.node(3, at(3600));
        assert_eq!(registry.nodes.members.len(), 2);
        // It begins anew.
        registry.node(1, at(5000)).add(NodeSum::Requests as usize, 1);
        let (_, view) = registry.nodes.views(at(5000), WINDOWS).next().unwrap();
        assert_eq!(view.totals[NodeSum::Requests as usize], 1);
    }

    #[test]
    fn the_memory_is_that_of_the_topics_of_an_hour() {
        let mut registry = Registry::new(WINDOWS, at(0));
        for second in 0..20_000 {
            registry.topic(&Arc::from(format!("topic-{second}")), at(second));
        }
        assert!(registry.topics.members.len() <= 3660, "{}", registry.topics.members.len());
    }
}
