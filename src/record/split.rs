//! Cutting a batch's records up into several batches (KIP-126): each part counts from nothing again, so every record is
//! written anew, with its two deltas changed and all the rest as it was.

use super::encode::varint_len;
use crate::protocol::{DecodeError, Reader};

/// The records of one part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
}

/// Parts of at most `limit` bytes each, but for single records that are larger. No record spans two `chunks`.
pub(crate) fn split<'a>(
    chunks: impl Iterator<Item = &'a [u8]>,
    base_timestamp: i64,
    limit: usize,
) -> Result<Vec<Part>, DecodeError> {
    let mut parts: Vec<Part> = Vec::new();
    for chunk in chunks {
        let mut input = Reader::new(chunk);
        while !input.is_empty() {
            let len = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
            let mut record = input.sub(len)?;
            let attributes = record.u8()?;
            let timestamp = base_timestamp.wrapping_add(record.varlong()?);
            record.varint()?;
            let rest = record.rest();
            if !parts.last().is_some_and(|part| part.has_room(timestamp, rest.len(), limit)) {
                parts.push(Part { base_timestamp: timestamp, max_timestamp: timestamp, ..Part::default() });
            }
            if let Some(part) = parts.last_mut() {
                part.push(attributes, timestamp, rest);
            }
        }
    }
    Ok(parts)
}

impl Part {
    fn body(&self, timestamp: i64, rest: usize) -> usize {
        1 + varint_len(timestamp.wrapping_sub(self.base_timestamp))
            + varint_len(i64::from(self.records))
            + rest
    }

    fn has_room(&self, timestamp: i64, rest: usize, limit: usize) -> bool {
        let body = self.body(timestamp, rest);
        self.bytes.len() + varint_len(body as i64) + body <= limit
    }

    fn push(&mut self, attributes: u8, timestamp: i64, rest: &[u8]) {
        let body = self.body(timestamp, rest.len());
        put_varint(&mut self.bytes, body as i64);
        self.bytes.push(attributes);
        put_varint(&mut self.bytes, timestamp.wrapping_sub(self.base_timestamp));
        put_varint(&mut self.bytes, i64::from(self.records));
        self.bytes.extend_from_slice(rest);
        self.records += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut gather = super::encode::Gather::new();
    gather.varint(value);
    out.extend_from_slice(gather.bytes());
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::record::{Header, RecordFields, RecordSize, encode_record};

    /// B14: nothing of a record changes but its place.
    #[test]
    fn parts_hold_the_same_records_in_the_same_order() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..300 {
            let (mut chunks, mut all) = (vec![Vec::new()], Vec::new());
            let base = random.i64(0..1_000_000);
            for offset in 0..random.i32(1..200) {
                let timestamp = base + random.i64(-5000..100_000);
                let value = vec![random.u8(..); random.usize(..300)];
                let headers = [Header::new("h", b"1"), Header::null("h")];
                let fields = RecordFields {
                    key: random.bool().then_some(b"key"),
                    value: (random.u8(..4) > 0).then_some(&value),
                    headers: &headers[..random.usize(..3)],
                };
                if random.u8(..10) == 0 {
                    chunks.push(Vec::new());
                }
                let chunk = chunks.last_mut().unwrap();
                let at = chunk.len();
                encode_record(chunk, RecordSize::of(&fields), timestamp - base, offset, &fields);
                let mut record = Reader::new(&chunk[at..]);
                record.varint().unwrap();
                record.u8().unwrap();
                record.varlong().unwrap();
                record.varint().unwrap();
                all.push((timestamp, record.rest().to_vec()));
            }
            let limit = random.usize(50..2000);
            let mut found = Vec::new();
            for part in split(chunks.iter().map(Vec::as_slice), base, limit).unwrap() {
                assert!(part.bytes.len() <= limit || part.records == 1);
                let mut input = Reader::new(&part.bytes);
                let mut max = i64::MIN;
                for offset in 0..part.records {
                    let len = input.varint().unwrap() as usize;
                    let mut record = input.sub(len).unwrap();
                    record.u8().unwrap();
                    let timestamp = part.base_timestamp + record.varlong().unwrap();
                    assert_eq!(record.varint().unwrap(), offset as i32);
                    max = max.max(timestamp);
                    found.push((timestamp, record.rest().to_vec()));
                }
                assert!(input.is_empty());
                assert_eq!(part.max_timestamp, max);
            }
            assert_eq!(found, all);
        }
    }
}
