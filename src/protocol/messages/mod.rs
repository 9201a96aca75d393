//! The messages we speak, one file per API.

pub(crate) mod api_versions;
pub(crate) mod find_coordinator;
pub(crate) mod init_producer_id;
pub(crate) mod metadata;
pub(crate) mod produce;
pub(crate) mod sasl_authenticate;
pub(crate) mod sasl_handshake;
