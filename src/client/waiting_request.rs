//! A request and its tag, until there is a connection for it.

use crate::client::connection::Connection;
use crate::client::request::{Loss, Outcome, Tag};
use crate::time::Instant;

/// A request that waits until it can be sent.
pub(super) trait WaitingRequest<E>: Send {
    /// Sends it, if the connection supports a version of it. Otherwise returns its outcome.
    fn send(self: Box<Self>, connection: &mut Connection<E>, address: &str, now: Instant) -> Option<E>;

    fn fail(self: Box<Self>, loss: Loss) -> E;
}

pub(super) struct Ask<T, R> {
    pub(super) tag: T,
    pub(super) request: R,
}

impl<E, T: Tag<E>> WaitingRequest<E> for Ask<T, T::Request> {
    fn send(self: Box<Self>, connection: &mut Connection<E>, address: &str, now: Instant) -> Option<E> {
        match connection.version::<T::Request>(0, i16::MAX, address) {
            Ok(version) => {
                connection.send(&self.request, version, self.tag, true, now);
                None
            }
            Err(error) => Some(self.fail(Loss::unsent(error))),
        }
    }

    fn fail(self: Box<Self>, loss: Loss) -> E {
        self.tag.over(Outcome::Lost(loss))
    }
}
