//! Reports of `Start-HistoricalSearch`, which name the connector. The files are UTF-16 without a byte order mark.

use super::clock::iso_seven;
use super::message::{Direction, Message, Status};
use super::organization::Organization;
use super::table::{Quoting, row};

const SUMMARY: [&str; 11] = [
    "origin_timestamp_utc",
    "sender_address",
    "recipient_status",
    "message_subject",
    "total_bytes",
    "message_id",
    "network_message_id",
    "original_client_ip",
    "directionality",
    "connector_id",
    "delivery_priority",
];

const EXTENDED: [&str; 27] = [
    "date_time_utc",
    "client_ip",
    "client_hostname",
    "server_ip",
    "server_hostname",
    "source_context",
    "connector_id",
    "source",
    "event_id",
    "internal_message_id",
    "message_id",
    "network_message_id",
    "recipient_address",
    "recipient_status",
    "total_bytes",
    "recipient_count",
    "related_recipient_address",
    "reference",
    "message_subject",
    "sender_address",
    "return_path",
    "message_info",
    "directionality",
    "tenant_id",
    "original_client_ip",
    "original_server_ip",
    "custom_data",
];

/// One row for each message; its recipients share the column `recipient_status`.
pub fn summary(messages: &[&Message]) -> String {
    let mut out = String::new();
    row(&mut out, &SUMMARY, Quoting::Needed);
    for recipients in messages.chunk_by(|a, b| a.trace_id == b.trace_id) {
        let message = recipients[0];
        let statuses: Vec<String> = recipients
            .iter()
            .map(|message| format!("{}##{}", message.recipient, message.status.name()))
            .collect();
        let fields = [
            &iso_seven(message.at),
            sender(message),
            &statuses.join(";"),
            &message.subject,
            &message.size.to_string(),
            &message.message_id,
            &message.trace_id,
            &message.from_ip,
            directionality(message),
            connector(message),
            "Normal",
        ];
        row(&mut out, &fields, Quoting::Needed);
    }
    out
}

/// One row for each event: the message is received, then for each recipient it is sent, delivered or fails.
pub fn extended(messages: &[&Message], organization: &Organization) -> String {
    let mut out = String::new();
    row(&mut out, &EXTENDED, Quoting::Needed);
    for recipients in messages.chunk_by(|a, b| a.trace_id == b.trace_id) {
        let message = recipients[0];
        let all: Vec<&str> = recipients
            .iter()
            .map(|message| message.recipient.as_str())
            .collect();
        let received = Event {
            at: message.at,
            source: "SMTP",
            event_id: "RECEIVE",
            recipient: all.join(";"),
            status: "",
            count: recipients.len(),
        };
        received.write(message, organization, &mut out);
        for message in recipients {
            let (source, event_id) = fate(message);
            let event = Event {
                at: message.at + 2_300,
                source,
                event_id,
                recipient: message.recipient.clone(),
                status: message.status.name(),
                count: 1,
            };
            event.write(message, organization, &mut out);
        }
    }
    out
}

struct Event {
    at: i64,
    source: &'static str,
    event_id: &'static str,
    recipient: String,
    status: &'static str,
    count: usize,
}

impl Event {
    fn write(&self, message: &Message, organization: &Organization, out: &mut String) {
        let custom = if message.status.is_filtered() {
            "S:SFA=SUM|SFV=SPM|SCL=6"
        } else {
            "S:SFA=SUM|SFV=NSPM|SCL=1"
        };
        let fields = [
            &iso_seven(self.at),
            &message.from_ip,
            "",
            "2001:db8:f400::25",
            &format!("{}MB0001", organization.forest),
            "",
            connector(message),
            self.source,
            self.event_id,
            "",
            &message.message_id,
            &message.trace_id,
            &self.recipient,
            self.status,
            &message.size.to_string(),
            &self.count.to_string(),
            "",
            "",
            &message.subject,
            sender(message),
            sender(message),
            "",
            directionality(message),
            &organization.tenant_id,
            &message.from_ip,
            "",
            custom,
        ];
        row(out, &fields, Quoting::Needed);
    }
}

fn fate(message: &Message) -> (&'static str, &'static str) {
    match (message.status, message.direction) {
        (Status::Failed | Status::Quarantined, _) => ("DSN", "FAIL"),
        (Status::Expanded, _) => ("ROUTING", "EXPAND"),
        (Status::Resolved, _) => ("ROUTING", "RESOLVE"),
        (_, Direction::Outbound) => ("SMTP", "SENDEXTERNAL"),
        _ => ("STOREDRIVER", "DELIVER"),
    }
}

fn sender(message: &Message) -> &str {
    if message.mail_from.is_empty() {
        "<>"
    } else {
        &message.mail_from
    }
}

fn connector(message: &Message) -> &str {
    message.connector.as_deref().unwrap_or_default()
}

fn directionality(message: &Message) -> &'static str {
    match message.direction {
        Direction::Inbound => "Incoming",
        Direction::Outbound | Direction::IntraOrg => "Originating",
    }
}
