//! Imports go down only: what a room may know of others is what `docs/ARCHITECTURE.md` says.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::path::{Path, PathBuf};

/// The rooms, by layer. Those of one layer are siblings that do not know each other.
const LAYERS: &[&[&str]] = &[
    &["sync", "process", "protocol", "topic_partition"],
    &["time"],
    &["error", "metrics"],
    &["lifecycle", "observation"],
    &["record", "security"],
    &["client"],
    &["net", "producer"],
    &["config", "thread"],
    &["producer_record"],
    &["kafka_producer"],
    &["mock"],
];

/// Shown to users from where they are made; not rooms.
const PUBLIC: &[&str] = &["KafkaProducer"];

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn imports_go_down_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap();
        let room = first.trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let own = layer(room).unwrap_or_else(|| panic!("src/{room} has no layer in tests/layers.rs"));
        let text = std::fs::read_to_string(&file).unwrap();
        // What tests below the line import is their own affair.
        let code =
            text.split("#[cfg(all(test").next().unwrap().split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (at, _) in code.match_indices("crate::") {
            let name: String =
                code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if name == room || PUBLIC.contains(&name.as_str()) || name.is_empty() {
                continue;
            }
            seen += 1;
            match layer(&name) {
                Some(other) if other < own => {}
                Some(_) => wrong.push(format!("{}: crate::{name}", relative.display())),
                None => wrong.push(format!("{}: crate::{name}, which is no room", relative.display())),
            }
        }
    }
    assert!(seen > 50, "this test reads nothing: {seen}");
    assert!(wrong.is_empty(), "imports that go up or sideways:\n{}", wrong.join("\n"));
}
