//! What connguard itself did to an organization, as the history keeps it.
//!
//! A plan that is carried out leaves a commit before and after every write, so
//! that a change by our own hand is never one that nobody can explain, and a
//! run that was cut off says how far it came.

use crate::connector::{Guid, parse_guid};
use crate::digest::Digest;
use crate::tenant::is_tenant_name;

/// One thing that was done, or was about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What is being carried out.
    pub deed: Deed,
    /// The tenant.
    pub tenant: String,
    /// How far it is.
    pub state: State,
    /// Which identity does it.
    pub by: String,
    /// The ids of the requests that were sent for it.
    pub requests: Vec<String>,
}

/// What is being carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A plan, by its digest.
    Apply(Digest),
    /// Letting a connector send again.
    Unblock(Guid),
}

/// How far it is. Steps count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything was looked at, and nothing written.
    Begun,
    /// A step is about to be written.
    Intent(usize),
    /// A step was written and seen.
    Done(usize),
    /// A step was written, and is not visible yet.
    NotSeen(usize),
    /// A step may have been written: its answer was lost.
    Unknown(usize),
    /// A step was refused.
    Failed(usize),
    /// Everything is as it should be.
    Completed,
    /// It ended before everything was.
    Stopped,
}

impl State {
    const WORDS: [&'static str; 8] = [
        "begun",
        "intent",
        "done",
        "not-seen",
        "unknown",
        "failed",
        "completed",
        "stopped",
    ];

    const fn parts(self) -> (usize, Option<usize>) {
        match self {
            Self::Begun => (0, None),
            Self::Intent(step) => (1, Some(step)),
            Self::Done(step) => (2, Some(step)),
            Self::NotSeen(step) => (3, Some(step)),
            Self::Unknown(step) => (4, Some(step)),
            Self::Failed(step) => (5, Some(step)),
            Self::Completed => (6, None),
            Self::Stopped => (7, None),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (word, step) = match text.split_once(' ') {
            Some((word, step)) => (word, step.parse().ok()),
            None => (text, None),
        };
        let all = |step: usize| {
            [
                Self::Begun,
                Self::Intent(step),
                Self::Done(step),
                Self::NotSeen(step),
                Self::Unknown(step),
                Self::Failed(step),
                Self::Completed,
                Self::Stopped,
            ]
        };
        all(step.unwrap_or_default())
            .into_iter()
            .find(|state| state.to_string() == text && state.word() == word)
    }

    /// Whether it says how something ended, for good or not.
    pub const fn is_an_end(self) -> bool {
        !matches!(self, Self::Begun | Self::Intent(_) | Self::Done(_))
    }

    /// The word in files and output.
    pub fn word(self) -> &'static str {
        Self::WORDS.get(self.parts().0).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.parts().1 {
            Some(step) => write!(f, "{} {step}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Apply(digest) => write!(f, "apply {digest}"),
            Self::Unblock(id) => write!(f, "unblock {id}"),
        }
    }
}

impl Deed {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("apply", digest) => Digest::parse(digest).map(Self::Apply),
            ("unblock", id) => parse_guid(id).map(Self::Unblock),
            _ => None,
        }
    }
}

impl Act {
    /// The trailers of its commit.
    pub fn trailers(&self) -> String {
        let mut text = format!(
            "Act: {}\nAct-Tenant: {}\nAct-State: {}\nAct-By: {}\n",
            self.deed, self.tenant, self.state, self.by
        );
        if !self.requests.is_empty() {
            text.push_str(&format!("Act-Requests: {}\n", self.requests.join(", ")));
        }
        text
    }

    /// Reads a trailer into what was read of an act so far.
    pub(super) fn take(act: &mut Option<Self>, key: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{value:?} cannot stand in {key}");
        if key == "Act" {
            *act = Some(Self {
                deed: Deed::parse(value).ok_or_else(wrong)?,
                tenant: String::new(),
                state: State::Begun,
                by: String::new(),
                requests: Vec::new(),
            });
            return Ok(());
        }
        let act = act
            .as_mut()
            .ok_or_else(|| format!("{key} stands before Act"))?;
        match key {
            "Act-Tenant" if is_tenant_name(value) => value.clone_into(&mut act.tenant),
            "Act-State" => act.state = State::parse(value).ok_or_else(wrong)?,
            "Act-By" => value.clone_into(&mut act.by),
            "Act-Requests" => act.requests = value.split(", ").map(str::to_owned).collect(),
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// The act in words.
    pub fn words(&self) -> String {
        format!("{} of {}: {}", self.deed, self.tenant, self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_read_as_they_are_written() {
        let states = [
            State::Begun,
            State::Intent(3),
            State::Done(12),
            State::NotSeen(1),
            State::Unknown(2),
            State::Failed(4),
            State::Completed,
            State::Stopped,
        ];
        for state in states {
            let act = Act {
                deed: Deed::Apply(Digest::of(b"plan")),
                tenant: "contoso".to_owned(),
                state,
                by: "application 1".to_owned(),
                requests: vec!["a".to_owned(), "b".to_owned()],
            };
            let mut read = None;
            for line in act.trailers().lines() {
                let (key, value) = line.split_once(": ").unwrap_or_default();
                assert_eq!(Act::take(&mut read, key, value), Ok(()), "{line}");
            }
            assert_eq!(read, Some(act));
        }
        assert_eq!(State::parse("intent"), None);
        assert_eq!(State::parse("begun 1"), None);
    }
}
