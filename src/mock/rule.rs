//! `MockRule`: a fault that a test orders, and the requests that it acts on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{ApiKey, ErrorCode};

/// A fault, and the requests that it acts on.
///
/// Each function without `self` returns a rule with one fault. By default the rule acts once, on the next request of any
/// kind at any broker. The methods with `self` choose other requests.
/// [`MockCluster::add_rule`](crate::mock::MockCluster::add_rule) adds the rule to a cluster.
///
/// If several rules of the same kind match a request, only the oldest rule acts on the request. All cuts, resets, drips,
/// black holes and lost responses are one kind. Rules of different kinds act together. Rules with [`fail`](Self::fail),
/// [`omit_partition`](Self::omit_partition) or [`repeat_partition`](Self::repeat_partition) for different topics or
/// partitions also act together.
///
/// ```
/// use std::time::Duration;
/// use kafka_producer::ErrorCode;
/// use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
///
/// let cluster = MockCluster::start(3);
/// // The second Produce request from now is stored, but its response is lost.
/// cluster.add_rule(MockRule::cut_after_append().on(ApiKey::PRODUCE).skip(1));
/// // Three attempts for one partition fail. Other partitions in the same requests succeed.
/// cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).partition("events", 0).times(3));
/// // Broker 2 delays every response.
/// cluster.add_rule(MockRule::delay(Duration::from_millis(200)).broker(2).forever());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until it is added to a cluster"]
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
    /// Responds with the error `code`.
    ///
    /// - Produce: the error is set for each matching partition.
    /// - Metadata: the error is set for each matching topic, or for the partition if the rule names a partition.
    /// - SaslHandshake, SaslAuthenticate: the error is set for the whole request, and the broker closes the connection.
    /// - Other requests: the error is set for the whole request.
    ///
    /// Batches are not appended. There are two exceptions: with `REQUEST_TIMED_OUT` and `NOT_ENOUGH_REPLICAS_AFTER_APPEND`
    /// batches are appended.
    pub fn fail(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: None, words: None }))
    }

    /// Like [`fail`](Self::fail), but with an error message. Only the responses to SaslAuthenticate and to Produce (from
    /// version 8 on) have a field for the message. For other requests the message is ignored.
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

    /// Like [`fail`](Self::fail), but batches are always appended, with any code.
    pub fn fail_after_append(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: Some(true), words: None }))
    }

    /// Like [`fail`](Self::fail), but batches are never appended, with any code.
    pub fn fail_before_append(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: Some(false), words: None }))
    }

    /// Closes the connection. The broker does not act on the request.
    pub fn cut_before_append() -> Self {
        Self::new(Action::Cut { moment: Moment::Before, reset: false })
    }

    /// Acts on the request and closes the connection without a response.
    pub fn cut_after_append() -> Self {
        Self::new(Action::Cut { moment: Moment::After, reset: false })
    }

    /// Like [`cut_before_append`](Self::cut_before_append), but with a TCP reset: the client's reads and writes fail
    /// immediately (`ECONNRESET`).
    pub fn reset_before_append() -> Self {
        Self::new(Action::Cut { moment: Moment::Before, reset: true })
    }

    /// Like [`cut_after_append`](Self::cut_after_append), but with a TCP reset. Earlier responses that the client has not
    /// read yet are lost.
    pub fn reset_after_append() -> Self {
        Self::new(Action::Cut { moment: Moment::After, reset: true })
    }

    /// Acts on the request, sends the first `bytes` bytes of the response, and closes the connection. The number includes
    /// the four bytes of the response length.
    pub fn cut_after_bytes(bytes: usize) -> Self {
        Self::new(Action::CutAfterBytes(bytes))
    }

    /// Sends the response in pieces of `bytes` bytes. The broker sends the first piece immediately, and the next piece each
    /// time the interval `every` has passed.
    ///
    /// # Panics
    ///
    /// Panics if `bytes` is 0.
    pub fn drip(bytes: usize, every: Duration) -> Self {
        assert!(bytes > 0, "a piece of a response must have at least 1 byte");
        Self::new(Action::Drip { bytes, every })
    }

    /// Ignores the request and all later requests of its connection. The broker sends no more responses, and the connection
    /// stays open.
    pub fn black_hole() -> Self {
        Self::new(Action::BlackHole(Moment::Before))
    }

    /// Acts on the request without a response, and ignores all later requests of its connection. The connection stays open.
    pub fn black_hole_after_append() -> Self {
        Self::new(Action::BlackHole(Moment::After))
    }

    /// Acts on the request immediately and delays the response by `by`. The delay counts by the cluster's clock
    /// ([`hold_clock`](crate::mock::MockCluster::hold_clock)). Later responses of the connection wait for the delayed
    /// response.
    pub fn delay(by: Duration) -> Self {
        Self::new(Action::Delay(by))
    }

    /// Acts on the request immediately and holds the response until
    /// [`release_responses`](crate::mock::MockCluster::release_responses). Later responses of the connection wait for the
    /// held response.
    pub fn hold() -> Self {
        Self::new(Action::Hold)
    }

    /// Sets the throttle time of the response, instead of the broker's throttle time. The SASL responses have no throttle
    /// time. The broker does not delay anything itself.
    pub fn throttle(milliseconds: i32) -> Self {
        Self::new(Action::Throttle(milliseconds))
    }

    /// Responds to Metadata with the state of the cluster at the time when the rule was added. A real broker responds in
    /// this way if it has missed all later changes. The request creates no topics.
    pub fn stale_metadata() -> Self {
        Self::new(Action::StaleMetadata)
    }

    /// Acts on the partitions of a Produce request and omits these partitions from the response.
    pub fn omit_partition() -> Self {
        Self::new(Action::OmitPartition)
    }

    /// Puts the partitions of a Produce request into the response twice.
    pub fn repeat_partition() -> Self {
        Self::new(Action::RepeatPartition)
    }

    /// Adds another partition to the response to a Produce request. According to the response, the batch of this partition
    /// was stored at offset 0.
    pub fn extra_partition(topic: &str, partition: i32) -> Self {
        Self::new(Action::ExtraPartition(topic.to_owned(), partition))
    }

    /// Changes the bytes of the response with `edit`. The bytes begin with the length (four bytes) and the correlation ID
    /// (four bytes). The broker sends the changed bytes as they are.
    pub fn edit_response(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::new(Action::Edit(Edit(Arc::new(edit))))
    }

    /// Gives the response a wrong correlation ID.
    pub fn wrong_correlation_id() -> Self {
        Self::edit_response(|frame| {
            if let Some(id) = frame.get_mut(4..8).and_then(|bytes| bytes.first_chunk_mut()) {
                *id = i32::from_be_bytes(*id).wrapping_add(1).to_be_bytes();
            }
        })
    }

    /// Acts on the request and sends no response to it. The broker responds to later requests of the connection.
    pub fn lose_response() -> Self {
        Self::new(Action::LoseAnswer)
    }

    /// Changes the SASL token that the broker sends, with `edit`. The token is part of the response to SaslAuthenticate.
    /// After version 0 of SaslHandshake the token is sent without a response header. The rule acts on no other requests.
    pub fn edit_token(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::new(Action::EditToken(Edit(Arc::new(edit))))
    }

    /// Accepts the client's proof and returns a wrong signature, like a server that does not know the password. The rule
    /// acts only on the last request of SCRAM.
    pub fn wrong_server_signature() -> Self {
        Self::new(Action::ForgeSignature)
    }

    fn new(action: Action) -> Self {
        Self { action, api: None, broker: None, topic: None, partition: None, skip: 0, times: 1 }
    }
}

/// The requests that a rule acts on. A rule for responses skips requests without a response (Produce with `acks=0`).
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

    /// Acts only on Produce and Metadata requests for this topic. The rule acts on a Produce request only if the request has
    /// records for a partition of the topic, and the broker leads this partition. The topic does not have to exist yet.
    pub fn topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    /// Like [`topic`](Self::topic), but the rule acts on a Produce request only if the request has records for this
    /// partition.
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

    /// Acts on all matching requests until [`remove_rule`](crate::mock::MockCluster::remove_rule) is called.
    pub fn forever(self) -> Self {
        self.times(usize::MAX)
    }
}
