//! What is the same for all codecs: back and forth, other people's decoders, and hostile bytes.

use super::*;

const CODECS: [Codec; 5] = [Codec::NONE, Codec::GZIP, Codec::SNAPPY, Codec::LZ4, Codec::ZSTD];

/// Those of this build.
fn built_in() -> impl Iterator<Item = Codec> {
    CODECS
        .into_iter()
        .filter(|&codec| decompress(codec, b"", 0) != Err(DecompressError::UnsupportedCodec { codec }))
}

fn compress<'a>(codec: Codec, level: Option<i32>, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    with_compressor(|compressor| compressor.compress(codec, level, &mut chunks.into_iter(), &mut out))
        .unwrap();
    out
}

/// Events like those that people send, without a period that a codec could learn.
fn events(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(len as u64);
    let mut bytes = Vec::with_capacity(len + 300);
    while bytes.len() < len {
        let event = format!(
            r#"{{"id":"{:032x}","user":{},"action":"{}","price":{:.2},"tags":["{}","new"],"at":17000{:08}}}"#,
            random.u128(..),
            random.u32(..50_000),
            random.choice(["view", "click", "add_to_cart", "purchase"]).unwrap(),
            random.f64() * 100.0,
            random.choice(["alpha", "beta", "gamma"]).unwrap(),
            random.u32(..99_999_999),
        );
        bytes.extend(event.into_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// What a batch may be like: sizes at the borders of blocks, kinds from nothing new to nothing old.
fn batches() -> Vec<Vec<u8>> {
    const K: usize = 1024;
    let mut batches = Vec::new();
    for len in [0, 1, 31, 32 * K - 1, 32 * K, 32 * K + 1, 64 * K - 1, 64 * K, 64 * K + 1, K * K] {
        let mut random = fastrand::Rng::with_seed(1);
        batches.push(events(len));
        batches.push(vec![b'x'; len]);
        batches.push((0..len).map(|_| random.u8(..)).collect());
    }
    batches
}

/// Cuts `bytes` at odd places, empty chunks included.
fn chunks(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chunks = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let most = *random.choice([1, 3, 1000, 16_384, 100_000].iter()).unwrap();
        let (chunk, left) = rest.split_at(random.usize(..=most).min(rest.len()));
        chunks.push(chunk);
        rest = left;
    }
    chunks
}

#[test]
fn every_codec_gives_back_what_it_took() {
    for codec in built_in() {
        for batch in batches() {
            let compressed = compress(codec, None, [batch.as_slice()]);
            assert!(
                decompress(codec, &compressed, batch.len()).unwrap() == batch,
                "{codec}, {}",
                batch.len()
            );
            // Chunks make no difference but where zlib and zstd end their blocks.
            let chunked = compress(codec, None, chunks(&batch, 5));
            assert!(decompress(codec, &chunked, batch.len()).unwrap() == batch, "{codec}, {}", batch.len());
            if let Some(less) = batch.len().checked_sub(1) {
                let error = decompress(codec, &compressed, less).unwrap_err();
                assert_eq!(error, DecompressError::TooLarge { limit: less }, "{codec}");
            }
        }
    }
}

#[test]
fn a_batch_leaves_no_trace_in_the_next() {
    let (one, other) = (events(70_000), events(3000));
    for codec in built_in() {
        let fresh = |batch: &[u8]| {
            let mut out = Vec::new();
            Compressor::default().compress(codec, None, &mut batch.chunks(999), &mut out).unwrap();
            out
        };
        for batch in [&one, &other, &other, &one] {
            assert!(compress(codec, None, batch.chunks(999)) == fresh(batch), "{codec}");
        }
    }
}

#[test]
fn output_is_appended_and_an_error_leaves_none() {
    for codec in built_in() {
        let mut out = b"before".to_vec();
        let mut compressor = Compressor::default();
        compressor.compress(codec, None, &mut [b"abc".as_slice()].into_iter(), &mut out).unwrap();
        assert!(out.starts_with(b"before"), "{codec}");
        assert_eq!(decompress(codec, &out[6..], 3).unwrap(), b"abc".as_slice());
    }
    let mut out = b"before".to_vec();
    let mut compress = |codec, level| {
        Compressor::default()
            .compress(codec, level, &mut [b"abc".as_slice()].into_iter(), &mut out)
            .unwrap_err()
    };
    assert_eq!(compress(Codec(7), None).to_string(), "the codec number 7 is not known");
    assert_eq!(compress(Codec::SNAPPY, Some(1)).to_string(), "snappy has no levels");
    #[cfg(feature = "gzip")]
    assert_eq!(compress(Codec::GZIP, Some(10)).to_string(), "gzip has levels from 1 to 9");
    assert_eq!(out, b"before");
}

#[test]
fn every_level_is_taken() {
    let batch = events(20_000);
    for codec in built_in() {
        let Some(levels) = levels(codec) else { continue };
        for level in levels.filter(|level| *level >= -3 || *level == -131_072) {
            let compressed = compress(codec, Some(level), batch.chunks(1000));
            assert!(decompress(codec, &compressed, batch.len()).unwrap() == batch, "{codec}, level {level}");
        }
    }
}

#[test]
fn a_compressor_within_a_compressor_is_another() {
    with_compressor(|outer| {
        for codec in built_in() {
            let compressed = compress(codec, None, [b"inner".as_slice()]);
            assert_eq!(decompress(codec, &compressed, 5).unwrap(), b"inner".as_slice());
            outer.compress(codec, None, &mut [b"outer".as_slice()].into_iter(), &mut Vec::new()).unwrap();
        }
    });
}

/// kafka-protocol brings the C library for lz4, and its own framing for snappy.
#[test]
fn other_decoders_read_what_we_write() {
    use bytes::{Buf as _, Bytes};
    use kafka_protocol::compression::{Decompressor, Gzip, Lz4, Snappy};

    fn read<D: Decompressor<Bytes>>(bytes: Vec<u8>) -> Vec<u8>
    where
        D::Buf: Into<Vec<u8>>,
    {
        D::decompress(&mut Bytes::from(bytes), |content| {
            Ok(content.copy_to_bytes(content.remaining()).to_vec())
        })
        .unwrap()
    }
    for codec in built_in() {
        for batch in batches() {
            let compressed = compress(codec, None, chunks(&batch, 6));
            let content = match codec {
                Codec::GZIP => read::<Gzip>(compressed),
                Codec::SNAPPY => read::<Snappy>(compressed),
                Codec::LZ4 => read::<Lz4>(compressed),
                #[cfg(feature = "zstd")]
                Codec::ZSTD => ::zstd::decode_all(&compressed[..]).unwrap(),
                _ => continue,
            };
            assert!(content == batch, "{codec}, {}", batch.len());
        }
    }
}

#[test]
fn other_encoders_are_read() {
    use bytes::{BufMut as _, BytesMut};
    use kafka_protocol::compression::{Compressor, Gzip, Lz4, Snappy};

    fn written<C: Compressor<BytesMut>>(batch: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        C::compress(&mut out, |buf| {
            buf.put_slice(batch);
            Ok(())
        })
        .unwrap();
        out.to_vec()
    }
    for codec in built_in() {
        for batch in batches() {
            let compressed = match codec {
                Codec::GZIP => written::<Gzip>(&batch),
                Codec::SNAPPY => written::<Snappy>(&batch),
                // The C library's frames, with a checksum of the content.
                Codec::LZ4 => written::<Lz4>(&batch),
                #[cfg(feature = "zstd")]
                Codec::ZSTD => ::zstd::encode_all(&batch[..], 0).unwrap(),
                _ => continue,
            };
            assert!(
                decompress(codec, &compressed, batch.len()).unwrap() == batch,
                "{codec}, {}",
                batch.len()
            );
        }
    }
}

#[test]
fn a_codec_that_is_not_built_in_is_named() {
    assert_eq!(decompress(Codec::NONE, b"abc", 3).unwrap().as_ref(), b"abc");
    assert_eq!(decompress(Codec::NONE, b"abc", 2), Err(DecompressError::TooLarge { limit: 2 }));
    assert_eq!(decompress(Codec(7), b"abc", 3).unwrap_err().to_string(), "the codec number 7 is not known");
    for codec in CODECS.into_iter().filter(|codec| !built_in().any(|other| other == *codec)) {
        let expected =
            format!("{codec} is not enabled; enable the cargo feature `{codec}` of kafka-producer");
        assert_eq!(decompress(codec, b"abc", 3).unwrap_err().to_string(), expected);
        let error = Compressor::default().compress(codec, None, &mut std::iter::empty(), &mut Vec::new());
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}

/// One test for each, so that they share the cores.
macro_rules! hostile {
    ($($name:ident: $feature:literal, $codec:expr;)*) => {$(
        #[test]
        #[cfg(feature = $feature)]
        fn $name() {
            hostile($feature, $codec);
        }
    )*};
}

hostile! {
    hostile_gzip: "gzip", Codec::GZIP;
    hostile_snappy: "snappy", Codec::SNAPPY;
    hostile_lz4: "lz4", Codec::LZ4;
    hostile_zstd: "zstd", Codec::ZSTD;
}

#[cfg(any(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
fn hostile(name: &str, codec: Codec) {
    let mut samples: Vec<_> =
        [0, 1, 20, 300, 2000].map(|len| compress(codec, None, [&events(len)[..]])).into();
    samples.push(compress(codec, None, [[0; 3000].as_slice()]));
    samples.push(samples[3].repeat(2));
    samples.extend(others(codec, &events(600)));
    crate::protocol::hostile::attack(name, &samples, &[], |_, random, bytes| {
        let limit = *random.choice([0, 100, 2000, 1 << 16].iter()).unwrap();
        let read = || decompress(codec, bytes, limit);
        let content = crate::protocol::hostile::in_proportion(bytes, 2 * limit, read);
        if let Err(error) = &content {
            assert!(!error.to_string().is_empty());
        }
        let Ok(content) = content else { return false };
        assert!(content.len() <= limit);
        if let Cow::Owned(content) = content {
            assert!(content.capacity() <= limit.max(64), "{} of {limit}", content.capacity());
        }
        true
    });
}

/// What other encoders make of it, in forms that ours never writes.
#[cfg(any(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
fn others(codec: Codec, content: &[u8]) -> Vec<Vec<u8>> {
    use bytes::{BufMut as _, BytesMut};
    use kafka_protocol::compression::{Compressor, Gzip, Lz4, Snappy};

    fn written<C: Compressor<BytesMut>>(content: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        C::compress(&mut out, |buf| {
            buf.put_slice(content);
            Ok(())
        })
        .unwrap();
        out.to_vec()
    }
    match codec {
        Codec::GZIP => vec![written::<Gzip>(content)],
        Codec::SNAPPY => vec![written::<Snappy>(content)],
        Codec::LZ4 => vec![written::<Lz4>(content)],
        _ => Vec::new(),
    }
}
