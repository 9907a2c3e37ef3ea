//! `connguard snapshot`: read, judge, and commit what was seen to the history.

mod message;
mod note;
mod remote;
mod shown;
mod tenant;

pub(super) use message::lines;

use message::message;
use remote::Base;
use tenant::Done;

use crate::cli::console::Console;
use crate::cli::history_key::{self, HistoryKey};
use crate::cli::judging::Judging;
use crate::cli::past::{self, Past};
use crate::cli::push::{Remote, RemoteError};
use crate::cli::repository::Repository;
use crate::cli::status::Shown;
use crate::cli::targets::{From, Selection, Target, targets};
use crate::cli::{Common, Failure, Outcome, TrustArgs};
use crate::digest::Digest;
use crate::git::Oid;
use crate::history::act::Act;
use crate::history::append::{Addition, Appended};
use crate::history::folder::Folder;
use crate::history::remark::Remark;
use crate::history::run::{Read, Run};
use crate::history::{Entry, History, HistoryError, documents, place};
use crate::parallel::in_parallel_by;
use crate::report::Judged;
use crate::trust::files::FileError;
use crate::trust::header::CLOCK_SKEW;
use crate::trust::{Duty, Refusal, root};
use clap::Args;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// How often a run begins anew when others record the same tenants meanwhile.
const ATTEMPTS: u32 = 5;

#[derive(Debug, Args)]
pub(in crate::cli) struct SnapshotArgs {
    #[command(flatten)]
    pub selection: Selection,
    /// Sign the commit with this OpenSSH key [default: the variable CONNGUARD_HISTORY_KEY, a key or its file; else a key in ssh-agent that holds the history role]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Fetch the history from this remote before, and push to it after; never forced
    #[arg(long, value_name = "REMOTE")]
    pub push: Option<String>,
    /// Leave out tenants of which the history holds a complete read that is no older than this: a second run reads only what failed
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::live::parse_wait)]
    pub within: Option<Duration>,
    /// How to write what was recorded
    #[arg(long, value_enum, default_value_t)]
    pub format: Shown,
    #[command(flatten)]
    pub trust: TrustArgs,
}

pub(in crate::cli) fn run(common: &Common, arguments: &SnapshotArgs, console: &Console) -> Outcome {
    if matches!(arguments.selection.from, Some(From::History(_))) {
        return Err(Failure::Usage(
            "--from history reads what is recorded already".to_owned(),
        ));
    }
    let repository = Repository::found(common, &arguments.trust, console)?;
    let recorder = Recorder::new(arguments, &repository, console)?;
    let mut alone = None;
    let judging = Judging::new(
        console,
        (&arguments.selection, &arguments.trust),
        Some(&repository),
        &mut alone,
        None,
    )?
    .with_surroundings();
    let mut targets = targets(Some(&repository), &arguments.selection)?;
    if let Some(within) = arguments.within {
        let all = targets.len();
        recorder.leave_out(&mut targets, within, judging.now)?;
        console.note(&format!(
            "{} of {all} tenants are left out: the history holds a read of them that is recent enough",
            all - targets.len()
        ));
        if targets.is_empty() {
            return Ok(0);
        }
    }
    let recorded = recorder.record(&judging, &targets, None)?;
    recorder.show(&recorded)
}

/// Refuses to record where there is a root that cannot be believed: nobody could tell whose commits these are,
/// and what others signed would be followed by what nobody did.
fn root_is_known(repository: &Repository, past: &Past) -> Result<(), Failure> {
    let Err(refusal) = &repository.trust else {
        return Ok(());
    };
    let missing = matches!(refusal, Refusal::File(FileError::Missing(path)) if path == root::PATH);
    let recorded = past.holds_a_root().map_err(|error| past::failure(&error))?;
    if missing && !recorded {
        return Ok(());
    }
    Err(Failure::Refused {
        message: format!("nothing was recorded: {refusal}"),
        help: refusal.help(),
    })
}

/// Records what runs see, and what they do.
pub(in crate::cli) struct Recorder<'r> {
    arguments: &'r SnapshotArgs,
    console: &'r Console,
    repository: &'r Repository,
    past: &'r Past,
    key: Option<HistoryKey>,
    /// The newest commit here that was verified.
    verified: Mutex<Option<Oid>>,
}

/// What was recorded.
pub(in crate::cli) struct Recorded {
    pub commit: Option<Oid>,
    parent: Option<Oid>,
    run: Run,
    pub done: Vec<Done>,
    /// Why it is not where others see it, if it was to be.
    pub unpushed: Option<String>,
}

impl<'r> Recorder<'r> {
    /// A recorder for a repository whose history may be added to.
    pub fn new(
        arguments: &'r SnapshotArgs,
        repository: &'r Repository,
        console: &'r Console,
    ) -> Result<Self, Failure> {
        let past = repository.needed_past()?;
        if let Some(reason) = past.obstacle(arguments.trust.now()) {
            return Err(Failure::Refused {
                message: format!("nothing was recorded: {reason}"),
                help: "connguard history verify shows all that is wrong".to_owned(),
            });
        }
        root_is_known(repository, past)?;
        let trust = repository.trust.as_ref().ok();
        let key = history_key::find(
            arguments.key.as_deref(),
            trust,
            arguments.trust.now(),
            console,
        )?;
        let recorder = Self {
            arguments,
            console,
            repository,
            past,
            key,
            verified: Mutex::new(past.tip),
        };
        if arguments
            .trust
            .now
            .is_some_and(|now| now.duration_since(Timestamp::now()) > CLOCK_SKEW)
        {
            console.note("the time given lies ahead of this machine's clock: until then no run without --now is recorded or judged here");
        }
        recorder.may_stay_unsigned()?;
        recorder.is_of_one_kind()?;
        Ok(recorder)
    }

    /// Whether somebody signs what is recorded, where the root says who does.
    pub fn can_sign_as_wanted(&self) -> bool {
        let wanted = self
            .repository
            .trust
            .as_ref()
            .is_ok_and(|trust| trust.root().grant(Duty::History).is_some());
        let signs = self.key.as_ref().is_some_and(|key| key.principal.is_some());
        signs || !wanted
    }

    /// Whether what this run records may be of an emulator.
    fn is_rehearsal(&self) -> bool {
        self.arguments.selection.live.rehearsal
    }

    /// Refuses to put rehearsals among what was seen of real organizations, and the other way round.
    fn is_of_one_kind(&self) -> Result<(), Failure> {
        let failed = |error: HistoryError| past::failure(&error);
        let Some(tip) = self.history().tip().map_err(failed)? else {
            return Ok(());
        };
        let before = self.history().entry(tip).map_err(failed)?.run.rehearsal;
        if before == self.is_rehearsal() {
            return Ok(());
        }
        let (is, was) = if before {
            ("of real organizations", "of rehearsals")
        } else {
            ("a rehearsal", "of real organizations")
        };
        Err(Failure::Refused {
            message: format!("nothing was recorded: the history is {was}, and this run is {is}"),
            help: "rehearse in a copy of the audit repository, with a history of its own"
                .to_owned(),
        })
    }

    pub fn history(&self) -> &History {
        &self.past.history
    }

    /// An unsigned commit on signed ones would make all later ones worthless.
    fn may_stay_unsigned(&self) -> Result<(), Failure> {
        if self.key.is_some() {
            return Ok(());
        }
        let signed = self
            .past
            .is_signed()
            .map_err(|error| past::failure(&error))?;
        if signed {
            return Err(Failure::Refused {
                message: "the history is signed, and there is no key to sign this snapshot with: nothing was recorded".to_owned(),
                help: "name a key of somebody with the history role: --key FILE, the variable CONNGUARD_HISTORY_KEY, or ssh-agent".to_owned(),
            });
        }
        let role = self
            .repository
            .trust
            .as_ref()
            .is_ok_and(|trust| trust.root().grant(Duty::History).is_some());
        self.console.note(if role {
            "the snapshot is unsigned, and the root says who signs snapshots: no verdict can rest on it. Name a key with --key or CONNGUARD_HISTORY_KEY"
        } else {
            "the snapshot is unsigned: whoever can write to the repository can change it, and no verdict can rest on it"
        });
        Ok(())
    }

    /// Reads tenants and commits what was seen; with an act there is a commit whatever was seen.
    pub fn record(
        &self,
        judging: &Judging<'_>,
        targets: &[Target<'_>],
        act: Option<&Act>,
    ) -> Result<Recorded, Failure> {
        let remote = self.remote()?;
        for attempt in 1..=ATTEMPTS {
            let base = self.base(remote.as_ref())?;
            let reachable = remote.as_ref().filter(|_| base.unreachable.is_none());
            match self.attempt(judging, targets, &base, reachable, act)? {
                Some(mut recorded) => {
                    if recorded.unpushed.is_none() {
                        recorded.unpushed = base.unreachable;
                    }
                    self.remember(judging, &recorded)?;
                    return Ok(recorded);
                }
                // Whoever came first has what this run would have to build on.
                None => std::thread::sleep(pause(attempt)),
            }
        }
        Err(Failure::Refused {
            message: format!(
                "nothing was recorded: other runs recorded the same tenants {ATTEMPTS} times meanwhile"
            ),
            help: "try again".to_owned(),
        })
    }

    /// Reads everything and commits it on a base; `None` where others came first.
    fn attempt(
        &self,
        judging: &Judging<'_>,
        targets: &[Target<'_>],
        Base {
            commit: base,
            fetched,
            ..
        }: &Base,
        remote: Option<&Remote<'_>>,
        act: Option<&Act>,
    ) -> Result<Option<Recorded>, Failure> {
        let (base, fetched) = (*base, *fetched);
        let failed = |error: HistoryError| past::failure(&error);
        let now = judging.now;
        let base_entry = match base {
            Some(base) => Some(self.history().entry(base).map_err(failed)?),
            None => None,
        };
        let steps = self.console.progress(targets.len());
        let mut done = in_parallel_by(judging.workers(targets), targets, |target| {
            let done = self.tenant(judging, target, base_entry.as_ref(), now);
            steps.done(done.reason.is_some());
            done
        });
        drop(steps);
        let mut addition = self.addition(&mut done, base_entry.as_ref(), now)?;
        addition.run.act = act.cloned();
        if act.is_none()
            && self
                .is_needless(&addition, base_entry.as_ref())
                .map_err(failed)?
        {
            let unpushed = self.push_earlier(remote, base.filter(|_| base != fetched))?;
            return Ok(Some(Recorded {
                commit: None,
                parent: base,
                run: addition.run,
                done,
                unpushed,
            }));
        }
        let (mut title, text) = message(&done);
        if let Some(act) = act {
            title = format!("{title} ({})", act.state);
        }
        let who = self.who();
        let sign = |bytes: &[u8]| self.sign(bytes);
        let mut parent = base;
        for attempt in 1..=ATTEMPTS {
            let appended = addition
                .commit(self.history(), parent, &who, (&title, &text), &sign)
                .map_err(failed)?;
            let Appended::Commit(commit) = appended else {
                return Ok(None);
            };
            let mut recorded = Recorded {
                commit: Some(commit),
                parent,
                run: addition.run.clone(),
                done,
                unpushed: None,
            };
            if let Some(remote) = remote
                && let Err(error) = remote.push(commit)
            {
                match (error, remote.fetch()) {
                    (_, Ok(theirs)) if theirs != fetched => return Ok(None),
                    (RemoteError::Refused(reason), _) => recorded.unpushed = Some(reason),
                    (error, _) => return Err(self.remote_failure(&error)),
                }
            }
            use crate::git::GitError::{Locked, Moved};
            let name = &self.history().name;
            match self
                .history()
                .git
                .move_ref(name, parent, commit, "connguard: snapshot")
            {
                Ok(()) => return Ok(Some(recorded)),
                Err(Moved(_) | Locked { .. }) if attempt < ATTEMPTS => {
                    std::thread::sleep(pause(attempt));
                    parent = self.local()?;
                    done = recorded.done;
                    if remote.is_some() {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(past::failure(&error.into())),
            }
        }
        Ok(None)
    }

    /// Pushes what an earlier run could not; why it still cannot be, if so.
    fn push_earlier(
        &self,
        remote: Option<&Remote<'_>>,
        commit: Option<Oid>,
    ) -> Result<Option<String>, Failure> {
        let (Some(remote), Some(commit)) = (remote, commit) else {
            return Ok(None);
        };
        match remote.push(commit) {
            Ok(()) => Ok(None),
            Err(RemoteError::Refused(reason)) => Ok(Some(reason)),
            Err(error) => Err(self.remote_failure(&error)),
        }
    }

    fn addition(
        &self,
        done: &mut [Done],
        base: Option<&Entry>,
        now: Timestamp,
    ) -> Result<Addition, Failure> {
        // Commits know no parts of a second.
        let taken_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut run = self.run_at(taken_at);
        let mut tenants = BTreeMap::new();
        let mut read = BTreeSet::new();
        for one in done {
            *run.verdicts
                .entry(one.judged.conclusion.verdict)
                .or_default() += 1;
            let Some(seen) = &mut one.seen else {
                continue;
            };
            run.sources.insert(seen.source);
            if one.reason.is_none() {
                read.insert(one.name.clone());
                if seen.taken_at != taken_at {
                    run.exported_at.insert(one.name.clone(), seen.taken_at);
                }
            }
            let folder = Folder {
                id: seen.folder.id,
                objects: std::mem::take(&mut seen.folder.objects),
            };
            tenants.insert(one.name.clone(), folder);
        }
        let documents = match &self.repository.trust {
            Err(_) => None,
            Ok(trust) => {
                let policy = self.repository.verified_policy();
                let files = documents::in_force(&self.repository.folder, trust, policy)
                    .map_err(|error| Failure::run(error.to_string(), "restore the file"))?;
                let inside = |path: &str| {
                    place::of_document(path)
                        .and_then(|place| Some(place.split_once('/')?.1.to_owned()))
                };
                let files = files
                    .into_iter()
                    .filter_map(|(path, bytes)| Some((inside(&path)?, bytes)))
                    .collect();
                let before = match base {
                    Some(base) => self.history().folder_of(base.commit.tree, place::DOCUMENTS),
                    None => Ok(None),
                };
                let before = before.map_err(|error| past::failure(&error))?;
                let folder = self.history().documents_folder(before, &files);
                Some(folder.map_err(|error| past::failure(&error))?)
            }
        };
        Ok(Addition {
            base: base.map(|base| base.id),
            tenants,
            documents,
            read,
            run,
        })
    }

    /// Whether nothing is new and somebody looked so recently that it need not be said again.
    fn is_needless(&self, addition: &Addition, base: Option<&Entry>) -> Result<bool, HistoryError> {
        let Some(base) = base else {
            return Ok(addition.tenants.is_empty());
        };
        if addition.changes_anything(self.history())? {
            return Ok(false);
        }
        let heartbeat = self
            .repository
            .verified_policy()
            .and_then(|policy| policy.document.heartbeat);
        let Some(heartbeat) = heartbeat.filter(|_| base.run.verdicts == addition.run.verdicts)
        else {
            return Ok(addition.read.is_empty());
        };
        for tenant in &addition.read {
            let newest = self.history().newest_read(base.id, tenant)?;
            let recent = newest.is_some_and(|newest| {
                addition.run.taken_at.duration_since(newest.run.taken_at) < heartbeat
            });
            if !recent {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes out the tenants that were read recently enough.
    fn leave_out(
        &self,
        targets: &mut Vec<Target<'_>>,
        within: Duration,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some(tip) = self.local()? else {
            return Ok(());
        };
        let mut kept = Vec::new();
        for target in targets.drain(..) {
            let newest = self.history().newest_read(tip, &target.name);
            let newest = newest.map_err(|error| past::failure(&error))?;
            let recent = newest.is_some_and(|entry| {
                let age = now.duration_since(entry.run.time_of(&target.name));
                Duration::try_from(age).is_ok_and(|age| age <= within)
            });
            if !recent {
                kept.push(target);
            }
        }
        *targets = kept;
        Ok(())
    }

    /// A run that has read nothing yet.
    fn run_at(&self, taken_at: Timestamp) -> Run {
        Run {
            taken_at,
            exported_at: BTreeMap::new(),
            sources: BTreeSet::new(),
            read: Read::Only(BTreeSet::new()),
            verdicts: BTreeMap::new(),
            clock_given: self.arguments.trust.now.is_some(),
            act: None,
            remark: Remark::default(),
            rehearsal: self.is_rehearsal(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn sign(&self, bytes: &[u8]) -> Result<Option<String>, String> {
        match &self.key {
            None => Ok(None),
            Some(key) => {
                let signed = key.key.sign(Duty::History.namespace(), bytes);
                signed.map(Some).map_err(|error| error.to_string())
            }
        }
    }

    /// The remote that the history is pushed to, if it is.
    fn remote(&self) -> Result<Option<Remote<'_>>, Failure> {
        let Some(name) = &self.arguments.push else {
            return Ok(None);
        };
        let remote = Remote::new(self.history(), name);
        remote
            .map(Some)
            .map_err(|error| self.remote_failure(&error))
    }

    /// The author of the commit: the program, at the address of whoever signs.
    fn who(&self) -> String {
        let principal = self.key.as_ref().map(|key| key.principal.as_deref());
        match principal {
            Some(Some(principal)) if principal.contains('@') => format!("connguard <{principal}>"),
            Some(Some(principal)) => format!("connguard <{principal}@connguard.invalid>"),
            Some(None) => "connguard <signed@connguard.invalid>".to_owned(),
            None => "connguard <unsigned@connguard.invalid>".to_owned(),
        }
    }

    fn remember(&self, judging: &Judging<'_>, recorded: &Recorded) -> Result<(), Failure> {
        let taken_at = recorded.run.taken_at;
        let advance = recorded
            .commit
            .map(|commit| self.past.advance(commit, taken_at));
        let judged: Vec<&Judged> = recorded.done.iter().map(|done| &done.judged).collect();
        judging.remember(&judged, advance)
    }
}

/// A short time, longer with every attempt and another one for every process.
fn pause(attempt: u32) -> Duration {
    let own = Digest::of(&std::process::id().to_be_bytes()).spread(50);
    Duration::from_millis(u64::from(attempt) * 20 + own)
}
