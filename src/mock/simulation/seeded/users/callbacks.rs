//! What users have callbacks do.

use super::records::Draft;
use super::*;

impl User {
    /// To a record that is under way, or is done already.
    pub(super) fn add_callback(&mut self) {
        let newest = self.random.bool();
        let chosen = if newest { self.futures.last() } else { self.random.choice(&self.futures) };
        let Some((_, future)) = chosen.cloned() else { return };
        match self.random.u8(..8) {
            0 | 1 => self.panic_when_done(&future),
            2 => self.wait_when_done(&future),
            _ => self.send_when_done(&future),
        }
    }

    pub(super) fn note_when_done(&self, future: &FutureRecordMetadata, mark: &[u8]) {
        let (ledger, mark) = (self.expect_callback(), mark.to_vec());
        future.add_both(move |_| {
            ledger.callbacks.lock()[1] += 1;
            assert!(ledger.resolved.lock().insert(mark, now()).is_none(), "a result comes once");
        });
    }

    fn send_when_done(&mut self, future: &FutureRecordMetadata) {
        self.sent += 1;
        let value = format!("callback-{}-{}-", self.number, self.sent).into_bytes();
        let Some(producer) = self.producer.as_ref().map(Arc::downgrade) else { return };
        let (ledger, draft) = (self.expect_callback(), Draft::plain(value));
        future.add_both(move |_| {
            ledger.callbacks.lock()[1] += 1;
            let at = now();
            let sent = producer.upgrade().and_then(|producer| draft.send(&producer, Way::Callback));
            let how = sent.map_or(How::Refused, How::Kept);
            ledger.note(draft.sent(CALLBACKS, at, Way::Callback, how));
        });
    }

    /// It is contained: neither the producer nor other callbacks take notice.
    fn panic_when_done(&self, future: &FutureRecordMetadata) {
        let (ledger, early) = (self.expect_callback(), self.expect_callback());
        future.add_both(move |_| {
            early.callbacks.lock()[1] += 1;
            panic_quietly();
        });
        future.add_both(move |_| ledger.callbacks.lock()[1] += 1);
    }

    /// Nothing waits there.
    fn wait_when_done(&self, future: &FutureRecordMetadata) {
        let Some(producer) = self.producer.as_ref().map(Arc::downgrade) else { return };
        let (ledger, newest) = (self.expect_callback(), self.futures.last().cloned());
        future.add_both(move |_| {
            ledger.callbacks.lock()[1] += 1;
            let none = Some(Duration::ZERO);
            if let Some((_, newest)) = &newest {
                let result = ledger.time(CALLBACKS, "get", none, || newest.get(secs(60)));
                note(result.is_ok());
            }
            if let Some(producer) = producer.upgrade() {
                let flushed = ledger.time(CALLBACKS, "flush", none, || producer.flush(secs(60)));
                note(flushed.is_ok());
            }
        });
    }

    /// One more is asked for.
    fn expect_callback(&self) -> Arc<Ledger> {
        self.ledger.callbacks.lock()[0] += 1;
        Arc::clone(&self.ledger)
    }
}
