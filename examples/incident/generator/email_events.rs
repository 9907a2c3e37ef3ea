//! `EmailEvents` of Defender: the only source that knows both senders and the connector.

use super::clock::{iso_seven, iso_zulu};
use super::json::{Json, lines, object};
use super::message::{Direction, Message, Status, domain_of};
use super::organization::Organization;
use super::table::{Quoting, row};

const COLUMNS: [(&str, &str); 22] = [
    ("Timestamp", "DateTime"),
    ("NetworkMessageId", "String"),
    ("InternetMessageId", "String"),
    ("SenderMailFromAddress", "String"),
    ("SenderFromAddress", "String"),
    ("SenderObjectId", "String"),
    ("SenderMailFromDomain", "String"),
    ("SenderFromDomain", "String"),
    ("SenderIPv4", "String"),
    ("SenderIPv6", "String"),
    ("RecipientEmailAddress", "String"),
    ("Subject", "String"),
    ("EmailDirection", "String"),
    ("DeliveryAction", "String"),
    ("DeliveryLocation", "String"),
    ("ThreatTypes", "String"),
    ("Connectors", "String"),
    ("OrgLevelAction", "String"),
    ("OrgLevelPolicy", "String"),
    ("AuthenticationDetails", "String"),
    ("EmailLanguage", "String"),
    ("ReportId", "String"),
];

/// The answer to an advanced hunting query.
pub fn hunting(messages: &[&Message]) -> String {
    let schema: Vec<Json> = COLUMNS
        .iter()
        .map(|(name, kind)| object([("name", (*name).into()), ("type", (*kind).into())]))
        .collect();
    let rows: Vec<Json> = messages.iter().map(|message| event(message)).collect();
    format!(
        "{{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.security.huntingQueryResults\",\"schema\":{},\"results\":{}}}\n",
        Json::from(schema).line(),
        lines(&rows).trim_end()
    )
}

/// Rows of the streaming interface, one a line.
pub fn streaming(messages: &[&Message], organization: &Organization) -> String {
    let mut out = String::new();
    for message in messages {
        let envelope = object([
            ("time", iso_seven(message.at + 420_000).into()),
            ("tenantId", (&organization.tenant_id).into()),
            ("operationName", "Publish".into()),
            ("category", "AdvancedHunting-EmailEvents".into()),
            ("_TimeReceivedBySvc", iso_seven(message.at + 95_000).into()),
            ("properties", event(message)),
            ("Tenant", "DefaultTenant".into()),
        ]);
        envelope.write(&mut out);
        out.push('\n');
    }
    out
}

/// The portal's export of a hunting query.
pub fn csv(messages: &[&Message]) -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut out = String::new();
    row(&mut out, &names, Quoting::Needed);
    for message in messages {
        if let Json::Object(entries) = event(message) {
            let fields: Vec<&str> = entries
                .iter()
                .map(|(_, value)| match value {
                    Json::Text(text) => text.as_ref(),
                    _ => "",
                })
                .collect();
            row(&mut out, &fields, Quoting::Needed);
        }
    }
    out
}

/// One row; its keys are the columns, in order.
fn event(message: &Message) -> Json {
    let (version_4, version_6): (Json, Json) = if message.from_ip.contains(':') {
        (Json::Null, (&message.from_ip).into())
    } else {
        ((&message.from_ip).into(), Json::Null)
    };
    let (action, location) = delivery(message);
    let threat: Json = if message.status.is_filtered() {
        "Spam".into()
    } else {
        Json::Null
    };
    let allowed = message.connector.is_some() && !message.status.is_filtered();
    let (level, policy): (Json, Json) = if allowed {
        ("Allow".into(), "Connection policy".into())
    } else {
        (Json::Null, Json::Null)
    };
    object([
        ("Timestamp", iso_zulu(message.at).into()),
        ("NetworkMessageId", (&message.trace_id).into()),
        ("InternetMessageId", (&message.message_id).into()),
        ("SenderMailFromAddress", (&message.mail_from).into()),
        ("SenderFromAddress", (&message.from).into()),
        ("SenderObjectId", message.sender_object.clone().into()),
        (
            "SenderMailFromDomain",
            domain_of(&message.mail_from).to_string().into(),
        ),
        (
            "SenderFromDomain",
            domain_of(&message.from).to_string().into(),
        ),
        ("SenderIPv4", version_4),
        ("SenderIPv6", version_6),
        ("RecipientEmailAddress", (&message.recipient).into()),
        ("Subject", (&message.subject).into()),
        ("EmailDirection", message.direction.name().into()),
        ("DeliveryAction", action.into()),
        ("DeliveryLocation", location.into()),
        ("ThreatTypes", threat),
        ("Connectors", message.connector.clone().into()),
        ("OrgLevelAction", level),
        ("OrgLevelPolicy", policy),
        ("AuthenticationDetails", authentication(message).into()),
        ("EmailLanguage", "en".into()),
        (
            "ReportId",
            format!("{}-{}", message.trace_id, message.recipient.len()).into(),
        ),
    ])
}

fn delivery(message: &Message) -> (&'static str, &'static str) {
    let outside = message.direction == Direction::Outbound;
    match message.status {
        Status::FilteredAsSpam if outside => ("Junked", "On-premises/external"),
        Status::FilteredAsSpam => ("Junked", "Junk folder"),
        Status::Quarantined => ("Blocked", "Quarantine"),
        Status::Failed => ("Blocked", "Failed"),
        _ if outside => ("Delivered", "On-premises/external"),
        _ => ("Delivered", "Inbox/folder"),
    }
}

fn authentication(message: &Message) -> &'static str {
    if message.status.is_filtered() {
        "{\"SPF\":\"none\",\"DKIM\":\"none\",\"DMARC\":\"none\"}"
    } else {
        "{\"SPF\":\"pass\",\"DKIM\":\"none\",\"DMARC\":\"pass\"}"
    }
}
