//! `docs/configuration.md` lists all settings. The lists are made of the tables in the code. To write them again:
//!
//! ```sh
//! UPDATE_SNAPSHOTS=yes cargo test --all-features --lib every_setting_is_documented
//! ```

use super::*;

#[test]
fn every_setting_has_a_meaning() {
    for key in keys::all() {
        assert_eq!(key.name == key.of, key.meaning.ends_with('.'), "{}", key.name);
        assert!(!key.form.is_empty(), "{}", key.name);
    }
}

/// Without one of these features a setting is missing or has another default.
#[cfg(all(feature = "tls", feature = "rustls"))]
mod listed {
    use std::collections::BTreeMap;
    use std::fmt::Write;
    use std::path::Path;

    use crate::config::key::Key;
    use crate::config::later::{self, Later, What};
    use crate::config::{ProducerConfig, keys, librdkafka, partitioning, providers, proxy, sasl, tls};

    const BEGIN: &str = "<!-- The rest is made of the tables in `src/config`. -->\n";

    #[test]
    fn every_setting_is_documented() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
        let file = std::fs::read_to_string(&path).unwrap();
        let written = file.split(BEGIN).next().unwrap();
        let expected = format!("{written}{BEGIN}{}", lists());
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        } else {
            assert!(
                file == expected,
                "docs/configuration.md is not up to date; run UPDATE_SNAPSHOTS=yes cargo test --all-features --lib every_setting_is_documented"
            );
        }
    }

    fn lists() -> String {
        let mut text = "\n## All settings\n\n\
            A name can be written with `_` or with dots: `linger_ms` and `linger.ms` are the same setting. Other names are names \
            of the same setting in the Java client and in librdkafka. Sizes are in bytes. `none` means that the setting is not \
            set, or that there is no limit.\n"
            .to_owned();
        for (title, keys) in [
            ("General", keys::KEYS),
            ("Partitioner", partitioning::KEYS),
            ("SASL", sasl::KEYS),
            ("TLS (requires the feature `tls` or `rustls`)", tls::KEYS),
            ("Proxy", proxy::KEYS),
            ("Config providers", providers::KEYS),
        ] {
            write!(
                text,
                "\n### {title}\n\n| setting | setter | other names | value | default | meaning |\n|---|---|---|---|---|---|\n"
            )
            .unwrap();
            for key in keys.iter().filter(|key| key.name == key.of) {
                text.push_str(&row(key));
            }
        }
        let not_used = |later: &Later| !matches!(later.what, What::Feature(_) | What::Extra(_));
        let (lasting, yet): (Vec<_>, Vec<_>) =
            later::all().chain(librdkafka::LATER).partition(|later| not_used(later));
        text.push_str(
            "\n## Settings that this crate does not use\n\n\
             They are known, so that a file for another client can be read. A value that changes nothing is accepted. With any \
             other value `from_pairs` returns an error. `from_shared` lists the setting as unused, unless records would be less \
             safe without it, as with `enable.ssl.certificate.verification`: then it returns an error too. Settings of consumers \
             and of schema registries are errors for `from_pairs`, and `from_shared` lists them.\n",
        );
        text.push_str(&reasons(
            lasting.into_iter().chain(librdkafka::NOT_HERE.iter().filter(|later| not_used(later))),
        ));
        text.push_str(
            "\n## Settings that are not supported yet\n\nA value that changes nothing is accepted.\n",
        );
        text.push_str(&reasons(yet.into_iter()));
        text
    }

    fn row(key: &Key) -> String {
        let aliases =
            keys::all().filter(|other| other.of.split(' ').next() == Some(key.of) && other.name != key.name);
        let aliases: Vec<_> = aliases.map(|other| format!("`{}`", other.name.replace('_', "."))).collect();
        let default = (key.show)(&ProducerConfig::default());
        let Key { name, form, meaning, .. } = key;
        format!(
            "| `{name}` | {} | {} | {form} | `{default}` | {meaning} |\n",
            setters(name),
            aliases.join(", ")
        )
    }

    fn setters(name: &str) -> String {
        let setters = match name {
            "compression_type" => vec!["compression"],
            "socket_options" => vec!["tcp_nodelay", "so_keepalive"],
            "compression_gzip_level" | "compression_lz4_level" | "compression_zstd_level" => {
                vec!["compression_level"]
            }
            "ssl_keystore_password" => vec!["ssl_password"],
            "config_providers" => vec![],
            _ => {
                let without_unit = name.strip_suffix("_ms").or_else(|| name.strip_suffix("_seconds"));
                vec![without_unit.unwrap_or(name)]
            }
        };
        // They are methods.
        let sources = [
            include_str!("../setters.rs"),
            include_str!("../batching.rs"),
            include_str!("../metrics.rs"),
            include_str!("../partitioning.rs"),
            include_str!("../sasl.rs"),
            include_str!("../tls.rs"),
            include_str!("../proxy.rs"),
        ];
        for setter in &setters {
            let is_in = |source: &&str| source.contains(&format!("pub fn {setter}("));
            assert!(sources.iter().any(is_in), "{name}: there is no setter {setter}");
        }
        setters.iter().map(|setter| format!("`{setter}`")).collect::<Vec<_>>().join(", ")
    }

    /// One row for each reason, with all settings that have it.
    fn reasons<'a>(settings: impl Iterator<Item = &'a Later>) -> String {
        let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for later in settings {
            let reason = match later.what {
                What::Feature(what) | What::Extra(what) => what.to_owned(),
                What::Other(why) | What::Never(why) => why.to_owned(),
                What::Code(instead) => {
                    format!("it refers to code; {}", instead.trim_end_matches("; remove it"))
                }
            };
            let values: Vec<_> = later
                .taken
                .iter()
                // Without others it is in the header.
                .filter(|value| **value != "none" || later.taken.len() > 1)
                .map(|value| format!("`{value}`"))
                .collect();
            let name = format!("`{}`", later.name.replace('_', "."));
            let name = match values.is_empty() {
                true => name,
                false => format!("{name} ({})", values.join(", ")),
            };
            by_reason.entry(reason).or_default().push(name);
        }
        let mut text = "\n| settings, and the values that are accepted; without a value, only `none` is accepted | reason |\n|---|---|\n".to_owned();
        for (reason, names) in by_reason {
            writeln!(text, "| {} | {reason} |", names.join("<br>")).unwrap();
        }
        text
    }
}
