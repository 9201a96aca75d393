//! The settings of metrics.

use super::*;

fn refusal(key: &str, value: &str) -> String {
    let config = ProducerConfig::from_pairs([(key, value)]);
    let text = config.and_then(|config| config.settings()).map(drop).unwrap_err().to_string();
    text.strip_prefix("the configuration can't be used: ").unwrap().to_owned()
}

#[test]
fn samples_and_windows_that_can_not_be_are_refused() {
    for (key, value, why) in [
        ("metrics_num_samples", "0", "it must be at least 1"),
        ("metrics.num.samples", "1001", "it must be at most 1000: each sample takes memory"),
        ("metrics.sample.window.ms", "9", "it must be at least 10 ms"),
    ] {
        assert_eq!(refusal(key, value), format!("{key} = '{value}': {why}"));
    }
    for (key, value) in [("metrics_num_samples", "1000"), ("metrics_sample_window_ms", "10")] {
        assert!(ProducerConfig::from_pairs([(key, value)]).unwrap().settings().is_ok());
    }
}

#[test]
fn what_other_clients_have_for_metrics_is_accepted_or_names_what_to_call() {
    for level in ["INFO", "debug", "TRACE"] {
        assert!(ProducerConfig::from_pairs([("metrics.recording.level", level)]).is_ok());
    }
    for (key, value, says) in [
        ("metrics.recording.level", "ALL", "this crate records the same metrics at each level"),
        ("auto.include.jmx.reporter", "true", "this crate has no JMX; call ProducerConfig::metric_reporter"),
        ("metric.reporters", "com.example.Reporter", "call ProducerConfig::metric_reporter"),
        ("statistics.interval.ms", "1000", "call ProducerConfig::report_metrics"),
    ] {
        assert!(refusal(key, value).contains(says), "{}", refusal(key, value));
    }
}

#[test]
fn without_metrics_there_is_nothing_to_report() {
    let reporters = |enabled| {
        let config = ProducerConfig::new().report_metrics(Duration::from_secs(1), |_| {});
        config.metrics_enabled(enabled).settings().unwrap().reporters.len()
    };
    assert_eq!((reporters(true), reporters(false)), (1, 0));
}
