//! Sockets and threads around the core: one listener per broker, one thread per connection, nothing that polls.
//!
//! Lock order: a connection's writer, then the core, then the time. None is held while waiting for a peer to send; a peer that
//! does not read blocks only its own writer, and closing its socket frees that.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::mock::clock::MockTime;
use crate::mock::core::{ConnectionId, Core, parse};
use crate::mock::intake::Intake;
use crate::mock::outgoing::Outgoing;
use crate::mock::produce::Look;
#[cfg(feature = "tls")]
use crate::mock::tls;
use crate::sync::{AtomicBool, Condvar, Mutex, Ordering};
use crate::time::{Clock, Deadline, Instant};

/// What all threads of a cluster share.
pub(super) struct Shared {
    pub(super) core: Mutex<Core>,
    /// Told of every request, once it was acted on.
    pub(super) changed: Condvar,
    pub(super) clock: Clock,
    time: Mutex<MockTime>,
    /// Told when the time at which the next answer is due may be another one.
    rescheduled: Condvar,
    ended: AtomicBool,
    pub(super) look: Look,
    /// Whether clients may have to say who they are.
    pub(super) has_sasl: bool,
    /// What begins sessions of TLS, if connections are encrypted.
    #[cfg(feature = "tls")]
    pub(super) tls: Mutex<Option<tls::Acceptor>>,
    /// Read at a time.
    pub(super) buffer: usize,
    connections: Mutex<HashMap<ConnectionId, Arc<Connection>>>,
}

struct Connection {
    broker: usize,
    stream: TcpStream,
    /// Held while its bytes are written, too, so that they stay in order.
    #[cfg(feature = "tls")]
    tls: Option<Mutex<tls::Session>>,
    /// Held while answers are taken from the core and written, so that they stay in order.
    writer: Mutex<()>,
    /// It ends by a reset.
    is_reset: AtomicBool,
}

impl Shared {
    pub(super) fn new(core: Core, clock: Clock, look: Look, buffer: usize) -> Self {
        let has_sasl = core.cluster.settings.credentials.are_asked_for();
        Self {
            core: Mutex::new(core),
            changed: Condvar::new(),
            clock,
            time: Mutex::new(MockTime::default()),
            rescheduled: Condvar::new(),
            ended: AtomicBool::new(false),
            look,
            has_sasl,
            #[cfg(feature = "tls")]
            tls: Mutex::new(None),
            buffer,
            connections: Mutex::new(HashMap::new()),
        }
    }

    /// The cluster's time.
    pub(super) fn now(&self) -> Instant {
        self.time.lock().now(self.clock.now())
    }

    /// Changes the cluster's time, and writes what is due by it.
    pub(super) fn change_time(&self, change: impl FnOnce(&mut MockTime, Instant)) {
        change(&mut self.time.lock(), self.clock.now());
        self.flush(|_| true);
        self.reschedule();
    }

    /// Has the thread that keeps time look again.
    pub(super) fn reschedule(&self) {
        // Not between its look and its wait.
        drop(self.core.lock());
        self.rescheduled.notify_all();
    }

    /// Ends the thread that keeps time.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.reschedule();
    }

    /// Writes answers when they are due, until [`Shared::end`].
    pub(super) fn keep_time(&self) {
        let mut core = self.core.lock();
        while !self.ended.load(Ordering::SeqCst) {
            let now = self.now();
            let due = core.next_due();
            if due.is_some_and(|due| due <= now) {
                drop(core);
                self.flush(|_| true);
                core = self.core.lock();
                continue;
            }
            let due = due.and_then(|due| self.time.lock().clock_at(due));
            core = self.clock.wait(&self.rescheduled, core, due.map_or(Deadline::NEVER, Deadline::at));
        }
    }

    /// Writes what connections of `brokers` may write now.
    pub(super) fn flush(&self, brokers: impl Fn(usize) -> bool) {
        for (id, connection) in self.open(brokers) {
            self.write_outgoing(id, &connection);
        }
    }

    /// Closes the connections of `brokers`, whatever they are doing.
    pub(super) fn drop_connections(&self, brokers: impl Fn(usize) -> bool) {
        for (_, connection) in self.open(brokers) {
            connection.close();
        }
    }

    fn open(&self, brokers: impl Fn(usize) -> bool) -> Vec<(ConnectionId, Arc<Connection>)> {
        let connections = self.connections.lock();
        let wanted = connections.iter().filter(|(_, connection)| brokers(connection.broker));
        wanted.map(|(id, connection)| (*id, Arc::clone(connection))).collect()
    }

    fn write_outgoing(&self, id: ConnectionId, connection: &Connection) {
        let writer = connection.writer.lock();
        let now = self.now();
        let outgoing = self.core.lock().take_outgoing(id, now);
        for outgoing in outgoing {
            let written = match outgoing {
                Outgoing::Write(frame) => connection.write(&frame),
                Outgoing::Close => {
                    connection.say_that_it_ends();
                    Err(io::ErrorKind::ConnectionAborted.into())
                }
                Outgoing::Reset => {
                    connection.reset();
                    break;
                }
            };
            if written.is_err() {
                connection.close();
                break;
            }
        }
        drop(writer);
    }

    /// A connection from its first byte to its end.
    fn serve(&self, broker: usize, stream: TcpStream) {
        let id = self.core.lock().connect(broker);
        let connection = Arc::new(Connection {
            broker,
            stream,
            #[cfg(feature = "tls")]
            tls: self.tls.lock().as_ref().and_then(|acceptor| acceptor.begin().ok()).map(Mutex::new),
            writer: Mutex::new(()),
            is_reset: AtomicBool::new(false),
        });
        self.connections.lock().insert(id, Arc::clone(&connection));
        // `stop` marks the broker first and closes its connections then, so one of the two sees the other.
        if self.core.lock().cluster.brokers[broker].running {
            // How it ended is the peer's or the test's doing, and nobody else's concern.
            let _ = self.serve_requests(id, &connection);
        }
        connection.close();
        self.connections.lock().remove(&id);
        self.core.lock().disconnect(id);
    }

    fn serve_requests(&self, id: ConnectionId, connection: &Connection) -> io::Result<()> {
        connection.stream.set_nodelay(true)?;
        let mut intake = Intake::new(self.buffer, MAX_REQUEST);
        loop {
            if !connection.read(&mut intake)? {
                return Ok(());
            }
            while let Some(frame) = intake.next_frame().map_err(io::Error::other)? {
                let waits = self.act(id, frame);
                self.changed.notify_all();
                self.write_outgoing(id, connection);
                if waits {
                    self.reschedule();
                }
            }
        }
    }

    /// Whether answers wait for their time.
    fn act(&self, id: ConnectionId, frame: &[u8]) -> bool {
        if self.has_sasl {
            // Nobody but this thread changes what the connection waits for.
            let mut core = self.core.lock();
            if core.awaits_bare_token(id) {
                core.receive_token(id, frame, self.now());
                return core.has_delays();
            }
        }
        let request = parse(frame, self.look);
        let now = self.now();
        let mut core = self.core.lock();
        match &request {
            Ok(request) => core.receive(id, request, now),
            Err(_) => core.receive_garbage(id),
        }
        core.has_delays()
    }
}

impl Connection {
    /// What has come, for a part of a request or for several. False at the end.
    fn read(&self, intake: &mut Intake) -> io::Result<bool> {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.tls {
            return self.read_encrypted(session, intake);
        }
        let count = (&self.stream).read(intake.spare())?;
        intake.filled(count);
        Ok(count > 0)
    }

    #[cfg(feature = "tls")]
    fn read_encrypted(&self, session: &Mutex<tls::Session>, intake: &mut Intake) -> io::Result<bool> {
        let mut bytes = [0; 16 * 1024];
        let count = (&self.stream).read(&mut bytes)?;
        let mut session = session.lock();
        let received = session.receive(&bytes[..count], |mut plain| {
            while !plain.is_empty() {
                let spare = intake.spare();
                let count = spare.len().min(plain.len());
                spare[..count].copy_from_slice(&plain[..count]);
                intake.filled(count);
                plain = &plain[count..];
            }
        });
        // An alert, if it was an error.
        (&self.stream).write_all(&session.take_outgoing())?;
        received.map(|()| count > 0)
    }

    fn write(&self, frame: &[u8]) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.tls {
            let mut session = session.lock();
            session.send(frame)?;
            return (&self.stream).write_all(&session.take_outgoing());
        }
        (&self.stream).write_all(frame)
    }

    /// TLS has a word for it.
    fn say_that_it_ends(&self) {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.tls {
            let mut session = session.lock();
            session.close();
            // An error means that nobody hears it any more.
            let _ = (&self.stream).write_all(&session.take_outgoing());
        }
    }

    /// Ends the thread that reads; who drops the socket last then resets the connection.
    fn reset(&self) {
        self.is_reset.store(true, Ordering::SeqCst);
        // An error means that it has ended already.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    fn close(&self) {
        if self.is_reset.load(Ordering::SeqCst) {
            return;
        }
        // An error means that it is closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// One broker's place in the network: a port that stays the same, and a thread behind it while the broker runs.
pub(super) struct Broker {
    index: usize,
    address: SocketAddr,
    /// Bound but deaf. It keeps the port while the broker is down: nobody else gets it, and a client that dials it
    /// from a port of the kernel's choice can't be connected to itself.
    _reservation: Socket,
    acceptor: Option<Acceptor>,
}

struct Acceptor {
    thread: JoinHandle<()>,
}

impl Broker {
    /// Takes a free port of the loopback interface.
    pub(super) fn bind(index: usize) -> io::Result<Self> {
        let reservation = socket((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = reservation.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { index, address, _reservation: reservation, acceptor: None })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Listens, unless it does already.
    pub(super) fn start(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        if self.acceptor.is_some() {
            return Ok(());
        }
        let socket = socket(self.address)?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        shared.core.lock().cluster.brokers[self.index].running = true;
        let (index, shared) = (self.index, Arc::clone(shared));
        let accept = move || accept(index, &listener, &shared);
        let thread = thread::Builder::new().name(format!("mock-broker-{index}")).spawn(accept)?;
        self.acceptor = Some(Acceptor { thread });
        Ok(())
    }

    /// Closes the port and all connections, and waits until their threads have ended.
    pub(super) fn stop(&mut self, shared: &Shared) {
        let Some(acceptor) = self.acceptor.take() else { return };
        shared.core.lock().cluster.brokers[self.index].running = false;
        shared.drop_connections(|broker| broker == self.index);
        // Wakes the thread, which then sees that the broker is down.
        drop(TcpStream::connect_timeout(&self.address, WAKE_TIMEOUT));
        drop(acceptor.thread.join());
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // The reservation and old connections share the port.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Takes connections until the broker is down, then waits for their threads.
fn accept(broker: usize, listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(_) => break,
        };
        if !shared.core.lock().cluster.brokers[broker].running {
            break;
        }
        threads.retain(|thread| !thread.is_finished());
        let shared = Arc::clone(shared);
        let serve = move || shared.serve(broker, stream);
        threads.extend(thread::Builder::new().name(format!("mock-connection-{broker}")).spawn(serve));
    }
    for thread in threads {
        drop(thread.join());
    }
}

/// As brokers have it (socket.request.max.bytes).
const MAX_REQUEST: usize = 100 * 1024 * 1024;
const BACKLOG: i32 = 128;
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);
