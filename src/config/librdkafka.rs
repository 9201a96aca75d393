//! The names of librdkafka's producer for settings.

use std::time::Duration;

use super::key::Key;
use super::later::{Later, What, later};
use super::values::{
    ACKS, COMPRESSION, FLAG, Kind, LEVEL, LIST, MILLIS, NUMBER, OPTIONAL_MILLIS, OPTIONAL_NUMBER, RETRIES,
    SOCKET_BUFFER,
};

macro_rules! keys {
    ($( $name:ident of $of:literal: $kind:ident($($field:ident).+) );* $(;)?) => {
        &[$(
            Key {
                name: stringify!($name),
                of: $of,
                set: |config, value| ($kind.read)(value).map(|value| config.$($field).+ = value.into()),
                show: |config| ($kind.show)(&config.$($field).+.clone().into()),
                copy: |config, from| config.$($field).+ = from.$($field).+.clone(),
                form: $kind.form,
                meaning: "",
            },
        )*]
    };
}

/// Names that no other client has. They mean the same in all dialects.
pub(super) const KEYS: &[Key] = keys! {
    metadata_broker_list of "bootstrap_servers": LIST(bootstrap_servers);
    request_required_acks of "acks": ACKS(acks);
    compression_codec of "compression_type": COMPRESSION(compression);
    message_send_max_retries of "retries": RETRIES(retries);
    queue_buffering_max_ms of "linger_ms": FRACTION(linger);
    queue_buffering_max_kbytes of "buffer_memory": KILOBYTES(buffer_memory);
    message_max_bytes of "max_request_size": SIZE(max_request_size);
    batch_num_messages of "batch_num_records": OPTIONAL_NUMBER(batch_num_records);
    max_in_flight of "max_in_flight_requests_per_connection": SIZE(max_in_flight_requests_per_connection);
    message_timeout_ms of "delivery_timeout_ms": TIMEOUT(delivery_timeout);
    socket_timeout_ms of "request_timeout_ms": MILLIS(request_timeout);
    topic_metadata_refresh_interval_ms of "metadata_max_age_ms": REFRESH(metadata_max_age);
    socket_send_buffer_bytes of "send_buffer_bytes": BUFFER(send_buffer_bytes);
    socket_receive_buffer_bytes of "receive_buffer_bytes": BUFFER(receive_buffer_bytes);
    // Two parts of `socket_options`: setting both is no repetition.
    socket_keepalive_enable of "socket_options SO_KEEPALIVE": FLAG(socket_options.keep_alive);
    socket_nagle_disable of "socket_options TCP_NODELAY": FLAG(socket_options.no_delay);
};

/// Names that other clients have too, but with other values than in librdkafka.
pub(super) const OTHERWISE: &[Key] = keys! {
    linger_ms of "linger_ms": FRACTION(linger);
    delivery_timeout_ms of "delivery_timeout_ms": TIMEOUT(delivery_timeout);
    connections_max_idle_ms of "connections_max_idle_ms": IDLE(connections_max_idle);
    compression_level of "compression_level": LEVEL_OR_DEFAULT(compression_level);
    // The time that a broker waits for the replicas.
    request_timeout_ms of "ack_timeout_ms": OPTIONAL_ACK_TIMEOUT(ack_timeout);
};

const OPTIONAL_ACK_TIMEOUT: Kind<Option<Duration>> =
    Kind { form: "milliseconds", read: |value| (MILLIS.read)(value).map(Some), show: OPTIONAL_MILLIS.show };

const SIZE: Kind<Option<usize>> =
    Kind { form: "number", read: |value| (NUMBER.read)(value).map(Some), show: OPTIONAL_NUMBER.show };

const BUFFER: Kind<Option<usize>> = Kind {
    form: "number",
    read: |value| (SOCKET_BUFFER.read)(if value == "0" { "-1" } else { value }),
    show: SOCKET_BUFFER.show,
};

const KILOBYTES: Kind<usize> = Kind {
    form: "number of KiB",
    read: |value| (NUMBER.read)(value).map(|kilobytes| kilobytes.saturating_mul(1024)),
    show: NUMBER.show,
};

const REFRESH: Kind<Duration> = Kind {
    form: "milliseconds",
    read: |value| if value == "-1" { Err(NO_REFRESH.into()) } else { (MILLIS.read)(value) },
    show: MILLIS.show,
};

const NO_REFRESH: &str =
    "-1 (no refresh) is not supported; write 3600000 to refresh once an hour, or remove it for the default";

const FRACTION: Kind<Duration> = Kind {
    form: "milliseconds",
    read: |value| {
        let millis = value.parse().ok().filter(|millis: &f64| *millis >= 0.0);
        let time = millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok());
        time.ok_or_else(|| "write a number of milliseconds, 0 or more; it may have a fraction".into())
    },
    show: MILLIS.show,
};

const TIMEOUT: Kind<Option<Option<Duration>>> = Kind {
    form: "milliseconds",
    read: |value| (OPTIONAL_MILLIS.read)(if value == "0" { "none" } else { value }).map(Some),
    show: |time| (OPTIONAL_MILLIS.show)(&time.flatten()),
};

const IDLE: Kind<Option<Duration>> = Kind {
    form: "milliseconds",
    read: |value| (OPTIONAL_MILLIS.read)(if value == "0" { "none" } else { value }),
    show: OPTIONAL_MILLIS.show,
};

const LEVEL_OR_DEFAULT: Kind<Option<i32>> = Kind {
    form: "number",
    read: |value| (LEVEL.read)(if value == "-1" { "none" } else { value }),
    show: LEVEL.show,
};

/// Names that other clients have too. In librdkafka they mean something that this crate does not have.
pub(super) const NOT_HERE: &[Later] = later! {
    Other("only in the dialect of librdkafka: there it is the age at which metadata is dropped; topic.metadata.refresh.interval.ms sets metadata_max_age_ms"):
        metadata_max_age_ms;
};

/// Settings that only librdkafka has.
pub(super) const LATER: &[Later] = later! {
    Never("without this check anybody can impersonate a broker; set ssl.ca.location to the CA of the brokers"):
        enable_ssl_certificate_verification["true"];
    Never("the TLS library chooses curves and signature algorithms; restrict them in its own configuration (openssl.cnf)"):
        ssl_curves_list, ssl_sigalgs_list;
    Never("keys and certificates are read from PEM or PKCS#12; if ssl.ca.location is not set, the CAs of the system are trusted"):
        ssl_ca_certificate_stores["Root"], ssl_engine_location, ssl_engine_id["dynamic"], ssl_providers;
    Code("call ProducerConfig::ssl_context (cargo feature `tls`)"):
        ssl_key, ssl_certificate, ssl_ca, ssl_certificate_verify_cb, ssl_engine_callback_data;
    Feature("Kerberos"): sasl_kerberos_principal["kafkaclient"], sasl_kerberos_keytab;
    Feature("fetching tokens from a server"):
        sasl_oauthbearer_method["default"], sasl_oauthbearer_client_id, sasl_oauthbearer_client_secret,
        sasl_oauthbearer_extensions, sasl_oauthbearer_grant_type["client_credentials"],
        sasl_oauthbearer_assertion_private_key_pem, sasl_oauthbearer_assertion_jwt_template_file,
        sasl_oauthbearer_metadata_authentication_type["none"], https_ca_location, https_ca_pem;
    Never("a token that is not signed proves nothing; for a test, return it from ProducerConfig::sasl_oauth_token_provider"):
        sasl_oauthbearer_config, enable_sasl_oauthbearer_unsecure_jwt["false"];
    Code("call ProducerConfig::sasl_oauth_token_provider"): oauthbearer_token_refresh_cb;
    Never("the producer continues after a record that failed; check the result of each record, and stop after a failure"):
        enable_gapless_guarantee["false"];
    Never("records of a partition are sent in the order of their sends"): queuing_strategy["fifo"];

    Other("buffer_memory limits the bytes of the records, not their number"): queue_buffering_max_messages;
    Other("records without a key go to one partition until it has got 128 KiB of records, or batch_size bytes if that is more; set another partitioner for another choice"):
        sticky_partitioning_linger_ms;
    Other("statistics go to code of the program; call ProducerConfig::report_metrics"): statistics_interval_ms["0"];
    Code("call ProducerConfig::partitioner"): partitioner_cb;
    Code("each send returns a future with the result; see FutureRecordMetadata::add_both"):
        dr_cb, dr_msg_cb, delivery_report_only_error["false"], produce_offset_report, opaque;
    Other("it is an internal setting of librdkafka"):
        api_version_fallback_ms, api_version_request["true"], api_version_request_timeout_ms, background_event_cb,
        broker_address_ttl, broker_version_fallback, builtin_features, closesocket_cb, connect_cb, default_topic_conf,
        enable_random_seed, enabled_events, error_cb, interceptors, internal_termination_signal, message_copy_max_bytes,
        msg_order_cmp, open_cb, plugin_library_paths, queue_buffering_backpressure_threshold,
        reconnect_backoff_jitter_ms, resolve_cb, socket_blocking_max_ms, socket_cb, socket_max_fails, stats_cb,
        throttle_cb, topic_blacklist, topic_metadata_propagation_max_ms, topic_metadata_refresh_fast_cnt,
        topic_metadata_refresh_fast_interval_ms, topic_metadata_refresh_sparse["true"];
    Other("this crate logs through the crate `log`; set the level there"):
        debug, log_cb, log_connection_close, log_level, log_queue, log_thread_name;
};
