//! Every call that is given a time returns in that time, whatever is wrong: `get`, `flush`, `close`, `wait_connected`, and
//! `send` and `partitions_for` with `max_block`. One test for each thing that can be wrong, each with several settings,
//! before and after the cluster is known.

use super::*;
use crate::config::{Acks, SecurityProtocol};
use crate::mock::MockRule;
#[cfg(feature = "gzip")]
use crate::record::Compression;

/// What every call is given.
const LIMIT: Duration = Duration::from_secs(2);
/// What the promise allows beyond it.
const SLACK: Duration = Duration::from_millis(50);
const BROKERS: usize = 2;
const MEMORY: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refusing,
    BlackHoled,
    StalledReader,
    HeldAnswers,
    DrippingAnswers,
    Throttled,
    Leaderless,
    UnknownTopic,
    LoginRefused,
    MemoryFull,
    SlowNames,
    Restarting,
}

impl Fault {
    /// Begins, at these brokers.
    fn strike(self, world: &mut World, brokers: &[usize]) {
        for broker in brokers.iter().copied() {
            match self {
                Self::Refusing | Self::Leaderless => world.stop(broker),
                Self::BlackHoled => {
                    world.black_holes.push(broker);
                    world.restart(broker);
                }
                Self::StalledReader => world.mischief.stalled.push(broker),
                Self::HeldAnswers | Self::MemoryFull => world.core.faults.held[broker] = true,
                Self::DrippingAnswers => {
                    let rule = MockRule::drip(1, millis(100)).broker(broker).forever();
                    world.core.faults.add(rule, || unreachable!("it is not about metadata that is old"));
                }
                Self::Throttled => world.core.cluster.brokers[broker].throttle_ms = 60_000,
                Self::LoginRefused | Self::SlowNames => world.restart(broker),
                Self::UnknownTopic | Self::Restarting => {}
            }
        }
        match self {
            Self::UnknownTopic => drop(world.core.cluster.delete_topic("t")),
            Self::LoginRefused => {
                world.core.cluster.settings.credentials.set_user("alice", "another");
            }
            Self::SlowNames => world.mischief.slow_names = true,
            _ => {}
        }
    }

    /// What goes on meanwhile; called every ten milliseconds.
    fn go_on(self, world: &mut World, brokers: &[usize], round: u32) {
        if self != Self::Restarting {
            return;
        }
        for broker in brokers.iter().copied() {
            match round % 10 {
                0 => world.stop(broker),
                4 => world.core.cluster.brokers[broker].running = true,
                _ => {}
            }
        }
    }

    /// The calls that must come to the end of their time, or the fault is none: of those about the cluster that was known,
    /// and of those before anything is known.
    fn must_wait(self, is_known: bool) -> &'static [&'static str] {
        match (self, is_known) {
            (Self::Restarting, _) | (Self::LoginRefused | Self::Throttled | Self::DrippingAnswers, false) => {
                &[]
            }
            (Self::UnknownTopic | Self::Leaderless, false) => &["send elsewhere"],
            (_, false) => &["send", "send elsewhere", "partitions_for", "wait_connected"],
            (Self::LoginRefused | Self::Throttled, true) => &["get", "flush", "close"],
            (Self::MemoryFull, true) => &["get", "flush", "close", "send", "send elsewhere"],
            (_, true) => &["get", "flush", "close", "send elsewhere"],
        }
    }
}

/// What differs from the defaults.
#[derive(Clone, Copy, Debug)]
enum Settings {
    Default,
    WithoutAcks,
    WithoutIdempotence,
    Lingering,
    #[cfg(feature = "gzip")]
    Compressing,
}

impl Settings {
    const ALL: &[Self] = &[
        Self::Default,
        Self::WithoutAcks,
        Self::WithoutIdempotence,
        Self::Lingering,
        #[cfg(feature = "gzip")]
        Self::Compressing,
    ];

    fn config(self) -> ProducerConfig {
        let config = config()
            .bootstrap_servers(addresses(0..BROKERS as u16))
            .max_block(LIMIT)
            .buffer_memory(MEMORY)
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl_mechanism("PLAIN")
            .sasl_plain_username("alice")
            .sasl_plain_password("secret");
        match self {
            Self::Default => config,
            Self::WithoutAcks => config.acks(Acks::None),
            Self::WithoutIdempotence => config.enable_idempotence(false).acks(Acks::Leader),
            Self::Lingering => config.linger(secs(10)),
            #[cfg(feature = "gzip")]
            Self::Compressing => config.compression(Compression::Gzip),
        }
    }
}

/// A call that has returned.
struct Call {
    what: &'static str,
    took: Duration,
    result: Result<(), Error>,
}

type Calls = Arc<Mutex<Vec<Call>>>;

impl World {
    fn restart(&mut self, broker: usize) {
        self.stop(broker);
        self.core.cluster.brokers[broker].running = true;
    }

    /// On a thread of its own.
    fn call(
        &self,
        calls: &Calls,
        what: &'static str,
        act: impl FnOnce(&KafkaProducer) -> Result<(), Error> + Send + 'static,
    ) {
        let calls = Arc::clone(calls);
        drop(self.spawn(what, move |producer| {
            let start = Clock::Simulated.now();
            let result = act(producer);
            let took = Clock::Simulated.now().since(start);
            calls.lock().push(Call { what, took, result });
        }));
    }

    /// Everything that takes a time, and a future to wait for if there is one.
    fn call_all(&self, calls: &Calls, future: Option<&FutureRecordMetadata>) {
        if let Some(future) = future.cloned() {
            self.call(calls, "get", move |_| future.get(LIMIT).map(drop));
        }
        self.call(calls, "flush", |producer| producer.flush(LIMIT));
        self.call(calls, "wait_connected", |producer| producer.wait_connected(LIMIT));
        self.call(calls, "send", |producer| send_to(producer, "t"));
        self.call(calls, "send elsewhere", |producer| send_to(producer, "missing"));
        self.call(calls, "partitions_for", |producer| producer.partitions_for("t").map(drop));
    }
}

fn send_to(producer: &KafkaProducer, topic: &str) -> Result<(), Error> {
    producer.send(ProducerRecord::to(topic).partition(0).value(&[0; 1000])).map(drop)
}

/// One who has got to know the cluster, or not yet, and then the fault.
struct Scene {
    world: World,
    what: String,
    calls: Calls,
}

impl Scene {
    fn new(settings: Settings, is_known: bool, what: String) -> Self {
        let mut site = Site::new(BROKERS as u16, 1);
        site.core.cluster.settings.credentials.set_user("alice", "secret");
        let mut world = World::within(Run::begin(1, STEADY), site, &settings.config());
        match is_known {
            true => world.meet_topic(BROKERS),
            false => assert!(world.core.cluster.create_topic("t", BROKERS)),
        }
        Self { world, what, calls: Calls::default() }
    }

    /// For as long as a call may take.
    fn pass(&mut self, mut go_on: impl FnMut(&mut World, u32)) {
        let end = self.world.clock.now() + LIMIT + SLACK;
        for round in 0.. {
            go_on(&mut self.world, round);
            let left = end.since(self.world.clock.now());
            if left.is_zero() {
                return;
            }
            self.world.run_for(left.min(millis(10)));
        }
    }

    #[track_caller]
    fn returned(&mut self, count: usize) -> Vec<Call> {
        let calls = std::mem::take(&mut *self.calls.lock());
        let returned: Vec<_> = calls.iter().map(|call| call.what).collect();
        assert_eq!(returned.len(), count, "{}: only {returned:?} have returned", self.what);
        calls
    }

    /// `count` calls have returned, none of them late and none with a timeout before its time.
    #[track_caller]
    fn check(&mut self, count: usize) -> Vec<Call> {
        let calls = self.returned(count);
        for Call { what, took, result } in &calls {
            let context = format!("{}: {what} took {took:?}: {result:?}", self.what);
            assert!(*took <= LIMIT + SLACK, "{context}");
            let has_timed_out = result.as_ref().is_err_and(Error::is_timeout);
            assert!(!has_timed_out || *took >= LIMIT, "{context}");
        }
        calls
    }
}

/// Until there is no room, if that is the fault. The last of the futures is one to wait for.
fn send_some(world: &mut World, fault: Fault) -> Option<FutureRecordMetadata> {
    let most = if fault == Fault::MemoryFull { 10 * MEMORY / 1000 } else { 3 };
    let futures: Vec<_> = (0..most).map_while(|_| world.try_send(0, &[0; 1000]).ok()).collect();
    assert!(fault != Fault::MemoryFull || futures.len() < most, "it is not full");
    futures.into_iter().last()
}

fn keeps_time(fault: Fault) {
    for settings in Settings::ALL.iter().copied() {
        for is_known in [true, false] {
            for brokers in [&[0, 1][..], &[0]] {
                let both = brokers.len() == BROKERS;
                // With one broker left the partition has a leader only if it is not moved, so it is always the fault of one.
                if both == (fault == Fault::Leaderless) || (fault == Fault::MemoryFull && !is_known) {
                    continue;
                }
                let what = format!("{fault:?} at {brokers:?}, {settings:?}, known: {is_known}");
                let reached = check_one(fault, settings, is_known, brokers, what.clone());
                let must_wait = match settings {
                    // What is alone with the fault is known to wait; without acks and beside a broker that is well less is.
                    Settings::Default if both || fault == Fault::Leaderless => fault.must_wait(is_known),
                    _ => &[],
                };
                for call in must_wait {
                    assert!(reached.contains(call), "{what}: {call} is not among {reached:?}, which waited");
                }
            }
        }
    }
}

/// Gives the calls that came to the end of their time.
fn check_one(
    fault: Fault,
    settings: Settings,
    is_known: bool,
    brokers: &[usize],
    what: String,
) -> Vec<&'static str> {
    let mut scene = Scene::new(settings, is_known, what);
    fault.strike(&mut scene.world, brokers);
    if is_known && fault == Fault::Throttled {
        // It asks for quiet in its answers.
        let told: Vec<_> = (0..BROKERS).map(|partition| scene.world.send(partition, b"v")).collect();
        scene.world.run_for(millis(10));
        assert!(told.iter().all(FutureRecordMetadata::is_done) || settings.lingers());
    }
    if is_known && fault == Fault::Restarting {
        scene.world.stop(0);
    }
    let dials = scene.world.dials.len();
    let future = if is_known { send_some(&mut scene.world, fault) } else { None };
    scene.world.call_all(&scene.calls, future.as_ref());
    scene.pass(|world, round| fault.go_on(world, brokers, round));
    let mut calls = scene.check(5 + usize::from(future.is_some()));
    // While somebody closes, who waits for a record goes on waiting, for as long as he says and no longer.
    let mut closing = 1;
    if let Some(future) = future.clone().filter(|future| !future.is_done()) {
        scene.world.call(&scene.calls, "get", move |_| future.get(LIMIT).map(drop));
        closing += 1;
    }
    scene.world.call(&scene.calls, "close", |producer| producer.close(LIMIT));
    scene.pass(|world, round| fault.go_on(world, brokers, round));
    calls.extend(scene.check(closing));
    assert!(future.is_none_or(|future| future.is_done()), "{}: closed, and a record is pending", scene.what);
    assert_eq!(scene.world.accumulator.pool().used(), 0, "{}: memory is kept", scene.what);
    assert!(fault != Fault::Restarting || scene.world.dials.len() > dials + 2, "{}: few dials", scene.what);
    // All is over: what comes now waits for nothing.
    scene.world.call_all(&scene.calls, None);
    scene.world.call(&scene.calls, "close", |producer| producer.close(LIMIT));
    scene.world.settle();
    for Call { what, took, .. } in scene.returned(6) {
        assert_eq!(took, Duration::ZERO, "{}: {what} after close", scene.what);
    }
    calls.into_iter().filter(|call| call.took >= LIMIT).map(|call| call.what).collect()
}

impl Settings {
    fn lingers(self) -> bool {
        matches!(self, Self::Lingering)
    }
}

macro_rules! each_fault {
    ($($name:ident: $fault:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            keeps_time(Fault::$fault);
        })+
    };
}

each_fault! {
    brokers_that_refuse: Refusing,
    brokers_that_swallow_everything: BlackHoled,
    brokers_that_read_nothing: StalledReader,
    answers_that_wait: HeldAnswers,
    answers_that_drip: DrippingAnswers,
    brokers_that_ask_for_quiet: Throttled,
    a_partition_without_a_leader: Leaderless,
    a_topic_that_is_gone: UnknownTopic,
    a_password_that_is_refused: LoginRefused,
    memory_that_is_full: MemoryFull,
    names_that_are_slow: SlowNames,
    brokers_that_restart_in_a_loop: Restarting,
}

/// It keeps the sender, so nothing is delivered meanwhile and a `close` that delivers has to wait for it. But it keeps
/// no caller longer than he said: not even who closes, or drops the producer.
#[test]
fn a_callback_that_blocks() {
    for drops in [false, true] {
        let mut scene = Scene::new(Settings::Default, true, format!("a callback blocks, dropped: {drops}"));
        let first = scene.world.send(0, b"v");
        let long = secs(30);
        first.add_callback(move |_| schedule::me().unwrap().sleep(long.as_nanos() as u64));
        scene.world.run_for(millis(1));
        let future = send_some(&mut scene.world, Fault::HeldAnswers);
        scene.world.call_all(&scene.calls, future.as_ref());
        scene.pass(|_, _| {});
        let calls = scene.check(6);
        let waited = |what| calls.iter().any(|call| call.what == what && call.took >= LIMIT);
        assert!(waited("get") && waited("flush"), "the sender is kept");
        let start = scene.world.clock.now();
        if drops {
            let producer = scene.world.producer.take().unwrap();
            let calls = Arc::clone(&scene.calls);
            drop(scene.world.me.spawn("drops", move || {
                let start = Clock::Simulated.now();
                drop(producer);
                let took = Clock::Simulated.now().since(start);
                calls.lock().push(Call { what: "drop", took, result: Ok(()) });
            }));
            scene.world.run_for(secs(5) + SLACK);
            let took: Vec<_> =
                std::mem::take(&mut *scene.calls.lock()).iter().map(|call| call.took).collect();
            assert!(took.len() == 1 && took[0] >= secs(5), "{took:?}");
        } else {
            scene.world.call(&scene.calls, "close", |producer| producer.close(LIMIT));
            scene.pass(|_, _| {});
            let closed = scene.check(1);
            assert!(closed[0].took >= LIMIT && closed[0].result.is_err(), "{:?}", closed[0].result);
        }
        // What is pending is told of when the callback is over: only then can its thread say it.
        let future = future.unwrap();
        scene.world.run_until(long, |_| future.is_done());
        assert!(scene.world.clock.now().since(start) > secs(20), "not before");
    }
}

/// As a laptop that is shut, or a process that is stopped: what was due meanwhile returns as soon as it goes on.
#[test]
fn a_client_that_is_frozen() {
    for fault in [Fault::Refusing, Fault::HeldAnswers, Fault::BlackHoled, Fault::StalledReader] {
        for closes in [false, true] {
            let what = format!("frozen, {fault:?}, closes: {closes}");
            let mut scene = Scene::new(Settings::Default, true, what);
            fault.strike(&mut scene.world, &[0, 1]);
            let future = send_some(&mut scene.world, fault);
            if closes {
                scene.world.call(&scene.calls, "close", |producer| producer.close(LIMIT));
            } else {
                scene.world.call_all(&scene.calls, future.as_ref());
            }
            scene.world.run_for(millis(500));
            // Nobody goes on, and time passes.
            let frozen = secs(600);
            scene.world.time.advance(frozen);
            scene.world.run_for(SLACK);
            let calls = scene.returned(if closes { 1 } else { 6 });
            let late = frozen + millis(500) + SLACK;
            for Call { what, took, .. } in &calls {
                assert!(*took <= late, "{}: {what} took {took:?}", scene.what);
            }
            assert!(calls.iter().any(|call| call.took >= frozen), "{}: nobody was frozen", scene.what);
        }
    }
}
