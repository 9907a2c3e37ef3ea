//! The cmdlets that there are: their parameters, who may run them, and what they do.

use super::{
    Options,
    arguments::{
        Arguments, Parameter,
        Takes::{Flag, List, Member, Size, Text},
        may, must,
    },
    connectors,
    identities::{EXCHANGE_ADMINISTRATOR, GLOBAL_READER, SECURITY_ADMINISTRATOR, SECURITY_READER},
    others,
    record::{self, Record},
    refusal::Refusal,
    tenant::{Data, Records, Tenant},
    trace,
};
use jiff::Timestamp;
use std::sync::Arc;

/// A cmdlet.
pub struct Cmdlet {
    /// Its name.
    pub name: &'static str,
    /// Directory roles that may run it.
    pub roles: &'static [&'static str],
    /// Whether it writes.
    pub writes: bool,
    /// Whether its rows have an order and come without pages, the next of them asked for by the last.
    pub keyset: bool,
    parameters: &'static [Parameter],
    run: fn(&Call, &Arguments) -> Result<Records, Refusal>,
}

/// A call of a cmdlet.
pub struct Call<'a> {
    /// The tenant called.
    pub tenant: &'a Tenant,
    /// How the emulator was started.
    pub options: &'a Options,
    /// When it was called.
    pub now: Timestamp,
    /// The id for an object that it makes.
    pub new_id: String,
}

impl Call<'_> {
    /// What a read sees.
    pub fn visible(&self) -> Arc<Data> {
        self.tenant.visible(self.options.replication_delay)
    }

    /// Carries out a write, unless the tenant cannot be configured yet.
    pub fn write(
        &self,
        change: impl FnOnce(&mut Data) -> Result<Records, Refusal>,
    ) -> Result<Records, Refusal> {
        self.tenant.write(|data| {
            let mut config = data.organization.iter();
            if config.any(|config| record::flag(config, "IsDehydrated")) {
                return Err(Refusal::dehydrated());
            }
            change(data)
        })
    }
}

/// What a cmdlet gave.
pub struct Outcome {
    /// The objects.
    pub rows: Records,
    /// How many are wanted at most.
    pub size: Option<usize>,
    /// Whether something was written.
    pub wrote: bool,
    /// Whether the rows have an order and come without pages.
    pub keyset: bool,
}

impl Cmdlet {
    /// Runs it.
    pub fn run(&self, call: &Call, given: &Record) -> Result<Outcome, Refusal> {
        let arguments = Arguments::bind(self.parameters, given)?;
        let idle = self.writes && arguments.is_set("WhatIf");
        let rows = match idle {
            true => Vec::new(),
            false => (self.run)(call, &arguments)?,
        };
        Ok(Outcome {
            rows,
            size: arguments.size(),
            wrote: self.writes && !idle,
            keyset: self.keyset,
        })
    }

    /// What was given to it, as an audit record has it.
    pub fn shown(&self, given: &Record) -> Vec<(&'static str, String)> {
        let arguments = Arguments::bind(self.parameters, given);
        arguments.map(|it| it.shown()).unwrap_or_default()
    }
}

/// The cmdlet of a name, in any case.
pub fn find(name: &str) -> Option<&'static Cmdlet> {
    ALL.iter()
        .find(|cmdlet| cmdlet.name.eq_ignore_ascii_case(name))
}

const READERS: &[&str] = &[GLOBAL_READER, EXCHANGE_ADMINISTRATOR];
const SECURITY_READERS: &[&str] = &[
    GLOBAL_READER,
    EXCHANGE_ADMINISTRATOR,
    SECURITY_READER,
    SECURITY_ADMINISTRATOR,
];
const WRITERS: &[&str] = &[EXCHANGE_ADMINISTRATOR];

const SOURCES: &[&str] = &["Default", "Migrated", "HybridWizard"];
const TYPES: &[&str] = &["Partner", "OnPremises"];

const ONE: &[Parameter] = &[may("Identity", Text), may("ResultSize", Size)];
const REMOVE: &[Parameter] = &[
    must("Identity", Text),
    may("Confirm", Flag),
    may("WhatIf", Flag),
];

/// The parameters of New and Set; the first ones differ.
macro_rules! settable {
    ($($first:expr),+) => {
        &[
            $($first,)+
            may("AssociatedAcceptedDomains", List),
            may("CloudServicesMailEnabled", Flag),
            may("Comment", Text),
            may("Confirm", Flag),
            may("ConnectorSource", Member(SOURCES)),
            may("ConnectorType", Member(TYPES)),
            may("EFSkipIPs", List),
            may("EFSkipLastIP", Flag),
            may("EFSkipMailGateway", List),
            may("EFTestMode", Flag),
            may("EFUsers", List),
            may("Enabled", Flag),
            may("RequireTls", Flag),
            may("RestrictDomainsToCertificate", Flag),
            may("RestrictDomainsToIPAddresses", Flag),
            may("ScanAndDropRecipients", List),
            may("SenderIPAddresses", List),
            may("TlsSenderCertificateName", Text),
            may("TreatMessagesAsInternal", Flag),
            may("TrustedOrganizations", List),
            may("WhatIf", Flag),
        ]
    };
}

const fn read(
    name: &'static str,
    roles: &'static [&'static str],
    parameters: &'static [Parameter],
    run: fn(&Call, &Arguments) -> Result<Records, Refusal>,
) -> Cmdlet {
    Cmdlet {
        name,
        roles,
        keyset: false,
        writes: false,
        parameters,
        run,
    }
}

const fn write(
    name: &'static str,
    roles: &'static [&'static str],
    parameters: &'static [Parameter],
    run: fn(&Call, &Arguments) -> Result<Records, Refusal>,
) -> Cmdlet {
    Cmdlet {
        name,
        roles,
        keyset: false,
        writes: true,
        parameters,
        run,
    }
}

/// All cmdlets.
pub const ALL: &[Cmdlet] = &[
    read("Get-InboundConnector", READERS, ONE, connectors::get),
    write(
        "New-InboundConnector",
        WRITERS,
        settable!(
            must("Name", Text),
            must("SenderDomains", List),
            may("ClientHostNames", List)
        ),
        connectors::new,
    ),
    write(
        "Set-InboundConnector",
        WRITERS,
        settable!(
            must("Identity", Text),
            may("Name", Text),
            may("SenderDomains", List)
        ),
        connectors::set,
    ),
    write(
        "Remove-InboundConnector",
        WRITERS,
        REMOVE,
        connectors::remove,
    ),
    read("Get-AcceptedDomain", READERS, ONE, others::domains),
    read(
        "Get-BlockedConnector",
        SECURITY_READERS,
        &[may("ConnectorId", Text)],
        others::blocked,
    ),
    write(
        "Remove-BlockedConnector",
        &[SECURITY_ADMINISTRATOR],
        &[must("ConnectorId", Text), may("Reason", Text)],
        others::unblock,
    ),
    read("Get-OrganizationConfig", READERS, &[], others::organization),
    write(
        "Set-OrganizationConfig",
        WRITERS,
        &[
            may("RejectDirectSend", Flag),
            may("Confirm", Flag),
            may("WhatIf", Flag),
        ],
        others::set_organization,
    ),
    read(
        "Get-AdminAuditLogConfig",
        SECURITY_READERS,
        &[],
        others::audit,
    ),
    read("Get-TransportRule", READERS, ONE, others::rules),
    write(
        "New-TransportRule",
        WRITERS,
        &[
            must("Name", Text),
            may("Comments", Text),
            may("Confirm", Flag),
            may("Enabled", Flag),
            may("RemoveHeader", Text),
            may("RouteMessageOutboundConnector", Text),
            may("SenderIpRanges", List),
            may("SetHeaderName", Text),
            may("SetHeaderValue", Text),
            may("WhatIf", Flag),
        ],
        others::new_rule,
    ),
    write("Remove-TransportRule", WRITERS, REMOVE, others::remove_rule),
    read(
        "Get-ProtectionAlert",
        SECURITY_READERS,
        &[may("Identity", Text)],
        others::alerts,
    ),
    Cmdlet {
        keyset: true,
        ..read(
            "Get-MessageTraceV2",
            SECURITY_READERS,
            trace::PARAMETERS,
            trace::get,
        )
    },
];
