//! A Produce request, read as it comes: of each batch its header, and no more of its records is kept than their number.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};

use crate::answers::topic_name;

pub(crate) struct Produced {
    pub(crate) acks: i16,
    pub(crate) topics: Vec<(String, Vec<Batch>)>,
}

pub(crate) struct Batch {
    partition: i32,
    pub(crate) records: u64,
}

/// After the correlation id.
pub(crate) fn read(frame: &mut impl BufRead, version: i16) -> io::Result<Produced> {
    let flexible = version >= 9;
    // The client's id stayed in the old format, whatever the version.
    string(frame, false)?;
    tags(frame, flexible)?;
    // The transaction's id.
    string(frame, flexible)?;
    let acks = i16::from_be_bytes(read_array(frame)?);
    let _timeout: [u8; 4] = read_array(frame)?;
    let mut topics = Vec::new();
    for _ in 0..length(frame, flexible)? {
        let name = string(frame, flexible)?;
        let mut batches = Vec::new();
        for _ in 0..length(frame, flexible)? {
            let partition = i32::from_be_bytes(read_array(frame)?);
            let bytes = length(frame, flexible)?;
            batches.push(Batch { partition, records: batch(frame, bytes)? });
            tags(frame, flexible)?;
        }
        tags(frame, flexible)?;
        topics.push((name, batches));
    }
    Ok(Produced { acks, topics })
}

/// How many records are in the batch of so many bytes.
fn batch(frame: &mut impl BufRead, bytes: u64) -> io::Result<u64> {
    let header: [u8; HEADER] = read_array(frame)?;
    let [.., a, b, c, d] = header;
    if header[MAGIC] != 2 {
        return Err(invalid("a batch is not of format 2"));
    }
    skip(frame, bytes.checked_sub(HEADER as u64).ok_or_else(|| invalid("a batch is too short"))?)?;
    Ok(u32::from_be_bytes([a, b, c, d]).into())
}

/// Everything is stored, at once.
pub(crate) fn answer(
    produced: &Produced,
    offsets: &mut HashMap<(String, i32), i64>,
    version: i16,
) -> ProduceResponse {
    let topics = produced.topics.iter().map(|(topic, batches)| {
        let partitions = batches.iter().map(|batch| {
            let next = offsets.entry((topic.clone(), batch.partition)).or_default();
            let offset = *next;
            *next += batch.records as i64;
            PartitionProduceResponse::default()
                .with_index(batch.partition)
                .with_base_offset(offset)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(if version >= 5 { 0 } else { -1 })
        });
        TopicProduceResponse::default()
            .with_name(topic_name(topic))
            .with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(topics.collect())
}

pub(crate) fn read_array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// So many bytes, or as many as there are.
pub(crate) fn skip(from: &mut impl BufRead, mut bytes: u64) -> io::Result<()> {
    while bytes > 0 {
        let there = from.fill_buf()?.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        if there == 0 {
            break;
        }
        from.consume(there);
        bytes -= there as u64;
    }
    Ok(())
}

/// Of an array or of bytes; nothing for null.
fn length(from: &mut impl Read, flexible: bool) -> io::Result<u64> {
    if flexible {
        return Ok(varint(from)?.saturating_sub(1));
    }
    Ok(i32::from_be_bytes(read_array(from)?).max(0) as u64)
}

/// Empty for null.
fn string(from: &mut impl Read, flexible: bool) -> io::Result<String> {
    let length = match flexible {
        true => length(from, true)?,
        false => i16::from_be_bytes(read_array(from)?).max(0) as u64,
    };
    let mut text = String::new();
    from.take(length).read_to_string(&mut text)?;
    Ok(text)
}

fn tags(from: &mut impl BufRead, flexible: bool) -> io::Result<()> {
    for _ in 0..if flexible { varint(from)? } else { 0 } {
        varint(from)?;
        let bytes = varint(from)?;
        skip(from, bytes)?;
    }
    Ok(())
}

fn varint(from: &mut impl Read) -> io::Result<u64> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let [byte] = read_array(from)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(invalid("a number is too long"))
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Of a batch, up to its records; the last four bytes are their number.
const HEADER: usize = 61;
const MAGIC: usize = 16;
