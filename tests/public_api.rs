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
    let json = target.join("doc/kafka_producer.json");
    // One of an earlier run must not be read in place of a new one.
    if let Err(error) = std::fs::remove_file(&json) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
    }
    let output = Command::new(env!("CARGO"))
        .args(["rustdoc", "--lib", "--all-features", "--target-dir"])
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"])
        .current_dir(project)
        // The list is made of rustdoc's JSON, which a stable rustdoc writes only if it is told so.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTDOCFLAGS")
        .env_remove("CARGO_ENCODED_RUSTDOCFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Auto traits and derived ones are a part of it: a type that is not `Send` any more breaks programs.
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .build()
        .unwrap_or_else(|error| {
            panic!("rustdoc's JSON can't be read: {error}; a newer toolchain needs a newer `public-api` in Cargo.toml")
        });
    api.assert_eq_or_update(project.join("tests/public-api.txt"));
}
