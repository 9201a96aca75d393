//! Reads `proxy_url`.

use std::net::Ipv6Addr;

use super::settings::{Account, Kind, Proxy};
use super::socks5;
use crate::security::Secret;

/// Reads `socks5://user:password@host:port`, `socks5h://…` and `http://…`. `setting` is the name by which the user has set it.
///
/// # Errors
/// What to write instead. The error shows no part of the text, which may be a password in the wrong place.
pub(crate) fn parse(text: &str, setting: &str) -> Result<Proxy, String> {
    let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| WRITE.to_owned())?;
    let kind = kind(scheme)?;
    // The last `@`, so that a password may contain an `@` that is not written as %40.
    let (account, address) = match rest.rsplit_once('@') {
        None => (None, rest),
        Some((account, address)) => (Some(self::account(account, kind)?), address),
    };
    let address = address.strip_suffix('/').unwrap_or(address);
    let (host, port) = split(address)?;
    let port = match (port, kind) {
        (Some(port), _) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("the port must be a number from 1 to 65535; write host:port")?,
        (None, Kind::Socks5) => SOCKS_PORT,
        (None, Kind::Http) => {
            return Err("the port is missing, and HTTP proxies have no default port; write http://host:port"
                .to_owned());
        }
    };
    Ok(Proxy { kind, host: host.into(), port, account, setting: setting.to_owned() })
}

fn kind(scheme: &str) -> Result<Kind, String> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("socks5") || is("socks5h") {
        Ok(Kind::Socks5)
    } else if is("http") {
        Ok(Kind::Http)
    } else if is("https") {
        Err("TLS to the proxy itself is not supported; write http:// if the proxy accepts connections without TLS, and \
             set security_protocol to SSL or SASL_SSL to encrypt the connection to the brokers"
            .to_owned())
    } else if is("socks4") || is("socks4a") || is("socks") {
        Err("only version 5 of SOCKS is supported; write socks5:// if the proxy supports version 5"
            .to_owned())
    } else {
        Err(WRITE.to_owned())
    }
}

fn account(text: &str, kind: Kind) -> Result<Account, String> {
    if text.contains(['/', '?', '#']) {
        return Err(
            "the part before the @ contains /, ? or #; in a user or a password, write %2F, %3F or %23"
                .to_owned(),
        );
    }
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let (user, password) = (decode(user)?, decode(password)?);
    match kind {
        Kind::Socks5 if user.bytes().len().max(password.bytes().len()) > socks5::LONGEST => {
            Err("a user or a password for SOCKS5 must have at most 255 bytes".to_owned())
        }
        Kind::Http if user.bytes().contains(&b':') => {
            Err("HTTP's Basic authentication does not allow a colon in the user".to_owned())
        }
        _ => Ok(Account { user, password }),
    }
}

/// Percent-encoding (RFC 3986, section 2.1).
fn decode(text: &str) -> Result<Secret, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            let why = "a % in the user or the password is not followed by two hexadecimal digits; write %25 for a %";
            return Err(why.to_owned());
        };
        decoded.push((high * 16 + low) as u8);
        rest = &rest[2..];
    }
    Ok(decoded.into())
}

/// The host without brackets, and the port.
fn split(address: &str) -> Result<(&str, Option<&str>), String> {
    let is_v6 = |host: &str| host.split('%').next().is_some_and(|host| host.parse::<Ipv6Addr>().is_ok());
    let is_strange =
        |letter: char| letter.is_whitespace() || letter.is_control() || "/?#[]\\\"',".contains(letter);
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) if is_v6(host) => (host, None),
        Some((host, port)) if is_v6(host) && port.starts_with(':') => (host, Some(&port[1..])),
        Some(_) => {
            return Err(
                "the brackets must contain an IPv6 address, and only :port can follow the brackets; write [address]:port"
                    .to_owned(),
            );
        }
        None if is_v6(address) => {
            return Err("an IPv6 address needs brackets; write [address]:port".to_owned());
        }
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(format!("the host is missing; {WRITE}"));
    }
    if host.contains(is_strange) {
        return Err(format!(
            "the host contains characters that are not allowed in a host name, or a path follows the host; {WRITE}"
        ));
    }
    Ok((host, port))
}

const WRITE: &str = "write socks5://host:port or http://host:port, with user:password@ before the host if the proxy \
                     requires authentication";

/// The port that IANA has assigned to SOCKS.
const SOCKS_PORT: u16 = 1080;
