//! What a file is, by what stands in it: names of files say nothing.

use super::rows;
use super::trace::Columns;
use super::traffic::is_aggregate;
use serde::Serialize;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// An export of `connguard fetch --script`, or the bare output of `Get-InboundConnector`.
    Connectors,
    /// The same by `Export-Clixml`.
    Clixml,
    /// The same by `Export-Csv`, which loses what stands in lists.
    ConnectorsCsv,
    /// `Search-UnifiedAuditLog | Export-Csv`, or the export of the Purview portal.
    AuditCsv,
    /// The Management Activity API, or rows of `Search-UnifiedAuditLog` as JSON.
    AuditJson,
    /// An audit query of Microsoft Graph.
    AuditGraph,
    /// A message trace as JSON: `Get-MessageTraceV2`, Graph, REST, the reporting service, `EmailEvents`.
    TraceJson,
    /// A message trace as CSV: `Get-MessageTraceV2`, a historical search, `EmailEvents`.
    TraceCsv,
    /// Mail by hour and connector, as a hunting query returned it.
    Hunted,
    /// The same as the portal exports it.
    HuntedCsv,
    /// Changes of connectors in `CloudAppEvents`, as a hunting query returned them.
    CloudAppEvents,
    /// The output of `Get-BlockedConnector`.
    BlockedConnectors,
    /// The output of `Get-AcceptedDomain`.
    AcceptedDomains,
    /// The output of `Get-TransportRule`.
    TransportRules,
    /// The output of `Get-AdminAuditLogConfig`.
    AuditLogSettings,
    /// Nothing that is known here.
    Unknown,
}

impl Form {
    /// What reports call it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Connectors => "connectors",
            Self::Clixml => "connectors (CLIXML)",
            Self::ConnectorsCsv => "connectors (CSV)",
            Self::AuditCsv => "audit log (CSV)",
            Self::AuditJson => "audit log (JSON)",
            Self::AuditGraph => "audit log (Graph)",
            Self::TraceJson => "message trace (JSON)",
            Self::TraceCsv => "message trace (CSV)",
            Self::Hunted => "mail by hour (hunting)",
            Self::HuntedCsv => "mail by hour (hunting, CSV)",
            Self::CloudAppEvents => "connector changes (hunting)",
            Self::BlockedConnectors => "blocked connectors",
            Self::AcceptedDomains => "accepted domains",
            Self::TransportRules => "transport rules",
            Self::AuditLogSettings => "audit log settings",
            Self::Unknown => "not recognised",
        }
    }

    /// Whether it is a log of what was done.
    pub const fn is_audit(self) -> bool {
        matches!(
            self,
            Self::AuditCsv | Self::AuditJson | Self::AuditGraph | Self::CloudAppEvents
        )
    }

    /// Whether it tells of mail.
    pub const fn is_mail(self) -> bool {
        matches!(
            self,
            Self::TraceJson | Self::TraceCsv | Self::Hunted | Self::HuntedCsv
        )
    }

    /// Tells what a file is from its first text.
    pub fn of(head: &str) -> Self {
        let text = head.trim_start();
        if text.starts_with('<') {
            return of_clixml(text);
        }
        if text.starts_with(['[', '{']) {
            return of_json(text);
        }
        let mut lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("#TYPE"));
        of_columns(&rows::csv::fields(
            lines.next().unwrap_or_default().as_bytes(),
        ))
    }
}

fn of_columns(names: &[String]) -> Form {
    let has = |name: &str| names.iter().any(|own| own.eq_ignore_ascii_case(name));
    if has("AuditData") || has("ActionType") && has("RawEventData") {
        Form::AuditCsv
    } else if is_aggregate(names) {
        Form::HuntedCsv
    } else if Columns::of(names.iter().map(String::as_str)).are_mail() {
        Form::TraceCsv
    } else if are_connectors(names) {
        Form::ConnectorsCsv
    } else {
        of_small(names)
    }
}

/// By the names of all properties in the text: `Export-Clixml` gives an object all of them.
fn of_clixml(text: &str) -> Form {
    if !text.contains("<Objs ") && !text.contains("<Objs>") {
        return Form::Unknown;
    }
    let names = text.split(" N=\"").skip(1);
    let names: Vec<String> = names
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect();
    if are_connectors(&names) {
        Form::Clixml
    } else {
        of_small(&names)
    }
}

fn are_connectors(keys: &[String]) -> bool {
    let has = |name: &&str| keys.iter().any(|own| own == name);
    [
        "SenderIPAddresses",
        "SenderDomains",
        "TlsSenderCertificateName",
    ]
    .iter()
    .any(has)
}

/// What cmdlets print that stand around connectors, by the names of their properties.
fn of_small(keys: &[String]) -> Form {
    let has = |name: &str| keys.iter().any(|own| own == name);
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    if has("ConnectorId") {
        Form::BlockedConnectors
    } else if has("DomainName") && any(&["DomainType", "MatchSubDomains", "InitialDomain"]) {
        Form::AcceptedDomains
    } else if has("UnifiedAuditLogIngestionEnabled") {
        Form::AuditLogSettings
    } else if any(&["RuleErrorAction", "SenderAddressLocation"])
        || has("Priority") && has("Actions")
    {
        Form::TransportRules
    } else {
        Form::Unknown
    }
}

/// The keys of the first row that is there, as far as the text goes.
fn of_json(text: &str) -> Form {
    let keys = first_keys(text);
    let has = |name: &str| keys.iter().any(|own| own == name);
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    if has("connguard") || are_connectors(&keys) {
        return Form::Connectors;
    }
    if has("auditData") {
        return Form::AuditGraph;
    }
    if has("AuditData") || has("Operation") && any(&["CreationTime", "RecordType", "Workload"]) {
        return Form::AuditJson;
    }
    if has("ActionType") && any(&["RawEventData", "AccountDisplayName"]) {
        return Form::CloudAppEvents;
    }
    if is_aggregate(&keys) {
        return Form::Hunted;
    }
    if Columns::of(keys.iter().map(String::as_str)).are_mail() {
        return Form::TraceJson;
    }
    of_small(&keys)
}

/// The keys of the first row: of the object inside brackets and answers, and of one inside `properties`.
fn first_keys(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut keys = Vec::new();
    let mut depth: Vec<u8> = Vec::new();
    let mut at = 0;
    // The key before the bracket that is open, for each of them.
    let mut row_depth = None;
    let mut last_key = String::new();
    let mut expects_key = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let rest = text.get(at..).unwrap_or_default();
                let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let Some(Ok(string)) = stream.next() else {
                    return keys;
                };
                at += stream.byte_offset();
                if expects_key {
                    if row_depth.is_none_or(|row| depth.len() == row) {
                        keys.push(string.clone());
                    }
                    last_key = string;
                    expects_key = false;
                }
                continue;
            }
            b'{' => {
                depth.push(b'{');
                expects_key = true;
                let rows = ["value", "results", "Results", "records", "properties", "d"]
                    .contains(&last_key.as_str());
                if depth.len() == 1 || rows || row_depth.is_none() && depth.first() == Some(&b'[') {
                    if rows || depth.first() == Some(&b'[') {
                        // What stood around the rows is no column of theirs.
                        keys.clear();
                    }
                    row_depth = Some(depth.len());
                }
            }
            b'[' => {
                depth.push(b'[');
                expects_key = false;
            }
            b'}' | b']' => {
                let is_row = *byte == b'}' && row_depth == Some(depth.len());
                depth.pop();
                expects_key = false;
                if is_row && !(depth.is_empty() && keys.is_empty()) {
                    return keys;
                }
            }
            b',' => expects_key = depth.last() == Some(&b'{'),
            b':' => expects_key = false,
            _ => {}
        }
        at += 1;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_they_hold() {
        for (head, form) in [
            ("{\"connguard\": \"export/v1\",", Form::Connectors),
            (
                "[{\"Enabled\":true,\"SenderIPAddresses\":[",
                Form::Connectors,
            ),
            (
                "<Objs Version=\"1.1.0.1\"><Obj RefId=\"0\"><Props><Obj N=\"SenderIPAddresses\" RefId=\"1\">",
                Form::Clixml,
            ),
            (
                "<?xml version=\"1.0\"?><Objs><Obj><Props><S N=\"DomainName\">x</S><B N=\"InitialDomain\">true</B>",
                Form::AcceptedDomains,
            ),
            ("<html><Objs2 N=\"ConnectorId\">", Form::Unknown),
            ("\"ConnectorId\",\"Reason\"\r\n", Form::BlockedConnectors),
            ("Name,DomainName,DomainType\n", Form::AcceptedDomains),
            (
                "#TYPE x\r\n\"Enabled\",\"SenderIPAddresses\"\r\n",
                Form::ConnectorsCsv,
            ),
            ("AuditData,CreationDate,Identity\n", Form::AuditCsv),
            (
                "\"RecordId\",\"CreationDate\",\"AuditData\"\n",
                Form::AuditCsv,
            ),
            (
                "[{\"CreationTime\":\"2021\",\"Operation\":\"x\"}]",
                Form::AuditJson,
            ),
            (
                "{\"CreationTime\":\"2021\",\"Operation\":\"x\"}\n{",
                Form::AuditJson,
            ),
            (
                "{\"@odata.context\":\"x\",\"value\":[{\"id\":\"1\",\"createdDateTime\":\"\",\"auditData\":{\"Id\":1",
                Form::AuditGraph,
            ),
            (
                "[{\"MessageTraceId\":\"x\",\"Received@data.type\":\"y\",\"Received\":\"\",\"SenderAddress\":\"\",\"RecipientAddress\":\"\"",
                Form::TraceJson,
            ),
            (
                "{\"value\":[{\"id\":\"x\",\"senderAddress\":\"\",\"recipientAddress\":\"\",\"receivedDateTime\":\"\"}]}",
                Form::TraceJson,
            ),
            (
                "{\"time\":\"\",\"category\":\"AdvancedHunting-EmailEvents\",\"properties\":{\"Timestamp\":\"\",\"SenderMailFromAddress\":\"\",\"RecipientEmailAddress\":\"\"}",
                Form::TraceJson,
            ),
            (
                "{\"schema\":[{\"name\":\"Timestamp\",\"type\":\"DateTime\"}],\"results\":[{\"Timestamp\":\"\",\"SenderMailFromAddress\":\"\",\"RecipientEmailAddress\":\"\"}",
                Form::TraceJson,
            ),
            (
                "origin_timestamp_utc,sender_address,recipient_status\n",
                Form::TraceCsv,
            ),
            (
                "#TYPE Deserialized\r\n\"Received\",\"SenderAddress\",\"RecipientAddress\"\r\n",
                Form::TraceCsv,
            ),
            (
                "{\"schema\":[],\"results\":[{\"Hour\":\"\",\"Connector\":\"\",\"Mails\":1}]}",
                Form::Hunted,
            ),
            (
                "[{\"ConnectorId\":\"x\",\"Reason\":\"\"}]",
                Form::BlockedConnectors,
            ),
            (
                "[{\"DomainName\":\"x\",\"DomainType\":\"Authoritative\"}]",
                Form::AcceptedDomains,
            ),
            (
                "{\"Priority@data.type\":\"\",\"Priority\":0,\"Actions\":[\"x\"]}",
                Form::TransportRules,
            ),
            ("hello\nworld", Form::Unknown),
            ("{\"a\":1}", Form::Unknown),
            ("", Form::Unknown),
        ] {
            assert_eq!(Form::of(head), form, "{head}");
        }
    }
}
