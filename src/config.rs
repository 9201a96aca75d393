//! `ProducerConfig`: every setting typed, checked once, with all that is wrong in one error.
//!
//! ```text
//!   texts ──▶ keys ──▶ values, later, librdkafka, dialect        by name
//!     │         │
//!     ▼         ▼
//!   checks ──▶ effective ──▶ producer_config ◀── setters        what was set, and what follows from it
//!     ▲         ▲
//!   settings ───┘                            what each layer gets of it
//! ```

mod checks;
mod dialect;
mod effective;
mod into_servers;
mod key;
mod keys;
mod later;
mod librdkafka;
mod producer_config;
mod properties;
mod proxy;
mod sasl;
mod servers;
mod setters;
mod settings;
mod texts;
#[cfg(any(feature = "tls", feature = "rustls"))]
mod tls;
mod types;
mod values;

pub use dialect::Dialect;
pub use into_servers::IntoServers;
pub use producer_config::ProducerConfig;
pub(crate) use settings::Settings;
pub use types::{Acks, ParseAcksError, ParseSecurityProtocolError, SecurityProtocol};

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;
