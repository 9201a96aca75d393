//! The APIs: their keys, their headers, and which version to speak.
#![cfg_attr(not(feature = "mock"), allow(unreachable_pub, reason = "only the mock broker's users name APIs"))]

use std::fmt;
use std::ops::RangeInclusive;

/// The kind of a request. A broker can list kinds that this version of the crate does not know.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKey(pub(crate) i16);

macro_rules! apis {
    ($($key:literal $constant:ident $name:literal $flexible_since:ident $(($since:literal))?;)*) => {
        #[allow(dead_code, reason = "the table is whole, whichever of it is in use")]
        impl ApiKey {
            $(
                #[doc = concat!("The key of ", $name, ".")]
                pub const $constant: Self = Self($key);
            )*
        }

        /// By key, without gaps.
        const APIS: &[Api] = &[$( Api {
            name: $name,
            flexible_since: apis!(@$flexible_since $($since)?),
        }, )*];

        #[cfg(test)]
        const KEYS: &[i16] = &[$($key),*];
    };
    (@from $since:literal) => { Some($since) };
    (@never) => { None };
}

struct Api {
    name: &'static str,
    /// The first version with compact lengths and tagged fields (KIP-482), and with the headers to match.
    flexible_since: Option<i16>,
}

apis! {
    0 PRODUCE "Produce" from (9);
    1 FETCH "Fetch" from (12);
    2 LIST_OFFSETS "ListOffsets" from (6);
    3 METADATA "Metadata" from (9);
    4 LEADER_AND_ISR "LeaderAndIsr" from (4);
    5 STOP_REPLICA "StopReplica" from (2);
    6 UPDATE_METADATA "UpdateMetadata" from (6);
    7 CONTROLLED_SHUTDOWN "ControlledShutdown" from (3);
    8 OFFSET_COMMIT "OffsetCommit" from (8);
    9 OFFSET_FETCH "OffsetFetch" from (6);
    10 FIND_COORDINATOR "FindCoordinator" from (3);
    11 JOIN_GROUP "JoinGroup" from (6);
    12 HEARTBEAT "Heartbeat" from (4);
    13 LEAVE_GROUP "LeaveGroup" from (4);
    14 SYNC_GROUP "SyncGroup" from (4);
    15 DESCRIBE_GROUPS "DescribeGroups" from (5);
    16 LIST_GROUPS "ListGroups" from (3);
    17 SASL_HANDSHAKE "SaslHandshake" never;
    18 API_VERSIONS "ApiVersions" from (3);
    19 CREATE_TOPICS "CreateTopics" from (5);
    20 DELETE_TOPICS "DeleteTopics" from (4);
    21 DELETE_RECORDS "DeleteRecords" from (2);
    22 INIT_PRODUCER_ID "InitProducerId" from (2);
    23 OFFSET_FOR_LEADER_EPOCH "OffsetForLeaderEpoch" from (4);
    24 ADD_PARTITIONS_TO_TXN "AddPartitionsToTxn" from (3);
    25 ADD_OFFSETS_TO_TXN "AddOffsetsToTxn" from (3);
    26 END_TXN "EndTxn" from (3);
    27 WRITE_TXN_MARKERS "WriteTxnMarkers" from (1);
    28 TXN_OFFSET_COMMIT "TxnOffsetCommit" from (3);
    29 DESCRIBE_ACLS "DescribeAcls" from (2);
    30 CREATE_ACLS "CreateAcls" from (2);
    31 DELETE_ACLS "DeleteAcls" from (2);
    32 DESCRIBE_CONFIGS "DescribeConfigs" from (4);
    33 ALTER_CONFIGS "AlterConfigs" from (2);
    34 ALTER_REPLICA_LOG_DIRS "AlterReplicaLogDirs" from (2);
    35 DESCRIBE_LOG_DIRS "DescribeLogDirs" from (2);
    36 SASL_AUTHENTICATE "SaslAuthenticate" from (2);
    37 CREATE_PARTITIONS "CreatePartitions" from (2);
    38 CREATE_DELEGATION_TOKEN "CreateDelegationToken" from (2);
    39 RENEW_DELEGATION_TOKEN "RenewDelegationToken" from (2);
    40 EXPIRE_DELEGATION_TOKEN "ExpireDelegationToken" from (2);
    41 DESCRIBE_DELEGATION_TOKEN "DescribeDelegationToken" from (2);
    42 DELETE_GROUPS "DeleteGroups" from (2);
    43 ELECT_LEADERS "ElectLeaders" from (2);
    44 INCREMENTAL_ALTER_CONFIGS "IncrementalAlterConfigs" from (1);
    45 ALTER_PARTITION_REASSIGNMENTS "AlterPartitionReassignments" from (0);
    46 LIST_PARTITION_REASSIGNMENTS "ListPartitionReassignments" from (0);
    47 OFFSET_DELETE "OffsetDelete" never;
    48 DESCRIBE_CLIENT_QUOTAS "DescribeClientQuotas" from (1);
    49 ALTER_CLIENT_QUOTAS "AlterClientQuotas" from (1);
    50 DESCRIBE_USER_SCRAM_CREDENTIALS "DescribeUserScramCredentials" from (0);
    51 ALTER_USER_SCRAM_CREDENTIALS "AlterUserScramCredentials" from (0);
    52 VOTE "Vote" from (0);
    53 BEGIN_QUORUM_EPOCH "BeginQuorumEpoch" from (1);
    54 END_QUORUM_EPOCH "EndQuorumEpoch" from (1);
    55 DESCRIBE_QUORUM "DescribeQuorum" from (0);
    56 ALTER_PARTITION "AlterPartition" from (0);
    57 UPDATE_FEATURES "UpdateFeatures" from (0);
    58 ENVELOPE "Envelope" from (0);
    59 FETCH_SNAPSHOT "FetchSnapshot" from (0);
    60 DESCRIBE_CLUSTER "DescribeCluster" from (0);
    61 DESCRIBE_PRODUCERS "DescribeProducers" from (0);
    62 BROKER_REGISTRATION "BrokerRegistration" from (0);
    63 BROKER_HEARTBEAT "BrokerHeartbeat" from (0);
    64 UNREGISTER_BROKER "UnregisterBroker" from (0);
    65 DESCRIBE_TRANSACTIONS "DescribeTransactions" from (0);
    66 LIST_TRANSACTIONS "ListTransactions" from (0);
    67 ALLOCATE_PRODUCER_IDS "AllocateProducerIds" from (0);
    68 CONSUMER_GROUP_HEARTBEAT "ConsumerGroupHeartbeat" from (0);
    69 CONSUMER_GROUP_DESCRIBE "ConsumerGroupDescribe" from (0);
    70 CONTROLLER_REGISTRATION "ControllerRegistration" from (0);
    71 GET_TELEMETRY_SUBSCRIPTIONS "GetTelemetrySubscriptions" from (0);
    72 PUSH_TELEMETRY "PushTelemetry" from (0);
    73 ASSIGN_REPLICAS_TO_DIRS "AssignReplicasToDirs" from (0);
    74 LIST_CONFIG_RESOURCES "ListConfigResources" from (0);
    75 DESCRIBE_TOPIC_PARTITIONS "DescribeTopicPartitions" from (0);
    76 SHARE_GROUP_HEARTBEAT "ShareGroupHeartbeat" from (0);
    77 SHARE_GROUP_DESCRIBE "ShareGroupDescribe" from (0);
    78 SHARE_FETCH "ShareFetch" from (0);
    79 SHARE_ACKNOWLEDGE "ShareAcknowledge" from (0);
    80 ADD_RAFT_VOTER "AddRaftVoter" from (0);
    81 REMOVE_RAFT_VOTER "RemoveRaftVoter" from (0);
    82 UPDATE_RAFT_VOTER "UpdateRaftVoter" from (0);
    83 INITIALIZE_SHARE_GROUP_STATE "InitializeShareGroupState" from (0);
    84 READ_SHARE_GROUP_STATE "ReadShareGroupState" from (0);
    85 WRITE_SHARE_GROUP_STATE "WriteShareGroupState" from (0);
    86 DELETE_SHARE_GROUP_STATE "DeleteShareGroupState" from (0);
    87 READ_SHARE_GROUP_STATE_SUMMARY "ReadShareGroupStateSummary" from (0);
    88 STREAMS_GROUP_HEARTBEAT "StreamsGroupHeartbeat" from (0);
    89 STREAMS_GROUP_DESCRIBE "StreamsGroupDescribe" from (0);
    90 DESCRIBE_SHARE_GROUP_OFFSETS "DescribeShareGroupOffsets" from (0);
    91 ALTER_SHARE_GROUP_OFFSETS "AlterShareGroupOffsets" from (0);
    92 DELETE_SHARE_GROUP_OFFSETS "DeleteShareGroupOffsets" from (0);
}

#[cfg(feature = "mock")]
impl ApiKey {
    /// Returns the API with this key.
    #[must_use]
    pub const fn new(key: i16) -> Self {
        Self(key)
    }

    /// Returns the key of the API.
    #[must_use]
    pub const fn key(self) -> i16 {
        self.0
    }
}

impl ApiKey {
    fn api(self) -> Option<&'static Api> {
        APIS.get(usize::try_from(self.0).ok()?)
    }

    /// Whether `version` of this API is flexible; of an API newer than the table, every version is.
    pub(crate) fn is_flexible(self, version: i16) -> bool {
        match self.api() {
            Some(api) => api.flexible_since.is_some_and(|since| version >= since),
            None => true,
        }
    }

    /// Whether the request's header ends with tagged fields (header version 2 rather than 1).
    pub(crate) fn has_flexible_request_header(self, version: i16) -> bool {
        self.is_flexible(version)
    }

    /// Whether the answer's header ends with tagged fields (header version 1 rather than 0). That of ApiVersions never
    /// does: it must be readable before the version is agreed on.
    pub(crate) fn has_flexible_response_header(self, version: i16) -> bool {
        self != Self::API_VERSIONS && self.is_flexible(version)
    }
}

/// The string is the name, such as `Produce`. For an API that this version of the crate does not know, the string is
/// `ApiKey(99)`.
impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.api() {
            Some(api) => f.pad(api.name),
            None => write!(f, "ApiKey({})", self.0),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The highest version that both ranges hold.
pub(crate) fn negotiate(ours: RangeInclusive<i16>, theirs: RangeInclusive<i16>) -> Option<i16> {
    let highest = *ours.end().min(theirs.end());
    (ours.contains(&highest) && theirs.contains(&highest)).then_some(highest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::{Message, NEVER};
    use crate::protocol::messages::api_versions::ApiVersionsRequest;
    use crate::protocol::messages::metadata::MetadataRequest;
    use crate::protocol::messages::produce::ProduceRequest;
    use crate::protocol::messages::sasl_authenticate::SaslAuthenticateRequest;
    use crate::protocol::messages::sasl_handshake::SaslHandshakeRequest;

    #[test]
    fn the_table_has_no_gaps() {
        assert!(KEYS.iter().copied().eq(0..=92));
    }

    #[test]
    fn unknown_keys_are_kept_and_printed() {
        assert_eq!(ApiKey::PRODUCE.to_string(), "Produce");
        assert_eq!(ApiKey(99).to_string(), "ApiKey(99)");
        assert_eq!(ApiKey(-1).to_string(), "ApiKey(-1)");
    }

    #[test]
    fn messages_agree_with_the_table() {
        fn agrees<M: Message>() {
            assert_eq!(
                M::KEY.api().unwrap().flexible_since.unwrap_or(NEVER),
                M::FLEXIBLE_SINCE,
                "{}",
                M::KEY
            );
        }
        agrees::<ApiVersionsRequest>();
        agrees::<MetadataRequest>();
        agrees::<ProduceRequest>();
        agrees::<SaslAuthenticateRequest>();
        agrees::<SaslHandshakeRequest>();
    }

    #[test]
    fn only_the_answer_to_api_versions_keeps_its_old_header() {
        assert!(ApiKey::API_VERSIONS.has_flexible_request_header(3));
        assert!(!ApiKey::API_VERSIONS.has_flexible_response_header(5));
        assert!(ApiKey::METADATA.has_flexible_response_header(9));
        assert!(!ApiKey::METADATA.has_flexible_response_header(8));
        assert!(!ApiKey::SASL_HANDSHAKE.has_flexible_request_header(1));
    }

    #[test]
    fn the_highest_common_version_wins() {
        assert_eq!(negotiate(3..=13, 0..=9), Some(9));
        assert_eq!(negotiate(0..=9, 3..=13), Some(9));
        assert_eq!(negotiate(0..=2, 3..=13), None);
        assert_eq!(negotiate(3..=13, 0..=2), None);
        assert_eq!(negotiate(4..=4, 4..=4), Some(4));
        assert_eq!(negotiate(0..=9, std::ops::RangeInclusive::new(5, 4)), None);
    }
}
