//! The line in the log for each response.

use std::time::Duration;

use crate::client::cluster::address;
use crate::error::{Origin, Stage};

/// The node that a response is from.
#[derive(Clone, Copy)]
pub(super) struct Responder<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) origin: Origin,
}

impl Responder<'_> {
    /// A response of `bytes`, its length field included, has come `after` this time. Only an exchange of SASL tokens
    /// without Kafka's header has no correlation id. Nothing is formatted if the level is disabled.
    #[inline]
    pub(super) fn log(self, stage: Stage, correlation: Option<i32>, bytes: usize, after: Duration) {
        if log::log_enabled!(log::Level::Debug) {
            self.write(stage, correlation, bytes, after);
        }
    }

    #[cold]
    fn write(self, stage: Stage, correlation: Option<i32>, bytes: usize, after: Duration) {
        let Self { host, port, origin } = self;
        let id = correlation.map(|id| format!("correlation id {id}, ")).unwrap_or_default();
        log::debug!(
            "response to {stage} from {} ({origin}): {id}{bytes} bytes, after {after:?}",
            address(host, port)
        );
    }
}
