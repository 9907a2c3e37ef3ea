//! What an operation is about.

/// What an operation is about, as far as an investigation cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// `New-`, `Set-`, `Remove-InboundConnector`
    Connector,
    /// `Remove-BlockedConnector`
    Unblock,
    /// `New-`, `Set-`, `Enable-`, `Disable-`, `Remove-TransportRule`
    TransportRule,
    /// `New-`, `Set-InboxRule` and what a client makes of them
    InboxRule,
    /// `Set-AdminAuditLogConfig`, `Set-OrganizationConfig`, outbound connectors
    Organization,
    /// Roles in Exchange and in Entra
    Role,
    /// An application or service principal appeared
    Application,
    /// Consent to an application, or an application role given to it
    Consent,
    /// Secrets and certificates of an application
    Credentials,
    /// A password was reset or set
    Password,
    /// A sign-in, successful or not
    SignIn,
    /// An alert of the service
    Alert,
    /// Anything else that a person or an application administered
    Other,
}

/// The operations on inbound connectors.
pub const CONNECTOR_OPERATIONS: [&str; 3] = [
    "New-InboundConnector",
    "Set-InboundConnector",
    "Remove-InboundConnector",
];

/// Operations that are asked for where a log can be asked: what an investigation uses, without the noise.
pub const HUNTED_OPERATIONS: [&str; 31] = [
    "New-InboundConnector",
    "Set-InboundConnector",
    "Remove-InboundConnector",
    "Remove-BlockedConnector",
    "New-TransportRule",
    "Set-TransportRule",
    "Enable-TransportRule",
    "Disable-TransportRule",
    "Remove-TransportRule",
    "New-InboxRule",
    "Set-InboxRule",
    "UpdateInboxRules",
    "New-OutboundConnector",
    "Set-OutboundConnector",
    "Remove-OutboundConnector",
    "Set-OrganizationConfig",
    "Set-AdminAuditLogConfig",
    "New-ManagementRoleAssignment",
    "Add-RoleGroupMember",
    "Add application.",
    "Add service principal.",
    "Consent to application.",
    "Add app role assignment to service principal.",
    "Add service principal credentials.",
    "Update application – Certificates and secrets management ",
    "Add member to role.",
    "Reset user password.",
    "Change user password.",
    "AlertEntityGenerated",
    "AlertTriggered",
    "AlertUpdated",
];

impl Topic {
    /// By the operation's name. Dashes and blanks at the end differ between exports.
    pub fn of(operation: &str) -> Self {
        let name = operation.trim().trim_end_matches('.').to_ascii_lowercase();
        let cmdlet = name
            .split_once('-')
            .map(|(verb, noun)| (verb.trim(), noun.trim()));
        match cmdlet {
            Some((_, "inboundconnector")) => return Self::Connector,
            Some((_, "blockedconnector")) => return Self::Unblock,
            Some((_, "transportrule")) => return Self::TransportRule,
            Some((_, "inboxrule")) => return Self::InboxRule,
            Some((_, "outboundconnector" | "organizationconfig" | "adminauditlogconfig")) => {
                return Self::Organization;
            }
            Some((_, "managementroleassignment" | "rolegroupmember" | "rolegroup")) => {
                return Self::Role;
            }
            _ => {}
        }
        match name.as_str() {
            "updateinboxrules" => Self::InboxRule,
            "add application" | "add service principal" => Self::Application,
            "consent to application"
            | "add oauth2permissiongrant"
            | "add delegated permission grant"
            | "add app role assignment to service principal"
            | "add app role assignment grant to user" => Self::Consent,
            "add service principal credentials" => Self::Credentials,
            "add member to role" | "add eligible member to role" => Self::Role,
            "reset user password" | "change user password" | "set force change user password" => {
                Self::Password
            }
            "userloggedin" | "userloginfailed" => Self::SignIn,
            "alertentitygenerated" | "alerttriggered" | "alertupdated" => Self::Alert,
            _ if name.contains("certificates and secrets") => Self::Credentials,
            _ => Self::Other,
        }
    }

    /// The word in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Unblock => "unblock",
            Self::TransportRule => "transport rule",
            Self::InboxRule => "inbox rule",
            Self::Organization => "organization",
            Self::Role => "role",
            Self::Application => "application",
            Self::Consent => "consent",
            Self::Credentials => "credentials",
            Self::Password => "password",
            Self::SignIn => "sign-in",
            Self::Alert => "alert",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_is_asked_for_has_a_topic() {
        for operation in HUNTED_OPERATIONS {
            assert_ne!(Topic::of(operation), Topic::Other, "{operation}");
        }
        assert_eq!(
            Topic::of("Update application - Certificates and secrets management"),
            Topic::Credentials
        );
        assert_eq!(Topic::of("Set-Mailbox"), Topic::Other);
    }
}
