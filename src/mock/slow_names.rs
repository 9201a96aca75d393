//! Names whose look-up hangs: nobody waits for it who does not need the answer.

use std::io;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::*;
use crate::kafka_producer::Environment;
use crate::time::Clock;
use crate::{ErrorKind, KafkaProducer, ProducerRecord};

const PATIENCE: Duration = Duration::from_secs(60);
/// What a machine that does ten other things may add.
const SLACK: Duration = Duration::from_secs(5);

/// Let go of by dropping the sender.
type Hang = LazyLock<(crate::sync::Mutex<Option<Sender<()>>>, Receiver<()>)>;

static HANG: Hang = LazyLock::new(|| {
    let (sender, receiver) = unbounded();
    (crate::sync::Mutex::new(Some(sender)), receiver)
});

/// As a resolver whose name servers are gone, for every name but one.
fn lookup(host: &str) -> io::Result<Vec<SocketAddr>> {
    if host == "quick" {
        return Ok(vec![([127, 0, 0, 1], 0).into()]);
    }
    let _ = HANG.1.recv_timeout(PATIENCE);
    Err(io::ErrorKind::TimedOut.into())
}

fn takes<R>(what: impl FnOnce() -> R) -> (R, Duration) {
    let start = Clock::System.now();
    let result = what();
    (result, Clock::System.now().since(start))
}

#[test]
fn a_name_that_hangs_delays_neither_other_brokers_nor_close() {
    let cluster = MockCluster::start(2);
    cluster.create_topic("t", 2);
    let port = |broker: usize| cluster.address(broker).rsplit_once(':').unwrap().1.parse().unwrap();
    cluster.broker(0).advertise("quick", port(0));
    cluster.broker(1).advertise("hangs", port(1));
    let servers = ["hangs-1:9092".to_owned(), "hangs-2:9092".to_owned(), format!("quick:{}", port(0))];
    // As long as each of them is given before the next one is tried, whatever it is that does not answer.
    let setup = Duration::from_millis(100);
    let config = KafkaProducer::builder()
        .bootstrap_servers(servers)
        .socket_connection_setup_timeout(setup)
        .socket_connection_setup_timeout_max(setup);
    let producer =
        KafkaProducer::within(&config, |socket| Environment::with_lookup(socket.clone(), lookup)).unwrap();
    let send = |partition| producer.send(ProducerRecord::to("t").partition(partition).value("v"));
    let (future, time) = takes(|| send(0).unwrap());
    assert!(time < SLACK, "the first of bootstrap_servers that answers is found after {time:?}");
    future.get(PATIENCE).unwrap();
    let stuck = send(1).unwrap();
    for _ in 0..100 {
        let (result, time) = takes(|| send(0).unwrap().get(PATIENCE));
        result.unwrap();
        assert!(time < SLACK, "beside a broker whose name hangs, a record took {time:?}");
    }
    assert!(!stuck.is_done());
    let limit = Duration::from_millis(200);
    let (closed, time) = takes(|| producer.close(limit));
    let error = closed.unwrap_err();
    assert!((limit..limit + SLACK).contains(&time), "close took {time:?}");
    assert!(error.to_string().contains("hangs"), "{error}");
    assert!(matches!(stuck.get(PATIENCE).unwrap_err().kind(), ErrorKind::Timeout { .. }));
    let ((), time) = takes(|| drop(producer));
    assert!(time < SLACK, "drop took {time:?}");
    HANG.0.lock().take();
}
