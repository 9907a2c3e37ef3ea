//! What was recorded, for people and for programs.

use super::message::lines;
use super::tenant::Done;
use super::{Recorded, Recorder};
use crate::canonical;
use crate::cli::Outcome;
use crate::cli::history_key::HistoryKey;
use crate::cli::status::Shown;
use crate::history::change::Difference;
use crate::history::short;
use crate::hostile_text::visible;
use crate::report::counted;
use crate::report::pipeline;
use crate::verdict::{self, Verdict};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `schema` of the JSON form.
const SCHEMA: &str = "connguard/recorded/v1";

impl Recorder<'_> {
    pub(super) fn show(&self, recorded: &Recorded) -> Outcome {
        match self.arguments.format {
            Shown::Human => self.console.text(&self.page(recorded))?,
            Shown::Json => {
                let text = canonical::to_string(&self.json(recorded));
                self.console.result(&pipeline::defuse_json(&text))?;
            }
        }
        let failed = |done: &Done| match (&done.reason, done.judged.assessment.errors.is_empty()) {
            (Some(_), false) => 1,
            (Some(_), true) => 3,
            (None, _) => 0,
        };
        let mut codes: Vec<u8> = recorded.done.iter().map(failed).collect();
        if let Some(reason) = &recorded.unpushed {
            self.console.note(&format!(
                "recorded here and not pushed: {reason} → the next run pushes it, too"
            ));
            codes.push(3);
        }
        Ok(verdict::worst(&codes))
    }

    fn page(&self, recorded: &Recorded) -> String {
        let mut text = match recorded.commit {
            Some(commit) => format!(
                "recorded {}{}\n",
                short(commit),
                match &self.key {
                    Some(HistoryKey {
                        principal: Some(principal),
                        ..
                    }) => format!(", signed by {principal}"),
                    Some(_) => ", signed by a key that the root gives no role".to_owned(),
                    None => ", unsigned".to_owned(),
                }
            ),
            None if recorded.done.iter().all(|done| done.reason.is_some()) => {
                "NOTHING WAS READ, and no commit was made\n".to_owned()
            }
            None => format!(
                "nothing new since {}: no commit was made, as the policy's heartbeat asks for none yet\n",
                recorded.parent.map_or_else(String::new, short)
            ),
        };
        for done in &recorded.done {
            let conclusion = &done.judged.conclusion;
            let verdict = match (conclusion.verdict, done.judged.assessment.obstacles.first()) {
                // Of a state that was not recorded nothing is said here.
                _ if done.reason.is_some() => String::new(),
                (Verdict::NotCompared, Some(reason)) => {
                    format!("; not-compared: {}", visible(reason))
                }
                (verdict, _) => format!("; {}", verdict.name()),
            };
            let state = match (&done.seen, &done.reason) {
                (None, Some(reason)) => format!("not recorded: {}", visible(reason)),
                (Some(_), Some(reason)) => format!("not read completely: {}", visible(reason)),
                (Some(seen), None) if seen.first => "recorded for the first time".to_owned(),
                (Some(seen), None) if seen.changes.is_empty() => "nothing new".to_owned(),
                (Some(seen), None) => counted(seen.changes.len(), "change"),
                (None, None) => String::new(),
            };
            let _ = writeln!(text, "  {}: {state}{verdict}", done.name);
            if let Some(seen) = done.seen.as_ref().filter(|seen| !seen.first) {
                for line in lines(&seen.changes) {
                    let _ = writeln!(text, "    {line}");
                }
            }
        }
        if let (Some(_), Some(remote), None) =
            (recorded.commit, &self.arguments.push, &recorded.unpushed)
        {
            let _ = writeln!(text, "  pushed to {}", visible(remote));
        }
        text
    }

    fn json(&self, recorded: &Recorded) -> serde_json::Value {
        let not_read: Vec<_> = recorded
            .done
            .iter()
            .filter_map(|done| {
                Some(json!({ "tenant": done.name, "reason": done.reason.as_ref()? }))
            })
            .collect();
        let read: Vec<&String> = recorded
            .done
            .iter()
            .filter(|done| done.seen.is_some() && done.reason.is_none())
            .map(|done| &done.name)
            .collect();
        let changes: BTreeMap<&String, &Vec<Difference>> = recorded
            .done
            .iter()
            .filter_map(|done| Some((&done.name, &done.seen.as_ref()?.changes)))
            .filter(|(_, changes)| !changes.is_empty())
            .collect();
        let verdicts: BTreeMap<&str, usize> = Verdict::ALL
            .iter()
            .map(|verdict| {
                (
                    verdict.name(),
                    recorded
                        .run
                        .verdicts
                        .get(verdict)
                        .copied()
                        .unwrap_or_default(),
                )
            })
            .collect();
        json!({
            "schema": SCHEMA,
            "commit": recorded.commit.map(|commit| commit.to_string()),
            "parent": recorded.parent.map(|commit| commit.to_string()),
            "ref": self.history().name,
            "taken_at": recorded.run.taken_at,
            "read": read,
            "not_read": not_read,
            "changes": changes,
            "verdicts": verdicts,
            "signed": self.key.is_some(),
            "signed_by": self.key.as_ref().and_then(|key| key.principal.clone()),
            "pushed": self.arguments.push.is_some() && recorded.commit.is_some() && recorded.unpushed.is_none(),
        })
    }
}
