//! `docs/RELIABILITY.md` stays true: it has every row, and every test that it names is in the tree.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;
use std::path::Path;

/// How the document shortens the place of most of its tests.
const SHORT: (&str, &str) = ("sim/", "src/mock/simulation/");

fn read(file: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))
}

/// What `text` names as a test: `file.rs::name` in backticks.
fn named(text: &str) -> Vec<(String, String)> {
    let quoted = text.split('`').skip(1).step_by(2);
    let tests = quoted.filter_map(|quoted| quoted.split_once(".rs::"));
    tests
        .map(|(file, name)| {
            let file = match file.strip_prefix(SHORT.0) {
                Some(rest) => format!("{}{rest}.rs", SHORT.1),
                None => format!("{file}.rs"),
            };
            (file, name.to_owned())
        })
        .collect()
}

/// Whether the file's `text` has a test of that name: marked as one, made one for each back end of TLS or each fault, or, in
/// a program that is a test or a benchmark as a whole, a function of that name.
fn has_test(text: &str, name: &str) -> bool {
    let is_one_of = |makes: &str| {
        let lists = text.split(makes).skip(1);
        lists
            .filter_map(|list| list.split(['}', ')']).next())
            .any(|list| list.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
    };
    if is_one_of("each_fault!") {
        return true;
    }
    let lines: Vec<&str> = text.lines().collect();
    let starts = format!("fn {name}(");
    let Some(at) = lines
        .iter()
        .position(|line| line.trim_start().trim_start_matches("pub(super) ").starts_with(&starts))
    else {
        return false;
    };
    let attributes = lines[..at].iter().rev().take_while(|line| {
        let line = line.trim_start();
        line.starts_with('#') || line.starts_with("//")
    });
    let is_marked = attributes.into_iter().any(|line| line.trim_start() == "#[test]");
    is_marked || is_one_of("each_backend!") || lines.iter().any(|line| line.starts_with("fn main()"))
}

/// Whether it is one of the scenarios that `benches/limits` goes through.
fn is_scenario(file: &str, name: &str) -> bool {
    let Some(place) = file.strip_prefix(SCENARIOS).and_then(|file| file.strip_suffix(".rs")) else {
        return false;
    };
    let text = read(&format!("{SCENARIOS}mod.rs")).unwrap();
    let list = text.split("const SCENARIOS").nth(1).and_then(|rest| rest.split("];").next()).unwrap();
    let mut words = list.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    words.any(|word| word.strip_prefix(place).and_then(|rest| rest.strip_prefix("::")) == Some(name))
}

const SCENARIOS: &str = "benches/limits/figures/";

/// The rows of all tables by their first cell.
fn rows(document: &str) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let key = line[2..].split(' ').next().unwrap_or_default();
        let is_row = key.starts_with(['P', 'B', 'R']) && key[1..].bytes().all(|byte| byte.is_ascii_digit());
        if is_row && key.len() > 1 {
            assert!(rows.insert(key.to_owned(), line.to_owned()).is_none(), "{key} is there twice");
        }
    }
    rows
}

#[test]
fn every_test_that_the_document_names_exists() {
    let document = read("docs/RELIABILITY.md").unwrap();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (file, name) in named(&document) {
        seen += 1;
        match read(&file) {
            Ok(text) if has_test(&text, &name) || is_scenario(&file, &name) => {}
            Ok(_) => wrong.push(format!("{file} has no test {name}")),
            Err(error) => wrong.push(error),
        }
    }
    assert!(seen > 150, "this test reads nothing: {seen}");
    assert!(wrong.is_empty(), "docs/RELIABILITY.md names what is not there:\n{}", wrong.join("\n"));
}

#[test]
fn every_row_has_a_test_or_says_why_it_can_not_apply() {
    let document = read("docs/RELIABILITY.md").unwrap();
    let rows = rows(&document);
    let expected = (1..=12)
        .map(|number| format!("P{number}"))
        .chain((1..=65).map(|number| format!("B{number:02}")))
        .chain((1..=12).map(|number| format!("R{number}")));
    let mut wrong = Vec::new();
    for key in expected {
        match rows.get(&key) {
            Some(row) if !named(row).is_empty() || row.contains("Can't apply: ") => {}
            Some(_) => wrong.push(format!("{key} names no test")),
            None => wrong.push(format!("{key} is missing")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!document.contains("no test yet"));
}

#[test]
fn what_is_a_test_and_what_is_none() {
    let text = "#[test]\n/// Why.\nfn marked() {}\n\n    #[test]\n    fn inside() {}\n\nfn helper() {}\n\
                each_backend!(each, other);\nfn each(backend: TlsBackend) {}\n\
                each_fault! {\n    broken: Broken,\n}\n";
    for (name, is_test) in [
        ("marked", true),
        ("inside", true),
        ("each", true),
        ("broken", true),
        ("helper", false),
        ("mark", false),
        ("gone", false),
    ] {
        assert_eq!(has_test(text, name), is_test, "{name}");
    }
    let scenario = |file: &str, name| is_scenario(&format!("{SCENARIOS}{file}.rs"), name);
    assert!(scenario("idle", "idle") && scenario("memory", "memory"));
    assert!(!scenario("idle", "idl") && !scenario("memory", "one") && !is_scenario("idle.rs", "idle"));
    assert!(has_test("fn main() {}\nfn scenario() {}\n", "scenario"), "a program that is a test as a whole");
    let found = named("see `sim/a.rs::b`, `tests/c.rs::d` and `cargo test`");
    let found: Vec<_> = found.iter().map(|(file, name)| (file.as_str(), name.as_str())).collect();
    assert_eq!(found, [("src/mock/simulation/a.rs", "b"), ("tests/c.rs", "d")]);
}
