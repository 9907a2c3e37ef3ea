//! What is looked at, and how each can turn out. Judged from what was answered; nothing is sent from here.

use crate::cli::config::Exchange;
use crate::exchange::claims::{Claims, MANAGE_AS_APP};
use crate::exchange::{Fault, Kind};
use crate::finding::Severity;
use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// How a check turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Good,
    /// It could not be looked at.
    Unknown,
    /// Without this nothing can be read.
    Broken,
    /// It can be read, and this is wrong.
    Wrong(Severity),
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub id: &'static str,
    pub state: State,
    pub message: String,
    /// The command or portal step that mends it.
    pub mend: Option<String>,
}

impl Check {
    pub fn good(id: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            state: State::Good,
            message: message.into(),
            mend: None,
        }
    }

    pub fn bad(
        id: &'static str,
        state: State,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            id,
            state,
            message: message.into(),
            mend: Some(mend.into()),
        }
    }

    /// What a fault says about a check.
    pub fn fault(id: &'static str, state: State, fault: &Fault) -> Self {
        Self::bad(id, state, fault.to_string(), fault.help.clone())
    }

    pub const fn code(&self) -> u8 {
        match self.state {
            State::Good | State::Wrong(Severity::Info) => 0,
            State::Unknown => 3,
            State::Broken => 1,
            State::Wrong(Severity::Low) => 11,
            State::Wrong(Severity::Medium) => 12,
            State::Wrong(Severity::High | Severity::Critical) => 13,
        }
    }

    pub fn json(&self) -> Json {
        let (state, severity) = match self.state {
            State::Good => ("ok", None),
            State::Unknown => ("unknown", None),
            State::Broken => ("fails", None),
            State::Wrong(severity) => ("wrong", Some(severity.name())),
        };
        json!({
            "id": self.id,
            "state": state,
            "severity": severity,
            "message": self.message,
            "mend": self.mend,
        })
    }
}

/// A clock further off than this is a nuisance; the sign-in service takes assertions of five minutes.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// A clock further off than this stops sign-ins.
const TOO_FAR: SignedDuration = SignedDuration::from_secs(240);

/// This machine's clock against the service's.
pub(super) fn clock(skew: Option<SignedDuration>) -> Check {
    let id = "clock";
    let Some(skew) = skew else {
        return Check::bad(
            id,
            State::Unknown,
            "the answer did not say its time",
            "compare it by hand: date -u",
        );
    };
    let seconds = skew.as_secs().unsigned_abs();
    if skew.abs() <= SKEW {
        return Check::good(id, format!("within {SKEW:#} of the service's"));
    }
    let (word, severity) = (
        if skew.is_negative() {
            "ahead of"
        } else {
            "behind"
        },
        if skew.abs() > TOO_FAR {
            Severity::High
        } else {
            Severity::Medium
        },
    );
    Check::bad(
        id,
        State::Wrong(severity),
        format!(
            "this machine's clock is {seconds} s {word} the service's: sign-ins fail, and snapshots get wrong times"
        ),
        "set it by NTP: timedatectl set-ntp true",
    )
}

/// The two grants, as far as the token shows them; `reads` says whether the connectors could be read.
pub(super) fn grants(claims: &Claims, is_person: bool, reads: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    if !is_person {
        let has = claims.roles.iter().any(|role| role == MANAGE_AS_APP);
        checks.push(if has {
            Check::good("grant-app-role", MANAGE_AS_APP)
        } else {
            Check::bad(
                "grant-app-role",
                State::Broken,
                format!("the token lacks the app role {MANAGE_AS_APP}: Exchange answers 401"),
                "App registrations, the application, API permissions, Add: Office 365 Exchange Online, Application permissions, Exchange.ManageAsApp; then Grant admin consent",
            )
        });
    }
    let roles = claims.directory_roles();
    checks.push(if roles.is_empty() && reads {
        Check::good(
            "grant-directory-role",
            "none shows in the token; a role group of Exchange's own lets it read",
        )
    } else if !reads && !roles.is_empty() {
        Check::bad(
            "grant-directory-role",
            State::Broken,
            format!("{} does not let it read connectors", roles.join(", ")),
            "Entra admin center, Roles & admins, Global Reader, Add assignments: the application. It takes up to half an hour",
        )
    } else if roles.is_empty() {
        Check::bad(
            "grant-directory-role",
            State::Broken,
            "the token names no directory role, and no role group of Exchange's own lets it read",
            "Entra admin center, Roles & admins, Global Reader, Add assignments: the application. It takes up to half an hour",
        )
    } else {
        Check::good("grant-directory-role", roles.join(", "))
    });
    checks
}

/// Whether the identity that only reads could write.
pub(super) fn power(claims: &Claims, cmdlets: &Result<BTreeSet<String>, Fault>) -> Check {
    let id = "power";
    let mend =
        "give it Global Reader alone, and let apply sign in as another application or person";
    let roles = claims.writing_roles();
    if !roles.is_empty() {
        let message = format!(
            "the identity that reads could write connectors: it has {}. The judge should hold no power",
            roles.join(", ")
        );
        return Check::bad(id, State::Wrong(Severity::Medium), message, mend);
    }
    match cmdlets {
        Ok(cmdlets) => {
            let writing: Vec<&str> = WRITING
                .into_iter()
                .filter(|name| cmdlets.iter().any(|own| own.eq_ignore_ascii_case(name)))
                .collect();
            if writing.is_empty() {
                Check::good(id, "it may run no cmdlet that writes connectors")
            } else {
                let message = format!(
                    "the identity that reads could write: it may run {}. The judge should hold no power",
                    writing.join(", ")
                );
                Check::bad(id, State::Wrong(Severity::Medium), message, mend)
            }
        }
        Err(fault) => Check::fault(id, State::Unknown, fault),
    }
}

/// Cmdlets that the judge has no need of.
const WRITING: [&str; 4] = [
    "New-InboundConnector",
    "Set-InboundConnector",
    "Remove-InboundConnector",
    "Remove-BlockedConnector",
];

/// Whether writing, where it is configured, is somebody else's.
pub(super) fn apart(exchange: &Exchange) -> Check {
    let id = "apply-identity";
    match &exchange.apply {
        None => Check::good(id, "none is configured: this repository can only read"),
        Some(_) if exchange.writes_as_reader() => Check::bad(
            id,
            State::Wrong(Severity::Medium),
            "the application that writes is the one that reads",
            "register another one, and name it as apply_client_id",
        ),
        Some(apply) => Check::good(id, apply.to_string()),
    }
}

/// What one row says about a setting that must be on.
pub(super) struct Setting {
    pub id: &'static str,
    pub name: &'static str,
    pub severity: Severity,
    pub good: &'static str,
    pub bad: &'static str,
    pub mend: &'static str,
}

/// Without the audit log nobody can say who changed a connector.
pub(super) const AUDIT_LOG: Setting = Setting {
    id: "audit-log",
    name: "UnifiedAuditLogIngestionEnabled",
    severity: Severity::High,
    good: "changes are recorded in the unified audit log",
    bad: "the unified audit log is off: nobody can say who changed a connector, and no record proves nothing",
    mend: "Connect-ExchangeOnline; Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true",
};

/// Mail from anywhere that pretends to be the organization's own.
pub(super) const DIRECT_SEND: Setting = Setting {
    id: "direct-send",
    name: "RejectDirectSend",
    severity: Severity::Medium,
    good: "direct send is rejected",
    bad: "direct send is accepted: whoever reaches the service may send to the organization as one of its own addresses, without any connector",
    mend: "find what sends so (message trace), give it a connector, then: Connect-ExchangeOnline; Set-OrganizationConfig -RejectDirectSend $true",
};

impl Setting {
    /// Judges the row of a cmdlet.
    pub fn judge(&self, row: &Result<Json, Fault>) -> Check {
        let row = match row {
            Ok(row) => row,
            Err(fault) => return Check::fault(self.id, State::Unknown, fault),
        };
        match row.get(self.name).and_then(Json::as_bool) {
            Some(true) => Check::good(self.id, self.good),
            Some(false) => Check::bad(self.id, State::Wrong(self.severity), self.bad, self.mend),
            None => Check::bad(
                self.id,
                State::Unknown,
                format!("the service did not say: {} is missing", self.name),
                self.mend,
            ),
        }
    }
}

/// A dehydrated organization refuses to be written to.
pub(super) fn hydrated(row: &Result<Json, Fault>) -> Option<Check> {
    let dehydrated = row.as_ref().ok()?.get("IsDehydrated")?.as_bool()?;
    dehydrated.then(|| {
        Check::bad(
            "dehydrated",
            State::Wrong(Severity::Info),
            "the organization's settings cannot be written yet (IsDehydrated)",
            "before a revert: Connect-ExchangeOnline; Enable-OrganizationCustomization",
        )
    })
}

/// Whether Microsoft's own alert about connectors is on.
pub(super) fn alert(rows: &Result<Vec<Json>, Fault>) -> Check {
    let id = "alert-policy";
    const MEND: &str = "Microsoft Defender portal, Email & collaboration, Policies & rules, Alert policy: switch on \"Suspicious connector activity\" with a recipient";
    let rows = match rows {
        Ok(rows) => rows,
        Err(fault) => return Check::fault(id, State::Unknown, fault),
    };
    let is_it = |row: &&Json| match row.get("Operation") {
        Some(Json::Array(items)) => items.iter().any(|item| item == "ConnectorAbuse"),
        Some(Json::String(text)) => text == "ConnectorAbuse",
        _ => false,
    };
    let wrong = |message: &str| Check::bad(id, State::Wrong(Severity::Medium), message, MEND);
    let Some(policy) = rows.iter().find(is_it) else {
        return wrong("there is no alert policy about suspicious connector activity");
    };
    let flag = |name: &str| policy.get(name).and_then(Json::as_bool);
    match (flag("Disabled"), flag("NotificationEnabled")) {
        (Some(true), _) => wrong("the alert policy \"Suspicious connector activity\" is disabled"),
        (None, _) => Check::bad(
            id,
            State::Unknown,
            "the service did not say whether the alert policy is on",
            MEND,
        ),
        (_, Some(false)) => {
            wrong("the alert policy \"Suspicious connector activity\" notifies nobody")
        }
        _ => Check::good(id, "\"Suspicious connector activity\" is on"),
    }
}

/// What reading a part says; the connectors are what everything else is for.
pub(super) fn reading(id: &'static str, needed: bool, answer: &Result<usize, Fault>) -> Check {
    match answer {
        Ok(rows) => Check::good(id, format!("{rows} read")),
        Err(fault) => {
            let state = if needed {
                State::Broken
            } else {
                State::Unknown
            };
            let mut check = Check::fault(id, state, fault);
            if fault.kind == Kind::Forbidden {
                check.mend = Some("Entra admin center, Roles & admins, Global Reader, Add assignments: the application (Security Reader is not enough); or a role group of Exchange's own with View-Only Configuration. It takes up to half an hour".to_owned());
            }
            check
        }
    }
}
