use super::*;
use crate::net::proxy::settings::{Account, Kind};

fn refused(text: &str) -> String {
    parse(text, "proxy_url").map(|proxy| panic!("{text}: {proxy:?}")).unwrap_err()
}

#[test]
fn the_ways_people_write_a_proxy() {
    for (text, kind, host, port) in [
        ("socks5://proxy", Kind::Socks5, "proxy", 1080),
        ("socks5://foo.bar/", Kind::Socks5, "foo.bar", 1080),
        ("socks5h://proxy:1", Kind::Socks5, "proxy", 1),
        (" SOCKS5://10.0.0.1:1081 ", Kind::Socks5, "10.0.0.1", 1081),
        ("socks5://[::1]:1081", Kind::Socks5, "::1", 1081),
        ("socks5://[fe80::1%eth0]", Kind::Socks5, "fe80::1%eth0", 1080),
        ("http://proxy_1.prod-b:3128/", Kind::Http, "proxy_1.prod-b", 3128),
    ] {
        let proxy = parse(text, "socks5_proxy").unwrap();
        assert_eq!(
            (proxy.kind, &*proxy.host, proxy.port, &proxy.account),
            (kind, host, port, &None),
            "{text}"
        );
        assert_eq!(proxy.setting, "socks5_proxy");
    }
}

#[test]
fn users_and_passwords_are_percent_decoded() {
    for (text, user, password) in [
        ("u:p", "u", "p"),
        ("u", "u", ""),
        ("u:", "u", ""),
        (":p", "", "p"),
        ("u:p:q", "u", "p:q"),
        ("u:p@q", "u", "p@q"),
        ("a%40b:%25%2f%2F%3a", "a@b", "%//:"),
        ("u:%C3%A9", "u", "\u{e9}"),
        ("\u{e9}:p", "\u{e9}", "p"),
    ] {
        for url in [format!("socks5://{text}@proxy:1"), format!("http://{text}@proxy:1")] {
            let account = Some(Account { user: user.into(), password: password.into() });
            assert_eq!(parse(&url, "proxy_url").unwrap().account, account, "{url}");
        }
    }
    let most = "p".repeat(255);
    assert!(parse(&format!("socks5://{most}:{most}@proxy"), "proxy_url").is_ok());
}

#[test]
fn what_is_no_proxy_is_answered_with_what_to_write() {
    let write = "write socks5://host:port or http://host:port, with user:password@ before the host if the proxy \
                 requires authentication";
    for text in ["", "proxy", "proxy:1080", "user:secret@proxy:1080", "ftp://proxy", "se:cret://x@proxy"] {
        assert_eq!(refused(text), write, "{text}");
    }
    assert_eq!(
        refused("https://user:secret@proxy"),
        "TLS to the proxy itself is not supported; write http:// if the proxy accepts connections without TLS, and set \
         security_protocol to SSL or SASL_SSL to encrypt the connection to the brokers"
    );
    let only_5 = "only version 5 of SOCKS is supported; write socks5:// if the proxy supports version 5";
    assert_eq!([refused("socks4://p"), refused("socks4a://p"), refused("socks://p")], [only_5; 3]);
    assert_eq!(
        refused("http://proxy"),
        "the port is missing, and HTTP proxies have no default port; write http://host:port"
    );
    for port in ["", "0", "65536", "x", "1:2", "-1"] {
        assert_eq!(
            refused(&format!("socks5://u:secret@proxy:{port}")),
            "the port must be a number from 1 to 65535; write host:port",
            "{port}"
        );
    }
    for host in ["socks5://", "socks5://:1080", "http://u:secret@:3128", "http://u:secret@"] {
        assert_eq!(refused(host), format!("the host is missing; {write}"), "{host}");
    }
    for host in ["a b", "a\tb", "a/b", "a?b", "a#b", "a,b", "[::1", "a\"b"] {
        let expected = format!(
            "the host contains characters that are not allowed in a host name, or a path follows the host; \
             {write}"
        );
        assert_eq!(refused(&format!("socks5://u:secret@{host}:1")), expected, "{host}");
    }
    for brackets in ["[a]:1", "[::1]1", "[::1]x:1"] {
        let expected = "the brackets must contain an IPv6 address, and only :port can follow the brackets; write \
                        [address]:port";
        assert_eq!(refused(&format!("socks5://{brackets}")), expected);
    }
    assert_eq!(refused("socks5://::1"), "an IPv6 address needs brackets; write [address]:port");
    for account in ["u:%", "u:%4", "u:%zz", "%g0:p"] {
        let expected =
            "a % in the user or the password is not followed by two hexadecimal digits; write %25 for a %";
        assert_eq!(refused(&format!("http://{account}@proxy:1")), expected);
    }
    for account in ["u:se/cret", "u:se?cret", "u:se#cret", "u:p@proxy/x"] {
        let expected =
            "the part before the @ contains /, ? or #; in a user or a password, write %2F, %3F or %23";
        assert_eq!(refused(&format!("http://{account}@proxy:1")), expected);
    }
    assert_eq!(
        refused("http://a%3Ab:p@proxy:1"),
        "HTTP's Basic authentication does not allow a colon in the user"
    );
    assert_eq!(
        refused(&format!("socks5://u:{}@proxy", "p".repeat(256))),
        "a user or a password for SOCKS5 must have at most 255 bytes"
    );
}

#[test]
fn a_proxy_is_shown_without_its_account() {
    let proxy = parse("socks5://hunter2:secret@[::1]:1", "proxy_url").unwrap();
    assert_eq!(proxy.to_string(), "the proxy socks5://[::1]:1");
    let debug = format!("{proxy:?} {proxy:#?}");
    assert!(!debug.contains("hunter2") && !debug.contains("secret"), "{debug}");
}

#[test]
fn hostile_proxy_urls() {
    let samples = [
        "socks5://user:pass%40word@proxy:1081",
        "socks5h://[fe80::1%eth0]",
        "http://user:p%3aw@[::1]:3128/",
        " HTTP://proxy_1.prod-b:3128/ ",
        "https://proxy:1",
        "socks4://proxy",
    ];
    let words: [&[u8]; 10] = [b"://", b"@", b":", b"%", b"%4", b"%ff", b"[", b"]", b"/", b"socks5"];
    attack("proxy_urls", &samples, &words, |_, _, bytes| {
        let text = String::from_utf8_lossy(bytes);
        match in_proportion(text.as_bytes(), 0, || parse(&text, "proxy_url")) {
            Ok(proxy) => proxy.port > 0 && !proxy.host.is_empty(),
            Err(why) => {
                assert!(!why.is_empty() && why.len() < 600, "{why}");
                false
            }
        }
    });
}
