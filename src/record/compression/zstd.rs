//! Zstandard (RFC 8878, KIP-110), by the C library.

use std::ops::RangeInclusive;

use zstd::zstd_safe::zstd_sys::{ZSTD_EndDirective, ZSTD_ErrorCode};
use zstd::zstd_safe::{
    self, CCtx, CParameter, DCtx, ErrorCode, InBuffer, OutBuffer, ResetDirective, get_error_name,
};

use super::codec::Codec;
use super::error::{CompressError, DecompressError};

/// Kafka's and the library's.
const DEFAULT_LEVEL: i32 = 3;

/// The library's own.
pub(super) fn levels() -> RangeInclusive<i32> {
    zstd_safe::min_c_level()..=zstd_safe::max_c_level()
}

#[derive(Default)]
pub(super) struct Encoder {
    /// `None` until there is memory for one.
    context: Option<CCtx<'static>>,
}

impl Encoder {
    pub(super) fn compress(
        &mut self,
        level: Option<i32>,
        input: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        if self.context.is_none() {
            self.context = CCtx::try_create();
        }
        let Some(context) = &mut self.context else { return Err(failed("there is not enough memory")) };
        // What the library knows of the size, it need not have tables and a window for: at the high levels that is
        // the difference between some megabytes and some hundreds.
        let chunks: Vec<_> = input.collect();
        let len = chunks.iter().map(|chunk| chunk.len()).sum();
        context.reset(ResetDirective::SessionOnly).map_err(named)?;
        context.set_parameter(CParameter::CompressionLevel(level.unwrap_or(DEFAULT_LEVEL))).map_err(named)?;
        context.set_pledged_src_size(Some(len as u64)).map_err(named)?;
        out.reserve(zstd_safe::compress_bound(len));
        let start = out.len();
        let mut output = OutBuffer::around_pos(out, start);
        let (last, others) = chunks.split_last().map_or((&[][..], &[][..]), |(last, others)| (*last, others));
        for chunk in others {
            feed(context, chunk, ZSTD_EndDirective::ZSTD_e_continue, &mut output)?;
        }
        // The last one with the end and not before it: a batch of one chunk is compressed in place, not copied first.
        feed(context, last, ZSTD_EndDirective::ZSTD_e_end, &mut output)
    }

    /// Whether it is too large to be kept.
    pub(super) fn is_outsized(&self) -> bool {
        self.context.as_ref().is_some_and(|context| context.sizeof() > MOST_KEPT)
    }
}

fn feed(
    context: &mut CCtx<'static>,
    chunk: &[u8],
    directive: ZSTD_EndDirective,
    output: &mut OutBuffer<'_, Vec<u8>>,
) -> Result<(), CompressError> {
    let is_end = directive == ZSTD_EndDirective::ZSTD_e_end;
    let mut input = InBuffer::around(chunk);
    loop {
        let before = (input.pos(), output.pos());
        let left = context.compress_stream2(output, &mut input, directive).map_err(named)?;
        if input.pos() == chunk.len() && (left == 0 || !is_end) {
            return Ok(());
        }
        if (input.pos(), output.pos()) == before {
            return Err(failed("zstd makes no progress"));
        }
    }
}

/// Decodes any number of frames, with or without their sizes in front.
///
/// Straight into the result, which is made larger until it serves: decoding as a stream would need a window besides,
/// of up to 128 MiB if a frame of a few bytes says so.
pub(super) fn decompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let malformed = |what| DecompressError::Malformed { codec: Codec::ZSTD, at: 0, what };
    if bytes.is_empty() {
        return Err(malformed("the data is truncated"));
    }
    let Some(mut context) = DCtx::try_create() else { return Err(malformed("there is not enough memory")) };
    let most = bytes.len().saturating_mul(MOST_PER_BYTE).min(limit);
    let mut room = bytes.len().saturating_mul(FIRST_PER_BYTE).min(most);
    loop {
        let mut out = Vec::with_capacity(room);
        match context.decompress(&mut out, bytes) {
            Ok(len) if len > limit => return Err(DecompressError::TooLarge { limit }),
            Ok(_) => return Ok(out),
            Err(code) if is_too_small(code) && room < most => room = room.saturating_mul(2).min(most),
            Err(code) if is_too_small(code) && room == limit => {
                return Err(DecompressError::TooLarge { limit });
            }
            Err(code) => return Err(malformed(get_error_name(code))),
        }
    }
}

/// The library returns its errors as the negated codes, which it promises not to change.
fn is_too_small(code: ErrorCode) -> bool {
    code == (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize).wrapping_neg()
}

fn named(code: ErrorCode) -> CompressError {
    failed(get_error_name(code))
}

fn failed(why: &'static str) -> CompressError {
    CompressError::Failed { codec: Codec::ZSTD, why }
}

/// With batches of 1 MiB a context takes more than this from level 9 on, and is then made anew each time: next to what
/// such a level costs, that does not count.
const MOST_KEPT: usize = 8 << 20;
/// The densest block is four bytes that stand for 128 KiB.
const MOST_PER_BYTE: usize = 32 * 1024;
/// Most batches are decoded at the first attempt.
const FIRST_PER_BYTE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn frames_without_a_size_and_several_frames_are_read() {
        let text = b"hello, hello, hello ".repeat(5000);
        let mut stream = zstd::Encoder::new(Vec::new(), 19).unwrap();
        stream.include_checksum(true).unwrap();
        for chunk in text.chunks(777) {
            stream.write_all(chunk).unwrap();
        }
        let frame = stream.finish().unwrap();
        assert!(zstd_safe::get_frame_content_size(&frame).unwrap().is_none());
        assert_eq!(decompress(&frame, text.len()).unwrap(), text);
        assert_eq!(
            decompress(&frame, text.len() - 1),
            Err(DecompressError::TooLarge { limit: text.len() - 1 })
        );
        let skippable = b"\x50\x2a\x4d\x18\x02\0\0\0xx";
        let joined = [frame.as_slice(), skippable, &frame].concat();
        assert_eq!(decompress(&joined, 1 << 20).unwrap(), text.repeat(2));
    }

    #[test]
    fn our_frames_say_their_size() {
        let mut out = Vec::new();
        let chunks = [b"abc".as_slice(), b"", b"defgh"];
        Encoder::default().compress(None, &mut chunks.into_iter(), &mut out).unwrap();
        assert_eq!(zstd_safe::get_frame_content_size(&out).unwrap(), Some(8));
    }

    #[test]
    fn an_outsized_context_is_not_kept() {
        let mut encoder = Encoder::default();
        let batch = vec![7; 1 << 20];
        for (level, is_outsized) in [(3, false), (1, false), (-1000, false), (22, true)] {
            encoder.compress(Some(level), &mut batch.chunks(1 << 14), &mut Vec::new()).unwrap();
            assert_eq!(encoder.is_outsized(), is_outsized, "level {level}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |bytes: &[u8]| decompress(bytes, 1000).unwrap_err().to_string();
        let valid = "the records are not valid zstd: at byte 0";
        assert_eq!(text(b""), format!("{valid}, the data is truncated"));
        assert_eq!(text(b"rubbish and more"), format!("{valid}, Unknown frame descriptor"));
    }
}
