//! Buffers that came back, for the next ones who ask.
//!
//! An allocator that many threads use can't pass on at once what one of them has let go of: what comes and goes by small
//! pieces of many sizes takes half as much memory again as there is in use. So nothing is let go of as long as somebody can
//! use it, as it is.

use std::collections::BTreeMap;
use std::ops::Range;

/// By what they have room for, each with what is charged for it.
#[derive(Debug)]
pub(super) struct Kept {
    /// What most of them have room for, and are charged.
    usual: usize,
    of_usual_size: Vec<Vec<u8>>,
    others: BTreeMap<usize, Vec<Lot>>,
    /// What is charged for `others`.
    bytes_of_others: usize,
}

#[derive(Debug)]
pub(super) struct Lot {
    pub(super) charged: usize,
    pub(super) buffer: Vec<u8>,
}

/// How much is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) wanted: usize,
    /// What is of use, if it lies there already.
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

    /// What is charged for all of them.
    pub(super) fn bytes(&self) -> usize {
        self.of_usual_size.len() * self.usual + self.bytes_of_others
    }

    /// What all of them have room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let others = self.others.iter().map(|(capacity, lots)| capacity * lots.len());
        self.of_usual_size.iter().map(Vec::capacity).chain(others).sum()
    }

    /// False if it is not fit to be kept: what came by another way than from the pool may have less room than it was charged
    /// for, or much more.
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

    /// One with room for `size` and not much more.
    pub(super) fn take(&mut self, size: usize) -> Option<Lot> {
        if size == self.usual
            && let Some(buffer) = self.of_usual_size.pop()
        {
            return Some(Lot { charged: size, buffer });
        }
        self.take_other(size..roomy(size) + 1)
    }

    /// The largest that is less than wanted and still of use. Not a very small one: what takes a thousand records should
    /// not come by tens.
    pub(super) fn take_less(&mut self, size: Size) -> Option<Lot> {
        let Size { wanted, least } = size;
        self.take_other(roomy(least).max(wanted / SMALLEST_PART)..wanted)
    }

    /// One that may be let go of, for those who can't use it: a large one, whose place is the easiest to use again.
    pub(super) fn take_any(&mut self) -> Option<Lot> {
        match self.of_usual_size.pop() {
            Some(buffer) => Some(Lot { charged: self.usual, buffer }),
            None => self.take_other(0..usize::MAX),
        }
    }

    /// The largest with room for so much.
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

/// What a buffer may have room for that is charged for `size`.
fn roomy(size: usize) -> usize {
    size + size / 8
}

/// One of so many of what is wanted is of use.
const SMALLEST_PART: usize = 8;
