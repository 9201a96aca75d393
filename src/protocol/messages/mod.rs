//! The messages we speak, one file per API.

pub(crate) mod api_versions;
pub(crate) mod metadata;
pub(crate) mod produce;
