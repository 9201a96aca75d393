//! Why a run can't go on.

use std::sync::{Arc, OnceLock};

/// Shared by all that take part in a run. Whoever can't go on raises it, and the script ends early.
#[derive(Clone, Debug, Default)]
pub struct Alarm(Arc<OnceLock<String>>);

impl Alarm {
    /// The first reason counts: others follow from it.
    pub fn raise(&self, why: &str) {
        let _ = self.0.set(why.to_owned());
    }

    pub fn reason(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}
