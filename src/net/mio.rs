//! The sockets of this machine, by epoll or the system's equivalent.

use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::mio::net::TcpStream;
use ::mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::channel::{Channel, Line};
use super::network::{Network, Ready, Stream};
use super::proxy::Proxy;
#[cfg(any(feature = "tls", feature = "rustls"))]
use super::tls::TlsStream;
use super::tunnel::{self, Tunnel};
use super::wakeup::{Alarm, Waker};
use crate::client::transport::ConnectionId;

/// How sockets are set up and read.
#[derive(Clone, Debug)]
pub(crate) struct SocketSettings {
    /// `TCP_NODELAY`.
    pub(crate) no_delay: bool,
    /// `SO_KEEPALIVE`.
    pub(crate) keep_alive: bool,
    /// Bytes to read at a time (`sock_chunk_bytes`).
    pub(crate) read_size: usize,
    /// How often one connection is read before the others are read (`sock_chunk_buffer_count`).
    pub(crate) reads_per_poll: usize,
    /// `SO_SNDBUF`; `None` is the system's size.
    pub(crate) send_buffer_bytes: Option<usize>,
    /// `SO_RCVBUF`; `None` is the system's size.
    pub(crate) receive_buffer_bytes: Option<usize>,
    /// The proxy for all connections, if one is set.
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// Connections are encrypted if it is set.
    #[cfg(any(feature = "tls", feature = "rustls"))]
    pub(crate) tls: Option<crate::security::tls::Tls>,
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
impl SocketSettings {
    pub(super) fn of_tests() -> Self {
        Self {
            no_delay: true,
            keep_alive: true,
            read_size: 1 << 16,
            reads_per_poll: 16,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            proxy: None,
            #[cfg(any(feature = "tls", feature = "rustls"))]
            tls: None,
        }
    }
}

pub(crate) struct MioNetwork {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    settings: SocketSettings,
}

impl MioNetwork {
    pub(crate) fn new(settings: SocketSettings) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let (alarm, waker) = Alarm::new(poll.registry(), ALARM)?;
        Ok((Self { poll, events: Events::with_capacity(EVENTS), alarm, settings }, waker))
    }

    fn socket(&self, address: SocketAddr) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(self.settings.no_delay)?;
        if self.settings.keep_alive {
            socket.set_tcp_keepalive(&TcpKeepalive::new())?;
        }
        if let Some(bytes) = self.settings.send_buffer_bytes {
            socket.set_send_buffer_size(bytes)?;
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_notsent_lowat(NOT_SENT)?;
        // This must come before the connect, because the window is negotiated then.
        if let Some(bytes) = self.settings.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if is_in_progress(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(socket)
    }

    #[cfg(any(feature = "tls", feature = "rustls"))]
    fn secured(&mut self, line: Line, host: &str) -> Channel {
        match &mut self.settings.tls {
            None => Channel::Plain(line),
            Some(tls) => {
                let connector = tls.connector().clone();
                Channel::Tls(Box::new(TlsStream::new(line, connector, host)))
            }
        }
    }

    #[cfg(not(any(feature = "tls", feature = "rustls")))]
    fn secured(&mut self, line: Line, _host: &str) -> Channel {
        Channel::Plain(line)
    }
}

impl Network for MioNetwork {
    type Stream = Channel;

    fn connect(
        &mut self,
        connection: ConnectionId,
        address: SocketAddr,
        host: &str,
        port: u16,
    ) -> io::Result<Self::Stream> {
        let proxy = self.settings.proxy.clone();
        let socket = match &proxy {
            None => self.socket(address)?,
            Some(proxy) => self.socket(address).map_err(|error| tunnel::unreachable(proxy, &error))?,
        };
        let mut stream = TcpStream::from_std(socket.into());
        let token = Token(usize::try_from(connection.0).map_err(|_| io::ErrorKind::InvalidInput)?);
        self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let line = match proxy {
            None => Line::Direct(stream),
            Some(proxy) => Line::ByProxy(Box::new(Tunnel::new(stream, proxy, host, port)?)),
        };
        Ok(self.secured(line, host))
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        // mio rounds up to whole milliseconds, so a wait of 0.4 ms is one poll and not many. Times that are too long for
        // epoll are cut here.
        let mut timeout = timeout.map(|timeout| timeout.min(LONGEST));
        loop {
            self.poll.poll(&mut self.events, timeout)?;
            let mut count = 0;
            for event in &self.events {
                count += 1;
                if event.token() == ALARM {
                    self.alarm.clear();
                    continue;
                }
                // A read returns errors and hang-ups, after the bytes that had come before.
                ready.push(Ready {
                    connection: ConnectionId(event.token().0 as u64),
                    readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                    writable: event.is_writable() || event.is_write_closed() || event.is_error(),
                });
            }
            if count < EVENTS {
                return Ok(());
            }
            // There may be more events.
            timeout = Some(Duration::ZERO);
        }
    }
}

impl Stream for TcpStream {
    fn finish_connect(&mut self) -> io::Result<bool> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        match self.peer_addr() {
            // If nothing listens on a port of this machine, the kernel may choose the same port as the local port. The socket
            // is then connected to itself: it would read its own requests, and block the broker's port.
            Ok(peer) if self.local_addr()? == peer => Err(io::ErrorKind::ConnectionRefused.into()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected || is_in_progress(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        write_vectored(self, slices)
    }
}

/// The standard library uses `writev`, which raises `SIGPIPE` if the peer is gone. Rust programs ignore that signal. A C program
/// that contains this crate may not, and would be killed when a broker restarts.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn write_vectored(stream: &mut TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    const MSG_NOSIGNAL: i32 = 0x4000;
    socket2::SockRef::from(&*stream).send_vectored_with_flags(slices, MSG_NOSIGNAL)
}

/// On Apple's systems socket2 has set `SO_NOSIGPIPE`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn write_vectored(stream: &mut TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    std::io::Write::write_vectored(stream, slices)
}

/// A non-blocking connect that has only begun returns an error that says so.
#[cfg(unix)]
fn is_in_progress(error: &io::Error) -> bool {
    use rustix::io::Errno;
    // It continues after a signal too.
    matches!(Errno::from_io_error(error), Some(Errno::INPROGRESS | Errno::INTR))
}

#[cfg(not(unix))]
fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// How many bytes the kernel accepts before it can send them. Without this limit it accepts megabytes. They count as sent, so a
/// request would seem late because of the bytes before it. With 256 KiB a record of 1 KB costs a seventh more CPU, because the
/// kernel accepts a request in many parts. With 1 MiB it costs nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NOT_SENT: u32 = 1 << 20;

const ALARM: Token = Token(usize::MAX);
const EVENTS: usize = 256;
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::sync::Wake;
    use crate::time::{Clock, Deadline};

    fn network() -> (MioNetwork, Waker) {
        MioNetwork::new(SocketSettings {
            send_buffer_bytes: Some(32_768),
            receive_buffer_bytes: Some(32_768),
            ..SocketSettings::of_tests()
        })
        .unwrap()
    }

    fn until_connected(network: &mut MioNetwork, stream: &mut impl Stream) -> io::Result<()> {
        let deadline = Deadline::after(Clock::System.now(), Duration::from_secs(10));
        while !deadline.has_passed(Clock::System.now()) {
            let mut ready = Vec::new();
            network.poll(&mut ready, Some(Duration::from_secs(1)))?;
            if !ready.is_empty() && stream.finish_connect()? {
                return Ok(());
            }
        }
        panic!("no connection and no error");
    }

    /// `TCP_NODELAY`, `SO_KEEPALIVE`, `SO_SNDBUF` and `SO_RCVBUF` of a connection.
    fn options(settings: SocketSettings) -> (bool, bool, usize, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut network, _waker) = MioNetwork::new(settings).unwrap();
        let mut stream =
            network.connect(ConnectionId(1), listener.local_addr().unwrap(), "localhost", 1).unwrap();
        until_connected(&mut network, &mut stream).unwrap();
        let Channel::Plain(Line::Direct(stream)) = stream else {
            panic!("neither proxy nor TLS was asked for")
        };
        let socket = socket2::SockRef::from(&stream);
        let buffers = (socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap());
        (socket.tcp_nodelay().unwrap(), socket.keepalive().unwrap(), buffers.0, buffers.1)
    }

    #[test]
    fn a_connection_has_the_options_of_the_settings() {
        for (no_delay, keep_alive) in [(true, false), (false, true)] {
            let (sent, received) = (40_000, 50_000);
            let seen = options(SocketSettings {
                no_delay,
                keep_alive,
                send_buffer_bytes: Some(sent),
                receive_buffer_bytes: Some(received),
                ..SocketSettings::of_tests()
            });
            // Linux doubles the requested sizes.
            let factor = if cfg!(target_os = "linux") { 2 } else { 1 };
            assert_eq!(seen, (no_delay, keep_alive, factor * sent, factor * received));
        }
        let (.., sent, received) = options(SocketSettings::of_tests());
        assert!(sent != 80_000 && received != 100_000, "the sizes of the system: {sent} {received}");
    }

    /// Linux drops the packets of further connections if the backlog of a listener is full.
    #[cfg(target_os = "linux")]
    #[test]
    fn connecting_does_not_block() {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let (mut network, _waker) = network();
        let connect = |id| network.connect(ConnectionId(id), address, "localhost", 1).unwrap();
        let mut streams: Vec<_> = (0..4).map(connect).collect();
        assert!(!streams[3].finish_connect().unwrap());
    }

    #[test]
    fn a_port_where_nobody_listens_refuses() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (mut network, _waker) = network();
        let refused = match network.connect(ConnectionId(1), address, "localhost", 1) {
            Ok(mut stream) => until_connected(&mut network, &mut stream).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    /// B33: if the sender does not poll for a while, waking is not slow and does not fail, and it is one event.
    #[test]
    fn a_million_wakes_are_one_event() {
        let (mut network, waker) = network();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let waker = waker.clone();
                scope.spawn(move || (0..250_000).for_each(|_| waker.wake()));
            }
        });
        let mut ready = Vec::new();
        network.poll(&mut ready, Some(Duration::from_secs(10))).unwrap();
        assert!(ready.is_empty() && !network.events.is_empty(), "woken, and no stream is ready");
        network.poll(&mut ready, Some(Duration::ZERO)).unwrap();
        assert!(network.events.is_empty(), "the alarm was cleared");
    }

    #[test]
    fn a_wake_ends_a_wait_without_a_deadline() {
        let (mut network, waker) = network();
        std::thread::scope(|scope| {
            scope.spawn(move || waker.wake());
            network.poll(&mut Vec::new(), None).unwrap();
        });
    }
}
