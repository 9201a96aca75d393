//! Metrics as JSON.

use serde_json::{Map, Value, json};

use crate::metrics::histogram::Histogram;
use crate::metrics::snapshot::Metrics;

impl Metrics {
    /// Writes the metrics as a JSON object. Each group is an object of names and values, as kafka-python's `metrics()`
    /// returns it. `timings` is an object of the [timings](crate::Timing), with durations in milliseconds. A value that
    /// nothing was recorded for is `null`.
    ///
    /// ```text
    /// {"client-id":"orders","producer-metrics":{"batch-size-avg":16214.5,…},
    ///  "timings":{"in-flight":{"count":17,"sum-ms":52.1,"mean-ms":3.06,"p50-ms":2.9,…},…}}
    /// ```
    ///
    /// Requires the feature `json`.
    pub fn to_json(&self) -> String {
        let mut groups = Map::new();
        groups.insert("client-id".to_owned(), json!(self.client_id()));
        for metric in self {
            let group = groups.entry(metric.group()).or_insert_with(|| json!({}));
            group[metric.name()] = json!(metric.value());
        }
        let timings = self.timings().map(|(timing, histogram)| (timing.to_string(), of(histogram)));
        groups.insert("timings".to_owned(), Value::Object(timings.collect()));
        Value::Object(groups).to_string()
    }
}

fn of(histogram: &Histogram) -> Value {
    let millis =
        |duration: Option<std::time::Duration>| json!(duration.map(|duration| duration.as_secs_f64() * 1e3));
    json!({
        "count": histogram.count(),
        "sum-ms": millis(Some(histogram.sum())),
        "mean-ms": millis(histogram.mean()),
        "min-ms": millis(histogram.min()),
        "p50-ms": millis(histogram.quantile(0.5)),
        "p95-ms": millis(histogram.quantile(0.95)),
        "p99-ms": millis(histogram.quantile(0.99)),
        "p99.9-ms": millis(histogram.quantile(0.999)),
        "max-ms": millis(histogram.max()),
    })
}
