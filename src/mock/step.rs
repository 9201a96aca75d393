//! What a mechanism of SASL makes of a token, on the broker's side.

/// What comes of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Challenge(Vec<u8>),
    Accepted {
        principal: String,
        last: Vec<u8>,
    },
    /// Without telling why: it could help who guesses.
    Refused,
    RefusedBecause(String),
}
