//! Both kinds, byte by byte: what is said, what is understood, what is refused with which words.

use super::negotiation::Negotiation;
use super::refusal::Refusal;
use super::url::parse;
use crate::protocol::hostile::{attack, in_proportion};

mod url;

/// What a proxy answers, message by message, each to what we have said before it.
type Answers<'a> = &'a [&'a [u8]];

fn begin(url: &str, host: &str) -> Negotiation {
    Negotiation::begin(&parse(url, "proxy_url").unwrap(), host, 9092).unwrap()
}

/// What is said now, as if the proxy took one byte at a time.
fn said(negotiation: &mut Negotiation) -> Vec<u8> {
    let mut said = Vec::new();
    while let [byte, ..] = negotiation.outgoing() {
        said.push(*byte);
        negotiation.written(1);
    }
    said
}

/// Everything that we say while the proxy answers so, and how it ends: `None` if more is waited for. `rest` is what stands
/// behind the last answer and was not taken.
fn talk(
    negotiation: &mut Negotiation,
    answers: Answers<'_>,
    piece: usize,
    rest: &mut Vec<u8>,
) -> (Vec<Vec<u8>>, Option<Result<(), Refusal>>) {
    let mut all = vec![said(negotiation)];
    for answer in answers {
        for piece in answer.chunks(piece) {
            let mut bytes = piece;
            match negotiation.received(&mut bytes) {
                Ok(true) => {
                    rest.extend_from_slice(bytes);
                    return (all, Some(Ok(())));
                }
                Ok(false) => assert!(bytes.is_empty(), "what it does not need yet is left"),
                Err(refusal) => return (all, Some(Err(refusal))),
            }
        }
        all.push(said(negotiation));
    }
    (all, None)
}

/// The same whichever way the answers are cut.
fn exchange(url: &str, host: &str, answers: Answers<'_>) -> (Vec<Vec<u8>>, Option<Result<(), Refusal>>) {
    let whole = talk(&mut begin(url, host), answers, usize::MAX, &mut Vec::new());
    let longest = answers.iter().map(|answer| answer.len()).max().unwrap_or(0);
    for piece in 1..longest {
        let mut negotiation = begin(url, host);
        let (said, end) = talk(&mut negotiation, answers, piece, &mut Vec::new());
        assert_eq!(end, whole.1, "in pieces of {piece}");
        assert!(said.starts_with(&whole.0) || whole.0.starts_with(&said), "in pieces of {piece}");
    }
    whole
}

fn refusal(url: &str, host: &str, answers: Answers<'_>) -> (String, bool) {
    match exchange(url, host, answers).1 {
        Some(Err(Refusal { cause, is_fatal })) => (cause, is_fatal),
        other => panic!("{other:?}"),
    }
}

const SOCKS: &str = "socks5://proxy";
const SOCKS_WITH_PASSWORD: &str = "socks5://me:secret@proxy";
const HTTP: &str = "http://proxy:3128";
const HTTP_WITH_PASSWORD: &str = "http://Aladdin:open%20sesame@proxy:3128";

const CONNECTED: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 4, 56];

/// RFC 1928's messages, byte by byte.
#[test]
fn socks_asks_for_a_name() {
    let (said, end) = exchange(SOCKS, "broker", &[&[5, 0], CONNECTED]);
    assert_eq!(end, Some(Ok(())));
    assert_eq!(said, [&[5, 1, 0][..], b"\x05\x01\x00\x03\x06broker\x23\x84"]);
}

#[test]
fn socks_asks_for_addresses_as_addresses() {
    let (said, _) = exchange(SOCKS, "10.1.2.3", &[&[5, 0]]);
    assert_eq!(said[1], [5, 1, 0, 1, 10, 1, 2, 3, 0x23, 0x84]);
    let (said, _) = exchange(SOCKS, "2001:db8::7", &[&[5, 0]]);
    assert_eq!(said[1], [5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x23, 0x84]);
}

/// RFC 1929.
#[test]
fn socks_says_user_and_password_if_it_is_asked_for_them() {
    let (said, end) = exchange(SOCKS_WITH_PASSWORD, "broker", &[&[5, 2], &[1, 0], CONNECTED]);
    assert_eq!(end, Some(Ok(())));
    assert_eq!(said, [&[5, 2, 0, 2][..], b"\x01\x02me\x06secret", b"\x05\x01\x00\x03\x06broker\x23\x84"]);
    let (said, end) = exchange(SOCKS_WITH_PASSWORD, "broker", &[&[5, 0], CONNECTED]);
    assert_eq!((said.len(), end), (2, Some(Ok(()))), "who is not asked says nothing");
}

/// From where the proxy connects comes as an address of any kind, and the broker's first byte right behind it.
#[test]
fn socks_leaves_what_stands_behind_the_answer() {
    let name = [&[5, 0, 0, 3, 4][..], b"here", &[0, 1]].concat();
    let v6 = [&[5, 0, 0, 4][..], &[9; 16], &[0, 1]].concat();
    let no_name = [5, 0, 0, 3, 0, 0, 1];
    for answer in [CONNECTED, &name, &v6, &no_name] {
        let with_more = [answer, b"broker's"].concat();
        let mut rest = Vec::new();
        let (_, end) = talk(&mut begin(SOCKS, "b"), &[&[5, 0], &with_more], usize::MAX, &mut rest);
        assert_eq!((end, &rest[..]), (Some(Ok(())), &b"broker's"[..]));
        for short in 0..answer.len() {
            assert_eq!(exchange(SOCKS, "b", &[&[5, 0], &answer[..short]]).1, None, "{short} bytes of it");
        }
    }
}

#[test]
fn what_a_socks_proxy_refuses_is_told() {
    let reply = |code| refusal(SOCKS, "broker", &[&[5, 0], &[5, code]]);
    let passing = |text: &str| (format!("can't connect to the broker: {text}"), false);
    assert_eq!(reply(1), passing("general failure (SOCKS5 reply 1)"));
    assert_eq!(reply(3), passing("network unreachable (SOCKS5 reply 3)"));
    assert_eq!(reply(4), passing("host unreachable (SOCKS5 reply 4)"));
    assert_eq!(reply(5), passing("connection refused (SOCKS5 reply 5)"));
    assert_eq!(reply(6), passing("TTL expired (SOCKS5 reply 6)"));
    assert_eq!(reply(99), passing("unknown reason (SOCKS5 reply 99)"));
    let fatal = |text: &str| (text.to_owned(), true);
    assert_eq!(
        reply(2),
        fatal("does not allow connections to the broker (SOCKS5 reply 2); change the rules of the proxy")
    );
    assert_eq!(reply(7), fatal("does not support the command CONNECT (SOCKS5 reply 7); use another proxy"));
    assert_eq!(
        reply(8),
        fatal(
            "does not support host names (SOCKS5 reply 8); use another proxy, or let the broker advertise another kind of \
             address"
        )
    );
    assert!(refusal(SOCKS, "1.2.3.4", &[&[5, 0], &[5, 8]]).0.starts_with("does not support IPv4 addresses"));
    assert!(refusal(SOCKS, "::1", &[&[5, 0], &[5, 8]]).0.starts_with("does not support IPv6 addresses"));
    assert_eq!(
        refusal(SOCKS, "b", &[&[5, 0], &[5, 0, 0, 5, 1]]),
        ("sent a response with an address of the unknown type 5".to_owned(), false)
    );
}

#[test]
fn who_is_not_known_to_a_socks_proxy_is_told_what_to_do() {
    let fatal = |text: &str| (text.to_owned(), true);
    assert_eq!(
        refusal(SOCKS, "b", &[&[5, 0xff]]),
        fatal("requires a user and a password; write socks5://user:password@host:port in proxy_url")
    );
    assert_eq!(
        refusal(SOCKS_WITH_PASSWORD, "b", &[&[5, 0xff]]),
        fatal(
            "requires an authentication method that is not supported; only user and password are supported"
        )
    );
    assert_eq!(
        refusal(SOCKS_WITH_PASSWORD, "b", &[&[5, 2], &[1, 1]]),
        fatal("rejected the user and the password; correct the user and the password in proxy_url")
    );
    assert_eq!(
        refusal(SOCKS, "b", &[&[5, 2]]),
        fatal("chose authentication method 2, which was not offered")
    );
    assert_eq!(
        talk(&mut begin(SOCKS, "b"), &[&[5, 0, 5]], usize::MAX, &mut Vec::new()).1,
        Some(Err(Refusal::passing("sent data before the request")))
    );
    assert_eq!(
        refusal(SOCKS, "b", &[b"HTTP/1.1 400 Bad Request\r\n\r\n"]),
        fatal(
            "sent a response that is not SOCKS5; if the proxy is an HTTP proxy, write http:// in proxy_url"
        )
    );
}

#[test]
fn http_asks_with_and_without_a_password() {
    let established: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let (said, end) = exchange(HTTP, "broker", &[established]);
    assert_eq!(end, Some(Ok(())));
    assert_eq!(said, [b"CONNECT broker:9092 HTTP/1.1\r\nHost: broker:9092\r\n\r\n"]);
    let (said, _) = exchange(HTTP, "::1", &[established]);
    assert_eq!(said, [b"CONNECT [::1]:9092 HTTP/1.1\r\nHost: [::1]:9092\r\n\r\n"]);
    // RFC 7617's example.
    let (said, _) = exchange(HTTP_WITH_PASSWORD, "broker", &[established]);
    let expected = b"CONNECT broker:9092 HTTP/1.1\r\nHost: broker:9092\r\n\
                     Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
    assert_eq!(said, [expected]);
}

/// RFC 4648, section 10.
#[test]
fn base64_is_that_of_the_rfc() {
    for (text, expected) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
        ("\u{3ff}~\u{7f}", "z79+fw=="),
    ] {
        let mut out = Vec::new();
        super::http_connect::base64(text.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
    }
}

/// Heads as proxies send them, and none of what stands behind them is taken.
#[test]
fn http_leaves_what_stands_behind_the_answer() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nProxy-agent: Apache\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 \n\n",
        "HTTP/1.1 100 Continue\r\nVia: x\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n",
    ] {
        let with_more = [head.as_bytes(), b"\r\nbroker's"].concat();
        let mut rest = Vec::new();
        let (_, end) = talk(&mut begin(HTTP, "b"), &[&with_more], usize::MAX, &mut rest);
        assert_eq!((end, &rest[..]), (Some(Ok(())), &b"\r\nbroker's"[..]), "{head}");
        for short in 0..head.len() {
            assert_eq!(exchange(HTTP, "b", &[&head.as_bytes()[..short]]).1, None, "{short} of {head}");
        }
    }
}

#[test]
fn what_an_http_proxy_refuses_is_told() {
    let answer = |url, head: &str| refusal(url, "b", &[head.as_bytes()]);
    let fatal = |text: &str| (text.to_owned(), true);
    let passing = |text: &str| (text.to_owned(), false);
    assert_eq!(
        answer(HTTP, "HTTP/1.1 403 Forbidden\r\n"),
        fatal(
            "does not allow connections to the broker (403 Forbidden); change the rules of the proxy: many proxies allow \
             only port 443"
        )
    );
    assert_eq!(
        answer(HTTP, "HTTP/1.1 502 Bad Gateway\r\n"),
        passing("can't connect to the broker (502 Bad Gateway)")
    );
    assert_eq!(answer(HTTP, "HTTP/1.1 503\r\n"), passing("can't connect to the broker (503)"));
    assert_eq!(
        answer(HTTP, "HTTP/1.1 405 Method Not Allowed\r\n"),
        fatal(
            "does not support CONNECT (405 Method Not Allowed); set proxy_url to a proxy that supports CONNECT"
        )
    );
    assert_eq!(
        answer(
            HTTP,
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"
        ),
        fatal(
            "requires a user and a password (407 Proxy Authentication Required); write http://user:password@host:port in \
             proxy_url"
        )
    );
    assert_eq!(
        answer(
            HTTP_WITH_PASSWORD,
            "HTTP/1.1 407 No\r\nproxy-authenticate: Digest nonce=\"a\", Basic realm=\"x\"\r\n\r\n"
        ),
        fatal("rejected the user and the password (407 No); correct the user and the password in proxy_url")
    );
    assert_eq!(
        answer(
            HTTP_WITH_PASSWORD,
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n"
        ),
        fatal("requires the authentication scheme Negotiate or NTLM, and only Basic is supported (407 No)")
    );
    assert_eq!(
        answer(HTTP, "\u{5}\u{ff}"),
        fatal(
            "sent a response that is not HTTP; if the proxy is a SOCKS5 proxy, write socks5:// in proxy_url"
        )
    );
    for odd in ["HTTP/1.1 2000 OK\n", "HTTP/1.1 OK\n", "HTTP/1.x 200\n", "HTTP/1.1\n", "HTTP/1.1 099 x\n"] {
        assert_eq!(answer(HTTP, odd), passing("sent a response that is not valid HTTP"), "{odd}");
    }
    let strange = answer(HTTP, &format!("HTTP/1.1 500 \u{1b}[2J{}\r\n", "x".repeat(1000)));
    assert_eq!(
        strange,
        passing(&format!("can't connect to the broker (500 \\u{{1b}}[2J{})", "x".repeat(56))),
        "what a proxy says can neither flood a log nor steer a terminal"
    );
}

/// What is known when the proxy hangs up, wherever that is.
#[test]
fn an_end_in_the_middle_is_told_as_one() {
    let ended = |url, answers: Answers<'_>, has_heard| {
        let mut negotiation = begin(url, "b");
        assert_eq!(talk(&mut negotiation, answers, usize::MAX, &mut Vec::new()).1, None);
        let Refusal { cause, is_fatal } = negotiation.ended(has_heard);
        (cause, is_fatal)
    };
    let before = |protocol| {
        let text =
            "closed the connection without a response; the proxy may be shutting down, or may not support";
        (format!("{text} {protocol}"), false)
    };
    let middle = ("closed the connection in the middle of its response".to_owned(), false);
    assert_eq!(ended(SOCKS, &[], false), before("SOCKS5"));
    assert_eq!(ended(HTTP, &[], false), before("HTTP"));
    assert_eq!(ended(SOCKS, &[&[5, 0], &[5]], true), middle);
    assert_eq!(ended(HTTP, &[b"HTTP/1.1 200 OK\r\n"], true), middle);
    let (cause, is_fatal) = ended(HTTP, &[b"HTTP/1.1 407 Who are you\r\nServer: x\r\n"], true);
    assert!(is_fatal && cause.starts_with("requires a user and a password"), "{cause}");
}

/// A broker's name is the cluster's to choose: it must not become a header of its own.
#[test]
fn a_name_that_does_not_fit_into_a_request_is_not_asked_for() {
    let begin = |url, host: &str| Negotiation::begin(&parse(url, "proxy_url").unwrap(), host, 9092);
    let longest = "x".repeat(255);
    for url in [SOCKS, HTTP] {
        for host in ["", "b\r\nX-Evil: 1", "b c", "b\0", "a/b", "u@b", &format!("{longest}x")] {
            let Err(Refusal { cause, is_fatal }) = begin(url, host) else { panic!("{host:?} is asked for") };
            let expected = "can't connect to the broker: the broker's host name is empty, is longer than 255 bytes, \
                            or contains characters that are not allowed in a host name";
            assert_eq!((cause.as_str(), is_fatal), (expected, true));
        }
        assert!(begin(url, &longest).is_ok());
    }
}

/// An answer that never ends takes no more memory than its limit.
#[test]
fn an_endless_answer_is_refused() {
    let expected = Refusal::passing("sent a response whose header is longer than 65536 bytes");
    // A line, a head, and answers that are none yet.
    for (beginning, more) in [
        (&b"HTTP/1.1 200 "[..], &b"abcdefgh"[..]),
        (b"HTTP/1.1 200 OK\r\n", b"A: bcdefgh\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let mut negotiation = begin(HTTP, "b");
        said(&mut negotiation);
        assert_eq!(negotiation.received(&mut &beginning[..]), Ok(false));
        let refusal = in_proportion(&[0; 64 << 10], 0, || {
            (0..10_000).find_map(|_| negotiation.received(&mut &more[..]).err())
        });
        assert_eq!(refusal, Some(expected.clone()), "{beginning:?}");
    }
}

/// Whatever a proxy says, cut anywhere: no panic, no more memory than in proportion, and an end that stays one.
#[test]
fn hostile_proxies() {
    let samples: [&[u8]; 9] = [
        b"HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n",
        b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\", Digest\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 503 \xff\xfe\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nabc",
        &[5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 4, 56],
        &[5, 2, 1, 0, 5, 0, 0, 3, 4, b'h', b'e', b'r', b'e', 0, 1],
        &[5, 0, 5, 0, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 1],
        &[5, 2, 1, 1],
        &[5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0],
    ];
    let words: [&[u8]; 10] =
        [b"\r\n", b"\r\n\r\n", b"\n", b" ", b":", b",", b"=", b"\0", b"HTTP/1.1 200 ", b"\x05"];
    attack("proxies", &samples, &words, |sample, random, bytes| {
        // One in eight is the other kind's.
        let is_http = sample.starts_with(b"HTTP") == (random.u8(..8) > 0);
        let urls = if is_http { [HTTP, HTTP_WITH_PASSWORD] } else { [SOCKS, SOCKS_WITH_PASSWORD] };
        let url = urls[random.usize(..2)];
        // Answers of SOCKS5 have two bytes at first, and none comes before it was asked for.
        let pieces = match random.u8(..3) {
            0 => vec![2],
            1 => vec![2, 2],
            _ => std::iter::repeat_with(|| random.usize(..20)).take(4).collect(),
        };
        in_proportion(bytes, 0, || {
            let mut negotiation = begin(url, "broker");
            said(&mut negotiation);
            let mut rest = bytes;
            for piece in pieces.into_iter().chain([usize::MAX]) {
                let (mut now, after) = rest.split_at(piece.min(rest.len()));
                rest = after;
                match negotiation.received(&mut now) {
                    Ok(true) => return true,
                    Ok(false) => drop(said(&mut negotiation)),
                    Err(refusal) => {
                        assert!(!refusal.cause.is_empty() && refusal.cause.len() < 600);
                        return false;
                    }
                }
            }
            assert!(!negotiation.ended(true).cause.is_empty());
            false
        })
    });
}
