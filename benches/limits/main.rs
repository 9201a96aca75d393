//! What it costs when nothing happens, or nothing can, and what a program keeps of it when it is over: each figure beside
//! its limit. Exits with 1 if one is over.
//!
//! ```sh
//! cargo bench --features full --bench limits
//! cargo bench --features full --bench limits -- down memory-answer
//! ```
//!
//! Without names it runs all, for about a quarter of an hour; `tests/endurance.rs` runs short versions of most.

mod figures;

fn main() -> std::process::ExitCode {
    figures::main(figures::Scale::Full)
}
