//! What keeps the batches of a partition from being sent, and what fails without being sent.

use super::*;
use crate::client::{self, NodeId, Outcome, SharedMetadata};
use crate::error::ErrorKind;
use crate::metrics::Recorder;
use crate::producer::backlog::{Backlog, BacklogSettings, Moment};
use crate::producer::outcome::RetryPolicy;
use crate::producer::over::Client;
use crate::producer::partition::{PartitionState, SendRules};
use crate::protocol::{
    ErrorCode, InitProducerIdResponse, MetadataBroker, MetadataPartition, MetadataResponse, MetadataTopic,
};
use crate::time::{Backoff, Deadline, Instant};

/// A backlog, its client, and the user threads of one partition.
struct Site {
    accumulator: RecordAccumulator,
    queue: Arc<PartitionQueue>,
    backlog: Backlog,
    client: Client,
    random: fastrand::Rng,
    start: Instant,
}

const LINGER: Duration = Duration::from_secs(100);
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(1000);

impl Site {
    fn new(idempotence: bool) -> Self {
        let Source { accumulator, drain, queue } = Source::new();
        let settings = BacklogSettings {
            linger: LINGER,
            retry_policy: RetryPolicy { retries: 5, delivery_timeout: Some(DELIVERY_TIMEOUT) },
            retry: Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(1) },
            send_rules: SendRules { window: 5, idempotence },
        };
        let random = fastrand::Rng::with_seed(1);
        let (shared, recorder) = (SharedMetadata::new(), Recorder::default());
        Self {
            accumulator,
            queue,
            backlog: Backlog::new(settings, drain),
            client: Client::new(client::settings(), shared, recorder, random.clone()),
            random,
            start: Clock::System.now(),
        }
    }

    /// A user thread sends a record, and the sender is notified of it.
    fn send(&mut self) -> FutureRecordMetadata {
        let fields = RecordFields { key: None, value: Some(b"value"), headers: &[] };
        let (size, wall) = (RecordSize::of(&fields), Clock::System.wall_millis());
        let future = self.accumulator.append(&self.queue, &fields, size, 0, wall, Wait::Never).unwrap();
        let at = self.at(0);
        self.backlog.meet(&self.queue, &mut self.client, at);
        future
    }

    /// So many seconds after the start. Everything that brokers have sent until then was read.
    fn at(&self, secs: u64) -> Moment {
        let now = self.start + Duration::from_secs(secs);
        Moment { now, heard: now }
    }

    fn step(&mut self, at: Moment) {
        self.backlog.step(&mut self.client, at);
    }

    fn has_leader(&mut self, at: Moment) {
        let partition = MetadataPartition { leader_id: 7, leader_epoch: 1, ..Default::default() };
        let topic =
            MetadataTopic { name: Some("t".into()), partitions: vec![partition], ..Default::default() };
        let broker = MetadataBroker { node_id: 7, host: "seven".into(), port: 9092, ..Default::default() };
        let response = MetadataResponse { brokers: vec![broker], topics: vec![topic], ..Default::default() };
        let metadata = self.client.metadata_mut();
        metadata.use_topic(&"t".into(), at.now);
        metadata.request(at.now);
        metadata.answered(12, response, at.now, &mut self.random);
        self.backlog.metadata_changed(&mut self.client, at);
    }

    fn state(&self) -> PartitionState {
        self.backlog.partitions().get(self.queue.id()).unwrap().state()
    }
}

#[test]
fn a_record_lingers_then_waits_for_a_leader_and_then_goes_into_a_request() {
    let mut site = Site::new(false);
    let future = site.send();
    assert_eq!(site.state(), PartitionState::Lingering);
    let due = site.backlog.next_deadline().instant().unwrap();
    assert!(due >= site.start + LINGER && due < site.start + 2 * LINGER);
    site.step(Moment { now: due, heard: due });
    assert_eq!(site.state(), PartitionState::Leaderless);
    let later = site.at(300);
    site.has_leader(later);
    assert_eq!(site.state(), PartitionState::Ready(NodeId::Broker(7)));
    let draft = site.backlog.collect(NodeId::Broker(7), usize::MAX, &mut site.client, later);
    assert_eq!(draft.len(), 1);
    assert!(site.backlog.partitions().nodes().is_empty() && !future.is_done());
}

#[test]
fn a_thread_that_flushes_ends_the_linger() {
    let mut site = Site::new(false);
    let _future = site.send();
    let at = site.at(1);
    site.backlog.hurry(&mut site.client, at);
    assert_eq!(site.state(), PartitionState::Lingering, "it was no flush that closed the batch");
    site.backlog.drain().shared.unfinished.cut();
    site.backlog.hurry(&mut site.client, at);
    assert_eq!(site.state(), PartitionState::Leaderless);
}

/// A response may be in a socket that was not read yet.
#[test]
fn a_batch_expires_only_when_all_that_came_in_time_was_read() {
    let mut site = Site::new(false);
    let future = site.send();
    let (before, after) = (site.at(1), site.at(1001));
    site.step(Moment { heard: before.heard, ..after });
    assert!(!future.is_done());
    site.backlog.hurry(&mut site.client, after);
    site.step(after);
    let error = future.exception().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("the partition has no leader"), "{error}");
    assert_eq!((site.state(), site.accumulator.pool().used()), (PartitionState::Idle, 0));
    assert_eq!(site.backlog.next_deadline(), Deadline::NEVER);
}

#[test]
fn records_wait_for_a_producer_id_and_fail_if_it_is_denied() {
    for (code, fails) in
        [(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, false), (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, true)]
    {
        let mut site = Site::new(true);
        let (future, at) = (site.send(), site.at(1));
        assert_eq!(site.state(), PartitionState::NoProducerId);
        assert!(site.backlog.next_deadline().has_passed(at.now));
        site.backlog.ask_for_producer_id(&mut site.client, at.now);
        let response = InitProducerIdResponse { error_code: code, ..Default::default() };
        let Site { backlog, client, random, .. } = &mut site;
        backlog.producer_id_answered(Outcome::Answered(response), client, random, at);
        assert_eq!(future.failed(), fails, "{code}");
        let expected = if fails { PartitionState::Idle } else { PartitionState::NoProducerId };
        assert_eq!(site.state(), expected, "{code}");
    }
}
