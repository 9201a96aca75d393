//! The table of the brokers' error codes, with what each one means for a producer.

use std::fmt;

/// An error code that a broker sends.
///
/// A broker can send a code that this version of the crate does not know. Such a code keeps its number, which is shown as
/// `UNKNOWN_CODE (999)`. The code counts as not retriable, and the record may have been written.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(i16);

/// What a code means for a producer. These are the bits of [`Row::traits`].
mod traits {
    /// The same request may succeed if it is sent again.
    pub(super) const RETRY: u8 = 1;
    /// The metadata of the client is out of date.
    pub(super) const REFRESH: u8 = 1 << 1;
    /// The broker may accept the batch in smaller parts.
    pub(super) const SPLIT: u8 = 1 << 2;
    /// No later request of this producer can succeed.
    pub(super) const FATAL: u8 = 1 << 3;
    /// The broker may have appended the batch, in this attempt or in an earlier one.
    pub(super) const WRITTEN: u8 = 1 << 4;
}

struct Row {
    name: &'static str,
    sentence: &'static str,
    traits: u8,
}

macro_rules! codes {
    ($($code:literal $name:ident [$($trait:ident)*] $sentence:literal)*) => {
        impl ErrorCode {
            $(
                #[doc = $sentence]
                pub const $name: Self = Self($code);
            )*
        }

        /// The codes in ascending order, from [`FIRST`] on, without gaps.
        const TABLE: &[Row] = &[$( Row {
            name: stringify!($name),
            sentence: $sentence,
            traits: 0 $(| traits::$trait)*,
        }, )*];

        #[cfg(test)]
        const CODES: &[i16] = &[$($code),*];
    };
}

const FIRST: i16 = -1;

// REQUEST_TIMED_OUT has REFRESH: a leader whose replicas do not follow may be cut off from its cluster, and the cluster may
// have another leader by then.
//
// WRITTEN is set for every code that an answer to Produce can have after the leader has appended the batch. The leader appends
// and then waits for its replicas. If the wait fails, it answers with the codes for a partition that does not exist, that it
// does not lead, or whose disk is broken. A refusal before the append (corrupt, too large, too few replicas from the
// beginning, not authorized, wrong sequence number) never has it.
codes! {
    -1 UNKNOWN_SERVER_ERROR [WRITTEN] "The broker failed with an error that has no code of its own."
    0 NONE [] "No error."
    1 OFFSET_OUT_OF_RANGE [] "The partition does not have this offset."
    2 CORRUPT_MESSAGE [RETRY] "The batch is corrupt, or it violates a rule of the topic (for example, a record without a key in a compacted topic)."
    3 UNKNOWN_TOPIC_OR_PARTITION [RETRY REFRESH WRITTEN] "The broker does not know this topic or partition."
    4 INVALID_FETCH_SIZE [] "The fetch size is not valid."
    5 LEADER_NOT_AVAILABLE [RETRY REFRESH] "The partition has no leader at the moment."
    6 NOT_LEADER_OR_FOLLOWER [RETRY REFRESH WRITTEN] "The broker is not, or is no longer, the leader of this partition."
    7 REQUEST_TIMED_OUT [RETRY REFRESH WRITTEN] "The replicas did not acknowledge the request before its timeout expired."
    8 BROKER_NOT_AVAILABLE [] "The broker is not available."
    9 REPLICA_NOT_AVAILABLE [RETRY REFRESH] "The broker does not have a replica of this partition yet."
    10 MESSAGE_TOO_LARGE [SPLIT] "The batch is larger than the topic or the broker allows (max.message.bytes)."
    11 STALE_CONTROLLER_EPOCH [] "The controller has moved to another broker."
    12 OFFSET_METADATA_TOO_LARGE [] "The offset metadata is too long."
    13 NETWORK_EXCEPTION [RETRY REFRESH WRITTEN] "The connection ended before the response came."
    14 COORDINATOR_LOAD_IN_PROGRESS [RETRY] "The coordinator is still loading its state."
    15 COORDINATOR_NOT_AVAILABLE [RETRY] "No coordinator is available at the moment."
    16 NOT_COORDINATOR [RETRY] "The broker is not, or is no longer, the coordinator."
    17 INVALID_TOPIC_EXCEPTION [] "The topic name is not valid, or clients are not allowed to write to the topic."
    18 RECORD_LIST_TOO_LARGE [SPLIT] "The batch is larger than a segment of the partition's log (segment.bytes)."
    19 NOT_ENOUGH_REPLICAS [RETRY] "Fewer replicas are in sync than min.insync.replicas requires, so the batch was not appended."
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND [RETRY WRITTEN] "The batch was appended, but fewer replicas are in sync than min.insync.replicas requires."
    21 INVALID_REQUIRED_ACKS [] "The broker does not accept the value of acks."
    22 ILLEGAL_GENERATION [] "The generation id of the consumer group is not valid."
    23 INCONSISTENT_GROUP_PROTOCOL [] "The members of the group have no common protocol."
    24 INVALID_GROUP_ID [] "The group id is not valid."
    25 UNKNOWN_MEMBER_ID [] "The coordinator does not know this member of the group."
    26 INVALID_SESSION_TIMEOUT [] "The session timeout is outside the range that the broker allows."
    27 REBALANCE_IN_PROGRESS [] "The group is rebalancing."
    28 INVALID_COMMIT_OFFSET_SIZE [] "The offsets to commit are too large."
    29 TOPIC_AUTHORIZATION_FAILED [] "The client is not authorized for the topic; to send records it needs ACLs for Write and Describe."
    30 GROUP_AUTHORIZATION_FAILED [] "The client is not authorized for the group."
    31 CLUSTER_AUTHORIZATION_FAILED [FATAL] "The client is not authorized for the cluster (idempotence with old brokers needs an ACL for IdempotentWrite)."
    32 INVALID_TIMESTAMP [] "The timestamp of a record differs from the broker's time by more than the topic allows."
    33 UNSUPPORTED_SASL_MECHANISM [FATAL] "The broker does not offer this SASL mechanism."
    34 ILLEGAL_SASL_STATE [FATAL] "The request does not fit the state of the SASL exchange."
    35 UNSUPPORTED_VERSION [FATAL] "The broker does not support this version of the API."
    36 TOPIC_ALREADY_EXISTS [] "A topic with this name already exists."
    37 INVALID_PARTITIONS [] "The number of partitions is not valid."
    38 INVALID_REPLICATION_FACTOR [] "The replication factor is not valid, or it is larger than the number of brokers."
    39 INVALID_REPLICA_ASSIGNMENT [] "The assignment of replicas is not valid."
    40 INVALID_CONFIG [] "The configuration is not valid."
    41 NOT_CONTROLLER [RETRY] "The broker is not, or is no longer, the controller."
    42 INVALID_REQUEST [] "The broker rejects the request as invalid."
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT [] "The topic's message format is too old for the request."
    44 POLICY_VIOLATION [] "A policy of the broker forbids the request."
    45 OUT_OF_ORDER_SEQUENCE_NUMBER [] "The sequence number of the batch does not follow the last sequence number that the broker has from this producer."
    46 DUPLICATE_SEQUENCE_NUMBER [WRITTEN] "The broker already has a batch with this sequence number."
    47 INVALID_PRODUCER_EPOCH [] "The broker has a newer epoch of this producer."
    48 INVALID_TXN_STATE [] "The transaction is not in a state that allows this."
    49 INVALID_PRODUCER_ID_MAPPING [] "The producer id does not belong, or no longer belongs, to the transactional id."
    50 INVALID_TRANSACTION_TIMEOUT [] "The transaction timeout is longer than the broker allows (transaction.max.timeout.ms)."
    51 CONCURRENT_TRANSACTIONS [RETRY] "Another operation on the transaction is still in progress."
    52 TRANSACTION_COORDINATOR_FENCED [] "The transaction coordinator is no longer the current coordinator."
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED [FATAL] "The client is not authorized for this transactional id."
    54 SECURITY_DISABLED [] "The broker has no authorizer."
    55 OPERATION_NOT_ATTEMPTED [] "The broker did not attempt this operation because another operation of the same request failed."
    56 KAFKA_STORAGE_ERROR [RETRY REFRESH WRITTEN] "The broker's disk failed."
    57 LOG_DIR_NOT_FOUND [] "The broker does not have this log directory."
    58 SASL_AUTHENTICATION_FAILED [FATAL] "The broker does not accept the credentials."
    59 UNKNOWN_PRODUCER_ID [] "The broker has forgotten this producer, because all records of the producer in the partition have expired."
    60 REASSIGNMENT_IN_PROGRESS [] "The partition is being reassigned."
    61 DELEGATION_TOKEN_AUTH_DISABLED [] "Delegation tokens are not enabled on the broker."
    62 DELEGATION_TOKEN_NOT_FOUND [] "The broker does not know this delegation token."
    63 DELEGATION_TOKEN_OWNER_MISMATCH [] "The delegation token belongs to another user."
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED [] "Delegation tokens can't be requested on this kind of connection."
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED [] "The client is not authorized for the delegation token."
    66 DELEGATION_TOKEN_EXPIRED [] "The delegation token has expired."
    67 INVALID_PRINCIPAL_TYPE [] "The broker does not know this type of principal."
    68 NON_EMPTY_GROUP [] "The group has members."
    69 GROUP_ID_NOT_FOUND [] "The group does not exist."
    70 FETCH_SESSION_ID_NOT_FOUND [RETRY] "The broker does not know this fetch session."
    71 INVALID_FETCH_SESSION_EPOCH [RETRY] "The epoch of the fetch session is not valid."
    72 LISTENER_NOT_FOUND [RETRY REFRESH] "The leader of the partition has no listener that matches the listener of this connection."
    73 TOPIC_DELETION_DISABLED [] "Topic deletion is disabled."
    74 FENCED_LEADER_EPOCH [RETRY REFRESH] "The client's leader epoch is older than the broker's."
    75 UNKNOWN_LEADER_EPOCH [RETRY] "The client's leader epoch is newer than the broker's."
    76 UNSUPPORTED_COMPRESSION_TYPE [] "This version of the request does not support the compression codec."
    77 STALE_BROKER_EPOCH [] "The broker epoch is out of date."
    78 OFFSET_NOT_AVAILABLE [RETRY] "The leader was elected recently, and its offsets are not available yet."
    79 MEMBER_ID_REQUIRED [] "The member must have a member id before it can join the group."
    80 PREFERRED_LEADER_NOT_AVAILABLE [RETRY REFRESH] "The preferred leader is not available."
    81 GROUP_MAX_SIZE_REACHED [] "The group has reached its maximum size."
    82 FENCED_INSTANCE_ID [] "Another member has registered with this group instance id."
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE [RETRY REFRESH] "No eligible replica is available as leader."
    84 ELECTION_NOT_NEEDED [RETRY REFRESH] "The partition needs no leader election."
    85 NO_REASSIGNMENT_IN_PROGRESS [] "The partition is not being reassigned."
    86 GROUP_SUBSCRIBED_TO_TOPIC [] "The group is subscribed to the topic."
    87 INVALID_RECORD [] "A record, or the batch as a whole, violates a rule of the broker or of the topic."
    88 UNSTABLE_OFFSET_COMMIT [RETRY] "The partition has offsets of a transaction that is still open."
    89 THROTTLING_QUOTA_EXCEEDED [RETRY] "The client has exceeded its quota."
    90 PRODUCER_FENCED [FATAL] "A newer producer with the same transactional id has fenced this producer."
    91 RESOURCE_NOT_FOUND [] "The request names a resource that does not exist."
    92 DUPLICATE_RESOURCE [] "The request names the same resource twice."
    93 UNACCEPTABLE_CREDENTIAL [] "The new credentials do not meet the requirements of the broker."
    94 INCONSISTENT_VOTER_SET [] "The sender or the receiver of the request is not one of the expected voters."
    95 INVALID_UPDATE_VERSION [] "The version of the update is not the expected version."
    96 FEATURE_UPDATE_FAILED [] "The cluster's features could not be changed."
    97 PRINCIPAL_DESERIALIZATION_FAILURE [] "The controller could not read the principal of a forwarded request."
    98 SNAPSHOT_NOT_FOUND [] "The snapshot does not exist."
    99 POSITION_OUT_OF_RANGE [] "The position is outside the snapshot."
    100 UNKNOWN_TOPIC_ID [RETRY REFRESH WRITTEN] "The broker does not know this topic id; the topic may have been deleted or created again."
    101 DUPLICATE_BROKER_REGISTRATION [] "The broker id is already in use."
    102 BROKER_ID_NOT_REGISTERED [] "No broker has registered with this id."
    103 INCONSISTENT_TOPIC_ID [RETRY REFRESH WRITTEN] "The partition's log belongs to a topic with another id."
    104 INCONSISTENT_CLUSTER_ID [] "The broker belongs to another cluster."
    105 TRANSACTIONAL_ID_NOT_FOUND [] "The coordinator does not know this transactional id."
    106 FETCH_SESSION_TOPIC_ID_ERROR [RETRY] "The fetch session mixes topic ids and names."
    107 INELIGIBLE_REPLICA [] "The replica is not eligible to become an in-sync replica."
    108 NEW_LEADER_ELECTED [] "The partition has a new leader."
    109 OFFSET_MOVED_TO_TIERED_STORAGE [] "The offset has moved to tiered storage."
    110 FENCED_MEMBER_EPOCH [] "The group coordinator has fenced this epoch of the member."
    111 UNRELEASED_INSTANCE_ID [] "The group instance id is still in use."
    112 UNSUPPORTED_ASSIGNOR [] "The group does not support this assignor."
    113 STALE_MEMBER_EPOCH [] "The member's epoch is out of date."
    114 MISMATCHED_ENDPOINT_TYPE [] "The request was sent to the wrong type of endpoint."
    115 UNSUPPORTED_ENDPOINT_TYPE [] "This type of endpoint is not supported."
    116 UNKNOWN_CONTROLLER_ID [] "No controller has this id."
    117 UNKNOWN_SUBSCRIPTION_ID [] "The telemetry subscription id is not valid, or it is out of date."
    118 TELEMETRY_TOO_LARGE [] "The telemetry is larger than the broker accepts."
    119 INVALID_REGISTRATION [] "The controller does not accept the broker's registration."
    120 TRANSACTION_ABORTABLE [] "The transaction failed and must be aborted; the producer can be used afterwards."
    121 INVALID_RECORD_STATE [] "The delivery state of the record does not allow the acknowledgement."
    122 SHARE_SESSION_NOT_FOUND [RETRY] "The broker does not know this share session."
    123 INVALID_SHARE_SESSION_EPOCH [RETRY] "The epoch of the share session is not valid."
    124 FENCED_STATE_EPOCH [] "The epoch of the share group's state is out of date."
    125 INVALID_VOTER_KEY [] "The key of the voter does not match the key of the receiving replica."
    126 DUPLICATE_VOTER [] "The voter already exists."
    127 VOTER_NOT_FOUND [] "The voter does not exist."
    128 INVALID_REGULAR_EXPRESSION [] "The regular expression is not valid."
    129 REBOOTSTRAP_REQUIRED [] "The metadata of the client is too old; the client must rebootstrap."
    130 STREAMS_INVALID_TOPOLOGY [] "The topology is not valid."
    131 STREAMS_INVALID_TOPOLOGY_EPOCH [] "The topology's epoch is not valid."
    132 STREAMS_TOPOLOGY_FENCED [] "The topology's epoch is out of date."
    133 SHARE_SESSION_LIMIT_REACHED [RETRY] "The broker has reached its limit of share sessions."
}

impl ErrorCode {
    /// Returns the code with this number.
    #[must_use]
    pub const fn new(code: i16) -> Self {
        Self(code)
    }

    /// Returns the number of the code.
    #[must_use]
    pub const fn code(self) -> i16 {
        self.0
    }

    /// Returns `true` if the code is an error. Only [`NONE`](Self::NONE) is not an error.
    #[must_use]
    pub fn is_error(self) -> bool {
        self != Self::NONE
    }

    /// Returns Kafka's name of the code, such as `NOT_LEADER_OR_FOLLOWER`. Returns `None` for a code that this version of
    /// the crate does not know.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Returns a sentence that explains the code. The sentence does not end with a period.
    #[must_use]
    pub fn description(self) -> &'static str {
        let sentence =
            self.row().map_or("The broker sent a code that this client does not know.", |row| row.sentence);
        sentence.trim_end_matches('.')
    }

    /// Returns `true` if the same request can succeed when it is sent again.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        self.has(traits::RETRY)
    }

    /// Whether the client needs new metadata before the next attempt.
    pub(crate) fn needs_metadata_refresh(self) -> bool {
        self.has(traits::REFRESH)
    }

    /// Whether a topic with this code in the metadata can't be used later either: its name is not valid, or the client is not
    /// authorized. All other codes are transient, even the lack of brokers for the replicas while a cluster starts.
    pub(crate) fn is_final_for_topic(self) -> bool {
        matches!(
            self,
            Self::INVALID_TOPIC_EXCEPTION
                | Self::TOPIC_AUTHORIZATION_FAILED
                | Self::CLUSTER_AUTHORIZATION_FAILED
        )
    }

    /// Whether the broker may accept the batch in smaller parts.
    pub(crate) fn asks_for_split(self) -> bool {
        self.has(traits::SPLIT)
    }

    /// Returns `true` if no later request of the same producer can succeed.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        self.has(traits::FATAL)
    }

    /// Returns `true` if the broker may have appended the batch although the broker returned this code.
    ///
    /// A leader appends a batch and then waits for its replicas. If the wait fails, the leader can return
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`, `REQUEST_TIMED_OUT`, `NOT_ENOUGH_REPLICAS_AFTER_APPEND` or
    /// `KAFKA_STORAGE_ERROR`. A broker returns most of these codes also if it has rejected the batch. The result is also
    /// `true` for a code that this crate does not know.
    #[must_use]
    pub fn may_have_been_written(self) -> bool {
        self.row().is_none() || self.has(traits::WRITTEN)
    }

    fn has(self, attribute: u8) -> bool {
        self.row().is_some_and(|row| row.traits & attribute != 0)
    }

    fn row(self) -> Option<&'static Row> {
        let index = usize::try_from(self.0.checked_sub(FIRST)?).ok()?;
        TABLE.get(index)
    }
}

/// The string has the name and the number, such as `NOT_LEADER_OR_FOLLOWER (6)`.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name().unwrap_or("UNKNOWN_CODE"), self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes_with(predicate: impl Fn(ErrorCode) -> bool) -> Vec<i16> {
        CODES.iter().copied().filter(|&code| predicate(ErrorCode::new(code))).collect()
    }

    #[test]
    fn the_table_has_no_gaps() {
        assert!(CODES.iter().copied().eq(FIRST..=133));
    }

    #[test]
    fn what_producers_do_about_each_code() {
        let retriable = [
            2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84, 88, 89,
            100, 103, 106, 122, 123, 133,
        ];
        assert_eq!(codes_with(ErrorCode::is_retriable), retriable);
        let refresh = [3, 5, 6, 7, 9, 13, 56, 72, 74, 80, 83, 84, 100, 103];
        assert_eq!(codes_with(ErrorCode::needs_metadata_refresh), refresh);
        assert_eq!(codes_with(ErrorCode::is_final_for_topic), [17, 29, 31]);
        assert_eq!(codes_with(ErrorCode::asks_for_split), [10, 18]);
        assert_eq!(codes_with(ErrorCode::is_fatal), [31, 33, 34, 35, 53, 58, 90]);
        let written = [-1, 3, 6, 7, 13, 20, 46, 56, 100, 103];
        assert_eq!(codes_with(ErrorCode::may_have_been_written), written);
    }

    #[test]
    fn a_code_is_never_both_retriable_and_fatal() {
        assert!(codes_with(|code| code.is_fatal() && code.is_retriable()).is_empty());
    }

    #[test]
    fn unknown_codes_are_kept_and_feared() {
        let code = ErrorCode::new(999);
        assert_eq!(code.to_string(), "UNKNOWN_CODE (999)");
        assert_eq!(code.code(), 999);
        assert!(!code.is_retriable() && !code.is_fatal() && code.may_have_been_written());
        assert_eq!(ErrorCode::new(i16::MIN).name(), None);
        assert_eq!(ErrorCode::NOT_LEADER_OR_FOLLOWER.to_string(), "NOT_LEADER_OR_FOLLOWER (6)");
    }
}
