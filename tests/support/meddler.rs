//! A TCP proxy that does one wrong to one byte: the n-th that a connection carries in one direction.

#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where, and what.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    /// Counted from 0, as the client dials them.
    pub connection: usize,
    pub direction: Direction,
    /// Counted from 0.
    pub byte: usize,
    pub harm: Harm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToBroker,
    ToClient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The connection ends before the byte.
    Cut,
    /// The byte and what follows in this direction stay where they are, and the connection stays.
    Stall,
    /// One bit of the byte is another, and the rest passes.
    Flip,
}

/// Leads to one broker until it is dropped.
#[derive(Debug)]
pub struct Meddler {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    broker: SocketAddr,
    wrong: Option<Wrong>,
    dialled: AtomicUsize,
    done: AtomicBool,
    ended: AtomicBool,
    /// What each connection has carried, by direction.
    carried: Mutex<Vec<[Vec<u8>; 2]>>,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Meddler {
    /// Does nothing wrong if it is not told what.
    #[track_caller]
    pub fn start(broker: SocketAddr, wrong: Option<Wrong>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            broker,
            wrong,
            dialled: AtomicUsize::new(0),
            done: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            carried: Mutex::default(),
            sockets: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                // Who can't be led on sees an end.
                let _ = Shared::serve(&serving, client);
            }
        });
        Self { address, shared }
    }

    /// Where clients go.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the byte has come by.
    pub fn has_done_wrong(&self) -> bool {
        self.shared.done.load(Ordering::SeqCst)
    }

    /// What a connection has carried so far.
    pub fn carried(&self, connection: usize, direction: Direction) -> Vec<u8> {
        lock(&self.shared.carried)
            .get(connection)
            .map_or(Vec::new(), |carried| carried[direction as usize].clone())
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        for socket in lock(&self.shared.sockets).iter() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(shared: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let broker = TcpStream::connect(shared.broker)?;
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        lock(&shared.sockets).extend([client.try_clone()?, broker.try_clone()?]);
        lock(&shared.carried).push(Default::default());
        let connection = shared.dialled.fetch_add(1, Ordering::SeqCst);
        for direction in [Direction::ToBroker, Direction::ToClient] {
            let (from, to) = match direction {
                Direction::ToBroker => (client.try_clone()?, broker.try_clone()?),
                Direction::ToClient => (broker.try_clone()?, client.try_clone()?),
            };
            let shared = Arc::clone(shared);
            std::thread::spawn(move || {
                let passed = shared.pass_on(connection, direction, &from, &to);
                if passed.is_ok() {
                    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                }
            });
        }
        Ok(())
    }

    /// Until one of the two ends; an error is a stall, which ends nothing.
    fn pass_on(
        &self,
        connection: usize,
        direction: Direction,
        mut from: &TcpStream,
        mut to: &TcpStream,
    ) -> Result<(), Stalled> {
        let wrong = self.wrong.filter(|wrong| wrong.connection == connection && wrong.direction == direction);
        let mut buffer = vec![0; 1 << 14];
        let mut passed = 0;
        loop {
            let Ok(count @ 1..) = from.read(&mut buffer) else { return Ok(()) };
            let mut bytes = &mut buffer[..count];
            let at = wrong.and_then(|wrong| wrong.byte.checked_sub(passed)).filter(|at| *at < count);
            let harm = wrong.map(|wrong| wrong.harm).filter(|_| at.is_some());
            if let (Some(at), Some(harm)) = (at, harm) {
                self.done.store(true, Ordering::SeqCst);
                match harm {
                    Harm::Flip => bytes[at] ^= 1 << ((passed + at) % 8),
                    Harm::Cut | Harm::Stall => bytes = &mut bytes[..at],
                }
            }
            if let Some(carried) = lock(&self.carried).get_mut(connection) {
                carried[direction as usize].extend_from_slice(bytes);
            }
            if to.write_all(bytes).is_err() || harm == Some(Harm::Cut) {
                return Ok(());
            }
            if harm == Some(Harm::Stall) {
                return Err(Stalled);
            }
            passed += count;
        }
    }
}

struct Stalled;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
