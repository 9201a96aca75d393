//! The requests of the sender, and how their outcomes come back to it.

use crate::client::{KafkaClient, Outcome, Tag};
use crate::error::Stage;
use crate::protocol::{InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse};

/// The client of the sender.
pub(crate) type Client = KafkaClient<Over>;

/// The outcome of a request.
pub(crate) enum Over {
    /// With the sender's number of the request.
    Produce(u64, Outcome<ProduceResponse>),
    InitProducerId(Outcome<InitProducerIdResponse>),
}

/// With the sender's number of the request.
pub(crate) struct Produce(pub(crate) u64);

impl Tag<Over> for Produce {
    type Request = ProduceRequest;

    const STAGE: Stage = Stage::Produce;

    fn over(self, outcome: Outcome<ProduceResponse>) -> Over {
        Over::Produce(self.0, outcome)
    }
}

pub(crate) struct InitProducerId;

impl Tag<Over> for InitProducerId {
    type Request = InitProducerIdRequest;

    const STAGE: Stage = Stage::InitProducerId;

    fn over(self, outcome: Outcome<InitProducerIdResponse>) -> Over {
        Over::InitProducerId(outcome)
    }
}
