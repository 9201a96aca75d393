//! How a message says to enable a cargo feature.

/// Names the feature, and the line for Cargo.toml.
pub(crate) fn turn_on(feature: &str) -> String {
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    format!(
        "enable the feature `{feature}` in Cargo.toml: kafka-producer = {{ version = \"{major}.{minor}\", features = \
         [\"{feature}\"] }}"
    )
}

#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests {
    #[test]
    fn the_text_has_the_line_for_cargo_toml() {
        assert_eq!(
            super::turn_on("zstd"),
            format!(
                "enable the feature `zstd` in Cargo.toml: kafka-producer = {{ version = \"{}.{}\", features = [\"zstd\"] \
                 }}",
                env!("CARGO_PKG_VERSION_MAJOR"),
                env!("CARGO_PKG_VERSION_MINOR")
            )
        );
    }
}
