//! stub
use crate::client::transport::Endpoint;
use crate::time::{Clock, Deadline};
use std::io;
pub(crate) trait Network { type Stream; }
pub(crate) struct Io<N>(N);
pub(crate) struct M;
impl Network for M { type Stream = (); }
impl<N: Network> Io<N> {
    pub(crate) fn wait(&mut self, _: Deadline, _: &Clock, _: &mut impl Endpoint) -> io::Result<()> { Ok(()) }
    pub(crate) fn flush(&mut self, _: &Clock, _: &mut impl Endpoint) -> io::Result<()> { Ok(()) }
}
pub(crate) struct W;
impl crate::sync::Wake for W { fn wake(&self) {} }
#[derive(Clone, Debug, Default)]
pub(crate) struct SocketSettings { pub(crate) send_buffer_bytes: Option<usize>, pub(crate) receive_buffer_bytes: Option<usize> }
pub(crate) fn open(_: SocketSettings) -> io::Result<(Io<M>, W)> { Ok((Io(M), W)) }
