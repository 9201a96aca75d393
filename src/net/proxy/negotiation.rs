//! The negotiation with a proxy of any kind.

use super::http_connect::HttpConnect;
use super::refusal::Refusal;
use super::settings::{Kind, Proxy};
use super::socks5::Socks5;
use super::target::Target;

pub(crate) enum Negotiation {
    Socks5(Socks5),
    Http(HttpConnect),
}

impl Negotiation {
    /// Asks `proxy` to connect to `host` and `port`.
    pub(crate) fn begin(proxy: &Proxy, host: &str, port: u16) -> Result<Self, Refusal> {
        let target = Target::new(host, port)?;
        Ok(match proxy.kind {
            Kind::Socks5 => Self::Socks5(Socks5::begin(proxy, target)),
            Kind::Http => Self::Http(HttpConnect::begin(proxy, &target)),
        })
    }

    /// The bytes to write now. Nothing is read before all of them are written.
    pub(crate) fn outgoing(&self) -> &[u8] {
        match self {
            Self::Socks5(socks) => socks.outgoing(),
            Self::Http(http) => http.outgoing(),
        }
    }

    /// `count` bytes were written.
    pub(crate) fn written(&mut self, count: usize) {
        match self {
            Self::Socks5(socks) => socks.written(count),
            Self::Http(http) => http.written(count),
        }
    }

    /// Removes bytes from `bytes` until the connection leads to the broker (true) or more bytes are needed (false). With true,
    /// the bytes that are left are the broker's.
    pub(crate) fn received(&mut self, bytes: &mut &[u8]) -> Result<bool, Refusal> {
        match self {
            Self::Socks5(socks) => socks.received(bytes),
            Self::Http(http) => http.received(bytes),
        }
    }

    /// The refusal if the proxy closes the connection now. `has_heard` says whether the proxy has sent anything.
    pub(crate) fn ended(&self, has_heard: bool) -> Refusal {
        let protocol = match self {
            Self::Socks5(_) => "SOCKS5",
            Self::Http(http) => match http.ended() {
                Some(refusal) => return refusal,
                None => "HTTP",
            },
        };
        Refusal::passing(match has_heard {
            true => "closed the connection in the middle of its response".to_owned(),
            false => format!(
                "closed the connection without a response; the proxy may be shutting down, or may not support {protocol}"
            ),
        })
    }
}
