//! The parser of Prometheus' own client for Python accepts the text, and reads the same values.
//!
//! Needs Python 3 with `pip`, which fetches the parser. On Debian, the test installs both as root if they are missing.
#![cfg(feature = "_real-brokers")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kafka_producer::mock::MockCluster;
use kafka_producer::{KafkaProducer, ProducerRecord};

const PARSER: &str = "prometheus_client==0.26.0";

/// Prints the name and the type of each metric, and the values of its samples.
const PROGRAM: &str = r#"
import math, sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family.name
    assert family.type in ("counter", "gauge", "histogram"), family
    seen = set()
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, key
        seen.add(key)
        assert math.isfinite(sample.value), sample
        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        print(family.type, sample.name, labels, sample.value, sep="\t")
    buckets = [sample for sample in family.samples if sample.name.endswith("_bucket")]
    ends = [float(sample.labels["le"]) for sample in buckets]
    counts = [sample.value for sample in buckets]
    assert ends == sorted(ends) and counts == sorted(counts), family.name
"#;

#[test]
fn prometheus_own_parser_reads_what_we_write() {
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 3);
    let client_id = "a \"quoted\" \\ name";
    let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers()).client_id(client_id);
    let producer = config.linger(Duration::from_secs(60)).build().unwrap();
    for number in 0..3000 {
        producer.send(ProducerRecord::to("t").value(&format!("{number}"))).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
    // One waits, so that there are metrics of a partition.
    let _waiting = producer.send(ProducerRecord::to("t").partition(1).value("v")).unwrap();
    let metrics = producer.metrics_with_partitions();
    let lines = parsed(&metrics.to_prometheus());
    let find = |name: &str, labels: &str| {
        let labels = match labels {
            "" => format!("client_id={client_id}"),
            labels => format!("client_id={client_id},{labels}"),
        };
        let start = format!("{name}\t{labels}\t");
        let line = lines.iter().find_map(|line| line.split_once('\t')?.1.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name} with {labels} in {lines:#?}")).parse::<f64>().unwrap()
    };
    // Each value that the program can read is read by the parser.
    for metric in &metrics {
        let Some(value) = metric.value() else { continue };
        let (scope, labels) = match (metric.topic(), metric.partition(), metric.node()) {
            (Some(topic), Some(partition), _) => {
                ("partition_", format!("partition={partition},topic={topic}"))
            }
            (Some(topic), None, _) => ("topic_", format!("topic={topic}")),
            (_, _, Some(node)) => ("node_", format!("node={node}")),
            _ => ("", String::new()),
        };
        let name = format!("kafka_producer_{scope}{}", metric.name().replace('-', "_"));
        assert_eq!(find(&name, &labels), value, "{name}");
    }
    for (timing, histogram) in metrics.timings() {
        let name = format!("kafka_producer_{}_seconds", timing.to_string().replace('-', "_"));
        assert_eq!(find(&format!("{name}_count"), ""), histogram.count() as f64);
        assert_eq!(find(&format!("{name}_bucket"), "le=+Inf"), histogram.count() as f64);
        assert!((find(&format!("{name}_sum"), "") - histogram.sum().as_secs_f64()).abs() < 1e-9);
    }
    let kinds = |kind: &str| lines.iter().filter(|line| line.starts_with(kind)).count();
    assert!(kinds("counter") > 30 && kinds("gauge") > 50 && kinds("histogram") > 100);
}

/// The lines that the program prints.
fn parsed(text: &str) -> Vec<String> {
    let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PARSER.replace("==", "-"));
    if !packages.join("prometheus_client").exists() {
        provide_pip();
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(&packages).arg(PARSER);
        let pip = pip.output().expect("python3 can be run");
        assert!(pip.status.success(), "pip can't fetch {PARSER}: {}", String::from_utf8_lossy(&pip.stderr));
    }
    let mut python = Command::new("python3")
        .args(["-c", PROGRAM])
        .env("PYTHONPATH", &packages)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 can be run");
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "the parser refuses the text: {stderr}\n{text}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A fresh Debian has no pip.
fn provide_pip() {
    let has_pip = Command::new("python3").args(["-m", "pip", "--version"]).output();
    if has_pip.is_ok_and(|output| output.status.success()) {
        return;
    }
    for arguments in [&["update", "-q"][..], &["install", "-y", "-q", "python3", "python3-pip"]] {
        let output = Command::new("apt-get").args(arguments).output();
        let output = output.expect("install Python 3 with pip; there is no apt-get to do it");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "install Python 3 with pip; apt-get can't: {stderr}");
    }
}
