#![allow(missing_docs, unreachable_pub)]
use crate::client::transport::{Command, ConnectionId, Endpoint};
use crate::sync::Wake;
use crate::time::{Clock, Deadline};
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, IoSlice, Read, Write};
use std::net::ToSocketAddrs;
use std::sync::Arc;

pub(crate) trait Network {
    type Stream;
}
pub(crate) struct MioNetwork;
impl Network for MioNetwork {
    type Stream = mio::net::TcpStream;
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SocketSettings {
    pub(crate) send_buffer_bytes: Option<usize>,
    pub(crate) receive_buffer_bytes: Option<usize>,
}

struct Conn {
    s: mio::net::TcpStream,
    connected: bool,
}
pub(crate) struct Io<N> {
    poll: Poll,
    events: Events,
    conns: HashMap<usize, Conn>,
    wake_r: mio::net::UnixStream,
    buf: Vec<u8>,
    pending: Vec<(u64, io::Result<Vec<std::net::SocketAddr>>)>,
    _n: std::marker::PhantomData<N>,
}
pub(crate) struct Waker(Arc<mio::net::UnixStream>);
impl Wake for Waker {
    fn wake(&self) {
        let _ = (&*self.0).write(&[1]);
    }
}

pub(crate) fn open(_: SocketSettings) -> io::Result<(Io<MioNetwork>, Waker)> {
    let poll = Poll::new()?;
    let (mut r, w) = mio::net::UnixStream::pair()?;
    poll.registry().register(&mut r, Token(usize::MAX), Interest::READABLE)?;
    Ok((
        Io {
            poll,
            events: Events::with_capacity(256),
            conns: HashMap::new(),
            wake_r: r,
            buf: vec![0; 65536],
            pending: vec![],
            _n: std::marker::PhantomData,
        },
        Waker(Arc::new(w)),
    ))
}
impl<N: Network> Io<N> {
    pub(crate) fn wait(&mut self, d: Deadline, clock: &Clock, ep: &mut impl Endpoint) -> io::Result<()> {
        let mut timeout = d.remaining(clock.now());
        if !self.pending.is_empty() {
            timeout = Some(std::time::Duration::ZERO);
        }
        if let Some(t) = timeout {
            timeout = Some(std::time::Duration::from_millis(t.as_nanos().div_ceil(1_000_000) as u64));
        }
        if let Err(e) = self.poll.poll(&mut self.events, timeout) {
            if e.kind() != io::ErrorKind::Interrupted {
                return Err(e);
            }
        }
        let now = clock.now();
        for (t, a) in self.pending.drain(..) {
            ep.resolved(t, a, now);
        }
        let tokens: Vec<_> = self.events.iter().map(|e| (e.token(), e.is_writable())).collect();
        for (tok, w) in tokens {
            if tok.0 == usize::MAX {
                let mut b = [0; 64];
                while matches!((&self.wake_r).read(&mut b), Ok(1..)) {}
                continue;
            }
            let id = ConnectionId(tok.0 as u64);
            let Some(c) = self.conns.get_mut(&tok.0) else { continue };
            if !c.connected {
                if let Ok(Some(e)) | Err(e) = c.s.take_error() {
                    self.conns.remove(&tok.0);
                    ep.disconnected(id, e, now);
                    continue;
                }
                if c.s.peer_addr().is_err() {
                    continue;
                }
                c.connected = true;
                ep.connected(id, now);
            }
            let c = self.conns.get_mut(&tok.0).unwrap();
            let end = loop {
                match c.s.read(&mut self.buf) {
                    Ok(0) => break Some(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => ep.received(id, &self.buf[..n], now),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break None,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => break Some(e),
                }
            };
            if let Some(e) = end {
                self.conns.remove(&tok.0);
                ep.disconnected(id, e, now);
                continue;
            }
            if w {
                Self::write(&mut self.conns, id, clock, ep);
            }
        }
        Ok(())
    }
    fn write(conns: &mut HashMap<usize, Conn>, id: ConnectionId, clock: &Clock, ep: &mut impl Endpoint) {
        let Some(c) = conns.get_mut(&(id.0 as usize)) else { return };
        if !c.connected {
            return;
        }
        loop {
            let mut slices: [IoSlice<'_>; 64] = [IoSlice::new(&[]); 64];
            let mut n = 0;
            ep.outgoing(id, &mut |s| {
                slices[n] = IoSlice::new(s);
                n += 1;
                n < 64
            });
            if n == 0 {
                return;
            }
            match c.s.write_vectored(&slices[..n]) {
                Ok(k) => ep.written(id, k, clock.now()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    conns.remove(&(id.0 as usize));
                    ep.disconnected(id, e, clock.now());
                    return;
                }
            }
        }
    }
    pub(crate) fn flush(&mut self, clock: &Clock, ep: &mut impl Endpoint) -> io::Result<()> {
        while let Some(c) = ep.next_command() {
            match c {
                Command::Resolve { ticket, host, port } => {
                    let r = (&*host, port).to_socket_addrs().map(|a| a.collect());
                    self.pending.push((ticket, r));
                }
                Command::Connect { connection, address } => match mio::net::TcpStream::connect(address) {
                    Ok(mut s) => {
                        let _ = s.set_nodelay(true);
                        self.poll.registry().register(
                            &mut s,
                            Token(connection.0 as usize),
                            Interest::READABLE | Interest::WRITABLE,
                        )?;
                        self.conns.insert(connection.0 as usize, Conn { s, connected: false });
                    }
                    Err(e) => ep.disconnected(connection, e, clock.now()),
                },
                Command::Close { connection } => {
                    self.conns.remove(&(connection.0 as usize));
                }
            }
        }
        while let Some(id) = ep.next_writable() {
            Self::write(&mut self.conns, id, clock, ep);
        }
        Ok(())
    }
}
