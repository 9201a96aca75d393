//! `ProducerConfig`: the typed settings. They are checked once, and one error has all problems.
//!
//! ```text
//!   yaml, properties ──▶ texts ──▶ keys ──▶ values, later, librdkafka, dialect, providers    settings by name
//!                          │         │
//!                          ▼         ▼
//!                       checks ──▶ effective ──▶ producer_config ◀── setters    the values, and the defaults that depend on
//!                          ▲         ▲                  │                       them
//!                       settings ────┘                  ▼
//!                       the settings of each layer   explain
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
mod look_up;
mod named_partitioner;
mod partitioning;
mod providers;
mod references;
mod servers;
mod settings;
#[cfg(any(feature = "tls", feature = "rustls"))]
mod tls_values;
mod types;
mod values;
#[cfg(feature = "yaml")]
mod yaml_tree;

// The methods of `ProducerConfig`, in the order in which rustdoc shows them.
mod producer_config;

mod setters;

mod texts;

mod properties;

mod explain;

#[cfg(feature = "yaml")]
mod yaml;

#[cfg(any(feature = "tls", feature = "rustls"))]
mod tls;

mod sasl;

mod proxy;

mod metrics;

pub use dialect::Dialect;
pub use explain::{ExplainedSetting, Explanation, SettingOrigin};
pub use into_servers::IntoServers;
pub use producer_config::ProducerConfig;
pub(crate) use settings::Settings;
pub use types::{Acks, ParseAcksError, ParseSecurityProtocolError, SecurityProtocol};

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;

/// Its examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../docs/configuration.md")]
struct Guide;
