//! The one table of the properties of an inbound connector.
//!
//! To teach the program a property that the service has started to return, add
//! one row here: reading, normal form, drift, direction, rules, baselines and
//! schemas follow from it. Names, classes and what New/Set accept are those of
//! Microsoft's cmdlet documentation and of published live objects; where a
//! documented statement and a measurement disagree, the row follows the
//! measurement.

use crate::finding::{Direction, Severity};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Whether a property decides what a connector does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Configuration: compared, judged, reverted.
    Setting,
    /// Reserved by Microsoft but settable: compared; nobody should set it.
    Reserved,
    /// The name: identity as well as configuration.
    Key,
    /// Maintained by the service: evidence, never drift. The text says why it is not compared.
    Metadata(&'static str),
}

/// The kind of value, which decides its normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false; missing is unknown, not false.
    Boolean,
    /// One of a set of words that the service may extend; compared without case.
    Enumeration,
    /// Free text; `null` and absent are `""`.
    Text,
    /// Host name, wildcard or X.509 identifier of a certificate.
    Certificate,
    /// IP addresses, compared by the addresses they hold.
    Addresses,
    /// Domain patterns with a cost.
    Domains,
    /// Unordered, case-insensitive texts without white space, such as recipients.
    Names,
    /// References to objects of the tenant, compared by their last path element.
    References,
    /// Whatever the service writes; only ever metadata.
    Opaque,
}

impl Kind {
    /// Whether the value is a list.
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Addresses | Self::Domains | Self::Names | Self::References
        )
    }

    /// Whether absence of the value is unknown rather than empty.
    pub const fn must_be_present(self) -> bool {
        matches!(self, Self::Boolean | Self::Enumeration)
    }

    /// What a person is told to write, in the words of an error message.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Enumeration => "a word",
            Self::Text => "text or null",
            Self::Certificate => "a certificate name such as mail.contoso.com, or null",
            Self::Addresses => "a list of IP addresses, CIDR blocks or ranges",
            Self::Domains => "a list of domains such as \"*\" or contoso.com",
            Self::Names | Self::References => "a list of texts",
            Self::Opaque => "any value",
        }
    }
}

/// Which cmdlets can write a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// `New-InboundConnector` and `Set-InboundConnector`.
    NewAndSet,
    /// `New-InboundConnector` alone: a difference needs a new connector.
    New,
    /// No cmdlet: the service maintains it.
    Nothing,
}

/// What an empty list stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// Nothing at all.
    Nothing,
    /// No restriction: everything.
    Everything,
}

/// A way in which a value can move from approved to observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A boolean became true.
    On,
    /// A boolean became false.
    Off,
    /// A list or name holds something that it did not.
    Gained,
    /// A list or name no longer holds something.
    Lost,
    /// A list is empty now, and was not.
    Emptied,
    /// One certificate name took the place of another that it does not cover.
    Swapped,
    /// A certificate name covers the old one and more.
    Wider,
    /// A certificate name is covered by the old one.
    Narrower,
    /// `ConnectorType` became OnPremises, or something unknown.
    BecameOnPremises,
    /// `ConnectorType` became Partner.
    BecamePartner,
    /// Changed in a way that has no direction.
    Changed,
}

impl Move {
    const fn opposite(self) -> Option<Self> {
        match self {
            Self::On => Some(Self::Off),
            Self::Off => Some(Self::On),
            Self::Gained => Some(Self::Lost),
            Self::Lost => Some(Self::Gained),
            Self::Wider => Some(Self::Narrower),
            Self::Narrower => Some(Self::Wider),
            Self::BecameOnPremises => Some(Self::BecamePartner),
            Self::BecamePartner => Some(Self::BecameOnPremises),
            Self::Emptied | Self::Swapped | Self::Changed => None,
        }
    }
}

/// The moves of a property that widen trust on one type of connector, each with
/// its severity; the opposite of such a move narrows, every other is neutral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widening {
    /// The moves that widen.
    pub moves: &'static [(Move, Severity)],
    /// What an empty list means.
    pub empty: Empty,
}

impl Widening {
    /// What a move does to trust, and how bad it is.
    pub fn judge(&self, a_move: Move) -> (Direction, Severity) {
        let listed = |wanted| {
            self.moves
                .iter()
                .find(|(listed, _)| *listed == wanted)
                .map(|&(_, severity)| severity)
        };
        if let Some(severity) = listed(a_move) {
            return (Direction::Widens, severity);
        }
        match a_move.opposite().and_then(listed) {
            Some(_) => (Direction::Narrows, Severity::Low),
            None => (Direction::Neutral, Severity::Low),
        }
    }
}

/// The type of a connector decides what is dangerous about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectorType {
    /// Grants rights: who matches it is treated as the organisation's own server.
    OnPremises,
    /// Adds demands on mail from named domains.
    Partner,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// Exchange's name.
    pub name: &'static str,
    /// The kind of value.
    pub kind: Kind,
    /// Whether it is compared.
    pub class: Class,
    /// Which cmdlets write it.
    pub set_by: SetBy,
    /// What widens trust on an OnPremises connector.
    pub on_premises: Widening,
    /// What widens trust on a Partner connector.
    pub partner: Widening,
}

macro_rules! properties {
    ($($name:ident: $kind:ident, $class:expr, $set_by:ident, on_premises $on_premises:expr, partner $partner:expr;)*) => {
        /// A property of an inbound connector, under Exchange's own name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "Exchange's names; the reference describes them")]
        pub enum Property { $($name,)* }

        impl Property {
            /// Every property, in the order the service returns them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The row of the table.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => const {
                        &Row {
                            name: stringify!($name),
                            kind: Kind::$kind,
                            class: $class,
                            set_by: SetBy::$set_by,
                            on_premises: $on_premises,
                            partner: $partner,
                        }
                    },)*
                }
            }
        }
    };
}

use Class::{Key, Metadata, Reserved, Setting};
use Move::{BecameOnPremises, Emptied, Gained, Lost, Off, On, Swapped, Wider};
use Severity::{Critical, High, Medium};

/// No change of it has a direction.
const NEUTRAL: Widening = widens(&[]);

const fn widens(moves: &'static [(Move, Severity)]) -> Widening {
    Widening {
        moves,
        empty: Empty::Nothing,
    }
}

/// Like `widens`, where an empty list means "all".
const fn widens_empty_is_all(moves: &'static [(Move, Severity)]) -> Widening {
    Widening {
        moves,
        empty: Empty::Everything,
    }
}

properties! {
    Enabled: Boolean, Setting, NewAndSet, on_premises widens(&[(On, Critical)]), partner widens(&[(Off, High)]);
    ConnectorType: Enumeration, Setting, NewAndSet, on_premises widens(&[(BecameOnPremises, Critical)]), partner widens(&[(BecameOnPremises, Critical)]);
    ConnectorSource: Enumeration, Setting, NewAndSet, on_premises NEUTRAL, partner NEUTRAL;
    Comment: Text, Setting, NewAndSet, on_premises NEUTRAL, partner NEUTRAL;
    SenderIPAddresses: Addresses, Setting, NewAndSet, on_premises widens(&[(Gained, Critical)]), partner widens_empty_is_all(&[(Gained, High)]);
    // Partner connectors demand something of the domains they name, so a domain lost is mail no longer held to it.
    SenderDomains: Domains, Setting, NewAndSet, on_premises widens_empty_is_all(&[(Gained, High)]), partner widens(&[(Lost, High)]);
    TrustedOrganizations: Names, Setting, NewAndSet, on_premises widens(&[(Gained, High)]), partner widens(&[(Gained, High)]);
    // The reference lists it as configuration, and among the properties that nobody should set.
    ClientHostNames: Names, Setting, New, on_premises widens(&[(Gained, High)]), partner widens(&[(Gained, High)]);
    // On Partner connectors it limits what the demands apply to: fewer domains, fewer demands.
    AssociatedAcceptedDomains: References, Setting, NewAndSet, on_premises widens_empty_is_all(&[(Gained, High)]), partner widens_empty_is_all(&[(Lost, High)]);
    RequireTls: Boolean, Setting, NewAndSet, on_premises widens(&[(Off, High)]), partner widens(&[(Off, High)]);
    // Documented for Partner alone, yet live OnPremises connectors carry them.
    RestrictDomainsToIPAddresses: Boolean, Setting, NewAndSet, on_premises widens(&[(Off, Medium)]), partner widens(&[(Off, High)]);
    RestrictDomainsToCertificate: Boolean, Setting, NewAndSet, on_premises widens(&[(Off, Medium)]), partner widens(&[(Off, High)]);
    CloudServicesMailEnabled: Boolean, Setting, NewAndSet, on_premises widens(&[(On, High)]), partner widens(&[(On, High)]);
    TreatMessagesAsInternal: Boolean, Setting, NewAndSet, on_premises widens(&[(On, Critical)]), partner widens(&[(On, High)]);
    TlsSenderCertificateName: Certificate, Setting, NewAndSet, on_premises widens(&[(Gained, Critical), (Swapped, Critical), (Wider, High), (Lost, High)]), partner widens(&[(Swapped, High), (Wider, High), (Lost, High)]);
    EFTestMode: Boolean, Reserved, NewAndSet, on_premises widens(&[(On, Medium)]), partner widens(&[(On, Medium)]);
    ScanAndDropRecipients: Names, Reserved, NewAndSet, on_premises widens(&[(Gained, High)]), partner widens(&[(Gained, High)]);
    EFSkipLastIP: Boolean, Setting, NewAndSet, on_premises widens(&[(Off, Medium)]), partner widens(&[(Off, Medium)]);
    // Extending it skips more hops; emptying it switches Enhanced Filtering off unless the last hop is skipped.
    EFSkipIPs: Addresses, Setting, NewAndSet, on_premises widens(&[(Gained, Medium), (Emptied, Medium)]), partner widens(&[(Gained, Medium), (Emptied, Medium)]);
    EFSkipMailGateway: Names, Reserved, NewAndSet, on_premises widens(&[(Gained, High)]), partner widens(&[(Gained, High)]);
    // Recipients that Enhanced Filtering protects: empty is everyone, so naming one limits it.
    EFUsers: Names, Setting, NewAndSet, on_premises widens_empty_is_all(&[(Lost, Medium)]), partner widens_empty_is_all(&[(Lost, Medium)]);
    NameHashGuid: Opaque, Metadata("derived from the name"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    OrganizationalUnitRootInternal: Opaque, Metadata("the tenant's initial domain"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    AdminDisplayName: Opaque, Metadata("no parameter sets it"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    ExchangeVersion: Opaque, Metadata("version of the object's format"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    Name: Text, Key, NewAndSet, on_premises NEUTRAL, partner NEUTRAL;
    DistinguishedName: Opaque, Metadata("made from the name and the forest"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    Identity: Opaque, Metadata("equals the name"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    ObjectCategory: Opaque, Metadata("kind of the object, with the forest"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    ObjectClass: Opaque, Metadata("kind of the object"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    WhenChanged: Opaque, Metadata("differs between reads of an unchanged connector, and in the reader's time zone"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    WhenCreated: Opaque, Metadata("in the reader's time zone"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    WhenChangedUTC: Opaque, Metadata("differs between reads of an unchanged connector"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    WhenCreatedUTC: Opaque, Metadata("evidence of when it was made"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    ExchangeObjectId: Opaque, Metadata("identity"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    OrganizationalUnitRoot: Opaque, Metadata("the tenant's initial domain"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    OrganizationId: Opaque, Metadata("the tenant, with the forest"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    Id: Opaque, Metadata("equals the name"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    Guid: Opaque, Metadata("identity; re-issued when a tenant moves to another forest"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    OriginatingServer: Opaque, Metadata("the server that answered: differs between reads"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    IsValid: Boolean, Metadata("the service's own validation; judged by a rule"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    ObjectState: Opaque, Metadata("state of the object in the client"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    DirectoryObjectVersion: Opaque, Metadata("counts writes in the directory"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    PSComputerName: Opaque, Metadata("added by PowerShell"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    RunspaceId: Opaque, Metadata("added by PowerShell"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
    PSShowComputerName: Opaque, Metadata("added by PowerShell"), Nothing, on_premises NEUTRAL, partner NEUTRAL;
}

impl Property {
    /// Exchange's name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The kind of value.
    pub const fn kind(self) -> Kind {
        self.row().kind
    }

    /// Whether it is compared.
    pub const fn class(self) -> Class {
        self.row().class
    }

    /// What widens trust on a connector of this type.
    pub const fn widening(self, connector_type: ConnectorType) -> &'static Widening {
        match connector_type {
            ConnectorType::OnPremises => &self.row().on_premises,
            ConnectorType::Partner => &self.row().partner,
        }
    }

    /// Finds a property by Exchange's name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        static BY_NAME: LazyLock<HashMap<&str, Property>> = LazyLock::new(|| {
            Property::ALL
                .iter()
                .map(|property| (property.name(), *property))
                .collect()
        });
        let other_case = || {
            Self::ALL
                .iter()
                .copied()
                .find(|property| property.name().eq_ignore_ascii_case(name))
        };
        BY_NAME.get(name).copied().or_else(other_case)
    }

    /// Whether it is a setting: part of a baseline, compared, judged, reverted.
    pub const fn is_setting(self) -> bool {
        matches!(self.class(), Setting | Reserved)
    }

    /// All settings.
    pub fn settings() -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(|property| property.is_setting())
    }

    /// What rules may speak of: every setting, the name, and the service's own validation.
    pub fn judged() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|property| {
            property.is_setting() || matches!(property, Self::Name | Self::IsValid)
        })
    }
}
