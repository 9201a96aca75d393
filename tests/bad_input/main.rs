//! What is wrong is told at once, in one sentence that names the setting, the value and what to change; nothing is lost.
//! Whole texts, as a user reads them.
#![cfg(feature = "mock")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod brokers;
mod extremes;
mod loggers;
mod records;
mod settings;
mod times;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use kafka_producer::{KafkaProducer, ProducerConfig};

const PATIENCE: Duration = Duration::from_secs(30);
const MILLI: Duration = Duration::from_millis(1);

fn config(servers: &str) -> ProducerConfig {
    KafkaProducer::builder().bootstrap_servers(servers)
}

fn nobody_listens_here() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What the system says of a port where nobody listens.
fn refused() -> io::Error {
    TcpStream::connect(nobody_listens_here()).unwrap_err()
}
