//! How people name a point in a history: a commit, so many runs back, or a time.

use super::{Entry, History, HistoryError, short};
use crate::document::time::parse_time;

impl History {
    /// The entry that a text names: `tip`, `tip~3`, a commit or its beginning, or a time, for the newest run until then.
    ///
    /// Only commits that the ref leads to are found: whatever else is stored in the repository is no history.
    pub fn entry_named(&self, text: &str) -> Result<Entry, HistoryError> {
        let tip = self.needed_tip()?;
        let nothing = || {
            HistoryError::NotFound(format!(
                "{text:?} names nothing in the history; write a commit, a time such as 2026-11-20T09:00:00Z, `tip` or `tip~1`"
            ))
        };
        if let Some(back) = steps(text) {
            return self.from(tip).nth(back).ok_or_else(nothing)?;
        }
        if let Some(time) = parse_time(text) {
            for entry in self.from(tip) {
                let entry = entry?;
                if entry.run.taken_at <= time {
                    return Ok(entry);
                }
            }
            return Err(HistoryError::NotFound(format!(
                "the history begins after {time}"
            )));
        }
        let prefix = text.to_ascii_lowercase();
        let is_hex = prefix.len() >= 4 && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(nothing());
        }
        let mut found: Option<Entry> = None;
        for entry in self.from(tip) {
            let entry = entry?;
            if entry.id.to_string().starts_with(&prefix) {
                if let Some(other) = found {
                    return Err(HistoryError::NotFound(format!(
                        "{text:?} is the beginning of two commits, {} and {}",
                        short(other.id),
                        short(entry.id)
                    )));
                }
                found = Some(entry);
            }
        }
        found.ok_or_else(nothing)
    }
}

/// How many runs back `tip`, `tip~`, `tip~3`, `tip^` go.
fn steps(text: &str) -> Option<usize> {
    let rest = text
        .strip_prefix("tip")
        .or_else(|| text.strip_prefix("HEAD"))?;
    match rest {
        "" => Some(0),
        "~" | "^" => Some(1),
        _ => rest.strip_prefix('~')?.parse().ok(),
    }
}
