//! The client's own tags, beside those of its user.

use crate::client::coordinator::Key;
use crate::client::request::{Answer, Loss, Outcome, Pending, ResponseTo, Tag, Unreadable};
use crate::error::Stage;
use crate::protocol::{
    ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse,
};

/// The outcome of a request.
pub(super) enum RequestEvent<E> {
    /// For the user of the client.
    Over(E),
    /// The same, with the code by which a coordinator may say that it is not one any more.
    OfCoordinator(Key, ErrorCode, E),
    /// In this version.
    Metadata(i16, Outcome<MetadataResponse>),
    Coordinator(Key, Outcome<FindCoordinatorResponse>),
    /// The bytes of the answer. The authentication of the session reads them.
    Sasl(Outcome<Vec<u8>>),
}

pub(super) struct Users<T>(pub(super) T);

impl<E, T: Tag<E>> Tag<RequestEvent<E>> for Users<T> {
    type Request = T::Request;

    const STAGE: Stage = T::STAGE;

    fn over(self, outcome: Outcome<ResponseTo<T::Request>>) -> RequestEvent<E> {
        RequestEvent::Over(self.0.over(outcome))
    }
}

pub(super) struct OfCoordinator<T> {
    pub(super) key: Key,
    pub(super) tag: T,
}

impl<E, T: Tag<E>> Tag<RequestEvent<E>> for OfCoordinator<T> {
    type Request = T::Request;

    const STAGE: Stage = T::STAGE;

    fn over(self, outcome: Outcome<ResponseTo<T::Request>>) -> RequestEvent<E> {
        let code = match &outcome {
            Outcome::Answered(response) => T::code(response),
            Outcome::Written | Outcome::Lost(_) => ErrorCode::NONE,
        };
        RequestEvent::OfCoordinator(self.key, code, self.tag.over(outcome))
    }
}

pub(super) struct MetadataTag {
    pub(super) version: i16,
}

impl<E> Tag<RequestEvent<E>> for MetadataTag {
    type Request = MetadataRequest;

    const STAGE: Stage = Stage::Metadata;

    fn over(self, outcome: Outcome<MetadataResponse>) -> RequestEvent<E> {
        RequestEvent::Metadata(self.version, outcome)
    }
}

pub(super) struct CoordinatorTag(pub(super) Key);

impl<E> Tag<RequestEvent<E>> for CoordinatorTag {
    type Request = FindCoordinatorRequest;

    const STAGE: Stage = Stage::FindCoordinator;

    fn over(self, outcome: Outcome<FindCoordinatorResponse>) -> RequestEvent<E> {
        RequestEvent::Coordinator(self.0, outcome)
    }
}

/// The requests of an authentication.
pub(super) struct Sasl;

impl<E> Pending<RequestEvent<E>> for Sasl {
    fn stage(&self) -> Stage {
        Stage::Sasl
    }

    fn answered(
        self: Box<Self>,
        _: i16,
        frame: &[u8],
    ) -> Result<Answer<RequestEvent<E>>, Unreadable<RequestEvent<E>>> {
        Ok(Answer { event: RequestEvent::Sasl(Outcome::Answered(frame.to_vec())), throttle_ms: 0 })
    }

    fn written(self: Box<Self>) -> RequestEvent<E> {
        RequestEvent::Sasl(Outcome::Written)
    }

    fn lost(self: Box<Self>, loss: Loss) -> RequestEvent<E> {
        RequestEvent::Sasl(Outcome::Lost(loss))
    }
}
