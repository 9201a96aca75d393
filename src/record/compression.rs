//! Codecs of record batches.
//!
//! [`Compression`] is what a user chooses; [`Codec`] is the number in a batch's attributes, which may be any. Encoding writes what every broker and consumer reads; decoding takes what other
//! clients write as well, and trusts none of it.

#[cfg(any(feature = "snappy", feature = "lz4"))]
mod blocks;
mod choice;
mod codec;
mod error;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(any(feature = "snappy", feature = "lz4"))]
mod input;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(any(feature = "gzip", feature = "snappy", feature = "lz4"))]
mod output;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(test)]
mod tests;
#[cfg(feature = "zstd")]
mod zstd;

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::RangeInclusive;

pub use choice::{Compression, ParseCompressionError};
pub(crate) use codec::Codec;
pub(crate) use error::{CompressError, DecompressError, InvalidLevel};

/// The state of all encoders, kept between batches because making it costs as much as compressing a small one.
///
/// An encoder is made when it is first used. What stays allocated is at most 0.4 MiB for gzip, 0.1 MiB each for
/// snappy and lz4, and 8 MiB for zstd (with its default level 1.3 MiB for batches of 128 KiB, 2.5 MiB for batches of
/// 1 MiB), besides 2 MiB for a result. While it compresses, zstd may take more: 19 MiB for a batch of 1 MiB at level 22.
#[derive(Default)]
pub(crate) struct Compressor {
    // Boxed, so that `with_compressor` moves pointers.
    #[cfg(feature = "gzip")]
    gzip: Option<Box<gzip::Encoder>>,
    #[cfg(feature = "snappy")]
    snappy: Option<Box<snappy::Encoder>>,
    #[cfg(feature = "lz4")]
    lz4: Option<Box<lz4::Encoder>>,
    #[cfg(feature = "zstd")]
    zstd: Option<Box<zstd::Encoder>>,
    /// For the next result.
    output: Vec<u8>,
}

impl Compressor {
    /// Room for about `len` bytes of a result. It comes back by [`keep`](Self::keep): an allocator that many threads use
    /// holds on to what each of them has let go of.
    pub(crate) fn output(&mut self, len: usize) -> Vec<u8> {
        let mut output = std::mem::take(&mut self.output);
        output.reserve(len);
        output
    }

    /// Keeps the room of a result that is not needed any more, unless it is unusually large.
    pub(crate) fn keep(&mut self, mut output: Vec<u8>) {
        if (self.output.capacity()..=MOST_KEPT).contains(&output.capacity()) {
            output.clear();
            self.output = output;
        }
    }

    /// Appends to `out` what `codec` makes of `input`, the chunks of one batch in their order. `level` is `None` for
    /// the codec's default. After an error `out` is as it was.
    pub(crate) fn compress(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        input: &mut dyn Iterator<Item = &[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        if let Some(level) = level {
            check_level(codec, level).map_err(CompressError::Level)?;
        }
        let start = out.len();
        let compressed = match codec {
            Codec::NONE => {
                input.for_each(|chunk| out.extend_from_slice(chunk));
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Codec::GZIP => self.gzip.get_or_insert_default().compress(level, input, out),
            #[cfg(feature = "snappy")]
            Codec::SNAPPY => self.snappy.get_or_insert_default().compress(input, out),
            #[cfg(feature = "lz4")]
            Codec::LZ4 => self.lz4.get_or_insert_default().compress(input, out),
            #[cfg(feature = "zstd")]
            Codec::ZSTD => {
                let compressed = self.zstd.get_or_insert_default().compress(level, input, out);
                self.zstd.take_if(|encoder| encoder.is_outsized());
                compressed
            }
            _ => Err(CompressError::UnsupportedCodec { codec }),
        };
        if compressed.is_err() {
            out.truncate(start);
        }
        compressed
    }
}

thread_local! {
    static COMPRESSOR: Cell<Compressor> = Cell::default();
}

/// Has `compressor` be this thread's during `f`; gives it back, with what it has grown to.
pub(crate) fn lend_compressor<R>(compressor: Compressor, f: impl FnOnce() -> R) -> (R, Compressor) {
    let own = COMPRESSOR.try_with(|kept| kept.replace(compressor)).unwrap_or_default();
    let result = f();
    (result, COMPRESSOR.try_with(|kept| kept.replace(own)).unwrap_or_default())
}

/// Lends this thread's [`Compressor`].
pub(crate) fn with_compressor<R>(f: impl FnOnce(&mut Compressor) -> R) -> R {
    // Taken out, not borrowed: one that a panic left half-way is gone, and neither a call from within nor one at the
    // thread's very end, when there is no thread-local any more, can fail. They just make a new one.
    let mut compressor = COMPRESSOR.try_with(Cell::take).unwrap_or_default();
    let result = f(&mut compressor);
    COMPRESSOR.try_with(|kept| kept.set(compressor)).ok();
    result
}

const MOST_KEPT: usize = 2 << 20;

/// Of a codec; `None` if there is nothing to choose.
fn levels(codec: Codec) -> Option<RangeInclusive<i32>> {
    match codec {
        #[cfg(feature = "gzip")]
        Codec::GZIP => Some(gzip::LEVELS),
        #[cfg(feature = "zstd")]
        Codec::ZSTD => Some(zstd::levels()),
        _ => None,
    }
}

fn check_level(codec: Codec, level: i32) -> Result<(), InvalidLevel> {
    match levels(codec) {
        Some(levels) if levels.contains(&level) => Ok(()),
        levels => Err(InvalidLevel { codec, levels }),
    }
}

/// The bytes that `codec` made `bytes` of; an error if there are more than `limit`, or the codec is not built in.
///
/// Checksums inside the codecs' formats are verified by gzip and zstd, which do it anyway, not for lz4: a batch has
/// its own over all of them. Never is the result given more than `limit`, nor more in advance than 22 times what `bytes`
/// hold (the most that snappy can make of them), whatever sizes they claim; while it grows, what it grew out of is there as
/// well, so that less than twice `limit` is set aside. A decoder's own state takes
/// less than 0.3 MiB.
pub(crate) fn decompress(codec: Codec, bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, DecompressError> {
    match codec {
        Codec::NONE if bytes.len() > limit => Err(DecompressError::TooLarge { limit }),
        Codec::NONE => Ok(Cow::Borrowed(bytes)),
        #[cfg(feature = "gzip")]
        Codec::GZIP => gzip::decompress(bytes, limit).map(Cow::Owned),
        #[cfg(feature = "snappy")]
        Codec::SNAPPY => snappy::decompress(bytes, limit).map(Cow::Owned),
        #[cfg(feature = "lz4")]
        Codec::LZ4 => lz4::decompress(bytes, limit).map(Cow::Owned),
        #[cfg(feature = "zstd")]
        Codec::ZSTD => zstd::decompress(bytes, limit).map(Cow::Owned),
        _ => Err(DecompressError::UnsupportedCodec { codec }),
    }
}
