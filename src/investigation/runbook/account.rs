//! Step 4: those who did it, and what made it possible.

use super::{Command, Item, ItemState, Making, Step, powershell, slug};
use crate::investigation::actor::{EMPOWERED, Triage};
use crate::investigation::indicator::Strength;
use crate::powershell::literal;
use std::collections::BTreeSet;

/// A call of Microsoft Graph, as PowerShell makes it.
fn graph(method: &str, path: &str, body: Option<&str>, does: &str) -> Command {
    let uri = literal::text(&format!("https://graph.microsoft.com/v1.0/{path}"));
    let body = body.map_or_else(String::new, |body| {
        format!(" -Body {}", literal::text(body))
    });
    Command {
        tool: "Graph",
        line: format!("Invoke-MgGraphRequest -Method {method} -Uri {uri}{body}"),
        does: does.to_owned(),
    }
}

/// Switches an account or an application off.
const OFF: Option<&str> = Some("{\"accountEnabled\": false}");

impl Making<'_> {
    /// Transport rules that somebody made to take headers away, by which mail would be told.
    fn header_rules(&self, triage: &Triage) -> Option<Item> {
        let mut signs = triage.signs.iter();
        let sign = signs.find(|own| own.sign == "header-rules" && !self.bad.is_empty())?;
        let records = self.known.log.iter().flat_map(|log| &log.records);
        let made = records.filter(|record| sign.records.contains(&record.id));
        let names: BTreeSet<&str> = made
            .filter_map(|record| record.parameter("Name").or(record.parameter("Identity")))
            .collect();
        Some(Item {
            id: format!("rules-{}", slug(&triage.actor.words())),
            title: "Switch rules off that take headers away".to_owned(),
            found: sign.words.clone(),
            state: ItemState::ToDo,
            commands: names
                .into_iter()
                .map(|name| {
                    powershell(
                        format!("Disable-TransportRule -Identity {}", literal::text(name)),
                        "switches it off; it stays as evidence",
                    )
                })
                .collect(),
        })
    }

    /// Step 4: the account.
    pub(super) fn account(&self) -> Step {
        let actors = self.actors.iter().enumerate();
        let mut items: Vec<Item> = actors
            .flat_map(|(place, triage)| account_items(triage, self.part_in_it(place, triage)))
            .chain(
                self.actors
                    .iter()
                    .filter_map(|triage| self.header_rules(triage)),
            )
            .collect();
        if items.is_empty() {
            items.push(Item {
                id: "account".to_owned(),
                title: "Investigate the account that made the change".to_owned(),
                found: self.who(),
                state: if self.has_log() {
                    ItemState::NothingToDo
                } else {
                    ItemState::Unknown
                },
                commands: Vec::new(),
            });
        }
        Step {
            title: "4. Investigate and secure the administrator's account",
            before: vec!["Together with step 2.".to_owned()],
            items,
        }
    }

    /// What somebody has to do with a connector that is suspicious, in words; `None` where nothing.
    fn part_in_it(&self, place: usize, triage: &Triage) -> Option<String> {
        let changed: BTreeSet<usize> = self
            .bad
            .iter()
            .flat_map(|own| own.actors.iter().copied())
            .collect();
        if changed.contains(&place) {
            return Some("it changed a connector that is suspicious: whether its owner did, only the owner can say".to_owned());
        }
        let changers = changed.iter().filter_map(|place| self.actors.get(*place));
        let mut powers = changers.flat_map(|own| own.signs.iter().map(move |sign| (own, sign)));
        let (whom, _) = powers.find(|(_, sign)| {
            let records = self.known.log.iter().flat_map(|log| &log.records);
            let mut own = records.filter(|record| triage.actor.is(record));
            EMPOWERED.contains(&sign.sign) && own.any(|record| sign.records.contains(&record.id))
        })?;
        Some(format!(
            "it gave {} what it needed: whether its owner did, only the owner can say",
            whom.actor.words()
        ))
    }
}

/// What to do about somebody, who may have a part in what happened.
fn account_items(triage: &Triage, part: Option<String>) -> Vec<Item> {
    let actor = &triage.actor;
    let worst = triage.signs.iter().map(|own| own.strength).max();
    // Of those who changed no connector only what is strong is a reason to act.
    let least = if !triage.changed_connectors {
        Strength::Strong
    } else {
        Strength::Weak
    };
    let state = if part.is_some() || worst >= Some(least) {
        ItemState::ToDo
    } else {
        ItemState::Answered
    };
    let signs = triage.signs.iter().map(|own| own.words.clone());
    let mut said: Vec<String> = part.into_iter().chain(signs).collect();
    if triage.signs.is_empty() {
        said.push("the log holds nothing unusual about it".to_owned());
    }
    let found = crate::investigation::sentences(&said);
    let mut items = Vec::new();
    if actor.user.contains('@') {
        let user = literal::text(&actor.user);
        let path = url_segment(&actor.user);
        items.push(Item {
            id: format!("account-{}", slug(&actor.user)),
            title: format!("Secure the account {}", crate::finding::excerpt(&actor.user)),
            found: found.clone(),
            state,
            commands: vec![
                graph("PATCH", &format!("users/{path}"), OFF, "disables the account"),
                graph("POST", &format!("users/{path}/revokeSignInSessions"), None, "ends its sessions"),
                powershell(format!("Revoke-MgUserSignInSession -UserId {user}"), "the same in PowerShell"),
                graph("GET", &format!("users/{path}/authentication/methods"), None, "lists its ways to sign in: remove what the attacker added, then set a new password and demand MFA"),
                graph("GET", &format!("users/{path}/memberOf"), None, "lists its roles and groups"),
                powershell(format!("Get-InboxRule -Mailbox {user} | ConvertTo-Json"), "lists rules in its mailbox"),
                powershell("Get-TransportRule | ConvertTo-Json -Depth 4 | Out-File rules.json", "lists transport rules: look for RemoveHeader"),
            ],
        });
    }
    if items.is_empty() && actor.application.is_empty() && !actor.user.is_empty() {
        let name = url_segment(&actor.user.replace('\'', "''"));
        items.push(Item {
            id: format!("actor-{}", slug(&actor.user)),
            title: format!(
                "Find out what {} is, and stop it",
                crate::finding::excerpt(&actor.user)
            ),
            found: found.clone(),
            state,
            commands: vec![
                graph(
                    "GET",
                    &format!("servicePrincipals?$filter=displayName%20eq%20%27{name}%27"),
                    None,
                    "looks for an application of this name",
                ),
                graph(
                    "GET",
                    &format!("users?$filter=displayName%20eq%20%27{name}%27"),
                    None,
                    "looks for a person of this name",
                ),
            ],
        });
    }
    if !actor.application.is_empty() {
        let id = url_segment(&actor.application);
        items.push(Item {
            id: format!("application-{}", slug(&actor.application)),
            title: format!("Stop the application {}", crate::finding::excerpt(&actor.application)),
            found,
            state,
            commands: vec![
                graph("PATCH", &format!("servicePrincipals(appId=%27{id}%27)"), OFF, "lets it sign in no more"),
                graph("GET", &format!("servicePrincipals(appId=%27{id}%27)/appRoleAssignments"), None, "lists its permissions: look for Exchange.ManageAsApp"),
                graph("GET", &format!("applications(appId=%27{id}%27)?$select=passwordCredentials,keyCredentials,createdDateTime"), None, "lists its secrets and certificates: remove those nobody knows"),
                graph("GET", &format!("applications(appId=%27{id}%27)/owners"), None, "lists who owns it"),
            ],
        });
    }
    // Nobody is to be locked out by somebody who copies what is not to be done.
    if state != ItemState::ToDo {
        items.iter_mut().for_each(|item| item.commands.clear());
    }
    items
}

/// A text inside an address: everything but letters, digits and a few marks as its bytes.
fn url_segment(text: &str) -> String {
    let mut segment = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'@') {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}
