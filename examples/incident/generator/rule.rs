//! Transport rules: the disclaimer that every organization has, and the ones that wipe an attacker's traces.

use super::connector::DateStyle;
use super::json::{Json, object};
use super::rng::Rng;

/// A transport rule.
#[derive(Clone)]
pub struct TransportRule {
    /// Its name.
    pub name: String,
    /// Its id.
    pub guid: String,
    /// When it was last changed.
    pub changed: i64,
    /// Who made it.
    pub author: String,
    /// What it does.
    pub action: RuleAction,
}

/// What a transport rule does.
#[derive(Clone)]
pub enum RuleAction {
    /// Puts this text before the subject of mail from outside.
    PrependSubject(&'static str),
    /// Adds this text below mail that goes out.
    Disclaimer(&'static str),
    /// Takes this header away.
    RemoveHeader(&'static str),
}

/// Headers that tell where a message came from.
pub const TELLING_HEADERS: [&str; 12] = [
    "X-MS-Exchange-ExternalOriginalInternetSender",
    "X-MS-Exchange-SkipListedInternetSender",
    "Received-SPF",
    "Received",
    "ARC-Authentication-Results",
    "ARC-Message-Signature",
    "DKIM-Signature",
    "ARC-Seal",
    "X-MS-Exchange-SenderADCheck",
    "X-MS-Exchange-Authentication-Results",
    "Authentication-Results",
    "X-MS-Exchange-AntiSpam-MessageData-ChunkCount",
];

impl TransportRule {
    /// The rule as `Get-TransportRule` shows it, with the properties that matter.
    pub fn properties(&self, priority: i64, style: DateStyle) -> Json {
        let (action, condition, description) = match self.action {
            RuleAction::PrependSubject(text) => (
                "PrependSubjectAction",
                Some("FromScopePredicate"),
                format!(
                    "If the message:\r\n\tIs received from 'Outside the organization'\r\nTake the following actions:\r\n\tPrepend the subject with '{text}'\r\n"
                ),
            ),
            RuleAction::Disclaimer(text) => (
                "ApplyHtmlDisclaimerAction",
                Some("SentToScopePredicate"),
                format!(
                    "If the message:\r\n\tIs sent to 'Outside the organization'\r\nTake the following actions:\r\n\tAppend the message with the disclaimer '{text}'\r\n"
                ),
            ),
            RuleAction::RemoveHeader(header) => (
                "RemoveHeaderAction",
                None,
                format!("Take the following actions:\r\n\tremove header '{header}'\r\n"),
            ),
        };
        object([
            ("Priority", priority.into()),
            ("Comments", Json::Null),
            ("CreatedBy", (&self.author).into()),
            ("LastModifiedBy", (&self.author).into()),
            ("Description", description.into()),
            ("Conditions", predicates(condition)),
            ("Exceptions", Json::Null),
            ("Actions", predicates(Some(action))),
            ("State", "Enabled".into()),
            ("Mode", "Enforce".into()),
            ("RuleErrorAction", "Ignore".into()),
            ("SenderAddressLocation", "Header".into()),
            ("FromScope", self.scope("FromScopePredicate", condition)),
            ("SentToScope", self.scope("SentToScopePredicate", condition)),
            ("SenderIpRanges", Json::Null),
            ("RemoveHeader", self.removed_header()),
            ("SetHeaderName", Json::Null),
            ("SetHeaderValue", Json::Null),
            ("BlindCopyTo", Json::Null),
            ("RedirectMessageTo", Json::Null),
            ("RouteMessageOutboundConnector", Json::Null),
            ("DeleteMessage", false.into()),
            ("Quarantine", false.into()),
            ("StopRuleProcessing", false.into()),
            ("Identity", (&self.name).into()),
            ("Guid", (&self.guid).into()),
            ("Name", (&self.name).into()),
            ("IsValid", true.into()),
            ("WhenChanged", style.show(self.changed)),
        ])
    }

    /// The parameters by which `New-TransportRule` made it.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("Name", self.name.clone())];
        match self.action {
            RuleAction::PrependSubject(text) => {
                parameters.push(("FromScope", "NotInOrganization".into()));
                parameters.push(("PrependSubject", text.into()));
            }
            RuleAction::Disclaimer(text) => {
                parameters.push(("SentToScope", "NotInOrganization".into()));
                parameters.push(("ApplyHtmlDisclaimerText", text.into()));
                parameters.push(("ApplyHtmlDisclaimerLocation", "Append".into()));
            }
            RuleAction::RemoveHeader(header) => {
                parameters.push(("RemoveHeader", header.into()));
            }
        }
        parameters.push(("Mode", "Enforce".into()));
        parameters.push(("StopRuleProcessing", "False".into()));
        parameters
    }

    fn removed_header(&self) -> Json {
        match self.action {
            RuleAction::RemoveHeader(header) => header.into(),
            _ => Json::Null,
        }
    }

    fn scope(&self, predicate: &str, condition: Option<&'static str>) -> Json {
        if condition == Some(predicate) {
            "NotInOrganization".into()
        } else {
            Json::Null
        }
    }
}

fn predicates(name: Option<&str>) -> Json {
    name.map_or(Json::Null, |name| {
        vec![format!("Microsoft.Exchange.MessagingPolicies.Rules.Tasks.{name}").into()].into()
    })
}

/// A harmless rule.
pub fn harmless(author: &str, changed: i64, rng: &mut Rng) -> TransportRule {
    let (name, action) = rng
        .pick(&[
            ("External mail", RuleAction::PrependSubject("[External] ")),
            (
                "Mark external senders",
                RuleAction::PrependSubject("EXTERNAL: "),
            ),
            (
                "Disclaimer",
                RuleAction::Disclaimer("<p>This message is confidential.</p>"),
            ),
            (
                "Legal notice",
                RuleAction::Disclaimer("<p>Registered in Contoso; see our privacy notice.</p>"),
            ),
        ])
        .clone();
    TransportRule {
        name: format!("{name} {}", rng.between(1, 99)),
        guid: rng.guid(),
        changed,
        author: author.into(),
        action,
    }
}
