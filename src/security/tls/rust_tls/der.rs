//! DER (X.690), as far as certificates need it: a tag, a length, and that many bytes. The bytes come from a peer.

/// The bytes that have not been read yet.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// The whole element, with tag and length.
    pub(super) whole: &'a [u8],
    pub(super) content: &'a [u8],
}

impl<'a> Der<'a> {
    /// The next element, if it has this tag.
    pub(super) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut rest = *self;
        let element = rest.next().filter(|element| element.tag == tag)?;
        *self = rest;
        Some(element)
    }
}

/// Ends at bytes that are not a complete element.
impl<'a> Iterator for Der<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match usize::from(first) {
            short @ 0..=0x7f => (short, rest),
            long @ 0x81..=0x84 => {
                let (length, rest) = rest.split_at_checked(long - 0x80)?;
                (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let (whole, _) = self.0.split_at(self.0.len() - rest.len());
        self.0 = rest;
        Some(Element { tag, whole, content })
    }
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_one_after_the_other_and_what_is_cut_off_is_none() {
        let bytes =
            [&[INTEGER, 1, 7, OCTETS, 0x81, 2, 8, 9, SEQUENCE, 0x82, 0, 1, 5][..], &[OCTETS, 3, 1]].concat();
        let mut der = Der(&bytes);
        assert!(der.element(SEQUENCE).is_none(), "an integer comes first");
        assert_eq!(der.element(INTEGER).map(|it| it.content), Some(&[7][..]));
        assert_eq!(der.element(OCTETS).map(|it| (it.whole, it.content)), Some((&bytes[3..8], &[8, 9][..])));
        assert_eq!(der.next().map(|it| it.content), Some(&[5][..]));
        assert!(der.next().is_none(), "three bytes are announced, and one is there");
        for hostile in
            [&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[SEQUENCE, 0x80], &[SEQUENCE, 0x85], &[1]]
        {
            assert!(Der(hostile).next().is_none(), "{hostile:?}");
        }
    }
}
