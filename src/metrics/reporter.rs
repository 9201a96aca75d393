//! Reporters: code of the program that gets the metrics at intervals.

use std::time::Duration;

use crate::metrics::snapshot::Metrics;

/// Gets the metrics of a producer at intervals, for example to write them to a log.
/// [`ProducerConfig::metric_reporter`](crate::ProducerConfig::metric_reporter) adds one.
///
/// The background thread calls it. The rules are those of callbacks: it must return soon, because no record is sent
/// meanwhile, and no call of a producer blocks in it. If it panics, the panic is logged and the producer continues.
///
/// A program that passes metrics to a slow system passes them to another thread, or calls
/// [`KafkaProducer::metrics`](crate::KafkaProducer::metrics) itself.
pub trait MetricsReporter: Send + Sync {
    /// Called each [`interval`](Self::interval). Called for the last time when the producer ends, after all records have
    /// results.
    fn report(&self, metrics: &Metrics);

    /// The time between two calls. It is read once, when the producer is built. Less than 10 ms counts as 10 ms. Default: 30
    /// s.
    fn interval(&self) -> Duration {
        Duration::from_secs(30)
    }
}
