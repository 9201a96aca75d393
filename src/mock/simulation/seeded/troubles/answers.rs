//! Rules: what brokers do wrong with single requests and answers.

use super::*;

impl Scene<'_> {
    pub(super) fn spoil_produce(&mut self) -> Option<MockRuleId> {
        let rule = self.any_rule().on(ApiKey::PRODUCE);
        self.order(rule)
    }

    pub(super) fn spoil_metadata(&mut self) -> Option<MockRuleId> {
        let code = pick(
            self.random,
            &[
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ErrorCode::LEADER_NOT_AVAILABLE,
                ErrorCode::TOPIC_AUTHORIZATION_FAILED,
                ErrorCode::UNKNOWN_SERVER_ERROR,
            ],
        );
        let rule = if self.random.bool() { self.any_rule() } else { MockRule::fail(code) };
        let rule = rule.on(ApiKey::METADATA);
        // Or it would be long until somebody asks.
        self.move_leader();
        self.order(rule)
    }

    pub(super) fn tell_stale_metadata(&mut self) -> Option<MockRuleId> {
        let times = self.random.usize(1..6);
        let rule = self.order(MockRule::stale_metadata().times(times));
        self.move_leader();
        rule
    }

    pub(super) fn spoil_init_producer_id(&mut self) -> Option<MockRuleId> {
        let code = pick(
            self.random,
            &[
                ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
                ErrorCode::COORDINATOR_NOT_AVAILABLE,
                ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
            ],
        );
        let rule = if self.random.bool() { self.any_rule() } else { MockRule::fail(code) };
        let times = self.random.usize(1..5);
        self.rule(rule.on(ApiKey::INIT_PRODUCER_ID).times(times))
    }

    pub(super) fn fail_produce(&mut self) -> Option<MockRuleId> {
        let code = pick(
            self.random,
            &[
                ErrorCode::NOT_ENOUGH_REPLICAS,
                ErrorCode::NOT_LEADER_OR_FOLLOWER,
                ErrorCode::REQUEST_TIMED_OUT,
                ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                ErrorCode::INVALID_RECORD,
                ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
                ErrorCode::UNKNOWN_PRODUCER_ID,
                ErrorCode::INVALID_PRODUCER_EPOCH,
                ErrorCode::UNKNOWN_SERVER_ERROR,
                ErrorCode::KAFKA_STORAGE_ERROR,
                ErrorCode::CORRUPT_MESSAGE,
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ErrorCode::MESSAGE_TOO_LARGE,
                ErrorCode::TOPIC_AUTHORIZATION_FAILED,
                ErrorCode::INVALID_TIMESTAMP,
                ErrorCode::THROTTLING_QUOTA_EXCEEDED,
            ],
        );
        // Codes that are told after the append as well.
        let after = pick(
            self.random,
            &[
                ErrorCode::NOT_LEADER_OR_FOLLOWER,
                ErrorCode::KAFKA_STORAGE_ERROR,
                ErrorCode::UNKNOWN_SERVER_ERROR,
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ErrorCode::DUPLICATE_SEQUENCE_NUMBER,
            ],
        );
        let rule = match self.random.u8(..4) {
            0 => MockRule::fail_after_append(after),
            1 => MockRule::fail_with(code, "by order of the seed"),
            _ => MockRule::fail(code),
        };
        let (partition, times) = (self.partition() as i32, self.random.usize(1..4));
        self.rule(rule.on(ApiKey::PRODUCE).partition("t", partition).times(times))
    }

    pub(super) fn misanswer_produce(&mut self) -> Option<MockRuleId> {
        let partition = self.partition() as i32;
        let rules = [
            MockRule::omit_partition(),
            MockRule::omit_partition().partition("t", partition),
            MockRule::repeat_partition(),
            MockRule::extra_partition("t", 99),
            MockRule::extra_partition("elsewhere", 0),
        ];
        let rule = pick(self.random, &rules);
        self.order(rule)
    }

    pub(super) fn spoil_set_up(&mut self) -> Option<MockRuleId> {
        let broker = self.broker();
        let failures = [
            MockRule::fail(ErrorCode::UNKNOWN_SERVER_ERROR),
            MockRule::fail_with(ErrorCode::SASL_AUTHENTICATION_FAILED, "not now"),
            MockRule::fail(ErrorCode::ILLEGAL_SASL_STATE),
        ];
        let steps = [ApiKey::API_VERSIONS, ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE];
        let step = pick(self.random, if self.plan.asks { &steps[..] } else { &steps[..1] });
        let rule = if self.random.u8(..3) == 0 { pick(self.random, &failures) } else { self.any_rule() };
        let times = self.random.usize(1..4);
        let rule = self.rule(rule.on(step).broker(broker).times(times));
        self.end_connections(broker);
        rule
    }

    /// At any broker or one, soon, a few times.
    fn order(&mut self, rule: MockRule) -> Option<MockRuleId> {
        let rule = rule.times(self.random.usize(1..5)).skip(pick(self.random, &[0, 0, 0, 1, 3]));
        let broker = self.broker();
        let rule = if self.random.u8(..4) == 0 { rule.broker(broker) } else { rule };
        self.rule(rule)
    }

    /// What can happen to any request.
    fn any_rule(&mut self) -> MockRule {
        let random = &mut *self.random;
        let (delay, bytes) = (millis(random.u64(..3000)), random.usize(..60));
        let rules = [
            MockRule::cut_before_append(),
            MockRule::cut_after_append(),
            MockRule::reset_before_append(),
            MockRule::reset_after_append(),
            MockRule::cut_after_bytes(bytes),
            MockRule::drip(1 + bytes / 4, millis(random.u64(..20))),
            MockRule::black_hole(),
            MockRule::black_hole_after_append(),
            MockRule::delay(delay),
            MockRule::hold(),
            MockRule::throttle(random.i32(..2000)),
            MockRule::lose_response(),
            MockRule::wrong_correlation_id(),
            garbage(random),
        ];
        pick(random, &rules)
    }
}

/// What is no answer, and can't be taken for one.
fn garbage(random: &mut fastrand::Rng) -> MockRule {
    let lengths = [-1, 0, 3, i32::MAX, 0x4854_5450];
    let length = pick(random, &lengths);
    let cut = random.usize(1..8);
    match random.u8(..4) {
        // A body that ends too early.
        0 => MockRule::edit_response(move |frame| {
            frame.truncate(frame.len().saturating_sub(cut).max(8));
            measure(frame);
        }),
        // One with something behind it.
        1 => MockRule::edit_response(move |frame| {
            frame.extend(std::iter::repeat_n(0x7f, cut));
            measure(frame);
        }),
        // A length that can't be.
        2 => MockRule::edit_response(move |frame| frame[..4].copy_from_slice(&length.to_be_bytes())),
        // Another protocol.
        _ => MockRule::edit_response(|frame| *frame = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    }
}

fn measure(frame: &mut [u8]) {
    let len = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&len.to_be_bytes());
}
