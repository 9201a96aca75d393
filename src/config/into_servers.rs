//! The types that `bootstrap_servers` accepts.

/// A type that [`bootstrap_servers`](crate::ProducerConfig::bootstrap_servers) accepts: a string, or an array, a slice or a
/// `Vec` of strings. Each string can contain several addresses, separated by commas.
///
/// ```
/// use kafka_producer::KafkaProducer;
///
/// let one = KafkaProducer::builder().bootstrap_servers("a:9092");
/// let two = KafkaProducer::builder().bootstrap_servers("a:9092,b:9092");
/// let list = KafkaProducer::builder().bootstrap_servers(["a:9092", "b:9092"]);
/// let owned = KafkaProducer::builder().bootstrap_servers(vec![String::from("a:9092")]);
/// # let _ = (one, two, list, owned);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used as bootstrap servers",
    note = "pass a string (`\"a:9092,b:9092\"`), or an array, a slice or a `Vec` of strings; collect an iterator into a `Vec` first"
)]
pub trait IntoServers: sealed::Sealed {
    /// Calls `with` for each string.
    fn each(&self, with: &mut dyn FnMut(&str));
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for str {}

    impl Sealed for String {}

    impl<S> Sealed for [S] {}

    impl<S, const N: usize> Sealed for [S; N] {}

    impl<S> Sealed for Vec<S> {}

    impl<T: ?Sized> Sealed for &T {}
}

impl IntoServers for str {
    fn each(&self, with: &mut dyn FnMut(&str)) {
        with(self)
    }
}

impl IntoServers for String {
    fn each(&self, with: &mut dyn FnMut(&str)) {
        with(self)
    }
}

impl<S: AsRef<str>> IntoServers for [S] {
    fn each(&self, with: &mut dyn FnMut(&str)) {
        self.iter().for_each(|servers| with(servers.as_ref()))
    }
}

impl<S: AsRef<str>, const N: usize> IntoServers for [S; N] {
    fn each(&self, with: &mut dyn FnMut(&str)) {
        self[..].each(with)
    }
}

impl<S: AsRef<str>> IntoServers for Vec<S> {
    fn each(&self, with: &mut dyn FnMut(&str)) {
        self[..].each(with)
    }
}

impl<T: IntoServers + ?Sized> IntoServers for &T {
    fn each(&self, with: &mut dyn FnMut(&str)) {
        (**self).each(with)
    }
}
