//! A wrong done to each byte of a connection's set-up, one at a time: it ends there, nothing follows, or one bit is
//! another. The record is stored once, and nobody waits for ever.
//!
//! Without TLS each byte of the set-up has its turn, with TLS each byte of the whole connection, but one of so many in
//! a run:
//!
//! ```sh
//! KAFKA_PRODUCER_SWEEP=0/1 cargo test --features full --test secured sweep   # all of them
//! KAFKA_PRODUCER_SWEEP=3/24 cargo test --features full --test secured sweep  # the fourth of each 24
//! ```

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use kafka_producer::{Certainty, Stage};
use support::meddler::{Direction, Harm, Meddler, Wrong};

const HARMS: [Harm; 3] = [Harm::Cut, Harm::Stall, Harm::Flip];
const DIRECTIONS: [Direction; 2] = [Direction::ToBroker, Direction::ToClient];
/// Most of them wait most of the time.
const THREADS: usize = 24;

/// A kind of cluster, and how to get into it.
struct Way<'a> {
    cluster: &'a (dyn Fn() -> MockCluster + Sync),
    enter: &'a (dyn Fn(ProducerConfig) -> ProducerConfig + Sync),
}

impl Way<'_> {
    /// What is carried where nothing goes wrong: by connection, to the broker and to the client.
    fn carried(&self) -> Vec<[Vec<u8>; 2]> {
        let cluster = (self.cluster)();
        let meddler = self.meddler(&cluster, None);
        self.carry(&cluster, &meddler, "clean").unwrap();
        (0..2).map(|connection| DIRECTIONS.map(|direction| meddler.carried(connection, direction))).collect()
    }

    fn meddler(&self, cluster: &MockCluster, wrong: Option<Wrong>) -> Meddler {
        let address: SocketAddr = cluster.address(0).parse().unwrap();
        let meddler = Meddler::start(address, wrong);
        cluster.broker(0).advertise("127.0.0.1", meddler.address().port());
        meddler
    }

    fn carry(&self, cluster: &MockCluster, meddler: &Meddler, topic: &str) -> Result<(), Error> {
        cluster.create_topic(topic, 1);
        let config = (self.enter)(config(&meddler.address().to_string()));
        let timeout = Duration::from_millis(200);
        let config = config
            .socket_connection_setup_timeout(timeout)
            .socket_connection_setup_timeout_max(2 * timeout)
            .request_timeout(2 * timeout);
        let producer = config.build().unwrap();
        producer.send(ProducerRecord::to(topic).value("v"))?.get(PATIENCE).map(drop)
    }

    /// Whether the wrong came to pass.
    fn survives(&self, cluster: &MockCluster, number: usize, wrong: Wrong) -> bool {
        let meddler = self.meddler(cluster, Some(wrong));
        let topic = format!("t-{number}");
        let result = self.carry(cluster, &meddler, &topic);
        let stored = cluster.record_count(&topic);
        match result {
            Ok(()) => assert_eq!(stored, 1, "{wrong:?}"),
            Err(error) => {
                assert!(wrong.harm == Harm::Flip && may_be_believed(&error), "{wrong:?}: {error:?}");
                assert_eq!((error.certainty(), stored), (Certainty::NotWritten, 0), "{wrong:?}: {error}");
            }
        }
        meddler.has_done_wrong()
    }

    /// Each of them, on several threads with a cluster of their own.
    fn survives_all(&self, wrongs: &[Wrong]) {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let cluster = (self.cluster)();
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        let Some(wrong) = wrongs.get(number) else { return };
                        done.fetch_add(
                            usize::from(self.survives(&cluster, number, *wrong)),
                            Ordering::SeqCst,
                        );
                    }
                });
            }
        });
        let (done, all) = (done.into_inner(), wrongs.len());
        assert!(all > 100 && done * 4 > all * 3, "{done} of {all} came to pass: this tests little");
    }
}

/// Who reads that it may not get in, that the broker can't do what it must, or that no TLS is spoken there, has to
/// believe it.
fn may_be_believed(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Authentication { .. } | ErrorKind::UnsupportedVersion { .. } => true,
        ErrorKind::Denied { trouble, .. } => trouble.stage == Stage::Tls,
        _ => false,
    }
}

/// Every wrong to each of so many bytes in each direction.
fn wrongs(connection: usize, bytes: [usize; 2]) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    for harm in HARMS {
        for (direction, bytes) in DIRECTIONS.into_iter().zip(bytes) {
            wrongs.extend((0..bytes).map(|byte| Wrong { connection, direction, byte, harm }));
        }
    }
    wrongs
}

/// How many bytes a connection carries before its first request that is not about versions or SASL, and before the answer
/// to that.
fn set_up([to_broker, to_client]: &[Vec<u8>; 2]) -> [usize; 2] {
    let (mut asked, mut answered) = (0, 0);
    let length =
        |bytes: &[u8], at: usize| 4 + u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    const OF_SET_UP: [[u8; 2]; 3] = [[0, 18], [0, 17], [0, 36]];
    while OF_SET_UP.contains(to_broker[asked + 4..].first_chunk().unwrap()) {
        asked += length(to_broker, asked);
        answered += length(to_client, answered);
    }
    [asked, answered]
}

/// Four bytes of the answer to ApiVersions: for how long the broker asks for quiet. One bit more can be days, which are
/// kept as long as records may wait.
fn asks_for_quiet(wrong: &Wrong, to_client: &[u8]) -> bool {
    const BEFORE_APIS: usize = 4 + 4 + 2 + 1;
    const API: usize = 2 + 2 + 2 + 1;
    let apis = usize::from(to_client[BEFORE_APIS - 1]) - 1;
    let field = BEFORE_APIS + apis * API;
    wrong.harm == Harm::Flip
        && wrong.direction == Direction::ToClient
        && (field..field + 4).contains(&wrong.byte)
}

#[test]
fn sweep_over_plain() {
    let way = Way { cluster: &cluster, enter: &|config| log_in(config, "PLAIN", "secret") };
    let carried = way.carried();
    let mut all = wrongs(0, set_up(&carried[0]));
    all.extend(wrongs(1, set_up(&carried[1])));
    all.retain(|wrong| !asks_for_quiet(wrong, &carried[0][1]));
    way.survives_all(&all);
}

#[cfg(feature = "scram")]
#[test]
fn sweep_over_scram() {
    let way = Way { cluster: &cluster, enter: &|config| log_in(config, "SCRAM-SHA-256", "secret") };
    let carried = way.carried();
    let mut all = wrongs(1, set_up(&carried[1]));
    all.retain(|wrong| !asks_for_quiet(wrong, &carried[1][1]));
    way.survives_all(&all);
}

#[cfg(all(feature = "tls", feature = "scram"))]
#[test]
fn sweep_over_tls() {
    use support::certificates::{Authority, Leaf};
    let authority = Authority::new("ca");
    let own = authority.issue(Leaf::default());
    let cluster =
        || MockCluster::builder().tls(&own.certificate, &own.key).sasl_user("alice", "secret").build();
    let (start, stride) = turn();
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let enter = |config| {
            let config = log_in(config, mechanism, "secret").ssl_ca_pem(authority.pem());
            config.security_protocol(SecurityProtocol::SaslSsl)
        };
        let way = Way { cluster: &cluster, enter: &enter };
        let carried = way.carried();
        let mut all = Vec::new();
        for (connection, carried) in carried.iter().enumerate() {
            all.extend(wrongs(connection, [carried[0].len(), carried[1].len()]));
        }
        let some: Vec<Wrong> = all.into_iter().skip(start).step_by(stride).collect();
        way.survives_all(&some);
    }
}

/// Which of how many have their turn.
#[cfg(all(feature = "tls", feature = "scram"))]
fn turn() -> (usize, usize) {
    let Ok(asked) = std::env::var("KAFKA_PRODUCER_SWEEP") else { return (0, 101) };
    let (start, stride) = asked.split_once('/').unwrap();
    (start.parse().unwrap(), stride.parse().unwrap())
}
