use super::*;

fn from(pairs: &[(&str, &str)]) -> ProducerConfig {
    ProducerConfig::from_pairs(pairs.iter().copied()).unwrap()
}

#[test]
fn a_proxy_reaches_the_sockets_by_each_of_its_names() {
    let none = ProducerConfig::new();
    assert!(none.settings().unwrap().socket.proxy.is_none());
    assert!(from(&[("proxy_url", "None")]).settings().unwrap().socket.proxy.is_none());
    for config in [
        from(&[("proxy_url", "socks5://p:1")]),
        from(&[("proxy.url", "socks5h://p:1")]),
        from(&[("socks5_proxy", "socks5://p:1")]),
        ProducerConfig::new().proxy_url("socks5://me:secret@p:1"),
    ] {
        let proxy = config.settings().unwrap().socket.proxy.unwrap();
        assert_eq!(proxy.to_string(), "the proxy socks5://p:1");
    }
}

#[test]
fn a_proxy_that_can_not_be_read_is_refused_under_the_name_it_was_given_by() {
    assert_eq!(
        text(from(&[("socks5_proxy", "https://me:hunter2@p")])),
        "the configuration can't be used: socks5_proxy: TLS to the proxy itself is not supported; write http:// if the \
         proxy accepts connections without TLS, and set security_protocol to SSL or SASL_SSL to encrypt the connection \
         to the brokers"
    );
    let twice = ProducerConfig::from_pairs([("proxy_url", "socks5://p"), ("socks5_proxy", "socks5://q")]);
    assert_eq!(
        twice.unwrap_err().to_string(),
        "the configuration can't be used: socks5_proxy: proxy_url = 'socks5://p' is set too; remove one of the two"
    );
    let twice = ProducerConfig::from_pairs([
        ("proxy_url", "socks5://u:hunter2@p"),
        ("socks5_proxy", "socks5://u:hunter3@p"),
    ]);
    assert_eq!(
        twice.unwrap_err().to_string(),
        "the configuration can't be used: socks5_proxy: proxy_url is set too; remove one of the two"
    );
}

#[test]
fn a_proxy_is_shown_if_there_is_no_account_in_it() {
    assert!(
        format!("{:?}", ProducerConfig::new().proxy_url("http://p:3128"))
            .contains("proxy_url: http://p:3128")
    );
    for url in [
        "http://me:hunter2@p:3128",
        "hunter2@",
        "me:hunter2@p",
        "socks5://me:hunter2%40p:1080",
        "socks5://hunter2%40p:1080",
        "http://me:hunter2",
    ] {
        let shown = format!("{:?}", ProducerConfig::new().proxy_url(url));
        assert!(shown.contains("proxy_url: [hidden]") && !shown.contains("hunter2"), "{shown}");
    }
}
