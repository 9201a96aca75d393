//! An interceptor that adds the W3C header `traceparent` to each record, so that a consumer continues the trace of the
//! program.
//!
//! ```sh
//! cargo run --example trace_context --features mock -- localhost:9092
//! cargo test --example trace_context --features mock
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what happens")]

use std::cell::Cell;
use std::time::Duration;

use kafka_producer::{
    Error, InterceptedRecord, KafkaProducer, ProducerConfig, ProducerInterceptor, ProducerRecord,
    RecordMetadata,
};

const PATIENCE: Duration = Duration::from_secs(30);
const TRACEPARENT: &str = "traceparent";

/// The trace that a thread works on. A program with OpenTelemetry takes it from its current context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trace {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
}

thread_local! {
    static CURRENT: Cell<Option<Trace>> = const { Cell::new(None) };
}

impl Trace {
    /// The form of the header: version, trace, span and flags.
    fn header(self) -> String {
        let Self { trace_id, span_id, is_sampled } = self;
        format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(is_sampled))
    }
}

/// Adds the trace of the thread that calls `send`.
struct Tracing;

impl ProducerInterceptor for Tracing {
    fn on_send(
        &self,
        record: &mut InterceptedRecord<'_>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(trace) = CURRENT.get() {
            // A record that is passed on from another topic can have the header of its first trace.
            record.remove_headers(TRACEPARENT);
            record.add_header(TRACEPARENT, &trace.header());
        }
        Ok(())
    }

    fn on_acknowledgement(&self, result: Result<&RecordMetadata, &Error>) {
        match result {
            Ok(stored) => println!("stored at {stored}"),
            Err(error) => eprintln!("not stored: {error}"),
        }
    }
}

fn producer(config: ProducerConfig) -> Result<KafkaProducer, Error> {
    config.interceptor(Tracing).build()
}

/// Sends one record inside of `trace`.
fn handle(producer: &KafkaProducer, trace: Trace) -> Result<(), Error> {
    CURRENT.set(Some(trace));
    let sent = producer.send(ProducerRecord::to("requests").value("GET /"));
    CURRENT.set(None);
    sent.map(drop)
}

fn main() -> Result<(), Error> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "localhost:9092".to_owned());
    let producer = producer(KafkaProducer::builder().bootstrap_servers(servers))?;
    for number in 1..=3 {
        let trace_id = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c + u128::from(number);
        handle(&producer, Trace { trace_id, span_id: number, is_sampled: true })?;
    }
    producer.close(PATIENCE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by it")]

    use kafka_producer::mock::MockCluster;

    use super::*;

    /// From the specification (W3C Trace Context, section 3.2).
    const EXAMPLE: Trace = Trace {
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        span_id: 0x00f0_67aa_0ba9_02b7,
        is_sampled: true,
    };
    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_record_has_the_trace_of_its_thread() {
        let cluster = MockCluster::builder().default_partitions(1).build();
        let config = KafkaProducer::builder().bootstrap_servers(cluster.bootstrap_servers());
        let producer = producer(config).unwrap();
        handle(&producer, EXAMPLE).unwrap();
        producer.send(ProducerRecord::to("requests").value("not in a trace")).unwrap();
        producer.close(PATIENCE).unwrap();
        let records = cluster.records("requests", 0);
        assert_eq!(records[0].headers, [(TRACEPARENT.to_owned(), Some(HEADER.as_bytes().to_vec()))]);
        assert!(records[1].headers.is_empty());
    }

    /// An interceptor can be tested without a producer.
    #[test]
    fn an_older_trace_is_replaced() {
        let mut record = InterceptedRecord::new("requests");
        record.add_header(TRACEPARENT, "00-11111111111111111111111111111111-2222222222222222-00");
        record.add_header("other", "1");
        CURRENT.set(Some(EXAMPLE));
        Tracing.on_send(&mut record).unwrap();
        let headers: Vec<_> = record.headers().map(|header| (header.key, header.value.unwrap())).collect();
        assert_eq!(headers, [("other", &b"1"[..]), (TRACEPARENT, HEADER.as_bytes())]);
    }
}
