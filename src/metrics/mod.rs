//! The metrics of a producer: what is recorded, how it is sampled, and how it is shown.
//!
//! | file | content |
//! |---|---|
//! | `series.rs` | sums and peaks over windows of time |
//! | `histogram.rs` | durations in buckets |
//! | `catalogue.rs` | every metric: its name, its meaning, and how it is read (`reading.rs`) |
//! | `registry.rs` | the series of the producer, of each topic and of each node |
//! | `recorder.rs` | the events, and the lock |
//! | `gauges.rs` | what exists at the moment of a snapshot |
//! | `snapshot.rs` | the public [`Metrics`], as a table (`table.rs`), for Prometheus (`prometheus.rs`), as JSON (`json.rs`) |
//!
//! Nothing here reads a clock.

mod catalogue;
mod gauges;
mod histogram;
#[cfg(feature = "json")]
mod json;
mod prometheus;
mod reading;
mod recorder;
mod registry;
mod reporter;
mod sampling;
mod series;
mod snapshot;
mod table;
mod timing;

pub(crate) use gauges::{Gauges, PartitionGauges};
pub use histogram::Histogram;
pub(crate) use recorder::{Polls, Recorder, SentBatch};
pub use reporter::MetricsReporter;
pub(crate) use sampling::is_sampled;
pub(crate) use series::Windows;
pub use snapshot::{Metric, MetricKind, Metrics};
pub use timing::Timing;
