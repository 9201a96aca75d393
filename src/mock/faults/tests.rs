//! Which rules act on which requests.

use super::*;

const A: Target<'_> = Target { topic: "t", partition: Some(0) };
const B: Target<'_> = Target { topic: "t", partition: Some(1) };

fn produce<'a>(broker: usize, targets: &[Target<'a>]) -> Subject<'a> {
    Subject { broker, api: ApiKey::PRODUCE, targets: targets.to_vec(), ..Subject::default() }
}

fn metadata(topic: &str) -> Subject<'_> {
    let targets = vec![Target { topic, partition: None }];
    Subject { api: ApiKey::METADATA, targets, ..Subject::default() }
}

fn faults(rules: impl IntoIterator<Item = MockRule>) -> Faults {
    let mut faults = Faults::new(2);
    rules.into_iter().for_each(|rule| {
        faults.add(rule, View::default);
    });
    faults
}

/// With which codes the partitions 0 and 1 of `t` fail.
fn codes(plan: &Plan) -> [i16; 2] {
    [0, 1].map(|index| plan.failure("t", Some(index)).map_or(0, |failure| failure.code.code()))
}

#[test]
fn rules_of_one_kind_act_one_after_the_other() {
    let fail = |code| MockRule::fail(ErrorCode::new(code)).on(ApiKey::PRODUCE).partition("t", 0);
    let mut faults =
        faults([fail(19).times(2), fail(7), MockRule::fail(ErrorCode::new(3)).topic("t").skip(1)]);
    let found: Vec<_> = (0..5).map(|_| codes(&faults.plan(&produce(0, &[A, B])))).collect();
    // The last one has partition 1 for itself, but not at first.
    assert_eq!(found, [[19, 0], [19, 3], [7, 0], [0, 0], [0, 0]]);
    assert!(faults.is_empty());
}

#[test]
fn rules_of_different_kinds_act_together() {
    let mut faults = faults([
        MockRule::throttle(5).forever(),
        MockRule::delay(Duration::from_secs(1)).broker(1),
        MockRule::cut_after_append().on(ApiKey::PRODUCE),
        MockRule::fail(ErrorCode::INVALID_RECORD).partition("t", 1),
        MockRule::black_hole(),
    ]);
    let plan = faults.plan(&produce(1, &[A, B]));
    assert_eq!((plan.throttle_ms, plan.delay), (Some(5), Some(Duration::from_secs(1))));
    assert_eq!(plan.link, Link::Cut { moment: Moment::After, reset: false });
    assert_eq!(codes(&plan), [0, 87]);
    let plan = faults.plan(&produce(1, &[A, B]));
    assert_eq!((plan.throttle_ms, plan.delay, plan.link), (Some(5), None, Link::BlackHole(Moment::Before)));
    assert_eq!(faults.plan(&metadata("t")).throttle_ms, Some(5));
    assert_eq!([1, 2, 4, 0].map(|id| faults.acted(MockRuleId(id))), [1, 1, 1, 3]);
    faults.remove(MockRuleId(0));
    assert!(faults.is_empty());
}

#[test]
fn a_rule_waits_for_what_it_is_for() {
    let mut faults = faults([
        MockRule::fail(ErrorCode::NOT_ENOUGH_REPLICAS).on(ApiKey::PRODUCE).partition("t", 1),
        MockRule::stale_metadata(),
        MockRule::omit_partition().topic("t"),
        MockRule::fail(ErrorCode::LEADER_NOT_AVAILABLE).on(ApiKey::METADATA).partition("u", 3),
    ]);
    let nobody_led = faults.plan(&produce(0, &[]));
    assert_eq!((codes(&nobody_led), nobody_led.omits("t", 0)), ([0, 0], false));
    let unanswered = Subject { is_answered: false, ..produce(0, &[A]) };
    let unanswered = faults.plan(&unanswered);
    assert_eq!((codes(&unanswered), unanswered.omits("t", 0)), ([0, 0], false));
    let other = faults.plan(&produce(0, &[A]));
    assert_eq!((codes(&other), other.omits("t", 0), other.omits("u", 0)), ([0, 0], true, false));
    assert_eq!(codes(&faults.plan(&produce(0, &[A, B]))), [0, 19]);
    assert!(faults.plan(&metadata("t")).view.is_some());
    let plan = faults.plan(&metadata("u"));
    let code = |partition| plan.failure("u", partition).map(|failure| failure.code);
    assert_eq!(
        (code(None), code(Some(3)), code(Some(2))),
        (None, Some(ErrorCode::LEADER_NOT_AVAILABLE), None)
    );
    assert!(faults.is_empty());
}

#[test]
fn what_is_appended_is_as_the_code_says_or_as_the_rule_says() {
    let appends = |rule: MockRule| {
        let plan = faults([rule.on(ApiKey::PRODUCE)]).plan(&produce(0, &[A]));
        plan.failure("t", Some(0)).map(Failure::appends)
    };
    let late = ErrorCode::REQUEST_TIMED_OUT;
    assert_eq!(appends(MockRule::fail(ErrorCode::INVALID_RECORD)), Some(false));
    assert_eq!(appends(MockRule::fail(late)), Some(true));
    assert_eq!(appends(MockRule::fail_before_append(late)), Some(false));
    assert_eq!(appends(MockRule::fail_after_append(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)), Some(true));
}
