//! The least that TLS costs: the same bytes as a producer's, written by OpenSSL alone to the same broker.
//!
//! ```sh
//! cargo bench --bench peers_bare -- --address 127.0.0.1:19092 --authority ca.pem --records 5000000 --size 1000
//! ```
//!
//! It encodes one Produce request (acks=0) before it measures and writes it again and again. Prints one line, as every peer
//! does.

#![allow(clippy::print_stdout, reason = "it prints figures")]

#[path = "../measure/mod.rs"]
mod measure;

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiVersionsRequest, ProduceRequest, RequestHeader, TopicName};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use measure::{cpu, stopwatch};
use openssl::ssl::{SslConnector, SslMethod, SslStream};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut address, mut authority, mut records, mut size) = (String::new(), String::new(), 1_000_000, 1000);
    let mut partitions = 6;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("address") => address = arguments.value()?.string()?,
            Long("authority") => authority = arguments.value()?.string()?,
            Long("records") => records = arguments.value()?.parse()?,
            Long("size") => size = arguments.value()?.parse()?,
            Long("partitions") => partitions = arguments.value()?.parse()?,
            // As the others are called.
            Long("threads" | "linger-ms") => drop(arguments.value()?),
            // `cargo bench` says so to every benchmark.
            Long("bench") => {}
            other => return Err(other.unexpected().into()),
        }
    }
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    connector.set_ca_file(authority)?;
    let stream = TcpStream::connect(&address)?;
    stream.set_nodelay(true)?;
    let mut stream = connector.build().connect("127.0.0.1", stream)?;
    // About 1 MB a request, as the producer's are, whatever the size of a record.
    let each = (REQUEST_BYTES / (size + 10) / partitions as usize).max(1);
    let request = produce(partitions, each, size)?;
    let in_request = (each * partitions as usize) as u64;
    let count: u64 = records / in_request + 1;
    stream.write_all(&request)?;
    round_trip(&mut stream)?;
    let (before, clock) = (cpu(), stopwatch());
    for _ in 0..count {
        stream.write_all(&request)?;
    }
    round_trip(&mut stream)?;
    let (wall, used) = (clock(), cpu() - before);
    let sent = (count * in_request) as f64;
    println!(
        "bare OpenSSL: {:.0} records/s, {:.3} µs of CPU a record",
        sent / wall.as_secs_f64(),
        used.as_secs_f64() * 1e6 / sent
    );
    Ok(())
}

/// The broker has read all that came before its answer.
fn round_trip(stream: &mut SslStream<TcpStream>) -> Result<(), Box<dyn Error>> {
    stream.write_all(&frame(0, &ApiVersionsRequest::default())?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    Ok(stream.read_exact(&mut answer)?)
}

fn produce(partitions: i32, records: usize, size: usize) -> Result<Bytes, Box<dyn Error>> {
    let value = Bytes::from(vec![b'v'; size]);
    let record = |offset| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset,
        // A number that does not follow the one before would begin another batch.
        sequence: offset as i32,
        timestamp: 0,
        key: None,
        value: Some(value.clone()),
        headers: Default::default(),
    };
    let batch: Vec<Record> = (0..records as i64).map(record).collect();
    let mut encoded = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut encoded, &batch, &options)?;
    let encoded = encoded.freeze();
    let of_partition =
        |index| PartitionProduceData::default().with_index(index).with_records(Some(encoded.clone()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str("load")))
        .with_partition_data((0..partitions).map(of_partition).collect());
    let request = ProduceRequest::default().with_acks(0).with_timeout_ms(30_000).with_topic_data(vec![topic]);
    frame(9, &request)
}

fn frame<R: Request>(version: i16, request: &R) -> Result<Bytes, Box<dyn Error>> {
    let mut body = BytesMut::new();
    let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
    header.encode(&mut body, R::header_version(version))?;
    request.encode(&mut body, version)?;
    let mut frame = BytesMut::with_capacity(body.len() + 4);
    frame.extend_from_slice(&u32::try_from(body.len())?.to_be_bytes());
    frame.extend_from_slice(&body);
    Ok(frame.freeze())
}

const REQUEST_BYTES: usize = 1 << 20;
