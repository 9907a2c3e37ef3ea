//! `Get-MessageTraceV2`: no pages, but the last row of an answer begins the next one (reference section 4.5).

use super::Fault;
use super::answer::Answer;
use super::service::{Cmdlet, Service};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

/// Rows that one answer holds at most.
const MOST_ROWS: usize = 5000;

/// One answer covers ten days at most.
const SPAN: SignedDuration = SignedDuration::from_hours(24 * 10);

/// So many bytes of rows are kept; more is for hunting, where the mail is.
const MOST_BYTES: usize = 512 << 20;

impl Service<'_> {
    /// Every row of some time, newest first in each ten days.
    ///
    /// # Errors
    ///
    /// The fault where nothing was read. What may not be all has its doubts with it.
    pub fn message_trace(&self, (from, to): (Timestamp, Timestamp)) -> Result<Answer, Fault> {
        let mut all = Answer::default();
        let mut bytes = 0;
        let mut end = to;
        while end > from {
            let start = from.max(end - SPAN);
            let mut until = end.to_string();
            let mut recipient: Option<String> = None;
            loop {
                let mut parameters = json!({
                    "StartDate": start.to_string(),
                    "EndDate": until,
                    "ResultSize": MOST_ROWS,
                });
                if let (Some(recipient), Some(own)) = (&recipient, parameters.as_object_mut()) {
                    own.insert("StartingRecipientAddress".to_owned(), json!(recipient));
                }
                let cmdlet = Cmdlet {
                    name: "Get-MessageTraceV2",
                    parameters,
                };
                let answer = match self.list(&cmdlet) {
                    Ok(answer) => answer,
                    Err(fault) if all.requests.is_empty() => return Err(fault),
                    Err(fault) => {
                        all.doubts
                            .push(format!("mail before {until} could not be read: {fault}"));
                        return Ok(all);
                    }
                };
                all.requests.extend(answer.requests);
                bytes += answer.rows.iter().map(String::len).sum::<usize>();
                let last = answer
                    .rows
                    .last()
                    .and_then(|row| serde_json::from_str::<Json>(row).ok());
                let full = answer.rows.len() >= MOST_ROWS;
                all.rows.extend(answer.rows);
                // That there is more is said by a warning alone; one on an answer that is not full says something else.
                if answer.doubts.is_empty() {
                    break;
                }
                let text = |name: &str| Some(last.as_ref()?.get(name)?.as_str()?.to_owned());
                let (Some(received), Some(next)) = (text("Received"), text("RecipientAddress"))
                else {
                    all.doubts.extend(answer.doubts);
                    break;
                };
                let stands = received == until && recipient.as_ref() == Some(&next);
                if !full || stands || bytes > MOST_BYTES {
                    all.doubts.extend(answer.doubts);
                    break;
                }
                (until, recipient) = (received, Some(next));
            }
            if bytes > MOST_BYTES {
                all.doubts.push(format!("mail before {until} was left out: there is more than {} MiB; count it where it is, with --hunt", MOST_BYTES >> 20));
                return Ok(all);
            }
            end = start;
        }
        Ok(all)
    }
}
