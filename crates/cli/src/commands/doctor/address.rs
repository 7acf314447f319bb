//! Where a URL leads, without what it says of users and passwords.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// `host:port` of a server's URL; what is written in another way is not shown at all, for there is
/// a password in it.
pub(super) fn of(url: &SecretString, default_port: u16) -> String {
    let parsed = Url::parse(url.expose_secret()).ok();
    let host_and_port = parsed.as_ref().and_then(|url| {
        let host = url.host_str().filter(|host| !host.is_empty())?;
        Some(format!("{host}:{}", url.port().unwrap_or(default_port)))
    });
    host_and_port.unwrap_or_else(|| "the configured address".to_owned())
}

/// Where to call what listens at an address: one that stands for every interface is none to call.
pub(super) fn to_call(listen: SocketAddr) -> SocketAddr {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(host, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_part_of_an_address() {
        for (url, address) in [
            (
                "postgres://u:hunter2@db.internal/carillon",
                "db.internal:5432",
            ),
            (
                "postgres://u:hunter2@[::1]:6000/carillon?sslmode=disable",
                "[::1]:6000",
            ),
            ("host=db password=hunter2", "the configured address"),
            (
                "postgres:///carillon?host=/run&password=hunter2",
                "the configured address",
            ),
        ] {
            assert_eq!(of(&SecretString::from(url), 5432), address);
        }
    }

    #[test]
    fn every_interface_is_called_on_loopback() {
        let call = |listen: &str| to_call(listen.parse().unwrap()).to_string();
        assert_eq!(call("0.0.0.0:6011"), "127.0.0.1:6011");
        assert_eq!(call("[::]:6011"), "[::1]:6011");
        assert_eq!(call("10.0.0.1:6011"), "10.0.0.1:6011");
    }
}
