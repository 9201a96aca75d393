//! Requests and answers over a plain socket, with the independent codec of `kafka-protocol`.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, HeaderVersion as _, Request, StrBytes};

/// A connection that does one exchange at a time.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    correlation_id: i32,
}

impl Wire {
    /// `patience` holds for the connection and for each read and write on it.
    ///
    /// # Errors
    ///
    /// When nobody listens or answers in time.
    pub fn connect(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, correlation_id: 0 })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    ///
    /// When the connection fails or the answer cannot be decoded whole.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> io::Result<R::Response> {
        self.send(version, request)?;
        self.receive::<R>(version)
    }

    /// Sends a request that has no answer, such as Produce with acks=0.
    ///
    /// # Errors
    ///
    /// When the connection fails or the request has no such version.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> io::Result<()> {
        self.correlation_id += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(StrBytes::from_static_str("test-harness")));
        let mut frame = BytesMut::from(&[0; 4][..]);
        header.encode(&mut frame, R::header_version(version)).map_err(io::Error::other)?;
        request.encode(&mut frame, version).map_err(io::Error::other)?;
        let length = i32::try_from(frame.len() - 4).map_err(io::Error::other)?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame)
    }

    fn receive<R: Request>(&mut self, version: i16) -> io::Result<R::Response> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length)).map_err(io::Error::other)?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let mut body = Bytes::from(body);
        let header = ResponseHeader::decode(&mut body, R::Response::header_version(version))
            .map_err(io::Error::other)?;
        if header.correlation_id != self.correlation_id {
            return Err(io::Error::other("the answer belongs to another request"));
        }
        let response = R::Response::decode(&mut body, version).map_err(io::Error::other)?;
        if body.has_remaining() {
            return Err(io::Error::other("bytes follow the answer"));
        }
        Ok(response)
    }
}
