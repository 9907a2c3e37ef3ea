//! Microsoft's four steps for a compromised connector, as a list that can be ticked off: what was found, what to do,
//! with which command, and what must be true before.
//!
//! Source: *Respond to a compromised connector* (Microsoft Defender for Office 365; reference section 5).

mod account;

use super::actor::Triage;
use super::attribution::state::State;
use super::verdict::CaseVerdict;
use super::{Judged, Known, Question};
use crate::connector::property::{Property, SetBy};
use crate::powershell::literal;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// The four steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Runbook {
    /// In their order.
    pub steps: Vec<Step>,
}

/// A step of the runbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Step {
    /// What the runbook calls it.
    pub title: &'static str,
    /// What must be true before it is begun.
    pub before: Vec<String>,
    /// What there is to do.
    pub items: Vec<Item>,
}

/// Something to do or to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Item {
    /// Its name in the case, by which it is ticked off.
    pub id: String,
    /// What it is.
    pub title: String,
    /// What was found about it.
    pub found: String,
    /// How much it matters here.
    pub state: ItemState,
    /// The commands, each ready to be reviewed and run.
    pub commands: Vec<Command>,
}

/// How far an item is, by the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemState {
    /// It has to be done.
    ToDo,
    /// The evidence answers it.
    Answered,
    /// Evidence is missing.
    Unknown,
    /// There is nothing to do.
    NothingToDo,
}

impl ItemState {
    /// The words in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToDo => "to do",
            Self::Answered => "answered",
            Self::Unknown => "unknown",
            Self::NothingToDo => "nothing to do",
        }
    }
}

/// A command, and what runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Command {
    /// `connguard`, `PowerShell` or `Graph`.
    pub tool: &'static str,
    /// The line, or lines.
    pub line: String,
    /// What it does.
    pub does: String,
}

fn powershell(line: impl Into<String>, does: &str) -> Command {
    Command {
        tool: "PowerShell",
        line: line.into(),
        does: does.to_owned(),
    }
}

fn connguard(line: impl Into<String>, does: &str) -> Command {
    Command {
        tool: "connguard",
        line: line.into(),
        does: does.to_owned(),
    }
}

/// The runbook of an investigation.
pub(super) fn runbook(
    question: &Question<'_>,
    connectors: &[Judged],
    actors: &[Triage],
    known: &Known<'_>,
) -> Runbook {
    let bad: Vec<&Judged> = connectors
        .iter()
        .filter(|own| own.verdict >= CaseVerdict::Suspicious)
        .collect();
    let making = Making {
        question,
        connectors,
        bad,
        actors,
        known,
    };
    Runbook {
        steps: vec![
            making.find(),
            making.revert(),
            making.unblock(),
            making.account(),
        ],
    }
}

struct Making<'m> {
    question: &'m Question<'m>,
    connectors: &'m [Judged],
    bad: Vec<&'m Judged>,
    actors: &'m [Triage],
    known: &'m Known<'m>,
}

impl<'m> Making<'m> {
    /// A command of connguard's own, where there is an audit repository that knows the organization: for another one
    /// of the same name it would do the wrong thing.
    fn own(&self, line: impl FnOnce(&str) -> String, does: &str) -> Option<Command> {
        let tenant = self.question.tenant;
        self.question
            .in_repository
            .then(|| connguard(line(tenant), does))
    }

    /// Whether the log says anything of what administrators do in Exchange.
    fn has_log(&self) -> bool {
        self.known.log.is_some_and(|log| log.window().is_some())
    }

    /// The time that evidence should cover.
    fn window(&self) -> (Timestamp, Timestamp) {
        let changes = self.question.attribution.changes.iter();
        let now = self.question.now;
        let newest = self.question.states.last().map_or(now, |state| state.at);
        let first = changes.map(|change| change.at).min().unwrap_or(newest);
        // What is normal is learnt from the month before. Exports can bear any time.
        let from = first.min(newest).checked_sub(days(30));
        let to = newest.min(now).checked_add(days(1));
        (from.unwrap_or(Timestamp::MIN), to.unwrap_or(now))
    }

    /// Exports mail of that time, as far as the service still has it: it keeps ninety days.
    fn trace(&self) -> Option<Command> {
        let (from, to) = self.window();
        let kept = self.question.now.checked_sub(days(89));
        let from = from.max(kept.unwrap_or(Timestamp::MIN));
        (from < to).then(|| powershell(
            format!(
                "for ($day = [datetime]'{}'; $day -lt [datetime]'{}'; $day = $day.AddDays(1)) {{ Get-MessageTraceV2 -StartDate $day -EndDate $day.AddDays(1) -ResultSize 5000 | Export-Csv trace.csv -Append -NoTypeInformation }}",
                day(from), day(to)
            ),
            "exports mail day by day; where it warns that there is more, ask for hours",
        ))
    }

    /// Step 1: find the suspicious connector.
    fn find(&self) -> Step {
        let (from, to) = self.window();
        let (from, to) = (day(from), day(to));
        let mut items: Vec<Item> = super::indicator::ALL
            .iter()
            .filter(|own| !matches!(own.id, "actor" | "unapproved-change"))
            .map(|own| self.sign(own))
            .collect();
        items.push(Item {
            id: "who-changed-it".to_owned(),
            title: "Search the audit log for New-, Set- and Remove-InboundConnector".to_owned(),
            found: self.who(),
            state: match (self.has_log(), self.question.attribution.changes.is_empty()) {
                (false, _) => ItemState::Unknown,
                (true, true) => ItemState::NothingToDo,
                (true, false) => ItemState::Answered,
            },
            commands: [
                Some(powershell(
                    format!("do {{ $page = Search-UnifiedAuditLog -StartDate {from} -EndDate {to} -RecordType ExchangeAdmin -SessionCommand ReturnLargeSet -SessionId connguard-{from}-{to} -ResultSize 5000; $page | Export-Csv audit.csv -Append -NoTypeInformation }} while ($page)"),
                    "exports all that administrators did, those operations among it: a log of them alone does not show which days it covers",
                )),
                self.own(|tenant| format!("connguard investigate --tenant {tenant} --from live"), "asks Microsoft Graph for them"),
            ].into_iter().flatten().collect(),
        });
        Step {
            title: "1. Find the suspicious connector",
            before: Vec::new(),
            items,
        }
    }

    fn sign(&self, own: &super::indicator::Indicator) -> Item {
        use super::indicator::Strength;
        let all: Vec<(&Judged, &super::indicator::Sign)> = self
            .connectors
            .iter()
            .filter_map(|judged| {
                let sign = judged.signs.iter().find(|sign| sign.indicator == own.id)?;
                Some((judged, sign))
            })
            .collect();
        let worst = all
            .iter()
            .map(|(_, sign)| sign.strength)
            .max()
            .unwrap_or(Strength::NotEvaluated);
        let (found, state) = match worst {
            Strength::Strong | Strength::Weak => {
                let said: Vec<String> = all
                    .iter()
                    .filter(|(_, sign)| sign.strength == worst)
                    .map(|(judged, sign)| {
                        format!(
                            "{:?}: {}",
                            crate::finding::excerpt(&judged.subject.name),
                            sign.message
                        )
                    })
                    .collect();
                (crate::investigation::sentences(&said), ItemState::Answered)
            }
            Strength::Quiet => ("nothing unusual".to_owned(), ItemState::Answered),
            Strength::NotApplicable => (
                "no connector of such a kind".to_owned(),
                ItemState::NothingToDo,
            ),
            Strength::NotEvaluated => {
                let mut not = all.iter().filter(|(_, sign)| sign.strength == worst);
                let why = not.next().map(|(_, sign)| sign.message.clone());
                (
                    why.unwrap_or_else(|| "there is no connector to look at".to_owned()),
                    ItemState::Unknown,
                )
            }
        };
        let commands = match own.id {
            "connector-blocked" => vec![powershell(
                "Get-BlockedConnector | ConvertTo-Json | Out-File blocked.json",
                "lists blocked connectors",
            )],
            // No trace has the header's sender.
            "sender-mismatch" if state == ItemState::Unknown => vec![connguard(
                "connguard hunt show mail-by-hour",
                "prints the query that counts it in Defender: run it, and name its export with --from",
            )],
            _ if own.of_mail && state == ItemState::Unknown => [
                self.trace(),
                self.own(
                    |tenant| format!("connguard investigate --tenant {tenant} --hunt"),
                    "counts mail where it is, in Defender",
                ),
            ]
            .into_iter()
            .flatten()
            .collect(),
            _ => Vec::new(),
        };
        Item {
            id: own.id.to_owned(),
            title: own.title.to_owned(),
            found,
            state,
            commands,
        }
    }

    fn who(&self) -> String {
        if !self.has_log() {
            return "there is no audit log of what administrators did in Exchange".to_owned();
        }
        let changed = self.actors.iter().filter(|own| own.changed_connectors);
        let mut all: Vec<String> = changed.map(|own| own.actor.words()).collect();
        all.dedup();
        if all.is_empty() {
            "no record about connectors in the time that the log covers".to_owned()
        } else {
            format!("changed by {}", all.join(", "))
        }
    }

    /// Step 2: review, and revert what nobody approved.
    fn revert(&self) -> Step {
        let mut items: Vec<Item> = self.bad.iter().map(|own| self.contain(own)).collect();
        if items.is_empty() {
            items.push(Item {
                id: "review".to_owned(),
                title: "Review every connector".to_owned(),
                found: format!(
                    "{} were looked at, and none is suspicious",
                    self.connectors.len()
                ),
                state: ItemState::NothingToDo,
                commands: self
                    .own(
                        |tenant| format!("connguard check --tenant {tenant}"),
                        "holds every connector against the signed baseline",
                    )
                    .into_iter()
                    .collect(),
            });
        } else {
            items.push(Item {
                id: "revert".to_owned(),
                title: "Put every connector back as approved".to_owned(),
                found: match self.question.baseline {
                    Some(baseline) => format!("version {} of the baseline is what was approved", baseline.approved.header.version),
                    None => "there is no verified baseline: what was there first is the only guide, and a person has to decide".to_owned(),
                },
                state: ItemState::ToDo,
                commands: [
                    self.own(|tenant| format!("connguard plan --tenant {tenant} --contain --report json=contain.json --report powershell=contain.ps1"), "switches off what nobody approved, and nothing else"),
                    self.own(|tenant| format!("connguard plan --tenant {tenant} --report json=revert.json --report powershell=revert.ps1"), "leads back to the baseline; look at it before it is carried out"),
                    self.own(|_| "connguard apply revert.json".to_owned(), "carries it out and proves that it converged"),
                ].into_iter().flatten().chain(self.bad.iter().filter_map(|own| self.as_it_was(own))).collect(),
            });
        }
        Step {
            title: "2. Review and revert unauthorised changes",
            before: vec!["Step 4 at the same time: an attacker who still holds the account undoes a revert within minutes.".to_owned()],
            items,
        }
    }

    fn contain(&self, own: &Judged) -> Item {
        let name = crate::finding::excerpt(&own.subject.name);
        let id = own.subject.id.clone();
        let gone = own.is_there == Some(false);
        let mut commands = Vec::new();
        if !gone && let Some(id) = &id {
            let id = literal::text(id);
            if own.on_premises {
                commands.push(powershell(
                    format!("Set-InboundConnector -Identity {id} -Enabled $false"),
                    "switches it off; it stays as evidence",
                ));
            }
            commands.push(powershell(
                format!("Get-InboundConnector -Identity {id} | ConvertTo-Json -Depth 4"),
                "shows it as it is",
            ));
        }
        Item {
            id: format!("contain-{}", id.unwrap_or_else(|| slug(&own.subject.name))),
            title: format!("Stop {name:?}: {}", own.verdict.name()),
            found: if gone {
                "it is gone by the newest state; look whether it is back".to_owned()
            } else {
                crate::investigation::sentences(&own.reasons)
            },
            state: if gone {
                ItemState::Answered
            } else {
                ItemState::ToDo
            },
            commands,
        }
    }

    /// Where nobody signed what was approved: a connector as it was read first.
    fn as_it_was(&self, own: &Judged) -> Option<Command> {
        let id = own
            .subject
            .id
            .as_deref()
            .filter(|_| self.question.baseline.is_none())?;
        let identity = literal::text(id);
        let state = |state: &State<'m>| state.snapshot.connectors().find(|own| own.has_id(id));
        let (first, newest) = (self.question.states.first()?, self.question.states.last()?);
        let is = state(newest)?;
        let Some(was) = state(first) else {
            return Some(powershell(
                format!("Remove-InboundConnector -Identity {identity}"),
                "takes away what was not there when connectors were read first, once it is not needed as evidence any more",
            ));
        };
        let set: Vec<String> = Property::settings()
            .filter(|property| property.row().set_by == SetBy::NewAndSet)
            .filter(|property| was.setting(*property) != is.setting(*property))
            .filter_map(|property| {
                let value = literal::value(&was.setting(property)?.to_json());
                Some(format!(" -{} {value}", property.name()))
            })
            .collect();
        (!set.is_empty()).then(|| {
            powershell(
                format!("Set-InboundConnector -Identity {identity}{}", set.concat()),
                "puts back what was there when it was read first: look at it before it is carried out",
            )
        })
    }

    /// Step 3: unblock.
    fn unblock(&self) -> Step {
        let items = if self.known.blocked.is_empty() {
            vec![Item {
                id: "unblock".to_owned(),
                title: "Let the connector send again".to_owned(),
                found: if self.known.blocked_read {
                    "no connector is blocked".to_owned()
                } else {
                    "the blocked connectors were not read".to_owned()
                },
                state: if self.known.blocked_read {
                    ItemState::NothingToDo
                } else {
                    ItemState::Unknown
                },
                commands: vec![powershell(
                    "Get-BlockedConnector",
                    "lists blocked connectors",
                )],
            }]
        } else {
            self.known
                .blocked
                .iter()
                .map(|id| Item {
                    id: format!("unblock-{id}"),
                    title: format!("Let {id} send again"),
                    found: "Microsoft has blocked it; it takes up to an hour until it can send".to_owned(),
                    state: ItemState::ToDo,
                    commands: [
                        self.own(|tenant| format!("connguard unblock {id} --tenant {tenant}"), "refuses while the connector differs from what was approved"),
                        Some(powershell(format!("Remove-BlockedConnector -ConnectorId {} -Reason 'reverted to the approved state'", literal::text(id)), "the same without connguard")),
                    ].into_iter().flatten().collect(),
                })
                .collect()
        };
        Step {
            title: "3. Unblock the connector",
            before: vec![
                "Step 2 is done and proved: unblocking before the revert opens the relay again."
                    .to_owned(),
            ],
            items,
        }
    }
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// A name for a list, of letters and digits.
fn slug(text: &str) -> String {
    let mut slug: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    slug.truncate(40);
    // Names that differ only in what is no letter are told apart by their digest.
    let digest = crate::digest::Digest::of(text.as_bytes()).hex();
    format!(
        "{}-{}",
        slug.trim_matches('-'),
        digest.get(..6).unwrap_or_default()
    )
}
