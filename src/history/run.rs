//! What a run says of itself: the message of its commit.
//!
//! People read the text; programs read the trailers in its last paragraph.
//! Names that a tenant chose stand in the text only, escaped and indented.

use super::act::Act;
use super::remark::Remark;
use crate::document::time::parse_time;
use crate::snapshot::SourceKind;
use crate::tenant::is_tenant_name;
use crate::verdict::Verdict;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// So many tenants are named one by one.
const MOST_NAMED: usize = 20;

/// One run over some tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When the sources were read.
    pub taken_at: Timestamp,
    /// Tenants whose export was made at another time, which is then what counts.
    pub exported_at: BTreeMap<String, Timestamp>,
    /// The kinds of sources.
    pub sources: BTreeSet<SourceKind>,
    /// The tenants that were read completely.
    pub read: Read,
    /// How many tenants got which verdict.
    pub verdicts: BTreeMap<Verdict, usize>,
    /// Whether the time was given by hand.
    pub clock_given: bool,
    /// Whether addresses of the machine stood for the service: what was read then is nobody's organization.
    pub rehearsal: bool,
    /// What connguard itself did to an organization, where that is what the commit is about.
    pub act: Option<Act>,
    /// What is added later to what earlier runs saw, where that is what the commit is about.
    pub remark: Remark,
    /// The program's version.
    pub version: String,
}

/// Which tenants were read completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// These.
    Only(BTreeSet<String>),
    /// Every tenant of the commit's tree but these.
    AllExcept(BTreeSet<String>),
}

impl Read {
    /// The shorter way to say which of all tenants were read.
    pub fn of(read: BTreeSet<String>, all: &BTreeSet<String>) -> Self {
        let rest: BTreeSet<String> = all.difference(&read).cloned().collect();
        if read.len() > MOST_NAMED && rest.len() < read.len() {
            Self::AllExcept(rest)
        } else {
            Self::Only(read)
        }
    }

    /// Whether a tenant of the tree was read.
    pub fn names(&self, tenant: &str) -> bool {
        match self {
            Self::Only(read) => read.contains(tenant),
            Self::AllExcept(rest) => !rest.contains(tenant),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let names = |text: &str| {
            let name = |name: &str| {
                let name = name.trim();
                let known = is_tenant_name(name).then(|| name.to_owned());
                known.ok_or_else(|| format!("{name:?} names no tenant"))
            };
            text.split(',').map(name).collect::<Result<_, String>>()
        };
        match text {
            "none" => Ok(Self::Only(BTreeSet::new())),
            "all" => Ok(Self::AllExcept(BTreeSet::new())),
            _ => match text.strip_prefix("all except ") {
                Some(rest) => names(rest).map(Self::AllExcept),
                None => names(text).map(Self::Only),
            },
        }
    }
}

impl std::fmt::Display for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Only(read) if read.is_empty() => f.write_str("none"),
            Self::Only(read) => f.write_str(&joined(read)),
            Self::AllExcept(rest) if rest.is_empty() => f.write_str("all"),
            Self::AllExcept(rest) => write!(f, "all except {}", joined(rest)),
        }
    }
}

fn joined(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Run {
    /// When a tenant that was read was seen in the state that was recorded.
    pub fn time_of(&self, tenant: &str) -> Timestamp {
        self.exported_at
            .get(tenant)
            .copied()
            .unwrap_or(self.taken_at)
    }

    /// The message: one line, a text for people, and the trailers.
    pub fn message(&self, title: &str, text: &str) -> String {
        let mut message = format!("{title}\n\n");
        if !text.is_empty() {
            let _ = writeln!(message, "{}\n", text.trim_end());
        }
        let _ = writeln!(message, "Taken-At: {}", self.taken_at);
        let mut exported: BTreeMap<Timestamp, Vec<&str>> = BTreeMap::new();
        for (tenant, time) in &self.exported_at {
            exported.entry(*time).or_default().push(tenant);
        }
        for (time, tenants) in exported {
            let _ = writeln!(message, "Exported-At: {time} {}", tenants.join(", "));
        }
        let sources: Vec<&str> = self.sources.iter().map(|kind| kind.name()).collect();
        let _ = writeln!(message, "Source: {}", sources.join(", "));
        let _ = writeln!(message, "Read: {}", self.read);
        if !self.verdicts.is_empty() {
            let count =
                |(verdict, count): (&Verdict, &usize)| format!("{} {count}", verdict.name());
            let counts: Vec<String> = self.verdicts.iter().map(count).collect();
            let _ = writeln!(message, "Verdicts: {}", counts.join(", "));
        }
        if self.clock_given {
            let _ = writeln!(message, "Clock: given");
        }
        if self.rehearsal {
            let _ = writeln!(message, "Rehearsal: yes");
        }
        if let Some(act) = &self.act {
            message.push_str(&act.trailers());
        }
        message.push_str(&self.remark.trailers());
        let _ = writeln!(message, "Connguard-Version: {}", self.version);
        message
    }

    /// Reads the trailers of a message; the reason when a run did not write it.
    pub fn parse(message: &str) -> Result<Self, String> {
        let paragraph = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
        let mut run = Self {
            taken_at: Timestamp::UNIX_EPOCH,
            exported_at: BTreeMap::new(),
            sources: BTreeSet::new(),
            read: Read::Only(BTreeSet::new()),
            verdicts: BTreeMap::new(),
            clock_given: false,
            rehearsal: false,
            act: None,
            remark: Remark::default(),
            version: String::new(),
        };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for line in paragraph.lines() {
            let Some((key, value)) = line
                .split_once(": ")
                .or(line.strip_suffix(':').map(|key| (key, "")))
            else {
                return Err(format!("{line:?} is no trailer"));
            };
            if !seen.insert(key) && !matches!(key, "Exported-At" | "Attributed") {
                return Err(format!("{key} is there twice"));
            }
            run.take(key, value)?;
        }
        match ["Taken-At", "Source", "Read", "Connguard-Version"]
            .into_iter()
            .find(|key| !seen.contains(key))
        {
            Some(missing) => Err(format!("it has no trailer {missing}")),
            None => Ok(run),
        }
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "Taken-At" => self.taken_at = time(value)?,
            "Exported-At" => {
                let (at, tenants) = value.split_once(' ').unwrap_or((value, ""));
                let at = time(at)?;
                let names = tenants.split(", ").map(|name| (name.to_owned(), at));
                self.exported_at.extend(names);
            }
            "Source" => {
                for word in value.split(", ").filter(|word| !word.is_empty()) {
                    let kind = SourceKind::NAMES.iter().find(|(name, _)| *name == word);
                    let (_, kind) = kind.ok_or_else(|| format!("there is no source {word:?}"))?;
                    self.sources.insert(*kind);
                }
            }
            "Read" => self.read = Read::parse(value)?,
            "Verdicts" => {
                for part in value.split(", ") {
                    let (word, count) = part.rsplit_once(' ').unwrap_or((part, ""));
                    let verdict = Verdict::ALL.into_iter().find(|own| own.name() == word);
                    let verdict = verdict.ok_or_else(|| format!("there is no verdict {word:?}"))?;
                    let count = count
                        .parse()
                        .map_err(|_| format!("{part:?} has no count"))?;
                    self.verdicts.insert(verdict, count);
                }
            }
            "Clock" => self.clock_given = true,
            "Connguard-Version" => value.clone_into(&mut self.version),
            "Rehearsal" => self.rehearsal = true,
            "Act" | "Act-Tenant" | "Act-State" | "Act-By" | "Act-Requests" => {
                Act::take(&mut self.act, key, value)?;
            }
            "Attributed" | "Case" => self.remark.take(key, value)?,
            // A later version may say more.
            _ => {}
        }
        Ok(())
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    parse_time(text).ok_or_else(|| format!("{text:?} is no time"))
}
