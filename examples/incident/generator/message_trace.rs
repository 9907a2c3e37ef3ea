//! Message trace: `Get-MessageTraceV2` and Microsoft Graph. Neither knows the connector or the header sender.

use super::clock::{date_ms, iso_seven};
use super::json::{Json, lines, object};
use super::message::{Message, Status};
use super::table::{Quoting, row};

/// A form of export.
#[derive(Clone, Copy)]
pub enum TraceForm {
    /// `ConvertTo-Json`, PowerShell 7: dates in ISO 8601.
    JsonIso,
    /// `ConvertTo-Json`, Windows PowerShell 5.1: `/Date(ms)/`, and some characters escaped.
    JsonMilliseconds,
    /// `Export-Csv` of PowerShell 7.
    Csv,
    /// `Export-Csv` of Windows PowerShell 5.1: the type in the first line, everything quoted.
    CsvTyped,
    /// REST rows with side keys.
    Rest,
    /// Microsoft Graph.
    Graph,
}

/// How rows are written.
#[derive(Clone, Copy)]
pub struct TraceStyle {
    /// The form.
    pub form: TraceForm,
    /// Addresses of version 4 as `::ffff:a.b.c.d`.
    pub mapped: bool,
    /// The sender of a bounce as `<>` instead of nothing.
    pub angles: bool,
}

const COLUMNS: [&str; 10] = [
    "MessageTraceId",
    "MessageId",
    "Received",
    "SenderAddress",
    "RecipientAddress",
    "FromIP",
    "ToIP",
    "Subject",
    "Status",
    "Size",
];

impl TraceStyle {
    /// The rows as one file, newest first, as they are given.
    pub fn write(self, messages: &[&Message]) -> String {
        match self.form {
            TraceForm::JsonIso => lines(&self.rows(messages, false)),
            TraceForm::JsonMilliseconds => lines(&self.rows(messages, false))
                .replace('<', "\\u003c")
                .replace('>', "\\u003e")
                .replace('\'', "\\u0027"),
            TraceForm::Csv => self.csv(messages, Quoting::Needed),
            TraceForm::CsvTyped => {
                let table = self.csv(messages, Quoting::Always);
                format!("#TYPE System.Management.Automation.PSCustomObject\r\n{table}")
            }
            TraceForm::Rest => format!(
                "{{\"@odata.context\":\"https://outlook.office365.com/adminapi/beta/$metadata#Collection(Exchange.GenericHashTable)\",\"adminapi.warnings@odata.type\":\"#Collection(String)\",\"@adminapi.warnings\":[],\"value\":{}}}\n",
                lines(&self.rows(messages, true)).trim_end()
            ),
            TraceForm::Graph => {
                let rows: Vec<Json> = messages.iter().map(|message| self.graph(message)).collect();
                format!(
                    "{{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#admin/exchange/tracing/messageTraces\",\"value\":{}}}\n",
                    lines(&rows).trim_end()
                )
            }
        }
    }

    fn rows(self, messages: &[&Message], side_keys: bool) -> Vec<Json> {
        messages
            .iter()
            .map(|message| self.row(message, side_keys))
            .collect()
    }

    fn row(self, message: &Message, side_keys: bool) -> Json {
        let received: Json = match self.form {
            TraceForm::JsonMilliseconds => date_ms(message.at).into(),
            _ => iso_seven(message.at).into(),
        };
        let id = ("MessageTraceId", (&message.trace_id).into());
        let header = ("MessageId", (&message.message_id).into());
        let received = ("Received", received);
        let sender = ("SenderAddress", self.sender(message).into());
        let recipient = ("RecipientAddress", (&message.recipient).into());
        let from = ("FromIP", self.address(&message.from_ip).into());
        let to = ("ToIP", (&message.to_ip).into());
        let subject = ("Subject", (&message.subject).into());
        let status = ("Status", message.status.name().into());
        let size = ("Size", message.size.into());
        if !side_keys {
            return object([
                id, header, received, sender, recipient, from, to, subject, status, size,
            ]);
        }
        let date = ("Received@data.type", "System.DateTime".into());
        let number = ("Size@data.type", "System.Int32".into());
        object([
            id, header, date, received, sender, recipient, from, to, subject, status, number, size,
        ])
    }

    fn graph(self, message: &Message) -> Json {
        let status = match message.status {
            Status::Delivered => "delivered",
            Status::Failed => "failed",
            Status::FilteredAsSpam => "filteredAsSpam",
            Status::Quarantined => "quarantined",
            Status::Expanded => "expanded",
            Status::Unfinished => "gettingStatus",
            Status::Resolved => "unknownFutureValue",
        };
        object([
            ("id", (&message.trace_id).into()),
            ("messageId", (&message.message_id).into()),
            ("receivedDateTime", iso_seven(message.at).into()),
            ("senderAddress", self.sender(message).into()),
            ("recipientAddress", (&message.recipient).into()),
            ("fromIP", self.address(&message.from_ip).into()),
            ("toIP", (&message.to_ip).into()),
            ("subject", (&message.subject).into()),
            ("status", status.into()),
            ("size", message.size.into()),
        ])
    }

    fn csv(self, messages: &[&Message], quoting: Quoting) -> String {
        let mut out = String::new();
        row(&mut out, &COLUMNS, quoting);
        for message in messages {
            let fields = [
                &message.trace_id,
                &message.message_id,
                &iso_seven(message.at),
                &self.sender(message),
                &message.recipient,
                &self.address(&message.from_ip),
                &message.to_ip,
                &message.subject,
                message.status.name(),
                &message.size.to_string(),
            ];
            row(&mut out, &fields, quoting);
        }
        out
    }

    fn sender(self, message: &Message) -> String {
        if message.mail_from.is_empty() && self.angles {
            "<>".into()
        } else {
            message.mail_from.clone()
        }
    }

    fn address(self, address: &str) -> String {
        if self.mapped && !address.contains(':') {
            format!("::ffff:{address}")
        } else {
            address.into()
        }
    }
}
