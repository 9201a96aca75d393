//! The proxy by which brokers are reached: setter, texts, and what the layer below gets of them.

use super::checks::Checks;
use super::key::Key;
use super::producer_config::ProducerConfig;
use super::values::{Kind, is_none};
use crate::net::{Proxy, parse_proxy_url};
use crate::security::{HIDDEN, Secret};

/// kafka-python's names; the second is its old one.
pub(super) const KEYS: &[Key] = &[key("proxy_url"), key("socks5_proxy")];

const fn key(name: &'static str) -> Key {
    Key {
        name,
        of: "proxy_url",
        set: |config, value| (PROXY.read)(value).map(|url| config.proxy_url = url),
        show: |config| (PROXY.show)(&config.proxy_url),
    }
}

const PROXY: Kind<Option<Secret>> = Kind {
    read: |value| Ok((!is_none(value)).then(|| value.into())),
    show: |url| match url.as_ref().map(|url| url.text().filter(|text| is_without_account(text))) {
        None => "none".to_owned(),
        Some(None) => HIDDEN.to_owned(),
        Some(Some(text)) => text.to_owned(),
    },
};

/// Whether there can be no password in it. Who encodes the `@` before the host as well has written one where a port is to be
/// read, or a name.
fn is_without_account(url: &str) -> bool {
    !url.contains("%40") && parse_proxy_url(url, "proxy_url").is_ok_and(|proxy| !proxy.has_account())
}

impl ProducerConfig {
    /// The proxy by which all brokers are reached, under TLS and SASL as well: `socks5://host:port` (RFC 1928; the port may
    /// be left out, 1080) or `http://host:port` (CONNECT, RFC 9110). Default: none; variables of the environment are not
    /// looked at.
    ///
    /// A user and a password stand before the host: `socks5://user:password@host:port`. What would end them there is
    /// percent-encoded (`@` is `%40`, `/` is `%2F`, `%` is `%25`). They are said by RFC 1929 (SOCKS5) or as Basic
    /// authentication (HTTP), readable for everybody on the way to the proxy, and shown nowhere.
    ///
    /// Brokers' names are looked up by the proxy, so it may know names that this machine does not. `socks5h` says that
    /// too and means the same; kafka-python looks names up itself with `socks5`.
    ///
    /// kafka-python's name; in texts also `socks5_proxy`, its old one.
    #[doc(alias = "socks5_proxy")]
    pub fn proxy_url(mut self, url: impl Into<String>) -> Self {
        self.proxy_url = Some(url.into().into());
        self
    }

    /// As it was set, if it was.
    pub(super) fn proxy(&self) -> Option<Result<Proxy, String>> {
        let url = self.proxy_url.as_ref()?;
        Some(parse_proxy_url(url.text().unwrap_or_default(), self.written_as("proxy_url")))
    }
}

impl Checks<'_> {
    pub(super) fn proxy(&mut self) {
        if let Some(Err(why)) = self.config.proxy() {
            self.refuse_unshown("proxy_url", why);
        }
    }
}

/// Its examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/proxies.md")]
struct Guide;
