//! One thing that somebody did, by the audit log.

use super::Topic;
use crate::finding::Location;
use jiff::Timestamp;
use std::net::IpAddr;

/// What kind of user did it: `UserType` of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserType {
    /// A person of the organization, administrator or not (0, 2).
    Person,
    /// An application or service principal (5, 6).
    Application,
    /// An administrator of a partner (9).
    Partner,
    /// The service itself, its operators and policies (1, 3, 4, 7, 8).
    Service,
    /// Anything else.
    Other,
}

impl UserType {
    /// By the log's number or, as Graph writes it, its name.
    pub fn of(text: &str) -> Self {
        match text.trim_matches('"').to_ascii_lowercase().as_str() {
            "0" | "2" | "10" | "regular" | "admin" | "guest" => Self::Person,
            "5" | "6" | "application" | "serviceprincipal" => Self::Application,
            "9" | "partnertechnician" => Self::Partner,
            "1" | "3" | "4" | "7" | "8" | "reserved" | "dcadmin" | "system" | "custompolicy"
            | "systempolicy" => Self::Service,
            _ => Self::Other,
        }
    }
}

/// A property that an operation on a directory object changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Modified {
    /// Its name.
    pub name: String,
    /// The value before.
    pub old: String,
    /// The value after.
    pub new: String,
}

/// What an alert says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alert {
    /// The policy's name.
    pub name: String,
    /// The policy's operation, such as `ConnectorAbuse`.
    pub operation: String,
    /// What it is about: a connector, a user.
    pub entity: String,
}

/// One record of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// `Id`: records come twice.
    pub id: String,
    /// `CreationTime`, UTC.
    pub time: Timestamp,
    /// `Operation`, as written but for blanks around it.
    pub operation: String,
    /// What it is about.
    pub topic: Topic,
    /// `UserId`: who did it.
    pub user: String,
    /// What kind of user.
    pub user_type: UserType,
    /// `ClientIP` without its port.
    pub client_ip: Option<IpAddr>,
    /// `AppId`, in lower case; empty where there is none.
    pub app_id: String,
    /// `SessionId`; empty where there is none.
    pub session: String,
    /// `ObjectId`: what it was done to.
    pub object: String,
    /// `ExternalAccess`: the service, its operators or a partner did it.
    pub external: bool,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// `Parameters` of a cmdlet.
    pub parameters: Vec<(String, String)>,
    /// `ModifiedProperties` of a directory operation.
    pub modified: Vec<Modified>,
    /// Names and ids that a directory operation was done to, and details beside it.
    pub targets: Vec<String>,
    /// What an alert says, where it is one.
    pub alert: Option<Alert>,
    /// Whether the record was cut off: what it still says is true, and it said more.
    pub cut_off: bool,
    /// Where it stands.
    pub place: Location,
}

/// Applications of Microsoft by which people work with Exchange: Exchange Online itself (PowerShell) and the admin
/// portal (reference section 4.6), and the public client of the PowerShell module.
const USUAL_APPLICATIONS: [&str; 4] = [
    "00000002-0000-0ff1-ce00-000000000000",
    "00000006-0000-0ff1-ce00-000000000000",
    "fb78d390-0c51-40cd-8e17-fdbfab77341b",
    "497effe9-df71-4043-a8bb-14cf78c4b63b",
];

impl AuditRecord {
    /// A parameter of a cmdlet.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(own, _)| own.trim_start_matches('-').eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A switch among the parameters of a cmdlet; `None` where it has none of that name, or no switch.
    pub fn switch(&self, name: &str) -> Option<bool> {
        let value = self.parameter(name)?.trim().trim_start_matches('$');
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// Whether it switched the organization's audit log off.
    pub fn switches_log_off(&self) -> bool {
        ["UnifiedAuditLogIngestionEnabled", "AdminAuditLogEnabled"]
            .iter()
            .any(|name| self.switch(name) == Some(false))
    }

    /// Whether it made something new.
    pub fn is_new(&self) -> bool {
        self.is_verb("new")
    }

    /// Whether it took something away.
    pub fn is_remove(&self) -> bool {
        self.is_verb("remove")
    }

    fn is_verb(&self, verb: &str) -> bool {
        let own = self.operation.split('-').next().unwrap_or_default();
        own.eq_ignore_ascii_case(verb)
    }

    /// Whether the service itself did it, and nobody in the organization.
    pub fn is_service(&self) -> bool {
        let named = self.user.to_ascii_uppercase();
        self.user_type == UserType::Service
            && (self.external
                || self.user.is_empty()
                || named.starts_with("NT AUTHORITY\\")
                || named.starts_with("NT SERVICE\\")
                || !named.contains('@'))
    }

    /// Whether an application did it in its own name, which no person does by hand: the signature of the known attack.
    pub fn is_app_only(&self) -> bool {
        self.user_type == UserType::Application
            || !self.app_id.is_empty()
                && !USUAL_APPLICATIONS.contains(&self.app_id.as_str())
                && !self.user.contains('@')
                && !self.is_service()
    }

    /// Whether the application is one of Microsoft's by which people work with Exchange.
    pub fn is_usual_application(&self) -> bool {
        self.app_id.is_empty() || USUAL_APPLICATIONS.contains(&self.app_id.as_str())
    }

    /// Every text in which it may name something.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let parameters = self.parameters.iter().map(|(_, value)| value.as_str());
        let modified = self
            .modified
            .iter()
            .flat_map(|own| [own.new.as_str(), own.old.as_str()]);
        let targets = self.targets.iter().map(String::as_str);
        parameters
            .chain(modified)
            .chain(targets)
            .chain([self.object.as_str()])
    }
}
