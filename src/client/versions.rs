//! Which versions a broker speaks, and which of them we speak with it.

use std::ops::RangeInclusive;

use crate::protocol::{self, ApiKey, Request};

/// Of each API the lowest and the highest version that a broker offers.
pub(super) type Versions = Vec<(ApiKey, i16, i16)>;

/// The versions of `R` that we speak, between `floor` and `cap`.
pub(super) fn ours<R: Request>(floor: i16, cap: i16) -> RangeInclusive<i16> {
    (*R::VERSIONS.start()).max(floor)..=(*R::VERSIONS.end()).min(cap)
}

pub(super) fn offered<R: Request>(versions: &Versions) -> Option<(i16, i16)> {
    versions.iter().find(|(key, ..)| *key == R::KEY).map(|(_, least, most)| (*least, *most))
}

/// The highest of our versions of `R` that the broker offers as well.
pub(super) fn common_version<R: Request>(versions: &Versions, ours: RangeInclusive<i16>) -> Option<i16> {
    let (least, most) = offered::<R>(versions)?;
    protocol::negotiate(ours, least..=most)
}
