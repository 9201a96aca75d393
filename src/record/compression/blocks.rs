//! Chunks of any size into blocks of one, for codecs that compress block by block.

/// Joins what lies across the border of two chunks; holds one block at the most.
#[derive(Default)]
pub(super) struct Blocks {
    partial: Vec<u8>,
}

impl Blocks {
    /// Calls `block` with `size` bytes at a time, at last with what is left, if anything.
    pub(super) fn each<E>(
        &mut self,
        size: usize,
        input: &mut dyn Iterator<Item = &[u8]>,
        mut block: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.partial.clear();
        for mut chunk in input {
            while !chunk.is_empty() {
                if self.partial.is_empty() && chunk.len() >= size {
                    let (whole, rest) = chunk.split_at(size);
                    block(whole)?;
                    chunk = rest;
                    continue;
                }
                // All at once: growing by doubling would end above `size`.
                self.partial.reserve_exact(size - self.partial.len());
                let (head, rest) = chunk.split_at(chunk.len().min(size - self.partial.len()));
                self.partial.extend_from_slice(head);
                chunk = rest;
                if self.partial.len() == size {
                    block(&self.partial)?;
                    self.partial.clear();
                }
            }
        }
        if self.partial.is_empty() { Ok(()) } else { block(&self.partial) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks_of(chunks: &[&str], size: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let mut blocks = Blocks::default();
        let each = |block: &[u8]| {
            seen.push(String::from_utf8(block.to_vec()).unwrap());
            Ok::<_, ()>(())
        };
        blocks.each(size, &mut chunks.iter().map(|chunk| chunk.as_bytes()), each).unwrap();
        assert!(blocks.partial.capacity() <= size);
        seen
    }

    #[test]
    fn blocks_have_one_size_whatever_the_chunks() {
        assert_eq!(blocks_of(&[], 3), [""; 0]);
        assert_eq!(blocks_of(&["", ""], 3), [""; 0]);
        assert_eq!(blocks_of(&["abcdefg"], 3), ["abc", "def", "g"]);
        assert_eq!(blocks_of(&["a", "bcdefghij", "", "k"], 3), ["abc", "def", "ghi", "jk"]);
        assert_eq!(blocks_of(&["ab", "c", "def"], 3), ["abc", "def"]);
    }

    #[test]
    fn an_error_ends_it_and_leaves_nothing_behind() {
        let mut blocks = Blocks::default();
        let mut chunks = [b"ab".as_slice(), b"cd"].into_iter();
        assert_eq!(blocks.each(3, &mut chunks, |_| Err("full")), Err("full"));
        let mut seen = Vec::new();
        let each = |block: &[u8]| {
            seen.extend_from_slice(block);
            Ok::<_, ()>(())
        };
        blocks.each(3, &mut [b"xy".as_slice()].into_iter(), each).unwrap();
        assert_eq!(seen, b"xy");
    }
}
