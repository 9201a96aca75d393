//! Tests of the serializers.

use std::borrow::Cow;
use std::sync::Arc;

use super::*;

fn bytes<T: ?Sized>(serializer: &impl Serializer<T>, value: &T) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let context = SerializationContext::value("t", &[]);
    serializer.serialize(&context, value, &mut out).map(|()| out).map_err(|error| error.to_string())
}

#[test]
fn closures_return_bytes_text_arrays_or_what_kept_them_from_it() {
    assert_eq!(bytes(&|value: &u16| vec![*value as u8], &7), Ok(vec![7]));
    assert_eq!(bytes(&|value: &u16| value.to_string(), &700), Ok(b"700".to_vec()));
    assert_eq!(bytes(&|value: &u16| value.to_be_bytes(), &258), Ok(vec![1, 2]));
    let parse = |value: &str| value.parse::<i32>().map(i32::to_be_bytes);
    assert_eq!(bytes(&parse, "1"), Ok(vec![0, 0, 0, 1]));
    assert_eq!(bytes(&parse, "one"), Err("invalid digit found in string".to_owned()));
    let known =
        |number: &u8| if *number == 0 { Cow::Borrowed("none") } else { Cow::Owned(number.to_string()) };
    assert_eq!((bytes(&known, &0), bytes(&known, &7)), (Ok(b"none".to_vec()), Ok(b"7".to_vec())));
    let known = |number: &u8| Cow::<'static, [u8]>::Owned(vec![*number]);
    assert_eq!(bytes(&known, &7), Ok(vec![7]));
    assert_eq!(bytes(&StringSerializer, "ä"), Ok("ä".as_bytes().to_vec()));
    assert_eq!(bytes(&BytesSerializer, &[0, 255][..]), Ok(vec![0, 255]));
}

#[test]
fn serializers_are_shared_and_chosen_at_run_time() {
    let chosen: Box<dyn Serializer<str>> = Box::new(StringSerializer);
    assert_eq!(bytes(&chosen, "a"), Ok(b"a".to_vec()));
    let shared = Arc::new(|text: &str| text.to_uppercase());
    assert_eq!(bytes(&Arc::clone(&shared), "a"), bytes(&shared, "a"));
    let shared: Arc<dyn Serializer<str>> = shared;
    assert_eq!(bytes(&shared, "a"), Ok(b"A".to_vec()));
}

/// Each line is a type, a value, and the bytes of Java's serializer. `tests/vectors/README.md` says how they were made.
#[test]
fn numbers_strings_and_uuids_have_javas_bytes() {
    let mut lines = 0;
    for line in include_str!("../../../tests/vectors/java-4.3.1-serializers.txt").lines() {
        let [kind, value, expected] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let hex = |digits: &str| u64::from_str_radix(digits, 16).unwrap();
        let unhex = |digits: &str| -> Vec<u8> {
            (0..digits.len()).step_by(2).map(|at| hex(&digits[at..at + 2]) as u8).collect()
        };
        let ours = match kind {
            "short" => bytes(&BigEndianSerializer, &value.parse::<i16>().unwrap()),
            "int" => bytes(&BigEndianSerializer, &value.parse::<i32>().unwrap()),
            "long" => bytes(&BigEndianSerializer, &value.parse::<i64>().unwrap()),
            "float" => bytes(&BigEndianSerializer, &f32::from_bits(hex(value) as u32)),
            "double" => bytes(&BigEndianSerializer, &f64::from_bits(hex(value))),
            "boolean" => bytes(&BigEndianSerializer, &value.parse::<bool>().unwrap()),
            "string" => bytes(&StringSerializer, &*String::from_utf8(unhex(value)).unwrap()),
            #[cfg(feature = "uuid")]
            "uuid" => bytes(&UuidSerializer, &value.parse::<::uuid::Uuid>().unwrap()),
            #[cfg(not(feature = "uuid"))]
            "uuid" => continue,
            other => panic!("{other}"),
        };
        assert_eq!(ours, Ok(unhex(expected)), "{line}");
        lines += 1;
    }
    assert!(lines >= 40, "{lines}");
}

#[test]
fn numbers_that_java_does_not_have_are_big_endian_too() {
    assert_eq!(bytes(&BigEndianSerializer, &-2_i8), Ok(vec![0xfe]));
    assert_eq!(bytes(&BigEndianSerializer, &254_u8), Ok(vec![0xfe]));
    assert_eq!(bytes(&BigEndianSerializer, &0x0102_u16), Ok(vec![1, 2]));
    assert_eq!(bytes(&BigEndianSerializer, &0x0102_0304_u32), Ok(vec![1, 2, 3, 4]));
    assert_eq!(bytes(&BigEndianSerializer, &(1_u64 << 56)), Ok(vec![1, 0, 0, 0, 0, 0, 0, 0]));
}

#[cfg(feature = "json")]
#[test]
fn json_is_compact_utf8_and_has_an_error_for_what_it_cannot_say() {
    use std::collections::BTreeMap;

    let text = |value: serde_json::Value| String::from_utf8(bytes(&JsonSerializer, &value).unwrap()).unwrap();
    let value = serde_json::json!({ "a": [1, 2.5, null], "b c": "ä\n", "d": { "e": true } });
    assert_eq!(text(value), r#"{"a":[1,2.5,null],"b c":"ä\n","d":{"e":true}}"#);
    assert_eq!(bytes(&JsonSerializer, "ä, b: c"), Ok("\"ä, b: c\"".as_bytes().to_vec()));
    assert_eq!(bytes(&JsonSerializer, &[f64::NAN, f64::INFINITY][..]), Ok(b"[null,null]".to_vec()));
    let error = bytes(&JsonSerializer, &BTreeMap::from([(None::<u8>, 1), (Some(2), 3)])).unwrap_err();
    assert_eq!(error, "key must be a string");
}
