//! Tests that are to hold for every TLS back end.

/// Makes of each `fn name(backend: TlsBackend)` one test for every back end that is built in.
macro_rules! each_backend {
    ($($name:ident),+ $(,)?) => {
        #[cfg(feature = "tls")]
        mod by_native_tls {
            $(#[test]
            fn $name() {
                super::$name(super::TlsBackend::NativeTls);
            })+
        }

        #[cfg(feature = "rustls")]
        mod by_rustls {
            $(#[test]
            fn $name() {
                super::$name(super::TlsBackend::Rustls);
            })+
        }
    };
}
pub(crate) use each_backend;
