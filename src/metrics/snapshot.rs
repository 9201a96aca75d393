//! All metrics at one time.

use std::sync::Arc;

use crate::metrics::catalogue::{NODE, PARTITION, PRODUCER, TOPIC};
use crate::metrics::gauges::Gauges;
use crate::metrics::histogram::Histogram;
use crate::metrics::reading::Definition;
use crate::metrics::registry::Readings;
use crate::metrics::timing::Timing;
use crate::topic_partition::TopicPartition;

/// The metrics of a producer at one time. [`KafkaProducer::metrics`](crate::KafkaProducer::metrics) returns it, and
/// reporters get it.
///
/// `Display` writes a table. [`to_prometheus`](Self::to_prometheus) writes Prometheus' text format. The page
/// [`guide::metrics`](crate::guide::metrics) lists all metrics.
///
/// It is empty if [`metrics_enabled`](crate::ProducerConfig::metrics_enabled) is false, and in a forked child.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(super) client_id: Arc<str>,
    metrics: Vec<Metric>,
    timings: Vec<(Timing, Histogram)>,
}

/// One metric of [`Metrics`].
#[derive(Clone, Debug)]
pub struct Metric {
    pub(super) definition: &'static Definition,
    pub(super) scope: Scope,
    value: Option<f64>,
}

/// What a metric is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Producer,
    Topic(Arc<str>),
    Node(i32),
    Partition(Arc<TopicPartition>),
}

/// How the value of a metric changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A number since the producer was built. It does not decrease. If a topic or a node has had no event for an hour, its
    /// numbers begin at 0 again.
    Counter,
    /// It can increase and decrease: a rate, an average, a maximum, or a current number.
    Gauge,
}

impl Metrics {
    pub(super) fn of(client_id: Arc<str>, readings: Readings, gauges: &Gauges) -> Self {
        let Readings { producer, topics, nodes, timings, .. } = readings;
        let mut metrics = Vec::new();
        metrics.extend(PRODUCER.iter().map(|definition| Metric {
            definition,
            scope: Scope::Producer,
            value: definition.reading.value(&producer, gauges),
        }));
        for (topic, view) in topics {
            metrics.extend(TOPIC.iter().map(|definition| Metric {
                definition,
                scope: Scope::Topic(Arc::clone(&topic)),
                value: definition.reading.value(&view, gauges),
            }));
        }
        for (node, view) in nodes {
            metrics.extend(NODE.iter().map(|definition| Metric {
                definition,
                scope: Scope::Node(node),
                value: definition.reading.value(&view, gauges),
            }));
        }
        for partition in &gauges.partitions {
            metrics.extend(PARTITION.iter().map(|(definition, read)| Metric {
                definition,
                scope: Scope::Partition(Arc::clone(&partition.topic_partition)),
                value: Some(read(partition)),
            }));
        }
        Self { client_id, metrics, timings }
    }

    /// Returns the [`client_id`](crate::ProducerConfig::client_id) of the producer.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns whether there are no metrics, because they are disabled or this is a forked child.
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// Returns the value of a metric. `group` and `name` are the keys of kafka-python's `metrics()`.
    ///
    /// It is `None` in these cases:
    /// - There is no such metric.
    /// - The metric is an average or a maximum, and nothing was recorded in the sample windows.
    /// - The metric is `metadata-age`, and there is no metadata yet.
    ///
    /// ```
    /// # use kafka_producer::KafkaProducer;
    /// # let producer = KafkaProducer::builder().bootstrap_servers("localhost:9092").build()?;
    /// let metrics = producer.metrics();
    /// let sent = metrics.get("producer-metrics", "record-send-total");
    /// assert_eq!(sent, Some(0.0));
    /// let rate = metrics.get("producer-topic-metrics.orders", "record-send-rate");
    /// assert_eq!(rate, None); // no record was sent to this topic
    /// # Ok::<(), kafka_producer::Error>(())
    /// ```
    pub fn get(&self, group: &str, name: &str) -> Option<f64> {
        let mut metrics = self.metrics.iter();
        metrics.find(|metric| metric.definition.name == name && metric.group() == group)?.value
    }

    /// Returns all metrics: those of the producer, then those of topics, of nodes and of partitions.
    pub fn iter(&self) -> std::slice::Iter<'_, Metric> {
        self.metrics.iter()
    }

    /// Returns the durations of one part of the work. `None` if there are no metrics.
    pub fn timing(&self, timing: Timing) -> Option<&Histogram> {
        self.timings.iter().find(|(known, _)| *known == timing).map(|(_, histogram)| histogram)
    }

    /// Returns the durations of all parts of the work.
    pub fn timings(&self) -> impl Iterator<Item = (Timing, &Histogram)> {
        self.timings.iter().map(|(timing, histogram)| (*timing, histogram))
    }
}

impl<'a> IntoIterator for &'a Metrics {
    type Item = &'a Metric;
    type IntoIter = std::slice::Iter<'a, Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Metric {
    /// Returns the name of the group: `producer-metrics`, `producer-topic-metrics.<topic>`,
    /// `producer-node-metrics.node-<id>` or `producer-partition-metrics.<topic>-<partition>`.
    ///
    /// The servers of `bootstrap_servers` are the nodes -1, -2 and so on, as in Java.
    pub fn group(&self) -> String {
        match &self.scope {
            Scope::Producer => "producer-metrics".to_owned(),
            Scope::Topic(topic) => format!("producer-topic-metrics.{topic}"),
            Scope::Node(node) => format!("producer-node-metrics.node-{node}"),
            Scope::Partition(partition) => format!("producer-partition-metrics.{partition}"),
        }
    }

    /// Returns the name within the group, for example `record-send-rate`.
    pub fn name(&self) -> &'static str {
        self.definition.name
    }

    /// Returns what the metric means, with its unit.
    pub fn description(&self) -> &'static str {
        self.definition.description
    }

    /// Returns how the value changes.
    pub fn kind(&self) -> MetricKind {
        if self.definition.reading.is_counter() { MetricKind::Counter } else { MetricKind::Gauge }
    }

    /// Returns the value. It is `None` for an average or a maximum if nothing was recorded in the sample windows, and for
    /// `metadata-age` if there is no metadata yet.
    pub fn value(&self) -> Option<f64> {
        self.value
    }

    /// Returns the topic, for a metric of a topic or of a partition.
    pub fn topic(&self) -> Option<&str> {
        match &self.scope {
            Scope::Topic(topic) => Some(topic),
            Scope::Partition(partition) => Some(&partition.topic),
            Scope::Producer | Scope::Node(_) => None,
        }
    }

    /// Returns the number of the partition, for a metric of a partition.
    pub fn partition(&self) -> Option<i32> {
        match &self.scope {
            Scope::Partition(partition) => Some(partition.partition),
            Scope::Producer | Scope::Topic(_) | Scope::Node(_) => None,
        }
    }

    /// Returns the id of the node, for a metric of a node.
    pub fn node(&self) -> Option<i32> {
        match self.scope {
            Scope::Node(node) => Some(node),
            Scope::Producer | Scope::Topic(_) | Scope::Partition(_) => None,
        }
    }
}
