//! The versions that a broker supports, and the ones to use with it.

use std::ops::RangeInclusive;

use crate::protocol::{self, ApiKey, Request};

/// For each API the lowest and the highest version that a broker offers.
pub(super) type Versions = Vec<(ApiKey, i16, i16)>;

/// The versions of `R` that this client supports, between `floor` and `cap`.
pub(super) fn ours<R: Request>(floor: i16, cap: i16) -> RangeInclusive<i16> {
    (*R::VERSIONS.start()).max(floor)..=(*R::VERSIONS.end()).min(cap)
}

pub(super) fn offered<R: Request>(versions: &Versions) -> Option<(i16, i16)> {
    versions.iter().find(|(key, ..)| *key == R::KEY).map(|(_, least, most)| (*least, *most))
}

/// The highest version of `R` that both sides support.
pub(super) fn common_version<R: Request>(versions: &Versions, ours: RangeInclusive<i16>) -> Option<i16> {
    let (least, most) = offered::<R>(versions)?;
    protocol::negotiate(ours, least..=most)
}
