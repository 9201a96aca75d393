//! The parts of the work whose durations are recorded.

use std::fmt;

/// A part of a record's way whose duration is recorded in a [`Histogram`](crate::Histogram).
///
/// `Display` writes its name, for example `in-flight`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Timing {
    /// Serializing the key and the value of a record. Of the records that a thread serializes, one of 64 is measured, from
    /// the first one on. Records of bytes are not serialized, so nothing is recorded for them.
    Serialize,
    /// Waiting for free `buffer_memory` in `send`. It is recorded for each `send` that had to wait.
    BufferWait,
    /// The time from the first record of a batch until the batch is sent for the first time. It includes `linger` and the
    /// wait for a free connection. Recorded once for each batch.
    Linger,
    /// The time from sending a Produce request until its response arrives. Recorded for each response.
    InFlight,
    /// The time for which a broker asked the producer to send no requests. Recorded for each response to a Produce request
    /// that asks for it.
    Throttle,
    /// The time from the first record of a batch until the batch is stored. Recorded for each batch that is stored.
    Delivery,
}

impl Timing {
    /// In the order of a record's way.
    pub(super) const ALL: [Self; 6] =
        [Self::Serialize, Self::BufferWait, Self::Linger, Self::InFlight, Self::Throttle, Self::Delivery];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Serialize => "serialize",
            Self::BufferWait => "buffer-wait",
            Self::Linger => "linger",
            Self::InFlight => "in-flight",
            Self::Throttle => "throttle",
            Self::Delivery => "delivery",
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Serialize => "The time to serialize a record. One of 64 records is measured.",
            Self::BufferWait => "The time that a send waited for free buffer_memory.",
            Self::Linger => {
                "The time from the first record of a batch until the batch was sent for the first time."
            }
            Self::InFlight => "The time from sending a Produce request until its response arrived.",
            Self::Throttle => "The throttle time in a response: how long the broker wants no more requests.",
            Self::Delivery => "The time from the first record of a batch until the batch was stored.",
        }
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
