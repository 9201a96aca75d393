//! The Java client as a producer, through `tests/kafka/OneByOne.java`: what ours is compared with in the same run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::Cluster;
use super::process::Daemon;

/// A producer in a JVM of its own, which ends with this value.
#[derive(Debug)]
pub struct JavaProducer {
    answers: BufReader<TcpStream>,
    _process: Daemon,
}

impl Cluster {
    /// Java's producer with its defaults, but for `settings`.
    #[track_caller]
    pub fn java_producer(&self, settings: &[(&str, &str)]) -> JavaProducer {
        let started = self.start_java_producer(settings);
        started.unwrap_or_else(|why| panic!("cannot start a Java producer: {why}"))
    }

    fn start_java_producer(&self, settings: &[(&str, &str)]) -> Result<JavaProducer, String> {
        let servers = format!("bootstrap.servers={}", self.bootstrap_servers());
        let settings = settings.iter().map(|(key, value)| format!("{key}={value}"));
        let (stream, process) = self.called_back("OneByOne", std::iter::once(servers).chain(settings))?;
        let mut producer = JavaProducer { answers: BufReader::new(stream), _process: process };
        match producer.line()?.as_str() {
            "ready" => Ok(producer),
            other => Err(format!("it says {other:?}")),
        }
    }
}

impl JavaProducer {
    /// Sends one small record and waits for its answer.
    ///
    /// # Errors
    ///
    /// What Java says of it.
    pub fn send(&mut self, topic: &str) -> Result<(), String> {
        let asked = self.answers.get_mut().write_all(format!("{topic}\n").as_bytes());
        asked.map_err(|error| format!("the Java producer is gone: {error}"))?;
        match self.line()?.as_str() {
            "ok" => Ok(()),
            other => Err(other.to_owned()),
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("the Java producer has ended".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("the Java producer is gone: {error}")),
        }
    }
}
