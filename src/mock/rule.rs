//! `MockRule`: a fault that a test orders, and the requests that it acts on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{ApiKey, ErrorCode};

/// A fault, and the requests that it acts on.
///
/// Each function without `self` makes a rule with one fault. By default the rule acts once, on the next request of any kind at
/// any broker. The methods with `self` choose other requests. [`MockCluster::add_rule`](crate::mock::MockCluster::add_rule)
/// adds the rule to a cluster.
///
/// If several rules of the same kind match a request, only the oldest acts on it. Rules of different kinds act together.
///
/// ```
/// use std::time::Duration;
/// use kafka_producer::ErrorCode;
/// use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
///
/// let cluster = MockCluster::start(3);
/// // The broker stores the records of the second request from now, and the answer is lost.
/// cluster.add_rule(MockRule::cut_after_append().on(ApiKey::PRODUCE).skip(1));
/// // Three attempts for one partition fail. Other partitions in the same requests do not fail.
/// cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).partition("events", 0).times(3));
/// // One broker is slow with every request.
/// cluster.add_rule(MockRule::delay(Duration::from_millis(200)).broker(2).forever());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until a cluster has it"]
pub struct MockRule {
    pub(super) action: Action,
    pub(super) api: Option<ApiKey>,
    pub(super) broker: Option<usize>,
    pub(super) topic: Option<String>,
    pub(super) partition: Option<i32>,
    pub(super) skip: usize,
    /// `usize::MAX` is no limit.
    pub(super) times: usize,
}

/// Identifies a rule of a cluster. [`MockCluster::add_rule`](crate::mock::MockCluster::add_rule) returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MockRuleId(pub(super) usize);

#[derive(Clone, Debug)]
pub(super) enum Action {
    Fail(Failure),
    Cut { moment: Moment, reset: bool },
    CutAfterBytes(usize),
    Drip { bytes: usize, every: Duration },
    BlackHole(Moment),
    Delay(Duration),
    Hold,
    Throttle(i32),
    StaleMetadata,
    OmitPartition,
    RepeatPartition,
    ExtraPartition(String, i32),
    Edit(Edit),
    EditToken(Edit),
    ForgeSignature,
    LoseAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    /// Whether the batch is appended. `None`: as brokers do that answer with this code.
    pub(super) appends: Option<bool>,
    /// The message, if the answer has a field for it.
    pub(super) words: Option<Arc<str>>,
}

impl Failure {
    pub(super) fn appends(&self) -> bool {
        let is_after_append =
            matches!(self.code, ErrorCode::REQUEST_TIMED_OUT | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
        self.appends.unwrap_or(is_after_append)
    }
}

/// Before the cluster acts on a request, or when its answer would be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
}

#[derive(Clone)]
pub(super) struct Edit(pub(super) Arc<EditFn>);

type EditFn = dyn Fn(&mut Vec<u8>) + Send + Sync;

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Edit")
    }
}

/// The faults.
impl MockRule {
    /// Answers with the error `code`: each partition of Produce, each topic of Metadata (or each partition, if the rule names
    /// one), and other requests as a whole. After an error for SaslHandshake or SaslAuthenticate the connection is closed.
    ///
    /// Batches are not appended, except with `REQUEST_TIMED_OUT` and `NOT_ENOUGH_REPLICAS_AFTER_APPEND`, which say that they
    /// were.
    pub fn fail(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: None, words: None }))
    }

    /// As [`fail`](Self::fail), with a message. Only the answers of SaslAuthenticate, and of Produce from version 8 on, have a
    /// field for it.
    ///
    /// ```
    /// use kafka_producer::ErrorCode;
    /// use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
    ///
    /// let cluster = MockCluster::builder().sasl_user("alice", "secret").build();
    /// let locked = MockRule::fail_with(ErrorCode::SASL_AUTHENTICATION_FAILED, "the account is locked");
    /// cluster.add_rule(locked.on(ApiKey::SASL_AUTHENTICATE));
    /// ```
    pub fn fail_with(code: ErrorCode, words: &str) -> Self {
        Self::new(Action::Fail(Failure { code, appends: None, words: Some(words.into()) }))
    }

    /// As [`fail`](Self::fail), but batches are appended, with any code.
    pub fn fail_after_append(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: Some(true), words: None }))
    }

    /// As [`fail`](Self::fail), but batches are not appended, with any code.
    pub fn fail_before_append(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: Some(false), words: None }))
    }

    /// Closes the connection and does not act on the request.
    pub fn cut_before_append() -> Self {
        Self::new(Action::Cut { moment: Moment::Before, reset: false })
    }

    /// Acts on the request and closes the connection without an answer.
    pub fn cut_after_append() -> Self {
        Self::new(Action::Cut { moment: Moment::After, reset: false })
    }

    /// As [`cut_before_append`](Self::cut_before_append), but with a reset: the client's reads and writes fail at once
    /// (`ECONNRESET`).
    pub fn reset_before_append() -> Self {
        Self::new(Action::Cut { moment: Moment::Before, reset: true })
    }

    /// As [`cut_after_append`](Self::cut_after_append), but with a reset. Earlier answers that the client has not read yet are
    /// lost.
    pub fn reset_after_append() -> Self {
        Self::new(Action::Cut { moment: Moment::After, reset: true })
    }

    /// Acts on the request, sends the first `bytes` bytes of the answer, and closes the connection. The four bytes of the
    /// answer's length count.
    pub fn cut_after_bytes(bytes: usize) -> Self {
        Self::new(Action::CutAfterBytes(bytes))
    }

    /// Sends the answer in pieces of `bytes` bytes. The first piece is sent at once, and another one each time `every` has
    /// passed.
    ///
    /// # Panics
    ///
    /// If `bytes` is 0.
    pub fn drip(bytes: usize, every: Duration) -> Self {
        assert!(bytes > 0, "a piece of an answer must have at least 1 byte");
        Self::new(Action::Drip { bytes, every })
    }

    /// Does not act on the request, nor on later requests of its connection, and answers none of them. The connection stays
    /// open.
    pub fn black_hole() -> Self {
        Self::new(Action::BlackHole(Moment::Before))
    }

    /// Acts on the request and does not answer it. Does not act on later requests of its connection, and answers none of them.
    /// The connection stays open.
    pub fn black_hole_after_append() -> Self {
        Self::new(Action::BlackHole(Moment::After))
    }

    /// Acts on the request at once and answers after `by`, by the cluster's clock
    /// ([`hold_clock`](crate::mock::MockCluster::hold_clock)). Later answers of the connection wait for this one.
    pub fn delay(by: Duration) -> Self {
        Self::new(Action::Delay(by))
    }

    /// Acts on the request at once and holds the answer until
    /// [`release_responses`](crate::mock::MockCluster::release_responses). Later answers of the connection wait for this one.
    pub fn hold() -> Self {
        Self::new(Action::Hold)
    }

    /// Puts this throttle time into the answer, in place of the broker's own. The broker does not delay anything itself.
    pub fn throttle(milliseconds: i32) -> Self {
        Self::new(Action::Throttle(milliseconds))
    }

    /// Answers Metadata with the state of the cluster at the time when the rule was added, as a broker does that has missed all
    /// changes since. It creates no topics.
    pub fn stale_metadata() -> Self {
        Self::new(Action::StaleMetadata)
    }

    /// Acts on the partitions of a Produce request and leaves them out of the answer.
    pub fn omit_partition() -> Self {
        Self::new(Action::OmitPartition)
    }

    /// Puts the partitions of a Produce request into the answer twice.
    pub fn repeat_partition() -> Self {
        Self::new(Action::RepeatPartition)
    }

    /// Adds a partition that was not in the Produce request to the answer, as if its batch had been stored at offset 0.
    pub fn extra_partition(topic: &str, partition: i32) -> Self {
        Self::new(Action::ExtraPartition(topic.to_owned(), partition))
    }

    /// Changes the bytes of the answer with `edit`. They begin with four bytes of length and four bytes of correlation id. The
    /// result is sent as it is.
    pub fn edit_response(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::new(Action::Edit(Edit(Arc::new(edit))))
    }

    /// Gives the answer a wrong correlation id.
    pub fn wrong_correlation_id() -> Self {
        Self::edit_response(|frame| {
            if let Some(id) = frame.get_mut(4..8).and_then(|bytes| bytes.first_chunk_mut()) {
                *id = i32::from_be_bytes(*id).wrapping_add(1).to_be_bytes();
            }
        })
    }

    /// Acts on the request and does not answer it. Later requests of the connection are answered.
    pub fn lose_response() -> Self {
        Self::new(Action::LoseAnswer)
    }

    /// Changes the token of a SASL mechanism with `edit`, before it is put into the answer to a SaslAuthenticate, or is sent
    /// without an answer around it after version 0 of SaslHandshake. It acts on no other requests.
    pub fn edit_token(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::new(Action::EditToken(Edit(Arc::new(edit))))
    }

    /// Accepts the client's proof and answers with a wrong signature, as a server does that does not know the password. It acts
    /// only on the last request of SCRAM.
    pub fn wrong_server_signature() -> Self {
        Self::new(Action::ForgeSignature)
    }

    fn new(action: Action) -> Self {
        Self { action, api: None, broker: None, topic: None, partition: None, skip: 0, times: 1 }
    }
}

/// The requests that a rule acts on. A rule that acts on answers skips requests without an answer (Produce with `acks=0`).
impl MockRule {
    /// Acts only on requests of this kind.
    pub fn on(mut self, api: ApiKey) -> Self {
        self.api = Some(api);
        self
    }

    /// Acts only on requests that this broker receives.
    pub fn broker(mut self, broker: usize) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Acts only on Produce requests with records for partitions of this topic that the broker leads, and on Metadata requests
    /// for this topic. The topic does not have to exist yet.
    pub fn topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    /// As [`topic`](Self::topic), but on Produce requests only if they have records for this partition.
    pub fn partition(mut self, topic: &str, partition: i32) -> Self {
        self.partition = Some(partition);
        self.topic(topic)
    }

    /// Skips the first `requests` matching requests. Default: 0.
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Acts on `requests` matching requests. Default: 1.
    pub fn times(mut self, requests: usize) -> Self {
        self.times = requests;
        self
    }

    /// Acts on all matching requests, until [`remove_rule`](crate::mock::MockCluster::remove_rule).
    pub fn forever(self) -> Self {
        self.times(usize::MAX)
    }
}
