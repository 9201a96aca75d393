//! The types of settings that have one of their own.

use std::fmt;

/// How many replicas must have a record before it counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "Kafka has these three (KIP-1)")]
pub enum Acks {
    /// None: the broker does not answer, a lost record goes unnoticed, offsets are -1.
    None,
    /// The leader. A record that it has acknowledged is lost if another replica becomes the leader before it has copied the
    /// record: the old leader then removes from its log what the new one does not have. That happens when a leader dies,
    /// hangs or is cut off from the others, and can happen when one is shut down or the leadership is moved. Lost are all
    /// records from the first on that was not copied, not only the last. Nothing else that was acknowledged is lost.
    ///
    /// There is no idempotence, which needs [`All`](Self::All): a record whose answer is lost is sent again, and each
    /// attempt may store one more copy. The future then tells the place of the last one.
    Leader,
    /// All in-sync replicas: a record survives as long as one of them does.
    #[default]
    All,
}

/// As texts have it: `0`, `1` or `all`.
impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        })
    }
}

/// What is set on every socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: bool,
}

/// Java's levels, each for when its codec is chosen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CodecLevels {
    pub(super) gzip: Option<i32>,
    pub(super) lz4: Option<i32>,
    pub(super) zstd: Option<i32>,
}
