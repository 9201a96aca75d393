//! A TCP proxy in front of a broker, which loses what the broker answers and breaks connections when it is told to.

#![allow(clippy::disallowed_types, reason = "no model checker runs here")]

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use socket2::SockRef;

use super::clock::{Deadline, deadline_in, pause};
use super::kafka::free_ports;

/// Takes connections from its creation to its end; before [`lead_to`](Self::lead_to) and while the broker is down it
/// resets each at once.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    broker: Mutex<Option<SocketAddr>>,
    links: Mutex<Vec<Weak<Link>>>,
    taken: AtomicU64,
    ended: AtomicBool,
}

/// One connection through the proxy. Its sockets are closed when both of its threads have ended.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    broker: TcpStream,
    cut: AtomicBool,
    swallows: AtomicBool,
    swallowed: AtomicU64,
    /// Bytes answered since the last fault was chosen: a connection nobody uses is not worth a fault.
    answered: AtomicU64,
}

impl Proxy {
    #[track_caller]
    pub fn start() -> Self {
        let port = free_ports(1).into_iter().next().expect("one was asked for");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port was free just now");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                serving.taken.fetch_add(1, Ordering::SeqCst);
                let serving = Arc::clone(&serving);
                // To connect takes its time where the broker is frozen.
                std::thread::spawn(move || serving.serve(client));
            }
        });
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), shared }
    }

    /// Where clients go.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that were made to it so far.
    pub fn connections(&self) -> u64 {
        self.shared.taken.load(Ordering::SeqCst)
    }

    /// Where new connections lead from now on.
    pub fn lead_to(&self, broker: SocketAddr) {
        *lock(&self.shared.broker) = Some(broker);
    }

    /// Resets one of the connections in use, if there is one.
    pub fn reset_one(&self) -> bool {
        let link = self.shared.link_in_use();
        link.inspect(|link| link.cut(true)).is_some()
    }

    /// Loses what comes from the broker on one of the connections in use, for `time` after the first lost byte, then
    /// closes it. Whether any byte was lost.
    pub fn swallow_one(&self, time: Duration) -> bool {
        let Some(link) = self.shared.link_in_use() else {
            return false;
        };
        link.swallows.store(true, Ordering::SeqCst);
        let lost = link.wait_for_a_loss(deadline_in(Duration::from_secs(2)));
        if lost {
            pause(time);
        }
        link.cut(fastrand::bool());
        lost
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
        lock(&self.shared.links).iter().filter_map(Weak::upgrade).for_each(|link| link.cut(true));
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        let broker = *lock(&self.broker);
        let connected =
            broker.and_then(|broker| TcpStream::connect_timeout(&broker, Duration::from_secs(5)).ok());
        let Some(broker) = connected else {
            let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
            return;
        };
        let _ = (client.set_nodelay(true), broker.set_nodelay(true));
        let link = Arc::new(Link {
            client,
            broker,
            cut: AtomicBool::default(),
            swallows: AtomicBool::default(),
            swallowed: AtomicU64::default(),
            answered: AtomicU64::default(),
        });
        {
            let mut links = lock(&self.links);
            links.retain(|link| link.strong_count() > 0);
            links.push(Arc::downgrade(&link));
        }
        let asking = Arc::clone(&link);
        std::thread::spawn(move || {
            let _ = asking.pass_on_requests();
            asking.cut(false);
        });
        let _ = link.pass_on_answers();
        link.cut(false);
    }

    fn link_in_use(&self) -> Option<Arc<Link>> {
        let mut links: Vec<Arc<Link>> = lock(&self.links).iter().filter_map(Weak::upgrade).collect();
        links.retain(|link| link.answered.swap(0, Ordering::SeqCst) > 0);
        if links.is_empty() { None } else { Some(links.swap_remove(fastrand::usize(..links.len()))) }
    }
}

impl Link {
    fn pass_on_requests(&self) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match (&self.client).read(&mut buffer)? {
                0 => return Ok(()),
                count => (&self.broker).write_all(&buffer[..count])?,
            }
        }
    }

    fn pass_on_answers(&self) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 14];
        loop {
            let count = (&self.broker).read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            if self.swallows.load(Ordering::SeqCst) {
                self.swallowed.fetch_add(count as u64, Ordering::SeqCst);
            } else {
                self.answered.fetch_add(count as u64, Ordering::SeqCst);
                (&self.client).write_all(&buffer[..count])?;
            }
        }
    }

    /// Ends both threads, wherever they wait. `reset` makes the client see a reset in place of an end. The first call
    /// decides.
    fn cut(&self, reset: bool) {
        if self.cut.swap(true, Ordering::SeqCst) {
            return;
        }
        if reset {
            // Sent when the socket is closed; a shutdown of the writing half would send an end before.
            let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
        }
        let _ = self.client.shutdown(if reset { Shutdown::Read } else { Shutdown::Both });
        let _ = self.broker.shutdown(Shutdown::Both);
    }

    fn wait_for_a_loss(&self, deadline: Deadline) -> bool {
        loop {
            if self.swallowed.load(Ordering::SeqCst) > 0 {
                return true;
            }
            if deadline.passed() {
                return false;
            }
            pause(Duration::from_millis(5));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
