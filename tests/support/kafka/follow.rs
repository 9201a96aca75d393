//! Topics too large to be held in memory, or on the disk: read record by record, also while they are written, by
//! `tests/kafka/Follow.java`.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use super::Cluster;
use super::process::{Daemon, last_lines};

/// Longer than anything that a script does to brokers and clients.
const SILENCE: Duration = Duration::from_secs(300);

/// What the Java consumer sees of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub partition: i32,
    pub offset: i64,
    pub key: Vec<u8>,
    pub value_length: usize,
    /// The value's first four bytes, big-endian.
    pub number: u32,
}

/// A consumer in a JVM of its own, which ends with this value.
#[derive(Debug)]
pub struct Follower {
    from: BufReader<TcpStream>,
    log: PathBuf,
    _process: Daemon,
}

/// Tells a [`Follower`] that nothing more comes.
#[derive(Debug)]
pub struct Complete(TcpStream);

impl Cluster {
    /// Begins to read a topic at offset 0 of each partition. Each record has a key and a value of at least four bytes.
    #[track_caller]
    pub fn follow(&self, topic: &str) -> (Follower, Complete) {
        let arguments = [self.servers_that_answer(), topic.to_owned()];
        let started = self.called_back("Follow", arguments).and_then(|(stream, process)| {
            let told = |error: std::io::Error| error.to_string();
            stream.set_read_timeout(Some(SILENCE)).map_err(told)?;
            let complete = Complete(stream.try_clone().map_err(told)?);
            let from = BufReader::with_capacity(1 << 16, stream);
            Ok((Follower { from, log: self.dir().join("Follow.log"), _process: process }, complete))
        });
        started.unwrap_or_else(|why| panic!("cannot follow topic {topic}: {why}"))
    }
}

impl Complete {
    /// It reads to the ends that the partitions have now.
    pub fn tell(mut self) {
        // If it is gone, whoever reads from it says why.
        let _ = self.0.write_all(&[1]);
    }
}

impl Follower {
    /// Hands over all records until the topic is complete. Offsets of one partition have no gaps.
    ///
    /// # Errors
    ///
    /// When the consumer ends early, is silent for long, or skips or repeats an offset.
    pub fn read(mut self, mut see: impl FnMut(Head)) -> Result<(), String> {
        let mut next = BTreeMap::new();
        let mut count = 0;
        while let Some(head) = head(&mut self.from).map_err(|error| self.cut_off(&error))? {
            let expected = next.entry(head.partition).or_insert(0);
            if head.offset != *expected {
                return Err(format!("the follower reads {head:?}, the next offset is {expected}"));
            }
            *expected += 1;
            count += 1;
            see(head);
        }
        let counted = i64::from_be_bytes(bytes(&mut self.from).map_err(|error| self.cut_off(&error))?);
        if counted != count {
            return Err(format!("the follower has counted {counted} records, {count} have come"));
        }
        Ok(())
    }

    fn cut_off(&self, error: &std::io::Error) -> String {
        let said = std::fs::read(&self.log).unwrap_or_default();
        format!("the follower is cut off: {error}; {}", last_lines(&String::from_utf8_lossy(&said), 30))
    }
}

/// `None` at the end marker.
fn head(from: &mut impl Read) -> std::io::Result<Option<Head>> {
    let partition = i32::from_be_bytes(bytes(from)?);
    if partition == -1 {
        return Ok(None);
    }
    let offset = i64::from_be_bytes(bytes(from)?);
    let mut key = vec![0; u32::from_be_bytes(bytes(from)?) as usize];
    from.read_exact(&mut key)?;
    let value_length = u32::from_be_bytes(bytes(from)?) as usize;
    Ok(Some(Head { partition, offset, key, value_length, number: u32::from_be_bytes(bytes(from)?) }))
}

fn bytes<const N: usize>(from: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
