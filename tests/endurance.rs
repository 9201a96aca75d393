//! What a program keeps of producers, and what they cost when nothing can be sent: short versions of `benches/limits`.
//!
//! Without libtest's harness: memory, threads and descriptors are counted of whole processes, one for each scenario.
#![cfg(feature = "mock")]

#[cfg(target_os = "linux")]
#[path = "../benches/limits/figures/mod.rs"]
mod figures;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    figures::main(figures::Scale::Quick)
}

#[cfg(not(target_os = "linux"))]
fn main() {}
