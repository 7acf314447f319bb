//! Which addresses are not the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range nobody is to be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// What it is for, as a clause about the host.
    pub(super) name: &'static str,
    /// Whether a policy can open it.
    pub(super) opening: Opening,
}

/// When a range is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// When networks of one's own are allowed.
    WithPrivate,
    /// Never.
    Never,
}

const fn own(name: &'static str) -> Range {
    Range {
        name,
        opening: Opening::WithPrivate,
    }
}

const fn closed(name: &'static str) -> Range {
    Range {
        name,
        opening: Opening::Never,
    }
}

const METADATA: Range = closed("the host has an address of a cloud's metadata service");
const LOOPBACK: Range = own("the host has a loopback address");
const PRIVATE: Range = own("the host has a private address");
const SHARED: Range = own("the host has an address shared behind a carrier's NAT");
const UNSPECIFIED: Range = closed("the host has an unspecified address");
const LINK_LOCAL: Range = closed("the host has a link-local address");
const SITE_LOCAL: Range = closed("the host has a site-local address");
const MULTICAST: Range = closed("the host has a multicast address");
const BROADCAST: Range = closed("the host has the broadcast address");
const DOCUMENTATION: Range = closed("the host has an address for documentation");
const BENCHMARK: Range = closed("the host has an address for benchmarks");
const RESERVED: Range = closed("the host has a reserved address");

/// The first that an address is in counts.
const IPV4: [(Ipv4Addr, u32, Range); 20] = [
    (Ipv4Addr::new(169, 254, 169, 254), 32, METADATA),
    (Ipv4Addr::new(169, 254, 170, 2), 32, METADATA),
    // Alibaba's, in the middle of the shared range.
    (Ipv4Addr::new(100, 100, 100, 200), 32, METADATA),
    // Oracle's.
    (Ipv4Addr::new(192, 0, 0, 192), 32, METADATA),
    // Azure's, in the middle of the internet.
    (Ipv4Addr::new(168, 63, 129, 16), 32, METADATA),
    (Ipv4Addr::new(255, 255, 255, 255), 32, BROADCAST),
    (Ipv4Addr::new(0, 0, 0, 0), 8, UNSPECIFIED),
    (Ipv4Addr::new(10, 0, 0, 0), 8, PRIVATE),
    (Ipv4Addr::new(100, 64, 0, 0), 10, SHARED),
    (Ipv4Addr::new(127, 0, 0, 0), 8, LOOPBACK),
    (Ipv4Addr::new(169, 254, 0, 0), 16, LINK_LOCAL),
    (Ipv4Addr::new(172, 16, 0, 0), 12, PRIVATE),
    (Ipv4Addr::new(192, 0, 0, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 0, 2, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(192, 168, 0, 0), 16, PRIVATE),
    (Ipv4Addr::new(198, 18, 0, 0), 15, BENCHMARK),
    (Ipv4Addr::new(198, 51, 100, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(203, 0, 113, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(224, 0, 0, 0), 4, MULTICAST),
    (Ipv4Addr::new(240, 0, 0, 0), 4, RESERVED),
];

/// The first that an address is in counts.
const IPV6: [(Ipv6Addr, u32, Range); 11] = [
    // All of AWS's services for a machine, and Google's, in the middle of the private range.
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32, METADATA),
    (
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
        128,
        METADATA,
    ),
    (Ipv6Addr::UNSPECIFIED, 128, UNSPECIFIED),
    (Ipv6Addr::LOCALHOST, 128, LOOPBACK),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, PRIVATE),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, LINK_LOCAL),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, SITE_LOCAL),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, MULTICAST),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        DOCUMENTATION,
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        DOCUMENTATION,
    ),
    // Benchmarks and other protocols' identifiers.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, RESERVED),
];

/// The internet's part of IPv6 so far.
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The range an address is in, unless it is an address of the internet. An IPv6 address that only
/// wraps an IPv4 address is that IPv4 address.
pub(super) fn forbidden(address: IpAddr) -> Option<Range> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<Range> {
    let is_in = |network: Ipv4Addr, length: u32| {
        (address.to_bits() ^ network.to_bits()).leading_zeros() >= length
    };
    let found = IPV4
        .iter()
        .find(|(network, length, _)| is_in(*network, *length));
    found.map(|(_, _, range)| *range)
}

fn forbidden_v6(address: Ipv6Addr) -> Option<Range> {
    let wrapped = wrapped(address);
    if !wrapped.is_empty() {
        return wrapped.into_iter().find_map(forbidden_v4);
    }
    let is_in = |network: Ipv6Addr, length: u32| {
        (address.to_bits() ^ network.to_bits()).leading_zeros() >= length
    };
    let found = IPV6
        .iter()
        .find(|(network, length, _)| is_in(*network, *length));
    match found {
        Some((_, _, range)) => Some(*range),
        None if is_in(GLOBAL_UNICAST.0, GLOBAL_UNICAST.1) => None,
        None => Some(RESERVED),
    }
}

/// The IPv4 addresses that packets to this one would end at.
fn wrapped(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let last = Ipv4Addr::from_bits(address.to_bits() as u32);
    match address.segments() {
        // The loopback and the unspecified address are written like compatible ones.
        [0, 0, 0, 0, 0, 0, 0, _] => Vec::new(),
        // Compatible, mapped, and translated by a stateless or the well-known NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _]
        | [0, 0, 0, 0, 0xffff, 0, _, _]
        | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => vec![last],
        // 6to4.
        [0x2002, high, low, ..] => vec![joined(high, low)],
        // Teredo: the server, and the client's address with all bits turned over.
        [0x2001, 0, high, low, ..] => {
            vec![joined(high, low), Ipv4Addr::from_bits(!last.to_bits())]
        }
        _ => Vec::new(),
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Range> {
        forbidden(text.parse().unwrap())
    }

    #[test]
    fn every_range_is_closed_from_its_first_address_to_its_last() {
        for (first, last, range) in [
            ("0.0.0.0", "0.255.255.255", UNSPECIFIED),
            ("10.0.0.0", "10.255.255.255", PRIVATE),
            ("100.64.0.0", "100.127.255.255", SHARED),
            ("127.0.0.0", "127.255.255.255", LOOPBACK),
            ("169.254.0.0", "169.254.255.255", LINK_LOCAL),
            ("172.16.0.0", "172.31.255.255", PRIVATE),
            ("192.0.0.0", "192.0.0.255", RESERVED),
            ("192.0.2.0", "192.0.2.255", DOCUMENTATION),
            ("192.168.0.0", "192.168.255.255", PRIVATE),
            ("198.18.0.0", "198.19.255.255", BENCHMARK),
            ("198.51.100.0", "198.51.100.255", DOCUMENTATION),
            ("203.0.113.0", "203.0.113.255", DOCUMENTATION),
            ("224.0.0.0", "239.255.255.255", MULTICAST),
            ("240.0.0.0", "255.255.255.254", RESERVED),
            ("fc00::", "fdff:ffff::ffff", PRIVATE),
            ("fe80::", "febf:ffff::ffff", LINK_LOCAL),
            ("fec0::", "feff:ffff::ffff", SITE_LOCAL),
            ("ff00::", "ffff:ffff::ffff", MULTICAST),
            ("2001:db8::", "2001:db8:ffff::1", DOCUMENTATION),
            ("3fff::", "3fff:fff::1", DOCUMENTATION),
            ("2001:2::", "2001:1ff:ffff::1", RESERVED),
            ("64:ff9b:1::", "64:ff9b:1:ffff::1", RESERVED),
            ("100::", "100::1", RESERVED),
            ("5f00::", "fbff::1", RESERVED),
        ] {
            assert_eq!(of(first), Some(range), "{first}");
            assert_eq!(of(last), Some(range), "{last}");
        }
        assert_eq!(of("255.255.255.255"), Some(BROADCAST));
        assert_eq!(of("::"), Some(UNSPECIFIED));
        assert_eq!(of("::1"), Some(LOOPBACK));
    }

    #[test]
    fn the_neighbours_of_a_range_are_the_internet() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn metadata_stays_closed_wherever_it_lies() {
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert_eq!(of(text), Some(METADATA), "{text}");
        }
    }

    #[test]
    fn a_wrapped_address_is_judged_by_what_it_wraps() {
        for (text, range) in [
            ("::127.0.0.1", LOOPBACK),
            ("::ffff:127.0.0.1", LOOPBACK),
            ("::ffff:0:10.0.0.1", PRIVATE),
            ("64:ff9b::192.168.0.1", PRIVATE),
            ("2002:7f00:1::", LOOPBACK),
            // The server of a Teredo address, and its client: 10.0.0.1 turned over.
            ("2001:0:7f00:1::", LOOPBACK),
            ("2001:0:101:101::f5ff:fffe", PRIVATE),
        ] {
            assert_eq!(of(text), Some(range), "{text}");
        }
        for text in ["::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
