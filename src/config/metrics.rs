//! The settings of metrics.

use std::sync::Arc;
use std::time::Duration;

use super::checks::Checks;
use super::producer_config::ProducerConfig;
use super::types::MetricsConfig;
use super::values::millis;
use crate::metrics::{Metrics, MetricsReporter};

impl ProducerConfig {
    /// Whether the producer records [metrics](crate::KafkaProducer::metrics). Default: true. If it is false,
    /// [`Metrics`] is empty and reporters are not called. kafka-python 3 has the same name.
    pub fn metrics_enabled(mut self, enabled: bool) -> Self {
        self.metrics.enabled = enabled;
        self
    }

    /// The number of sample windows that rates, averages and maximums are computed over. The minimum is 1, the maximum is
    /// 1000. Default: 2. kafka-python has the same name.
    ///
    /// A new window begins with the first event after the end of the last one. A rate is computed over the time since the
    /// start of the oldest window. If this time is shorter than `metrics_num_samples` − 1 windows (by default one window,
    /// 30 s), the length of those windows is used instead. So a rate is too low until the first 30 s are over.
    pub fn metrics_num_samples(mut self, samples: usize) -> Self {
        self.metrics.num_samples = samples;
        self
    }

    /// The length of a sample window: see [`metrics_num_samples`](Self::metrics_num_samples). The minimum is 10 ms.
    /// Default: 30 s.
    ///
    /// Setting name: `metrics_sample_window_ms`.
    #[doc(alias = "metrics_sample_window_ms")]
    pub fn metrics_sample_window(mut self, time: Duration) -> Self {
        self.metrics.sample_window = time;
        self
    }

    /// Adds a reporter, which gets the metrics at intervals. A configuration can have several. Other name:
    /// `metric.reporters` (Java), which can't be set from a string.
    #[doc(alias = "metric_reporters")]
    pub fn metric_reporter(mut self, reporter: impl MetricsReporter + 'static) -> Self {
        self.metrics.reporters.push(Arc::new(reporter));
        self
    }

    /// Like [`metric_reporter`](Self::metric_reporter), with a closure. [`MetricsReporter`] says what it can do. librdkafka
    /// has `statistics.interval.ms` for it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use kafka_producer::KafkaProducer;
    ///
    /// let config = KafkaProducer::builder()
    ///     .report_metrics(Duration::from_secs(60), |metrics| println!("{metrics}"));
    /// # let _ = config;
    /// ```
    #[doc(alias = "metric_reporters")]
    #[doc(alias = "statistics_interval_ms")]
    pub fn report_metrics(
        self,
        interval: Duration,
        report: impl Fn(&Metrics) + Send + Sync + 'static,
    ) -> Self {
        self.metric_reporter(ReportWith { interval, report })
    }
}

struct ReportWith<F> {
    interval: Duration,
    report: F,
}

impl<F: Fn(&Metrics) + Send + Sync> MetricsReporter for ReportWith<F> {
    fn report(&self, metrics: &Metrics) {
        (self.report)(metrics);
    }

    fn interval(&self) -> Duration {
        self.interval
    }
}

impl Checks<'_> {
    pub(super) fn metrics(&mut self) {
        let MetricsConfig { num_samples, sample_window, .. } = self.config.metrics;
        if num_samples == 0 {
            self.refuse("metrics_num_samples", num_samples, "it must be at least 1");
        }
        if num_samples > MOST_SAMPLES {
            let why = format!("it must be at most {MOST_SAMPLES}: each sample takes memory");
            self.refuse("metrics_num_samples", num_samples, why);
        }
        if sample_window < SHORTEST {
            self.refuse("metrics_sample_window_ms", millis(sample_window), "it must be at least 10 ms");
        }
    }
}

/// A sample of the histograms takes 15 KiB.
const MOST_SAMPLES: usize = 1000;
const SHORTEST: Duration = Duration::from_millis(10);
