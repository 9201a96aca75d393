//! Why a proxy does not connect to a broker.

/// The text follows the proxy's name, for example `can't connect to the broker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) cause: String,
    /// With these settings, here and at the proxy, every attempt fails.
    pub(crate) is_fatal: bool,
}

impl Refusal {
    pub(super) fn passing(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), is_fatal: false }
    }

    pub(super) fn fatal(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), is_fatal: true }
    }
}
