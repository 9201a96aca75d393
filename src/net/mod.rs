//! I/O ONLY: moves bytes between sockets and the sans-IO client. It knows no frames, records or policies. The client decides
//! which address is next and how long anything may take ([`Endpoint`](crate::client::transport::Endpoint)).
//!
//! [`Io`] has the two halves of the loop, `wait` and `flush`. It works on a [`Network`]. There are two networks: mio's, and in
//! tests one that misbehaves by a seed.

mod channel;
mod io;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod loopback;
mod mio;
mod network;
mod proxy;
mod resolver;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod sim;
#[cfg(any(feature = "tls", feature = "rustls"))]
mod tls;
mod tunnel;
mod wakeup;

pub(crate) use self::io::Io;
pub(crate) use self::mio::{MioNetwork, SocketSettings};
pub(crate) use self::network::Network;
#[cfg(all(test, feature = "mock"))]
pub(crate) use self::network::{Ready, Stream};
pub(crate) use self::proxy::{Proxy, parse_proxy_url};
#[cfg(all(test, feature = "mock"))]
pub(crate) use self::resolver::{Addresses, Resolve};
pub(crate) use self::wakeup::Waker;

use std::sync::Arc;

use self::proxy::ProxyLookup;
use self::resolver::SystemResolver;
use crate::sync::Wake;

/// The network of this machine, and the waker that ends a wait for it.
pub(crate) fn open(settings: SocketSettings) -> std::io::Result<(Io<MioNetwork>, Waker)> {
    open_with(settings, SystemResolver::new)
}

/// The same with a test's own look-up.
#[cfg(all(test, feature = "mock"))]
pub(crate) fn open_with_lookup(
    settings: SocketSettings,
    lookup: resolver::Lookup,
) -> std::io::Result<(Io<MioNetwork>, Waker)> {
    open_with(settings, |waker| SystemResolver::by(lookup, waker))
}

fn open_with(
    settings: SocketSettings,
    resolver: impl FnOnce(Arc<dyn Wake>) -> SystemResolver,
) -> std::io::Result<(Io<MioNetwork>, Waker)> {
    let (read_size, reads_per_poll) = (settings.read_size, settings.reads_per_poll);
    let proxy = settings.proxy.clone();
    let (network, waker) = MioNetwork::new(settings)?;
    let resolver = resolver(Arc::new(waker.clone()));
    let resolver: Box<dyn resolver::Resolve + Send> = match proxy {
        None => Box::new(resolver),
        Some(proxy) => Box::new(ProxyLookup::new(resolver, proxy)),
    };
    Ok((Io::new(network, resolver, read_size, reads_per_poll), waker))
}
