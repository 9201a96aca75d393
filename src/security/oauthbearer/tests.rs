use std::cell::RefCell;
use std::io;
use std::time::Duration;

use super::keeper::{Body, Start};
use super::*;
use crate::protocol::hostile::{attack, in_proportion};
use crate::sync::{AtomicU32, Mutex, Ordering};
use crate::time::ManualClock;

/// Numbers its tokens from 1; fails as long as it is told to.
#[derive(Default)]
struct Numbered {
    asked: AtomicU32,
    lifetime: Option<Duration>,
    extensions: Vec<(String, String)>,
    failure: Mutex<Option<&'static str>>,
}

impl OauthTokenProvider for Numbered {
    fn token(&self) -> Result<OauthToken, Box<dyn std::error::Error + Send + Sync>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        match *self.failure.lock() {
            Some(failure) => Err(failure.into()),
            None => Ok(OauthToken::new(format!("token{number}"), self.lifetime)),
        }
    }

    fn extensions(&self) -> Vec<(String, String)> {
        self.extensions.clone()
    }
}

impl Numbered {
    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A token is used for four fifths of its lifetime.
const FOUR_FIFTHS: Refresh = Refresh {
    window_factor: 0.8,
    window_jitter: 0.0,
    min_period: Duration::ZERO,
    buffer: Duration::ZERO,
    retry_backoff: Duration::from_millis(100),
    retry_backoff_max: Duration::from_secs(10),
};

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn at_once(body: Body) -> io::Result<()> {
    body();
    Ok(())
}

thread_local! {
    static WAITING: RefCell<Vec<Body>> = const { RefCell::new(Vec::new()) };
}

/// When [`run`] says so.
fn later(body: Body) -> io::Result<()> {
    WAITING.with_borrow_mut(|waiting| waiting.push(body));
    Ok(())
}

fn waiting() -> usize {
    WAITING.with_borrow(Vec::len)
}

/// The one that has waited longest, or the latest.
fn run_one(which: fn(&mut Vec<Body>) -> Body) {
    let body = WAITING.with_borrow_mut(which);
    body();
}

fn earliest(bodies: &mut Vec<Body>) -> Body {
    bodies.remove(0)
}

fn latest(bodies: &mut Vec<Body>) -> Body {
    bodies.pop().unwrap()
}

/// Returns how many there were.
fn run() -> usize {
    let bodies = WAITING.take();
    let count = bodies.len();
    bodies.into_iter().for_each(|body| body());
    count
}

fn mechanism(provider: &Arc<impl OauthTokenProvider + 'static>, start: Start) -> (OauthBearer, ManualClock) {
    let time = ManualClock::default();
    let provider: Arc<dyn OauthTokenProvider> = provider.clone();
    let extensions = Extensions::new(pairs(&[("fixed", "1"), ("other", "2")])).unwrap();
    let keeper = Keeper::new(provider, extensions, FOUR_FIFTHS, Clock::Manual(time.clone()), start);
    (OauthBearer { keeper: Arc::new(keeper) }, time)
}

/// The token that the next exchange sends, or why there is none.
fn token(mechanism: &OauthBearer) -> Result<String, SaslError> {
    let message = mechanism.begin("broker")?.first()?;
    let text = String::from_utf8(message).unwrap();
    let token = text.strip_prefix("n,,\u{1}auth=Bearer ").unwrap().split('\u{1}').next().unwrap();
    Ok(token.to_owned())
}

#[test]
fn the_message_has_the_token_and_its_extensions() {
    let extensions = pairs(&[("logicalCluster", "lkc-1"), ("other", "x y\t=z")]);
    let provider = Arc::new(Numbered { extensions, ..Default::default() });
    let (mechanism, _) = mechanism(&provider, at_once);
    assert_eq!(mechanism.name(), "OAUTHBEARER");
    let mut exchange = mechanism.begin("broker").unwrap();
    let expected = b"n,,\x01auth=Bearer token1\x01logicalCluster=lkc-1\x01other=x y\t=z\x01fixed=1\x01\x01";
    let message = exchange.first().unwrap();
    assert_eq!(message, expected);
    assert_eq!(message.capacity(), message.len(), "nothing was moved");
    assert_eq!(exchange.respond(b""), Ok(None));
    assert!(exchange.respond(b"").is_err(), "it is over");
}

#[test]
fn without_extensions_two_separators_end_the_message() {
    let provider: Arc<dyn OauthTokenProvider> = Arc::new(|| Ok(OauthToken::new("a.b.c", None)));
    let keeper = Keeper::new(provider, Extensions::default(), FOUR_FIFTHS, Clock::System, at_once);
    let mechanism = OauthBearer { keeper: Arc::new(keeper) };
    let message = mechanism.begin("broker").unwrap().first().unwrap();
    assert_eq!(message, b"n,,\x01auth=Bearer a.b.c\x01\x01");
}

#[test]
fn a_refusal_is_answered_by_one_byte_and_a_broker_that_goes_on_all_the_same_is_refused() {
    let provider = Arc::new(Numbered::default());
    let (mechanism, _) = mechanism(&provider, at_once);
    let mut exchange = mechanism.begin("broker").unwrap();
    exchange.first().unwrap();
    assert_eq!(exchange.respond(b"{\"status\":\"invalid_token\"\n}"), Ok(Some(vec![1])));
    let error = exchange.respond(b"").unwrap_err();
    let expected = "the broker rejected the token: {\"status\":\"invalid_token\" }";
    assert_eq!((error.to_string().as_str(), error.is_transient()), (expected, false));
    assert!(exchange.respond(b"").is_err());

    let mut exchange = mechanism.begin("broker").unwrap();
    exchange.first().unwrap();
    exchange.respond(&[b'x'; 1000]).unwrap();
    assert!(exchange.respond(b"").unwrap_err().to_string().len() < 400, "a stranger's words have a limit");
}

#[test]
fn who_finds_no_token_is_told_not_yet_and_nobody_waits() {
    let provider = Arc::new(Numbered::default());
    let (mechanism, time) = mechanism(&provider, later);
    let expected = SaslError::transient("no token is available yet; the token provider has been called");
    assert_eq!(token(&mechanism).unwrap_err(), expected);
    time.advance(Duration::from_secs(3));
    assert_eq!(token(&mechanism).unwrap_err(), expected, "in the same words, or each is logged");
    assert_eq!(run(), 1, "one fetch at a time");
    assert_eq!(token(&mechanism).unwrap(), "token1");
    time.advance(Duration::from_secs(1 << 30));
    assert_eq!((token(&mechanism).unwrap().as_str(), run()), ("token1", 0), "it has no end");
}

#[test]
fn the_first_token_may_be_asked_for_ahead() {
    let provider = Arc::new(Numbered::default());
    let (mechanism, _) = mechanism(&provider, later);
    mechanism.prepare();
    assert_eq!(run(), 1);
    assert_eq!(token(&mechanism).unwrap(), "token1");
}

#[test]
fn the_next_token_is_fetched_at_four_fifths_while_the_last_one_serves() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(100)), ..Default::default() });
    let (mechanism, time) = mechanism(&provider, later);
    token(&mechanism).unwrap_err();
    run();
    time.advance(Duration::from_millis(79_999));
    assert_eq!((token(&mechanism).unwrap().as_str(), run()), ("token1", 0));
    time.advance(Duration::from_millis(1));
    assert_eq!(token(&mechanism).unwrap(), "token1");
    time.advance(Duration::from_millis(19_999));
    assert_eq!(token(&mechanism).unwrap(), "token1");
    time.advance(Duration::from_millis(1));
    assert!(token(&mechanism).unwrap_err().is_transient(), "over, and the next one is still fetched");
    assert_eq!(run(), 1);
    assert_eq!(token(&mechanism).unwrap(), "token2");
    // Its time counts from when it was asked for, at 80 s.
    time.advance(Duration::from_millis(59_999));
    assert_eq!((token(&mechanism).unwrap().as_str(), run()), ("token2", 0));
    time.advance(Duration::from_millis(1));
    assert_eq!((token(&mechanism).unwrap().as_str(), run()), ("token2", 1));
    assert_eq!(token(&mechanism).unwrap(), "token3");
}

#[test]
fn a_provider_that_fails_is_asked_less_and_less_often() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(100)), ..Default::default() });
    *provider.failure.lock() = Some("no server");
    let (mechanism, time) = mechanism(&provider, at_once);
    for _ in 0..3 {
        let error = token(&mechanism).unwrap_err();
        assert_eq!(
            error,
            SaslError::transient("no token is available: the token provider failed: no server")
        );
    }
    assert_eq!(provider.asked(), 1);
    time.advance(Duration::from_millis(121));
    token(&mechanism).unwrap_err();
    assert_eq!(provider.asked(), 2);
    time.advance(Duration::from_millis(121));
    token(&mechanism).unwrap_err();
    assert_eq!(provider.asked(), 2, "twice as long by now");
    for _ in 0..100 {
        time.advance(Duration::from_secs(12));
        token(&mechanism).unwrap_err();
    }
    assert_eq!(provider.asked(), 102, "at least every 10 s");
    *provider.failure.lock() = None;
    time.advance(Duration::from_secs(12));
    assert_eq!(token(&mechanism).unwrap(), "token103");
    // From the beginning again.
    *provider.failure.lock() = Some("no server");
    time.advance(Duration::from_secs(80));
    assert_eq!((token(&mechanism).unwrap().as_str(), provider.asked()), ("token103", 104));
    time.advance(Duration::from_millis(121));
    assert_eq!((token(&mechanism).unwrap().as_str(), provider.asked()), ("token103", 105));
}

#[test]
fn a_failure_that_is_over_is_not_told_of_again() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(100)), ..Default::default() });
    *provider.failure.lock() = Some("no server");
    let (mechanism, time) = mechanism(&provider, later);
    token(&mechanism).unwrap_err();
    run();
    assert!(token(&mechanism).unwrap_err().to_string().contains("no server"));
    *provider.failure.lock() = None;
    time.advance(Duration::from_secs(1));
    token(&mechanism).unwrap_err();
    run();
    assert_eq!(token(&mechanism).unwrap(), "token2");
    time.advance(Duration::from_secs(100));
    let error = token(&mechanism).unwrap_err().to_string();
    assert!(error.ends_with("the token provider has been called"), "{error}");
    run();
}

#[test]
fn a_provider_that_hangs_is_asked_again_less_and_less_often() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(1000)), ..Default::default() });
    let (mechanism, time) = mechanism(&provider, later);
    token(&mechanism).unwrap_err();
    for (calls, patience) in [(1, 60), (2, 120), (3, 240)] {
        time.advance(Duration::from_millis(patience * 1000 - 1));
        token(&mechanism).unwrap_err();
        assert_eq!(waiting(), calls);
        time.advance(Duration::from_millis(1));
        let error = token(&mechanism).unwrap_err();
        let expected = "no token is available: the token provider has not returned and is called again";
        assert_eq!(error, SaslError::transient(expected));
        assert_eq!(waiting(), calls + 1);
    }
    run_one(latest);
    assert_eq!(token(&mechanism).unwrap(), "token1");
    // Those that hung were asked for earlier and end earlier.
    assert_eq!(run(), 3);
    assert_eq!(token(&mechanism).unwrap(), "token1");
    // Nothing hangs any more.
    time.advance(Duration::from_secs(800));
    assert_eq!((token(&mechanism).unwrap().as_str(), waiting()), ("token1", 1));
    time.advance(Duration::from_secs(60));
    assert_eq!((token(&mechanism).unwrap().as_str(), waiting()), ("token1", 2));
    run();
}

#[test]
fn a_late_answer_is_taken_and_leaves_the_later_fetch_under_way() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(100)), ..Default::default() });
    let (mechanism, time) = mechanism(&provider, later);
    token(&mechanism).unwrap_err();
    time.advance(Duration::from_secs(60));
    token(&mechanism).unwrap_err();
    run_one(earliest);
    assert_eq!(token(&mechanism).unwrap(), "token1");
    time.advance(Duration::from_secs(20));
    assert_eq!((token(&mechanism).unwrap().as_str(), waiting()), ("token1", 1), "one fetch at a time");
    time.advance(Duration::from_secs(20));
    token(&mechanism).unwrap_err();
    run_one(latest);
    assert_eq!(token(&mechanism).unwrap(), "token2");
}

#[test]
fn a_late_failure_says_nothing() {
    let provider = Arc::new(Numbered::default());
    let (mechanism, time) = mechanism(&provider, later);
    token(&mechanism).unwrap_err();
    time.advance(Duration::from_secs(60));
    let before = token(&mechanism).unwrap_err();
    *provider.failure.lock() = Some("no server");
    run_one(earliest);
    assert_eq!(token(&mechanism).unwrap_err(), before);
    assert_eq!(waiting(), 1, "the later one is still under way");
    *provider.failure.lock() = None;
    run_one(latest);
    assert_eq!(token(&mechanism).unwrap(), "token2");
}

#[test]
fn a_failed_renewal_leaves_the_token_to_its_end_and_then_says_why() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(100)), ..Default::default() });
    let (mechanism, time) = mechanism(&provider, at_once);
    assert_eq!(token(&mechanism).unwrap(), "token1");
    *provider.failure.lock() = Some("no server");
    time.advance(Duration::from_secs(90));
    assert_eq!((token(&mechanism).unwrap().as_str(), provider.asked()), ("token1", 2));
    time.advance(Duration::from_secs(10));
    assert!(token(&mechanism).unwrap_err().to_string().contains("no server"));
}

#[test]
fn a_token_that_brokers_refuse_is_replaced_but_not_at_each_refusal() {
    let provider = Arc::new(Numbered::default());
    let (mechanism, time) = mechanism(&provider, at_once);
    let refuse = || {
        let mut exchange = mechanism.begin("broker").unwrap();
        exchange.first().unwrap();
        exchange.respond(b"{}").unwrap();
    };
    refuse();
    refuse();
    assert_eq!(provider.asked(), 1);
    time.advance(Duration::from_secs(10));
    assert_eq!((token(&mechanism).unwrap().as_str(), provider.asked()), ("token2", 2));
    time.advance(Duration::from_secs(60));
    assert_eq!(token(&mechanism).unwrap(), "token2", "nobody refused that one");
}

#[test]
fn a_refusal_counts_for_the_token_that_was_refused_and_from_when_that_was_asked_for() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(1000)), ..Default::default() });
    let (mechanism, time) = mechanism(&provider, later);
    token(&mechanism).unwrap_err();
    time.advance(Duration::from_secs(8));
    run();
    let mut late = mechanism.begin("broker").unwrap();
    let mut exchange = mechanism.begin("broker").unwrap();
    exchange.first().unwrap();
    exchange.respond(b"{}").unwrap();
    time.advance(Duration::from_secs(2));
    assert_eq!((token(&mechanism).unwrap().as_str(), run()), ("token1", 1));
    late.first().unwrap();
    late.respond(b"{}").unwrap();
    time.advance(Duration::from_secs(60));
    assert_eq!((token(&mechanism).unwrap().as_str(), run()), ("token2", 0));
}

#[test]
fn what_a_provider_must_not_give_is_told_without_being_shown() {
    let reason = |token: &str, lifetime: Option<u64>, extensions: &[(&str, &str)]| {
        struct Fixed(OauthToken, Vec<(String, String)>);
        impl OauthTokenProvider for Fixed {
            fn token(&self) -> Result<OauthToken, Box<dyn std::error::Error + Send + Sync>> {
                Ok(self.0.clone())
            }
            fn extensions(&self) -> Vec<(String, String)> {
                self.1.clone()
            }
        }
        let token = OauthToken::new(token, lifetime.map(Duration::from_secs));
        assert_eq!(
            format!("{token:?}"),
            format!("OauthToken {{ value: [hidden], lifetime: {:?} }}", token.lifetime)
        );
        let (mechanism, _) = mechanism(&Arc::new(Fixed(token, pairs(extensions))), at_once);
        let error = mechanism.begin("broker").map(drop).unwrap_err();
        assert!(error.is_transient() && !error.to_string().contains("s3"), "{error}");
        error.to_string()
    };
    for token in ["", "s3 cret", "s3cret\u{1}", "s3crét", "s3cret\n"] {
        assert!(
            reason(token, None, &[])
                .ends_with("empty or contains characters that are not allowed in a token"),
            "{token:?}"
        );
    }
    assert!(reason("s3cret", Some(0), &[]).ends_with("has already expired"));
    for (extensions, expected) in [
        (&[("", "v")], "must be one or more ASCII letters"),
        (&[("a1", "v")], "must be one or more ASCII letters"),
        (&[("auth", "v")], "can't be named auth"),
        (&[("a", "")], "the value of the extension a must not be empty and must contain only"),
        (&[("a", "s3\u{1}")], "the value of the extension a must not be empty and must contain only"),
        (&[("a", "s3é")], "the value of the extension a must not be empty and must contain only"),
    ] {
        assert!(reason("s3cret", None, extensions).contains(expected), "{extensions:?}");
    }
    assert!(reason("s3cret", None, &[("a", "1"), ("a", "2")]).contains("a is set twice"));
    let provider: Arc<dyn OauthTokenProvider> = Arc::new(Numbered::default());
    assert!(OauthBearer::new(provider, pairs(&[("auth", "v")]), FOUR_FIFTHS, Clock::System).is_err());
}

#[test]
fn a_provider_that_panics_has_failed() {
    let provider =
        Arc::new(|| -> Result<OauthToken, Box<dyn std::error::Error + Send + Sync>> { panic!("on purpose") });
    let (mechanism, time) = mechanism(&provider, at_once);
    for _ in 0..2 {
        let error = token(&mechanism).unwrap_err();
        assert_eq!(error, SaslError::transient("no token is available: the token provider panicked"));
        time.advance(Duration::from_secs(1));
    }
}

#[test]
fn a_thread_that_can_not_be_started_is_tried_again() {
    let provider = Arc::new(Numbered::default());
    let (mechanism, time) = mechanism(&provider, |_| Err(io::Error::other("too many")));
    for _ in 0..2 {
        let error = token(&mechanism).unwrap_err();
        assert!(error.is_transient() && error.to_string().ends_with("can't be started: too many"), "{error}");
        time.advance(Duration::from_secs(1));
    }
}

#[test]
fn a_provider_runs_on_a_thread_of_its_own() {
    let here = std::thread::current().id();
    let provider = Arc::new(move || {
        assert_ne!(std::thread::current().id(), here);
        Ok(OauthToken::new("elsewhere", None))
    });
    let mechanism = OauthBearer::new(provider, pairs(&[("a", "b")]), FOUR_FIFTHS, Clock::System).unwrap();
    mechanism.prepare();
    let began = loop {
        match token(&mechanism) {
            Err(error) if error.to_string().contains("no token is available yet") => std::thread::yield_now(),
            began => break began,
        }
    };
    assert_eq!(began.unwrap(), "elsewhere");
}

#[test]
fn hostile_oauthbearer() {
    let provider = Arc::new(Numbered::default());
    let (mechanism, _) = mechanism(&provider, at_once);
    let samples: [&[u8]; 3] = [b"", b"\x01", b"{\"status\":\"invalid_token\",\"scope\":\"\xc3\xbc\"}"];
    attack("oauthbearer", &samples, &[], |_, random, bytes| {
        let mut exchange = mechanism.begin("broker").unwrap();
        let mut taken = false;
        for _ in 0..random.usize(1..4) {
            if random.u8(..4) > 0 {
                let _ = exchange.first();
            }
            match in_proportion(bytes, 0, || exchange.respond(bytes)) {
                Ok(answer) => {
                    assert!(answer.is_none_or(|answer| answer == [1]));
                    taken = true;
                }
                Err(error) => assert!(error.to_string().len() < 2000),
            }
        }
        taken
    });
}

/// The settings reach the keeper.
#[test]
fn a_token_is_used_as_long_as_the_settings_say() {
    let provider = Arc::new(Numbered { lifetime: Some(Duration::from_secs(1000)), ..Default::default() });
    let time = ManualClock::default();
    let refresh = Refresh { window_factor: 0.5, retry_backoff: Duration::from_secs(5), ..FOUR_FIFTHS };
    let shared: Arc<dyn OauthTokenProvider> = provider.clone();
    let keeper = Keeper::new(shared, Extensions::default(), refresh, Clock::Manual(time.clone()), at_once);
    let mechanism = OauthBearer { keeper: Arc::new(keeper) };
    assert_eq!(token(&mechanism).unwrap(), "token1");
    time.advance(Duration::from_secs(499));
    assert_eq!(token(&mechanism).unwrap(), "token1");
    *provider.failure.lock() = Some("down");
    time.advance(Duration::from_secs(1));
    assert_eq!((token(&mechanism).unwrap().as_str(), provider.asked()), ("token1", 2));
    // At least 4 s pass before the next call, because of the random 20 %.
    time.advance(Duration::from_millis(3900));
    assert_eq!((token(&mechanism).unwrap().as_str(), provider.asked()), ("token1", 2));
    time.advance(Duration::from_millis(2200));
    assert_eq!((token(&mechanism).unwrap().as_str(), provider.asked()), ("token1", 3));
}
