//! Finding requests in what a socket delivers, without copying them out of the buffer they were read into.

use crate::protocol::{FrameError, frame_length};

/// A buffer that is read into directly and lends frames.
///
/// The client's [`FrameReader`](crate::protocol::FrameReader) is for small answers among many connections and gives
/// memory back; this one is for large requests at full speed and keeps what it has grown to.
pub(super) struct Intake {
    /// `buffer[start..end]` has come and was not handed out yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    max_frame: usize,
}

impl Intake {
    pub(super) fn new(buffer: usize, max_frame: usize) -> Self {
        Self { buffer: vec![0; buffer.max(LENGTH_SIZE)], start: 0, end: 0, max_frame }
    }

    /// Where to read to, never empty. [`Intake::filled`] says how much of it was.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        // What has come is moved only if its frame does not end within the buffer: at most one frame in a buffer's
        // worth, and none at all if frames are as large as the buffer.
        let wanted = self.frame_in_progress().unwrap_or(LENGTH_SIZE);
        if self.start > 0 && self.start + wanted > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(wanted.min(2 * self.buffer.len()).max(self.end + 1), 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Counts in the first `count` bytes of [`Intake::spare`].
    pub(super) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// The next frame, without its length; `None` until all of it has come.
    pub(super) fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let Some(&prefix) = self.buffer[self.start..self.end].first_chunk() else { return Ok(None) };
        let body = self.start + LENGTH_SIZE;
        let len = frame_length(prefix, self.max_frame)?;
        if self.end - body < len {
            return Ok(None);
        }
        self.start = body + len;
        Ok(Some(&self.buffer[body..self.start]))
    }

    /// The size of the frame at the front with its length, if that has come and is allowed.
    fn frame_in_progress(&self) -> Option<usize> {
        let &prefix = self.buffer[self.start..self.end].first_chunk()?;
        frame_length(prefix, self.max_frame).ok().map(|len| LENGTH_SIZE + len)
    }
}

const LENGTH_SIZE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::hostile::{attack, in_proportion};

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let mut body = || (0..random.usize(0..300)).map(|_| random.u8(..)).collect::<Vec<u8>>();
            let bodies: Vec<Vec<u8>> = (0..20).map(|_| body()).collect();
            let mut bytes = Vec::new();
            for body in &bodies {
                bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
                bytes.extend_from_slice(body);
            }
            let mut intake = Intake::new(random.usize(1..400), 300);
            let mut found = Vec::new();
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let spare = intake.spare();
                let count = random.usize(1..=rest.len().min(spare.len()));
                spare[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                intake.filled(count);
                while let Some(frame) = intake.next_frame().unwrap() {
                    found.push(frame.to_vec());
                }
            }
            assert_eq!(found, bodies);
        }
    }

    #[test]
    fn a_length_beyond_the_limit_allocates_nothing() {
        let mut intake = Intake::new(16, 1000);
        intake.spare()[..4].copy_from_slice(&[0x7f, 0, 0, 0]);
        intake.filled(4);
        assert_eq!(intake.next_frame(), Err(FrameError::TooLarge { len: 0x7f00_0000, max: 1000 }));
        assert_eq!(intake.buffer.len(), 16);
    }

    #[test]
    fn hostile_intake() {
        let frame = |length: usize| [&(length as u32).to_be_bytes()[..], &vec![7; length]].concat();
        let samples =
            [[frame(0), frame(3), frame(100)].concat(), [frame(1000), frame(1)].concat(), frame(300)];
        attack("intake", &samples, &[], |_, random, bytes| {
            let pieces: Vec<usize> = (0..5).map(|_| random.usize(1..200)).collect();
            let buffer = random.usize(1..100);
            in_proportion(bytes, 0, || {
                let (mut intake, mut rest, mut found) = (Intake::new(buffer, 1000), bytes, false);
                for piece in pieces.iter().copied().cycle() {
                    let spare = intake.spare();
                    let count = piece.min(rest.len()).min(spare.len());
                    spare[..count].copy_from_slice(&rest[..count]);
                    rest = &rest[count..];
                    intake.filled(count);
                    loop {
                        match intake.next_frame() {
                            Ok(Some(frame)) => found |= frame.len() <= 1000,
                            Ok(None) => break,
                            Err(_) => return false,
                        }
                    }
                    if rest.is_empty() {
                        break;
                    }
                }
                found
            })
        });
    }
}
