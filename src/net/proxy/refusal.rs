//! Why a proxy does not lead to a broker.

/// Its text goes on from the proxy's name: `can't connect to the broker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) cause: String,
    /// With these settings, here and at the proxy, no attempt ends otherwise.
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
