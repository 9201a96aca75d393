//! What a test orders to go wrong: a rule says what is to happen, and to which requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{ApiKey, ErrorCode};

/// Something that is to happen to requests, and to which of them.
///
/// Made from what is to happen; by default it happens once, to the next request of any kind at any broker. Rules are
/// given to [`MockCluster::add_rule`](crate::mock::MockCluster::add_rule), as many as are wanted. Of those that do the
/// same kind of thing the oldest acts, and the others wait; of different kinds several may act on one request.
///
/// ```
/// use std::time::Duration;
/// use kafka_producer::ErrorCode;
/// use kafka_producer::mock::{ApiKey, MockCluster, MockRule};
///
/// let cluster = MockCluster::start(3);
/// // The broker stores what the second request from now brings, and its answer is lost.
/// cluster.add_rule(MockRule::cut_after_append().on(ApiKey::PRODUCE).skip(1));
/// // Three attempts of one partition fail; other partitions in the same requests do not.
/// cluster.add_rule(MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).partition("events", 0).times(3));
/// // One broker is slow, whatever it is asked.
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
    /// `usize::MAX` is for ever.
    pub(super) times: usize,
}

/// Names a rule of a cluster: see [`MockCluster::add_rule`](crate::mock::MockCluster::add_rule).
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
    /// Whether the batch is appended all the same; `None` is what brokers do who answer so.
    pub(super) appends: Option<bool>,
    /// Said with it, where there is a place.
    pub(super) words: Option<Arc<str>>,
}

impl Failure {
    pub(super) fn appends(&self) -> bool {
        let is_after_append =
            matches!(self.code, ErrorCode::REQUEST_TIMED_OUT | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
        self.appends.unwrap_or(is_after_append)
    }
}

/// Before a request is acted on, or when its answer would go out.
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

/// What is to happen.
impl MockRule {
    /// Answers with `code`: to Produce for each partition, to Metadata for each topic (or partition, if the rule names
    /// one), to other requests as a whole. Behind an answer of SaslHandshake or SaslAuthenticate with an error the
    /// connection ends.
    ///
    /// A batch is not appended, unless the code says that it was: `REQUEST_TIMED_OUT` and
    /// `NOT_ENOUGH_REPLICAS_AFTER_APPEND`.
    pub fn fail(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: None, words: None }))
    }

    /// As [`fail`](Self::fail), and says why, where the answer has a place for it: in SaslAuthenticate, and in Produce from
    /// version 8 on.
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

    /// As [`fail`](Self::fail), and appends the batch, whatever the code.
    pub fn fail_after_append(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: Some(true), words: None }))
    }

    /// As [`fail`](Self::fail), and does not append the batch, whatever the code.
    pub fn fail_before_append(code: ErrorCode) -> Self {
        Self::new(Action::Fail(Failure { code, appends: Some(false), words: None }))
    }

    /// Closes the connection in place of doing anything.
    pub fn cut_before_append() -> Self {
        Self::new(Action::Cut { moment: Moment::Before, reset: false })
    }

    /// Does what was asked, and closes the connection in place of an answer.
    pub fn cut_after_append() -> Self {
        Self::new(Action::Cut { moment: Moment::After, reset: false })
    }

    /// As [`cut_before_append`](Self::cut_before_append), by a reset: the peer's reads and writes fail at once
    /// (`ECONNRESET`).
    pub fn reset_before_append() -> Self {
        Self::new(Action::Cut { moment: Moment::Before, reset: true })
    }

    /// As [`cut_after_append`](Self::cut_after_append), by a reset. Earlier answers that the peer has not read yet are
    /// lost with it.
    pub fn reset_after_append() -> Self {
        Self::new(Action::Cut { moment: Moment::After, reset: true })
    }

    /// Does what was asked, sends so many bytes of the answer (its four bytes of length included), and closes the
    /// connection.
    pub fn cut_after_bytes(bytes: usize) -> Self {
        Self::new(Action::CutAfterBytes(bytes))
    }

    /// Sends the answer in pieces of so many bytes, the first at once and one more each time `every` has passed.
    ///
    /// # Panics
    ///
    /// If a piece is to have no bytes.
    pub fn drip(bytes: usize, every: Duration) -> Self {
        assert!(bytes > 0, "an answer can't be sent 0 bytes at a time");
        Self::new(Action::Drip { bytes, every })
    }

    /// Neither acts on the request nor on any later one of its connection, and says nothing. The connection stays.
    pub fn black_hole() -> Self {
        Self::new(Action::BlackHole(Moment::Before))
    }

    /// Acts on the request and does not answer it, nor any later one of its connection, which are not acted on either.
    /// The connection stays.
    pub fn black_hole_after_append() -> Self {
        Self::new(Action::BlackHole(Moment::After))
    }

    /// Acts at once and answers so much later, by the cluster's clock
    /// ([`hold_clock`](crate::mock::MockCluster::hold_clock)). Later answers of the connection wait behind it.
    pub fn delay(by: Duration) -> Self {
        Self::new(Action::Delay(by))
    }

    /// Acts at once and keeps the answer until
    /// [`release_replies`](crate::mock::MockCluster::release_replies). Later answers of the connection wait behind it.
    pub fn hold() -> Self {
        Self::new(Action::Hold)
    }

    /// Puts this throttle time into the answer, in place of the broker's own. Nothing is held back.
    pub fn throttle(milliseconds: i32) -> Self {
        Self::new(Action::Throttle(milliseconds))
    }

    /// Answers Metadata by what was true when the rule was added, as a broker does that has not heard of anything
    /// since. Creates no topics.
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

    /// Adds a partition to the answer to a Produce request that was not in it, as if it had been stored at offset 0.
    pub fn extra_partition(topic: &str, partition: i32) -> Self {
        Self::new(Action::ExtraPartition(topic.to_owned(), partition))
    }

    /// Changes the answer's bytes, which begin with their length in four bytes and the correlation id in four. What is
    /// left of them is sent as it is.
    pub fn edit_answer(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::new(Action::Edit(Edit(Arc::new(edit))))
    }

    /// Gives the answer another correlation id than the request has.
    pub fn wrong_correlation_id() -> Self {
        Self::edit_answer(|frame| {
            if let Some(id) = frame.get_mut(4..8).and_then(|bytes| bytes.first_chunk_mut()) {
                *id = i32::from_be_bytes(*id).wrapping_add(1).to_be_bytes();
            }
        })
    }

    /// Acts on the request and never answers it. Later requests of the connection are answered.
    pub fn lose_answer() -> Self {
        Self::new(Action::LoseAnswer)
    }

    /// Changes what a mechanism of SASL says to the client, before it is put into the answer to a SaslAuthenticate (or
    /// goes bare, after version 0 of SaslHandshake). Passes over other requests.
    pub fn edit_token(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::new(Action::EditToken(Edit(Arc::new(edit))))
    }

    /// Takes the client's proof and signs with a wrong signature of its own, as somebody who does not know the password.
    /// Passes over all requests but the last of SCRAM.
    pub fn wrong_server_signature() -> Self {
        Self::new(Action::ForgeSignature)
    }

    fn new(action: Action) -> Self {
        Self { action, api: None, broker: None, topic: None, partition: None, skip: 0, times: 1 }
    }
}

/// To which requests. Whatever acts on an answer passes over requests that have none (Produce with acks 0).
impl MockRule {
    /// To requests of this kind only.
    pub fn on(mut self, api: ApiKey) -> Self {
        self.api = Some(api);
        self
    }

    /// To those that this broker gets.
    pub fn broker(mut self, broker: usize) -> Self {
        self.broker = Some(broker);
        self
    }

    /// To Produce requests with records for partitions of this topic that the broker leads, and to Metadata requests
    /// about it. It need not exist yet.
    pub fn topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    /// As [`topic`](Self::topic), and to Produce requests only if they have records for this partition.
    pub fn partition(mut self, topic: &str, partition: i32) -> Self {
        self.partition = Some(partition);
        self.topic(topic)
    }

    /// Not to the first `requests` of them.
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// To so many of them. Default: 1.
    pub fn times(mut self, requests: usize) -> Self {
        self.times = requests;
        self
    }

    /// To all of them, until [`remove_rule`](crate::mock::MockCluster::remove_rule).
    pub fn forever(self) -> Self {
        self.times(usize::MAX)
    }
}
