//! Failures of the same kind that the program has not looked at. `flush` and `close` report them. They take the memory of
//! one number, however many there are.

use crate::error::Error;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// The records of one partition that failed in one way since the last report and that the program has not looked at.
#[derive(Debug)]
pub(crate) struct Failures {
    records: AtomicU64,
    is_reported: AtomicBool,
    first_error: Error,
}

impl Failures {
    pub(super) fn new(first_error: &Error) -> Self {
        let (records, is_reported) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { records, is_reported, first_error: first_error.clone() }
    }

    pub(super) fn add(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    /// The program has looked at one of them.
    pub(super) fn take_one(&self) {
        self.records.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(super) fn first_error(&self) -> &Error {
        &self.first_error
    }

    /// `flush` or `close` reports them.
    pub(super) fn report(&self) {
        self.is_reported.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_reported(&self) -> bool {
        self.is_reported.load(Ordering::Relaxed)
    }
}
