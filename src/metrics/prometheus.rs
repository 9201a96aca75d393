//! Metrics in Prometheus' text format.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::metrics::snapshot::{Metric, MetricKind, Metrics, Scope};

impl Metrics {
    /// Writes the metrics in Prometheus' text format (version 0.0.4).
    ///
    /// The names begin with `kafka_producer_`, and have `_` instead of `-`. Metrics of topics, nodes and partitions begin
    /// with `kafka_producer_topic_`, `kafka_producer_node_` and `kafka_producer_partition_`. The labels are `client_id`,
    /// `topic`, `node` and `partition`. A [`Timing`](crate::Timing) is a histogram in seconds, for example
    /// `kafka_producer_in_flight_seconds`. A value that nothing was recorded for is left out.
    ///
    /// A program that serves it over HTTP uses the content type `text/plain; version=0.0.4`. If a program has several
    /// producers, it must not join their texts, because each text names its metrics: serve them at different paths, or
    /// use one producer.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        let client = format!("client_id=\"{}\"", escaped(&self.client_id));
        let mut written = BTreeSet::new();
        for first in self {
            let name = name(first);
            if !written.insert(name.clone()) {
                continue;
            }
            let kind = match first.kind() {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            head(&mut text, &name, kind, first.description());
            // The samples of a metric stand together.
            let is_one = |other: &&Metric| std::ptr::eq(other.definition, first.definition);
            for metric in self.iter().filter(is_one) {
                if let Some(value) = metric.value() {
                    line(&mut text, format_args!("{name}{{{client}{}}} {value}", labels(&metric.scope)));
                }
            }
        }
        for (timing, histogram) in self.timings() {
            let name = format!("{PREFIX}{}_seconds", underscored(timing.name()));
            head(&mut text, &name, "histogram", timing.description());
            for log in SHORTEST_LOG..=LONGEST_LOG {
                let (end, count) = ((1u64 << log) as f64 / 1e9, histogram.shorter_than_power(log));
                line(&mut text, format_args!("{name}_bucket{{{client},le=\"{end}\"}} {count}"));
            }
            let (count, sum) = (histogram.count(), histogram.sum().as_secs_f64());
            line(&mut text, format_args!("{name}_bucket{{{client},le=\"+Inf\"}} {count}"));
            line(&mut text, format_args!("{name}_sum{{{client}}} {sum}"));
            line(&mut text, format_args!("{name}_count{{{client}}} {count}"));
        }
        text
    }
}

const PREFIX: &str = "kafka_producer_";
/// The buckets of a histogram end at powers of two of nanoseconds, which are ends of its own buckets: at 1.024 µs,
const SHORTEST_LOG: u32 = 10;
/// and so on, up to 137 s, which is longer than the usual delivery timeout.
const LONGEST_LOG: u32 = 37;

fn name(metric: &Metric) -> String {
    let scope = match metric.scope {
        Scope::Producer => "",
        Scope::Topic(_) => "topic_",
        Scope::Node(_) => "node_",
        Scope::Partition(_) => "partition_",
    };
    format!("{PREFIX}{scope}{}", underscored(metric.name()))
}

/// After the client's id.
fn labels(scope: &Scope) -> String {
    match scope {
        Scope::Producer => String::new(),
        Scope::Topic(topic) => format!(",topic=\"{}\"", escaped(topic)),
        Scope::Node(node) => format!(",node=\"{node}\""),
        Scope::Partition(of) => format!(",topic=\"{}\",partition=\"{}\"", escaped(&of.topic), of.partition),
    }
}

fn head(text: &mut String, name: &str, kind: &str, description: &str) {
    line(text, format_args!("# HELP {name} {description}"));
    line(text, format_args!("# TYPE {name} {kind}"));
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    writeln!(text, "{line}").ok();
}

fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

/// A `client_id` can have any characters.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
