//! snappy in the framing of xerial's snappy-java, which is what Kafka means by it (not snappy's own framing).
//!
//! ```text
//! 82 'S' 'N' 'A' 'P' 'P' 'Y' 00   version: i32 = 1   oldest compatible version: i32 = 1
//! then for each block: its length: i32, a raw snappy block
//! ```

use super::blocks::Blocks;
use super::codec::Codec;
use super::error::{CompressError, DecompressError};
use super::input::Input;
use super::output::Output;

pub(super) struct Encoder {
    raw: snap::raw::Encoder,
    blocks: Blocks,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { raw: snap::raw::Encoder::new(), blocks: Blocks::default() }
    }
}

impl Encoder {
    pub(super) fn compress(
        &mut self,
        input: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        out.extend_from_slice(HEADER);
        self.blocks.each(BLOCK_SIZE, input, |block| {
            let start = out.len() + LENGTH_LEN;
            out.resize(start + snap::raw::max_compress_len(block.len()), 0);
            let len = self.raw.compress(block, &mut out[start..]).map_err(|_| TOO_LARGE)?;
            out[start - LENGTH_LEN..start].copy_from_slice(&(len as u32).to_be_bytes());
            out.truncate(start + len);
            Ok(())
        })
    }
}

/// Reads xerial's framing, or a single raw block without any, as some clients wrote.
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut input = Input::new(Codec::SNAPPY, bytes);
    let mut output = Output::new(limit);
    if !bytes.starts_with(MAGIC) {
        decompress_block(&mut input, bytes.len(), &mut output)?;
    }
    while !input.is_empty() {
        // Streams may follow each other, as in snappy-java: no block is as long as these bytes would say. The versions
        // are not looked at, there has never been a second one.
        if input.rest().starts_with(MAGIC) {
            input.take(HEADER.len())?;
        } else {
            let len = u32::from_be_bytes(input.array()?);
            decompress_block(&mut input, len as usize, &mut output)?;
        }
    }
    Ok(output.finish())
}

fn decompress_block(input: &mut Input<'_>, len: usize, output: &mut Output) -> Result<(), DecompressError> {
    let start = *input;
    let block = input.take(len)?;
    let len =
        snap::raw::decompress_len(block).map_err(|_| start.error("the size in a block can't be read"))?;
    if len > block.len().saturating_mul(MOST_PER_BYTE) {
        return Err(start.error("the size in a block is too large for the bytes of the block"));
    }
    if len > output.left() {
        return Err(output.too_large());
    }
    let mut raw = snap::raw::Decoder::new();
    raw.decompress(block, output.room(len).1).map_err(|error| start.error(what(&error)))?;
    output.advance(len);
    Ok(())
}

fn what(error: &snap::Error) -> &'static str {
    match error {
        snap::Error::Empty => "a block is empty",
        snap::Error::HeaderMismatch { .. } => "a block is shorter than the size in the block",
        snap::Error::Literal { .. } => "a block has a literal that is too long",
        snap::Error::CopyRead { .. } | snap::Error::CopyWrite { .. } => "a block has a copy that is too long",
        snap::Error::Offset { .. } => "a block has an offset of 0 or before its start",
        _ => "a block is damaged",
    }
}

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const LENGTH_LEN: usize = 4;
/// snappy-java's; larger blocks gain little and cost its readers memory.
const BLOCK_SIZE: usize = 32 * 1024;
/// The densest element makes 64 bytes of three.
const MOST_PER_BYTE: usize = 22;
const TOO_LARGE: CompressError = CompressError::Failed { codec: Codec::SNAPPY, why: "a block is too large" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_framing_is_snappy_javas() {
        let mut out = b"before".to_vec();
        Encoder::default()
            .compress(&mut [b"aaaaaaaa".as_slice(), b"aaaaaaaa"].into_iter(), &mut out)
            .unwrap();
        let mut expected = b"before".to_vec();
        expected.extend(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        // Sixteen bytes: a literal 'a' and 15 copied from one before it would do, but snap looks for matches only in
        // longer input.
        expected.extend(b"\0\0\0\x12\x10\x3caaaaaaaaaaaaaaaa");
        assert_eq!(out, expected);
        out.clear();
        Encoder::default().compress(&mut [[b'a'; 100].as_slice()].into_iter(), &mut out).unwrap();
        assert_eq!(out[16..], *b"\0\0\0\x09\x64\x00a\xfe\x01\x00\x8a\x01\x00");
        out.clear();
        Encoder::default().compress(&mut std::iter::empty(), &mut out).unwrap();
        assert_eq!(out, HEADER);
    }

    #[test]
    fn raw_blocks_and_joined_streams_are_read() {
        let raw = snap::raw::Encoder::new().compress_vec(b"hello, hello, hello").unwrap();
        assert_eq!(decompress(&raw, 19).unwrap(), b"hello, hello, hello");
        assert_eq!(decompress(&raw, 18), Err(DecompressError::TooLarge { limit: 18 }));
        let mut framed = HEADER.to_vec();
        for _ in 0..2 {
            framed.extend((raw.len() as u32).to_be_bytes());
            framed.extend(&raw);
        }
        let twice = [framed.as_slice(), &framed].concat();
        assert_eq!(decompress(&twice, 1000).unwrap(), b"hello, hello, hello".repeat(4));
        // A future version that is said to be compatible.
        framed[11] = 2;
        assert_eq!(decompress(&framed, 1000).unwrap(), b"hello, hello, hello".repeat(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |bytes: &[u8]| decompress(bytes, 1 << 20).unwrap_err().to_string();
        let valid = "the records are not valid snappy";
        assert_eq!(text(b""), format!("{valid}: at byte 0, a block is empty"));
        assert_eq!(text(&HEADER[..9]), format!("{valid}: at byte 0, the data is truncated"));
        let framed = |tail: &[u8]| [HEADER, tail].concat();
        assert_eq!(text(&framed(b"\0\0")), format!("{valid}: at byte 16, the data is truncated"));
        assert_eq!(text(&framed(b"\0\0\0\x05abcd")), format!("{valid}: at byte 20, the data is truncated"));
        assert_eq!(
            text(&framed(b"\0\0\0\x05\xff\xff\xff\xff\x0f")),
            format!("{valid}: at byte 20, the size in a block is too large for the bytes of the block")
        );
        assert_eq!(
            text(&framed(b"\0\0\0\x04\x08\x00a\x01")),
            format!("{valid}: at byte 20, a block has a copy that is too long")
        );
    }
}
