//! What ends a session, before it is put into words, and what those are about.

use std::io;

/// What the texts are about: how the settings are called, and which of them are set.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    /// As `ssl_cafile '/etc/ca.pem'`; `None` if the system's CAs hold.
    pub(super) authorities: Option<String>,
    /// As `ssl_certfile '/etc/client.pem'`.
    pub(super) certificate: Option<String>,
    pub(super) revoked: String,
    pub(super) ciphers: String,
    /// All of these are the connector's affair.
    pub(super) is_ready_made: bool,
}

pub(super) enum Reason {
    /// Closed or reset.
    End,
    /// What the peer says of it (RFC 8446, section 6).
    Alert(i32),
    /// What came is no TLS.
    NotTls,
    /// No version, cipher or curve that both sides have.
    NothingInCommon(String),
    /// Keys or certificates that are too weak for OpenSSL.
    #[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
    Weak(String),
    /// The broker's certificate, where nothing more is known of it.
    Certificate(String),
    /// Anything else that our side says of it.
    Local(String),
    Other,
}

impl Reason {
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::End,
            _ => Self::Other,
        }
    }
}
