//! What waits to be written on a connection that is being set up.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::client::authentication::Line;
use crate::protocol::{self, Frame, Request};

pub(super) struct Outbox {
    client_id: Arc<str>,
    next_correlation: i32,
    frames: VecDeque<Frame>,
    /// The number of bytes of the first of `frames` that are written.
    offset: usize,
}

impl Outbox {
    pub(super) fn new(client_id: Arc<str>) -> Self {
        Self { client_id, next_correlation: 0, frames: VecDeque::new(), offset: 0 }
    }

    /// Returns the correlation id that the answer will have.
    pub(super) fn ask<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let correlation = self.next_correlation;
        self.next_correlation += 1;
        let frame = protocol::encode_request(correlation, version, Some(&self.client_id), request);
        self.frames.push_back(frame);
        correlation
    }

    /// Returns the correlation id that the answer will have, if it has one.
    pub(super) fn say(&mut self, line: Line) -> Option<i32> {
        let correlation = line.has_correlation().then_some(self.next_correlation);
        self.next_correlation += i32::from(correlation.is_some());
        self.frames.push_back(line.into_frame(correlation.unwrap_or_default(), &self.client_id));
        correlation
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Visits the bytes that wait to be written, in order, until `visit` returns false.
    pub(super) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8]) -> bool) {
        Frame::visit_all(self.frames.iter(), self.offset, visit);
    }

    /// `count` bytes were written. Adds the sizes of the frames that are completely written now to `completed`.
    pub(super) fn written(&mut self, count: usize, completed: &mut Vec<usize>) {
        self.offset += count;
        while let Some(size) = self.frames.front().map(Frame::len)
            && let Some(rest) = self.offset.checked_sub(size)
        {
            self.offset = rest;
            completed.push(size);
            self.frames.pop_front();
        }
    }

    /// What the connection needs to go on.
    pub(super) fn finish(self) -> (Arc<str>, i32) {
        (self.client_id, self.next_correlation)
    }
}
