//! Record batches (message format 2, KIP-98) back into records: what the mock broker and the tests do with them.
#![cfg_attr(not(any(test, feature = "mock")), expect(dead_code, reason = "a producer reads no records"))]

use std::fmt;

use crate::protocol::{DecodeError, DecodeErrorKind, Reader};
use crate::record::compression::{Codec, DecompressError, decompress};

/// A batch with its records.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RecordBatch {
    pub(crate) header: BatchHeader,
    pub(crate) records: Vec<Record>,
}

/// What a batch says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) base_offset: i64,
    /// Of the whole batch, this header included.
    pub(crate) len: usize,
    pub(crate) partition_leader_epoch: i32,
    /// CRC-32C of everything that follows it.
    pub(crate) crc: u32,
    pub(crate) attributes: Attributes,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    /// -1 without idempotence.
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) record_count: i32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes(pub(crate) i16);

impl Attributes {
    pub(crate) fn codec(self) -> Codec {
        Codec(self.0.to_le_bytes()[0] & 0x07)
    }

    /// Whether the broker's time of appending stands in for the records' own.
    pub(crate) fn is_log_append_time(self) -> bool {
        self.0 & 0x08 != 0
    }

    pub(crate) fn is_transactional(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Whether the records are markers that brokers write themselves.
    pub(crate) fn is_control(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// A record as it lies in its batch.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) offset_delta: i32,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    /// In their order, repeated names included.
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`, which may go on behind the batch. The records are not looked at, and
    /// the checksum is left to [`RawBatch::check_crc`].
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BatchErrorKind> {
        // Old formats have their magic at the same place, so it can be told from what is cut short.
        match bytes.get(MAGIC_AT) {
            Some(&MAGIC) => {}
            Some(&magic) => return Err(BatchErrorKind::Magic { magic }),
            None => return Err(BatchErrorKind::Cut { len: HEADER_LEN, left: bytes.len() }),
        }
        let mut input = Reader::new(bytes);
        let base_offset = input.i64()?;
        let length = input.i32()?;
        let len = usize::try_from(length).ok().and_then(|length| length.checked_add(LENGTH_COUNTS_FROM));
        let len = match len {
            Some(len) if len < HEADER_LEN => return Err(BatchErrorKind::Length { length }),
            Some(len) if len > bytes.len() => return Err(BatchErrorKind::Cut { len, left: bytes.len() }),
            Some(len) => len,
            None => return Err(BatchErrorKind::Length { length }),
        };
        let partition_leader_epoch = input.i32()?;
        input.u8()?;
        Ok(Self {
            base_offset,
            len,
            partition_leader_epoch,
            crc: input.u32()?,
            attributes: Attributes(input.i16()?),
            last_offset_delta: input.i32()?,
            base_timestamp: input.i64()?,
            max_timestamp: input.i64()?,
            producer_id: input.i64()?,
            producer_epoch: input.i16()?,
            base_sequence: input.i32()?,
            record_count: input.i32()?,
        })
    }
}

/// Cuts concatenated batches apart, reading no more than their headers. Ends after the first error.
pub(crate) fn split_batches(bytes: &[u8]) -> Batches<'_> {
    Batches { bytes, at: 0 }
}

/// Reads concatenated batches, checksums included. Ends after the first error.
pub(crate) fn read_batches(bytes: &[u8]) -> impl Iterator<Item = Result<RecordBatch, BatchError>> {
    let mut at = 0;
    split_batches(bytes).map(move |batch| {
        let batch = batch?;
        let start = at;
        at += batch.bytes.len();
        batch.decode().map_err(|kind| BatchError { kind, batch_at: start })
    })
}

/// See [`split_batches`].
#[derive(Clone)]
pub(crate) struct Batches<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<RawBatch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = &self.bytes[self.at..];
        if left.is_empty() {
            return None;
        }
        let batch_at = self.at;
        match BatchHeader::decode(left) {
            Ok(header) => {
                self.at += header.len;
                Some(Ok(RawBatch { header, bytes: &left[..header.len] }))
            }
            Err(kind) => {
                self.at = self.bytes.len();
                Some(Err(BatchError { kind, batch_at }))
            }
        }
    }
}

/// A batch of which only the header was read.
#[derive(Clone, Copy)]
pub(crate) struct RawBatch<'a> {
    pub(crate) header: BatchHeader,
    /// All of it, the header included.
    pub(crate) bytes: &'a [u8],
}

impl RawBatch<'_> {
    pub(crate) fn check_crc(&self) -> Result<(), BatchErrorKind> {
        let computed = crc32c::crc32c(&self.bytes[CRC_COUNTS_FROM..]);
        let stored = self.header.crc;
        if computed == stored { Ok(()) } else { Err(BatchErrorKind::Crc { stored, computed }) }
    }

    /// Checks the checksum and reads the records.
    pub(crate) fn decode(&self) -> Result<RecordBatch, BatchErrorKind> {
        let mut records = Vec::new();
        self.each_record(|record| records.push(record.to_owned()))?;
        Ok(RecordBatch { header: self.header, records })
    }

    /// Checks the checksum and lends the records, one after the other. Nothing is set aside but for what is compressed. An
    /// error may come after records that could be read.
    pub(crate) fn each_record(&self, each: impl FnMut(RawRecord<'_>)) -> Result<(), BatchErrorKind> {
        self.check_crc()?;
        let header = self.header;
        let content = decompress(header.attributes.codec(), &self.bytes[HEADER_LEN..], MAX_DECOMPRESSED)?;
        each_record(&header, &content, each)
    }
}

fn each_record(
    header: &BatchHeader,
    content: &[u8],
    mut each: impl FnMut(RawRecord<'_>),
) -> Result<(), BatchErrorKind> {
    let mut input = Reader::new(content);
    let count = usize::try_from(header.record_count).ok().filter(|count| *count <= input.left());
    let Some(count) = count else { return Err(BatchErrorKind::Count { count: header.record_count }) };
    for _ in 0..count {
        each(RawRecord::read(header, &mut input)?);
    }
    input.finish()?;
    Ok(())
}

/// A record that still lies in its batch. All of it has been read once, so nothing in it is malformed.
pub(crate) struct RawRecord<'a> {
    pub(crate) offset_delta: i32,
    timestamp: i64,
    pub(crate) key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    header_count: usize,
    headers: Reader<'a>,
}

impl<'a> RawRecord<'a> {
    fn read(header: &BatchHeader, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let len = length(input)?;
        let mut record = input.sub(len)?;
        record.i8()?;
        let timestamp_delta = record.varlong()?;
        let offset_delta = record.varint()?;
        let key = nullable_bytes(&mut record)?;
        let value = nullable_bytes(&mut record)?;
        let header_count = length(&mut record)?;
        if header_count > record.left() {
            return Err(record.error(DecodeErrorKind::TooMany { count: header_count, left: record.left() }));
        }
        let headers = record;
        for _ in 0..header_count {
            record_header(&mut record)?;
        }
        record.finish()?;
        let timestamp = match header.attributes.is_log_append_time() {
            true => header.max_timestamp,
            false => header.base_timestamp.wrapping_add(timestamp_delta),
        };
        Ok(Self { offset_delta, timestamp, key, value, header_count, headers })
    }

    fn to_owned(&self) -> Record {
        let mut input = self.headers;
        let headers = (0..self.header_count).map_while(|_| record_header(&mut input).ok());
        Record {
            offset_delta: self.offset_delta,
            timestamp: self.timestamp,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            headers: headers.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).collect(),
        }
    }
}

fn record_header<'a>(input: &mut Reader<'a>) -> Result<(&'a str, Option<&'a [u8]>), DecodeError> {
    let name_len = length(input)?;
    Ok((input.utf8(name_len)?, nullable_bytes(input)?))
}

/// A zigzag varint length that may not be null.
fn length(input: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let start = *input;
    let length = input.varint()?;
    usize::try_from(length)
        .map_err(|_| start.error(DecodeErrorKind::NegativeLength { length: length.into() }))
}

/// Null is a length of -1.
fn nullable_bytes<'a>(input: &mut Reader<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
    let mut ahead = *input;
    if ahead.varint()? == -1 {
        *input = ahead;
        return Ok(None);
    }
    let len = length(input)?;
    Ok(Some(input.take(len)?))
}

/// Sizes only: keys and values are somebody's data.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("offset_delta", &self.offset_delta)
            .field("timestamp", &self.timestamp)
            .field("key_len", &self.key.as_ref().map(Vec::len))
            .field("value_len", &self.value.as_ref().map(Vec::len))
            .field("headers", &self.headers.len())
            .finish()
    }
}

impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatch").field("header", &self.header).field("records", &self.records).finish()
    }
}

/// Bytes that are not a batch, and where that batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchError {
    pub(crate) kind: BatchErrorKind,
    pub(crate) batch_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchErrorKind {
    /// Message format 0 or 1, or none at all.
    Magic {
        magic: u8,
    },
    /// Fewer bytes than the batch takes.
    Cut {
        len: usize,
        left: usize,
    },
    /// A length that no batch can have.
    Length {
        length: i32,
    },
    Crc {
        stored: u32,
        computed: u32,
    },
    /// A number of records that the batch can't hold.
    Count {
        count: i32,
    },
    Codec(DecompressError),
    /// The records, after decompression, are not what they should be.
    Records(DecodeError),
}

#[cfg(feature = "mock")]
impl BatchErrorKind {
    /// Nothing is known against the batch: brokers know its codec, this build does not.
    pub(crate) fn is_for_want_of_a_codec(&self) -> bool {
        const BROKERS_KNOW: [Codec; 4] = [Codec::GZIP, Codec::SNAPPY, Codec::LZ4, Codec::ZSTD];
        let Self::Codec(DecompressError::UnsupportedCodec { codec }) = self else { return false };
        BROKERS_KNOW.contains(codec)
    }
}

impl From<DecodeError> for BatchErrorKind {
    fn from(error: DecodeError) -> Self {
        Self::Records(error)
    }
}

impl From<DecompressError> for BatchErrorKind {
    fn from(error: DecompressError) -> Self {
        Self::Codec(error)
    }
}

impl fmt::Display for BatchErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic { magic } => write!(f, "its format is {magic}, not {MAGIC}"),
            Self::Cut { len, left } => write!(f, "it takes {len} bytes but only {left} are left"),
            Self::Length { length } => write!(f, "it can't have the length {length}"),
            Self::Crc { stored, computed } => {
                write!(f, "its checksum is {computed:08x}, but {stored:08x} was stored with it")
            }
            Self::Count { count } => write!(f, "it can't hold {count} records"),
            Self::Codec(error) => write!(f, "{error}"),
            Self::Records(error) => write!(f, "in its records, {error}"),
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record batch at byte {} can't be read: {}", self.batch_at, self.kind)
    }
}

impl std::error::Error for BatchError {}

const HEADER_LEN: usize = 61;
const MAGIC: u8 = 2;
const MAGIC_AT: usize = 16;
/// The length field counts what follows it.
const LENGTH_COUNTS_FROM: usize = 12;
/// The checksum covers attributes to end.
const CRC_COUNTS_FROM: usize = 21;
/// More than any broker takes: what a small compressed batch may grow to here.
const MAX_DECOMPRESSED: usize = 256 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::hostile::{attack, in_proportion};
    use crate::protocol::vectors::{PlainRecord, exchanges, readme_records};
    use crate::protocol::{ApiKey, ProduceRequest, decode_request, decode_request_header};

    /// The batches of every Produce request in the vectors that has format 2, with file, partition and codec.
    fn recorded() -> Vec<(String, i32, Vec<u8>)> {
        let mut recorded = Vec::new();
        for exchange in exchanges() {
            if exchange.api_key != ApiKey::PRODUCE || exchange.version < 3 {
                continue;
            }
            let (header, body) = decode_request_header(&exchange.request).unwrap();
            let request: ProduceRequest = decode_request(header.version, body).unwrap();
            for topic in request.topics {
                for partition in topic.partitions {
                    recorded.push((
                        exchange.file.clone(),
                        partition.index,
                        partition.records.unwrap().to_vec(),
                    ));
                }
            }
        }
        recorded
    }

    /// The records of `file` that were sent with `codec`, by partition, or `None` if the codec is not built in.
    fn recorded_with(file: &str, codec: Codec) -> Option<[Vec<Record>; 3]> {
        let mut found = [Vec::new(), Vec::new(), Vec::new()];
        for (_, partition, bytes) in recorded().into_iter().filter(|(name, ..)| name == file) {
            for batch in split_batches(&bytes) {
                let batch = batch.unwrap();
                if batch.header.attributes.codec() != codec {
                    continue;
                }
                match batch.decode() {
                    Ok(batch) => found[usize::try_from(partition).unwrap()].extend(batch.records),
                    Err(error) => {
                        let unsupported = DecompressError::UnsupportedCodec { codec };
                        assert_eq!(error, BatchErrorKind::Codec(unsupported), "{file}, {codec}");
                        return None;
                    }
                }
            }
        }
        Some(found)
    }

    fn plain(record: &Record) -> PlainRecord {
        let Record { timestamp, key, value, headers, .. } = record.clone();
        (timestamp, key, value, headers)
    }

    #[test]
    fn other_clients_batches_hold_what_was_sent() {
        let clients = [
            "franz-go-1.22.2",
            "java-4.3.1",
            "librdkafka-2.16.0",
            "kafka-python-2.0.2",
            "kafka-python-3.0.12",
        ];
        for client in clients {
            let null_header = !client.starts_with("kafka-python");
            for codec in (0..5).map(Codec) {
                let Some(found) = recorded_with(&format!("{client}.jsonl"), codec) else { continue };
                for (index, expected) in readme_records(null_header).into_iter().enumerate() {
                    let (partition, place) = (index % 3, index / 3);
                    assert_eq!(
                        plain(&found[partition][place]),
                        expected,
                        "{client}, {codec}, record {index}"
                    );
                }
                // Without a codec went what came later, with acks 1 and in transactions, and nothing else.
                let count = found.iter().map(Vec::len).sum::<usize>();
                assert_eq!(count > 20, codec == Codec::NONE, "{client}, {codec}: {count} records");
            }
        }
    }

    #[test]
    fn batches_for_older_brokers_hold_what_was_sent() {
        for codec in (0..4).map(Codec) {
            let Some([found, ..]) = recorded_with("kafka-python-2.0.2-old-formats.jsonl", codec) else {
                continue;
            };
            // Pinned to 0.11, 1.0 and 2.1.
            assert_eq!(found.len(), 3 * 6, "{codec}");
            for (index, record) in found.iter().enumerate() {
                let i = index % 6;
                let value = (i != 0).then(|| format!("value-{i:04} ").repeat(5).into_bytes());
                let timestamp = 1_700_000_000_000 + 7 * i64::try_from(i).unwrap();
                let expected = (timestamp, Some(format!("k{i}").into_bytes()), value, Vec::new());
                assert_eq!(plain(record), expected, "{codec}, record {index}");
            }
        }
    }

    #[test]
    fn damage_is_found_and_named() {
        let bytes = recorded().swap_remove(0).2;
        let message = |bytes: &[u8]| read_batches(bytes).last().unwrap().unwrap_err().to_string();
        let mut flipped = bytes.clone();
        flipped[70] ^= 1;
        assert!(message(&flipped).starts_with("the record batch at byte 0 can't be read: its checksum is "));
        let mut old = bytes.clone();
        old[16] = 1;
        assert!(message(&old).ends_with("its format is 1, not 2"));
        let mut short = bytes.clone();
        short[8..12].copy_from_slice(&3_i32.to_be_bytes());
        assert!(message(&short).ends_with("it can't have the length 3"));
        let twice = [bytes.as_slice(), &bytes[..bytes.len() - 1]].concat();
        assert_eq!(read_batches(&twice).count(), 2);
        let left = bytes.len() - 1;
        let expected = format!(
            "at byte {} can't be read: it takes {} bytes but only {left} are left",
            left + 1,
            left + 1
        );
        assert!(message(&twice).ends_with(&expected), "{}", message(&twice));
    }

    /// Records as values are what the mock's users ask for: they may take the size of their structs.
    #[test]
    fn hostile_batches() {
        let mut samples: Vec<Vec<u8>> = recorded().into_iter().map(|(_, _, bytes)| bytes).collect();
        samples.sort_by_key(Vec::len);
        samples.truncate(40);
        samples.push(samples[..5].concat());
        attack("batches", &samples, &[], |_, _, bytes| {
            let mut taken = false;
            for batch in in_proportion(bytes, 0, || split_batches(bytes).collect::<Vec<_>>()) {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => {
                        assert!(error.batch_at <= bytes.len() && !error.to_string().is_empty());
                        continue;
                    }
                };
                // Without the checksum, which would hide what lies behind it, and without its codec.
                let content = &batch.bytes[HEADER_LEN..];
                let (mut records, mut headers) = (0, 0);
                let read = in_proportion(content, 0, || {
                    each_record(&batch.header, content, |record| {
                        records += 1;
                        headers += record.header_count;
                    })
                });
                let values =
                    3 * (records * size_of::<Record>() + headers * size_of::<(String, Option<Vec<u8>>)>());
                let mut owned = Vec::new();
                in_proportion(content, values, || {
                    each_record(&batch.header, content, |record| owned.push(record.to_owned()))
                })
                .ok();
                assert_eq!(owned.len(), records);
                assert_eq!(owned.iter().map(|record| record.headers.len()).sum::<usize>(), headers);
                match read {
                    Ok(()) => taken = true,
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
                let _ = batch.decode().map_err(|error| error.to_string());
            }
            taken
        });
    }

    #[test]
    fn attributes_are_bits() {
        let attributes = Attributes(0x3c);
        assert_eq!(attributes.codec().to_string(), "zstd");
        assert!(attributes.is_log_append_time() && attributes.is_transactional() && attributes.is_control());
        assert!(!Attributes(7).is_log_append_time());
    }

    #[test]
    fn debug_shows_no_payload() {
        let record = Record {
            offset_delta: 0,
            timestamp: 1,
            key: None,
            value: Some(b"secret".to_vec()),
            headers: Vec::new(),
        };
        let text = format!("{record:?}");
        assert!(!text.contains("secret") && !text.contains("115"), "{text}");
    }
}
