//! A port at which nothing answers, not even to refuse.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// The queue of a listener that accepts nobody is full, so the kernel passes over whoever comes.
pub struct Silence {
    _listener: Socket,
    _queue: Vec<TcpStream>,
    pub port: u16,
}

impl Silence {
    pub fn start() -> std::io::Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queue.push(stream);
            if queue.len() > 100 {
                return Err(std::io::Error::other("this kernel takes connections that nobody accepts"));
            }
        }
        Ok(Self { _listener: listener, _queue: queue, port: address.port() })
    }
}
