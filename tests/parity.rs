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

/// The capabilities that exist and have no test. A new one has to be added here too.
const WITHOUT_A_TEST: [&str; 3] = [
    "A batch that does not become smaller is sent uncompressed.",
    "A recipe for certificates, and for converting Java keystores.",
    "`close` closes the serializers.",
];

fn read(file: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))
}

/// The first and the last cell of each row of each table, and the heading above the table.
fn rows(document: &str) -> Vec<(&str, &str, &str)> {
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
            assert_eq!(cells.len(), 3, "{line}");
            rows.push((heading, cells[0], cells[2]));
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

/// What is wrong with a row.
fn fault(capability: &str, cell: &str) -> Option<String> {
    let tests = named(cell);
    if tests.is_empty() {
        let says_why = match cell {
            "Not supported yet" => true,
            "No test yet" => WITHOUT_A_TEST.contains(&capability),
            _ => cell.strip_prefix("Not supported: ").is_some_and(|why| !why.is_empty()),
        };
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
        assert!(rows.iter().any(|(of, ..)| *of == heading), "{heading} has no rows");
    }
    let faults: Vec<_> = rows.iter().filter_map(|(_, capability, cell)| fault(capability, cell)).collect();
    assert!(faults.is_empty(), "{DOCUMENT}:\n{}", faults.join("\n"));
    for capability in WITHOUT_A_TEST {
        let row = rows.iter().find(|(_, of, _)| *of == capability);
        assert!(row.is_some_and(|(.., cell)| *cell == "No test yet"), "it has a test now: {capability}");
    }
}

#[test]
fn every_setting_of_kafka_python_has_a_row() {
    let document = read(DOCUMENT).unwrap();
    let rows = rows(&document);
    let of_settings = rows.iter().filter(|(heading, ..)| *heading == "The settings of kafka-python");
    let listed: Vec<_> = of_settings.map(|(_, setting, _)| setting.trim_matches('`')).collect();
    assert_eq!(listed, SETTINGS);
}

#[test]
fn what_is_a_fault_and_what_is_none() {
    let is_fault = |cell| fault("it", cell).is_some();
    assert!(!is_fault("`tests/parity.rs::what_is_a_fault_and_what_is_none`"));
    assert!(!is_fault("Not supported yet") && !is_fault("Not supported: nobody needs it"));
    for cell in [
        "",
        "yes",
        "No test yet",
        "Not supported: ",
        "`tests/parity.rs`",
        "`tests/parity.rs::what_is_a_fault`",
        "`tests/none.rs::what_is_a_fault_and_what_is_none`",
        "`tests/parity.rs::what_is_a_fault_and_what_is_none` `sim/none.rs::name`",
    ] {
        assert!(is_fault(cell), "{cell}");
    }
    assert!(fault(WITHOUT_A_TEST[0], "No test yet").is_none());
    let table =
        "## a\n\n| capability | here | test |\n|---|---|---|\n| one | | x |\n| two | b | y |\n\ntext\n";
    assert_eq!(rows(table), [("a", "one", "x"), ("a", "two", "y")]);
}
