//! Records into bytes, message format 2 (KIP-98): one pass, straight into the buffer they are sent from.

use crate::record::Header;

/// What of a record goes into the log, borrowed from its caller.
#[derive(Clone, Copy)]
pub(crate) struct RecordFields<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [Header<'a>],
}

/// The size of a record but for its two deltas, which are known only at its place in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordSize {
    rest: usize,
}

impl RecordSize {
    pub(crate) fn of(fields: &RecordFields<'_>) -> Self {
        let headers: usize =
            fields.headers.iter().map(|header| sized(header.key.len()) + nullable(header.value)).sum();
        // One byte of attributes, which format 2 leaves unused.
        Self {
            rest: 1
                + nullable(fields.key)
                + nullable(fields.value)
                + varint_len(fields.headers.len() as i64)
                + headers,
        }
    }

    /// What the record takes at the most, wherever it lands.
    pub(crate) fn at_most(self) -> usize {
        self.total(MAX_VARLONG + MAX_VARINT)
    }

    fn body(self, timestamp_delta: i64, offset_delta: i32) -> usize {
        self.rest + varint_len(timestamp_delta) + varint_len(i64::from(offset_delta))
    }

    fn total(self, deltas: usize) -> usize {
        let body = self.rest + deltas;
        varint_len(body as i64) + body
    }

    /// The exact size with these deltas.
    pub(crate) fn exactly(self, timestamp_delta: i64, offset_delta: i32) -> usize {
        self.total(varint_len(timestamp_delta) + varint_len(i64::from(offset_delta)))
    }
}

/// Appends one record to `out`.
pub(crate) fn encode_record(
    out: &mut Vec<u8>,
    size: RecordSize,
    timestamp_delta: i64,
    offset_delta: i32,
    fields: &RecordFields<'_>,
) {
    // Small pieces are gathered on the stack: one copy into the buffer, and one check of its capacity, for all five.
    let mut prefix = Gather::new();
    prefix.varint(size.body(timestamp_delta, offset_delta) as i64);
    prefix.byte(0);
    prefix.varint(timestamp_delta);
    prefix.varint(i64::from(offset_delta));
    match fields.key {
        None => prefix.varint(-1),
        Some(key) => {
            prefix.varint(key.len() as i64);
            out.extend_from_slice(prefix.bytes());
            out.extend_from_slice(key);
            prefix.clear();
        }
    }
    prefix.varint(fields.value.map_or(-1, |value| value.len() as i64));
    out.extend_from_slice(prefix.bytes());
    if let Some(value) = fields.value {
        out.extend_from_slice(value);
    }
    if fields.headers.is_empty() {
        out.push(0);
    } else {
        encode_headers(out, fields.headers);
    }
}

fn encode_headers(out: &mut Vec<u8>, headers: &[Header<'_>]) {
    let mut small = Gather::new();
    small.varint(headers.len() as i64);
    for header in headers {
        small.varint(header.key.len() as i64);
        out.extend_from_slice(small.bytes());
        out.extend_from_slice(header.key.as_bytes());
        small.clear();
        small.varint(header.value.map_or(-1, |value| value.len() as i64));
        out.extend_from_slice(small.bytes());
        small.clear();
        if let Some(value) = header.value {
            out.extend_from_slice(value);
        }
    }
}

/// A few varints on the stack. The most that ever meet here are a length, a byte and four more varints.
pub(super) struct Gather {
    bytes: [u8; 48],
    len: usize,
}

impl Gather {
    pub(super) fn new() -> Self {
        Self { bytes: [0; 48], len: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn byte(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    pub(super) fn varint(&mut self, value: i64) {
        let mut rest = zigzag(value);
        while rest >= 0x80 {
            self.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.byte(rest as u8);
    }
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) const fn varint_len(value: i64) -> usize {
    // Seven bits a byte; `| 1` because zero takes a byte too.
    ((70 - (zigzag(value) | 1).leading_zeros()) / 7) as usize
}

fn sized(len: usize) -> usize {
    varint_len(len as i64) + len
}

fn nullable(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| sized(bytes.len()))
}

const MAX_VARINT: usize = 5;
const MAX_VARLONG: usize = 10;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn varint_lengths_change_where_the_bits_do() {
        for value in [0, -1, 1, 63, -64, 64, -65, 8191, -8192, 8192, i64::from(i32::MAX), i64::MAX, i64::MIN]
        {
            let mut gather = Gather::new();
            gather.varint(value);
            assert_eq!(gather.bytes().len(), varint_len(value), "{value}");
        }
    }

    #[test]
    fn the_size_is_exact_and_never_above_its_bound() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut bytes = |most: usize| {
                let len = random.usize(..most);
                std::iter::repeat_with(|| random.u8(..)).take(len).collect::<Vec<u8>>()
            };
            let (key, value, extra) = (bytes(200), bytes(9000), bytes(130));
            let name = "h".repeat(extra.len() % 70);
            let headers = [
                Header { key: &name, value: Some(&extra) },
                Header { key: "null", value: None },
                Header { key: "", value: Some(b"") },
            ];
            let fields = RecordFields {
                key: (key.len() % 3 > 0).then_some(&key),
                value: (value.len() % 5 > 0).then_some(&value),
                headers: &headers[..extra.len() % 4],
            };
            let size = RecordSize::of(&fields);
            let (timestamp_delta, offset_delta) =
                (random.i64(..) >> random.u32(..64), random.i32(0..) >> random.u32(..31));
            let mut out = Vec::new();
            encode_record(&mut out, size, timestamp_delta, offset_delta, &fields);
            assert_eq!(out.len(), size.exactly(timestamp_delta, offset_delta));
            assert!(out.len() <= size.at_most());
        }
    }
}
