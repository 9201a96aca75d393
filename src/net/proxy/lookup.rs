//! The proxy resolves the brokers' names. Here only the name of the proxy is resolved.

use std::io;
use std::sync::Arc;

use super::settings::Proxy;
use crate::net::resolver::{Addresses, Resolve};

/// Answers each request with the addresses of the proxy.
pub(crate) struct ProxyLookup<R> {
    resolver: R,
    proxy: Arc<Proxy>,
}

impl<R> ProxyLookup<R> {
    pub(crate) fn new(resolver: R, proxy: Arc<Proxy>) -> Self {
        Self { resolver, proxy }
    }

    /// Adds to an error that it is the proxy's name, because the error is reported for the broker.
    fn told(&self, addresses: Addresses) -> Addresses {
        let error = match addresses {
            Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
            Ok(_) => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
            Err(error) => error,
        };
        let text = format!("the host of {} can't be looked up: {error}", self.proxy);
        Err(io::Error::new(error.kind(), text))
    }
}

impl<R: Resolve> Resolve for ProxyLookup<R> {
    fn resolve(&mut self, lookup_id: u64, _host: &str, _port: u16) -> Option<Addresses> {
        let found = self.resolver.resolve(lookup_id, &self.proxy.host, self.proxy.port)?;
        Some(self.told(found))
    }

    fn next(&mut self) -> Option<(u64, Addresses)> {
        let (lookup_id, found) = self.resolver.next()?;
        Some((lookup_id, self.told(found)))
    }
}
