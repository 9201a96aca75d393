//! The settings as texts: one table, read both ways.

use std::str::FromStr;
use std::time::Duration;

use super::{Acks, ProducerConfig};
use crate::error::ConfigProblem;

/// One setting that a text can name.
pub(crate) struct Key {
    /// kafka-python's name, or one in its spelling.
    pub(crate) name: &'static str,
    /// The Java client's, where it is not the same with dots.
    java: Option<&'static str>,
    set: fn(&mut ProducerConfig, &str) -> Result<(), String>,
    pub(crate) show: fn(&ProducerConfig) -> String,
}

/// Sets `key`, or says what is wrong.
pub(crate) fn set(config: &mut ProducerConfig, key: &str, value: &str) -> Option<ConfigProblem> {
    let spelt = key.trim().replace('.', "_");
    let known = KEYS.iter().find(|known| known.name == spelt || known.java == Some(key.trim()));
    let why = match known {
        Some(known) => (known.set)(config, value.trim()).err()?,
        None => match KEYS.iter().map(|known| (distance(known.name, &spelt), known.name)).min() {
            Some((distance, name)) if distance <= 4 => {
                format!("there is no such setting; did you mean {name}?")
            }
            _ => "there is no such setting".to_owned(),
        },
    };
    Some(ConfigProblem { key: key.to_owned(), value: Some(value.to_owned()), why })
}

macro_rules! keys {
    ($( $name:ident $(/ $java:literal)?: $kind:ident($($field:ident)+) ),* $(,)?) => {
        /// Every setting that a text can name, in the order of the documentation.
        pub(crate) const KEYS: &[Key] = &[$(
            Key {
                name: stringify!($name),
                java: [$(Some($java),)? None][0],
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
    retries: retries(retries),
    batch_size: number(batch_size),
    batch_max_bytes: optional_number(batch_max_bytes),
    linger_ms: millis(linger),
    buffer_memory: number(buffer_memory),
    max_block_ms: millis(max_block),
    max_request_size: number(max_request_size),
    max_in_flight_requests_per_connection / "max.in.flight.requests.per.connection":
        number(max_in_flight_requests_per_connection),
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
    send_buffer_bytes / "send.buffer.bytes": optional_number(send_buffer_bytes),
    receive_buffer_bytes / "receive.buffer.bytes": optional_number(receive_buffer_bytes),
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
