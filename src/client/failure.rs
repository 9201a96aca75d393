//! Why a set-up failed, and what that means for the node.

use std::io;

use crate::client::transport::StreamFailure;
use crate::error::{BrokerTrouble, Error, ErrorKind, Stage};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Attempt {
        cause: String,
        /// No attempt with this configuration will succeed.
        is_fatal: bool,
    },
    /// The broker does not accept the client, or the client does not accept its answer.
    Refused {
        mechanism: String,
        cause: String,
        /// The mechanisms that the broker offers, if it does not know this one.
        offered: Option<Vec<String>>,
    },
}

impl Failure {
    pub(super) fn passing(cause: impl Into<String>) -> Self {
        Self::Attempt { cause: cause.into(), is_fatal: false }
    }
}

/// Why an attempt or a connection failed.
pub(super) struct Fault {
    pub(super) stage: Stage,
    pub(super) cause: String,
    /// Every other attempt would fail in the same way.
    pub(super) is_fatal: bool,
    /// The broker refused the login with this mechanism.
    pub(super) mechanism: Option<String>,
    pub(super) closed_by_peer: bool,
}

impl Fault {
    pub(super) fn passing(stage: Stage, cause: impl Into<String>) -> Self {
        Self::of(stage, Failure::passing(cause))
    }

    pub(super) fn of(stage: Stage, failure: Failure) -> Self {
        let (cause, is_fatal, mechanism) = match failure {
            Failure::Attempt { cause, is_fatal } => (cause, is_fatal, None),
            Failure::Refused { mechanism, cause, .. } => (cause, true, Some(mechanism)),
        };
        Self { stage, cause, is_fatal, mechanism, closed_by_peer: false }
    }

    /// The dial failed, or the connection ended, at `stage`.
    pub(super) fn of_io(stage: Stage, error: &io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the broker closed the connection".to_owned(),
            _ => error.to_string(),
        };
        // With TLS 1.3 a broker checks our certificate after the handshake, so the refusal may come at any step.
        let (stage, is_fatal) = match StreamFailure::of(error) {
            Some(failure) => (failure.stage, failure.is_fatal),
            None => (stage, false),
        };
        Self { stage, cause, is_fatal, mechanism: None, closed_by_peer: true }
    }

    pub(super) fn by_peer(self) -> Self {
        Self { closed_by_peer: true, ..self }
    }
}

/// The error for calls that wait: no attempt will succeed.
pub(super) fn fatal_error(mechanism: Option<String>, trouble: BrokerTrouble) -> Error {
    Error::new(match mechanism {
        Some(mechanism) => ErrorKind::Authentication { mechanism, trouble },
        None => ErrorKind::Denied { trouble },
    })
}
