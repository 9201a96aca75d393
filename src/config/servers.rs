//! Reads the entries of `bootstrap_servers`.

use std::net::Ipv6Addr;
use std::sync::Arc;

use super::types::SecurityProtocol;

/// The port of a server without a port.
const DEFAULT_PORT: u16 = 9092;

/// Reads `host`, `host:port` or `[v6]:port`, with or without `PROTOCOL://` before it.
pub(crate) fn parse(server: &str, protocol: SecurityProtocol) -> Result<(Arc<str>, u16), String> {
    let server = server.trim();
    let address = match server.split_once("://") {
        None => server,
        Some((named, address)) if named.parse() == Ok(protocol) => address,
        // If it were ignored, data that should be encrypted would be sent unencrypted.
        Some((named, _)) => {
            return Err(format!(
                "'{named}' differs from security_protocol, which is {protocol}; use the same protocol in both"
            ));
        }
    };
    // Checked first, because the other errors show a part of the address, which may be a password.
    if address.contains('@') {
        return Err("it must not contain a user or a password; write host:port".to_owned());
    }
    if address.contains(['\'', '"']) {
        return Err(
            "it contains quotes, like a printed list; write host:port,host:port without quotes and brackets"
                .to_owned(),
        );
    }
    if let Some(why) = strange(address) {
        return Err(why);
    }
    if let Some((host, _)) = address.rsplit_once(':').filter(|(host, _)| no_host_has(address, host)) {
        return Err(format!("an IPv6 address with a port needs brackets; write [{host}]:port"));
    }
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or("the bracket is not closed; write host:port, or [address]:port for IPv6")?;
            match port {
                "" => (host, None),
                port => {
                    let port = port.strip_prefix(':');
                    (host, Some(port.ok_or("there is text after the bracket; write [address]:port")?))
                }
            }
        }
        // An IPv6 address without brackets can't have a port.
        None if is_v6(address) => (address, None),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err("there is no host; write host:port".to_owned());
    }
    if address.starts_with('[') && !is_v6(host) {
        return Err(format!("'{host}' is not an IPv6 address; write host:port without brackets"));
    }
    if !is_v6(host) && host.trim_end_matches('.').split('.').any(str::is_empty) {
        return Err(format!("'{host}' has an empty part before or between its dots; correct the name"));
    }
    let port = match port {
        None => DEFAULT_PORT,
        // `parse` would accept a sign.
        Some(port) => match port.parse() {
            Ok(number @ 1..) if !port.starts_with('+') => number,
            _ => return Err(format!("'{port}' is not a port; write host:port with a port from 1 to 65535")),
        },
    };
    Ok((Arc::from(host), port))
}

/// A warning, if it may be meant differently from how it is read.
pub(crate) fn doubt(server: &str) -> Option<String> {
    let address = server.trim().rsplit("://").next().unwrap_or_default();
    let (host, port) = address.rsplit_once(':')?;
    let may_be_port = (4..).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    (may_be_port && is_v6(address)).then(|| {
        format!(
            "bootstrap_servers: '{address}' is parsed as one IPv6 address with the port {DEFAULT_PORT}; if {port} is the \
             port, write [{host}]:{port}"
        )
    })
}

/// With or without a zone: `fe80::1%eth0`.
fn is_v6(address: &str) -> bool {
    address.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Whether `address`, which begins with `host`, is in a range without hosts: `::1:9092` is an IPv6 address.
fn no_host_has(address: &str, host: &str) -> bool {
    let is_local = |address: Ipv6Addr| address.is_loopback() || address.is_unspecified();
    host.parse().is_ok_and(is_local) && address.parse().is_ok_and(|address| !is_local(address))
}

/// Refuses characters that are in no host name and no address. The look-up would fail each time.
fn strange(address: &str) -> Option<String> {
    if address.contains(['$', '{', '<']) {
        return Some(format!("'{address}' contains a placeholder; replace it with a host name"));
    }
    let strange =
        address.chars().find(|letter| !letter.is_alphanumeric() && !"-_.:%[]+".contains(*letter))?;
    Some(match strange {
        ',' => "it contains a comma; give each server separately".to_owned(),
        ';' => "servers are separated by commas, not by ';'".to_owned(),
        // U+FF01 to U+FF5E are the ASCII characters from '!' on, as wide as Chinese characters.
        wide @ '\u{ff01}'..='\u{ff5e}' => {
            let plain = char::from_u32(u32::from(wide) - 0xff01 + u32::from('!')).unwrap_or(':');
            format!("{wide:?} is a full-width character; write {plain:?}")
        }
        other => format!("a host name can't contain {other:?}; write host:port"),
    })
}

/// The part of it that an error may show.
pub(crate) fn without_account(server: &str) -> &str {
    server.rsplit_once('@').map_or(server, |(_, address)| address)
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    use super::*;
    use crate::protocol::hostile::{attack, in_proportion};

    #[test]
    fn the_ways_people_write_a_server() {
        for (text, host, port) in [
            ("localhost", "localhost", 9092),
            (" broker:1234 ", "broker", 1234),
            ("[::1]:9093", "::1", 9093),
            ("[::1]", "::1", 9092),
            ("::1", "::1", 9092),
            ("PLAINTEXT://host:9094", "host", 9094),
            ("plaintext://[::1]:9094", "::1", 9094),
            ("1.2.3.4:1", "1.2.3.4", 1),
            ("fe80::1%eth0", "fe80::1%eth0", 9092),
            ("kafka_1.prod-b:9092", "kafka_1.prod-b", 9092),
        ] {
            assert_eq!(parse(text, SecurityProtocol::Plaintext), Ok((Arc::from(host), port)), "{text}");
        }
        for text in [
            "",
            ":9092",
            "host:",
            "host:0",
            "host:65536",
            "host:notaport",
            "[::1",
            "[::1]9092",
            "SSL://a:1",
            "http://a",
            "a:1,b:2",
            "a:1:2",
            "[a]:1",
            "a b:1",
            "a/b",
            "user@a:1",
            "a\0b:1",
            "a:+1",
            "a..b:1",
            ".a:1",
            ".",
        ] {
            assert!(parse(text, SecurityProtocol::Plaintext).is_err(), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_a_server_is_told_what_to_write() {
        for (text, why) in [
            ("a;b", "servers are separated by commas, not by ';'"),
            ("a:9092;b:9092", "servers are separated by commas, not by ';'"),
            ("::1:9092", "an IPv6 address with a port needs brackets; write [::1]:port"),
            (
                "${KAFKA_HOST}:9092",
                "'${KAFKA_HOST}:9092' contains a placeholder; replace it with a host name",
            ),
            ("<broker>:9092", "'<broker>:9092' contains a placeholder; replace it with a host name"),
            ("host：9092", "'：' is a full-width character; write ':'"),
            ("a:9092，b:9092", "'，' is a full-width character; write ','"),
            ("a..b:9092", "'a..b' has an empty part before or between its dots; correct the name"),
            ("host:+9092", "'+9092' is not a port; write host:port with a port from 1 to 65535"),
            (
                "['a:9092'",
                "it contains quotes, like a printed list; write host:port,host:port without quotes and brackets",
            ),
            (
                "'b:9092']",
                "it contains quotes, like a printed list; write host:port,host:port without quotes and brackets",
            ),
        ] {
            assert_eq!(parse(text, SecurityProtocol::Plaintext).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn an_address_whose_end_may_be_a_port_is_warned_of() {
        assert_eq!(
            parse("2001:db8::1:9092", SecurityProtocol::Plaintext),
            Ok((Arc::from("2001:db8::1:9092"), 9092))
        );
        assert_eq!(
            doubt("2001:db8::1:9092").unwrap(),
            "bootstrap_servers: '2001:db8::1:9092' is parsed as one IPv6 address with the port 9092; if 9092 is the port, \
             write [2001:db8::1]:9092"
        );
        for text in ["a:9092", "[2001:db8::1]:9092", "2001:db8::1", "2001:db8::beef", "::1", "localhost"] {
            assert_eq!(doubt(text), None, "{text}");
        }
    }

    #[test]
    fn what_stands_before_it_has_to_be_the_protocol() {
        assert_eq!(parse("ssl://a:1", SecurityProtocol::Ssl), Ok((Arc::from("a"), 1)));
        let why = parse("SSL://a:1", SecurityProtocol::Plaintext).unwrap_err();
        assert_eq!(
            why,
            "'SSL' differs from security_protocol, which is PLAINTEXT; use the same protocol in both"
        );
        assert!(parse("PLAINTEXT://a:1", SecurityProtocol::SaslSsl).is_err());
    }

    #[test]
    fn a_password_in_a_server_is_not_shown() {
        for text in ["user:hunter2@host:9092", "PLAINTEXT://user:hunter2@host", "SSL://user:hunter2@host"] {
            assert!(!parse(text, SecurityProtocol::Plaintext).unwrap_err().contains("hunter2"));
            assert!(!without_account(text).contains("hunter2"));
        }
    }

    #[test]
    fn hostile_servers() {
        let samples =
            ["broker:1234", "[::1]:9093", "PLAINTEXT://[fe80::1%eth0]:9094", "user:pw@a:1", " ::1 "];
        let words: [&[u8]; 8] = [b"://", b":", b"[", b"]", b"@", b",", b"%", b"PLAINTEXT"];
        attack("servers", &samples, &words, |_, _, bytes| {
            let text = String::from_utf8_lossy(bytes);
            in_proportion(text.as_bytes(), 0, || {
                assert!(without_account(&text).len() <= text.len());
                match parse(&text, SecurityProtocol::Plaintext) {
                    Ok((host, port)) => !host.is_empty() && port > 0,
                    Err(why) => {
                        assert!(!why.is_empty());
                        false
                    }
                }
            })
        });
    }
}
