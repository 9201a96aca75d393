//! What goes wrong in a seeded run.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::mock::MockRule;
use crate::mock::cluster::Topic;
use crate::mock::log::PartitionLog;

/// What brokers have forgotten and lost, and what comes of it that no client can mend.
#[derive(Default)]
pub(super) struct Harm {
    /// How often a partition's producers were forgotten: so often a record whose answer got lost may be stored again.
    pub(super) forgotten: BTreeMap<usize, usize>,
    /// Values that were stored and are gone, whatever was told of them. They may have been sent again.
    pub(super) lost: BTreeSet<Vec<u8>>,
}

impl Harm {
    /// From this offset on.
    fn loses(&mut self, log: &PartitionLog, from: i64) {
        let records = log.records().expect("they can be read").into_iter();
        self.lost.extend(records.filter(|record| record.offset >= from).filter_map(|record| record.value));
    }
}

pub(super) fn make_trouble(site: &mut Site, harm: &mut Harm, random: &mut fastrand::Rng) {
    let broker = random.usize(..site.core.cluster.brokers.len());
    let partition = random.i32(0..site.core.cluster.topics["t"].partitions.len() as i32);
    match random.u8(..22) {
        0 => site.stop(broker),
        1 => {
            site.stop(broker);
            site.core.cluster.brokers[broker].running = true;
        }
        2 => site.core.faults.held[broker] = true,
        3 => site.core.faults.held[broker] = false,
        4 => site.mischief.stalled = vec![broker],
        5 => site.core.faults.cut_produce_replies(None, 1),
        6 => site.core.cluster.brokers[broker].throttle_ms = random.i32(0..500),
        7 => {
            let code = pick(
                random,
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
                ],
            );
            site.core.faults.fail_produce("t", partition, code, random.usize(1..4));
        }
        8 => site.core.faults.cut_produce_replies(None, random.usize(1..5)),
        9 => {
            let code = pick(
                random,
                &[ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::CLUSTER_AUTHORIZATION_FAILED],
            );
            site.core.faults.fail_init_producer_id(code, random.usize(1..4));
        }
        10 => topic(site).max_message_bytes = pick(random, &[150, 300, 600, USUAL_MOST]),
        11 => {
            topic(site).partitions[partition as usize].log.forget_producers();
            *harm.forgotten.entry(partition as usize).or_default() += 1;
        }
        12 => {
            let log = &mut topic(site).partitions[partition as usize].log;
            // A batch is lost as a whole.
            let from = log.start_of_batch(random.i64(0..=log.next_offset()));
            harm.loses(log, from);
            log.truncate(from);
        }
        13 => {
            let partitions = &topic(site).partitions;
            partitions.iter().for_each(|partition| harm.loses(&partition.log, 0));
            let count = partitions.len();
            assert!(site.core.cluster.delete_topic("t") && site.core.cluster.create_topic("t", count));
        }
        14 => {
            let password = pick(random, &["another", "another", PASSWORD]);
            give_password(site, password);
            // Who has logged in has to do it again.
            site.stop(broker);
            site.core.cluster.brokers[broker].running = true;
        }
        15 => site.core.cluster.settings.credentials.lifetime = pick(random, &LIFETIMES),
        16..=18 => {
            let Core { faults, cluster, .. } = &mut site.core;
            faults.add(wrong_in_set_up(random).broker(broker), || cluster.view());
            site.stop(broker);
            site.core.cluster.brokers[broker].running = true;
        }
        _ => {
            let partitions = &mut topic(site).partitions;
            let count = partitions.len();
            let partition = &mut partitions[random.usize(..count)];
            partition.leader = broker;
            partition.leader_epoch += 1;
        }
    }
}

/// Where brokers ask for one.
fn give_password(site: &mut Site, password: &str) {
    let credentials = &mut site.core.cluster.settings.credentials;
    if credentials.are_asked_for() {
        credentials.set_user(USER, password);
    }
}

/// What a broker does wrong before a connection is ready.
fn wrong_in_set_up(random: &mut fastrand::Rng) -> MockRule {
    let delay = millis(random.u64(..3000));
    let rules = [
        MockRule::fail(ErrorCode::UNKNOWN_SERVER_ERROR),
        MockRule::fail_with(ErrorCode::SASL_AUTHENTICATION_FAILED, "not now"),
        MockRule::fail(ErrorCode::ILLEGAL_SASL_STATE),
        MockRule::cut_before_append(),
        MockRule::reset_after_append(),
        MockRule::cut_after_bytes(random.usize(..30)),
        MockRule::drip(1, millis(random.u64(..10))),
        MockRule::black_hole(),
        MockRule::lose_answer(),
        MockRule::delay(delay),
        MockRule::wrong_correlation_id(),
        MockRule::edit_answer(|frame| frame[8..].fill(0x7f)),
    ];
    let step = pick(random, &[ApiKey::API_VERSIONS, ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE]);
    pick(random, &rules).on(step).times(random.usize(1..4))
}

pub(super) fn heal(site: &mut Site) {
    give_password(site, PASSWORD);
    site.mischief = Mischief::default();
    site.weather.mute_names = 0;
    site.core.faults.clear();
    topic(site).max_message_bytes = USUAL_MOST;
    for broker in 0..site.core.cluster.brokers.len() {
        site.core.faults.held[broker] = false;
        site.core.cluster.brokers[broker].running = true;
        site.core.cluster.brokers[broker].throttle_ms = 0;
    }
}

fn topic(site: &mut Site) -> &mut Topic {
    site.core.cluster.topics.get_mut("t").expect("it is there")
}

/// `max.message.bytes`, as brokers have it.
const USUAL_MOST: usize = 1_048_588;
