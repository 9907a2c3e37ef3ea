//! `connguard unblock`: letting a connector send again, once it is what was approved.

use super::seen;
use super::session::{self, Session, Work};
use super::{WritingArgs, refused};
use crate::caseless;
use crate::cli::console::Console;
use crate::cli::status::Shown;
use crate::cli::{Common, Failure, Outcome, interrupt};
use crate::connector::{Connector, Guid, parse_guid};
use crate::exchange::service::Cmdlet;
use crate::exchange::write::Written;
use crate::finding::{Subject, excerpt};
use crate::history::act::{Act, Deed, State};
use crate::hostile_text::visible;
use crate::report::{Judged, pipeline};
use crate::snapshot::{Part, Snapshot};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(in crate::cli) struct UnblockArgs {
    /// The connector: its id, or its name
    connector: String,
    /// Its tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Approve it for the connector of this id, instead of being asked
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    approve: Option<Guid>,
    /// Why, for Microsoft's own record
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "reverted to the approved settings"
    )]
    reason: String,
    #[command(flatten)]
    writing: WritingArgs,
}

fn parse_id(text: &str) -> Result<Guid, String> {
    parse_guid(text).ok_or_else(|| "write the connector's id".to_owned())
}

pub(in crate::cli) fn unblock(
    common: &Common,
    arguments: &UnblockArgs,
    console: &Console,
) -> Outcome {
    let (_, config) = crate::cli::fetch::configuration(common)?;
    let (tenant, _) = crate::cli::fetch::one_tenant(&config, arguments.tenant.as_deref())?;
    let recording = arguments.writing.recording(tenant);
    let repository = session::repository(common, &recording, console)?;
    let session = Session::new(&repository, &recording, console)?;
    session.with_judging(|work| {
        let (looked, judged) = work.look()?;
        let Ok(Some(observed)) = &looked.observed else {
            return Err(no_verdict(&judged));
        };
        let connector = find(&observed.snapshot, &arguments.connector)?;
        let subject = connector.subject();
        may_send(&judged, &subject)?;
        let Some(id) = blocked_as(&observed.snapshot, &connector)? else {
            console.text(&format!("{:?} is not blocked\n", excerpt(&subject.name)))?;
            return Ok(0);
        };
        approved(arguments, &subject, &id, console)?;
        // Whoever was asked may have taken long, and an attacker needs a moment.
        let (looked, judged) = work.look()?;
        let Ok(Some(observed)) = &looked.observed else {
            return Err(no_verdict(&judged));
        };
        let again = find(&observed.snapshot, &id)?;
        may_send(&judged, &again.subject())?;
        if blocked_as(&observed.snapshot, &again)?.as_ref() != Some(&id) {
            return Err(refused("it is no longer blocked as it was", "run it again"));
        }
        Unblocking {
            work,
            arguments,
            id,
            by: super::carrier::by(work)?,
        }
        .run()
    })
}

fn find(snapshot: &Snapshot, wanted: &str) -> Result<Connector, Failure> {
    let id = parse_guid(wanted);
    let is_it = |connector: &&Connector| match &id {
        Some(id) => connector.has_id(id),
        None => caseless::same(&connector.name, wanted),
    };
    let found: Vec<&Connector> = snapshot.connectors().filter(is_it).collect();
    match found.as_slice() {
        [only] if only.id().is_some() => Ok((*only).clone()),
        [] => Err(refused(
            format!("there is no connector {:?}", excerpt(wanted)),
            "name one that is there, by its id: connguard fetch shows them",
        )),
        _ => Err(refused(
            format!("{:?} does not say which connector", excerpt(wanted)),
            "name it by its id",
        )),
    }
}

/// Refuses while anything about the connector is not what was approved: unblocked, it would be the attacker's relay again.
fn may_send(judged: &Judged, subject: &Subject) -> Result<(), Failure> {
    let assessment = &judged.assessment;
    if !assessment.obstacles.is_empty() || !assessment.errors.is_empty() {
        return Err(no_verdict(judged));
    }
    let drifting: Vec<&str> = assessment
        .open()
        .filter(|finding| finding.rule.starts_with("drift-"))
        .filter(|finding| finding.connector.as_ref() == Some(subject))
        .map(|finding| finding.message.as_str())
        .collect();
    match drifting.first() {
        None => Ok(()),
        Some(first) => Err(refused(
            format!(
                "{:?} still differs from what was approved: {first}",
                excerpt(&subject.name)
            ),
            "put it back first (connguard plan, connguard apply), and secure the account that changed it; unblocked now, it would send for the attacker again",
        )),
    }
}

fn no_verdict(judged: &Judged) -> Failure {
    let assessment = &judged.assessment;
    let errors = assessment.errors.iter().map(|error| error.message.clone());
    let reasons: Vec<String> = assessment.obstacles.iter().cloned().chain(errors).collect();
    refused(
        format!(
            "nothing says that the connector is what was approved: {}",
            reasons.join("; ")
        ),
        "connguard check says more",
    )
}

/// The id under which a connector is blocked: of one that was moved with its organization there are two.
fn blocked_as(snapshot: &Snapshot, connector: &Connector) -> Result<Option<Guid>, Failure> {
    if !snapshot.has(Part::BlockedConnectors) {
        return Err(Failure::run(
            format!(
                "the blocked connectors were not read: {}",
                snapshot.completeness(Part::BlockedConnectors).words()
            ),
            "give the identity that applies the role Security Administrator",
        ));
    }
    let listed = |id: &&Guid| connector.has_id(id);
    Ok(snapshot.blocked_connectors.iter().find(listed).cloned())
}

fn approved(
    arguments: &UnblockArgs,
    subject: &Subject,
    id: &Guid,
    console: &Console,
) -> Result<(), Failure> {
    if let Some(approved) = &arguments.approve {
        if approved == id {
            return Ok(());
        }
        return Err(refused(
            format!("--approve names {approved}, and the connector is {id}"),
            "approve the connector that is meant",
        ));
    }
    let question = format!(
        "Let {:?} {id} send again? It is what was approved. [y/N] ",
        visible(&excerpt(&subject.name))
    );
    match console.ask(&question)? {
        Some(answer) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        Some(_) => Err(refused(
            "it was not approved: nothing was written",
            "run it again",
        )),
        None => Err(refused(
            "nobody approved it, and there is no terminal to ask on",
            format!("give its id: --approve {id}"),
        )),
    }
}

/// Letting one connector send again.
struct Unblocking<'u, 'r> {
    work: &'u Work<'u, 'r>,
    arguments: &'u UnblockArgs,
    id: Guid,
    by: String,
}

impl Unblocking<'_, '_> {
    fn run(&self) -> Outcome {
        let in_hand = interrupt::Write::begin();
        self.note(State::Intent(1), &[])?;
        let cmdlet = Cmdlet {
            name: "Remove-BlockedConnector",
            parameters: json!({ "ConnectorId": self.id, "Reason": self.arguments.reason }),
        };
        let (state, words, code, requests) = match self.work.write(&cmdlet)? {
            Written::Refused(fault) => (
                State::Failed(1),
                format!("FAILED: {fault} → {}", fault.help),
                1,
                fault.requests,
            ),
            Written::Done(page) if self.is_gone() => (
                State::Done(1),
                "done, and no longer listed; it takes up to an hour to act".to_owned(),
                0,
                vec![page.request],
            ),
            Written::Done(page) => (
                State::NotSeen(1),
                "WRITTEN, NOT YET VISIBLE: it may take an hour".to_owned(),
                3,
                vec![page.request],
            ),
            Written::Unknown(fault) if self.is_gone() => (
                State::Done(1),
                "done, and no longer listed; it takes up to an hour to act".to_owned(),
                0,
                fault.requests,
            ),
            Written::Unknown(fault) => (
                State::Unknown(1),
                format!("NOT KNOWN WHETHER IT WAS CARRIED OUT: {fault}: run it again later"),
                3,
                fault.requests,
            ),
        };
        self.note(state, &requests)?;
        drop(in_hand);
        let end = if code == 0 {
            State::Completed
        } else {
            State::Stopped
        };
        self.work.record(&self.act(end, &requests))?;
        match self.arguments.writing.format {
            Shown::Human => {
                self.work
                    .console
                    .text(&format!("unblock {}: {}\n", self.id, visible(&words)))?
            }
            Shown::Json => {
                let json = json!({
                    "schema": "connguard/unblocked/v1",
                    "tenant": self.work.target.name,
                    "connector": self.id,
                    "outcome": state.word(),
                    "message": words,
                    "requests": requests,
                });
                let text = crate::canonical::to_string(&json);
                self.work.console.result(&pipeline::defuse_json(&text))?;
            }
        }
        Ok(interrupt::came().unwrap_or(code))
    }

    fn act(&self, state: State, requests: &[String]) -> Act {
        Act {
            deed: Deed::Unblock(self.id.clone()),
            tenant: self.work.target.name.clone(),
            state,
            by: self.by.clone(),
            requests: requests.to_vec(),
        }
    }

    fn note(&self, state: State, requests: &[String]) -> Result<(), Failure> {
        let title = format!("{}: unblock, {state}", self.work.target.name);
        let act = self.act(state, requests);
        self.work.recorder.note(&act, (&title, "")).map(|_| ())
    }

    /// Whether it is listed no more, once that had time to become visible.
    fn is_gone(&self) -> bool {
        let look = || {
            let looked = self.work.judging.look(self.work.target);
            matches!(&looked.observed, Ok(Some(observed))
                if observed.snapshot.has(Part::BlockedConnectors)
                    && !observed.snapshot.blocked_connectors.contains(&self.id))
        };
        seen::until(self.arguments.writing.wait, look, |gone| *gone)
    }
}
