//! Rows of CSV traces: `Get-MessageTraceV2 | Export-Csv`, historical searches in both forms, `EmailEvents`.

use super::{Columns, Fate, Field, Mail, Part, Reject, fate, from_ip};
use crate::evidence::date::Clock;
use crate::evidence::rows::fields::Row;

/// Hands on each mail of a row: one of a summary has several recipients.
///
/// # Errors
///
/// Why the row is not counted.
pub fn read<'r>(
    record: &Row<'r>,
    columns: &Columns,
    clock: &mut Clock,
    mut each: impl FnMut(Mail<'r>),
) -> Result<(), Reject> {
    if record.count() != columns.count() {
        return Err(Reject::Malformed);
    }
    let field = |field: Field| columns.place(field).and_then(|place| record.get(place));
    let part = match field(Field::Event) {
        None => Part::Whole,
        Some(event) if event.eq_ignore_ascii_case(b"RECEIVE") => Part::Arrival,
        // An extended search has a row for every event; only what settles a mail's fate tells something more.
        Some(_) => Part::End,
    };
    let time = field(Field::Time).unwrap_or_default();
    let seconds = clock.seconds(time).ok_or(Reject::Time)?;
    let fate = match part {
        Part::Arrival => None,
        Part::Whole => fate(field),
        Part::End => {
            let told = field(Field::RecipientStatus).map(Fate::of_status);
            let told = told.filter(|fate| *fate != Fate::Other);
            let told = told.or_else(|| field(Field::Event).map(Fate::of_status));
            match told {
                None | Some(Fate::Other) => return Ok(()),
                settled => settled,
            }
        }
    };
    let mail = Mail {
        seconds,
        sender: bare(field(Field::Sender).unwrap_or_default()),
        header_sender: field(Field::HeaderSender),
        recipient: b"",
        from_ip: from_ip(field),
        fate,
        connector: field(Field::Connector),
        id: field(Field::Id).unwrap_or_default(),
        part,
    };
    let recipients = field(Field::Recipient).unwrap_or_default();
    match field(Field::RecipientStatus) {
        // Only the summary pairs them; the extended form has the server's reply there.
        Some(pairs) if recipients.is_empty() => {
            let mut any = false;
            for pair in pairs.split(|byte| *byte == b';') {
                let end = memchr::memmem::find(pair, b"##").unwrap_or(pair.len());
                let recipient = pair.get(..end).unwrap_or_default().trim_ascii();
                let status = pair.get(end + 2..).map(Fate::of_status);
                if !recipient.is_empty() {
                    any = true;
                    each(Mail {
                        recipient,
                        fate: status.or(fate),
                        ..mail
                    });
                }
            }
            if any { Ok(()) } else { Err(Reject::Recipient) }
        }
        _ if recipients.is_empty() => Err(Reject::Recipient),
        _ => {
            for recipient in recipients.split(|byte| *byte == b';') {
                each(Mail {
                    recipient: recipient.trim_ascii(),
                    ..mail
                });
            }
            Ok(())
        }
    }
}

/// A sender without angle brackets: `<>` is the sender of a bounce.
pub(super) fn bare(sender: &[u8]) -> &[u8] {
    let sender = sender.trim_ascii();
    match sender {
        [b'<', inner @ .., b'>'] => inner,
        _ => sender,
    }
}
