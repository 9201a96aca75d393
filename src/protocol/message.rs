//! `message!`: one definition per API, for both directions and all versions.
//!
//! A definition names the API, its versions, its request, its response and the structs inside them:
//!
//! ```text
//! message! {
//!     api HEARTBEAT, versions 0..=4, flexible since 4;
//!
//!     /// Documentation goes on as it is.
//!     request HeartbeatRequest {
//!         group_id: String;                                       // in every version
//!         generation_id: i32 = -1;                                // with a default other than the type's own
//!         group_instance_id: Option<String>, since 3;             // in versions 3 and up
//!         reason: String, since 1, until 2;                       // in versions 1 and 2
//!         members: Option<Vec<Member>>, nullable since 2;         // null allowed in versions 2 and up
//!         hint: Hint, since 4, tag 0;                             // tagged field 0 in versions 4 and up
//!     }
//!
//!     response HeartbeatResponse { .. }
//!
//!     struct Member { .. }
//! }
//! ```
//!
//! The clauses stand in this order, each may be left out, and a field ends with a semicolon. Fields are written in
//! the order given; types are those that implement [`Field`], a nested struct among them; `Option` is what may be
//! null, in all versions unless `nullable since` says from when. A message that never becomes flexible says
//! `flexible since NEVER`. One whose answers ask for quiet (`throttle_time_ms`) says since which version that time is
//! still to come, and one that may get no answer by which value of a field: `flexible since 9, throttles since 6,
//! unanswered with acks 0`.
//!
//! What comes out is plain: a struct with these public fields and `unknown_tags`, with `Debug`, `Clone`, `PartialEq`
//! and `Default`, and [`Field`] for it; for the request and the response [`Message`], and for the request [`Request`].
//!
//! - A field that a version does not have is not written, whatever it holds, and is read as its default.
//! - Null where the version does not allow it is written as empty, and refused when read.
//! - A tagged field that equals its default is not written.
//! - Tagged fields nobody knows are kept in `unknown_tags`, so what was read is written as it came.

use std::fmt;
use std::ops::RangeInclusive;

use super::api::ApiKey;
use super::field::{Field, Version};
use super::wire::{DecodeError, Reader};
use super::writer::Writer;

/// A request or a response.
pub(crate) trait Message: Field + fmt::Debug {
    const KEY: ApiKey;
    /// What we speak.
    const VERSIONS: RangeInclusive<i16>;
    const FLEXIBLE_SINCE: i16;

    /// Writes the body in a version out of [`Message::VERSIONS`].
    fn encode(&self, out: &mut Writer, version: i16) {
        self.write(out, Version::new(version, Self::FLEXIBLE_SINCE));
    }

    fn decode(input: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        Self::read(input, Version::new(version, Self::FLEXIBLE_SINCE))
    }
}

/// A request, which knows what its answer looks like.
pub(crate) trait Request: Message {
    type Response: Message;

    /// For how long from now on the broker asks for quiet, by an answer in `version`. In versions before KIP-219 that
    /// time is over when it is told: the broker has held its answer back.
    fn throttle_ms(response: &Self::Response, version: i16) -> i32;

    /// Whether it gets an answer at all.
    fn is_answered(&self) -> bool;
}

/// For `flexible since`: in no version.
pub(crate) const NEVER: i16 = i16::MAX;

macro_rules! message {
    (
        api $key:ident, versions $versions:expr, flexible since $flexible:expr
            $(, throttles since $throttles:literal)? $(, unanswered with $field:ident $value:literal)?;

        $(#[$request_meta:meta])*
        request $request:ident { $($request_fields:tt)* }

        $(#[$response_meta:meta])*
        response $response:ident { $($response_fields:tt)* }

        $(
            $(#[$meta:meta])*
            struct $name:ident { $($fields:tt)* }
        )*
    ) => {
        message!(@struct [$(#[$request_meta])*] $request { $($request_fields)* });
        message!(@message $request, $key, $versions, $flexible);
        message!(@struct [$(#[$response_meta])*] $response { $($response_fields)* });
        message!(@message $response, $key, $versions, $flexible);
        $( message!(@struct [$(#[$meta])*] $name { $($fields)* }); )*

        impl $crate::protocol::message::Request for $request {
            type Response = $response;

            fn throttle_ms(response: &$response, version: i16) -> i32 {
                message!(@throttle response, version $(, $throttles)?)
            }

            fn is_answered(&self) -> bool {
                true $(&& self.$field != $value)?
            }
        }
    };

    (@throttle $response:ident, $version:ident) => {{
        let _ = ($response, $version);
        0
    }};
    (@throttle $response:ident, $version:ident, $since:literal) => {
        if $version >= $since { $response.throttle_time_ms } else { 0 }
    };

    (@message $name:ident, $key:ident, $versions:expr, $flexible:expr) => {
        impl $crate::protocol::message::Message for $name {
            const KEY: $crate::protocol::api::ApiKey = $crate::protocol::api::ApiKey::$key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
            const FLEXIBLE_SINCE: i16 = $flexible;
        }
    };

    (@struct [$(#[$meta:meta])*] $name:ident {
        $(
            $(#[$field_meta:meta])*
            $field:ident: $type:ty $(= $default:expr)?
                $(, since $since:literal)? $(, until $until:literal)?
                $(, nullable since $nullable:literal)? $(, tag $tag:literal)?;
        )*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name {
            $( $(#[$field_meta])* pub(crate) $field: $type, )*
            /// Tagged fields without a name here.
            pub(crate) unknown_tags: $crate::protocol::field::UnknownTags,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: message!(@default $($default)?), )*
                    unknown_tags: Default::default(),
                }
            }
        }

        impl $crate::protocol::field::Field for $name {
            fn write(
                &self,
                out: &mut $crate::protocol::writer::Writer,
                version: $crate::protocol::field::Version,
            ) {
                $( if version.is_within(message!(@since $($since)?), message!(@until $($until)?)) {
                    message!(@write [$($tag)?] [$($nullable)?] &self.$field, out, version);
                } )*
                if version.is_flexible() {
                    #[allow(unused_mut, reason = "not every struct has tagged fields of its own")]
                    let mut tags = Vec::new();
                    $( message!(@write_tag [$($tag)?]
                        message!(@since $($since)?), message!(@until $($until)?),
                        &self.$field, $type, message!(@default $($default)?), tags, version); )*
                    $crate::protocol::field::write_tags(tags, &self.unknown_tags, out);
                }
            }

            fn read(
                input: &mut $crate::protocol::wire::Reader<'_>,
                version: $crate::protocol::field::Version,
            ) -> Result<Self, $crate::protocol::wire::DecodeError> {
                let mut value = Self::default();
                $( if version.is_within(message!(@since $($since)?), message!(@until $($until)?)) {
                    message!(@read [$($tag)?] [$($nullable)?] value.$field, input, version,
                        concat!(stringify!($name), ".", stringify!($field)));
                } )*
                if version.is_flexible() {
                    #[allow(unused_variables, reason = "not every struct has tagged fields of its own")]
                    let unknown = $crate::protocol::field::read_tags(input, |tag, content| {
                        $( message!(@read_tag [$($tag)?]
                            message!(@since $($since)?), message!(@until $($until)?),
                            value.$field, tag, content, version,
                            concat!(stringify!($name), ".", stringify!($field))); )*
                        Ok(false)
                    })?;
                    value.unknown_tags = unknown;
                }
                Ok(value)
            }
        }
    };

    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@since) => { 0 };
    (@since $since:literal) => { $since };
    (@until) => { i16::MAX };
    (@until $until:literal) => { $until };

    // Fields in their order; what has a tag is left to the tagged section.
    (@write [] [] $value:expr, $out:ident, $version:ident) => {
        $crate::protocol::field::Field::write($value, $out, $version);
    };
    (@write [] [$nullable:literal] $value:expr, $out:ident, $version:ident) => {
        $crate::protocol::field::write_nullable($value, $nullable, $out, $version);
    };
    (@write [$tag:literal] [] $($rest:tt)*) => {};

    (@read [] [] $place:expr, $input:ident, $version:ident, $name:expr) => {
        $place = $crate::protocol::field::Field::read($input, $version).map_err(|error| error.within($name))?;
    };
    (@read [] [$nullable:literal] $place:expr, $input:ident, $version:ident, $name:expr) => {
        $place = $crate::protocol::field::read_nullable($nullable, $input, $version)
            .map_err(|error| error.within($name))?;
    };
    (@read [$tag:literal] [] $($rest:tt)*) => {};

    // The tagged section.
    (@write_tag [] $($rest:tt)*) => {};
    (@write_tag [$tag:literal] $since:expr, $until:expr, $value:expr, $type:ty, $default:expr,
        $tags:ident, $version:ident) => {
        let default: $type = $default;
        if $version.is_within($since, $until) && *$value != default {
            let mut content = $crate::protocol::writer::Writer::default();
            $crate::protocol::field::Field::write($value, &mut content, $version);
            $tags.push(($tag, content));
        }
    };

    (@read_tag [] $($rest:tt)*) => {};
    (@read_tag [$tag:literal] $since:expr, $until:expr, $place:expr, $seen:ident, $content:ident,
        $version:ident, $name:expr) => {
        if $seen == $tag && $version.is_within($since, $until) {
            $place = $crate::protocol::field::Field::read($content, $version)
                .map_err(|error| error.within($name))?;
            return Ok(true);
        }
    };
}

pub(super) use message;
