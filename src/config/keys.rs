//! The settings by name: one table to read them from texts and to show them.

use super::dialect::{self, Dialect};
use super::key::{Given, Key};
use super::later::{self, Later};
use super::librdkafka;
use super::partitioning;
use super::producer_config::ProducerConfig;
use super::providers;
use super::references::{self, Reference, Text};
use super::values::{
    ACKS, ADDRESS_FAMILY, COMPRESSION, FLAG, GZIP_LEVEL, IDLE_MILLIS, LEVEL, LIMIT_MILLIS, LIST, LZ4_LEVEL,
    MILLIS, NUMBER, OPTIONAL_MILLIS, OPTIONAL_NUMBER, RECOVERY, RETRIES, Refusal, SECURITY_PROTOCOL,
    SOCKET_BUFFER, SOCKET_OPTIONS, TEXT, ZSTD_LEVEL,
};
use crate::error::{ConfigProblem, ConfigProblemKind};

/// A setting of a text that was not set.
pub(super) struct Unset {
    pub(super) problem: ConfigProblem,
    /// `from_shared` may ignore it.
    pub(super) may_be_left_out: bool,
}

/// Sets the setting that `text` names to its value. Both were written for the client `dialect`.
pub(super) fn set(
    config: &mut ProducerConfig,
    given: &mut Given,
    dialect: Dialect,
    text: Text<'_>,
) -> Result<(), Unset> {
    let (key, written_as, value) = (text.name.trim(), text.written_as.trim(), text.value.trim());
    let text = Text { written_as, value, ..text };
    let name = key.replace('.', "_");
    // A password may be before the `@` of an address.
    let mut secret = is_secret(&name) || value.contains('@');
    let found = find(dialect, &name);
    let resolved = match &found {
        Found::Key(_) | Found::Later(_) => config.providers.resolve(value, secret),
        Found::Provider | Found::Owner(_) | Found::Nothing => Ok(None),
    };
    let (reference, unresolved) = match resolved {
        Ok(reference) => (reference, None),
        Err(why) => (None, Some(why).filter(|_| found.is_used(&name))),
    };
    let (refusal, may_be_left_out) = match &found {
        Found::Provider => return Ok(()),
        _ if unresolved.is_some() => (unresolved.unwrap_or_default().into(), false),
        Found::Key(known) => match known.set(config, given, text, reference.clone()) {
            Ok(()) => return Ok(()),
            Err(refusal) => {
                let needs_code = refusal.kind == ConfigProblemKind::NeedsCode;
                (refusal, needs_code)
            }
        },
        Found::Later(later) => match later.refuse(reference.as_ref().map_or(value, Reference::value)) {
            None => return Ok(()),
            Some(refusal) => (refusal, !found.is_used(&name)),
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
    let mut problem = ConfigProblem { kind, key: written_as.to_owned(), line: text.place.line(), value, why };
    if let Some(reference) = reference {
        reference.hide(&mut problem);
    }
    Err(Unset { problem, may_be_left_out })
}

enum Found {
    Key(&'static Key),
    Later(&'static Later),
    /// A setting of a config provider, which is set before the others.
    Provider,
    /// A setting of another program; says which.
    Owner(&'static str),
    Nothing,
}

impl Found {
    /// Whether `from_shared` must not ignore the setting with this name.
    fn is_used(&self, name: &str) -> bool {
        match self {
            Self::Key(_) => true,
            Self::Later(later) => !later.may_be_left_out() || is_of_tls(name),
            Self::Provider | Self::Owner(_) | Self::Nothing => false,
        }
    }
}

/// The config providers that the value of a setting needs.
pub(super) fn providers_for<'a>(
    dialect: Dialect,
    text: &Text<'a>,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let name = text.name.trim().replace('.', "_");
    let value = if find(dialect, &name).is_used(&name) { text.value } else { "" };
    references::providers_in(value)
}

fn find(dialect: Dialect, name: &str) -> Found {
    if name != "config_providers" && providers::is_of_providers(name) {
        return Found::Provider;
    }
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
        .chain(providers::KEYS)
        .chain(more)
}

/// Whether it is the name of a setting, in any dialect and of any client.
#[cfg(feature = "yaml")]
pub(super) fn is_known(name: &str) -> bool {
    !named(name).all(|found| matches!(found, Found::Nothing))
}

/// Whether it is the name of a setting of a producer.
#[cfg(feature = "yaml")]
pub(super) fn takes_a_value(name: &str) -> bool {
    named(name).any(|found| matches!(found, Found::Key(_) | Found::Later(_) | Found::Provider))
}

/// Whether it is the name of a setting that has an effect and takes no list.
#[cfg(feature = "yaml")]
pub(super) fn takes_one_value(name: &str) -> bool {
    named(name).any(|found| matches!(found, Found::Key(key) if !key.form.starts_with("list")))
}

#[cfg(feature = "yaml")]
fn named(name: &str) -> impl Iterator<Item = Found> {
    let name = name.replace('.', "_");
    [Dialect::KafkaPython, Dialect::Librdkafka].into_iter().map(move |dialect| find(dialect, &name))
}

/// A misspelt name of such a setting must not make records less safe than intended.
fn is_of_safety(name: &str) -> bool {
    is_of_tls(name)
        || name.starts_with("sasl_")
        || ["acks", "enable_idempotence", "transactional_id"].contains(&name)
}

/// Whether a field of a broker seems to be about TLS or SASL. Such a field has no fixed name.
#[cfg(feature = "yaml")]
pub(super) fn is_of_security(field: &str) -> bool {
    const WORDS: [&str; 8] = ["ssl", "tls", "sasl", "secur", "protocol", "user", "scram", "kerberos"];
    let field = field.to_ascii_lowercase();
    is_secret(&field) || WORDS.iter().any(|word| field.contains(word))
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
pub(super) fn closest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
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
    ($( $name:ident: $kind:ident($($field:ident).+ $(, $effective:ident)?) = $meaning:literal ),* $(,)?) => {
        /// The settings except those of TLS, SASL and proxies, in the order of the documentation.
        pub(crate) const KEYS: &[Key] = &[$(
            Key {
                name: stringify!($name),
                of: stringify!($name),
                set: |config, value| ($kind.read)(value).map(|value| config.$($field).+ = value.into()),
                show: |config| ($kind.show)(&keys!(@ config $($field).+ $(, $effective)?)),
                copy: |config, from| config.$($field).+ = from.$($field).+.clone(),
                form: $kind.form,
                meaning: $meaning,
            },
        )*];
    };
    (@ $config:ident $($field:ident).+) => { $config.$($field).+ };
    (@ $config:ident $field:ident, $effective:ident) => { $config.effective().$effective().into() };
}

// After the comma: the method of `Effective` that returns the value if it was not set. After the equals sign: the meaning.
keys! {
    bootstrap_servers: LIST(bootstrap_servers) = "The brokers to connect to first, each as `host:port`. The default port is 9092.",
    client_id: TEXT(client_id) = "The name of this client in the logs and quotas of the brokers. Default: `kafka-producer-N`, where N is a counter of the process.",
    security_protocol: SECURITY_PROTOCOL(security_protocol, security_protocol) = "Whether connections use TLS, SASL, both or neither. The default is `SSL` if CAs, a certificate, a key or a revocation list are set.",
    acks: ACKS(acks) = "How many replicas must store a record before the record counts as stored.",
    enable_idempotence: FLAG(enable_idempotence, idempotence) = "Whether each record is stored exactly once and in order. By default it is enabled, unless `acks` or `retries` disables it.",
    compression_type: COMPRESSION(compression) = "The codec that batches are compressed with. Each codec requires the feature with its name.",
    compression_level: LEVEL(compression_level, compression_level) = "The compression level. By default it is the default level of the codec.",
    compression_gzip_level: GZIP_LEVEL(codec_levels.gzip) = "The compression level of gzip. It overrides `compression_level`.",
    compression_lz4_level: LZ4_LEVEL(codec_levels.lz4) = "Java's level for lz4. If `compression_type` is `lz4`, the value must be 9, because lz4 has no levels in this crate. With another codec the value has no effect.",
    compression_zstd_level: ZSTD_LEVEL(codec_levels.zstd) = "The compression level of zstd. It overrides `compression_level`.",
    retries: RETRIES(retries) = "How many times a batch is sent again after a retriable error, within `delivery_timeout_ms`.",
    batch_size: NUMBER(batch_size, batch_size) = "The size in bytes at which a batch is full and is sent without waiting for `linger_ms`.",
    batch_max_bytes: OPTIONAL_NUMBER(batch_max_bytes, batch_max_bytes) = "The size in bytes up to which a batch grows while it can't be sent. By default it follows `max_request_size`.",
    batch_num_records: OPTIONAL_NUMBER(batch_num_records) = "The largest number of records in a batch. A batch with this number of records is sent without waiting for `linger_ms`.",
    manual_flush: FLAG(manual_flush) = "Whether records are sent only by `flush` and `close`, or if memory is needed.",
    produce_request_max_bytes: OPTIONAL_NUMBER(produce_request_max_bytes, produce_request_max_bytes) = "The largest total size in bytes of the batches in one request. By default it depends on `buffer_memory` and `max_request_size`.",
    linger_ms: MILLIS(linger) = "How long a batch waits for more records before it is sent.",
    buffer_memory: NUMBER(buffer_memory) = "How many bytes of memory records can take while they wait to be sent or acknowledged.",
    max_block_ms: LIMIT_MILLIS(max_block) = "How long `send` can block, for metadata and memory together.",
    max_request_size: NUMBER(max_request_size, max_request_size) = "The largest size in bytes of a record and of a batch.",
    max_in_flight_requests_per_connection: NUMBER(max_in_flight_requests_per_connection, max_in_flight) = "How many requests to one broker can be in flight at the same time. More than 5 is an error unless `enable_idempotence` is false.",
    request_timeout_ms: MILLIS(request_timeout) = "How long a broker can take to respond to a request.",
    ack_timeout_ms: MILLIS(ack_timeout, ack_timeout) = "How long a broker waits for the replicas that `acks` requires. By default it is `request_timeout_ms`.",
    delivery_timeout_ms: OPTIONAL_MILLIS(delivery_timeout, delivery_timeout) = "How long a record can take from `send` to its result, including all attempts. It must be at least `linger_ms` plus `request_timeout_ms`.",
    exit_timeout_ms: LIMIT_MILLIS(exit_timeout) = "How long an open producer can take to send the buffered records when the process ends.",
    retry_backoff_ms: MILLIS(retry_backoff) = "How long a batch waits after its first failure before it is sent again. Each further failure doubles the wait.",
    retry_backoff_max_ms: MILLIS(retry_backoff_max, retry_backoff_max) = "The longest wait before a batch is sent again.",
    reconnect_backoff_ms: MILLIS(reconnect_backoff) = "How long the producer waits after the first failure before it connects to a broker again. Each further failure doubles the wait.",
    reconnect_backoff_max_ms: MILLIS(reconnect_backoff_max, reconnect_backoff_max) = "The longest wait before the producer connects to a broker again. By default it is 1000 for a broker that is needed.",
    socket_connection_setup_timeout_ms: MILLIS(socket_connection_setup_timeout) = "How long the first attempt to connect to one address of a broker can take, up to the broker's first response.",
    socket_connection_setup_timeout_max_ms: MILLIS(socket_connection_setup_timeout_max, socket_connection_setup_timeout_max) = "The longest time that an attempt to connect can take. Each failed attempt doubles the time.",
    connections_max_idle_ms: IDLE_MILLIS(connections_max_idle) = "How long a connection can be unused before it is closed. The value `-1` means `none`.",
    metadata_max_age_ms: MILLIS(metadata_max_age) = "The age at which metadata is requested again even if no error requires it.",
    metadata_max_idle_ms: MILLIS(metadata_max_idle) = "How long the producer keeps the metadata of a topic after the last record was sent to the topic.",
    metadata_recovery_strategy: RECOVERY(metadata_recovery_strategy)
        = "What the producer does when all brokers of the cluster have failed: it also connects to `bootstrap_servers` again, or not.",
    broker_address_family: ADDRESS_FAMILY(broker_address_family)
        = "Which addresses of a host name are used.",
    allow_auto_create_topics: FLAG(allow_auto_create_topics) = "Whether the producer asks the cluster to create a topic that does not exist.",
    receive_message_max_bytes: NUMBER(receive_message_max_bytes) = "The size in bytes of the largest response that the producer reads.",
    send_buffer_bytes: SOCKET_BUFFER(send_buffer_bytes) = "The size in bytes of the socket's send buffer (`SO_SNDBUF`). By default the system chooses the size.",
    receive_buffer_bytes: SOCKET_BUFFER(receive_buffer_bytes) = "The size in bytes of the socket's receive buffer (`SO_RCVBUF`). By default the system chooses the size.",
    socket_options: SOCKET_OPTIONS(socket_options) = "Whether small packets are sent at once (`TCP_NODELAY`), and whether the system probes idle connections (`SO_KEEPALIVE`).",
    sock_chunk_bytes: NUMBER(sock_chunk_bytes) = "How many bytes are read from a socket at a time.",
    sock_chunk_buffer_count: NUMBER(sock_chunk_buffer_count) = "How many times one socket is read before the other sockets are read.",
    partitioner_ignore_keys: FLAG(partitioner_ignore_keys) = "Whether the default partitioner ignores the keys of records.",
    partitioner_adaptive_partitioning_enable: FLAG(partitioner_adaptive_partitioning_enable) = "Whether partitions whose leader responds slowly get fewer records without a key.",
    partitioner_availability_timeout_ms: MILLIS(partitioner_availability_timeout) = "A partition is not chosen for records without a key while a batch has waited for its leader for longer than this. The value 0 means no timeout.",
    partitioner_rack_aware: FLAG(partitioner_rack_aware) = "Whether `StickyPartitioner` sends records without a key only to partitions whose leader is in the rack `client_rack`, if there are any.",
    client_rack: TEXT(client_rack) = "The rack of this producer, as the brokers have it in `broker.rack`. It has an effect only with `partitioner_rack_aware`.",
    metrics_enabled: FLAG(metrics.enabled) = "Whether the producer records metrics.",
    metrics_num_samples: NUMBER(metrics.num_samples) = "The number of sample windows that rates, averages and maximums are computed over.",
    metrics_sample_window_ms: MILLIS(metrics.sample_window) = "The length of a sample window.",
    default_topic: TEXT(default_topic) = "The topic of records without a topic.",
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
