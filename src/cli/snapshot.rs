//! `connguard snapshot`: read, judge, and commit what was seen to the history.

use super::console::Console;
use super::history_key::{self, HistoryKey};
use super::judging::{Judging, Looked, Observed};
use super::past::{self, Past};
use super::push::{Remote, RemoteError};
use super::repository::{self, Repository};
use super::status::Shown;
use super::targets::{From, Selection, Target, targets};
use super::{Common, Failure, Outcome, TrustArgs};
use crate::canonical;
use crate::digest::Digest;
use crate::finding::{Direction, Severity};
use crate::git::Oid;
use crate::history::append::{Addition, Appended};
use crate::history::change::{Difference, between};
use crate::history::folder::{Folder, as_recorded};
use crate::history::run::{Read, Run};
use crate::history::{Entry, History, HistoryError, documents, place, short};
use crate::hostile_text::visible;
use crate::parallel::in_parallel;
use crate::report::{Judged, pipeline};
use crate::snapshot::{Part, SourceKind};
use crate::trust::memory::Tip;
use crate::trust::{Duty, SignedFile};
use crate::verdict::{self, Verdict};
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// `schema` of the JSON form.
const SCHEMA: &str = "connguard/recorded/v1";

/// How often a run begins anew when others record the same tenants meanwhile.
const ATTEMPTS: u32 = 5;

/// So many lines of changes stand in a commit's message.
const MOST_LINES: usize = 200;

#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    #[command(flatten)]
    selection: Selection,
    /// Sign the commit with this OpenSSH key [default: the variable CONNGUARD_HISTORY_KEY, a key or its file; else a key in ssh-agent that holds the history role]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Fetch the history from this remote before, and push to it after; never forced
    #[arg(long, value_name = "REMOTE")]
    push: Option<String>,
    /// How to write what was recorded
    #[arg(long, value_enum, default_value_t)]
    format: Shown,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn run(common: &Common, arguments: &SnapshotArgs, console: &Console) -> Outcome {
    if matches!(arguments.selection.from, Some(From::History(_))) {
        return Err(Failure::Usage(
            "--from history reads what is recorded already".to_owned(),
        ));
    }
    let repository = Repository::find(common, &arguments.trust, console)?.ok_or_else(|| {
        Failure::run(
            "there is no connguard.yaml here or in a parent folder",
            "change to an audit repository, or name one with --config",
        )
    })?;
    let past = repository.needed_past()?;
    if let Some(reason) = past.obstacle(arguments.trust.now()) {
        return Err(Failure::Refused {
            message: format!("nothing was recorded: {reason}"),
            help: "connguard history verify shows all that is wrong".to_owned(),
        });
    }
    let trust = repository.trust.as_ref().ok();
    let key = history_key::find(
        arguments.key.as_deref(),
        trust,
        arguments.trust.now(),
        console,
    )?;
    let recorder = Recorder {
        arguments,
        console,
        repository: &repository,
        past,
        key,
    };
    recorder.may_stay_unsigned()?;
    recorder.record()
}

struct Recorder<'r> {
    arguments: &'r SnapshotArgs,
    console: &'r Console,
    repository: &'r Repository,
    past: &'r Past,
    key: Option<HistoryKey>,
}

/// What became of one tenant.
struct Done {
    name: String,
    judged: Judged,
    /// What is to be recorded of it.
    seen: Option<Seen>,
    /// Why it does not count as read.
    reason: Option<String>,
}

struct Seen {
    folder: Folder,
    changes: Vec<Difference>,
    first: bool,
    /// Whether the history holds just this.
    same: bool,
    source: SourceKind,
    taken_at: Timestamp,
}

/// What was recorded.
struct Recorded {
    commit: Option<Oid>,
    parent: Option<Oid>,
    run: Run,
    done: Vec<Done>,
    /// Why it is not where others see it, if it was to be.
    unpushed: Option<String>,
}

impl Recorder<'_> {
    fn history(&self) -> &History {
        &self.past.history
    }

    /// An unsigned commit on signed ones would make all later ones worthless.
    fn may_stay_unsigned(&self) -> Result<(), Failure> {
        if self.key.is_some() {
            return Ok(());
        }
        let signed = matches!(&self.past.verified, Some(Ok(verified)) if verified.signed);
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

    fn record(&self) -> Outcome {
        let policy = self.repository.verified_policy();
        let mut alone = None;
        let judging = Judging::new(
            self.console,
            (&self.arguments.selection, &self.arguments.trust),
            Some(self.repository),
            repository::rules(policy, &mut alone)?,
            policy.map_or(Severity::Low, |policy| policy.document.fail_on),
        )?;
        let targets = targets(Some(self.repository), &self.arguments.selection)?;
        let remote = match &self.arguments.push {
            Some(name) => Some(
                Remote::new(self.history(), name).map_err(|error| self.remote_failure(&error))?,
            ),
            None => None,
        };
        for attempt in 1..=ATTEMPTS {
            let (base, unreachable) = self.base(remote.as_ref())?;
            match self.attempt(
                &judging,
                &targets,
                base,
                remote.as_ref().filter(|_| unreachable.is_none()),
            )? {
                Some(mut recorded) => {
                    if recorded.unpushed.is_none() {
                        recorded.unpushed = unreachable;
                    }
                    self.remember(&judging, &recorded)?;
                    return self.show(&recorded);
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

    /// The commit to build on: the newest of this repository and of the remote, and why the latter was not asked.
    fn base(&self, remote: Option<&Remote<'_>>) -> Result<(Option<Oid>, Option<String>), Failure> {
        let local = self
            .history()
            .tip()
            .map_err(|error| past::failure(&error))?;
        let Some(remote) = remote else {
            return Ok((local, None));
        };
        let theirs = match remote.fetch() {
            Ok(theirs) => theirs,
            Err(RemoteError::Refused(reason)) => return Ok((local, Some(reason))),
            Err(error) => return Err(self.remote_failure(&error)),
        };
        let Some(theirs) = theirs.filter(|theirs| Some(*theirs) != local) else {
            return Ok((local, None));
        };
        let leads_to = |from: Oid, to: Oid| {
            let mut entries = self.history().from(from);
            entries.any(|entry| entry.is_ok_and(|entry| entry.id == to))
        };
        if let Some(local) = local {
            if leads_to(local, theirs) {
                return Ok((Some(local), None));
            }
            if !leads_to(theirs, local) {
                return Err(Failure::Refused {
                    message: format!(
                        "the history here ({}) and the one at the remote ({}) have parted, and connguard joins or rewrites neither",
                        short(local),
                        short(theirs)
                    ),
                    help: "find out why; connguard history log shows what is here. To go on with the remote's, keep yours under another ref and put the local one where the remote's is".to_owned(),
                });
            }
        }
        self.accept(local, theirs)?;
        Ok((Some(theirs), None))
    }

    /// Takes the remote's newer commits, once they are verified.
    fn accept(&self, local: Option<Oid>, theirs: Oid) -> Result<(), Failure> {
        let trust = self.repository.trust.as_ref().ok();
        let expected = crate::history::verify::Expected {
            trust,
            pinned: None,
            remembered: local,
            whole: false,
            now: self.arguments.trust.now(),
        };
        let mut memory = crate::trust::Memory::default();
        let verified =
            crate::history::verify::verify(self.history(), theirs, &expected, &mut memory)
                .map_err(|error| past::failure(&error))?;
        if let Err(flaws) = verified
            && let Some(flaw) = flaws.first()
        {
            return Err(Failure::Refused {
                message: format!(
                    "nothing was recorded: the remote's history is not what was recorded: at {}, {}",
                    short(flaw.commit),
                    flaw.message
                ),
                help: flaw.kind.help().to_owned(),
            });
        }
        self.history()
            .git
            .move_ref(&self.history().name, local, theirs, "connguard: fetched")
            .map_err(|error| past::failure(&error.into()))
    }

    fn remote_failure(&self, error: &RemoteError) -> Failure {
        match error {
            RemoteError::Git(error) => past::failure(&error.clone().into()),
            RemoteError::Refused(reason) => Failure::run(
                reason.clone(),
                "name a remote that git can reach with the credentials it has",
            ),
        }
    }

    /// Reads everything and commits it on a base; `None` where others came first.
    fn attempt(
        &self,
        judging: &Judging<'_>,
        targets: &[Target<'_>],
        base: Option<Oid>,
        remote: Option<&Remote<'_>>,
    ) -> Result<Option<Recorded>, Failure> {
        let failed = |error: HistoryError| past::failure(&error);
        let now = self.arguments.trust.now();
        let base_entry = match base {
            Some(base) => Some(self.history().entry(base).map_err(failed)?),
            None => None,
        };
        let mut done = in_parallel(targets, |target| {
            self.tenant(judging, target, base_entry.as_ref(), now)
        });
        let mut addition = self.addition(&mut done, base_entry.as_ref(), now)?;
        if self
            .is_needless(&addition, base_entry.as_ref())
            .map_err(failed)?
        {
            return Ok(Some(Recorded {
                commit: None,
                parent: base,
                run: addition.run,
                done,
                unpushed: None,
            }));
        }
        let (title, text) = message(&done);
        let who = self.who();
        let sign = |bytes: &[u8]| match &self.key {
            None => Ok(None),
            Some(key) => {
                let signed = key.key.sign(Duty::History.namespace(), bytes);
                signed.map(Some).map_err(|error| error.to_string())
            }
        };
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
                    (_, Ok(theirs)) if theirs.is_some() && theirs != parent => return Ok(None),
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
                    parent = self.history().tip().map_err(failed)?;
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

    /// Reads and judges a tenant, and makes its folder.
    fn tenant(
        &self,
        judging: &Judging<'_>,
        target: &Target<'_>,
        base: Option<&Entry>,
        now: Timestamp,
    ) -> Done {
        let looked = judging.look(target);
        let (seen, reason) = match self.seen(target, &looked, base, now) {
            Ok((seen, reason)) => (Some(seen), reason),
            Err(reason) => (None, Some(reason)),
        };
        let recorded = seen.as_ref().is_some_and(|seen| seen.same);
        let judged = judging.judge_knowing(target, &looked, recorded);
        Done {
            name: target.name.clone(),
            judged,
            seen,
            reason,
        }
    }

    /// What is to be recorded of a tenant, and why it does not count as read; or why nothing is.
    fn seen(
        &self,
        target: &Target<'_>,
        looked: &Looked,
        base: Option<&Entry>,
        now: Timestamp,
    ) -> Result<(Seen, Option<String>), String> {
        let observed = match &looked.observed {
            Ok(Some(observed)) => observed,
            Ok(None) => return Err("connguard.yaml does not say where to read it".to_owned()),
            Err(failures) => {
                let messages: Vec<&str> = failures
                    .iter()
                    .map(|failure| failure.message.as_str())
                    .collect();
                return Err(messages.join("; "));
            }
        };
        let Observed { snapshot, .. } = observed;
        let taken_at = snapshot
            .taken_at
            .ok_or("nothing says when the export was made: give --taken-at")?;
        if taken_at.duration_since(now) > crate::trust::header::CLOCK_SKEW {
            return Err(format!(
                "it says that it was taken at {taken_at}, which is later than now"
            ));
        }
        let words = |error: HistoryError| error.to_string();
        let history = self.history();
        let before = match base {
            Some(base) => history
                .folder_of(base.commit.tree, &target.name)
                .map_err(words)?,
            None => None,
        };
        if let Some(base) = base
            && before.is_some()
            && let Some(newest) = history.newest_read(base.id, &target.name).map_err(words)?
            && taken_at < newest.run.time_of(&target.name)
        {
            return Err(format!(
                "it was taken at {taken_at}, and the history holds a newer state, of {}",
                newest.run.time_of(&target.name)
            ));
        }
        let baseline = match &looked.baseline {
            Some(Ok(baseline)) => {
                let file = SignedFile::load(&self.repository.folder, &baseline.path);
                // What was verified, and nothing that took its place meanwhile.
                file.ok().filter(|file| file.digest() == baseline.digest)
            }
            _ => None,
        };
        let folder = history
            .tenant_folder(before, snapshot, baseline.as_ref())
            .map_err(words)?;
        let earlier = match before.filter(|before| *before != folder.id) {
            Some(before) => {
                let commit = base.map_or(Oid::ZERO_SHA1, |base| base.id);
                Some(
                    history
                        .state_in(commit, &target.name, before)
                        .map_err(words)?,
                )
            }
            None => None,
        };
        let changes = match (&earlier, before) {
            (Some(earlier), _) => between(
                Some(&earlier.snapshot),
                &as_recorded(&earlier.snapshot, snapshot),
            ),
            (None, Some(_)) => Vec::new(),
            (None, None) => between(None, snapshot),
        };
        let reason = (!snapshot.has(Part::InboundConnectors)).then(|| {
            format!(
                "its connectors were not read completely: {}",
                snapshot.completeness(Part::InboundConnectors).words()
            )
        });
        let seen = Seen {
            changes,
            first: before.is_none(),
            same: before == Some(folder.id) && reason.is_none(),
            folder,
            source: snapshot.source,
            taken_at,
        };
        Ok((seen, reason))
    }

    fn addition(
        &self,
        done: &mut [Done],
        base: Option<&Entry>,
        now: Timestamp,
    ) -> Result<Addition, Failure> {
        // Commits know no parts of a second.
        let taken_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut run = Run {
            taken_at,
            exported_at: BTreeMap::new(),
            sources: BTreeSet::new(),
            read: Read::Only(BTreeSet::new()),
            verdicts: BTreeMap::new(),
            clock_given: self.arguments.trust.now.is_some(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
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
        let tip = recorded.commit.map(|commit| Tip {
            commit: commit.to_string(),
            taken_at: recorded.run.taken_at,
        });
        let judged: Vec<&Judged> = recorded.done.iter().map(|done| &done.judged).collect();
        judging.remember(&judged, tip)
    }

    fn show(&self, recorded: &Recorded) -> Outcome {
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
            None => "nothing new, and recorded a short time ago: no commit was made\n".to_owned(),
        };
        for done in &recorded.done {
            let verdict = done.judged.conclusion.verdict.name();
            let state = match (&done.seen, &done.reason) {
                (_, Some(reason)) => format!("not read: {}", visible(reason)),
                (Some(seen), None) if seen.first => "recorded for the first time".to_owned(),
                (Some(seen), None) if seen.changes.is_empty() => "nothing new".to_owned(),
                (Some(seen), None) => counted(seen.changes.len(), "change"),
                (None, None) => String::new(),
            };
            let _ = writeln!(text, "  {}: {state}; {verdict}", done.name);
            if let Some(seen) = done.seen.as_ref().filter(|seen| !seen.first) {
                for line in lines(&seen.changes) {
                    let _ = writeln!(text, "    {line}");
                }
            }
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

/// A short time, longer with every attempt and another one for every process.
fn pause(attempt: u32) -> Duration {
    let own = Digest::of(&std::process::id().to_be_bytes()).spread(50);
    Duration::from_millis(u64::from(attempt) * 20 + own)
}

/// The title of a commit, and what changed, for people.
fn message(done: &[Done]) -> (String, String) {
    let seen: Vec<(&str, &Seen)> = done
        .iter()
        .filter_map(|done| Some((done.name.as_str(), done.seen.as_ref()?)))
        .collect();
    let who = match seen.as_slice() {
        [] => "no tenant".to_owned(),
        [(one, _)] => (*one).to_owned(),
        [(one, _), (two, _)] => format!("{one} and {two}"),
        many => counted(many.len(), "tenant"),
    };
    let changes: usize = seen
        .iter()
        .filter(|(_, seen)| !seen.first)
        .map(|(_, seen)| seen.changes.len())
        .sum();
    let first = seen.iter().filter(|(_, seen)| seen.first).count();
    let what = match (changes, first) {
        (0, 0) => "nothing new".to_owned(),
        (0, _) => "first snapshot".to_owned(),
        (_, 0) => counted(changes, "change"),
        _ => format!("{}, {first} for the first time", counted(changes, "change")),
    };
    let mut text = String::new();
    let mut left = MOST_LINES;
    for (name, seen) in seen {
        if seen.changes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{name}");
        for line in lines(&seen.changes) {
            if left == 0 {
                continue;
            }
            left -= 1;
            let _ = writeln!(text, "  {line}");
        }
    }
    if left == 0 {
        let _ = writeln!(text, "and more");
    }
    for done in done {
        if let Some(reason) = &done.reason {
            let _ = writeln!(text, "{} not read: {}", done.name, one_line(reason));
        }
    }
    (format!("{who}: {what}"), text)
}

/// Differences, a line each. Names are a tenant's: escaped, and never at the beginning of a line.
pub(super) fn lines(changes: &[Difference]) -> Vec<String> {
    changes
        .iter()
        .map(|difference| {
            let who = difference
                .connector
                .as_ref()
                .map_or_else(String::new, |named| {
                    let id = named
                        .id
                        .as_deref()
                        .map_or_else(String::new, |id| format!(" ({id})"));
                    format!("{:?}{id} ", crate::finding::excerpt(&named.name))
                });
            let direction = match difference.direction {
                Some(Direction::Widens) => " [widens trust]",
                Some(Direction::Narrows) => " [narrows trust]",
                Some(Direction::Neutral) | None => "",
            };
            one_line(&format!("{who}{}{direction}", difference.words()))
        })
        .collect()
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', " ")
}

pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
