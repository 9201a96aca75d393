use super::hash::Sha1Hash;
use super::*;
use crate::protocol::hostile::{attack, in_proportion};

static SHA_1: &dyn Hash = &Sha1Hash;

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn scram(hash: &'static dyn Hash) -> Scram {
    Scram::new(hash, "user", Secret::from("pencil"), false).unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// What the client answers to the broker's first message.
fn answer(scram: &Scram, server_first: &[u8]) -> Result<String, SaslError> {
    let mut exchange = scram.exchange(NONCE.to_owned());
    exchange.first().unwrap();
    exchange.respond(server_first).map(|answer| text(answer.unwrap()))
}

/// What the client makes of the broker's last message.
fn last(server_final: &[u8]) -> Result<Option<Vec<u8>>, SaslError> {
    let mut exchange = scram(SHA_256).exchange(NONCE.to_owned());
    exchange.first().unwrap();
    exchange.respond(FIRST.as_bytes()).unwrap();
    exchange.respond(server_final)
}

#[test]
fn the_exchange_is_that_of_the_rfcs() {
    // RFC 5802, section 5; RFC 7677, section 3; the same as the latter by SHA-512, computed with Python's hashlib.
    let cases = [
        (
            SHA_1,
            "fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            SHA_256,
            NONCE,
            FIRST,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            FINAL,
        ),
        (
            SHA_512,
            NONCE,
            FIRST,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
            "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
        ),
    ];
    for (hash, nonce, server_first, client_final, server_final) in cases {
        let mut exchange = scram(hash).exchange(nonce.to_owned());
        assert_eq!(text(exchange.first().unwrap()), format!("n,,n=user,r={nonce}"));
        let answer = exchange.respond(server_first.as_bytes()).unwrap().unwrap();
        assert_eq!(text(answer), client_final, "{hash:?}");
        assert_eq!(exchange.respond(server_final.as_bytes()), Ok(None), "{hash:?}");
        assert!(exchange.respond(b"").is_err(), "it is over");
    }
}

#[test]
fn names_are_escaped_and_delegation_tokens_say_that_they_are() {
    let scram = Scram::new(SHA_256, "a=b,c", Secret::from("sécrèt=,"), true).unwrap();
    let mut exchange = scram.exchange("nonce".to_owned());
    assert_eq!(text(exchange.first().unwrap()), "n,,n=a=3Db=2Cc,r=nonce,tokenauth=true");
    let answer = exchange.respond(b"r=noncemore,s=c2FsdA==,i=5000").unwrap().unwrap();
    assert_eq!(text(answer), "c=biws,r=noncemore,p=/fgqjsb8wl8XYJY+QukN8Ho4VdBGhXUXZihyKlJ/vDo=");
    assert_eq!(exchange.respond(b"v=ZBt6Bh1+UKoAnmbxm5KjprysdifDTi0Hoxajo8FN5KY="), Ok(None));
}

#[test]
fn each_exchange_has_a_nonce_of_its_own() {
    let scram = scram(SHA_512);
    assert_eq!(scram.name(), "SCRAM-SHA-512");
    let nonce = || {
        let message = text(scram.begin("broker").unwrap().first().unwrap());
        message.strip_prefix("n,,n=user,r=").unwrap().to_owned()
    };
    let (one, other) = (nonce(), nonce());
    assert_ne!(one, other);
    assert_eq!((one.len(), one.contains(',')), (24, false));
}

#[test]
fn a_broker_that_does_not_know_the_password_is_refused() {
    let error = last(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").unwrap_err();
    assert!(error.to_string().contains("base64"), "{error}: bits behind the end of the signature");
    for signature in [
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=",
        "v=6rri",
        "v=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    ] {
        let error = last(signature.as_bytes()).unwrap_err();
        assert_eq!(error, SaslError::refused(WRONG_SIGNATURE), "{signature}");
    }
    assert_eq!(last(&[FINAL.as_bytes(), b",x=1"].concat()), Ok(None), "an extension that may be passed over");
}

#[test]
fn what_the_broker_says_against_us_is_said_on() {
    let told = |message: &str| {
        let error = last(message.as_bytes()).unwrap_err();
        assert_eq!(
            answer(&scram(SHA_256), message.as_bytes()).unwrap_err(),
            error,
            "in the first message too"
        );
        (error.to_string(), error.is_transient())
    };
    assert_eq!(
        told("e=invalid-proof"),
        ("the broker says that the password is wrong (invalid-proof)".to_owned(), false)
    );
    assert_eq!(
        told("e=unknown-user,x=1"),
        ("the broker says that it does not know the user (unknown-user)".to_owned(), false)
    );
    assert_eq!(
        told("e=other-error"),
        ("the broker says that it can't authenticate the client now (other-error)".to_owned(), true)
    );
    assert_eq!(
        told("e=no\u{7}\n"),
        ("the broker rejected the authentication: no\\u{7}\\n".to_owned(), false)
    );
    assert!(told(&format!("e={}", "long".repeat(1000))).0.len() < 150);
}

#[test]
fn a_first_message_that_is_not_as_it_must_be_is_refused_by_name() {
    let cases: [(&[u8], &str); 24] = [
        (b"", "the nonce (r=)"),
        (b"r=\xff,s=c2FsdA==,i=4096", "not UTF-8"),
        (b"m=x,r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4096", "an unknown extension (m=)"),
        (b"r=rOprNGfwEbeRWgbNEkqO,s=c2FsdA==,i=4096", "the nonce does not extend the client's nonce"),
        (
            b"r=rOprNGfwEbeRWgbNEkqP3rfcNHYJY1,s=c2FsdA==,i=4096",
            "the nonce does not extend the client's nonce",
        ),
        (b"r=rOprNGfwEbeRWgbNEkq,s=c2FsdA==,i=4096", "the nonce does not extend the client's nonce"),
        (b"r=rOprNGfwEbeRWgbNEkqO x,s=c2FsdA==,i=4096", "the nonce does not extend the client's nonce"),
        (b"r=,s=c2FsdA==,i=4096", "the nonce (r=)"),
        (b"s=c2FsdA==,r=rOprNGfwEbeRWgbNEkqOx,i=4096", "the nonce (r=)"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,i=4096,s=c2FsdA==", "the salt (s=)"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,i=4096", "the salt (s=)"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==", "the number of iterations (i=)"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", "the salt (s=)"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA,i=4096", "the salt is not base64"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2Fs-A==,i=4096", "the salt is not base64"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4096", "the salt (s=)"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4096,i=4096", "an attribute is in the wrong place"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4096,", "an attribute is in the wrong place"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4096,m=x", "an attribute is in the wrong place"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=+4096", "the iteration count is not a number"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=04096", "the iteration count is not a number"),
        (
            b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4095",
            "requires 4095 SCRAM iterations; this client accepts 4096 to 1000000",
        ),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=1000001", "requires 1000001 SCRAM iterations"),
        (b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=99999999999999999999", "requires too many SCRAM iterations"),
    ];
    let scram = scram(SHA_256);
    for (message, expected) in cases {
        let error = answer(&scram, message).unwrap_err();
        let shown = String::from_utf8_lossy(message);
        assert!(error.to_string().contains(expected) && !error.is_transient(), "{shown}: {error}");
    }
    assert!(scram.login.salted.lock().is_none(), "nothing was computed for these");
    let error = last(b"v=6rri,v=6rri").unwrap_err();
    assert!(error.to_string().contains("an attribute is in the wrong place"), "{error}");
    let error = last(b"x=1").unwrap_err();
    assert!(error.to_string().contains("the broker's signature (v=)"), "{error}");
}

#[test]
fn what_one_exchange_computes_serves_the_next_with_the_same_salt() {
    #[derive(Debug)]
    struct Counted(crate::sync::AtomicU32);
    impl Hash for Counted {
        fn mechanism(&self) -> &'static str {
            SHA_256.mechanism()
        }
        fn digest(&self, bytes: &[u8]) -> Secret {
            SHA_256.digest(bytes)
        }
        fn sign(&self, key: &[u8], message: &[u8]) -> Secret {
            SHA_256.sign(key, message)
        }
        fn verifies(&self, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
            SHA_256.verifies(key, message, signature)
        }
        fn stretch(&self, password: &[u8], salt: &[u8], iterations: u32) -> Secret {
            self.0.fetch_add(1, crate::sync::Ordering::SeqCst);
            SHA_256.stretch(password, salt, iterations)
        }
    }
    let counted: &'static Counted = Box::leak(Box::new(Counted(crate::sync::AtomicU32::new(0))));
    let scram = scram(counted);
    let computed = |message: &str| {
        let before = counted.0.load(crate::sync::Ordering::SeqCst);
        answer(&scram, message.as_bytes()).unwrap();
        counted.0.load(crate::sync::Ordering::SeqCst) - before
    };
    assert_eq!(computed(FIRST), 1);
    assert_eq!(computed(FIRST), 0);
    assert_eq!(computed(&FIRST.replace("4096", "4097")), 1);
    assert_eq!(computed(FIRST), 1, "the last one is kept");
    assert_eq!(computed(&FIRST.replace("W22", "W23")), 1);
}

#[test]
fn nothing_shows_the_password() {
    let scram = scram(SHA_256);
    answer(&scram, FIRST.as_bytes()).unwrap();
    let shown = format!("{scram:?}");
    assert_eq!(shown, "Scram { name: \"SCRAM-SHA-256\", username: \"user\", is_token: false, .. }");
    for (username, password) in [("", "secret"), ("user", ""), ("a\0", "secret")] {
        let error = Scram::new(SHA_256, username, Secret::from(password), false).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn hostile_scram() {
    let scram = scram(SHA_256);
    answer(&scram, FIRST.as_bytes()).unwrap();
    let words: [&[u8]; 16] = [
        b"r=",
        b"s=",
        b"i=",
        b"v=",
        b"e=",
        b"m=",
        b"x=",
        b",",
        b"=",
        b"4096",
        b"999999999999",
        b"\xff",
        b"\0",
        b"W22Z",
        "ü".as_bytes(),
        NONCE.as_bytes(),
    ];
    let samples = [FIRST, FINAL, "e=invalid-proof", "e=other-error", "m=x,r=a"];
    attack("scram", &samples, &words, |_, _, bytes| {
        // What would be computed is not: a number of iterations that is allowed may take half a second.
        let first = in_proportion(bytes, 0, || ServerFirst::parse(bytes, NONCE).map(drop));
        let last = in_proportion(bytes, 0, || ServerFinal::parse(bytes).map(drop));
        for error in [&first, &last].into_iter().filter_map(|parsed| parsed.as_ref().err()) {
            assert!(error.to_string().len() < 2000, "{error}");
        }
        if bytes == FIRST.as_bytes() || first.is_err() {
            in_proportion(bytes, 0, || drop(answer(&scram, bytes)));
        }
        first.is_ok() || last.is_ok()
    });
}
