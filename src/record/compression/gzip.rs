//! gzip (RFC 1952), by zlib-rs.

use std::ops::RangeInclusive;

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};

use super::codec::Codec;
use super::error::{CompressError, DecompressError};
use super::output::Output;

/// Level 0, which only stores, is left out: that is what no codec is for.
pub(super) const LEVELS: RangeInclusive<i32> = 1..=9;
/// Java's and zlib's. kafka-python's is 9, with which zlib-rs is slower and on most data not smaller.
const DEFAULT_LEVEL: u32 = 6;

pub(super) struct Encoder {
    deflate: Compress,
    level: u32,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::at(DEFAULT_LEVEL)
    }
}

impl Encoder {
    fn at(level: u32) -> Self {
        Self { deflate: Compress::new_gzip(Level::new(level), WINDOW_BITS), level }
    }

    pub(super) fn compress(
        &mut self,
        level: Option<i32>,
        input: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let level = level.and_then(|level| u32::try_from(level).ok()).unwrap_or(DEFAULT_LEVEL);
        if level == self.level {
            // Before and not after, so that an error leaves nothing for the next batch.
            self.deflate.reset();
        } else {
            *self = Self::at(level);
        }
        for chunk in input {
            self.feed(chunk, FlushCompress::None, out)?;
        }
        self.feed(&[], FlushCompress::Finish, out)
    }

    fn feed(
        &mut self,
        mut chunk: &[u8],
        flush: FlushCompress,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let failed = |why| CompressError::Failed { codec: Codec::GZIP, why };
        loop {
            if matches!(flush, FlushCompress::None) && chunk.is_empty() {
                return Ok(());
            }
            out.reserve(ROOM);
            let (read, written) = (self.deflate.total_in(), out.len());
            let status =
                self.deflate.compress_vec(chunk, out, flush).map_err(|_| failed("deflate failed"))?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            let read = (self.deflate.total_in() - read) as usize;
            if read == 0 && out.len() == written {
                return Err(failed("deflate makes no progress"));
            }
            chunk = &chunk[read..];
        }
    }
}

/// Any number of members, as RFC 1952 has it, and nothing behind them.
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut output = Output::new(limit);
    let mut at = 0;
    loop {
        at += member(bytes, at, &mut output)?;
        if at == bytes.len() {
            return Ok(output.finish());
        }
    }
}

/// Decodes the member that begins at `start`, checksum and length included, and returns how long it is.
fn member(bytes: &[u8], start: usize, output: &mut Output) -> Result<usize, DecompressError> {
    let mut inflate = Decompress::new_gzip(WINDOW_BITS);
    loop {
        let read = inflate.total_in() as usize;
        let malformed = |what| DecompressError::Malformed { codec: Codec::GZIP, at: start + read, what };
        let rest = &bytes[start + read..];
        let written = inflate.total_out();
        let is_full = output.left() == 0;
        // At the limit only the trailer may follow. One more byte shows whether it does.
        let mut probe = [0];
        let room = if is_full { &mut probe } else { output.room(rest.len().max(ROOM)).1 };
        let status = inflate.decompress(rest, room, FlushDecompress::None).map_err(|_| malformed(DAMAGED))?;
        let written = (inflate.total_out() - written) as usize;
        if is_full && written > 0 {
            return Err(output.too_large());
        }
        output.advance(written);
        let consumed = inflate.total_in() as usize;
        if status == Status::StreamEnd {
            return Ok(consumed);
        }
        if consumed == read && written == 0 {
            return Err(malformed("the data is truncated"));
        }
    }
}

const WINDOW_BITS: u8 = 15;
const ROOM: usize = 1024;
const DAMAGED: &str = "the header, the deflate stream or the checksum is damaged";

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Crc, GzBuilder};
    use std::io::Write as _;

    #[test]
    fn members_and_header_fields_are_read() {
        let mut bytes = Vec::new();
        for (index, text) in ["first ", "", "third"].into_iter().enumerate() {
            let builder = GzBuilder::new()
                .mtime(7)
                .filename("a file")
                .comment("a comment")
                .extra(vec![index as u8; 900]);
            let mut encoder = builder.write(Vec::new(), Level::best());
            encoder.write_all(text.as_bytes()).unwrap();
            bytes.extend(encoder.finish().unwrap());
        }
        assert_eq!(decompress(&bytes, 11).unwrap(), b"first third");
        assert_eq!(decompress(&bytes, 10), Err(DecompressError::TooLarge { limit: 10 }));
    }

    #[test]
    fn a_header_checksum_is_read() {
        let mut bytes = Vec::new();
        Encoder::default().compress(None, &mut [b"abc".as_slice()].into_iter(), &mut bytes).unwrap();
        bytes[3] |= 2;
        let mut crc = Crc::new();
        crc.update(&bytes[..10]);
        let crc = (crc.sum() as u16).to_le_bytes();
        bytes.splice(10..10, crc);
        assert_eq!(decompress(&bytes, 100).unwrap(), b"abc");
        bytes[10] ^= 1;
        assert!(decompress(&bytes, 100).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut bytes = Vec::new();
        Encoder::default().compress(None, &mut [b"abc".as_slice()].into_iter(), &mut bytes).unwrap();
        let text = |bytes: &[u8]| decompress(bytes, 100).unwrap_err().to_string();
        for len in 0..bytes.len() {
            let expected = format!("the records are not valid gzip: at byte {len}, the data is truncated");
            assert_eq!(text(&bytes[..len]), expected);
        }
        let len = bytes.len();
        bytes[len - 5] ^= 1;
        assert!(text(&bytes).ends_with(DAMAGED));
        bytes[len - 5] ^= 1;
        bytes.extend(b"rubbish");
        assert_eq!(text(&bytes), format!("the records are not valid gzip: at byte {len}, {DAMAGED}"));
    }

    #[test]
    fn levels_differ_and_an_encoder_forgets_the_last_batch() {
        let text: Vec<u8> =
            (0..3000u32).flat_map(|i| format!("{} and {}, ", i % 77, i * i).into_bytes()).collect();
        let mut encoder = Encoder::default();
        let mut at = |level| {
            let mut out = Vec::new();
            encoder.compress(level, &mut text.chunks(999), &mut out).unwrap();
            out
        };
        let (default, fast, best) = (at(None), at(Some(1)), at(Some(9)));
        assert_eq!(default, at(Some(6)));
        assert_eq!(at(None), default);
        assert!(best.len() < fast.len() && fast != default);
    }
}
