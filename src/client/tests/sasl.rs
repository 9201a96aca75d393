//! Who we are, said to brokers once and again.

use super::*;
use crate::security::{SaslError, SaslExchange};
use crate::sync::{AtomicBool, Ordering};

/// Says its name, and is content with anything.
struct ByName(&'static str);

impl SaslMechanism for ByName {
    fn name(&self) -> &str {
        self.0
    }

    fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
        Ok(Box::new(Self(self.0)))
    }
}

impl SaslExchange for ByName {
    fn first(&mut self) -> Result<Vec<u8>, SaslError> {
        Ok(self.0.as_bytes().to_vec())
    }

    fn respond(&mut self, _: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
        Ok(None)
    }
}

fn with_sasl(names: &[&'static str]) -> World {
    let mechanisms = names.iter().map(|name| Arc::new(ByName(name)) as Arc<dyn SaslMechanism>);
    World::with(mechanisms.collect())
}

/// The broker has the second only, and is asked for that on the next connection, at once. Others are asked for the first:
/// one broker that offers less must not make us take less from all.
#[test]
fn a_mechanism_that_the_broker_offers_is_taken() {
    let mut world = with_sasl(&["FIRST", "SECOND"]);
    world.run(Duration::ZERO);
    assert!(world.shared.version() > 0);
    let handshakes =
        |world: &World| world.requests.iter().filter(|(_, api)| *api == ApiKey::SASL_HANDSHAKE).count();
    assert_eq!(handshakes(&world), 2);
    world.reach(NodeId::Broker(1));
    assert_eq!((handshakes(&world), world.handshakes(PORT + 2)), (4, 2));
    let link = world.link(PORT + 2);
    world.client.disconnected(link, io::ErrorKind::UnexpectedEof.into(), world.now);
    world.run(Duration::from_secs(1));
    world.reach(NodeId::Broker(1));
    assert_eq!(world.handshakes(PORT + 2), 3, "this one is known to offer the second");
}

#[test]
fn a_refusal_reaches_who_waits_and_is_not_tried_again_soon() {
    for (names, expected) in [
        (
            &["SECOND"][..],
            "authentication by SECOND failed: boot:9000 (from bootstrap_servers) at SASL: wrong password",
        ),
        (
            &["FIRST"],
            "authentication by FIRST failed: boot:9000 (from bootstrap_servers) at SASL: it does not offer this mechanism; it offers SECOND; set sasl_mechanism to one of these",
        ),
    ] {
        let mut world = with_sasl(names);
        world.refuses = BTreeSet::from([PORT]);
        world.run(Duration::ZERO);
        let Awaited::Fatal(error) = world.wait() else { panic!("it waits") };
        assert!(matches!(error.kind(), ErrorKind::Authentication { .. }) && !error.is_retriable());
        assert_eq!(error.to_string(), expected);
        world.requests.clear();
        world.run(Duration::from_secs(60));
        let attempts = world.requests.iter().filter(|(_, api)| *api == ApiKey::API_VERSIONS).count();
        assert!((1..=12).contains(&attempts), "{attempts} in a minute");
        // The password is set right at the broker.
        world.refuses.clear();
        world.run(Duration::from_secs(60));
        let is_healed = world.shared.version() > 0 && matches!(world.wait(), Awaited::TimedOut);
        assert_eq!(is_healed, names == ["SECOND"]);
    }
}

/// A server that takes back what it offered, each time.
#[test]
fn a_broker_that_offers_another_mechanism_each_time_is_not_dialled_without_end() {
    let mut world = with_sasl(&["FIRST", "SECOND"]);
    world.offers_the_other = true;
    world.run(Duration::ZERO);
    let attempts =
        |world: &World| world.requests.iter().filter(|(_, api)| *api == ApiKey::API_VERSIONS).count();
    assert_eq!(attempts(&world), 2);
    world.run(Duration::from_secs(60));
    assert!(attempts(&world) <= 24, "{} in a minute", attempts(&world));
}

/// Two servers: the one that is named first does not accept us. No wait is in vain before the other has been asked.
#[test]
fn one_server_that_refuses_does_not_speak_for_those_that_were_not_asked() {
    let mut settings = World::settings(vec![Arc::new(ByName("SECOND"))]);
    settings.bootstrap = vec![("bad".into(), PORT), ("good".into(), PORT + 1)];
    let mut world = World::of(settings);
    world.refuses = BTreeSet::from([PORT]);
    while world.requests.iter().all(|(_, api)| *api != ApiKey::SASL_AUTHENTICATE) {
        world.client.step(world.now, world.now);
        world.exchange();
        assert!(matches!(world.wait(), Awaited::TimedOut));
    }
    world.settle();
    assert!(world.shared.version() > 0 && matches!(world.wait(), Awaited::TimedOut));
}

/// The password is right by now, and the broker restarts: that is worth a wait again.
#[test]
fn what_is_told_is_over_when_a_later_attempt_fails_otherwise() {
    let mut world = with_sasl(&["SECOND"]);
    world.refuses = BTreeSet::from([PORT]);
    world.run(Duration::ZERO);
    assert!(matches!(world.wait(), Awaited::Fatal(_)));
    for _ in 0..100_000 {
        world.now = world.now + 5 * MILLISECOND;
        world.client.step(world.now, world.now);
        while let Some(command) = world.client.next_command() {
            match command {
                Command::Resolve { lookup_id, .. } => {
                    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
                    world.client.resolved(lookup_id, Err(refused), world.now);
                    assert!(matches!(world.wait(), Awaited::TimedOut));
                    return;
                }
                Command::Connect { connection, .. } => {
                    let refused = io::ErrorKind::ConnectionRefused.into();
                    world.client.disconnected(connection, refused, world.now);
                }
                Command::Close { .. } => {}
            }
        }
    }
    panic!("it is not tried again");
}

/// B53: one of three brokers refuses who we are.
#[test]
fn a_broker_that_refuses_who_we_are_does_not_affect_others() {
    let mut world = with_sasl(&["SECOND"]);
    world.refuses = BTreeSet::from([PORT + 2]);
    world.run(Duration::ZERO);
    [1, 3].into_iter().for_each(|number| {
        world.client.poll_ready(NodeId::Broker(number - 1), world.now);
    });
    world.client.poll_ready(NodeId::Broker(1), world.now);
    world.run(Duration::from_secs(5));
    assert!(matches!(world.wait(), Awaited::TimedOut));
    world.reach(NodeId::Broker(0));
    world.reach(NodeId::Broker(2));
    assert!(!world.client.poll_ready(NodeId::Broker(1), world.now));
    let troubles = world.client.troubles_with(Some(NodeId::Broker(1)));
    assert!(troubles[0].to_string().ends_with("at SASL: wrong password"), "{}", troubles[0]);
}

const MILLISECOND: Duration = Duration::from_millis(1);

impl World {
    /// Brokers 0, 1 and 2 are known, and 1 is connected: the session with it has begun now.
    fn in_session(mechanism: impl SaslMechanism + 'static, lifetime_ms: i64) -> (Self, ConnectionId) {
        let mut settings = Self::settings(vec![Arc::new(mechanism)]);
        settings.metadata.max_age = Duration::from_secs(100_000);
        let mut world = Self::of(settings);
        world.lifetime_ms = lifetime_ms;
        world.run(Duration::ZERO);
        world.client.poll_ready(NodeId::Broker(1), world.now);
        world.settle();
        assert!(world.client.poll_ready(NodeId::Broker(1), world.now));
        let link = world.link(PORT + 2);
        world.requests.clear();
        (world, link)
    }

    /// So much time passes, and the client steps only when it says so. Returns how often.
    fn leap(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        for steps in 0..10_000 {
            self.settle();
            match self.client.next_deadline(self.now).instant().filter(|next| *next < end) {
                Some(next) => self.now = next,
                None => {
                    self.now = end;
                    return steps;
                }
            }
        }
        panic!("it never sleeps");
    }

    fn handshakes(&self, port: u16) -> usize {
        self.requests.iter().filter(|request| **request == (port, ApiKey::SASL_HANDSHAKE)).count()
    }

    fn has_link(&self, link: ConnectionId) -> bool {
        self.links.contains_key(&link)
    }
}

/// B59: a session of 2 s, 20 s of load with five requests under way. The peer fails the test if anything stands between a
/// handshake and its token, or comes after the end of a session.
#[test]
fn a_session_is_renewed_under_load_without_a_gap() {
    let (mut world, link) = World::in_session(ByName("SECOND"), 2000);
    world.slow.insert(PORT + 2);
    let (mut sent, mut most) = (Vec::new(), 0);
    for _ in 0..4000 {
        world.now = world.now + 5 * MILLISECOND;
        world.settle();
        while world.client.poll_ready(NodeId::Broker(1), world.now) {
            let name: &'static str = sent.len().to_string().leak();
            sent.push(name);
            world.produce(name, -1);
            world.carry(link);
        }
        most = most.max(world.kept.len());
        world.release();
    }
    while !world.kept.is_empty() {
        world.release();
        world.settle();
    }
    assert!(world.has_link(link) && sent.len() > 3000, "{}", sent.len());
    assert_eq!(world.answered(), sent, "all, in order");
    assert!(most >= 5, "{most}");
    // Each exchange takes some milliseconds behind what is under way.
    assert!((10..=12).contains(&world.handshakes(PORT + 2)), "{}", world.handshakes(PORT + 2));
}

#[test]
fn what_is_to_be_sent_waits_for_the_renewal_and_what_was_sent_is_answered_meanwhile() {
    let (mut world, link) = World::in_session(ByName("SECOND"), 10_000);
    world.slow.insert(PORT + 2);
    world.produce("before", -1);
    world.carry(link);
    world.leap(9500 * MILLISECOND);
    world.settle();
    assert_eq!((world.handshakes(PORT + 2), world.kept.len()), (1, 2));
    let asks = |world: &World| world.requests.iter().filter(|(port, _)| *port == PORT + 2).count();
    let node = Target::Node(NodeId::Broker(1));
    world.client.ask(node, MetadataRequest::default(), named::<MetadataRequest>("after"), world.now);
    for expected in ["Produce", "SaslHandshake", "SaslAuthenticate"] {
        assert!(!world.client.poll_ready(NodeId::Broker(1), world.now), "{expected} is not answered yet");
        world.settle();
        assert!(asks(&world) <= 3, "{:?}", world.requests);
        world.release();
    }
    world.settle();
    assert_eq!(world.answered(), ["before"]);
    world.release();
    world.settle();
    assert_eq!(world.answered(), ["before", "after"]);
    assert!(world.has_link(link));
}

/// The sender wakes for it once per session, and the connection is closed when it is not used for long enough.
#[test]
fn a_connection_at_rest_is_renewed_on_time_and_not_kept_by_that() {
    let (mut world, link) = World::in_session(ByName("SECOND"), 100_000);
    let steps = world.leap(Duration::from_secs(590));
    assert!(world.has_link(link));
    assert!((6..=7).contains(&world.handshakes(PORT + 2)), "{}", world.handshakes(PORT + 2));
    assert!(steps <= 60, "{steps}");
    world.leap(Duration::from_secs(11));
    world.settle();
    assert!(!world.has_link(link), "not used for 600 s");
}

#[test]
fn a_renewal_that_is_refused_ends_the_connection_and_says_why() {
    let (mut world, link) = World::in_session(ByName("SECOND"), 10_000);
    world.refuses.insert(PORT + 2);
    world.produce("before", -1);
    world.carry(link);
    world.leap(9600 * MILLISECOND);
    world.settle();
    assert!(!world.has_link(link));
    assert_eq!(world.answered(), ["before"]);
    let troubles = world.client.troubles_with(Some(NodeId::Broker(1)));
    assert_eq!(
        troubles[0].to_string(),
        "a:9002 (from advertised.listeners of broker 1) at SASL: wrong password",
        "{troubles:?}"
    );
    // Somebody needs it: it is tried with back-off only, until the password is set right at the broker.
    world.requests.clear();
    let wait = |world: &mut World, time: Duration| {
        let end = world.now + time;
        while world.now < end && !world.client.poll_ready(NodeId::Broker(1), world.now) {
            world.run(5 * MILLISECOND);
        }
    };
    wait(&mut world, Duration::from_secs(60));
    assert!((5..=12).contains(&world.handshakes(PORT + 2)), "{}", world.handshakes(PORT + 2));
    world.refuses.clear();
    wait(&mut world, Duration::from_secs(60));
    assert!(world.client.poll_ready(NodeId::Broker(1), world.now));
}

/// Every broker refuses: who waits is told, and that is over as soon as one accepts us.
#[test]
fn renewals_that_all_brokers_refuse_are_told_of() {
    let (mut world, _) = World::in_session(ByName("SECOND"), 10_000);
    world.refuses = (PORT..PORT + 4).collect();
    world.leap(9600 * MILLISECOND);
    world.settle();
    let Awaited::Fatal(error) = world.wait() else { panic!("it waits") };
    assert_eq!(
        error.to_string(),
        "authentication by SECOND failed: a:9002 (from advertised.listeners of broker 1) at SASL: wrong password"
    );
    world.refuses.clear();
    world.client.poll_ready(NodeId::Broker(1), world.now);
    world.run(Duration::from_secs(5));
    assert!(matches!(world.wait(), Awaited::TimedOut));
}

#[test]
fn a_renewal_that_is_not_answered_is_late_as_a_request_is() {
    let (mut world, link) = World::in_session(ByName("SECOND"), 10_000);
    world.mute.insert(PORT + 2);
    world.leap(9600 * MILLISECOND);
    world.leap(Duration::from_secs(29));
    assert!(world.has_link(link) && !world.client.poll_ready(NodeId::Broker(1), world.now));
    world.leap(Duration::from_secs(2));
    world.settle();
    assert!(!world.has_link(link));
    let troubles = world.client.troubles_with(Some(NodeId::Broker(1)));
    assert_eq!(
        troubles[0].to_string(),
        "a:9002 (from advertised.listeners of broker 1) at SASL: no response within 30s (request_timeout_ms)"
    );
}

/// The machine slept. The peer fails the test if anything comes on the old connection.
#[test]
fn a_session_that_has_run_out_is_not_used_and_counts_as_no_failure() {
    let (mut world, link) = World::in_session(ByName("SECOND"), 10_000);
    world.slow.insert(PORT + 2);
    world.produce("under way", -1);
    world.carry(link);
    world.now = world.now + Duration::from_secs(10);
    // What is under way is still answered: a broker looks at the time when a request comes.
    assert!(world.leap(Duration::from_secs(5)) < 20, "it sleeps");
    assert!(world.has_link(link) && !world.client.poll_ready(NodeId::Broker(1), world.now));
    world.slow.clear();
    world.release();
    world.settle();
    assert_eq!(world.answered(), ["under way"]);
    assert!(!world.has_link(link));
    world.client.poll_ready(NodeId::Broker(1), world.now);
    world.settle();
    assert!(world.client.poll_ready(NodeId::Broker(1), world.now), "at once");
    assert!(world.client.troubles().is_empty());
}

/// Has nothing to say now and then.
struct NowAndThen(Arc<AtomicBool>);

impl SaslMechanism for NowAndThen {
    fn name(&self) -> &str {
        "SECOND"
    }

    fn begin(&self, _: &str) -> Result<Box<dyn SaslExchange>, SaslError> {
        match self.0.load(Ordering::Relaxed) {
            true => Ok(Box::new(ByName("SECOND"))),
            false => Err(SaslError::transient("there is no token yet")),
        }
    }
}

#[test]
fn a_token_that_is_still_to_come_keeps_the_connection_from_nothing_until_the_session_ends() {
    for comes in [true, false] {
        let is_there = Arc::new(AtomicBool::new(true));
        let (mut world, link) = World::in_session(NowAndThen(Arc::clone(&is_there)), 100_000);
        is_there.store(false, Ordering::Relaxed);
        let steps = world.leap(Duration::from_secs(97));
        assert!(steps < 60, "{steps}");
        assert!(world.client.poll_ready(NodeId::Broker(1), world.now), "it is of use meanwhile");
        assert_eq!(world.handshakes(PORT + 2), 0);
        is_there.store(comes, Ordering::Relaxed);
        world.leap(Duration::from_secs(3) + MILLISECOND);
        world.settle();
        assert_eq!(world.has_link(link), comes);
        assert_eq!(world.handshakes(PORT + 2), usize::from(comes));
    }
}
