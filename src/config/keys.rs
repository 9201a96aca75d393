//! The settings by name: one table to read them from texts and to show them.

use super::dialect::{self, Dialect};
use super::key::{Given, Key};
use super::later::{self, Later};
use super::librdkafka;
use super::partitioning;
use super::producer_config::ProducerConfig;
use super::values::{
    ACKS, COMPRESSION, FLAG, GZIP_LEVEL, IDLE_MILLIS, LEVEL, LIMIT_MILLIS, LIST, LZ4_LEVEL, MILLIS, NUMBER,
    OPTIONAL_MILLIS, OPTIONAL_NUMBER, RETRIES, Refusal, SECURITY_PROTOCOL, SOCKET_BUFFER, SOCKET_OPTIONS,
    TEXT, ZSTD_LEVEL,
};
use crate::error::{ConfigProblem, ConfigProblemKind};

/// A setting of a text that was not set.
pub(super) struct Unset {
    pub(super) problem: ConfigProblem,
    /// `from_shared` may ignore it.
    pub(super) may_be_left_out: bool,
}

/// Sets the setting `key` to `value`. Both were written for the client `dialect`. `written_as` is the key in the input.
pub(super) fn set(
    config: &mut ProducerConfig,
    given: &mut Given,
    dialect: Dialect,
    (key, written_as): (&str, &str),
    value: &str,
) -> Result<(), Unset> {
    let (key, written_as, value) = (key.trim(), written_as.trim(), value.trim());
    let name = key.replace('.', "_");
    // A password may be before the `@` of an address.
    let mut secret = is_secret(&name) || value.contains('@');
    let (refusal, may_be_left_out) = match find(dialect, &name) {
        Found::Key(known) => match known.set(config, given, written_as, value) {
            Ok(()) => return Ok(()),
            Err(refusal) => {
                let needs_code = refusal.kind == ConfigProblemKind::NeedsCode;
                (refusal, needs_code)
            }
        },
        Found::Later(later) => match later.refuse(value) {
            None => return Ok(()),
            Some(refusal) => (refusal, later.may_be_left_out() && !is_of_tls(&name)),
        },
        // The value may be a secret of another program, whatever the name is.
        Found::Owner(owner) => {
            secret = true;
            let why = format!("{owner}; remove it");
            (Refusal { kind: ConfigProblemKind::Inapplicable, why }, true)
        }
        Found::Nothing => {
            let closest = closest(&name);
            secret = secret || closest.is_none_or(is_secret);
            let why = match closest {
                // The other names in the text most likely have dots too.
                Some(known) if key.contains('.') => {
                    format!("there is no such setting; did you mean {}?", known.replace('_', "."))
                }
                Some(known) => format!("there is no such setting; did you mean {known}?"),
                None => "no Kafka producer has this setting; remove it".to_owned(),
            };
            (
                Refusal { kind: ConfigProblemKind::Unknown, why },
                !(is_of_safety(&name) || closest.is_some_and(is_of_safety)),
            )
        }
    };
    let Refusal { kind, why } = refusal;
    let value = (!secret).then(|| value.to_owned());
    Err(Unset { problem: ConfigProblem { kind, key: written_as.to_owned(), value, why }, may_be_left_out })
}

enum Found {
    Key(&'static Key),
    Later(&'static Later),
    /// A setting of another program; says which.
    Owner(&'static str),
    Nothing,
}

fn find(dialect: Dialect, name: &str) -> Found {
    if dialect == Dialect::Java && name == "allow_auto_create_topics" {
        return Found::Owner("in Java it is a setting of consumers");
    }
    if dialect == Dialect::Librdkafka {
        if let Some(key) = librdkafka::OTHERWISE.iter().find(|known| known.name == name) {
            return Found::Key(key);
        }
        if let Some(later) = librdkafka::NOT_HERE.iter().find(|later| later.name == name) {
            return Found::Later(later);
        }
    }
    let key = all().find(|known| known.name == name).map(Found::Key);
    let theirs = || librdkafka::LATER.iter().find(|later| later.name == name);
    let key = key.or_else(|| later::find(name).or_else(theirs).map(Found::Later));
    key.or_else(|| dialect::owner(name).map(Found::Owner)).unwrap_or(Found::Nothing)
}

/// All settings that have an effect.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    #[cfg(any(feature = "tls", feature = "rustls"))]
    let more = super::tls::KEYS.iter().chain(std::iter::once(&super::tls::ENDPOINT_IDENTIFICATION));
    #[cfg(not(any(feature = "tls", feature = "rustls")))]
    let more = std::iter::empty();
    KEYS.iter()
        .chain(partitioning::KEYS)
        .chain(librdkafka::KEYS)
        .chain(super::sasl::KEYS)
        .chain(super::proxy::KEYS)
        .chain(more)
}

/// A misspelt name of such a setting must not make records less safe than intended.
fn is_of_safety(name: &str) -> bool {
    is_of_tls(name)
        || name.starts_with("sasl_")
        || ["acks", "enable_idempotence", "transactional_id"].contains(&name)
}

fn is_of_tls(name: &str) -> bool {
    name.starts_with("ssl_") || name.starts_with("security_")
}

/// Whether the value may be a secret. The name may be misspelt: that must not bring a password into a log.
fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["pass", "secret", "token", "credential", "auth", "jaas", "certificate", "pem", "proxy"];
    let name = name.to_ascii_lowercase();
    name.ends_with("key") || WORDS.iter().any(|word| name.contains(word))
}

/// The setting with the most similar name, if there is a similar one.
fn closest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    // If more than a third of the letters differ, it is another word.
    let most = |known: &str| (known.len() / 3).max(2);
    let all = all()
        .map(|key| key.name)
        .chain(later::names())
        .chain(librdkafka::LATER.iter().map(|later| later.name));
    // A key may be a whole line by mistake. The cost of a comparison grows with the length of both.
    let similar = all.filter(|known| known.len().abs_diff(name.len()) <= most(known));
    let (distance, closest) = similar.map(|known| (distance(known, &name), known)).min()?;
    (distance <= most(closest)).then_some(closest)
}

macro_rules! keys {
    ($( $name:ident: $kind:ident($($field:ident).+ $(, $effective:ident)?) ),* $(,)?) => {
        /// The settings except those of TLS, SASL and proxies, in the order of the documentation.
        pub(crate) const KEYS: &[Key] = &[$(
            Key {
                name: stringify!($name),
                of: stringify!($name),
                set: |config, value| ($kind.read)(value).map(|value| config.$($field).+ = value.into()),
                show: |config| ($kind.show)(&keys!(@ config $($field).+ $(, $effective)?)),
            },
        )*];
    };
    (@ $config:ident $($field:ident).+) => { $config.$($field).+ };
    (@ $config:ident $field:ident, $effective:ident) => { $config.effective().$effective().into() };
}

// After the comma: the method of `Effective` that returns the value if it was not set.
keys! {
    bootstrap_servers: LIST(bootstrap_servers),
    client_id: TEXT(client_id),
    security_protocol: SECURITY_PROTOCOL(security_protocol, security_protocol),
    acks: ACKS(acks),
    enable_idempotence: FLAG(enable_idempotence, idempotence),
    compression_type: COMPRESSION(compression),
    compression_level: LEVEL(compression_level),
    compression_gzip_level: GZIP_LEVEL(codec_levels.gzip),
    compression_lz4_level: LZ4_LEVEL(codec_levels.lz4),
    compression_zstd_level: ZSTD_LEVEL(codec_levels.zstd),
    retries: RETRIES(retries),
    batch_size: NUMBER(batch_size, batch_size),
    batch_max_bytes: OPTIONAL_NUMBER(batch_max_bytes, batch_max_bytes),
    batch_num_records: OPTIONAL_NUMBER(batch_num_records),
    manual_flush: FLAG(manual_flush),
    produce_request_max_bytes: OPTIONAL_NUMBER(produce_request_max_bytes, produce_request_max_bytes),
    linger_ms: MILLIS(linger),
    buffer_memory: NUMBER(buffer_memory),
    max_block_ms: LIMIT_MILLIS(max_block),
    max_request_size: NUMBER(max_request_size, max_request_size),
    max_in_flight_requests_per_connection: NUMBER(max_in_flight_requests_per_connection, max_in_flight),
    request_timeout_ms: MILLIS(request_timeout),
    ack_timeout_ms: MILLIS(ack_timeout, ack_timeout),
    delivery_timeout_ms: OPTIONAL_MILLIS(delivery_timeout, delivery_timeout),
    exit_timeout_ms: LIMIT_MILLIS(exit_timeout),
    retry_backoff_ms: MILLIS(retry_backoff),
    retry_backoff_max_ms: MILLIS(retry_backoff_max, retry_backoff_max),
    reconnect_backoff_ms: MILLIS(reconnect_backoff),
    reconnect_backoff_max_ms: MILLIS(reconnect_backoff_max, reconnect_backoff_max),
    socket_connection_setup_timeout_ms: MILLIS(socket_connection_setup_timeout),
    socket_connection_setup_timeout_max_ms: MILLIS(socket_connection_setup_timeout_max, socket_connection_setup_timeout_max),
    connections_max_idle_ms: IDLE_MILLIS(connections_max_idle),
    metadata_max_age_ms: MILLIS(metadata_max_age),
    metadata_max_idle_ms: MILLIS(metadata_max_idle),
    allow_auto_create_topics: FLAG(allow_auto_create_topics),
    receive_message_max_bytes: NUMBER(receive_message_max_bytes),
    send_buffer_bytes: SOCKET_BUFFER(send_buffer_bytes),
    receive_buffer_bytes: SOCKET_BUFFER(receive_buffer_bytes),
    socket_options: SOCKET_OPTIONS(socket_options),
    sock_chunk_bytes: NUMBER(sock_chunk_bytes),
    sock_chunk_buffer_count: NUMBER(sock_chunk_buffer_count),
    partitioner_ignore_keys: FLAG(partitioner_ignore_keys),
    partitioner_adaptive_partitioning_enable: FLAG(partitioner_adaptive_partitioning_enable),
    partitioner_availability_timeout_ms: MILLIS(partitioner_availability_timeout),
    default_topic: TEXT(default_topic),
}

/// How many letters must change to make one word from the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
