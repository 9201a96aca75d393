//! Builds a producer from its settings and its environment.

use std::io;
use std::sync::Arc;

use super::bytes_producer::BytesProducer;
use super::closer::Closer;
use super::topics::Topics;
use crate::client::{KafkaClient, SharedMetadata};
use crate::config::Settings;
use crate::error::{Error, ErrorKind};
use crate::lifecycle::Lifecycle;
use crate::metrics::Recorder;
use crate::net::{self, Io, MioNetwork, Network, SocketSettings};
use crate::observation::Observer;
use crate::producer::{
    Inbox, Interceptors, MetricsSource, Sender, SimpleBufferPool, TopicTable, record_accumulator,
};
use crate::sync::{Mutex, Wake};
use crate::thread::{Body, Join, Reporting, SenderThread};
use crate::time::Clock;

/// The environment of a producer: the machine or a simulation.
pub(crate) struct Environment<N: Network> {
    pub(crate) clock: Clock,
    pub(crate) random: fastrand::Rng,
    pub(crate) io: Io<N>,
    /// Ends a wait of `io`.
    pub(crate) waker: Box<dyn Wake>,
    pub(crate) spawn: Box<dyn FnOnce(String, Body) -> io::Result<Join>>,
    /// What a test makes the sender thread do.
    #[cfg(test)]
    pub(crate) errands: crate::thread::Errands,
}

impl Environment<MioNetwork> {
    /// The clock, the sockets and the threads of the machine.
    pub(crate) fn machine(socket: SocketSettings) -> Result<Self, Error> {
        Ok(Self::on(net::open(socket).map_err(spawn_error)?))
    }

    /// As `machine`, with a name look-up of the test.
    #[cfg(all(test, feature = "mock"))]
    pub(crate) fn with_lookup(
        socket: SocketSettings,
        lookup: fn(&str) -> io::Result<Vec<std::net::SocketAddr>>,
    ) -> Self {
        Self::on(net::open_with_lookup(socket, lookup).expect("descriptors"))
    }

    fn on((io, waker): (Io<MioNetwork>, net::Waker)) -> Self {
        Self {
            clock: Clock::System,
            random: fastrand::Rng::new(),
            io,
            waker: Box::new(waker),
            spawn: Box::new(spawn_thread),
            #[cfg(test)]
            errands: crate::thread::Errands::default(),
        }
    }
}

/// Builds a producer and starts its sender thread.
///
/// # Errors
/// [`ErrorKind::Spawn`] if the thread can't be started.
pub(super) fn assemble<N>(settings: Settings, environment: Environment<N>) -> Result<BytesProducer, Error>
where
    N: Network + Send + 'static,
    N::Stream: Send,
{
    let Environment { clock, random, io, waker, spawn, .. } = environment;
    let name = settings.client.client_id.clone();
    let client_id: Arc<str> = name.as_str().into();
    let lifecycle = Arc::<Lifecycle>::default();
    let inbox = Arc::new(Inbox::new(waker));
    let pool = SimpleBufferPool::new(settings.buffer_memory, settings.buffer_size, Arc::clone(&lifecycle));
    let metadata = SharedMetadata::new();
    let recorder = match settings.metrics {
        Some(windows) => Recorder::new(Arc::clone(&client_id), windows, clock.now()),
        None => Recorder::default(),
    };
    let observer = Observer::recording(clock.clone(), recorder.clone());
    let (accumulator, drain) = record_accumulator(
        Arc::clone(&lifecycle),
        settings.accumulator,
        pool,
        Arc::clone(&inbox),
        Arc::clone(&observer),
    );
    let allow_auto_create_topics = settings.client.metadata.allow_auto_create_topics;
    let interceptors = Interceptors::new(settings.interceptors, clock.clone());
    settings.client.mechanisms.iter().for_each(|mechanism| mechanism.prepare());
    let client = KafkaClient::new(settings.client, Arc::clone(&metadata), recorder, random.clone());
    let sender = Sender::new(settings.sender, drain, client, Arc::clone(&observer), random);
    let table = TopicTable::new(Arc::clone(&lifecycle), settings.rack);
    let metrics = MetricsSource {
        accumulator: accumulator.clone(),
        topics: Arc::clone(&table),
        observer: Arc::clone(&observer),
    };
    let thread = SenderThread {
        sender,
        io,
        clock: clock.clone(),
        topics: Arc::clone(&table),
        metadata: Arc::clone(&metadata),
        lifecycle: Arc::clone(&lifecycle),
        reporting: Reporting::new(settings.reporters, clock.now()),
        metrics: metrics.clone(),
        #[cfg(test)]
        errands: environment.errands,
    };
    let join = spawn(name, Box::new(move || thread.run())).map_err(spawn_error)?;
    let closer = Closer {
        lifecycle: Arc::clone(&lifecycle),
        accumulator: accumulator.clone(),
        topics: Arc::clone(&table),
        metadata: Arc::clone(&metadata),
        inbox: Arc::clone(&inbox),
        clock,
        thread: Mutex::new(Some(join)),
    };
    Ok(BytesProducer {
        client_id,
        accumulator,
        topics: Topics {
            table,
            metadata,
            lifecycle,
            inbox,
            observer,
            max_block: settings.max_block,
            allow_auto_create_topics,
        },
        default_topic: settings.default_topic.map(String::into_boxed_str),
        interceptors,
        partitioner: settings.partitioner,
        sticky: settings.sticky,
        max_request_size: settings.max_request_size,
        metrics,
        closer: Arc::new(closer),
    })
}

fn spawn_thread(name: String, body: Body) -> io::Result<Join> {
    let thread = std::thread::Builder::new().name(name).spawn(body)?;
    // The thread has run to its end. A panic on the way was caught and logged.
    Ok(Box::new(move || drop(thread.join())))
}

fn spawn_error(error: io::Error) -> Error {
    Error::with_source(ErrorKind::Spawn, error)
}
