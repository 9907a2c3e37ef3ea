//! Which connector a mail came through: by its name where the trace has one, else by the address it came from.

use crate::caseless;
use crate::connector::address::AddressSet;
use crate::connector::domain::Domain;
use crate::finding::Subject;
use crate::snapshot::AcceptedDomain;
use std::net::IpAddr;

/// A connector as mail is tied to it.
#[derive(Clone, Debug)]
pub struct Route {
    /// The connector.
    pub connector: Subject,
    /// Every name it is known to have had, in lower case.
    pub names: Vec<String>,
    /// Every address that any state or record gives it.
    pub addresses: AddressSet,
    /// The addresses that were approved, or there before anything else is known of.
    pub approved: Approved,
    /// Whether mail through it is the organization's own: its type is not known to be Partner.
    pub on_premises: bool,
}

/// The addresses from which mail may come through a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approved {
    /// These.
    These(AddressSet),
    /// It is recognised otherwise, by its certificate, or nobody knows what was approved.
    Unknown,
}

/// Every connector that mail may have come through, and the organization's own domains.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// The connectors.
    pub routes: Vec<Route>,
    /// The organization's own domains; `None` where they are not known.
    pub domains: Option<Vec<AcceptedDomain>>,
}

impl Route {
    /// Whether it is the route of a connector: by its id, else by any name that it had.
    pub fn is_of(&self, connector: &Subject) -> bool {
        match (&self.connector.id, &connector.id) {
            (Some(own), Some(theirs)) => own == theirs,
            _ => self.names.contains(&caseless::lower(&connector.name)),
        }
    }
}

impl Routes {
    /// The connector of a name.
    pub fn named(&self, name: &str) -> Option<usize> {
        let name = caseless::lower(name);
        self.routes
            .iter()
            .position(|route| route.names.contains(&name))
    }

    /// The connector that admits an address. Where several do, the one that lets it send as the organization counts.
    pub fn of_address(&self, address: IpAddr) -> Option<usize> {
        let address = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        let admits = |route: &&(usize, &Route)| route.1.addresses.contains(address);
        let all: Vec<(usize, &Route)> = self.routes.iter().enumerate().collect();
        let own = all
            .iter()
            .filter(|(_, route)| route.on_premises)
            .find(admits);
        own.or_else(|| all.iter().find(admits))
            .map(|(index, _)| *index)
    }

    /// Whether a domain is one of the organization's; `None` where that is not known.
    pub fn is_own(&self, domain: &[u8]) -> Option<bool> {
        let own = self.domains.as_ref()?;
        let text = std::str::from_utf8(domain).unwrap_or_default();
        let Some(domain) = Domain::parse(text) else {
            return Some(false);
        };
        Some(own.iter().any(|accepted| {
            accepted.domain == domain
                || accepted.match_sub_domains && domain.is_within(&accepted.domain)
        }))
    }
}

/// The domain of an address, without case; empty where it has none.
pub(super) fn domain_of(address: &[u8]) -> &[u8] {
    memchr::memrchr(b'@', address)
        .and_then(|at| address.get(at + 1..))
        .unwrap_or_default()
}

/// An address as evidence writes it: with a port, in brackets, IPv4 in IPv6.
pub fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None if text.matches(':').count() == 1 => text.split(':').next().unwrap_or(text),
        None => text,
    };
    let bare = bare.split('%').next().unwrap_or(bare);
    let address: IpAddr = bare.parse().ok()?;
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_evidence_are_one_address() {
        for text in [
            "192.0.2.1",
            "192.0.2.1:443",
            "[192.0.2.1]:443",
            "::ffff:192.0.2.1",
            "[::ffff:192.0.2.1]:25",
        ] {
            assert_eq!(address(text), "192.0.2.1".parse().ok(), "{text}");
        }
        assert_eq!(address("[2001:db8::1]:443"), "2001:db8::1".parse().ok());
        assert_eq!(address("2001:db8::1"), "2001:db8::1".parse().ok());
        assert_eq!(address("<null>"), None);
    }

    #[test]
    fn own_domains_honour_subdomains() {
        let accepted = |domain: &str, match_sub_domains| AcceptedDomain {
            domain: Domain::parse(domain).unwrap(),
            match_sub_domains,
        };
        let routes = Routes {
            routes: Vec::new(),
            domains: Some(vec![
                accepted("contoso.com", true),
                accepted("fabrikam.com", false),
            ]),
        };
        for (domain, own) in [
            ("contoso.com", true),
            ("CONTOSO.com", true),
            ("eu.contoso.com", true),
            ("fabrikam.com", true),
            ("eu.fabrikam.com", false),
            ("notcontoso.com", false),
            ("", false),
        ] {
            assert_eq!(routes.is_own(domain.as_bytes()), Some(own), "{domain}");
        }
        assert_eq!(Routes::default().is_own(b"contoso.com"), None);
    }
}
