//! Everything that a command needs before it may write: repository, history, and what is there now.

use super::refused;
use crate::cli::config::Exchange;
use crate::cli::console::Console;
use crate::cli::judging::{Judging, Looked};
use crate::cli::live;
use crate::cli::repository::Repository;
use crate::cli::snapshot::{Recorded, Recorder, SnapshotArgs};
use crate::cli::targets::{Target, targets};
use crate::cli::{Common, Failure, Outcome, past};
use crate::connector::Connector;
use crate::exchange::service::Cmdlet;
use crate::exchange::write::Written;
use crate::exchange::{Endpoints, Fault, Service};
use crate::history::act::{Act, Deed, State};
use crate::plan::Plan;
use crate::report::Judged;
use crate::snapshot::Part;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The audit repository, of which there must be one.
pub(super) fn repository(
    common: &Common,
    recording: &SnapshotArgs,
    console: &Console,
) -> Result<Repository, Failure> {
    Repository::found(common, &recording.trust, console)
}

/// A run that may write.
pub(super) struct Session<'r> {
    repository: &'r Repository,
    recording: &'r SnapshotArgs,
    recorder: Recorder<'r>,
    console: &'r Console,
}

/// The tenant that it writes to, and what judges it.
pub(super) struct Work<'w, 'r> {
    repository: &'w Repository,
    recording: &'w SnapshotArgs,
    pub judging: &'w Judging<'r>,
    pub target: &'w Target<'r>,
    pub exchange: &'w Exchange,
    pub recorder: &'w Recorder<'r>,
    pub console: &'w Console,
}

impl<'r> Session<'r> {
    /// A session on a repository whose history can be written: a write that leaves no trace is refused.
    pub fn new(
        repository: &'r Repository,
        recording: &'r SnapshotArgs,
        console: &'r Console,
    ) -> Result<Self, Failure> {
        let recorder = Recorder::new(recording, repository, console)?;
        if !recorder.can_sign_as_wanted() {
            return Err(refused(
                "the root says who signs the history, and there is no key of theirs: nothing was written, neither to the organization nor to the history",
                "name a key of somebody with the history role: --key FILE, the variable CONNGUARD_HISTORY_KEY, or ssh-agent",
            ));
        }
        Ok(Self {
            repository,
            recording,
            recorder,
            console,
        })
    }

    /// Does the work on the one tenant in scope.
    pub fn with_judging(&self, work: impl FnOnce(&Work<'_, '_>) -> Outcome) -> Outcome {
        let mut alone = None;
        let judging = Judging::new(
            self.console,
            (&self.recording.selection, &self.recording.trust),
            Some(self.repository),
            &mut alone,
            None,
        )?;
        let all = targets(Some(self.repository), &self.recording.selection)?;
        let [target] = all.as_slice() else {
            return Err(Failure::Usage("name one tenant".to_owned()));
        };
        let configured = target.configured.ok_or_else(|| {
            Failure::run(
                format!("connguard.yaml does not say how to reach {:?}", target.name),
                "add the tenant there, with source: { exchange: … }",
            )
        })?;
        let exchange = configured
            .exchange()
            .ok_or_else(|| live::not_configured(&target.name))?;
        separate(exchange)?;
        if self.recording.selection.live.rehearsal && exchange.overridden.is_none() {
            return Err(refused(
                "this is no rehearsal: connguard.yaml leads to the real service",
                "name addresses of this machine in `endpoints` to rehearse, or leave --rehearsal out",
            ));
        }
        if self.recording.trust.now.is_some() && exchange.overridden.is_none() {
            return Err(refused(
                "a real organization is written to as of now, and --now says another time",
                "leave --now out",
            ));
        }
        work(&Work {
            repository: self.repository,
            recording: self.recording,
            judging: &judging,
            target,
            exchange,
            recorder: &self.recorder,
            console: self.console,
        })
    }
}

/// The judge holds no power: who reads every night must not be who may write.
fn separate(exchange: &Exchange) -> Result<(), Failure> {
    if exchange.writes_as_reader() {
        return Err(refused(
            "apply_client_id is the application that reads: the judge must hold no power to write",
            "register another application for writing, or let a person sign in (device-code, azure-cli)",
        ));
    }
    Ok(())
}

impl Work<'_, '_> {
    /// Reads and judges the tenant; refuses where nothing can be said for certain.
    pub fn look(&self) -> Result<(Looked, Judged), Failure> {
        let looked = self.judging.look(self.target);
        let judged = self.judging.judge(self.target, &looked);
        Ok((looked, judged))
    }

    /// How long the policy lets a plan be carried out; not at all where none is verified.
    pub fn plans_are_good_for(&self) -> SignedDuration {
        let policy = self.repository.verified_policy();
        policy.map_or(SignedDuration::ZERO, |policy| {
            policy.document.plan.valid_for
        })
    }

    /// Runs a cmdlet that changes something.
    pub fn write(&self, cmdlet: &Cmdlet<'_>) -> Result<Written, Failure> {
        let Some(tenant) = self.target.configured else {
            return Err(live::not_configured(&self.target.name));
        };
        let sent = |service: &mut Service<'_>, _: &Endpoints| Ok(service.write(cmdlet));
        let written = self.judging.live.with(tenant, self.exchange, sent);
        written.map_err(|fault| self.lost(&fault))
    }

    /// A fault as what ends a command: names the tenant and the request.
    pub fn lost(&self, fault: &Fault) -> Failure {
        let origin = live::origin(&self.target.name);
        match self.target.configured {
            Some(tenant) => live::lost(&[live::failure(&origin, tenant, fault)]),
            None => live::not_configured(&self.target.name),
        }
    }

    /// Records what is there, and what this run is at.
    pub fn record(&self, act: &Act) -> Result<Recorded, Failure> {
        let mut alone = None;
        // What is seen now is judged as of now, however long the steps took.
        let mut judging = Judging::new(
            self.console,
            (&self.recording.selection, &self.recording.trust),
            Some(self.repository),
            &mut alone,
            None,
        )?;
        judging.live = Arc::clone(&self.judging.live);
        let target = std::slice::from_ref(self.target);
        self.recorder.record(&judging, target, Some(act))
    }

    /// Refuses a plan that was carried out to its end.
    pub fn never_completed(&self, plan: &Plan) -> Result<(), Failure> {
        let deed = Deed::Apply(plan.digest());
        for act in self.acts(plan)? {
            if act.deed == deed && act.state == State::Completed {
                return Err(refused(
                    "the plan was carried out already, to its end",
                    "connguard check says what is there now; connguard history log shows when it was done",
                ));
            }
        }
        Ok(())
    }

    /// The steps of a plan that some run was about to write, and of which none says what became.
    pub fn open_intents(&self, plan: &Plan) -> Result<BTreeSet<usize>, Failure> {
        let deed = Deed::Apply(plan.digest());
        let mut settled = BTreeSet::new();
        let mut open = BTreeSet::new();
        for act in self.acts(plan)?.into_iter().filter(|act| act.deed == deed) {
            match act.state {
                State::Done(step) | State::Failed(step) => {
                    settled.insert(step);
                }
                State::Intent(step) | State::Unknown(step) | State::NotSeen(step)
                    if !settled.contains(&step) =>
                {
                    open.insert(step);
                }
                _ => {}
            }
        }
        Ok(open)
    }

    /// What was done to the tenant, newest first. The whole history: when it was made only the plan itself says.
    fn acts(&self, plan: &Plan) -> Result<Vec<Act>, Failure> {
        let history = self.recorder.history();
        let failed = |error| past::failure(&error);
        let Some(tip) = history.tip().map_err(failed)? else {
            return Ok(Vec::new());
        };
        let mut acts = Vec::new();
        for entry in history.from(tip) {
            let entry = entry.map_err(failed)?;
            acts.extend(
                entry
                    .run
                    .act
                    .clone()
                    .filter(|act| act.tenant == plan.tenant),
            );
        }
        Ok(acts)
    }
}

/// The connectors that were read, of which all must have been.
pub(super) fn connectors(looked: &Looked) -> Result<Vec<Connector>, Failure> {
    match &looked.observed {
        Ok(Some(observed)) if observed.snapshot.has(Part::InboundConnectors) => {
            Ok(observed.snapshot.connectors().cloned().collect())
        }
        Ok(_) => Err(refused(
            "the connectors were not read completely",
            "try again",
        )),
        Err(failures) => Err(live::lost(failures)),
    }
}
