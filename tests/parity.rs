//! `docs/parity.md` stays true: every row has a test that is in the tree, or says what is missing, and no setting is left out.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::path::Path;

const DOCUMENT: &str = "docs/parity.md";

/// The settings of kafka-python 1.4.
const SETTINGS: [&str; 43] = [
    "bootstrap_servers",
    "client_id",
    "key_serializer",
    "value_serializer",
    "acks",
    "compression_type",
    "retries",
    "batch_size",
    "linger_ms",
    "partitioner",
    "buffer_memory",
    "connections_max_idle_ms",
    "max_block_ms",
    "max_request_size",
    "metadata_max_age_ms",
    "retry_backoff_ms",
    "request_timeout_ms",
    "receive_buffer_bytes",
    "send_buffer_bytes",
    "socket_options",
    "sock_chunk_bytes",
    "sock_chunk_buffer_count",
    "reconnect_backoff_ms",
    "reconnect_backoff_max_ms",
    "max_in_flight_requests_per_connection",
    "security_protocol",
    "ssl_context",
    "ssl_check_hostname",
    "ssl_cafile",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_crlfile",
    "ssl_password",
    "api_version",
    "api_version_auto_timeout_ms",
    "metric_reporters",
    "metrics_num_samples",
    "metrics_sample_window_ms",
    "selector",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
    "sasl_kerberos_service_name",
];

fn read(file: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))
}

struct Row<'a> {
    /// The heading above the table.
    heading: &'a str,
    capability: &'a str,
    /// The name in this crate.
    here: &'a str,
    test: &'a str,
}

/// The rows of all tables.
fn rows(document: &str) -> Vec<Row<'_>> {
    let (mut heading, mut rows, mut before) = ("", Vec::new(), "");
    for line in document.lines() {
        if let Some(text) = line.strip_prefix("## ") {
            heading = text;
        }
        // The names of the columns are in the line before this one.
        if line.starts_with("|---") {
            rows.pop();
        } else if line.starts_with("| ") {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let &[capability, here, test] = &cells[..] else { panic!("a row has three cells: {line}") };
            rows.push(Row { heading, capability, here, test });
        } else {
            assert!(!before.starts_with('|') || line.is_empty(), "a table ends here: {line}");
        }
        before = line;
    }
    rows
}

/// The tests that `cell` names, as `file.rs::name` in backticks.
fn named(cell: &str) -> Vec<(String, &str)> {
    let quoted = cell.split('`').skip(1).step_by(2);
    let tests = quoted.filter_map(|quoted| quoted.split_once("::"));
    tests
        .map(|(file, name)| match file.strip_prefix("sim/") {
            Some(rest) => (format!("src/mock/simulation/{rest}"), name),
            None => (file.to_owned(), name),
        })
        .collect()
}

/// What is wrong with the tests of a row.
fn fault(capability: &str, cell: &str) -> Option<String> {
    let tests = named(cell);
    if tests.is_empty() {
        let says_why = cell == "Not supported yet"
            || cell.strip_prefix("Not supported: ").is_some_and(|why| !why.is_empty());
        return (!says_why).then(|| format!("{capability}: it has no test: '{cell}'"));
    }
    tests.into_iter().find_map(|(file, name)| match read(&file) {
        Ok(text) if text.contains(&format!("fn {name}(")) => None,
        Ok(_) => Some(format!("{capability}: {file} has no function {name}")),
        Err(error) => Some(format!("{capability}: {error}")),
    })
}

#[test]
fn every_row_has_a_test_that_exists_or_says_what_is_missing() {
    let document = read(DOCUMENT).unwrap();
    let rows = rows(&document);
    for heading in [
        "The kafka-python workflow",
        "The kafka-python reference",
        "The tutorial with TLS",
        "kiel",
        "The minimal producer",
        "The settings of kafka-python",
    ] {
        assert!(rows.iter().any(|row| row.heading == heading), "{heading} has no rows");
    }
    let faults: Vec<_> = rows.iter().filter_map(|row| fault(row.capability, row.test)).collect();
    assert!(faults.is_empty(), "{DOCUMENT}:\n{}", faults.join("\n"));
}

/// A cell names a document as `docs/file.md`, and a section of this document in quotation marks.
#[test]
fn documents_that_are_named_have_the_sections_that_are_named() {
    let document = read(DOCUMENT).unwrap();
    let mut count = 0;
    for Row { here, .. } in rows(&document) {
        let Some(file) = here.split('`').find(|quoted| quoted.starts_with("docs/")) else { continue };
        let text = read(file).unwrap();
        for section in here.split('"').skip(1).step_by(2) {
            assert!(text.contains(&format!("# {section}\n")), "{file} has no section '{section}'");
        }
        count += 1;
    }
    assert_eq!(count, 2, "this test reads nothing");
}

/// A setting acts, or is refused.
#[test]
fn every_setting_of_kafka_python_has_a_row_with_a_test() {
    let document = read(DOCUMENT).unwrap();
    let mut rows = rows(&document);
    rows.retain(|row| row.heading == "The settings of kafka-python");
    let listed: Vec<_> = rows.iter().map(|row| row.capability.trim_matches('`')).collect();
    assert_eq!(listed, SETTINGS);
    let without: Vec<_> = rows.iter().filter(|row| named(row.test).is_empty()).collect();
    assert!(without.is_empty(), "{:?}", without.iter().map(|row| row.capability).collect::<Vec<_>>());
}

#[test]
fn what_is_a_fault_and_what_is_none() {
    let is_fault = |cell| fault("it", cell).is_some();
    assert!(!is_fault("`tests/parity.rs::what_is_a_fault_and_what_is_none`"));
    assert!(!is_fault("Not supported yet") && !is_fault("Not supported: nobody needs it"));
    for cell in [
        "",
        "yes",
        "Not supported: ",
        "`tests/parity.rs`",
        "`tests/parity.rs::what_is_a_fault`",
        "`tests/none.rs::what_is_a_fault_and_what_is_none`",
        "`tests/parity.rs::what_is_a_fault_and_what_is_none` `sim/none.rs::name`",
    ] {
        assert!(is_fault(cell), "{cell}");
    }
    let table =
        "## a\n\n| capability | here | test |\n|---|---|---|\n| one | | x |\n| two | b | y |\n\ntext\n";
    let read = rows(table);
    let read: Vec<_> = read.iter().map(|row| [row.heading, row.capability, row.here, row.test]).collect();
    assert_eq!(read, [["a", "one", "", "x"], ["a", "two", "b", "y"]]);
}
