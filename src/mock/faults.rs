//! What is to go wrong, queued until it does.

use crate::protocol::ErrorCode;

#[derive(Default)]
pub(super) struct Faults {
    produce: Vec<ProduceFault>,
    metadata: Vec<MetadataFault>,
    init_producer_id: Vec<InitProducerIdFault>,
    /// Answers to Produce to leave out, with the connection closed in their place: of any broker, ..
    pub(super) cuts: usize,
    /// .. and of this one.
    pub(super) cuts_by_broker: Vec<usize>,
    /// Brokers whose answers wait.
    pub(super) held: Vec<bool>,
}

struct ProduceFault {
    topic: String,
    partition: i32,
    code: ErrorCode,
    times: usize,
}

struct MetadataFault {
    topic: String,
    code: ErrorCode,
    times: usize,
}

struct InitProducerIdFault {
    code: ErrorCode,
    times: usize,
}

impl Faults {
    pub(super) fn new(brokers: usize) -> Self {
        Self { cuts_by_broker: vec![0; brokers], held: vec![false; brokers], ..Self::default() }
    }

    pub(super) fn fail_produce(&mut self, topic: &str, partition: i32, code: ErrorCode, times: usize) {
        self.produce.push(ProduceFault { topic: topic.to_owned(), partition, code, times });
    }

    /// The code to answer the next batch of the partition with, if one was queued; the oldest first.
    pub(super) fn next_produce_failure(&mut self, topic: &str, partition: i32) -> Option<ErrorCode> {
        self.produce.retain(|fault| fault.times > 0);
        let fault =
            self.produce.iter_mut().find(|fault| fault.topic == topic && fault.partition == partition)?;
        fault.times -= 1;
        Some(fault.code)
    }

    pub(super) fn fail_metadata(&mut self, topic: &str, code: ErrorCode, times: usize) {
        self.metadata.push(MetadataFault { topic: topic.to_owned(), code, times });
    }

    /// The code to answer the next question about the topic with, if one was queued; the oldest first.
    pub(super) fn next_metadata_failure(&mut self, topic: &str) -> Option<ErrorCode> {
        self.metadata.retain(|fault| fault.times > 0);
        let fault = self.metadata.iter_mut().find(|fault| fault.topic == topic)?;
        fault.times -= 1;
        Some(fault.code)
    }

    pub(super) fn fail_init_producer_id(&mut self, code: ErrorCode, times: usize) {
        self.init_producer_id.push(InitProducerIdFault { code, times });
    }

    /// The code to answer the next question for a producer id with, if one was queued; the oldest first.
    pub(super) fn next_init_producer_id_failure(&mut self) -> Option<ErrorCode> {
        self.init_producer_id.retain(|fault| fault.times > 0);
        let fault = self.init_producer_id.first_mut()?;
        fault.times -= 1;
        Some(fault.code)
    }

    pub(super) fn takes_cut(&mut self, broker: usize) -> bool {
        for cuts in [&mut self.cuts_by_broker[broker], &mut self.cuts] {
            if let Some(rest) = cuts.checked_sub(1) {
                *cuts = rest;
                return true;
            }
        }
        false
    }
}

/// Whether a broker that answers so has appended the batch first.
pub(super) fn is_after_append(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::REQUEST_TIMED_OUT | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND)
}
