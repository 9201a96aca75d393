//! What a broker that wants to know who its clients are says to them, without a socket.

use super::*;
use crate::mock::MockRule;
use crate::mock::cluster::Settings;
use crate::mock::core::{ConnectionId, Core, parse};
use crate::mock::outgoing::Outgoing;
use crate::mock::produce::Look;
use crate::protocol::hostile::attack;
use crate::protocol::{
    ApiVersionsRequest, AuthBytes, InitProducerIdRequest, MetadataRequest, Request, SaslAuthenticateRequest,
    SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse, decode_response, encode_request,
};
use crate::security::{
    OauthBearer, OauthToken, OauthTokenProvider, Refresh, SaslMechanism, Secret, with_password,
};
use crate::time::Clock;
use std::sync::Arc;

/// A core that wants to know, and the time that it is told.
struct Site {
    core: Core,
    now: Instant,
}

/// An end of the connection in place of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Ended;

/// Why somebody was not let in, by the broker's word or by what the client makes of its words.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Named(ErrorCode, Vec<String>),
    Told(ErrorCode, Option<String>),
    Ended,
    ByClient(String),
}

impl Site {
    fn new(configure: impl FnOnce(&mut Credentials)) -> Self {
        let mut credentials = Credentials::default();
        configure(&mut credentials);
        let settings = Settings {
            auto_create_topics: true,
            default_partitions: 1,
            leader_not_available_once: false,
            counting: false,
            credentials,
            first_epoch: 0,
            refuses_unknown_producers: false,
        };
        Self { core: Core::new(settings, &[9000], Instant::ZERO), now: Instant::ZERO }
    }

    fn with_alice() -> Self {
        Self::new(|credentials| credentials.set_user("alice", "secret"))
    }

    fn credentials(&mut self) -> &mut Credentials {
        &mut self.core.cluster.settings.credentials
    }

    fn order(&mut self, rule: MockRule) {
        let Core { faults, cluster, .. } = &mut self.core;
        faults.add(rule, || cluster.view());
    }

    /// The frames that come back, each with its length, and whether the connection ends behind them.
    fn outgoing(&mut self, id: ConnectionId) -> (Vec<Vec<u8>>, bool) {
        let (mut frames, mut ends) = (Vec::new(), false);
        for outgoing in self.core.take_outgoing(id, self.now) {
            match outgoing {
                Outgoing::Write(frame) => frames.push(frame),
                Outgoing::Close | Outgoing::Reset => ends = true,
            }
        }
        (frames, ends)
    }

    /// The answer, and whether the connection ends behind it.
    fn ask_fully<R: Request>(
        &mut self,
        id: ConnectionId,
        version: i16,
        request: &R,
    ) -> (Option<R::Response>, bool) {
        let frame = encode_request(7, version, Some("test"), request).to_vec();
        let request = parse(&frame[4..], Look::Records).unwrap();
        self.core.receive(id, &request, self.now);
        let (frames, ends) = self.outgoing(id);
        let answer = frames.first().map(|frame| {
            let (correlation, response) = decode_response::<R>(version, &frame[4..]).unwrap();
            assert_eq!((correlation, frames.len()), (7, 1));
            response
        });
        (answer, ends)
    }

    fn ask<R: Request>(&mut self, id: ConnectionId, version: i16, request: &R) -> Result<R::Response, Ended> {
        self.ask_fully(id, version, request).0.ok_or(Ended)
    }

    fn name(&mut self, id: ConnectionId, version: i16, name: &str) -> Result<SaslHandshakeResponse, Ended> {
        self.ask(id, version, &SaslHandshakeRequest { mechanism: name.to_owned(), ..Default::default() })
    }

    fn say(&mut self, id: ConnectionId, token: &[u8]) -> Result<SaslAuthenticateResponse, Ended> {
        let request = SaslAuthenticateRequest { auth_bytes: AuthBytes(token.to_vec()), ..Default::default() };
        self.ask(id, 2, &request)
    }

    /// On a new connection.
    fn log_in(&mut self, mechanism: &dyn SaslMechanism) -> Result<(ConnectionId, i64), Refusal> {
        let id = self.core.connect(0);
        self.ask(id, 4, &ApiVersionsRequest::default()).unwrap();
        self.log_in_at(id, mechanism).map(|lifetime| (id, lifetime))
    }

    /// The lifetime of the session in milliseconds.
    fn log_in_at(&mut self, id: ConnectionId, mechanism: &dyn SaslMechanism) -> Result<i64, Refusal> {
        let by_client = |error: crate::security::SaslError| Refusal::ByClient(error.to_string());
        let named = self.name(id, 1, mechanism.name()).map_err(|Ended| Refusal::Ended)?;
        if named.error_code.is_error() {
            return Err(Refusal::Named(named.error_code, named.mechanisms));
        }
        let mut exchange = mechanism.begin("broker").map_err(by_client)?;
        let mut token = exchange.first().map_err(by_client)?;
        loop {
            let said = self.say(id, &token).map_err(|Ended| Refusal::Ended)?;
            if said.error_code.is_error() {
                return Err(Refusal::Told(said.error_code, said.error_message));
            }
            match exchange.respond(&said.auth_bytes.0).map_err(by_client)? {
                None => return Ok(said.session_lifetime_ms),
                Some(answer) => token = answer,
            }
        }
    }

    fn is_served(&mut self, id: ConnectionId) -> bool {
        self.ask(id, 5, &InitProducerIdRequest::default()).is_ok_and(|answer| !answer.error_code.is_error())
    }
}

fn password(mechanism: &str, name: &str, password: &str) -> Arc<dyn SaslMechanism> {
    with_password(mechanism, name, Secret::from(password), false).unwrap()
}

fn plain(name: &str, secret: &str) -> Arc<dyn SaslMechanism> {
    password("PLAIN", name, secret)
}

/// Its first token has come.
fn bearer(token: &'static str) -> OauthBearer {
    let provider: Arc<dyn OauthTokenProvider> = Arc::new(move || Ok(OauthToken::new(token, None)));
    let extensions = vec![("logicalCluster".to_owned(), "lkc-1".to_owned())];
    let mechanism = OauthBearer::new(provider, extensions, Refresh::default(), Clock::System).unwrap();
    while mechanism.begin("broker").is_err() {
        std::thread::yield_now();
    }
    mechanism
}

fn told(words: &str) -> Result<(ConnectionId, i64), Refusal> {
    Err(Refusal::Told(ErrorCode::SASL_AUTHENTICATION_FAILED, Some(words.to_owned())))
}

fn with_passwords() -> Vec<&'static str> {
    if cfg!(feature = "scram") { vec!["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] } else { vec!["PLAIN"] }
}

#[test]
fn who_knows_the_password_is_served_and_who_does_not_is_told_in_kafkas_words() {
    for mechanism in with_passwords() {
        let mut site = Site::new(|credentials| credentials.set_user("a,l=ice", "secret"));
        let (id, lifetime) = site.log_in(&*password(mechanism, "a,l=ice", "secret")).unwrap();
        assert!(lifetime == 0 && site.is_served(id), "{mechanism}");
        let users: Vec<_> = site.core.requests.iter().map(|request| request.user.as_deref()).collect();
        assert!(users[..users.len() - 1].iter().all(Option::is_none), "{users:?}");
        assert_eq!(users.last(), Some(&Some("a,l=ice")));
        let words = match mechanism {
            "PLAIN" => "Authentication failed: Invalid username or password".to_owned(),
            _ => format!(
                "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
            ),
        };
        for (name, wrong) in [("a,l=ice", "Secret"), ("bob", "secret")] {
            assert_eq!(site.log_in(&*password(mechanism, name, wrong)), told(&words), "{mechanism} {name}");
        }
        site.credentials().set_user("a,l=ice", "another");
        assert_eq!(site.log_in(&*password(mechanism, "a,l=ice", "secret")), told(&words), "{mechanism}");
        site.log_in(&*password(mechanism, "a,l=ice", "another")).unwrap();
        assert!(site.credentials().remove_user("a,l=ice"));
        assert_eq!(site.log_in(&*password(mechanism, "a,l=ice", "another")), told(&words), "nobody is left");
        assert!(site.is_served(id), "who is in stays in");
    }
}

#[test]
fn a_token_is_known_by_its_list_or_by_the_validator_and_another_is_refused_in_two_steps() {
    let mut site = Site::new(|credentials| {
        credentials.add_token("alice", "a.b.c");
        credentials.set_validator(|token| token.strip_prefix("of-").map(str::to_owned));
    });
    for (token, user) in [("a.b.c", "alice"), ("of-bob", "bob")] {
        let (id, _) = site.log_in(&bearer(token)).unwrap();
        assert!(site.is_served(id));
        assert_eq!(site.core.requests.last().unwrap().user.as_deref(), Some(user));
    }
    let stranger = bearer("d.e.f");
    assert_eq!(site.log_in(&stranger), told("{\"status\":\"invalid_token\"}"));
    let id = site.core.connect(0);
    site.name(id, 1, "OAUTHBEARER").unwrap();
    let challenge = site.say(id, &stranger.begin("").unwrap().first().unwrap()).unwrap();
    assert_eq!(challenge.error_code, ErrorCode::NONE);
    assert_eq!(challenge.auth_bytes.0, b"{\"status\":\"invalid_token\"}");
    assert!(site.credentials().remove_token("a.b.c") && !site.credentials().remove_token("a.b.c"));
    assert!(site.log_in(&bearer("a.b.c")).is_err());
    for unreadable in
        ["", "n,,\x01auth=Bearer a.b.c\x01", "n,,\x01auth=Basic a.b.c\x01\x01", "n,,\x01auth=Bearer \x01\x01"]
    {
        let id = site.core.connect(0);
        site.name(id, 1, "OAUTHBEARER").unwrap();
        let words = "Authentication failed during authentication due to invalid credentials with SASL mechanism \
                     OAUTHBEARER";
        assert_eq!(site.say(id, unreadable.as_bytes()).unwrap().error_message.as_deref(), Some(words));
    }
}

#[test]
fn a_mechanism_that_is_not_offered_is_answered_with_those_that_are_and_the_end() {
    let mut site = Site::with_alice();
    site.credentials().set_mechanisms(["OAUTHBEARER", "PLAIN"]);
    let id = site.core.connect(0);
    let request = SaslHandshakeRequest { mechanism: "GSSAPI".to_owned(), ..Default::default() };
    let (answer, ends) = site.ask_fully(id, 1, &request);
    let answer = answer.unwrap();
    assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_SASL_MECHANISM);
    assert_eq!((answer.mechanisms, ends), (vec!["OAUTHBEARER".to_owned(), "PLAIN".to_owned()], true));
    assert_eq!(site.ask_fully(id, 1, &request), (None, false), "nothing is heard any more");
}

#[test]
fn before_it_knows_who_asks_a_broker_ends_the_connection_at_whatever_does_not_fit() {
    let ends = |ask: &mut dyn FnMut(&mut Site, ConnectionId)| {
        let mut site = Site::with_alice();
        let id = site.core.connect(0);
        ask(&mut site, id);
        let (answer, ends) = site.ask_fully(id, 12, &MetadataRequest::default());
        assert!(answer.is_none(), "{answer:?}");
        ends
    };
    // Metadata comes first, behind ApiVersions, or behind an end.
    assert!(ends(&mut |_, _| {}));
    assert!(ends(&mut |site, id| drop(site.ask(id, 4, &ApiVersionsRequest::default()).unwrap())));
    assert!(!ends(&mut |site, id| {
        site.ask(id, 4, &ApiVersionsRequest::default()).unwrap();
        assert_eq!(site.ask_fully(id, 4, &ApiVersionsRequest::default()), (None, true), "asked twice");
    }));
    assert!(!ends(&mut |site, id| assert_eq!(site.say(id, b"\0alice\0secret"), Err(Ended))));
    // In the middle of an exchange it says what is wrong before it ends.
    let mut site = Site::with_alice();
    let id = site.core.connect(0);
    site.name(id, 1, "PLAIN").unwrap();
    let (answer, ends) = site.ask_fully(id, 5, &InitProducerIdRequest::default());
    assert_eq!((answer.unwrap().error_code, ends), (ErrorCode::ILLEGAL_SASL_STATE, true));
    let id = site.core.connect(0);
    site.name(id, 1, "PLAIN").unwrap();
    assert_eq!(site.name(id, 1, "PLAIN").unwrap().error_code, ErrorCode::ILLEGAL_SASL_STATE);
}

#[test]
fn a_version_that_it_does_not_speak_may_be_asked_again_in_another() {
    let mut site = Site::with_alice();
    let id = site.core.connect(0);
    site.core.cluster.brokers[0].versions.insert(ApiKey::API_VERSIONS, 0..=3);
    let frame = encode_request(7, 4, None, &ApiVersionsRequest::default()).to_vec();
    site.core.receive(id, &parse(&frame[4..], Look::Records).unwrap(), site.now);
    assert!(matches!(site.outgoing(id), (frames, false) if frames.len() == 1));
    site.ask(id, 3, &ApiVersionsRequest::default()).unwrap();
    site.log_in_at(id, &*plain("alice", "secret")).unwrap();
    assert!(site.is_served(id));
}

#[test]
fn after_version_0_of_the_handshake_tokens_go_bare_and_a_refusal_is_the_end() {
    for mechanism in with_passwords() {
        for (secret, is_right) in [("secret", true), ("wrong", false)] {
            let mut site = Site::with_alice();
            let id = site.core.connect(0);
            assert_eq!(site.name(id, 0, mechanism).unwrap().error_code, ErrorCode::NONE);
            let mechanism = password(mechanism, "alice", secret);
            let mut exchange = mechanism.begin("broker").unwrap();
            let mut token = Some(exchange.first().unwrap());
            let mut ended = false;
            while let Some(bytes) = token.take().filter(|_| !ended) {
                assert!(site.core.awaits_bare_token(id));
                site.core.receive_token(id, &bytes, site.now);
                let (frames, ends) = site.outgoing(id);
                assert_eq!(frames.len(), usize::from(!ends));
                ended = ends;
                if let [frame] = &frames[..] {
                    let length = u32::from_be_bytes(*frame.first_chunk().unwrap());
                    assert_eq!(length as usize, frame.len() - 4);
                    token = exchange.respond(&frame[4..]).unwrap();
                }
            }
            assert_eq!((ended, site.is_served(id)), (!is_right, is_right), "{mechanism:?}");
            let bare = site.core.requests.iter().find(|request| request.api == ApiKey::SASL_AUTHENTICATE);
            assert_eq!(bare.unwrap().version, -1);
        }
    }
}

#[test]
fn without_users_and_tokens_nobody_is_asked_who_he_is() {
    let mut site = Site::new(|_| {});
    let id = site.core.connect(0);
    assert!(site.is_served(id));
    let named = site.name(id, 1, "PLAIN").unwrap();
    assert_eq!((named.error_code, named.mechanisms), (ErrorCode::ILLEGAL_SASL_STATE, vec![]));
    let said = site.say(id, b"\0alice\0secret").unwrap();
    assert_eq!(
        (said.error_code, said.error_message.as_deref()),
        (ErrorCode::ILLEGAL_SASL_STATE, Some(TOO_LATE))
    );
    assert!(site.is_served(id));
}

const SECOND: Duration = Duration::from_secs(1);

/// KIP-368.
#[test]
fn a_session_ends_unless_it_is_said_again_who_it_is() {
    let mut site = Site::with_alice();
    site.credentials().lifetime = Some(3 * SECOND);
    let alice = plain("alice", "secret");
    let (id, lifetime) = site.log_in(&*alice).unwrap();
    assert_eq!(lifetime, 3000);
    site.now = site.now + 3 * SECOND;
    assert!(site.is_served(id), "to the last moment");
    assert_eq!(site.log_in_at(id, &*alice), Ok(3000));
    site.now = site.now + 3 * SECOND;
    assert!(site.is_served(id));
    site.now = site.now + Duration::from_millis(1);
    assert_eq!(site.log_in_at(id, &*alice), Ok(3000), "late, and before anything else");
    site.now = site.now + 3 * SECOND + Duration::from_millis(1);
    assert_eq!(site.ask_fully(id, 5, &InitProducerIdRequest::default()), (None, true));
}

#[test]
fn it_is_said_again_once_a_second_at_most_and_only_where_sessions_end() {
    let mut site = Site::with_alice();
    let alice = plain("alice", "secret");
    let too_early = Err(Refusal::Named(ErrorCode::ILLEGAL_SASL_STATE, vec![]));
    let (id, _) = site.log_in(&*alice).unwrap();
    assert_eq!(site.log_in_at(id, &*alice), too_early, "it does not end");
    assert!(site.is_served(id));
    site.credentials().lifetime = Some(9 * SECOND);
    let (id, _) = site.log_in(&*alice).unwrap();
    assert_eq!(site.log_in_at(id, &*alice), Ok(9000));
    site.now = site.now + Duration::from_millis(999);
    assert_eq!(site.log_in_at(id, &*alice), too_early);
    assert!(site.is_served(id));
    site.now = site.now + Duration::from_millis(1);
    assert_eq!(site.log_in_at(id, &*alice), Ok(9000));
}

#[test]
fn the_second_time_user_and_mechanism_are_the_same_or_the_connection_ends() {
    let begin = || {
        let mut site = Site::new(|credentials| {
            credentials.set_user("alice", "secret");
            credentials.set_user("bob", "secret");
            credentials.add_token("alice", "a.b.c");
            credentials.lifetime = Some(9 * SECOND);
        });
        let (id, _) = site.log_in(&*plain("alice", "secret")).unwrap();
        (site, id)
    };
    let refused =
        |words: &str| Err(Refusal::Told(ErrorCode::SASL_AUTHENTICATION_FAILED, Some(words.to_owned())));
    let (mut site, id) = begin();
    let words = "Cannot change principals during re-authentication from User.alice: User.bob";
    assert_eq!(site.log_in_at(id, &*plain("bob", "secret")), refused(words));
    assert!(!site.is_served(id));
    let (mut site, id) = begin();
    assert_eq!(site.log_in_at(id, &bearer("a.b.c")), Err(Refusal::Ended), "after its name was taken");
    assert!(!site.is_served(id));
    let (mut site, id) = begin();
    assert!(site.log_in_at(id, &*plain("alice", "wrong")).is_err());
    assert!(!site.is_served(id));
    #[cfg(feature = "scram")]
    {
        let (mut site, _) = begin();
        let (id, _) = site.log_in(&*password("SCRAM-SHA-512", "alice", "secret")).unwrap();
        let words = "Authentication failed during re-authentication due to invalid credentials with SASL mechanism \
                     SCRAM-SHA-512";
        assert_eq!(site.log_in_at(id, &*password("SCRAM-SHA-512", "alice", "wrong")), refused(words));
    }
}

#[test]
fn rules_act_on_each_step() {
    let alice = plain("alice", "secret");
    let mut site = Site::with_alice();
    site.order(MockRule::fail(ErrorCode::UNKNOWN_SERVER_ERROR).on(ApiKey::SASL_HANDSHAKE));
    let Err(Refusal::Named(ErrorCode::UNKNOWN_SERVER_ERROR, offered)) = site.log_in(&*alice) else {
        panic!()
    };
    assert_eq!(offered, with_passwords());
    let locked = MockRule::fail_with(ErrorCode::SASL_AUTHENTICATION_FAILED, "locked");
    site.order(locked.on(ApiKey::SASL_AUTHENTICATE));
    assert_eq!(site.log_in(&*alice), told("locked"));
    site.order(MockRule::lose_response().on(ApiKey::SASL_AUTHENTICATE));
    assert_eq!(site.log_in(&*alice), Err(Refusal::Ended), "for want of an answer");
    site.order(MockRule::cut_before_append().on(ApiKey::SASL_AUTHENTICATE));
    assert_eq!(site.log_in(&*alice), Err(Refusal::Ended));
    site.order(MockRule::delay(SECOND).on(ApiKey::SASL_AUTHENTICATE));
    assert_eq!(site.log_in(&*alice), Err(Refusal::Ended));
    assert_eq!(site.core.next_due(), Some(site.now + SECOND));
    site.order(MockRule::wrong_correlation_id().on(ApiKey::SASL_HANDSHAKE));
    let id = site.core.connect(0);
    let request = SaslHandshakeRequest { mechanism: "PLAIN".to_owned(), ..Default::default() };
    let frame = encode_request(7, 1, None, &request).to_vec();
    site.core.receive(id, &parse(&frame[4..], Look::Records).unwrap(), site.now);
    assert_eq!(site.outgoing(id).0[0][4..8], [0, 0, 0, 8]);
    assert!(site.core.faults.is_empty());
    site.log_in(&*alice).unwrap();
}

#[test]
fn what_a_mechanism_says_can_be_changed_and_its_signature_be_wrong() {
    let mut site = Site::with_alice();
    site.order(MockRule::edit_token(|token| token.extend_from_slice(b"more")));
    let id = site.core.connect(0);
    site.name(id, 1, "PLAIN").unwrap();
    assert_eq!(site.say(id, b"\0alice\0secret").unwrap().auth_bytes.0, b"more");
    #[cfg(feature = "scram")]
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        site.order(MockRule::wrong_server_signature());
        let (id, _) = site.log_in(&*plain("alice", "secret")).unwrap();
        assert!(site.is_served(id), "nothing was signed");
        let alice = password(mechanism, "alice", "secret");
        let Err(Refusal::ByClient(words)) = site.log_in(&*alice) else { panic!("it is believed") };
        assert!(words.contains("the broker's signature is wrong"), "{words}");
        site.log_in(&*alice).unwrap();
    }
}

#[cfg(feature = "scram")]
#[test]
fn the_number_of_iterations_is_said_and_used() {
    let mut site = Site::with_alice();
    site.credentials().iterations = 8192;
    site.log_in(&*password("SCRAM-SHA-256", "alice", "secret")).unwrap();
    let id = site.core.connect(0);
    site.name(id, 1, "SCRAM-SHA-512").unwrap();
    let challenge = site.say(id, b"n,,n=alice,r=nonce").unwrap().auth_bytes.0;
    assert!(String::from_utf8(challenge).unwrap().ends_with(",i=8192"));
}

#[test]
fn hostile_mock_login() {
    let mut site = Site::with_alice();
    site.credentials().add_token("alice", "a.b.c");
    let names: Vec<_> = site.credentials().mechanisms().iter().map(|mechanism| mechanism.name()).collect();
    let samples: [&[u8]; 6] = [
        b"\0alice\0secret",
        b"n,,n=alice,r=nonce",
        b"n,a=alice,n=alice,r=nonce",
        b"c=biws,r=noncemock-nonce-1,p=AAAA",
        b"n,,\x01auth=Bearer a.b.c\x01a=b\x01\x01",
        b"\x01",
    ];
    attack("mock_login", &samples, &[], |_, random, bytes| {
        let id = site.core.connect(0);
        site.name(id, random.i16(0..2), names[random.usize(..names.len())]).unwrap();
        for token in [bytes, samples[random.usize(..samples.len())]] {
            match site.core.awaits_bare_token(id) {
                true => {
                    site.core.receive_token(id, token, site.now);
                    site.outgoing(id);
                }
                false => drop(site.say(id, token)),
            }
        }
        let is_served = site.is_served(id);
        site.core.disconnect(id);
        site.core.requests.clear();
        is_served
    });
}
