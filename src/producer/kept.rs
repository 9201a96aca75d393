//! Buffers that were returned and are kept for reuse.
//!
//! If many threads use an allocator, it can't reuse at once what one of them has freed. Buffers of many sizes that are
//! allocated and freed all the time take half as much memory again as is in use. So no buffer is freed as long as it can be
//! used as it is.

use std::collections::BTreeMap;
use std::ops::Range;

/// Buffers by their capacity, each with the number of bytes that is charged for it.
#[derive(Debug)]
pub(super) struct Kept {
    /// The capacity of most buffers, and what is charged for them.
    usual: usize,
    of_usual_size: Vec<Vec<u8>>,
    others: BTreeMap<usize, Vec<Lot>>,
    /// The bytes that are charged for `others`.
    bytes_of_others: usize,
}

#[derive(Debug)]
pub(super) struct Lot {
    pub(super) charged: usize,
    pub(super) buffer: Vec<u8>,
}

/// The size of a request for a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) wanted: usize,
    /// A buffer of this size is of use if it is already there.
    pub(crate) least: usize,
}

impl From<usize> for Size {
    fn from(wanted: usize) -> Self {
        Self { wanted, least: wanted }
    }
}

impl Kept {
    pub(super) fn new(usual: usize) -> Self {
        Self { usual, of_usual_size: Vec::new(), others: BTreeMap::new(), bytes_of_others: 0 }
    }

    /// The bytes that are charged for all buffers.
    pub(super) fn bytes(&self) -> usize {
        self.of_usual_size.len() * self.usual + self.bytes_of_others
    }

    /// The capacity of all buffers.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let others = self.others.iter().map(|(capacity, lots)| capacity * lots.len());
        self.of_usual_size.iter().map(Vec::capacity).chain(others).sum()
    }

    /// False if the buffer can't be kept. A buffer that does not come from the pool may have less room than is charged for
    /// it, or much more.
    pub(super) fn keep(&mut self, mut buffer: Vec<u8>, charged: usize) -> bool {
        if charged == 0 || !(charged..=roomy(charged)).contains(&buffer.capacity()) {
            return false;
        }
        buffer.clear();
        if charged == self.usual {
            self.of_usual_size.push(buffer);
        } else {
            self.bytes_of_others += charged;
            self.others.entry(buffer.capacity()).or_default().push(Lot { charged, buffer });
        }
        true
    }

    /// A buffer with room for `size` and not much more.
    pub(super) fn take(&mut self, size: usize) -> Option<Lot> {
        if size == self.usual
            && let Some(buffer) = self.of_usual_size.pop()
        {
            return Some(Lot { charged: size, buffer });
        }
        self.take_other(size..roomy(size) + 1)
    }

    /// The largest buffer that is smaller than wanted and still of use. It is not very small: a batch for a thousand
    /// records should not be made of many small buffers.
    pub(super) fn take_less(&mut self, size: Size) -> Option<Lot> {
        let Size { wanted, least } = size;
        self.take_other(roomy(least).max(wanted / SMALLEST_PART)..wanted)
    }

    /// A buffer that may be freed for callers that can't use it. It is a large one, because its memory is the easiest to
    /// reuse.
    pub(super) fn take_any(&mut self) -> Option<Lot> {
        match self.of_usual_size.pop() {
            Some(buffer) => Some(Lot { charged: self.usual, buffer }),
            None => self.take_other(0..usize::MAX),
        }
    }

    /// The buffer with the largest capacity in `room`.
    fn take_other(&mut self, room: Range<usize>) -> Option<Lot> {
        if room.is_empty() {
            return None;
        }
        let (capacity, lots) = self.others.range_mut(room).next_back()?;
        let (capacity, lot) = (*capacity, lots.pop());
        if lots.is_empty() {
            self.others.remove(&capacity);
        }
        let lot = lot?;
        self.bytes_of_others -= lot.charged;
        Some(lot)
    }
}

/// The most room that a buffer may have for which `size` is charged.
fn roomy(size: usize) -> usize {
    size + size / 8
}

/// A buffer is of use if it has at least this part of the wanted size.
const SMALLEST_PART: usize = 8;
