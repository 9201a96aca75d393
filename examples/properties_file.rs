//! Reads the `producer.properties` of a Java client, and lists the settings that this crate did not use.
//!
//! ```sh
//! cargo run --example properties_file --features mock -- localhost:9092 examples/producer.properties
//! cargo test --example properties_file --features mock
//! ```

#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use kafka_producer::{
    ConfigProblem, ConfigProblemKind, Dialect, Error, ProducerConfig, ProducerRecord, RecordMetadata,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Returns the configuration and the settings that are not used.
///
/// Some settings are not used and do not affect how records are delivered. `from_shared` lists these settings. `from_pairs`
/// would return an error for each of them. `from_shared` returns an error for a value that can't be read, for a misspelled
/// TLS setting, and for an unsupported setting that affects delivery, such as `transactional.id`.
fn read(text: &str) -> Result<(ProducerConfig, Vec<ConfigProblem>), Error> {
    ProducerConfig::from_shared(Dialect::Java, ProducerConfig::parse_properties(text)?)
}

/// A remark for the user about a setting that is not used.
fn remark(unused: &ConfigProblem) -> &'static str {
    match unused.kind {
        ConfigProblemKind::Inapplicable => "not applicable",
        ConfigProblemKind::NeedsCode => "set in code",
        ConfigProblemKind::NotSupportedYet => "not supported yet",
        ConfigProblemKind::Unknown => "unknown name",
        _ => "not used",
    }
}

fn send_one(config: ProducerConfig) -> Result<RecordMetadata, Error> {
    let producer = config.build()?;
    let metadata = producer.send(ProducerRecord::to("orders").key("ada").value("an order"))?.get(PATIENCE)?;
    producer.close(PATIENCE)?;
    Ok(metadata)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let path = arguments.next().unwrap_or_else(|| "examples/producer.properties".to_owned());
    let (config, unused) = read(&std::fs::read_to_string(path)?)?;
    for setting in &unused {
        println!("{:17} {setting}", remark(setting));
    }
    // A setter that is called afterwards overrides the file.
    let config = config.bootstrap_servers(servers);
    for name in ["bootstrap.servers", "client.id", "linger.ms", "batch.size"] {
        println!("{name} = {}", config.get(name).unwrap_or_default());
    }
    println!("stored at {}", send_one(config)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::ErrorKind;
    use kafka_producer::mock::{ApiKey, MockCluster};

    use super::*;

    const FILE: &str = include_str!("producer.properties");

    #[test]
    fn what_is_not_used_is_told() {
        let (_, unused) = read(FILE).unwrap();
        let told: Vec<_> = unused.iter().map(|setting| (setting.key.as_str(), remark(setting))).collect();
        let expected = [
            ("value.serializer", "set in code"),
            ("schema.registry.url", "not applicable"),
            ("group.id", "not applicable"),
            ("session.timeout.ms", "not applicable"),
            // In the Java client this is a setting of consumers, so it is not used. This crate's own setting keeps its
            // default.
            ("allow.auto.create.topics", "not applicable"),
            ("lingre.ms", "unknown name"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_file_decides_how_the_record_is_sent() {
        let cluster = MockCluster::start(1);
        let (config, _) = read(FILE).unwrap();
        for (name, value) in
            [("linger.ms", "5"), ("buffer.memory", "67108864"), ("allow_auto_create_topics", "true")]
        {
            assert_eq!(config.get(name).as_deref(), Some(value), "{name}");
        }
        let stored = send_one(config.bootstrap_servers(cluster.bootstrap_servers())).unwrap();
        assert_eq!(stored.to_string(), "orders-0@0");
        let requests = cluster.requests();
        let request = requests.iter().find(|request| request.api == ApiKey::PRODUCE).unwrap();
        assert_eq!((request.client_id.as_deref(), request.acks), (Some("orders"), Some(-1)));
    }

    #[test]
    fn what_would_change_how_records_are_delivered_is_refused() {
        for line in ["acks = some", "transactional.id = orders-1", "ssl.truststore.locatoin = ca.pem"] {
            let error =
                read(&format!("{FILE}\n{line}")).err().unwrap_or_else(|| panic!("{line} is accepted"));
            let ErrorKind::Config { problems, .. } = error.kind() else { panic!("{error}") };
            let name = line.split_whitespace().next().unwrap();
            assert_eq!(problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(), [name]);
        }
    }
}
