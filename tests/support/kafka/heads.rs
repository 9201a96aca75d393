//! Topics too large to be held in memory, read back record by record: keys and the beginnings of values, through a file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use super::Cluster;

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

impl Cluster {
    /// Hands over all records of a topic, those of one partition in the order of offsets. Each has a key and a value of
    /// at least four bytes. `file` is written on the way.
    #[track_caller]
    pub fn read_heads(&self, topic: &str, file: &Path, limit: Duration, see: impl FnMut(Head)) {
        let told = self.try_read_heads(topic, file, limit, see);
        told.unwrap_or_else(|why| panic!("cannot read topic {topic} back: {why}"));
    }

    fn try_read_heads(
        &self,
        topic: &str,
        file: &Path,
        limit: Duration,
        mut see: impl FnMut(Head),
    ) -> Result<(), String> {
        let (servers, millis) = (self.servers_that_answer(), limit.as_millis().to_string());
        let path = file.to_str().ok_or("the file's name is no text")?;
        let arguments = [servers.as_str(), topic, "heads", "read_uncommitted", &millis, path];
        self.install.tool("ReadBack", &arguments, limit + Duration::from_secs(30))?;
        let told = |error: std::io::Error| format!("{}: {error}", file.display());
        let mut from = BufReader::with_capacity(1 << 18, File::open(file).map_err(told)?);
        let mut count = 0;
        while let Some(head) = next(&mut from).map_err(told)? {
            count += 1;
            see(head);
        }
        let counted = i64::from_be_bytes(bytes(&mut from).map_err(told)?);
        if counted != count {
            return Err(format!("the reader has counted {counted} records, {count} are in its file"));
        }
        Ok(())
    }
}

/// `None` at the end marker.
fn next(from: &mut impl Read) -> std::io::Result<Option<Head>> {
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
