//! Names to addresses, apart from the sender's thread: `getaddrinfo` takes as long as it likes and can't be called off.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::sync::{Mutex, Wake};

pub(crate) type Addresses = io::Result<Vec<SocketAddr>>;

/// Looks names up, at once or later.
pub(crate) trait Resolve {
    /// The answer, if it takes no time; else [`next`](Self::next) has it some time.
    fn resolve(&mut self, ticket: u64, host: &str, port: u16) -> Option<Addresses>;

    /// The next answer that has come.
    fn next(&mut self) -> Option<(u64, Addresses)>;
}

/// The system's resolver. Its threads belong to the process: an answer for a producer that is gone is dropped.
pub(crate) struct SystemResolver {
    waker: Arc<dyn Wake>,
    answers: Receiver<(u64, Addresses)>,
    answer_to: Sender<(u64, Addresses)>,
}

impl SystemResolver {
    pub(crate) fn new(waker: Arc<dyn Wake>) -> Self {
        let (answer_to, answers) = unbounded();
        Self { waker, answers, answer_to }
    }
}

impl Resolve for SystemResolver {
    fn resolve(&mut self, ticket: u64, host: &str, port: u16) -> Option<Addresses> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Ok(vec![SocketAddr::new(address, port)]));
        }
        let question = Question {
            ticket,
            host: host.to_owned(),
            port,
            answer_to: self.answer_to.clone(),
            waker: Arc::clone(&self.waker),
        };
        OFFICE.ask(question).err().map(Err)
    }

    fn next(&mut self) -> Option<(u64, Addresses)> {
        self.answers.try_recv().ok()
    }
}

struct Question {
    ticket: u64,
    host: String,
    port: u16,
    answer_to: Sender<(u64, Addresses)>,
    waker: Arc<dyn Wake>,
}

/// The process's resolver threads: none until a name comes, one as a rule, a few where names hang, none again after a
/// while. One name that hangs must not keep the others waiting; nor may a hundred of them be a hundred threads.
struct Office {
    questions: (Sender<Question>, Receiver<Question>),
    desks: Mutex<Desks>,
}

#[derive(Default)]
struct Desks {
    threads: usize,
    /// Questions asked and not answered, those under way included.
    open: usize,
}

static OFFICE: LazyLock<Office> =
    LazyLock::new(|| Office { questions: unbounded(), desks: Mutex::default() });

impl Office {
    fn ask(&'static self, question: Question) -> io::Result<()> {
        let mut desks = self.desks.lock();
        if desks.open >= desks.threads && desks.threads < MOST_THREADS {
            let spawned = std::thread::Builder::new().name("kafka-resolver".to_owned()).spawn(|| self.work());
            match spawned {
                Ok(_) => desks.threads += 1,
                // The others will come to it.
                Err(_) if desks.threads > 0 => {}
                Err(error) => return Err(error),
            }
        }
        desks.open += 1;
        // The receiver is this office's own: it is never gone.
        let _ = self.questions.0.send(question);
        Ok(())
    }

    fn work(&self) {
        loop {
            let Ok(question) = self.questions.1.recv_timeout(IDLE) else {
                let mut desks = self.desks.lock();
                // Between the end of the wait and this lock somebody may have counted on this thread.
                if self.questions.1.is_empty() {
                    desks.threads -= 1;
                    return;
                }
                continue;
            };
            let Question { ticket, host, port, answer_to, waker } = question;
            let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            self.desks.lock().open -= 1;
            if answer_to.send((ticket, addresses)).is_ok() {
                waker.wake();
            }
        }
    }
}

const MOST_THREADS: usize = 4;
/// A thread with nothing to do ends after this.
const IDLE: Duration = Duration::from_secs(10);

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;

    struct Tell(Sender<()>);

    impl Wake for Tell {
        fn wake(&self) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn addresses_are_answered_at_once() {
        let mut resolver = SystemResolver::new(Arc::new(Tell(unbounded().0)));
        for (host, address) in [("127.0.0.1", "127.0.0.1:9092"), ("::1", "[::1]:9092")] {
            let answer = resolver.resolve(1, host, 9092).unwrap().unwrap();
            assert_eq!(answer, [address.parse().unwrap()]);
        }
    }

    #[test]
    fn names_are_answered_later_each_to_its_ticket() {
        let (tell, told) = unbounded();
        let mut resolver = SystemResolver::new(Arc::new(Tell(tell)));
        for ticket in 0..20 {
            let name = if ticket % 2 == 0 { "localhost" } else { "no-such-host.invalid" };
            assert!(resolver.resolve(ticket, name, 9092).is_none());
        }
        let mut answered = Vec::new();
        while answered.len() < 20 {
            told.recv_timeout(Duration::from_secs(60)).unwrap();
            while let Some((ticket, answer)) = resolver.next() {
                assert_eq!(answer.is_ok(), ticket % 2 == 0, "{answer:?}");
                answered.push(ticket);
            }
        }
        answered.sort_unstable();
        assert_eq!(answered, (0..20).collect::<Vec<_>>());
        assert!(OFFICE.desks.lock().threads <= MOST_THREADS);
    }
}
