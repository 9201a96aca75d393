//! Finding frames in a stream of bytes that arrive as they like.

use std::fmt;

use super::writer::LENGTH_SIZE;

/// Finds frames in what was read from a connection.
///
/// A frame that lies whole in the bytes given is lent from there; only one that was cut by the end of a read is
/// collected. A length is believed as its bytes arrive: the memory set aside follows what has come (twice that at
/// most), whatever a hostile length says, and is given back once a large frame is done with.
pub(crate) struct FrameReader {
    /// The beginning of a frame, its length included; or all of one, handed out by the last call.
    partial: Vec<u8>,
    /// `partial` was handed out.
    spent: bool,
    max_frame: usize,
}

impl FrameReader {
    /// Refuses frames of more than `max_frame` bytes (`receive_message_max_bytes`).
    pub(crate) fn new(max_frame: usize) -> Self {
        Self { partial: Vec::new(), spent: false, max_frame }
    }

    /// Takes the next frame off the front of `bytes`, or what there is of it. The frame comes without its length;
    /// `None` means that `bytes` is used up. An error is the end of the stream: there is no finding the next frame.
    pub(crate) fn next<'a, 'b: 'a>(
        &'a mut self,
        bytes: &mut &'b [u8],
    ) -> Result<Option<&'a [u8]>, FrameError> {
        if self.spent {
            self.spent = false;
            self.partial.clear();
            self.partial.shrink_to(KEEP);
        }
        if self.partial.is_empty()
            && let Some((prefix, rest)) = bytes.split_first_chunk()
        {
            let len = frame_length(*prefix, self.max_frame)?;
            if let Some((frame, rest)) = rest.split_at_checked(len) {
                *bytes = rest;
                return Ok(Some(frame));
            }
        }
        self.collect(LENGTH_SIZE, bytes);
        let Some(&prefix) = self.partial.first_chunk() else { return Ok(None) };
        let whole = LENGTH_SIZE + frame_length(prefix, self.max_frame)?;
        self.collect(whole, bytes);
        if self.partial.len() < whole {
            return Ok(None);
        }
        self.spent = true;
        Ok(Some(&self.partial[LENGTH_SIZE..]))
    }

    /// Whether a part of a frame is waiting for the rest of it.
    #[cfg(test)]
    pub(crate) fn is_mid_frame(&self) -> bool {
        !self.spent && !self.partial.is_empty()
    }

    /// Moves bytes over until there are `whole`.
    fn collect(&mut self, whole: usize, bytes: &mut &[u8]) {
        let missing = whole.saturating_sub(self.partial.len()).min(bytes.len());
        let (some, rest) = bytes.split_at(missing);
        self.partial.extend_from_slice(some);
        *bytes = rest;
    }
}

/// How much has come, not what.
impl fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader")
            .field("waiting", &if self.spent { 0 } else { self.partial.len() })
            .field("max_frame", &self.max_frame)
            .finish_non_exhaustive()
    }
}

/// The length of the frame that begins with `prefix`, without these four bytes.
pub(crate) fn frame_length(prefix: [u8; LENGTH_SIZE], max: usize) -> Result<usize, FrameError> {
    // TLS records of type alert and handshake, SSL 3.0 to TLS 1.3. As lengths these are 352 MB and more.
    if let [0x15 | 0x16, 0x03, 0..=4, _] = prefix {
        return Err(FrameError::Tls);
    }
    if prefix == *b"HTTP" {
        return Err(FrameError::Http);
    }
    let length = i32::from_be_bytes(prefix);
    match usize::try_from(length) {
        Err(_) => Err(FrameError::Negative { length }),
        Ok(len) if len > max => Err(FrameError::TooLarge { len, max }),
        Ok(len) => Ok(len),
    }
}

/// The peer does not send frames, or none that we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// It speaks TLS on a connection that is not encrypted.
    Tls,
    /// It is a web server.
    Http,
    Negative {
        length: i32,
    },
    TooLarge {
        len: usize,
        max: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls => write!(
                f,
                "the peer sent TLS, but this connection is not encrypted: set security_protocol to SSL or SASL_SSL, \
                 or use the port of a PLAINTEXT listener"
            ),
            Self::Http => {
                write!(
                    f,
                    "the peer sent HTTP, so the peer is not a Kafka broker: use the port of a Kafka broker"
                )
            }
            Self::Negative { length } => write!(f, "the peer sent an invalid message length: {length}"),
            Self::TooLarge { len, max } => {
                write!(
                    f,
                    "the peer sent a message length of {len} bytes, which is larger than receive_message_max_bytes = {max}"
                )
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Memory kept for the next cut frame.
const KEEP: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(reader: &mut FrameReader, mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut frames = Vec::new();
        while let Some(frame) = reader.next(&mut bytes)? {
            frames.push(frame.to_vec());
        }
        assert!(bytes.is_empty());
        Ok(frames)
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            let mut body = || (0..random.usize(0..300)).map(|_| random.u8(..)).collect::<Vec<u8>>();
            let bodies: Vec<Vec<u8>> = (0..20).map(|_| body()).collect();
            let bytes: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
            let mut reader = FrameReader::new(300);
            let mut found = Vec::new();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (some, others) = rest.split_at(random.usize(1..=rest.len().min(700)));
                found.extend(frames(&mut reader, some).unwrap());
                rest = others;
            }
            assert_eq!(found, bodies);
            assert!(!reader.is_mid_frame());
        }
    }

    #[test]
    fn wrong_peers_are_recognized_whole_or_cut() {
        let error = |prefix: &[u8]| {
            let mut cut = FrameReader::new(100_000_000);
            assert_eq!(frames(&mut cut, &prefix[..3]), Ok(vec![]));
            assert!(cut.is_mid_frame());
            let error = frames(&mut cut, &prefix[3..]).unwrap_err();
            assert_eq!(frames(&mut FrameReader::new(100_000_000), prefix), Err(error));
            assert_eq!(frames(&mut cut, b"more"), Err(error));
            error
        };
        assert_eq!(error(&[0x15, 3, 3, 0, 2, 1]), FrameError::Tls);
        assert_eq!(error(&[0x16, 3, 1, 2]), FrameError::Tls);
        assert_eq!(error(b"HTTP/1.1 400 Bad Request"), FrameError::Http);
        assert_eq!(error(&[0xff; 4]), FrameError::Negative { length: -1 });
        let too_large = FrameError::TooLarge { len: 0x7fff_ffff, max: 100_000_000 };
        assert_eq!(error(&[0x7f, 0xff, 0xff, 0xff]), too_large);
    }

    #[test]
    fn memory_follows_what_arrives_and_is_given_back() {
        let mut reader = FrameReader::new(100_000_000);
        let body = vec![1; 10_000_000];
        let bytes = framed(&body);
        let (last, parts) =
            bytes.split_last_chunk::<1>().map(|(rest, last)| (last, rest.chunks(10_000))).unwrap();
        let mut arrived = 0;
        for part in parts {
            assert_eq!(frames(&mut reader, part), Ok(vec![]));
            arrived += part.len();
            assert!(reader.partial.capacity() <= 2 * arrived, "{arrived}");
        }
        assert_eq!(reader.next(&mut last.as_slice()), Ok(Some(body.as_slice())));
        assert_eq!(frames(&mut reader, &framed(b"x")), Ok(vec![b"x".to_vec()]));
        assert!(reader.partial.capacity() <= KEEP);
    }

    #[test]
    fn a_whole_frame_is_lent_not_copied() {
        let bytes = framed(b"hello");
        let mut reader = FrameReader::new(100);
        let frame = reader.next(&mut bytes.as_slice()).unwrap().unwrap();
        assert_eq!(frame.as_ptr(), bytes[LENGTH_SIZE..].as_ptr());
        assert_eq!(reader.partial.capacity(), 0);
    }
}
