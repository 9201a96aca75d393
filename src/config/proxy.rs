//! The proxy setting: setter, names, and the settings of the layer below.

use super::checks::Checks;
use super::key::Key;
use super::producer_config::ProducerConfig;
use super::values::{Kind, is_none};
use crate::net::{Proxy, parse_proxy_url};
use crate::security::{HIDDEN, Secret};

/// kafka-python's names. The second is the old name.
pub(super) const KEYS: &[Key] = &[key("proxy_url", MEANING), key("socks5_proxy", "")];

const MEANING: &str = "The proxy for all connections to brokers: `socks5://host:port` or `http://host:port`. By default there is no proxy.";

const fn key(name: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        of: "proxy_url",
        set: |config, value| (PROXY.read)(value).map(|url| config.proxy_url = url),
        show: |config| (PROXY.show)(&config.proxy_url),
        copy: |config, from| config.proxy_url.clone_from(&from.proxy_url),
        form: PROXY.form,
        meaning,
    }
}

const PROXY: Kind<Option<Secret>> = Kind {
    form: "URL",
    read: |value| Ok((!is_none(value)).then(|| value.into())),
    show: |url| match url.as_ref().map(|url| url.text().filter(|text| is_without_account(text))) {
        None => "none".to_owned(),
        Some(None) => HIDDEN.to_owned(),
        Some(Some(text)) => text.to_owned(),
    },
};

/// Whether it contains no password. If the `@` before the host is encoded by mistake, the password is read as a part of the
/// host or the port.
fn is_without_account(url: &str) -> bool {
    !url.contains("%40") && parse_proxy_url(url, "proxy_url").is_ok_and(|proxy| !proxy.has_account())
}

impl ProducerConfig {
    /// The proxy for all connections to brokers, including connections with TLS and SASL. The URL is `socks5://host:port`
    /// (RFC 1928) or `http://host:port` (CONNECT, RFC 9110). The default port of SOCKS5 is 1080. Default: no proxy.
    /// Environment variables such as `HTTPS_PROXY` are ignored.
    ///
    /// Write a user and a password before the host: `socks5://user:password@host:port`. In the user and the password,
    /// percent-encode `@` as `%40`, `/` as `%2F`, `?` as `%3F`, `#` as `%23` and `%` as `%25`, and in the user also `:` as
    /// `%3A`. The user and the password are sent by RFC 1929 (SOCKS5)
    /// or as Basic authentication (HTTP). They are not encrypted, so anybody between this machine and the proxy can read
    /// them. No log line or error shows them.
    ///
    /// The proxy resolves the host names of the brokers, so it can use names that this machine can't resolve. `socks5h`
    /// means the same as `socks5`. In kafka-python, with `socks5` the client resolves the names.
    ///
    /// kafka-python has the same name. Other name: `socks5_proxy` (the old name in kafka-python).
    #[doc(alias = "socks5_proxy")]
    pub fn proxy_url(mut self, url: impl Into<String>) -> Self {
        self.forget_text("proxy_url");
        self.proxy_url = Some(url.into().into());
        self
    }

    /// The proxy that was set, if one was.
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
