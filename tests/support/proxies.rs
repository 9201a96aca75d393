//! Proxies of one's own: SOCKS5 and HTTP CONNECT on a port of this machine, with a password or without, and with the manners
//! that a test gives them.
//!
//! They lead to wherever they are asked to, real brokers among that.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Socks5,
    Http,
}

/// How a proxy behaves; without any of it, it lets everybody through.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// The only user that it lets through, and the password.
    pub account: Option<(String, String)>,
    /// Names that nobody else knows. Others are looked up.
    pub names: BTreeMap<String, IpAddr>,
    /// What it answers in place of connecting to where it is asked to.
    pub answer: Option<Vec<u8>>,
    /// Connections from now on that are closed after so many bytes of its answers.
    pub cuts: Vec<usize>,
    /// Takes connections and says nothing.
    pub is_mute: bool,
    /// Each byte of its answers is written by itself.
    pub by_bytes: bool,
}

/// A proxy; it takes connections until it is dropped, and those that stand then go on.
#[derive(Debug)]
pub struct ProxyServer {
    speaks: Speaks,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    manners: Manners,
    /// What it was asked for, as `host:port`.
    asked: Vec<String>,
    /// What it holds without a word.
    held: Vec<TcpStream>,
    has_ended: bool,
}

impl ProxyServer {
    pub fn start(speaks: Speaks, manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        shared.state().manners = manners;
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if serving.state().has_ended {
                    return;
                }
                let Ok(client) = client else { continue };
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || drop(serving.serve(speaks, client)));
            }
        });
        Self { speaks, address, shared }
    }

    /// For `proxy_url`; `account` is nothing or as in `user:password@`.
    pub fn url(&self, account: &str) -> String {
        let scheme = match self.speaks {
            Speaks::Socks5 => "socks5",
            Speaks::Http => "http",
        };
        format!("{scheme}://{account}{}", self.address)
    }

    pub fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.shared.state().manners);
    }

    /// What it was asked for so far, as `host:port`.
    pub fn asked(&self) -> Vec<String> {
        self.shared.state().asked.clone()
    }
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.shared.state().has_ended = true;
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, speaks: Speaks, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (manners, cut) = {
            let mut state = self.state();
            if state.manners.is_mute {
                state.held.push(stream);
                return Ok(());
            }
            let cut = (!state.manners.cuts.is_empty()).then(|| state.manners.cuts.remove(0));
            (state.manners.clone(), cut)
        };
        let mut client = Client { stream, cut, by_bytes: manners.by_bytes };
        let far = match speaks {
            Speaks::Socks5 => self.socks5(&mut client, &manners)?,
            Speaks::Http => self.http(&mut client, &manners)?,
        };
        let Some(far) = far else { return Ok(()) };
        far.set_nodelay(true)?;
        let (back, answers) = (client.stream.try_clone()?, far.try_clone()?);
        std::thread::spawn(move || pass_on(&answers, &back));
        pass_on(&client.stream, &far);
        Ok(())
    }

    /// `None` if it was refused, and that is said.
    fn socks5(&self, client: &mut Client, manners: &Manners) -> io::Result<Option<TcpStream>> {
        let [5, count] = client.hear()? else { return Ok(None) };
        let methods = client.hear_many(count.into())?;
        match &manners.account {
            None if methods.contains(&0) => client.say(&[5, 0])?,
            Some((user, password)) if methods.contains(&2) => {
                client.say(&[5, 2])?;
                let [1, length] = client.hear()? else { return Ok(None) };
                let name = client.hear_many(length.into())?;
                let [length] = client.hear()?;
                let word = client.hear_many(length.into())?;
                let is_known = name == user.as_bytes() && word == password.as_bytes();
                client.say(&[1, u8::from(!is_known)])?;
                if !is_known {
                    return Ok(None);
                }
            }
            _ => return client.say(&[5, 0xff]).map(|()| None),
        }
        let [5, 1, 0, kind] = client.hear()? else { return Ok(None) };
        let host = match kind {
            1 => Ipv4Addr::from(client.hear::<4>()?).to_string(),
            4 => Ipv6Addr::from(client.hear::<16>()?).to_string(),
            _ => {
                let [length] = client.hear()?;
                String::from_utf8_lossy(&client.hear_many(length.into())?).into_owned()
            }
        };
        let port = u16::from_be_bytes(client.hear()?);
        if let Some(answer) = &manners.answer {
            return client.say(answer).map(|()| None);
        }
        match self.reach(&host, port, manners) {
            Ok(far) => client.say(&[5, 0, 0, 1, 127, 0, 0, 1, 4, 56]).map(|()| Some(far)),
            Err(_) => client.say(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).map(|()| None),
        }
    }

    fn http(&self, client: &mut Client, manners: &Manners) -> io::Result<Option<TcpStream>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(client.hear::<1>()?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let authority = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
        if let Some((user, password)) = &manners.account {
            let expected = format!("Proxy-Authorization: Basic {}", base64(&format!("{user}:{password}")));
            if !lines.any(|line| line == expected) {
                client.say(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\n\
                      Content-Length: 0\r\n\r\n",
                )?;
                return Ok(None);
            }
        }
        if let Some(answer) = &manners.answer {
            return client.say(answer).map(|()| None);
        }
        let (host, port) = authority.rsplit_once(':').unwrap_or((&authority, ""));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match self.reach(host, port.parse().unwrap_or(0), manners) {
            Ok(far) => client.say(b"HTTP/1.1 200 Connection established\r\n\r\n").map(|()| Some(far)),
            Err(_) => client.say(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").map(|()| None),
        }
    }

    fn reach(&self, host: &str, port: u16, manners: &Manners) -> io::Result<TcpStream> {
        self.state().asked.push(format!("{host}:{port}"));
        let addresses: Vec<SocketAddr> = match manners.names.get(host) {
            Some(address) => vec![SocketAddr::new(*address, port)],
            None => (host, port).to_socket_addrs()?.collect(),
        };
        TcpStream::connect(&addresses[..])
    }
}

/// Who has come, before it is led on.
struct Client {
    stream: TcpStream,
    /// Bytes that may still be said before it ends.
    cut: Option<usize>,
    by_bytes: bool,
}

impl Client {
    fn hear<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).map(|()| bytes)
    }

    fn hear_many(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).map(|()| bytes)
    }

    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        let count = self.cut.map_or(bytes.len(), |left| left.min(bytes.len()));
        let size = if self.by_bytes { 1 } else { bytes.len().max(1) };
        for piece in bytes[..count].chunks(size) {
            self.stream.write_all(piece)?;
        }
        match &mut self.cut {
            Some(left) if count == *left => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(left) => {
                *left -= count;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn base64(text: &str) -> String {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*chunk.get(at).unwrap_or(&0)));
        for at in 0..4 {
            out.push(if at <= chunk.len() { letters[bits >> (18 - 6 * at) & 63] } else { '=' });
        }
    }
    out
}
