//! The settings as texts: one table, read both ways.

use std::str::FromStr;
use std::time::Duration;

use super::{Acks, ProducerConfig, SocketOptions};
use crate::error::ConfigProblem;
use crate::record::Compression;

/// One setting that a text can name.
pub(crate) struct Key {
    /// kafka-python's name, or one in its spelling; the Java client's is the same with dots.
    pub(crate) name: &'static str,
    set: fn(&mut ProducerConfig, &str) -> Result<(), String>,
    pub(crate) show: fn(&ProducerConfig) -> String,
}

/// Sets `key`, or says what is wrong.
pub(crate) fn set(config: &mut ProducerConfig, key: &str, value: &str) -> Option<ConfigProblem> {
    let (name, value) = (key.trim().replace('.', "_"), value.trim());
    let mut shown = Some(value.to_owned());
    let why = if let Some(known) = KEYS.iter().find(|known| known.name == name) {
        (known.set)(config, value).err()?
    } else if let Some(later) = LATER.iter().find(|later| later.name == name) {
        if later.secret {
            shown = None;
        }
        later.refuse(value)?
    } else if let Some((_, setter)) = CODE.iter().find(|(code, _)| *code == name) {
        if is_none(value) {
            return None;
        }
        format!("it is code, which a text can't be; {setter}")
    } else {
        match closest(&name) {
            Some(name) => format!("there is no such setting; did you mean {name}?"),
            None => "there is no such setting".to_owned(),
        }
    };
    Some(ConfigProblem { key: key.to_owned(), value: shown, why })
}

/// A setting whose feature is not there yet: taken at the value that changes nothing, refused at any other.
struct Later {
    name: &'static str,
    /// The values that change nothing, beside `none` where there is none of these.
    neutral: &'static [&'static str],
    what: &'static str,
    /// Its value is not shown.
    secret: bool,
}

impl Later {
    const fn new(name: &'static str, neutral: &'static [&'static str], what: &'static str) -> Self {
        Self { name, neutral, what, secret: false }
    }

    fn refuse(&self, value: &str) -> Option<String> {
        let neutral = match self.neutral {
            [] => is_none(value),
            values => values.iter().any(|neutral| neutral.eq_ignore_ascii_case(value)),
        };
        let only = self.neutral.first().unwrap_or(&"none");
        (!neutral).then(|| format!("{} is not there yet; only {only} is taken", self.what))
    }
}

const LATER: &[Later] = {
    const NONE: &[&str] = &[];
    &[
        Later::new("security_protocol", &["PLAINTEXT"], "another protocol"),
        Later::new("ssl_check_hostname", &["true"], "TLS"),
        Later::new("ssl_cafile", NONE, "TLS"),
        Later::new("ssl_certfile", NONE, "TLS"),
        Later::new("ssl_keyfile", NONE, "TLS"),
        Later::new("ssl_crlfile", NONE, "TLS"),
        Later::new("ssl_ciphers", NONE, "TLS"),
        Later { secret: true, ..Later::new("ssl_password", NONE, "TLS") },
        Later::new("sasl_mechanism", NONE, "SASL"),
        Later::new("sasl_plain_username", NONE, "SASL"),
        Later { secret: true, ..Later::new("sasl_plain_password", NONE, "SASL") },
        Later::new("sasl_kerberos_service_name", &["kafka"], "SASL"),
        Later::new("api_version", NONE, "pinning the version of brokers"),
        Later::new("api_version_auto_timeout_ms", &["2000"], "guessing the version of brokers before 0.10"),
        Later::new("metrics_num_samples", &["2"], "the metrics registry"),
        Later::new("metrics_sample_window_ms", &["30000"], "the metrics registry"),
        Later::new("enable_idempotence", &["false"], "idempotence"),
        Later::new("transactional_id", NONE, "transactions"),
        Later::new("transaction_timeout_ms", &["60000"], "transactions"),
        Later::new("client_dns_lookup", &["use_all_dns_ips"], "another way to use a name's addresses"),
        Later::new("metadata_recovery_strategy", &["rebootstrap"], "another way to recover"),
        Later::new("proxy_url", NONE, "a proxy"),
    ]
};

/// Settings that are code, and how to set them.
const CODE: &[(&str, &str)] = &[
    ("key_serializer", "give it to ProducerConfig::build_with"),
    ("value_serializer", "give it to ProducerConfig::build_with"),
    ("partitioner", "call ProducerConfig::partitioner"),
    ("ssl_context", "TLS is not there yet"),
    ("metric_reporters", "the metrics registry is not there yet"),
    ("selector", "mio chooses the system's best"),
];

/// The setting that is spelt most like it, if one is.
fn closest(name: &str) -> Option<&'static str> {
    let keys = KEYS.iter().map(|key| key.name);
    let all = keys.chain(LATER.iter().map(|later| later.name)).chain(CODE.iter().map(|(name, _)| *name));
    let (distance, closest) = all.map(|known| (distance(known, name), known)).min()?;
    // A third of the letters wrong is another word.
    (distance <= (closest.len() / 3).max(2)).then_some(closest)
}

macro_rules! keys {
    ($( $name:ident: $kind:ident($($field:ident)+) ),* $(,)?) => {
        /// Every setting that acts and that a text can name, in the order of the documentation.
        pub(crate) const KEYS: &[Key] = &[$(
            Key {
                name: stringify!($name),
                set: |config, value| $kind::read(value).map(|value| config.$($field)+ = value),
                show: |config| $kind::show(&config.$($field)+),
            },
        )*];
    };
}

keys! {
    bootstrap_servers: list(bootstrap_servers),
    client_id: optional_text(client_id),
    acks: acks(acks),
    compression_type: compression(compression),
    compression_level: optional_level(compression_level),
    retries: retries(retries),
    batch_size: number(batch_size),
    batch_max_bytes: optional_number(batch_max_bytes),
    produce_request_max_bytes: optional_number(produce_request_max_bytes),
    linger_ms: millis(linger),
    buffer_memory: number(buffer_memory),
    max_block_ms: millis(max_block),
    max_request_size: number(max_request_size),
    max_in_flight_requests_per_connection: number(max_in_flight_requests_per_connection),
    request_timeout_ms: millis(request_timeout),
    delivery_timeout_ms: optional_millis(delivery_timeout),
    retry_backoff_ms: millis(retry_backoff),
    retry_backoff_max_ms: millis(retry_backoff_max),
    reconnect_backoff_ms: millis(reconnect_backoff),
    reconnect_backoff_max_ms: millis(reconnect_backoff_max),
    socket_connection_setup_timeout_ms: millis(socket_connection_setup_timeout),
    connections_max_idle_ms: millis(connections_max_idle),
    metadata_max_age_ms: millis(metadata_max_age),
    metadata_max_idle_ms: millis(metadata_max_idle),
    allow_auto_create_topics: flag(allow_auto_create_topics),
    receive_message_max_bytes: number(receive_message_max_bytes),
    send_buffer_bytes: optional_number(send_buffer_bytes),
    receive_buffer_bytes: optional_number(receive_buffer_bytes),
    socket_options: socket_options(socket_options),
    sock_chunk_bytes: number(sock_chunk_bytes),
    sock_chunk_buffer_count: number(sock_chunk_buffer_count),
}

fn parse<T: FromStr>(value: &str, what: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("it is {what}"))
}

fn is_none(value: &str) -> bool {
    value.eq_ignore_ascii_case("none") || value.is_empty()
}

mod list {
    pub(super) fn read(value: &str) -> Result<Vec<String>, String> {
        Ok(value.split(',').map(str::trim).filter(|server| !server.is_empty()).map(str::to_owned).collect())
    }

    pub(super) fn show(value: &[String]) -> String {
        value.join(",")
    }
}

mod optional_text {
    #[expect(clippy::unnecessary_wraps, reason = "the table's shape")]
    pub(super) fn read(value: &str) -> Result<Option<String>, String> {
        Ok((!super::is_none(value)).then(|| value.to_owned()))
    }

    pub(super) fn show(value: &Option<String>) -> String {
        value.clone().unwrap_or_else(|| "none".to_owned())
    }
}

mod acks {
    use super::Acks;

    pub(super) fn read(value: &str) -> Result<Acks, String> {
        match value {
            "0" => Ok(Acks::None),
            "1" => Ok(Acks::Leader),
            "all" | "-1" => Ok(Acks::All),
            _ => Err("it is one of 0, 1, all".to_owned()),
        }
    }

    pub(super) fn show(value: &Acks) -> String {
        match value {
            Acks::None => "0",
            Acks::Leader => "1",
            Acks::All => "all",
        }
        .to_owned()
    }
}

mod compression {
    use super::Compression;

    pub(super) fn read(value: &str) -> Result<Compression, String> {
        if super::is_none(value) {
            Ok(Compression::None)
        } else {
            value.parse().map_err(|error: crate::record::ParseCompressionError| error.to_string())
        }
    }

    pub(super) fn show(value: &Compression) -> String {
        value.to_string()
    }
}

mod optional_level {
    pub(super) fn read(value: &str) -> Result<Option<i32>, String> {
        if super::is_none(value) { Ok(None) } else { super::parse(value, "a whole number").map(Some) }
    }

    pub(super) fn show(value: &Option<i32>) -> String {
        value.map_or_else(|| "none".to_owned(), |value| value.to_string())
    }
}

mod retries {
    pub(super) fn read(value: &str) -> Result<u32, String> {
        let what = "a whole number from 0 to 2147483647";
        let retries: u32 = super::parse(value, what)?;
        if retries > i32::MAX as u32 { Err(format!("it is {what}")) } else { Ok(retries) }
    }

    pub(super) fn show(value: &u32) -> String {
        value.to_string()
    }
}

mod number {
    pub(super) fn read(value: &str) -> Result<usize, String> {
        super::parse(value, "a whole number from 0 on")
    }

    pub(super) fn show(value: &usize) -> String {
        value.to_string()
    }
}

mod optional_number {
    pub(super) fn read(value: &str) -> Result<Option<usize>, String> {
        // Java writes -1 for "the system's".
        if super::is_none(value) || value == "-1" { Ok(None) } else { super::number::read(value).map(Some) }
    }

    pub(super) fn show(value: &Option<usize>) -> String {
        value.map_or_else(|| "none".to_owned(), |value| value.to_string())
    }
}

mod millis {
    use super::Duration;

    pub(super) fn read(value: &str) -> Result<Duration, String> {
        super::parse(value, "a whole number of milliseconds from 0 on").map(Duration::from_millis)
    }

    pub(super) fn show(value: &Duration) -> String {
        value.as_millis().to_string()
    }
}

mod optional_millis {
    use super::Duration;

    pub(super) fn read(value: &str) -> Result<Option<Duration>, String> {
        if super::is_none(value) { Ok(None) } else { super::millis::read(value).map(Some) }
    }

    pub(super) fn show(value: &Option<Duration>) -> String {
        value.map_or_else(|| "none".to_owned(), |value| value.as_millis().to_string())
    }
}

/// Named ones: a list of `NAME=0` or `NAME=1`.
mod socket_options {
    use super::SocketOptions;

    pub(super) fn read(value: &str) -> Result<SocketOptions, String> {
        let mut options = SocketOptions { no_delay: true, keep_alive: false };
        for option in value.split(',').map(str::trim).filter(|option| !super::is_none(option)) {
            let (name, on) = option.split_once('=').ok_or("write NAME=0 or NAME=1, with commas between")?;
            let on = match on.trim() {
                "0" => false,
                "1" => true,
                other => return Err(format!("'{other}' is neither 0 nor 1")),
            };
            match name.trim() {
                "TCP_NODELAY" => options.no_delay = on,
                "SO_KEEPALIVE" => options.keep_alive = on,
                other => return Err(format!("'{other}' is not one of TCP_NODELAY, SO_KEEPALIVE")),
            }
        }
        Ok(options)
    }

    pub(super) fn show(value: &SocketOptions) -> String {
        format!("TCP_NODELAY={},SO_KEEPALIVE={}", u8::from(value.no_delay), u8::from(value.keep_alive))
    }
}

mod flag {
    pub(super) fn read(value: &str) -> Result<bool, String> {
        super::parse(&value.to_ascii_lowercase(), "true or false")
    }

    pub(super) fn show(value: &bool) -> String {
        value.to_string()
    }
}

/// How many letters must change to get from one word to the other (Levenshtein).
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
