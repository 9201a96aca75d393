//! What the integration tests share. A test binary takes it in with `mod support;`.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]
#![allow(
    unreachable_pub,
    reason = "`pub` marks what tests may use; inside a test binary nothing is reachable"
)]

pub mod certificates;
pub mod chaos;
pub mod clock;
pub mod kafka;
pub mod meddler;
pub mod numbered;
pub mod proxies;
pub mod proxy;
pub mod tokens;
