//! What the JVM reads: its consumer through `tests/kafka/ReadBack.java`, which has the format, and
//! its tool for the segments on disk.

use std::time::Duration;

use bytes::{Buf as _, Bytes, TryGetError};

use super::{Cluster, node};

/// A million records take a few seconds.
const LIMIT: Duration = Duration::from_secs(180);

/// A record as the Java consumer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JvmRecord {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    /// 0 create time, 1 log append time.
    pub timestamp_type: i8,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// What the Java consumer has to say about all records of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionSummary {
    pub partition: i32,
    pub count: u64,
    /// `None` in an empty partition, like the last one.
    pub first_offset: Option<i64>,
    pub last_offset: Option<i64>,
    /// See [`SummaryCrc`].
    pub crc: u32,
}

impl Cluster {
    /// All records of a topic, those of open and aborted transactions too, one partition after the
    /// other and each in the order of offsets.
    #[track_caller]
    pub fn read_back(&self, topic: &str) -> Vec<JvmRecord> {
        records(self.run_reader(topic, "records", "read_uncommitted"))
    }

    /// The records that a consumer with `isolation.level=read_committed` gets.
    #[track_caller]
    pub fn read_back_committed(&self, topic: &str) -> Vec<JvmRecord> {
        records(self.run_reader(topic, "records", "read_committed"))
    }

    /// Counts and checksums in the order of partitions, for topics too large to look at.
    #[track_caller]
    pub fn summary(&self, topic: &str) -> Vec<PartitionSummary> {
        summaries(self.run_reader(topic, "summary", "read_uncommitted"))
    }

    /// `host:port` of the nodes that run: a frozen one takes connections, so the consumer would wait long before it
    /// tries another.
    pub(super) fn servers_that_answer(&self) -> String {
        let addresses = self.answering().map(|node| node.address(node::PLAINTEXT));
        let servers: Vec<String> = addresses.map(|address| address.to_string()).collect();
        servers.join(",")
    }

    #[track_caller]
    fn run_reader(&self, topic: &str, mode: &str, isolation: &str) -> Bytes {
        let limit = LIMIT.as_millis().to_string();
        let servers = self.servers_that_answer();
        let arguments = [servers.as_str(), topic, mode, isolation, &limit];
        // Its own limit comes first and says which partitions are not finished.
        let output = self
            .install
            .tool("ReadBack", &arguments, LIMIT + Duration::from_secs(30))
            .unwrap_or_else(|why| panic!("cannot read topic {topic} back: {why}"));
        Bytes::from(output.stdout)
    }

    /// What `kafka-dump-log` prints about a partition, from the files of its leader.
    #[track_caller]
    pub fn dump_log(&self, topic: &str, partition: i32) -> String {
        let leader = self.leader(topic, partition);
        let dir = self.log_dir(leader).join(format!("{topic}-{partition}"));
        let entries =
            std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("cannot list {}: {error}", dir.display()));
        let mut segments: Vec<String> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        // Segments are named by their first offset, with leading zeros.
        segments.sort();
        let files = segments.join(",");
        let arguments = ["--deep-iteration", "--print-data-log", "--files", &files];
        let output = self
            .install
            .tool(self.install.dump_log_segments(), &arguments, LIMIT)
            .unwrap_or_else(|why| panic!("cannot dump {topic}-{partition}: {why}"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[track_caller]
fn records(bytes: Bytes) -> Vec<JvmRecord> {
    let mut records = parse(bytes, |partition, bytes| {
        Ok(JvmRecord {
            partition,
            offset: bytes.try_get_i64()?,
            timestamp_type: bytes.try_get_i8()?,
            timestamp: bytes.try_get_i64()?,
            key: nullable(bytes)?,
            value: nullable(bytes)?,
            headers: {
                let count = bytes.try_get_i32()?;
                let header = |_| {
                    let name = nullable(bytes)?.unwrap_or_default();
                    let name = String::from_utf8(name).expect("Java encodes strings as UTF-8");
                    Ok((name, nullable(bytes)?))
                };
                (0..count).map(header).collect::<Result<_, TryGetError>>()?
            },
        })
    });
    // Stable, so what the consumer says about offsets stays as it is.
    records.sort_by_key(|record| record.partition);
    records
}

#[track_caller]
fn summaries(bytes: Bytes) -> Vec<PartitionSummary> {
    parse(bytes, |partition, bytes| {
        let count = bytes.try_get_u64()?;
        let (first, last) = (bytes.try_get_i64()?, bytes.try_get_i64()?);
        Ok(PartitionSummary {
            partition,
            count,
            first_offset: (first >= 0).then_some(first),
            last_offset: (last >= 0).then_some(last),
            crc: bytes.try_get_u32()?,
        })
    })
}

/// Items that begin with a partition, then the end marker.
#[track_caller]
fn parse<T>(mut bytes: Bytes, mut item: impl FnMut(i32, &mut Bytes) -> Result<T, TryGetError>) -> Vec<T> {
    let mut parse = || {
        let mut items = Vec::new();
        loop {
            match bytes.try_get_i32()? {
                -1 => return Ok::<_, TryGetError>((items, bytes.try_get_u64()?)),
                partition => items.push(item(partition, &mut bytes)?),
            }
        }
    };
    let (items, count) = parse().unwrap_or_else(|error| panic!("the reader is cut off: {error}"));
    assert_eq!(items.len() as u64, count, "the reader's count is its own");
    assert!(bytes.is_empty(), "nothing follows the reader's end marker");
    items
}

fn nullable(bytes: &mut Bytes) -> Result<Option<Vec<u8>>, TryGetError> {
    let Ok(length) = usize::try_from(bytes.try_get_i32()?) else {
        return Ok(None);
    };
    if length > bytes.remaining() {
        return Err(TryGetError { requested: length, available: bytes.remaining() });
    }
    Ok(Some(bytes.split_to(length).to_vec()))
}

/// The checksum in a [`PartitionSummary`], for the test to compute from what it has sent.
///
/// CRC-32 as in zlib (`java.util.zip.CRC32`) over all records of a partition in the order of
/// offsets, each as these bytes, integers big-endian:
///
/// * timestamp as i64,
/// * key: its length as i32 and its bytes, or only -1 as i32 for null,
/// * value likewise,
/// * the number of headers as i32,
/// * for each header: the length of the name as i32, the name in UTF-8, then the value like the key.
///
/// Neither partition nor offsets go into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryCrc(u32);

impl SummaryCrc {
    pub fn new() -> Self {
        Self(!0)
    }

    /// The next record.
    pub fn add(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        self.update(&timestamp.to_be_bytes());
        self.update_nullable(key);
        self.update_nullable(value);
        self.update_length(headers.len());
        for (name, value) in headers {
            self.update_nullable(Some(name.as_bytes()));
            self.update_nullable(*value);
        }
    }

    pub fn value(&self) -> u32 {
        !self.0
    }

    fn update_nullable(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.update(&(-1_i32).to_be_bytes()),
            Some(bytes) => {
                self.update_length(bytes.len());
                self.update(bytes);
            }
        }
    }

    fn update_length(&mut self, length: usize) {
        let length = i32::try_from(length).expect("records are below 2 GiB");
        self.update(&length.to_be_bytes());
    }

    fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let index = (self.0 ^ u32::from(byte)) & 0xff;
            self.0 = (self.0 >> 8) ^ CRC_TABLE[index as usize];
        }
    }
}

impl Default for SummaryCrc {
    fn default() -> Self {
        Self::new()
    }
}

/// The reflected polynomial of zlib. Fifteen lines in place of a dependency.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};
