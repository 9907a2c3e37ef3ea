//! The name in `TlsSenderCertificateName`: a host name, a wildcard, or an X.509 identifier.

use super::domain::DomainPattern;
use crate::caseless;
use std::fmt;

/// What a sending server's certificate must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// A host or domain name; `*.` may lead it.
    Domain(DomainPattern),
    /// `<I>issuer<S>subject`, which Exchange accepts as well; compared without case.
    Identifier(String),
    /// Anything else, verbatim: kept, shown, equal only to itself.
    Other(String),
}

impl CertificateName {
    /// Reads a certificate name; never fails, since what the service returns must not be lost.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with("<I>")
            || text.starts_with("<S>")
            || text.starts_with("<i>")
            || text.starts_with("<s>")
        {
            return Self::Identifier(caseless::lower(text));
        }
        DomainPattern::parse(text).map_or_else(|| Self::Other(caseless::lower(text)), Self::Domain)
    }

    /// Whether every certificate that matches the other name also matches this one.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Domain(own), Self::Domain(name)) => own.covers(name),
            _ => self == other,
        }
    }

    /// The domain pattern, where it is one.
    pub fn pattern(&self) -> Option<&DomainPattern> {
        match self {
            Self::Domain(pattern) => Some(pattern),
            Self::Identifier(_) | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(pattern) => write!(f, "{pattern}"),
            Self::Identifier(text) | Self::Other(text) => f.write_str(text),
        }
    }
}
