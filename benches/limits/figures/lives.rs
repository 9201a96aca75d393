//! What is left of producers that are gone: create, send, close, again and again.

use std::time::Duration;

use kafka_producer::{Error, KafkaProducer, ProducerConfig, ProducerRecord, SecurityProtocol};

use super::measure::{descriptors, resident, threads};
use super::sink::Sink;
use super::table::at_most;
use super::{Outcome, Scale, part_of_its_own};

/// How a producer lives and ends.
#[derive(Clone, Copy, Debug)]
enum Life {
    Closed,
    Dropped,
    BrokersDown,
    PanickingCallback,
    Login,
    #[cfg(feature = "scram")]
    LoginByScram,
    #[cfg(feature = "tls")]
    NativeTls,
    #[cfg(feature = "rustls")]
    Rustls,
}

const LIVES: &[Life] = &[
    Life::Closed,
    Life::Dropped,
    Life::BrokersDown,
    Life::PanickingCallback,
    Life::Login,
    #[cfg(feature = "scram")]
    Life::LoginByScram,
    #[cfg(feature = "tls")]
    Life::NativeTls,
    #[cfg(all(feature = "rustls", feature = "tls"))]
    Life::Rustls,
];

pub fn lives(scale: Scale) -> Outcome {
    // A callback that panics is told of on standard error, each time.
    std::panic::set_hook(Box::new(|_| {}));
    let count = scale.pick(100, 1000);
    for life in LIVES.iter().copied() {
        let site = Site::new(life)?;
        // Whatever is taken once for ever.
        (0..scale.pick(20, 100)).try_for_each(|_| site.live())?;
        let before = (threads(), descriptors(), resident());
        (0..count).try_for_each(|_| site.live())?;
        let what = format!("{count} producers, {life:?}: ");
        let more = |after: u64, before: u64| after as f64 - before as f64;
        at_most(&format!("{what}threads"), more(threads(), before.0), 0.0, "more");
        at_most(&format!("{what}descriptors"), more(descriptors(), before.1), 0.0, "more");
        at_most(&format!("{what}memory"), more(resident(), before.2) / 1024.0, 1.0, "MiB more");
    }
    Ok(())
}

struct Site {
    life: Life,
    config: ProducerConfig,
    _sink: Sink,
}

impl Site {
    fn new(life: Life) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let words: &[&str] = match life {
            Life::Login => &["1", "login"],
            #[cfg(feature = "scram")]
            Life::LoginByScram => &["1", "login"],
            #[cfg(feature = "tls")]
            Life::NativeTls => &["1", "tls"],
            #[cfg(feature = "rustls")]
            Life::Rustls => &["1", "tls"],
            _ => &["1"],
        };
        let (mut sink, servers) = Sink::start(&mut part_of_its_own("sink", words)?)?;
        sink.ask("topic 1")?;
        let config = KafkaProducer::builder().bootstrap_servers([servers]);
        let config = match life {
            Life::BrokersDown => {
                sink.ask("stop")?;
                config.max_block(Duration::from_millis(5))
            }
            Life::Login => log_in(config, "PLAIN"),
            #[cfg(feature = "scram")]
            Life::LoginByScram => log_in(config, "SCRAM-SHA-256"),
            #[cfg(feature = "tls")]
            Life::NativeTls => encrypt(config, &mut sink)?.tls_backend(kafka_producer::TlsBackend::NativeTls),
            #[cfg(feature = "rustls")]
            Life::Rustls => encrypt(config, &mut sink)?.tls_backend(kafka_producer::TlsBackend::Rustls),
            _ => config,
        };
        Ok(Self { life, config, _sink: sink })
    }

    fn live(&self) -> Result<(), Error> {
        let producer = KafkaProducer::new(self.config.clone())?;
        let sent = producer.send(ProducerRecord::to("load").value("v"));
        match self.life {
            Life::BrokersDown => {
                assert!(sent.is_err(), "nobody has told it of the topic");
                producer.close(Duration::ZERO)
            }
            Life::Dropped => sent.map(drop),
            Life::PanickingCallback => {
                let future = sent?;
                future.add_callback(|_| panic!("on purpose"));
                future.get(PATIENCE)?;
                producer.close(PATIENCE)
            }
            _ => {
                sent?.get(PATIENCE)?;
                producer.close(PATIENCE)
            }
        }
    }
}

fn log_in(config: ProducerConfig, mechanism: &str) -> ProducerConfig {
    config
        .security_protocol(SecurityProtocol::SaslPlaintext)
        .sasl_mechanism(mechanism)
        .sasl_plain_username("alice")
        .sasl_plain_password("secret")
}

#[cfg(any(feature = "tls", feature = "rustls"))]
fn encrypt(config: ProducerConfig, sink: &mut Sink) -> std::io::Result<ProducerConfig> {
    Ok(config.security_protocol(SecurityProtocol::Ssl).ssl_ca_pem(sink.certificate()?))
}

const PATIENCE: Duration = Duration::from_secs(30);
