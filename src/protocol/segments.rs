//! Bytes that are passed on without being copied: [`Chunks`] are shared, [`Segments`] hold them in a message,
//! a [`Frame`] holds them on their way to the socket.

use std::fmt;
use std::sync::Arc;

use super::wipe::wipe;

/// Immutable bytes in a few pieces, shared between whoever made them and the requests that carry them.
///
/// What the methods return never changes during the life of the value.
pub(crate) trait Chunks: Send + Sync {
    fn chunk_count(&self) -> usize;

    fn chunk(&self, index: usize) -> &[u8];

    /// The bytes of all chunks together.
    fn len(&self) -> usize;
}

impl Chunks for Vec<u8> {
    fn chunk_count(&self) -> usize {
        1
    }

    fn chunk(&self, _: usize) -> &[u8] {
        self
    }

    fn len(&self) -> usize {
        self.len()
    }
}

/// The content of an opaque field, such as the record batches of a Produce request.
#[derive(Clone, Default)]
pub(crate) struct Segments {
    parts: Vec<Part>,
    len: usize,
}

#[derive(Clone)]
enum Part {
    Owned(Vec<u8>),
    Shared(Arc<dyn Chunks>),
}

impl Segments {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends a copy of `bytes`: meant for what is small and made for this request, like a batch's header.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        match self.parts.last_mut() {
            Some(Part::Owned(last)) => last.extend_from_slice(bytes),
            _ => self.parts.push(Part::Owned(bytes.to_vec())),
        }
    }

    /// Appends `chunks` without copying them.
    pub(crate) fn push_shared(&mut self, chunks: Arc<dyn Chunks>) {
        self.len += chunks.len();
        self.parts.push(Part::Shared(chunks));
    }

    /// Everything in one piece.
    #[cfg(test)]
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        self.slices().for_each(|slice| bytes.extend_from_slice(slice));
        bytes
    }

    /// Writes the content behind what `frame` holds already.
    pub(super) fn append_to(&self, frame: &mut FrameBuilder) {
        for part in &self.parts {
            match part {
                Part::Owned(bytes) => frame.bytes.extend_from_slice(bytes),
                Part::Shared(chunks) => frame.insert(Arc::clone(chunks)),
            }
        }
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().flat_map(|part| {
            let count = match part {
                Part::Owned(_) => 1,
                Part::Shared(chunks) => chunks.chunk_count(),
            };
            (0..count).map(move |index| match part {
                Part::Owned(bytes) => bytes.as_slice(),
                Part::Shared(chunks) => chunks.chunk(index),
            })
        })
    }
}

impl From<Vec<u8>> for Segments {
    fn from(bytes: Vec<u8>) -> Self {
        Self { len: bytes.len(), parts: vec![Part::Owned(bytes)] }
    }
}

/// Equal content is equal, however it is cut.
impl PartialEq for Segments {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.slices().flatten().eq(other.slices().flatten())
    }
}

impl Eq for Segments {}

/// The length only: the content is somebody's data.
impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segments({} bytes)", self.len)
    }
}

/// A frame in the making: bytes of its own, and shared chunks between them.
#[derive(Default)]
pub(super) struct FrameBuilder {
    pub(super) bytes: Vec<u8>,
    inserts: Vec<Insert>,
    is_secret: bool,
}

struct Insert {
    /// Stands before the byte of `bytes` that has this index.
    before: usize,
    chunks: Arc<dyn Chunks>,
}

impl FrameBuilder {
    fn insert(&mut self, chunks: Arc<dyn Chunks>) {
        self.inserts.push(Insert { before: self.bytes.len(), chunks });
    }

    /// `len` bytes that nobody may find in memory later come now. Together with what follows them they are not moved, or
    /// the place of before would keep them.
    pub(super) fn expect_secret(&mut self, len: usize) {
        self.is_secret = true;
        self.bytes.reserve(len + AFTER_SECRET);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() + self.inserts.iter().map(|insert| insert.chunks.len()).sum::<usize>()
    }

    /// Appends what `other` holds.
    pub(super) fn append(&mut self, other: Self) {
        let shift = self.bytes.len();
        self.is_secret |= other.is_secret;
        self.bytes.extend_from_slice(&other.bytes);
        let moved = other.inserts.into_iter();
        self.inserts.extend(moved.map(|insert| Insert { before: insert.before + shift, ..insert }));
    }

    pub(super) fn build(self) -> Frame {
        let mut pieces = Vec::with_capacity(2 * self.inserts.len() + 1);
        let mut start = 0;
        let mut own = 0;
        let mut shared = Vec::with_capacity(self.inserts.len());
        for Insert { before, chunks } in self.inserts {
            push_piece(&mut pieces, &mut start, before - own, Source::Own { from: own });
            own = before;
            for chunk in 0..chunks.chunk_count() {
                let source = Source::Shared { insert: shared.len(), chunk };
                push_piece(&mut pieces, &mut start, chunks.chunk(chunk).len(), source);
            }
            shared.push(chunks);
        }
        push_piece(&mut pieces, &mut start, self.bytes.len() - own, Source::Own { from: own });
        Frame { bytes: self.bytes, shared, pieces, len: start, is_secret: self.is_secret }
    }
}

fn push_piece(pieces: &mut Vec<Piece>, start: &mut usize, len: usize, source: Source) {
    if len > 0 {
        pieces.push(Piece { start: *start, len, source });
        *start += len;
    }
}

/// One message ready to be written, its four length bytes included. Clones nothing: chunks stay shared.
pub(crate) struct Frame {
    bytes: Vec<u8>,
    shared: Vec<Arc<dyn Chunks>>,
    /// All non-empty slices in order, so that a write that stopped half way finds its place by bisection.
    pieces: Vec<Piece>,
    len: usize,
    /// Its own bytes are wiped when it goes.
    is_secret: bool,
}

/// More than the length of a token and the end of its request take.
const AFTER_SECRET: usize = 32;

struct Piece {
    /// Offset in the frame.
    start: usize,
    len: usize,
    source: Source,
}

enum Source {
    Own { from: usize },
    Shared { insert: usize, chunk: usize },
}

impl Frame {
    /// All bytes that go to the socket, the four length bytes included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Shows `out` the non-empty slices from byte `offset` on, in order, until it returns false.
    pub(crate) fn slices_from<'a>(&'a self, offset: usize, out: &mut dyn FnMut(&'a [u8]) -> bool) {
        let first = self.pieces.partition_point(|piece| piece.start + piece.len <= offset);
        for piece in &self.pieces[first..] {
            let slice = self.slice(piece);
            if !out(&slice[offset.saturating_sub(piece.start)..]) {
                return;
            }
        }
    }

    /// The same of `frames`, one after the other, from byte `offset` of the first on.
    pub(crate) fn visit_all<'a>(
        frames: impl Iterator<Item = &'a Self>,
        mut offset: usize,
        out: &mut dyn FnMut(&'a [u8]) -> bool,
    ) {
        let mut wants_more = true;
        for frame in frames {
            frame.slices_from(offset, &mut |slice| {
                wants_more = out(slice);
                wants_more
            });
            if !wants_more {
                return;
            }
            offset = 0;
        }
    }

    fn slice(&self, piece: &Piece) -> &[u8] {
        match piece.source {
            Source::Own { from } => &self.bytes[from..from + piece.len],
            Source::Shared { insert, chunk } => &self.shared[insert].chunk(chunk)[..piece.len],
        }
    }

    /// Everything in one piece: for the mock broker's small answers, and for tests.
    #[cfg(any(test, feature = "mock"))]
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        self.slices_from(0, &mut |slice| {
            bytes.extend_from_slice(slice);
            true
        });
        bytes
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if self.is_secret {
            wipe(&mut self.bytes);
        }
    }
}

/// The length only: frames hold records and credentials.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pieces(Vec<Vec<u8>>);

    impl Chunks for Pieces {
        fn chunk_count(&self) -> usize {
            self.0.len()
        }

        fn chunk(&self, index: usize) -> &[u8] {
            &self.0[index]
        }

        fn len(&self) -> usize {
            self.0.iter().map(Vec::len).sum()
        }
    }

    fn sample() -> Segments {
        let mut segments = Segments::default();
        segments.push_bytes(b"ab");
        segments.push_bytes(b"c");
        segments.push_shared(Arc::new(Pieces(vec![b"de".to_vec(), Vec::new(), b"f".to_vec()])));
        segments.push_bytes(b"g");
        segments
    }

    #[test]
    fn equal_by_content_and_silent_about_it() {
        assert_eq!(sample().len(), 7);
        assert_eq!(sample(), Segments::from(b"abcdefg".to_vec()));
        assert_ne!(sample(), Segments::from(b"abcdefh".to_vec()));
        assert_eq!(format!("{:?}", sample()), "Segments(7 bytes)");
    }

    #[test]
    fn a_frame_goes_on_from_every_byte() {
        let mut builder = FrameBuilder::default();
        builder.bytes.extend_from_slice(b"<");
        sample().append_to(&mut builder);
        let mut inner = FrameBuilder::default();
        inner.bytes.extend_from_slice(b"|");
        sample().append_to(&mut inner);
        builder.append(inner);
        builder.bytes.extend_from_slice(b">");
        assert_eq!(builder.len(), 17);
        let frame = builder.build();
        let whole = b"<abcdefg|abcdefg>";
        assert_eq!((frame.len(), frame.to_vec().as_slice()), (17, whole.as_slice()));
        for offset in 0..=20 {
            let mut rest = Vec::new();
            frame.slices_from(offset, &mut |slice| {
                assert!(!slice.is_empty());
                rest.extend_from_slice(slice);
                true
            });
            assert_eq!(rest, whole.get(offset..).unwrap_or_default());
        }
    }

    #[test]
    fn what_is_secret_is_not_moved_before_it_is_wiped() {
        let mut builder = FrameBuilder::default();
        builder.bytes.extend_from_slice(b"header");
        builder.expect_secret(1000);
        let at = builder.bytes.as_ptr();
        builder.bytes.extend_from_slice(&[b's'; 1000]);
        builder.bytes.extend_from_slice(&[0; AFTER_SECRET]);
        let frame = builder.build();
        assert!(frame.is_secret && frame.bytes.as_ptr() == at);
        let mut outer = FrameBuilder::default();
        let mut inner = FrameBuilder::default();
        inner.expect_secret(1);
        outer.append(inner);
        assert!(outer.build().is_secret);
        assert!(!FrameBuilder::default().build().is_secret);
    }

    #[test]
    fn a_frame_stops_when_told() {
        let mut builder = FrameBuilder::default();
        sample().append_to(&mut builder);
        let frame = builder.build();
        let mut seen = Vec::new();
        frame.slices_from(1, &mut |slice| {
            seen.push(slice);
            seen.len() < 2
        });
        assert_eq!(seen, [b"bc".as_slice(), b"de"]);
    }
}
