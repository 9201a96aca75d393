//! Properties files are read as Java reads them: a Java program reads the same texts.
#![cfg(feature = "_real-brokers")]

use std::collections::BTreeMap;
use std::process::Command;

use kafka_producer::ProducerConfig;

/// `None` if the text is refused.
type Read = Option<BTreeMap<String, String>>;

const TEXTS: &[&str] = &[
    "",
    "\n\n",
    "a=b",
    "a = b ",
    "a:b",
    "a : b",
    "a b",
    "a\tb",
    "a\u{c}b",
    "a  =  b  c",
    "a = = b",
    "a == b",
    "a : = b",
    "a b = c",
    "  a=b",
    "\t\u{c} a=b",
    "a",
    "a=",
    "=b",
    ":b",
    "# a=b\nc=d",
    "! a=b\nc=d",
    "   # a=b\nc=d",
    "a#b=c#d",
    "a!=b",
    "a=b\\\nc",
    "a=b\\\n   c",
    "a=b\\\n\n   c=d",
    "a=b\\\n# c=d",
    "# a\\\nb=c",
    "a\\\n=b",
    "a\\\n\\\n=b",
    "a=b\\\\\nc=d",
    "a=b\\\\\\\nc=d",
    "a=b\\",
    "\\",
    "\\\n",
    "\\\na=b",
    "a\\=b=c",
    "a\\:b:c",
    "a\\ b c",
    "a\\\tb=c",
    "\\#a=b",
    "a=\\tb\\nc\\rd\\fe",
    "a=\\b\\z\\0",
    "a=\\u00e9\\u20AC",
    "\\u0061=b",
    "a=\\ud83d\\ude00",
    "a=\\u12",
    "a=\\u00g0",
    "a=\\\\u0041",
    "a=é€😀",
    "a=b\r\nc=d\r\n",
    "a=b\rc=d",
    "a=b\\\r\n  c",
    "a=b\\\r  c",
    "a=1\na=2",
    "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n  username=\"u\" \\\n  password=\"p=q:r#s\";",
    "path=C:\\\\kafka\\\\ssl",
    "a=b \\ \nc=d",
    "a=\\ b",
    "a\\\\=b",
    "a=b\n   \nc=d",
    "\\\n#c=d",
    "\\\n\n",
    "\\\n\nc=d",
    "\\\n  ",
    "\\\n#c=d\ne=f",
    "a=b\n \\\nc=d",
];

#[test]
fn java_and_this_crate_read_the_same() {
    assert!(TEXTS.len() >= 50);
    let directory = std::env::temp_dir().join(format!("kafka-producer-properties-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let files: Vec<_> = (0..TEXTS.len()).map(|index| directory.join(format!("{index:03}"))).collect();
    for (file, text) in files.iter().zip(TEXTS) {
        std::fs::write(file, text).unwrap();
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/java/ReadProperties.java");
    let java = std::env::var("JAVA_HOME").map_or("java".to_owned(), |home| format!("{home}/bin/java"));
    let output = Command::new(java).arg(program).args(&files).output().expect("a JDK is there");
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<Read> = said.split("file ").skip(1).map(of_java).collect();
    assert_eq!(theirs.len(), TEXTS.len());
    for (text, theirs) in TEXTS.iter().zip(theirs) {
        let ours = ProducerConfig::parse_properties(text).ok().map(BTreeMap::from_iter);
        assert_eq!(ours, theirs, "{text:?}");
    }
}

fn of_java(lines: &str) -> Read {
    let mut lines = lines.lines().skip(1).peekable();
    if lines.peek() == Some(&"refused") {
        return None;
    }
    let pairs = lines.map(|line| line.split_once('=').expect("key=value"));
    Some(pairs.map(|(key, value)| (of_hex(key), of_hex(value))).collect())
}

fn of_hex(digits: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    String::from_utf8((0..digits.len()).step_by(2).map(byte).collect()).expect("UTF-8")
}
