//! Idempotence is on unless a setting turns it off, as in Java 4.

use super::*;

fn of(pairs: &[(&str, &str)]) -> ProducerConfig {
    ProducerConfig::from_pairs(pairs.iter().copied()).unwrap()
}

/// Whether it is on, and how many batches of a partition may be in flight.
fn acts(config: &ProducerConfig) -> (bool, usize) {
    assert!(config.settings().is_ok(), "{:?}", config.settings().err());
    (config.effective().idempotence(), config.effective().batches_in_flight())
}

fn refusal(config: &ProducerConfig) -> String {
    super::problems_of(&super::text(config.clone()))
}

#[test]
fn by_default_it_is_on() {
    let default = ProducerConfig::new();
    assert_eq!(acts(&default), (true, 5));
    assert_eq!(default.effective().why_not_idempotent(), None);
    for written in ["enable.idempotence", "enable_idempotence"] {
        assert_eq!(acts(&of(&[(written, "true")])), (true, 5));
        assert_eq!(acts(&of(&[(written, "false")])), (false, 1));
        assert_eq!(of(&[(written, "false")]).effective().why_not_idempotent(), None);
    }
    assert_eq!(acts(&default.clone().enable_idempotence(true)), (true, 5));
    assert_eq!(acts(&default.enable_idempotence(false)), (false, 1));
}

#[test]
fn acks_and_retries_turn_it_off_with_one_line() {
    for (pairs, why) in [
        (&[("acks", "1")][..], "idempotence is disabled: acks is 1 but must be all"),
        (&[("acks", "0")], "idempotence is disabled: acks is 0 but must be all"),
        (&[("retries", "0")], "idempotence is disabled: retries is 0 but must be at least 1"),
        (
            &[("retries", "0"), ("acks", "1")],
            "idempotence is disabled: acks is 1 but must be all; retries is 0 but must be at least 1",
        ),
    ] {
        let config = of(pairs);
        assert_eq!(acts(&config), (false, 1));
        assert_eq!(config.effective().why_not_idempotent().as_deref(), Some(why));
    }
    assert_eq!(acts(&of(&[("retries", "1"), ("acks", "-1")])), (true, 5));
}

#[test]
fn what_contradicts_it_is_refused_by_name_if_it_was_asked_for() {
    let asked = ProducerConfig::new().enable_idempotence(true);
    assert_eq!(
        refusal(&asked.clone().acks(Acks::Leader)),
        "acks = '1': it must be all if enable_idempotence is true; change it, or set enable_idempotence to false"
    );
    assert_eq!(
        refusal(&asked.retries(0)),
        "retries = '0': it must be at least 1 if enable_idempotence is true; change it, or set enable_idempotence to false"
    );
    let all = [
        ("enable.idempotence", "true"),
        ("acks", "0"),
        ("retries", "0"),
        ("max.in.flight.requests.per.connection", "6"),
    ];
    assert_eq!(
        refusal(&of(&all)),
        "acks = '0': it must be all if enable.idempotence is true; change it, or set enable.idempotence to false; \
         retries = '0': it must be at least 1 if enable.idempotence is true; change it, or set enable.idempotence to \
         false; max.in.flight.requests.per.connection = '6': it must be at most 5 unless enable.idempotence is false: a \
         broker remembers only the last five batches of a producer; lower it, or set enable.idempotence to false"
    );
}

/// Java 4 refuses more than 5 even if `acks` has turned idempotence off.
#[test]
fn more_than_five_in_flight_must_be_asked_for_without_it() {
    let six = ProducerConfig::new().max_in_flight_requests_per_connection(6);
    let why = "max_in_flight_requests_per_connection = '6': it must be at most 5 unless enable_idempotence is false: a \
               broker remembers only the last five batches of a producer; lower it, or set enable_idempotence to false";
    assert_eq!(refusal(&six), why);
    assert_eq!(refusal(&six.clone().acks(Acks::Leader)), why);
    assert_eq!(acts(&six.enable_idempotence(false)), (false, 6));
    assert_eq!(acts(&ProducerConfig::new().max_in_flight_requests_per_connection(5)), (true, 5));
}

/// A batch that is sent again would be stored after those that were sent after it.
#[test]
fn without_it_several_batches_are_under_way_only_if_that_was_asked_for() {
    let off = ProducerConfig::new().enable_idempotence(false);
    assert_eq!(off.effective().max_in_flight(), 5);
    for (asked, in_flight) in [(1, 1), (2, 2), (5, 5)] {
        assert_eq!(acts(&off.clone().max_in_flight_requests_per_connection(asked)), (false, in_flight));
    }
    assert_eq!(acts(&of(&[("acks", "1"), ("max.in.flight.requests.per.connection", "3")])), (false, 3));
    assert_eq!(acts(&of(&[("max.in.flight.requests.per.connection", "1")])), (true, 1));
}

#[test]
fn kafka_python_2_had_none() {
    let preset = ProducerConfig::kafka_python_2();
    let with = |pairs: &[(&str, &str)]| preset.clone().with_pairs(pairs.iter().copied()).unwrap();
    assert_eq!(acts(&preset), (false, 5));
    assert_eq!(preset.effective().why_not_idempotent(), None);
    assert_eq!(acts(&with(&[("acks", "all"), ("retries", "3")])), (false, 5));
    assert_eq!(acts(&with(&[("max_in_flight_requests_per_connection", "10")])), (false, 10));
    assert_eq!(acts(&with(&[("acks", "all"), ("retries", "3"), ("enable_idempotence", "true")])), (true, 5));
    assert!(
        refusal(&with(&[("enable_idempotence", "true")]))
            .starts_with("acks = '1': it must be all if enable_idempotence is true")
    );
}
