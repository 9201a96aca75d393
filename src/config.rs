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
