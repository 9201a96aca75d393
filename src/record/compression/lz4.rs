//! lz4 frames, written as Kafka's `Lz4BlockOutputStream` does and read as the frame format allows.
//!
//! ```text
//! 04 22 4d 18   flags, block size: 60 40   checksum of those two: 82
//! then for each block: its length: u32 (little-endian; the highest bit says "stored"), the block
//! 00 00 00 00
//! ```

use lz4_flex::block::{
    CompressTable, DecompressError as BlockError, compress_into_with_table, decompress_into_with_dict,
    get_maximum_output_size,
};

use super::blocks::Blocks;
use super::codec::Codec;
use super::error::{CompressError, DecompressError};
use super::input::Input;
use super::output::Output;

pub(super) struct Encoder {
    /// For blocks that are not full: smaller, so faster to clear.
    short: CompressTable,
    full: CompressTable,
    blocks: Blocks,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { short: CompressTable::small(), full: CompressTable::large(), blocks: Blocks::default() }
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
            let table = if block.len() < SHORT { &mut self.short } else { &mut self.full };
            let start = out.len() + LENGTH_LEN;
            out.resize(start + get_maximum_output_size(block.len()), 0);
            let len = compress_into_with_table(block, &mut out[start..], table).map_err(|_| TOO_LARGE)?;
            out.truncate(start + len);
            let mut length = len as u32;
            if len >= block.len() {
                out.truncate(start);
                out.extend_from_slice(block);
                length = block.len() as u32 | STORED;
            }
            out[start - LENGTH_LEN..start].copy_from_slice(&length.to_le_bytes());
            Ok(())
        })?;
        out.extend_from_slice(&END.to_le_bytes());
        Ok(())
    }
}

/// Reads one frame or several.
///
/// No checksum is verified: that would take an xxHash, and the header's was written wrongly for years (KIP-57).
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut input = Input::new(Codec::LZ4, bytes);
    let mut output = Output::new(limit);
    loop {
        decompress_frame(&mut input, &mut output)?;
        if input.is_empty() {
            return Ok(output.finish());
        }
    }
}

fn decompress_frame(input: &mut Input<'_>, output: &mut Output) -> Result<(), DecompressError> {
    let start = *input;
    let header = Header::read(input)?;
    let frame_start = output.len();
    loop {
        let block = *input;
        let length = u32::from_le_bytes(input.array()?);
        if length == END {
            break;
        }
        let len = (length & !STORED) as usize;
        if len > header.block_max {
            return Err(block.error(TOO_LONG));
        }
        let bytes = input.take(len)?;
        if length & STORED != 0 {
            output.append(bytes)?;
        } else {
            let window = if header.is_linked { output.len() - frame_start } else { 0 };
            decompress_block(bytes, window.min(WINDOW), header.block_max, output).map_err(
                |error| match error {
                    None => output.too_large(),
                    Some(what) => block.error(what),
                },
            )?;
        }
        if header.has_block_checksums {
            input.take(CHECKSUM_LEN)?;
        }
    }
    if header.content_size.is_some_and(|size| size != (output.len() - frame_start) as u64) {
        return Err(start.error("the size of the frame differs from the size in its header"));
    }
    if header.has_content_checksum {
        input.take(CHECKSUM_LEN)?;
    }
    Ok(())
}

/// What a frame says of itself.
struct Header {
    is_linked: bool,
    has_block_checksums: bool,
    has_content_checksum: bool,
    content_size: Option<u64>,
    block_max: usize,
}

impl Header {
    fn read(input: &mut Input<'_>) -> Result<Self, DecompressError> {
        let start = *input;
        if input.array()? != *MAGIC {
            return Err(start.error("this is not an lz4 frame"));
        }
        let [flags, block_size] = input.array()?;
        if flags & VERSION_MASK != VERSION {
            return Err(start.error("the frame has an unknown version"));
        }
        if flags & DICTIONARY != 0 {
            return Err(start.error("the frame needs a dictionary"));
        }
        let block_max = match block_size >> 4 & 7 {
            size @ 4..=7 => 1 << (8 + 2 * size),
            _ => return Err(start.error("the frame has an unknown block size")),
        };
        let content_size = match flags & CONTENT_SIZE {
            0 => None,
            _ => Some(u64::from_le_bytes(input.array()?)),
        };
        let [_checksum] = input.array()?;
        Ok(Self {
            is_linked: flags & INDEPENDENT == 0,
            has_block_checksums: flags & BLOCK_CHECKSUMS != 0,
            has_content_checksum: flags & CONTENT_CHECKSUM != 0,
            content_size,
            block_max,
        })
    }
}

/// Appends a block that may copy from the last `window` bytes before it. Fails with what is wrong, or with `None` if
/// there is more than may be.
fn decompress_block(
    block: &[u8],
    window: usize,
    block_max: usize,
    output: &mut Output,
) -> Result<(), Option<&'static str>> {
    // A block does not say how much it holds. Rather than to make room for the most there can be, which a peer might
    // do with four bytes, it is decoded again if there is not enough.
    let mut wanted = block.len().saturating_mul(FIRST_PER_BYTE);
    loop {
        wanted = wanted.min(block_max);
        let (decoded, room) = output.room(wanted);
        let is_all_there_is = room.len() < wanted;
        let window = &decoded[decoded.len() - window..];
        match decompress_into_with_dict(block, room, window) {
            Ok(len) => {
                output.advance(len);
                return Ok(());
            }
            Err(BlockError::OutputTooSmall { .. }) if is_all_there_is => return Err(None),
            Err(BlockError::OutputTooSmall { .. }) if wanted == block_max => return Err(Some(TOO_LONG)),
            Err(BlockError::OutputTooSmall { .. }) => wanted = wanted.saturating_mul(2),
            Err(BlockError::LiteralOutOfBounds) => {
                return Err(Some("a block has a literal that is too long"));
            }
            Err(BlockError::ExpectedAnotherByte) => return Err(Some("a block ends too early")),
            Err(BlockError::OffsetZero) => return Err(Some("a block has an offset of 0")),
            Err(BlockError::OffsetOutOfBounds) => {
                return Err(Some("a block has an offset before the start of the data"));
            }
            Err(_) => return Err(Some("a block is damaged")),
        }
    }
}

const MAGIC: &[u8; 4] = b"\x04\x22\x4d\x18";
/// Version 1, independent blocks of up to 64 KiB, no checksums: brokers refuse linked blocks, and a content checksum is
/// not what all of them take it for. With all of it fixed, so is the header's checksum.
const HEADER: &[u8; 7] = b"\x04\x22\x4d\x18\x60\x40\x82";
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT: u8 = 0x20;
const BLOCK_CHECKSUMS: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const DICTIONARY: u8 = 0x01;
const LENGTH_LEN: usize = 4;
const CHECKSUM_LEN: usize = 4;
const STORED: u32 = 1 << 31;
const END: u32 = 0;
const BLOCK_SIZE: usize = 64 * 1024;
/// Below this, positions fit the small table's 16 bits.
const SHORT: usize = u16::MAX as usize;
/// How far back a block may copy from.
const WINDOW: usize = 64 * 1024;
/// Most blocks are decoded at the first attempt.
const FIRST_PER_BYTE: usize = 8;
const TOO_LONG: &str = "a block is larger than its frame allows";
const TOO_LARGE: CompressError = CompressError::Failed { codec: Codec::LZ4, why: "a block is too large" };

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::default().compress(&mut input.chunks(1000), &mut out).unwrap();
        out
    }

    #[test]
    fn the_frame_is_kafkas() {
        assert_eq!(compressed(b""), b"\x04\x22\x4d\x18\x60\x40\x82\0\0\0\0");
        // Too short to be made shorter: stored.
        assert_eq!(compressed(b"abc"), b"\x04\x22\x4d\x18\x60\x40\x82\x03\0\0\x80abc\0\0\0\0");
        // A literal, a copy of 93 bytes (4 + 15 + 74) from one before, and the literals that must end a block.
        assert_eq!(
            compressed(&[b'a'; 100]),
            b"\x04\x22\x4d\x18\x60\x40\x82\x0c\0\0\0\x1fa\x01\0\x4a\x60aaaaaa\0\0\0\0"
        );
    }

    /// A frame with what `tests.rs`, where the C library writes them, does not have.
    fn frame(flags: u8, block_size: u8, rest: &[u8]) -> Vec<u8> {
        [MAGIC, &[flags, block_size][..], rest].concat()
    }

    #[test]
    fn strangers_frames_are_read() {
        // The header's checksum of KIP-57, with the magic in it.
        let mut broken = compressed(&[b'a'; 100]);
        broken[6] = 0x1a;
        assert_eq!(decompress(&broken, 100).unwrap(), [b'a'; 100]);
        // All checksums and the size, blocks of 4 MiB, the second block linked to the first.
        let linked = frame(
            0x5c,
            0x70,
            b"\x09\0\0\0\0\0\0\0H\x03\0\0\x80abcBBBB\x05\0\0\0\x02\x03\0\x00\x00BBBB\0\0\0\0CCCC",
        );
        // Token 02: no literals, six copied from three before; then a last token 00 would need an offset.
        assert!(decompress(&linked, 100).is_err());
        let linked = frame(
            0x5c,
            0x70,
            b"\x0a\0\0\0\0\0\0\0H\x03\0\0\x80abcBBBB\x05\0\0\0\x02\x03\0\x10zBBBB\0\0\0\0CCCC",
        );
        assert_eq!(decompress(&linked, 100).unwrap(), b"abcabcabcz");
        // The same without the link has nothing to copy from.
        let mut unlinked = linked.clone();
        unlinked[4] |= INDEPENDENT;
        assert!(
            decompress(&unlinked, 100)
                .unwrap_err()
                .to_string()
                .ends_with("a block has an offset before the start of the data")
        );
        // A frame does not see the one before it.
        let second = frame(0x40, 0x40, b"H\x05\0\0\0\x02\x03\0\x10z\0\0\0\0");
        assert_eq!(
            decompress(&[linked.as_slice(), &second].concat(), 100).unwrap_err().to_string(),
            format!(
                "the records are not valid lz4: at byte {}, a block has an offset before the start of the data",
                linked.len() + 7
            )
        );
        assert_eq!(decompress(&linked.repeat(2), 100).unwrap(), b"abcabcabczabcabcabcz");
    }

    #[test]
    fn the_limit_and_the_blocks_size_are_kept() {
        let bytes = compressed(&[b'a'; 100]);
        assert_eq!(decompress(&bytes, 99), Err(DecompressError::TooLarge { limit: 99 }));
        let stored = compressed(b"abc");
        assert_eq!(decompress(&stored, 2), Err(DecompressError::TooLarge { limit: 2 }));
        // 100,000 bytes in a block of at most 64 KiB.
        let mut block = vec![0; get_maximum_output_size(100_000)];
        let len = lz4_flex::block::compress_into(&[b'a'; 100_000], &mut block).unwrap();
        let mut rest = b"H".to_vec();
        rest.extend((len as u32).to_le_bytes());
        rest.extend(&block[..len]);
        rest.extend([0; 4]);
        assert!(decompress(&frame(0x60, 0x40, &rest), 1 << 20).unwrap_err().to_string().ends_with(TOO_LONG));
        assert_eq!(decompress(&frame(0x60, 0x50, &rest), 1 << 20).unwrap(), [b'a'; 100_000]);
        assert!(decompress(&frame(0x60, 0x50, &rest), 1 << 20).unwrap().capacity() <= 1 << 20);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |bytes: &[u8]| decompress(bytes, 1000).unwrap_err().to_string();
        let at = |at: usize, what: &str| format!("the records are not valid lz4: at byte {at}, {what}");
        let whole = compressed(&[b'a'; 100]);
        for len in 0..whole.len() {
            assert!(text(&whole[..len]).ends_with("the data is truncated"), "{len}");
        }
        assert_eq!(text(b"rubbish and more"), at(0, "this is not an lz4 frame"));
        assert_eq!(
            text(&[whole.as_slice(), b"rubbish"].concat()),
            at(whole.len(), "this is not an lz4 frame")
        );
        assert_eq!(text(&frame(0x20, 0x40, b"")), at(0, "the frame has an unknown version"));
        assert_eq!(text(&frame(0x61, 0x40, b"")), at(0, "the frame needs a dictionary"));
        assert_eq!(text(&frame(0x60, 0x30, b"")), at(0, "the frame has an unknown block size"));
        assert_eq!(text(&frame(0x60, 0x40, b"H\x01\0\x01\0")), at(7, TOO_LONG));
        assert_eq!(
            text(&frame(0x68, 0x40, b"\x04\0\0\0\0\0\0\0H\x03\0\0\x80abc\0\0\0\0")),
            at(0, "the size of the frame differs from the size in its header")
        );
        assert_eq!(
            text(&frame(0x60, 0x40, b"H\x02\0\0\0\x20a")),
            at(7, "a block has a literal that is too long")
        );
    }
}
