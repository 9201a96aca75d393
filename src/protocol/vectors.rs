//! The definitions against what real clients and a real broker said to each other (`tests/vectors`).

use std::collections::BTreeMap;
use std::fmt;

use super::api::ApiKey;
use super::broker::{decode_request, decode_request_header, encode_response};
use super::frame::{decode_response, decode_response_exactly, encode_request};
use super::message::Request;
use super::messages::api_versions::{ApiVersionsRequest, decode_api_versions_response};
use super::messages::find_coordinator::FindCoordinatorRequest;
use super::messages::init_producer_id::InitProducerIdRequest;
use super::messages::metadata::MetadataRequest;
use super::messages::produce::ProduceRequest;

/// One request and its answer, both without their lengths.
pub(crate) struct Exchange {
    pub(crate) file: String,
    pub(crate) api_key: ApiKey,
    pub(crate) version: i16,
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
}

impl Exchange {
    /// The version of the answer, which to an unknown version of ApiVersions is 0 (`UNSUPPORTED_VERSION` after the
    /// correlation id): the broker does not know 5 yet, franz-go asks for it.
    pub(crate) fn answered_in(&self) -> i16 {
        let refused = self.api_key == ApiKey::API_VERSIONS && self.response[4..6] == [0, 35];
        if refused { 0 } else { self.version }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} version {}", self.file, self.api_key, self.version)
    }
}

/// All of them, file by file.
pub(crate) fn exchanges() -> Vec<Exchange> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    let exchanges_of = |path: &std::path::PathBuf| {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| exchange(&file, line)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(exchanges_of).collect()
}

fn exchange(file: &str, line: &str) -> Exchange {
    Exchange {
        file: file.to_owned(),
        api_key: ApiKey(value(line, "api_key").parse().unwrap()),
        version: value(line, "version").parse().unwrap(),
        request: from_hex(value(line, "request")),
        response: from_hex(value(line, "response")),
    }
}

/// The lines are flat objects of numbers and hex strings, so nothing needs unescaping.
fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{key}\": ")).unwrap();
    rest.trim_start_matches('"').split(['"', ',', '}']).next().unwrap()
}

fn from_hex(digits: &str) -> Vec<u8> {
    assert_eq!(digits.len() % 2, 0);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// A timestamp, a key, a value and headers.
pub(crate) type PlainRecord = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

/// The twenty records that every client of the vectors sent once per codec; the i-th went to partition i mod 3.
pub(crate) fn readme_records(null_header: bool) -> Vec<PlainRecord> {
    let record = |i: usize| {
        let key = (!i.is_multiple_of(3)).then(|| format!("k{i}").into_bytes());
        let value = match (i % 5, i % 3) {
            (0, 0) => Some(Vec::new()),
            (0, _) => None,
            _ => Some(format!("value-{i:04} ").repeat(5).into_bytes()),
        };
        let mut headers = Vec::new();
        if i % 2 == 1 {
            headers.push(("h".to_owned(), Some(b"1".to_vec())));
            headers.push(("h".to_owned(), Some(b"two".to_vec())));
            if null_header {
                headers.push(("null".to_owned(), None));
            }
        }
        (1_700_000_000_000 + 7 * i64::try_from(i).unwrap(), key, value, headers)
    };
    (0..20).map(record).collect()
}

fn read_back<R: Request>(exchange: &Exchange) {
    let (header, body) = decode_request_header(&exchange.request).unwrap();
    assert_eq!((header.api_key, header.version), (exchange.api_key, exchange.version), "{exchange}");
    let request: R =
        decode_request(header.version, body).unwrap_or_else(|error| panic!("{exchange}: {error}"));
    let frame = encode_request(header.correlation_id, header.version, header.client_id, &request);
    assert!(frame.to_vec()[4..] == exchange.request, "{exchange}: {request:?}");

    let version = exchange.answered_in();
    let decoded = decode_response_exactly::<R>(version, &exchange.response);
    let (correlation_id, response) = decoded.unwrap_or_else(|error| panic!("{exchange}: {error}"));
    assert_eq!(correlation_id, header.correlation_id, "{exchange}");
    let frame = encode_response::<R>(correlation_id, version, &response);
    assert!(frame.to_vec()[4..] == exchange.response, "{exchange}: {response:?}");
}

#[test]
fn every_exchange_decodes_and_encodes_back() {
    let mut counts = BTreeMap::new();
    for exchange in exchanges() {
        match exchange.api_key {
            ApiKey::API_VERSIONS => {
                read_back::<ApiVersionsRequest>(&exchange);
                let by_client = decode_api_versions_response(exchange.version, &exchange.response);
                assert!(by_client.is_ok_and(|(_, response)| !response.api_keys.is_empty()), "{exchange}");
            }
            ApiKey::METADATA => read_back::<MetadataRequest>(&exchange),
            ApiKey::PRODUCE => read_back::<ProduceRequest>(&exchange),
            ApiKey::FIND_COORDINATOR => read_back::<FindCoordinatorRequest>(&exchange),
            ApiKey::INIT_PRODUCER_ID => read_back::<InitProducerIdRequest>(&exchange),
            _ => continue,
        }
        *counts.entry((exchange.api_key.to_string(), exchange.version)).or_insert(0) += 1;
    }
    let expected = [
        ("ApiVersions", 0, 7),
        ("ApiVersions", 3, 13),
        ("ApiVersions", 4, 51),
        ("ApiVersions", 5, 12),
        ("FindCoordinator", 2, 1),
        ("FindCoordinator", 6, 6),
        ("InitProducerId", 4, 13),
        ("InitProducerId", 5, 12),
        ("Metadata", 0, 17),
        ("Metadata", 1, 34),
        ("Metadata", 13, 41),
        ("Produce", 0, 3),
        ("Produce", 1, 3),
        ("Produce", 2, 8),
        ("Produce", 3, 5),
        ("Produce", 4, 5),
        ("Produce", 7, 11),
        ("Produce", 9, 8),
        ("Produce", 10, 17),
        ("Produce", 13, 15),
    ];
    let expected = expected.map(|(api, version, count)| ((api.to_owned(), version), count));
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn every_truncation_is_refused() {
    fn refused<R: Request>(exchange: &Exchange) {
        for len in 0..exchange.response.len() {
            let truncated = &exchange.response[..len];
            assert!(decode_response::<R>(exchange.answered_in(), truncated).is_err(), "{exchange} at {len}");
        }
        for len in 0..exchange.request.len() {
            let decoded = decode_request_header(&exchange.request[..len])
                .and_then(|(header, body)| decode_request::<R>(header.version, body));
            assert!(decoded.is_err(), "{exchange} at {len}");
        }
    }
    for exchange in exchanges() {
        match exchange.api_key {
            ApiKey::API_VERSIONS => refused::<ApiVersionsRequest>(&exchange),
            ApiKey::METADATA => refused::<MetadataRequest>(&exchange),
            ApiKey::PRODUCE => refused::<ProduceRequest>(&exchange),
            ApiKey::FIND_COORDINATOR => refused::<FindCoordinatorRequest>(&exchange),
            ApiKey::INIT_PRODUCER_ID => refused::<InitProducerIdRequest>(&exchange),
            _ => {}
        }
    }
}
