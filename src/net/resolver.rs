//! Resolves host names on other threads than the sender thread: `getaddrinfo` may take long and can't be interrupted.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::process::PerProcess;
use crate::sync::{Condvar, Mutex, Wake};
use crate::time::{Clock, Deadline};

pub(crate) type Addresses = io::Result<Vec<SocketAddr>>;

/// Resolves host names, at once or later.
pub(crate) trait Resolve {
    /// The answer, if it is known at once. Otherwise [`next`](Self::next) returns it later, after a wake-up.
    fn resolve(&mut self, lookup_id: u64, host: &str, port: u16) -> Option<Addresses>;

    /// The next answer that has come.
    fn next(&mut self) -> Option<(u64, Addresses)>;
}

/// The system's resolver. Its threads belong to the process. An answer for a producer that is gone is dropped.
pub(crate) struct SystemResolver {
    pool: Arc<LookupThreads>,
    waker: Arc<dyn Wake>,
    answers: Receiver<(u64, Addresses)>,
    answer_to: Sender<(u64, Addresses)>,
}

impl SystemResolver {
    pub(crate) fn new(waker: Arc<dyn Wake>) -> Self {
        // A forked child has no threads of its parent, and a lock that one of them held stays locked.
        static LOOKUP_THREADS: PerProcess<Arc<LookupThreads>> = PerProcess::new();
        Self::at(Arc::clone(LOOKUP_THREADS.get_or_make(|| LookupThreads::new(system_lookup))), waker)
    }

    /// With a test's own look-up.
    #[cfg(all(test, feature = "mock"))]
    pub(super) fn by(lookup: Lookup, waker: Arc<dyn Wake>) -> Self {
        Self::at(LookupThreads::new(lookup), waker)
    }

    fn at(pool: Arc<LookupThreads>, waker: Arc<dyn Wake>) -> Self {
        let (answer_to, answers) = unbounded();
        Self { pool, waker, answers, answer_to }
    }
}

impl Resolve for SystemResolver {
    fn resolve(&mut self, lookup_id: u64, host: &str, port: u16) -> Option<Addresses> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Ok(vec![SocketAddr::new(address, port)]));
        }
        let (answer_to, waker) = (self.answer_to.clone(), Arc::clone(&self.waker));
        self.pool.ask(host, LookupRequest { lookup_id, port, answer_to, waker }).err().map(Err)
    }

    fn next(&mut self) -> Option<(u64, Addresses)> {
        self.answers.try_recv().ok()
    }
}

struct LookupRequest {
    lookup_id: u64,
    port: u16,
    answer_to: Sender<(u64, Addresses)>,
    waker: Arc<dyn Wake>,
}

impl LookupRequest {
    fn answer(self, found: &io::Result<Vec<SocketAddr>>) {
        let addresses = match found {
            Ok(found) => Ok(found.iter().map(|address| with_port(*address, self.port)).collect()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        if self.answer_to.send((self.lookup_id, addresses)).is_ok() {
            self.waker.wake();
        }
    }
}

/// The resolver threads of the process: none until a name has to be resolved, usually one, a few if look-ups hang, and none
/// again after a while.
///
/// There is only one look-up for a name at a time, also if several connections need it. Otherwise the retries of one name that
/// hangs would use all threads. If as many *different* names hang as there are threads, the next name waits until one of those
/// look-ups fails, usually after ten seconds, or until its connection times out. If all names depend on one name server that is
/// down, nothing is lost by this wait. But names of another cluster or in `/etc/hosts` should not wait, so there are more
/// threads than a cluster usually has names in `bootstrap_servers`.
struct LookupThreads {
    lookup: Lookup,
    state: Mutex<LookupState>,
    asked: Condvar,
}

pub(super) type Lookup = fn(&str) -> io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct LookupState {
    threads: usize,
    idle: usize,
    lookups: Vec<NameLookup>,
}

/// A name, and all requests for it.
struct NameLookup {
    host: Arc<str>,
    is_running: bool,
    requests: Vec<LookupRequest>,
}

impl LookupThreads {
    fn new(lookup: Lookup) -> Arc<Self> {
        Arc::new(Self { lookup, state: Mutex::default(), asked: Condvar::default() })
    }

    fn ask(self: &Arc<Self>, host: &str, request: LookupRequest) -> io::Result<()> {
        let mut state = self.state.lock();
        if let Some(entry) = state.lookups.iter_mut().find(|entry| *entry.host == *host) {
            entry.requests.push(request);
            return Ok(());
        }
        let waiting = state.lookups.iter().filter(|entry| !entry.is_running).count();
        if waiting >= state.idle && state.threads < MOST_THREADS {
            let pool = Arc::clone(self);
            let thread = std::thread::Builder::new().name("kafka-resolver".to_owned());
            match thread.spawn(move || pool.work()) {
                Ok(_) => state.threads += 1,
                // The other threads will look it up.
                Err(_) if state.threads > 0 => {}
                Err(error) => return Err(error),
            }
        }
        state.lookups.push(NameLookup { host: host.into(), is_running: false, requests: vec![request] });
        drop(state);
        self.asked.notify_one();
        Ok(())
    }

    fn work(&self) {
        let clock = Clock::System;
        let mut deadline = Deadline::after(clock.now(), IDLE);
        let mut state = self.state.lock();
        loop {
            if let Some(entry) = state.lookups.iter_mut().find(|entry| !entry.is_running) {
                entry.is_running = true;
                let host = Arc::clone(&entry.host);
                drop(state);
                let found = (self.lookup)(&host);
                let mut over = self.state.lock();
                let at = over.lookups.iter().position(|entry| Arc::ptr_eq(&entry.host, &host));
                let entry = at.map(|at| over.lookups.remove(at));
                drop(over);
                entry.into_iter().flat_map(|entry| entry.requests).for_each(|request| request.answer(&found));
                deadline = Deadline::after(clock.now(), IDLE);
                state = self.state.lock();
            } else if deadline.has_passed(clock.now()) {
                state.threads -= 1;
                return;
            } else {
                state.idle += 1;
                state = clock.wait(&self.asked, state, deadline);
                state.idle -= 1;
            }
        }
    }
}

fn system_lookup(host: &str) -> io::Result<Vec<SocketAddr>> {
    Ok((host, 0).to_socket_addrs()?.collect())
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

const MOST_THREADS: usize = 16;
/// An idle thread ends after this time.
const IDLE: Duration = Duration::from_secs(10);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    struct Tell(Sender<()>);

    impl Wake for Tell {
        fn wake(&self) {
            let _ = self.0.send(());
        }
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn addresses_are_answered_at_once() {
        let mut resolver = SystemResolver::new(Arc::new(Tell(unbounded().0)));
        for (host, address) in [("127.0.0.1", "127.0.0.1:9092"), ("::1", "[::1]:9092")] {
            let answer = resolver.resolve(1, host, 9092).unwrap().unwrap();
            assert_eq!(answer, [address.parse().unwrap()]);
        }
    }

    #[test]
    fn names_are_answered_later_each_to_its_ticket_and_port() {
        let (tell, told) = unbounded();
        let mut resolver = SystemResolver::new(Arc::new(Tell(tell)));
        for lookup_id in 0..20 {
            let name = if lookup_id % 2 == 0 { "localhost" } else { "no-such-host.invalid" };
            assert!(resolver.resolve(lookup_id, name, 9000 + lookup_id as u16).is_none());
        }
        let mut answered = Vec::new();
        while answered.len() < 20 {
            told.recv_timeout(PATIENCE).unwrap();
            while let Some((lookup_id, answer)) = resolver.next() {
                assert_eq!(answer.is_ok(), lookup_id % 2 == 0, "{answer:?}");
                let addresses = answer.unwrap_or_default();
                assert!(
                    addresses
                        .iter()
                        .all(|it| it.ip().is_loopback() && u64::from(it.port()) == 9000 + lookup_id)
                );
                answered.push(lookup_id);
            }
        }
        answered.sort_unstable();
        assert_eq!(answered, (0..20).collect::<Vec<_>>());
    }

    static CROWD: LazyLock<(Sender<()>, Receiver<()>)> = LazyLock::new(unbounded);

    /// Names that begin with a minus hang until the test lets them continue.
    fn crowded(host: &str) -> io::Result<Vec<SocketAddr>> {
        if host.starts_with('-') {
            CROWD.1.recv_timeout(PATIENCE).unwrap();
        }
        Ok(vec![([127, 0, 0, 1], 0).into()])
    }

    #[test]
    fn names_that_hang_keep_no_other_until_all_threads_have_one_and_then_the_next_free_one_comes() {
        let (tell, told) = unbounded();
        let mut resolver = SystemResolver::at(LookupThreads::new(crowded), Arc::new(Tell(tell)));
        for lookup_id in 0..MOST_THREADS as u64 {
            assert!(resolver.resolve(1000, "quick", 1).is_none());
            told.recv_timeout(PATIENCE).unwrap();
            assert_eq!(resolver.next().unwrap().0, 1000);
            assert!(resolver.resolve(lookup_id, &format!("-{lookup_id}"), 1).is_none());
        }
        assert!(resolver.resolve(1000, "quick", 1).is_none());
        CROWD.0.send(()).unwrap();
        let mut answered = [(); 2].map(|()| {
            told.recv_timeout(PATIENCE).unwrap();
            resolver.next().unwrap().0
        });
        answered.sort_unstable();
        assert!(answered[0] < 1000 && answered[1] == 1000, "{answered:?}");
        (1..MOST_THREADS).for_each(|_| CROWD.0.send(()).unwrap());
    }

    static HANG: LazyLock<(Sender<()>, Receiver<()>)> = LazyLock::new(unbounded);

    /// "hang" hangs until the test lets it continue. Every other name is known.
    fn lookup(host: &str) -> io::Result<Vec<SocketAddr>> {
        if host == "hang" {
            HANG.1.recv_timeout(PATIENCE).unwrap();
        }
        Ok(vec![([127, 0, 0, 1], 0).into()])
    }

    #[test]
    fn a_name_that_hangs_takes_one_thread_however_often_it_is_asked_for() {
        let pool = LookupThreads::new(lookup);
        let (tell, told) = unbounded();
        let mut resolver = SystemResolver::at(Arc::clone(&pool), Arc::new(Tell(tell.clone())));
        let mut gone = SystemResolver::at(Arc::clone(&pool), Arc::new(Tell(tell)));
        assert!(gone.resolve(1, "hang", 1).is_none());
        drop(gone);
        (0..100).for_each(|lookup_id| assert!(resolver.resolve(lookup_id, "hang", 1).is_none()));
        for lookup_id in 100..200 {
            assert!(resolver.resolve(lookup_id, "quick", 1).is_none());
            told.recv_timeout(PATIENCE).unwrap();
            assert_eq!(resolver.next().unwrap().0, lookup_id);
        }
        // If each of the hundred requests had used a thread, there would be none for the quick ones.
        assert!(pool.state.lock().threads <= MOST_THREADS);
        HANG.0.send(()).unwrap();
        for lookup_id in 0..100 {
            told.recv_timeout(PATIENCE).unwrap();
            assert_eq!(resolver.next().unwrap().0, lookup_id);
        }
        assert!(resolver.next().is_none() && told.is_empty(), "nobody is woken for a producer that is gone");
    }
}
