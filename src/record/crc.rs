//! The CRC-32C of two pieces together, from the CRC of each.
//!
//! `crc32c::crc32c_combine` gives the same, but squares matrices each time, which takes as long as going through a
//! megabyte: for a small batch it was most of what the sender did.

/// Of a piece whose CRC is `first`, followed by one of `len` bytes whose CRC is `second`.
pub(super) fn combine(first: u32, second: u32, len: usize) -> u32 {
    // Each byte that follows multiplies `first` by x to the power of eight. Here it is done for all of them, by squares.
    let (mut moved, mut rest, mut square) = (first, len, 3);
    while rest != 0 {
        if rest & 1 == 1 {
            moved = multiply(SQUARES[square % SQUARES.len()], moved);
        }
        rest >>= 1;
        square += 1;
    }
    moved ^ second
}

/// Two polynomials over GF(2), modulo CRC-32C's. Reflected: the highest bit is the coefficient of 1.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let (mut product, mut bit) = (0, 1 << 31);
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        b = (b >> 1) ^ if b & 1 == 1 { POLYNOMIAL } else { 0 };
        bit >>= 1;
    }
    product
}

/// x to the powers of 1, 2, 4, 8 and so on. The next square would be x again: its order is 2 to the power of 31, less one.
const SQUARES: [u32; 31] = {
    let mut squares = [1 << 30; 31];
    let mut n = 1;
    while n < squares.len() {
        squares[n] = multiply(squares[n - 1], squares[n - 1]);
        n += 1;
    }
    squares
};

/// CRC-32C's, reflected.
const POLYNOMIAL: u32 = 0x82f6_3b78;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pieces_have_the_crc_of_the_whole() {
        let bytes: Vec<u8> = (0..70_000_u32).map(|n| (n * 31 % 251) as u8).collect();
        for cut in [0, 1, 2, 40, 61, 4096] {
            for end in [cut, cut + 1, cut + 7, cut + 256, 16_384, bytes.len()] {
                let (head, tail) = (&bytes[..cut], &bytes[cut..end]);
                let combined = combine(crc32c::crc32c(head), crc32c::crc32c(tail), tail.len());
                assert_eq!(combined, crc32c::crc32c(&bytes[..end]), "{cut} and {end}");
            }
        }
    }

    #[test]
    fn every_length_has_the_power_it_needs() {
        for len in (0..usize::BITS - 4).map(|bit| 1 << bit).chain([i32::MAX as usize, usize::MAX >> 4]) {
            let theirs = crc32c::crc32c_combine(0x1234_5678, 0x9abc_def0, len);
            assert_eq!(combine(0x1234_5678, 0x9abc_def0, len), theirs, "{len}");
        }
    }
}
