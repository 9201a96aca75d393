//! `ProducerConfig`: the typed settings. They are checked once, and one error has all problems.
//!
//! ```text
//!   texts ──▶ keys ──▶ values, later, librdkafka, dialect        settings by name
//!     │         │
//!     ▼         ▼
//!   checks ──▶ effective ──▶ producer_config ◀── setters        the values, and the defaults that depend on them
//!     ▲         ▲
//!   settings ───┘                            the settings of each layer
//! ```

mod batching;
mod checks;
mod dialect;
mod effective;
mod into_servers;
mod key;
mod keys;
mod later;
mod librdkafka;
mod partitioning;
mod servers;
mod settings;
mod types;
mod values;

// The methods of `ProducerConfig`, in the order in which rustdoc shows them.
mod producer_config;

mod setters;

mod texts;

mod properties;

#[cfg(any(feature = "tls", feature = "rustls"))]
mod tls;

mod sasl;

mod proxy;

pub use dialect::Dialect;
pub use into_servers::IntoServers;
pub use producer_config::ProducerConfig;
pub(crate) use settings::Settings;
pub use types::{Acks, ParseAcksError, ParseSecurityProtocolError, SecurityProtocol};

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
