//! The reason why a session ended, and the settings that its text names.

use std::io;

/// The settings that texts name: their names, and whether they are set.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    /// For example `ssl_cafile '/etc/ca.pem'`; `None` if the system's CAs are trusted.
    pub(super) authorities: Option<String>,
    /// For example `ssl_certfile '/etc/client.pem'`.
    pub(super) certificate: Option<String>,
    pub(super) revoked: String,
    pub(super) ciphers: String,
    /// The user's own connector decides all of these.
    pub(super) is_ready_made: bool,
}

pub(super) enum Reason {
    /// The connection was closed or reset.
    End,
    /// An alert of the peer (RFC 8446, section 6).
    Alert(i32),
    /// The bytes of the peer are not TLS.
    NotTls,
    /// The two sides have no version, cipher or curve in common.
    NothingInCommon(String),
    /// Keys or certificates are too weak for OpenSSL.
    #[cfg(all(feature = "tls", not(any(windows, target_vendor = "apple"))))]
    Weak(String),
    /// The broker's certificate was refused, and nothing more is known about it.
    Certificate(String),
    /// Any other error of this side.
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
