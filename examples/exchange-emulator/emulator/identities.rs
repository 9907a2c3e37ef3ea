//! Who may sign in: five applications that exist in every tenant, and their directory roles.

/// The secret that is right for every application.
pub const SECRET: &str = "rehearsal-secret";
/// The secret that was right once.
pub const EXPIRED_SECRET: &str = "expired-secret";
/// What a GitHub job would have in ACTIONS_ID_TOKEN_REQUEST_TOKEN.
pub const GITHUB_TOKEN: &str = "rehearsal-request-token";
/// What an App Service would have in IDENTITY_HEADER.
pub const IDENTITY_HEADER: &str = "rehearsal-identity-header";
/// The public client of the Exchange Online module, for device codes.
pub const PUBLIC_CLIENT: &str = "fb78d390-0c51-40cd-8e17-fdbfab77341b";

/// The app role without which Exchange answers 401.
pub const APP_ROLE: &str = "Exchange.ManageAsApp";
/// The app role of Graph for audit queries that find everything.
pub const AUDIT: &str = "AuditLogsQuery.Read.All";
/// The app role of Graph for audit queries that find what is of Exchange.
pub const AUDIT_EXCHANGE: &str = "AuditLogsQuery-Exchange.Read.All";
/// The app role of Graph for advanced hunting.
pub const HUNTING: &str = "ThreatHunting.Read.All";
/// Directory role: reads everything.
pub const GLOBAL_READER: &str = "f2ef992c-3afb-46b9-b7cf-a126ee74c451";
/// Directory role: writes connectors.
pub const EXCHANGE_ADMINISTRATOR: &str = "29232cdf-9323-42fd-ade2-1d097af3e4de";
/// Directory role: unblocks connectors.
pub const SECURITY_ADMINISTRATOR: &str = "194ae4cb-b126-40b2-bd5b-6091b380977d";
/// Directory role: lists blocked connectors, but not connectors.
pub const SECURITY_READER: &str = "5d6b6bb7-de71-4623-b4af-96380a352509";
/// What a token without any directory role has in its place.
pub const NO_ROLE: &str = "0997a1d0-0d1d-4acb-b408-d5ca73121e90";

/// An application.
pub struct Identity {
    /// Its client id.
    pub id: &'static str,
    /// What it is called here.
    pub name: &'static str,
    /// What it may do.
    pub about: &'static str,
    /// Its app roles on Exchange Online.
    pub roles: &'static [&'static str],
    /// Its app roles on Microsoft Graph.
    pub graph: &'static [&'static str],
    /// Its directory roles.
    pub wids: &'static [&'static str],
}

/// The application that reads; also the managed identity and the user of device codes.
pub const READER: Identity = Identity {
    id: "11111111-1111-4111-8111-111111111111",
    name: "reader",
    about: "app role, Global Reader; audit and hunting",
    roles: &[APP_ROLE],
    graph: &[AUDIT, HUNTING],
    wids: &[GLOBAL_READER],
};

/// All applications.
pub const ALL: [Identity; 5] = [
    READER,
    Identity {
        id: "22222222-2222-4222-8222-222222222222",
        name: "operator",
        about: "app role, Global Reader, Exchange and Security Administrator; audit and hunting",
        roles: &[APP_ROLE],
        graph: &[AUDIT, HUNTING],
        wids: &[
            GLOBAL_READER,
            EXCHANGE_ADMINISTRATOR,
            SECURITY_ADMINISTRATOR,
        ],
    },
    Identity {
        id: "33333333-3333-4333-8333-333333333333",
        name: "no-role",
        about: "app role only: 403",
        roles: &[APP_ROLE],
        graph: &[],
        wids: &[NO_ROLE],
    },
    Identity {
        id: "44444444-4444-4444-8444-444444444444",
        name: "no-grant",
        about: "Global Reader without the app role: 401",
        roles: &[],
        graph: &[],
        wids: &[GLOBAL_READER],
    },
    Identity {
        id: "55555555-5555-4555-8555-555555555555",
        name: "security-reader",
        about: "app role, Security Reader: no connectors; audit of Exchange",
        roles: &[APP_ROLE],
        graph: &[AUDIT_EXCHANGE],
        wids: &[SECURITY_READER],
    },
];

/// The application with a client id.
pub fn find(id: &str) -> Option<&'static Identity> {
    const FOUND: &[Identity] = &ALL;
    FOUND
        .iter()
        .find(|identity| identity.id.eq_ignore_ascii_case(id))
}
