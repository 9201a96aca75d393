//! The broker that a proxy is asked to connect to.

use std::net::IpAddr;

use super::refusal::Refusal;

pub(super) struct Target {
    host: Box<str>,
    pub(super) port: u16,
}

/// The host that a proxy is asked for.
pub(super) enum Host<'a> {
    Address(IpAddr),
    /// The proxy resolves it. It has at most 255 bytes.
    Name(&'a str),
}

impl Target {
    /// The host may come from a broker (`advertised.listeners`), so it may be any text. A host that would end the line of a
    /// request, or does not fit into one, is refused.
    pub(super) fn new(host: &str, port: u16) -> Result<Self, Refusal> {
        let is_strange =
            |letter: char| letter.is_whitespace() || letter.is_control() || "/?#@[]\\\"".contains(letter);
        if host.is_empty() || host.len() > LONGEST || host.contains(is_strange) {
            let why = "can't connect to the broker: the broker's host name is empty, is longer than 255 bytes, or \
                       contains characters that are not allowed in a host name";
            return Err(Refusal::fatal(why));
        }
        Ok(Self { host: host.into(), port })
    }

    pub(super) fn host(&self) -> Host<'_> {
        self.host.parse().map_or(Host::Name(&self.host), Host::Address)
    }

    /// `host:port`.
    pub(super) fn authority(&self) -> String {
        match self.host() {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            Host::Address(_) | Host::Name(_) => format!("{}:{}", self.host, self.port),
        }
    }
}

/// SOCKS5 has one byte for the length of a name (RFC 1928, section 5).
const LONGEST: usize = 255;
