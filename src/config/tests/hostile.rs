//! Hostile texts for settings.

use super::*;
use crate::config::{keys, later};
use crate::protocol::hostile::{attack, in_proportion};

/// Keys and values in lines, split as by a reader of properties files.
#[test]
fn hostile_settings() {
    let names = keys::all().map(|key| key.name).chain(later::names());
    let names: Vec<&[u8]> = names.map(str::as_bytes).collect();
    let values: [&[u8]; 22] = [
        b"\n",
        b"=",
        b"none",
        b"-1",
        b"0",
        b"true",
        b"inf",
        b"18446744073709551616",
        b"9223372036854775807",
        b"gzip",
        b"all",
        b"SASL_SSL",
        b"a:1,b:2",
        b"1.0e9",
        b"\xc3\xbc",
        b" ",
        b".",
        b"_",
        b"5000",
        b"65536",
        b"3",
        b"id",
    ];
    let words = [&names[..], &values].concat();
    let mut samples: Vec<Vec<u8>> = names.iter().map(|name| [name, &b"=5"[..]].concat()).collect();
    samples.push(b"bootstrap.servers=a:1\nlinger.ms=5\nacks=all\ncompression.type=gzip".to_vec());
    samples.push(b"socket_options=6 1 1, 1 9 1\nretries=inf\nretry.backoff.ms=none".to_vec());
    samples.push(b"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=u password=p;\nsecurity.protocol=SASL_PLAINTEXT".to_vec());
    attack("settings", &samples, &words, |_, _, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let pairs = text.lines().take(20).map(|line| line.split_once('=').unwrap_or((line, "")));
        let read = in_proportion(text.as_bytes(), 0, || ProducerConfig::from_pairs(pairs));
        match read {
            Ok(config) => !format!("{config:?}").is_empty(),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        }
    });
}

/// Whatever the text is, what it takes to read it is in proportion to it.
#[cfg(feature = "yaml")]
#[test]
fn hostile_yaml() {
    let words: [&[u8]; 24] = [
        b"\n",
        b": ",
        b"- ",
        b"  ",
        b"\t",
        b"{",
        b"}",
        b"[",
        b"]",
        b", ",
        b"&a ",
        b"*a",
        b"<<: ",
        b"!x ",
        b"---\n",
        b"...",
        b"|",
        b">",
        b"'",
        b"\"",
        b"#",
        b"? ",
        b"brokers",
        b"linger_ms",
    ];
    let samples: [&[u8]; 5] = [
        b"brokers:\n- name: a\n  ip: 1.2.3.4\n  port: \"9093\"\nssl_config:\n  ssl_cafile: /ca.crt\n",
        b"kafka: {producer: {linger.ms: 5, acks: all}, bootstrap: {servers: [a:1, b:2]}}",
        b"a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]",
        b"- - - - - - - - - - - - - - - - - - - - a",
        b"client_id: >-\n  a\n  b\nacks: |\n  1\n",
    ];
    let samples = samples.map(<[u8]>::to_vec);
    attack("yaml", &samples, &words, |_, _, bytes| {
        let text = String::from_utf8_lossy(bytes);
        // A name of a few letters is a node, an event and three strings.
        let more = 32 * text.len();
        match in_proportion(text.as_bytes(), more, || ProducerConfig::from_yaml(&text)) {
            Ok(config) => !format!("{config:?}").is_empty(),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        }
    });
}
