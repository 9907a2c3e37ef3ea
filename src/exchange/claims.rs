//! What a token says of the identity that it was given to. Read, never verified:
//! Microsoft verifies it, and nothing here trusts it.

use crate::connector::{Guid, parse_guid};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

/// The app role without which no application reads Exchange.
pub const MANAGE_AS_APP: &str = "Exchange.ManageAsApp";

/// Directory roles by their template ids, as far as they matter here, and whether they can write connectors.
///
/// Source: Entra built-in roles; the reference's section 3.6.
pub const DIRECTORY_ROLES: [(&str, &str, bool); 6] = [
    (
        "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
        "Global Reader",
        false,
    ),
    (
        "5d6b6bb7-de71-4623-b4af-96380a352509",
        "Security Reader",
        false,
    ),
    (
        "29232cdf-9323-42fd-ade2-1d097af3e4de",
        "Exchange Administrator",
        true,
    ),
    (
        "62e90394-69f5-4237-9190-012177145e10",
        "Global Administrator",
        true,
    ),
    (
        "194ae4cb-b126-40b2-bd5b-6091b380977d",
        "Security Administrator",
        false,
    ),
    (
        "17315797-102d-40b4-93e0-432062caca18",
        "Compliance Administrator",
        false,
    ),
];

/// The claims that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The organization that the token is good for.
    #[serde(default)]
    pub tid: Option<String>,
    /// Whom it is for.
    #[serde(default)]
    pub aud: Option<String>,
    /// The application.
    #[serde(default)]
    pub appid: Option<String>,
    /// App roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Directory roles.
    #[serde(default)]
    pub wids: Vec<String>,
    /// The person's name, where one signed in.
    #[serde(default)]
    pub upn: Option<String>,
    /// When it was issued, in seconds.
    #[serde(default)]
    pub iat: Option<i64>,
    /// When it ends, in seconds.
    #[serde(default)]
    pub exp: Option<i64>,
}

impl Claims {
    /// The claims of a token; none where they cannot be read.
    pub fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// How many seconds it is good yet.
    pub fn left(&self, now: Timestamp) -> Option<i64> {
        self.exp.map(|exp| exp.saturating_sub(now.as_second()))
    }

    /// The organization.
    pub fn tenant_id(&self) -> Option<Guid> {
        self.tid.as_deref().and_then(parse_guid)
    }

    /// The names of the directory roles that are known here.
    pub fn directory_roles(&self) -> Vec<&'static str> {
        self.known().map(|(_, name, _)| *name).collect()
    }

    /// Directory roles that may write connectors.
    pub fn writing_roles(&self) -> Vec<&'static str> {
        self.known()
            .filter(|(_, _, writes)| *writes)
            .map(|(_, name, _)| *name)
            .collect()
    }

    fn known(&self) -> impl Iterator<Item = &'static (&'static str, &'static str, bool)> {
        DIRECTORY_ROLES
            .iter()
            .filter(|(id, _, _)| self.wids.iter().any(|own| own.eq_ignore_ascii_case(id)))
    }
}
