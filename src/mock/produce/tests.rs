//! How requests with records are taken apart, and what is refused.

use super::*;
use crate::protocol::vectors::exchanges;
use crate::protocol::{ApiKey, decode_request, decode_request_header};

#[test]
fn the_short_way_finds_what_the_definition_finds() {
    let mut compared = 0;
    for exchange in exchanges() {
        if exchange.api_key != ApiKey::PRODUCE || exchange.version < OLDEST_VERSION {
            continue;
        }
        let (header, body) = decode_request_header(&exchange.request).unwrap();
        let lent = parse(header.version, body, Look::Records).unwrap();
        let request: ProduceRequest = decode_request(header.version, body).unwrap();
        assert_eq!((lent.acks, lent.topics.len()), (request.acks, request.topics.len()));
        for (lent, topic) in lent.topics.iter().zip(&request.topics) {
            assert_eq!((lent.name, lent.id), (topic.name.as_str(), topic.topic_id));
            assert_eq!(lent.partitions.len(), topic.partitions.len());
            for (lent, partition) in lent.partitions.iter().zip(&topic.partitions) {
                let batch =
                    lent.batch.as_ref().unwrap_or_else(|refusal| panic!("{exchange}: {}", refusal.code));
                assert_eq!(lent.index, partition.index);
                assert_eq!(batch.bytes, partition.records.as_ref().unwrap().to_vec());
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn batches_that_brokers_refuse() {
    let exchange = exchanges().into_iter().find(|exchange| exchange.api_key == ApiKey::PRODUCE).unwrap();
    let (header, body) = decode_request_header(&exchange.request).unwrap();
    let request = parse(header.version, body, Look::Records).unwrap();
    let batch = request.topics[0].partitions[0].batch.as_ref().ok().unwrap().bytes;
    let code = |bytes: &[u8]| check(bytes, Look::Records).err().map_or(0, |refusal| refusal.code.code());
    let changed = |at: usize, byte: u8| {
        let mut bytes = batch.to_vec();
        bytes[at] ^= byte;
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes
    };
    assert_eq!(code(batch), 0);
    assert_eq!(code(&[]), 87, "nothing");
    assert_eq!(code(&[batch, batch].concat()), 87, "two");
    assert_eq!(code(&batch[..batch.len() - 1]), 2, "cut");
    assert_eq!(code(&changed(7, 1)), 87, "base offset");
    assert_eq!(code(&changed(16, 3)), 87, "format 1");
    assert_eq!(code(&changed(22, 0x20)), 87, "control");
    assert_eq!(code(&changed(26, 1)), 87, "last offset");
    let mut damaged = batch.to_vec();
    damaged[62] ^= 1;
    assert_eq!(code(&damaged), 2, "checksum");
    // Records that are not compressed are nothing that a codec can have made; zstd may be missing from a build.
    assert_eq!(batch[22] & 7, 0);
    let codecs = [
        ("gzip", cfg!(feature = "gzip")),
        ("snappy", cfg!(feature = "snappy")),
        ("lz4", cfg!(feature = "lz4")),
        ("zstd", cfg!(feature = "zstd")),
    ];
    for (codec, (name, is_built)) in (1..).zip(codecs) {
        assert_eq!(code(&changed(22, codec)), if is_built { 87 } else { 0 }, "{name}");
    }
    assert_eq!(code(&changed(22, 5)), 87, "there is no codec 5");
}
