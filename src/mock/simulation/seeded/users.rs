//! The user threads of a seeded run: what each of them does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

mod callbacks;
mod ledger;
mod records;

use ledger::Way;
pub(super) use ledger::{CALLBACKS, Call, How, Ledger, Sent, Unawaited, mark};

pub(super) struct User {
    number: usize,
    plan: Arc<Plan>,
    random: fastrand::Rng,
    ledger: Arc<Ledger>,
    /// `None` once it has let go of it.
    producer: Option<Arc<KafkaProducer>>,
    /// It has still to send so many.
    left: usize,
    sent: usize,
    /// Each with the mark of its record.
    futures: Vec<(Vec<u8>, FutureRecordMetadata)>,
}

type EndOfUser = Box<dyn FnOnce() + Send>;

/// Starts them; what comes back waits for their ends.
pub(super) fn spawn(
    me: &Me,
    plan: &Arc<Plan>,
    producer: &Arc<KafkaProducer>,
    ledger: &Arc<Ledger>,
    random: &mut fastrand::Rng,
) -> Vec<EndOfUser> {
    let user = |number| {
        let user = User {
            number,
            plan: Arc::clone(plan),
            random: random.fork(),
            ledger: Arc::clone(ledger),
            producer: Some(Arc::clone(producer)),
            left: plan.records / plan.users,
            sent: 0,
            futures: Vec::new(),
        };
        me.spawn(&format!("user {number}"), move || user.live()).unwrap()
    };
    (0..plan.users).map(user).collect()
}

impl User {
    fn live(mut self) {
        let lets_go_early = self.random.u8(..8) == 0;
        while self.left > 0 {
            self.act();
            if lets_go_early && self.random.u8(..40) == 0 {
                break;
            }
        }
        if self.plan.closes == Some(self.number)
            && let Some(producer) = self.producer.clone()
        {
            let limit = match self.random.u8(..3) {
                0 => Duration::ZERO,
                1 => millis(self.random.u64(..100)),
                _ => millis(self.random.u64(..2000)),
            };
            let closed = self.timed("close", Some(limit), || producer.close(limit));
            *self.ledger.closed.lock() = true;
            self.has_awaited_all("close", &closed);
            note(closed.is_ok());
        }
        self.producer = None;
        for _ in 0..self.random.usize(..10) {
            self.look();
            self.pause();
        }
    }

    fn act(&mut self) {
        match self.random.u8(..40) {
            0..=7 => self.send(),
            8..=19 => {
                for _ in 0..self.random.usize(2..30).min(self.left) {
                    self.send();
                }
            }
            20..=23 => self.look(),
            24 => self.flush(),
            25..=27 => self.add_callback(),
            28 => self.ask_for_partitions(),
            29 => {
                // Whoever drops futures has not looked at their failures.
                let keeps = self.random.usize(..=self.futures.len());
                self.futures.truncate(keeps);
            }
            30..=32 if self.plan.purges => self.purge(),
            _ => self.pause(),
        }
    }

    fn pause(&mut self) {
        let most = match self.random.u8(..20) {
            0..=12 => 20,
            13..=17 => 200,
            18 => 1000,
            _ => 4000,
        };
        let nanos = self.random.u64(..most * 1_000_000);
        schedule::me().expect("users are of a run").sleep(nanos);
    }

    /// At what has become of a record.
    fn look(&mut self) {
        let Some((_, future)) = self.random.choice(&self.futures).cloned() else { return };
        match self.random.u8(..6) {
            0 => note(future.is_done()),
            1 => note(future.succeeded() != future.failed()),
            2 => note(future.value().is_some() || future.exception().is_some()),
            _ => {
                let limit = match self.random.u8(..10) {
                    0 | 1 => Some(Duration::ZERO),
                    2 => Some(Duration::from_nanos(1)),
                    // If records wait for a flush, nobody else may call it.
                    3 if !self.plan.manual_flush => None,
                    _ => Some(millis(self.random.u64(..300))),
                };
                let result = self.timed("get", limit, || future.get(limit));
                note(result.is_ok());
            }
        }
    }

    fn flush(&mut self) {
        let Some(producer) = self.producer.clone() else { return };
        let limit = match self.random.u8(..6) {
            0 => Duration::ZERO,
            1 => secs(self.random.u64(..10)),
            _ => millis(self.random.u64(..200)),
        };
        let flushed = self.timed("flush", Some(limit), || producer.flush(limit));
        note(flushed.is_ok());
        self.has_awaited_all("flush", &flushed);
    }

    fn purge(&mut self) {
        let Some(producer) = self.producer.clone() else { return };
        let purged = self.timed("purge", Some(Duration::ZERO), || producer.purge());
        note(purged.is_ok());
    }

    /// Unless its time was over: then it says what is pending.
    fn has_awaited_all(&self, what: &'static str, result: &Result<(), Error>) {
        let has_awaited = match result.as_ref().map_err(Error::kind) {
            Ok(()) => true,
            Err(ErrorKind::Undelivered { report }) => report.timed_out.is_none(),
            Err(_) => false,
        };
        if let Some((mark, _)) = self.futures.iter().find(|(_, future)| has_awaited && !future.is_done()) {
            self.ledger.unawaited.lock().push(Unawaited { what, ended: now(), mark: mark.clone() });
        }
    }

    fn ask_for_partitions(&mut self) {
        let Some(producer) = self.producer.clone() else { return };
        let topic = if self.random.u8(..6) == 0 { "nowhere" } else { "t" };
        let limit = Some(self.plan.max_block);
        let found = self.timed("partitions_for", limit, || producer.partitions_for(topic));
        assert!(topic == "t" || found.is_err(), "there is no such topic");
        note(found.is_ok());
    }

    fn timed<T, E>(
        &self,
        what: &'static str,
        limit: Option<Duration>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.ledger.time(self.number, what, limit, call)
    }
}

/// What a call came to is part of the trace.
fn note(is_so: bool) {
    if let Some(me) = schedule::me() {
        me.note(&[u8::from(is_so)]);
    }
}

fn now() -> Instant {
    Instant::from_nanos(schedule::now())
}

/// A panic that no hook tells of.
fn panic_quietly() -> ! {
    schedule::count("callback panicked");
    std::panic::resume_unwind(Box::new("on purpose"))
}
