//! Sends lines from stdin to a topic. Ctrl-C or SIGTERM stops the program. The program reports the lines that failed.
//!
//! Lines that are not stored go to stdout. They can be sent again. Lines that may have been stored go to stderr.
//!
//! ```sh
//! journalctl -f | cargo run --example log_shipper --features mock -- localhost:9092 > ship-again.log
//! cargo test --example log_shipper --features mock
//! ```

#![allow(clippy::print_stderr, reason = "it shows what happens")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select_biased, unbounded};
use kafka_producer::{Certainty, Error, KafkaProducer, ProducerRecord};

const TOPIC: &str = "logs";
/// The timeout of `close` after Ctrl-C.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A line that failed, and its error.
type Failure = (Vec<u8>, Error);

/// The outputs for lines that failed.
struct Rejects<A, B> {
    /// Gets the lines that are not stored. They can be sent again.
    not_written: A,
    /// Gets the lines that may have been stored. If they are sent again, they can be stored twice.
    maybe_written: B,
}

impl<A: Write, B: Write> Rejects<A, B> {
    fn write(&mut self, (mut line, error): Failure) -> io::Result<()> {
        line.push(b'\n');
        match error.certainty() {
            Certainty::NotWritten => self.not_written.write_all(&line),
            Certainty::MaybeWritten => self.maybe_written.write_all(&line),
        }
    }
}

/// Reads lines on a separate thread, because a read from stdin can't be interrupted. Bytes that this thread has read and
/// not yet passed on are lost when the program ends.
fn read_lines(input: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    // The channel has no buffer, so lines are not read faster than they are sent.
    let (lines, receiver) = bounded(0);
    thread::spawn(move || {
        for line in BufReader::new(input).split(b'\n') {
            match line.map(|line| lines.send(line)) {
                Ok(Ok(())) => {}
                // `ship` has returned and dropped the receiver.
                Ok(Err(_)) => return,
                Err(error) => return eprintln!("log_shipper: the input can't be read: {error}"),
            }
        }
    });
    receiver
}

/// Sends lines until the input ends or `stop` gets a message. When this function returns, each line that it received is
/// stored or was written to `rejects`.
fn ship(
    producer: &KafkaProducer,
    lines: &Receiver<Vec<u8>>,
    stop: &Receiver<()>,
    limit: Duration,
    rejects: &mut Rejects<impl Write, impl Write>,
) -> io::Result<()> {
    let (failed, failures) = unbounded();
    loop {
        select_biased! {
            recv(stop) -> _ => break,
            recv(failures) -> failure => failure.map_or(Ok(()), |failure| rejects.write(failure))?,
            recv(lines) -> line => match line {
                Ok(line) => send(producer, line, &failed),
                Err(_) => break,
            },
        }
    }
    // Records that have no result after `limit` fail. The error of a record says whether it may have been stored.
    if let Err(error) = producer.close(limit) {
        eprintln!("log_shipper: {error}");
    }
    // Each callback owns a sender, so the iterator ends when the last callback has run.
    drop(failed);
    failures.iter().try_for_each(|failure| rejects.write(failure))
}

fn send(producer: &KafkaProducer, line: Vec<u8>, failed: &Sender<Failure>) {
    // `send` blocks while the memory is used up. No lines are read in this time.
    let sent = producer.send(ProducerRecord::to(TOPIC).value(&line));
    let failed = failed.clone();
    let reject = move |error: Error| failed.send((line, error)).unwrap_or_default();
    match sent {
        Ok(future) => {
            future.add_errback(move |error| reject(error.clone()));
        }
        Err(error) => reject(error),
    }
}

/// The handler of Ctrl-C.
fn interrupt(producer: &KafkaProducer, stop: &Sender<()>, limit: Duration) {
    let _ = stop.try_send(());
    // If a `send` is blocked, `close` makes it fail. If several threads close the producer, the earliest deadline counts for
    // all of them. So the `close` in `ship` does not wait longer than this one.
    let _ = producer.close(limit);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let config = KafkaProducer::builder().bootstrap_servers(servers).linger(Duration::from_millis(50));
    let producer = Arc::new(config.build()?);
    // If there is no broker or no topic, the program fails here, before it reads a line.
    producer.partitions_for(TOPIC)?;
    let (stop, stopped) = bounded(1);
    let interrupted = Arc::clone(&producer);
    ctrlc::set_handler(move || interrupt(&interrupted, &stop, CLOSE_LIMIT))?;
    let mut rejects = Rejects { not_written: io::stdout(), maybe_written: io::stderr() };
    ship(&producer, &read_lines(io::stdin()), &stopped, CLOSE_LIMIT, &mut rejects)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use crossbeam_channel::RecvTimeoutError;
    use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
    use kafka_producer::{ErrorCode, ProducerConfig};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(300);

    fn cluster() -> (MockCluster, ProducerConfig) {
        let cluster = MockCluster::start(1);
        cluster.create_topic(TOPIC, 1);
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        (cluster, config)
    }

    /// Sends each write to a channel.
    struct Output(Sender<String>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Runs `ship` on a separate thread.
    struct Shipper {
        producer: Arc<KafkaProducer>,
        stop: Sender<()>,
        not_written: Receiver<String>,
        maybe_written: Receiver<String>,
    }

    impl Shipper {
        fn start(config: ProducerConfig, lines: Receiver<Vec<u8>>) -> Self {
            let producer = Arc::new(config.build().unwrap());
            producer.partitions_for(TOPIC).unwrap();
            let (stop, stopped) = bounded(1);
            let ((not_out, not_written), (maybe_out, maybe_written)) = (unbounded(), unbounded());
            let shipping = Arc::clone(&producer);
            thread::spawn(move || {
                let mut rejects = Rejects { not_written: Output(not_out), maybe_written: Output(maybe_out) };
                ship(&shipping, &lines, &stopped, PATIENCE, &mut rejects).unwrap();
            });
            Self { producer, stop, not_written, maybe_written }
        }

        fn interrupt(&self) {
            interrupt(&self.producer, &self.stop, SHORT);
        }

        /// Waits until the shipper has ended. Returns the lines that were not written and the lines that may have been
        /// written.
        fn rejects(self) -> [String; 2] {
            [self.not_written, self.maybe_written].map(|output| {
                let mut all = String::new();
                loop {
                    match output.recv_timeout(PATIENCE) {
                        Ok(line) => all.push_str(&line),
                        Err(RecvTimeoutError::Disconnected) => return all,
                        Err(RecvTimeoutError::Timeout) => panic!("the shipper does not end"),
                    }
                }
            })
        }
    }

    #[test]
    fn lines_are_stored_in_order_until_the_input_ends() {
        let (cluster, config) = cluster();
        // The broker has too few replicas for two requests. The producer itself sends the lines again.
        cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).times(2));
        let config = config.retry_backoff(Duration::from_millis(1));
        let shipper = Shipper::start(config, read_lines(&b"one\n\n\xff is no text\nthe last"[..]));
        assert_eq!(shipper.rejects(), ["", ""]);
        let values = cluster.records(TOPIC, 0).into_iter().map(|record| record.value.unwrap());
        assert_eq!(values.collect::<Vec<_>>(), [&b"one"[..], b"", b"\xff is no text", b"the last"]);
    }

    #[test]
    fn lines_that_the_broker_refuses_may_be_shipped_again() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE).forever());
        let shipper = Shipper::start(config, read_lines(&b"one\ntwo\n"[..]));
        assert_eq!(shipper.rejects(), ["one\ntwo\n", ""]);
        assert_eq!(cluster.record_count(TOPIC), 0);
    }

    /// In this test and in the tests below, the input does not end. Only Ctrl-C stops the shipper.
    #[test]
    fn a_refused_line_is_told_while_others_are_shipped() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::fail(ErrorCode::TOPIC_AUTHORIZATION_FAILED).on(ApiKey::PRODUCE));
        let (lines, receiver) = bounded(0);
        let shipper = Shipper::start(config, receiver);
        lines.send(b"one".to_vec()).unwrap();
        assert_eq!(shipper.not_written.recv_timeout(PATIENCE).unwrap(), "one\n");
        lines.send(b"two".to_vec()).unwrap();
        assert!(cluster.wait_for_records(TOPIC, 1, PATIENCE));
        shipper.interrupt();
        assert_eq!(shipper.rejects(), ["", ""]);
    }

    #[test]
    fn a_line_without_an_answer_is_told_apart() {
        let (cluster, config) = cluster();
        cluster.add_rule(MockRule::black_hole_after_append().on(ApiKey::PRODUCE));
        let (lines, receiver) = bounded(0);
        let shipper = Shipper::start(config, receiver);
        lines.send(b"one".to_vec()).unwrap();
        assert!(cluster.wait_for_records(TOPIC, 1, PATIENCE), "stored, but without a response");
        shipper.interrupt();
        assert_eq!(shipper.rejects(), ["", "one\n"]);
    }

    #[test]
    fn a_line_that_could_not_be_sent_may_be_shipped_again() {
        let (cluster, config) = cluster();
        // Without a producer id the producer can send no records. It requests the id again and again.
        cluster.fail_next_init_producer_id(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, usize::MAX);
        let (lines, receiver) = bounded(0);
        let shipper = Shipper::start(config, receiver);
        lines.send(b"one".to_vec()).unwrap();
        shipper.interrupt();
        assert_eq!(shipper.rejects(), ["one\n", ""]);
    }

    #[test]
    fn a_shipper_that_waits_for_memory_stops_too() {
        let (cluster, config) = cluster();
        let config = config.max_block(None).buffer_memory(64 << 10).batch_size(16 << 10);
        let (lines, receiver) = bounded(0);
        let shipper = Shipper::start(config, receiver);
        cluster.hold_responses();
        let line = vec![b'x'; 1000];
        let feeder = thread::spawn(move || (0..).take_while(|_| lines.send(line.clone()).is_ok()).count());
        while shipper.producer.in_flight().buffer_available_bytes >= 1100 {
            thread::yield_now();
        }
        shipper.interrupt();
        let [not_written, maybe_written] = shipper.rejects();
        let rejected = (not_written.len() + maybe_written.len()) / 1001;
        assert_eq!(rejected, feeder.join().unwrap(), "each line that was received is reported");
    }
}
