//! The public interface is the one that `tests/public-api.txt` lists, so that each change of it is seen. To accept a change:
//!
//! ```sh
//! UPDATE_SNAPSHOTS=yes cargo test --all-features --test public_api
//! ```

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_public_interface_is_the_one_that_is_listed() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Its own directory: the flag below would have everything else built again.
    let target = project.join("target/public-api");
    let output = Command::new(env!("CARGO"))
        .args(["rustdoc", "--lib", "--all-features", "--target-dir"])
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"])
        .current_dir(project)
        // The list is made of rustdoc's JSON, which a stable rustdoc writes only if it is told so.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let api = public_api::Builder::from_rustdoc_json(target.join("doc/kafka_producer.json"))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap_or_else(|error| {
            panic!("rustdoc's JSON can't be read: {error}; a newer toolchain needs a newer `public-api` in Cargo.toml")
        });
    api.assert_eq_or_update(project.join("tests/public-api.txt"));
}
