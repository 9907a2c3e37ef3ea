//! Whether a history is what its runs wrote: nothing changed, left out, put in or taken back.
//!
//! A commit counts if somebody who held the `history` role by the root in force
//! then signed it, if it follows the one before in time, and if its tree is
//! what a run would have made of the one before. The root in force then is the
//! one in the commit's own tree: its digest must be one of the chain that the
//! operator's root is the end of, and its version never falls.
//!
//! From what verifies a memory is made: which versions of the signed documents
//! there were, and when each was seen first. A document counts only if its own
//! signatures verify, so that whoever can write the history poisons nothing.

use super::documents::Recorded;
use super::run::Run;
use super::wellformed::{self, Documents};
use super::{History, HistoryError, short};
use crate::baseline::Baseline;
use crate::git::{Commit, GitError, Oid, Tree};
use crate::parallel::in_parallel;
use crate::policy::Policy;
use crate::trust::files::{SignatureFile, SignedFile};
use crate::trust::header::CLOCK_SKEW;
use crate::trust::{Duty, Key, Keyring, Known, Memory, Refusal, Sightings, Trust, chain};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// How long before its commit a run may have read its sources.
const NEAR: SignedDuration = SignedDuration::from_hours(1);

/// So many commits a thread takes at once.
const CHUNK: usize = 64;

/// What a history is held against.
pub struct Expected<'t> {
    /// The audit repository's root; without one no signature can be checked.
    pub trust: Option<&'t Trust>,
    /// A commit that the operator knows to be in it.
    pub pinned: Option<Oid>,
    /// The newest commit that an earlier run verified.
    pub remembered: Option<Oid>,
    /// Whether to look again at what was verified before.
    pub whole: bool,
    /// The time of the run.
    pub now: Timestamp,
}

/// A history that is what its runs wrote.
#[derive(Debug)]
pub struct Verified {
    /// Its newest commit.
    pub tip: Oid,
    /// Its oldest commit.
    pub first: Oid,
    /// How many commits there are from the newest known one, or from the first, to the tip.
    pub commits: usize,
    /// Whether the newest commit is signed by somebody who may.
    pub signed: bool,
    /// How many commits, before the role was given to anybody, nobody signed.
    pub unsigned: usize,
    /// The time of the newest run.
    pub newest: Timestamp,
    /// What the runs that were looked at saw, oldest first.
    pub sightings: Vec<(Sightings, Option<Timestamp>)>,
}

/// What is wrong with a history.
#[derive(Clone, Debug)]
pub struct Flaw {
    /// What kind it is, for programs.
    pub kind: Kind,
    /// The commit where it begins.
    pub commit: Oid,
    /// What is wrong, in words.
    pub message: String,
}

/// The kinds of flaws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The ref was set back to an earlier commit.
    Reset,
    /// Another history stands where a known one was.
    Rewritten,
    /// A commit that was signed was changed.
    Amended,
    /// A commit between two others was left out.
    Dropped,
    /// Commits stand in another order than they were signed in.
    Reordered,
    /// Nobody signed a commit that somebody had to sign.
    Unsigned,
    /// Somebody signed who may not.
    Stranger,
    /// A commit has two parents.
    Merged,
    /// No run made it.
    Foreign,
    /// Its times cannot be true.
    Time,
    /// Its tree is not what a run would have made.
    Tree,
    /// Its root is not one of the chain, or an older one than before.
    Root,
    /// An object is not what its name says, or gone.
    Damaged,
}

impl Kind {
    /// How to go on.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Reset | Self::Rewritten => {
                "find out who moved the ref, and put it back: every clone that fetched the lost commits still has them. If the history was meant to begin anew: connguard history verify --anew"
            }
            Self::Damaged => {
                "find out who wrote to the repository, and restore the object from another clone"
            }
            Self::Time => "find out whose clock was wrong, or who made the commit",
            _ => {
                "find out who wrote to the history, and put the ref back to the last good commit; other clones have what is missing"
            }
        }
    }
}

/// Verifies a history from what is known of it up to a commit, its tip.
pub fn verify(
    history: &History,
    tip: Oid,
    expected: &Expected<'_>,
    memory: &mut Memory,
) -> Result<Result<Verified, Vec<Flaw>>, HistoryError> {
    let verifier = Verifier {
        tip,
        expected,
        keyrings: Mutex::default(),
    };
    let chain = verifier.chain(history, tip)?;
    let mut flaws = chain.flaws;
    let (checks, from_commits) = verifier.check_all(history, &chain.commits)?;
    flaws.extend(from_commits);
    if flaws.is_empty() {
        flaws.extend(verifier.in_sequence(history, &chain.commits, &checks));
    }
    if !flaws.is_empty() {
        return Ok(Err(flaws));
    }
    let first = chain.first;
    verifier
        .verified(history, tip, first, &chain.commits, &checks, memory)
        .map(Ok)
}

/// Who signed an entry; `None` where nobody did or nobody had to.
pub fn signer(
    history: &History,
    trust: &Trust,
    entry: &super::Entry,
) -> Result<Option<String>, Flaw> {
    let expected = Expected {
        trust: Some(trust),
        pinned: None,
        remembered: None,
        whole: false,
        now: entry.run.taken_at,
    };
    let verifier = Verifier {
        tip: entry.id,
        expected: &expected,
        keyrings: Mutex::default(),
    };
    let (id, commit) = (entry.id, &entry.commit);
    let root = verifier
        .root_of(history, commit.tree)
        .map_err(|error| flaw(Kind::Damaged, id, error.to_string()))?;
    let (_, _, signer) = verifier.signature(history, id, commit, root.as_deref())?;
    Ok(signer)
}

/// The commits to be looked at, oldest first, and what is wrong with the way they lead.
struct Chain {
    commits: Vec<(Oid, Commit)>,
    first: Oid,
    flaws: Vec<Flaw>,
}

/// What a commit turned out to be.
struct Check {
    run: Run,
    signed: bool,
    /// Whether somebody had the role by the root in its tree.
    role: bool,
    /// The version of the root in its tree.
    root: Option<u64>,
    documents: Documents,
}

struct Verifier<'e> {
    tip: Oid,
    expected: &'e Expected<'e>,
    /// Roots by the folder of the documents that holds them.
    keyrings: Mutex<HashMap<Oid, KnownRoot>>,
}

/// A commit's tree, read once for itself and once for the commit after it.
#[derive(Clone)]
struct Root {
    id: Option<Oid>,
    tree: std::sync::Arc<Tree>,
}

impl Root {
    fn of(history: &History, id: Option<Oid>) -> Result<Self, GitError> {
        let tree = id.map_or_else(|| Ok(Tree::empty()), |id| history.git.tree(id))?;
        Ok(Self {
            id,
            tree: std::sync::Arc::new(tree),
        })
    }
}

/// The root of trust in a commit's tree.
type KnownRoot = std::sync::Arc<Result<Keyring, String>>;

fn flaw(kind: Kind, commit: Oid, message: String) -> Flaw {
    Flaw {
        kind,
        commit,
        message,
    }
}

impl Verifier<'_> {
    /// Walks from the tip back to the newest commit that is known.
    fn chain(&self, history: &History, tip: Oid) -> Result<Chain, HistoryError> {
        let known: BTreeSet<Oid> = [self.expected.pinned, self.expected.remembered]
            .into_iter()
            .flatten()
            .collect();
        let mut chain = Chain {
            commits: Vec::new(),
            first: tip,
            flaws: Vec::new(),
        };
        let mut met: BTreeSet<Oid> = BTreeSet::new();
        let mut next = Some(tip);
        while let Some(id) = next {
            if known.contains(&id) {
                met.insert(id);
            }
            let commit = match history.git.commit(id) {
                Ok(commit) => commit,
                Err(error @ GitError::Shallow(_)) => return Err(error.into()),
                Err(error) => {
                    chain.flaws.push(flaw(Kind::Damaged, id, error.to_string()));
                    break;
                }
            };
            next = commit.parents.first().copied();
            chain.first = id;
            let all_met = met.len() == known.len();
            if all_met && !known.is_empty() && !self.expected.whole {
                // The tip itself may be the known one: then nothing is new.
                break;
            }
            chain.commits.push((id, commit));
        }
        chain.commits.reverse();
        if let Some(lost) = known
            .difference(&met)
            .next()
            .filter(|_| chain.flaws.is_empty())
        {
            let found = self.lost(history, *lost, tip, &chain.commits);
            chain.flaws.push(found);
        }
        Ok(chain)
    }

    /// Says how a commit that was known came to be outside the history.
    fn lost(&self, history: &History, lost: Oid, tip: Oid, commits: &[(Oid, Commit)]) -> Flaw {
        let who = if self.expected.pinned == Some(lost) {
            "the pinned commit"
        } else {
            "a commit that an earlier run verified"
        };
        let mut gone = Vec::new();
        let mut next = Some(lost);
        let now: BTreeSet<Oid> = commits.iter().map(|(id, _)| *id).collect();
        while let Some(id) = next.filter(|id| !now.contains(id)) {
            gone.push(id);
            // The lost commits may have been cleaned up by now.
            next = history
                .git
                .commit(id)
                .ok()
                .and_then(|commit| commit.parents.first().copied());
        }
        let times = |id: &Oid| {
            let entry = history.entry(*id).ok();
            entry.map_or_else(String::new, |entry| format!(" of {}", entry.run.taken_at))
        };
        let Some(fork) = next else {
            let message = format!(
                "the history was replaced: {who}, {lost}{}, is not in it, and nothing of what led to that commit is",
                times(&lost)
            );
            return flaw(
                Kind::Rewritten,
                commits.first().map_or(tip, |(id, _)| *id),
                message,
            );
        };
        if fork == tip {
            let message = format!(
                "the ref was set back: {} newer commits up to {lost}{} are gone from it, which an earlier run or the pin knows",
                gone.len(),
                times(&lost)
            );
            return flaw(Kind::Reset, tip, message);
        }
        let begin = commits
            .iter()
            .skip_while(|(id, _)| *id != fork)
            .nth(1)
            .map_or(tip, |(id, _)| *id);
        let first = gone.last().copied().unwrap_or(lost);
        let message = format!(
            "the history was rewritten from {} on: {who}, {}{}, is not in it; the first of {} that are gone is {}{}",
            short(begin),
            short(lost),
            times(&lost),
            gone.len(),
            short(first),
            times(&first)
        );
        flaw(Kind::Rewritten, begin, message)
    }

    /// Looks at every commit, on every processor; gives the flaws of the oldest bad ones.
    fn check_all(
        &self,
        history: &History,
        commits: &[(Oid, Commit)],
    ) -> Result<(Vec<Check>, Vec<Flaw>), HistoryError> {
        let starts: Vec<usize> = (0..commits.len()).step_by(CHUNK).collect();
        let results = in_parallel(&starts, |&start| {
            let before = start.checked_sub(1).and_then(|before| commits.get(before));
            let end = commits.len().min(start.saturating_add(CHUNK));
            self.check_some(history, before, commits.get(start..end).unwrap_or_default())
        });
        let (mut checks, mut flaws) = (Vec::with_capacity(commits.len()), Vec::new());
        for some in results {
            for check in some? {
                match check {
                    Ok(check) => checks.push(check),
                    Err(flaw) => flaws.push(flaw),
                }
            }
        }
        flaws.truncate(10);
        Ok((checks, flaws))
    }

    fn check_some(
        &self,
        history: &History,
        before: Option<&(Oid, Commit)>,
        commits: &[(Oid, Commit)],
    ) -> Result<Vec<Result<Check, Flaw>>, HistoryError> {
        let mut before = before.map(|(_, commit)| commit.tree);
        // What leads to the first commit of all was verified in an earlier run.
        if before.is_none()
            && let Some((_, first)) = commits.first()
            && let Some(parent) = first.parents.first()
        {
            before = Some(history.git.commit(*parent)?.tree);
        }
        let mut before = Root::of(history, before);
        let mut found = Vec::with_capacity(commits.len());
        for (id, commit) in commits {
            let root = match &before {
                // A run that found nothing new.
                Ok(before) if before.id == Some(commit.tree) => Ok(before.clone()),
                _ => Root::of(history, Some(commit.tree)),
            };
            found.push(match (&before, &root) {
                (Ok(before), Ok(root)) => self.check(history, before, root, (*id, commit))?,
                (Err(error), _) | (_, Err(error)) => {
                    Err(flaw(Kind::Damaged, *id, error.to_string()))
                }
            });
            before = root;
        }
        Ok(found)
    }

    fn check(
        &self,
        history: &History,
        before: &Root,
        root: &Root,
        (id, commit): (Oid, &Commit),
    ) -> Result<Result<Check, Flaw>, HistoryError> {
        if commit.parents.len() > 1 {
            let message = format!(
                "it has {} parents, and a history is one line",
                commit.parents.len()
            );
            return Ok(Err(flaw(Kind::Merged, id, message)));
        }
        let run = match Run::parse(&commit.message) {
            Ok(run) => run,
            Err(reason) => {
                let message = format!("no run of connguard made it: {reason}");
                return Ok(Err(flaw(Kind::Foreign, id, message)));
            }
        };
        let known = match self.root_in(history, commit.tree, &root.tree) {
            Ok(known) => known,
            Err(error) => return Ok(Err(flaw(Kind::Damaged, id, error.to_string()))),
        };
        let (role, version, signer) = match self.signature(history, id, commit, known.as_deref()) {
            Ok(signature) => signature,
            Err(found) => return Ok(Err(found)),
        };
        let documents = match wellformed::check(history, &before.tree, &root.tree, &run) {
            Ok(Ok(documents)) => documents,
            Ok(Err(reason)) => return Ok(Err(flaw(Kind::Tree, id, reason))),
            Err(HistoryError::Git(error @ (GitError::Damaged { .. } | GitError::Missing(_)))) => {
                return Ok(Err(flaw(Kind::Damaged, id, error.to_string())));
            }
            Err(error) => return Err(error),
        };
        Ok(Ok(Check {
            run,
            signed: signer.is_some(),
            role,
            root: version,
            documents,
        }))
    }

    /// The root in a commit's tree, if it has one.
    fn root_of(&self, history: &History, tree: Oid) -> Result<Option<KnownRoot>, GitError> {
        self.root_in(history, tree, &history.git.tree(tree)?)
    }

    fn root_in(
        &self,
        history: &History,
        tree: Oid,
        content: &Tree,
    ) -> Result<Option<KnownRoot>, GitError> {
        let Some(folder) = content.get(super::place::DOCUMENTS) else {
            return Ok(None);
        };
        let known = || {
            let keyrings = self.keyrings.lock().unwrap_or_else(PoisonError::into_inner);
            keyrings.get(&folder.id).cloned()
        };
        if let Some(known) = known() {
            return Ok(Some(known));
        }
        if history.git.find(folder.id, chain::FOLDER)?.is_none() {
            return Ok(None);
        }
        let recorded = Recorded::new(history, tree);
        let root = match (Keyring::load(&recorded, chain::FOLDER), self.expected.trust) {
            (Err(refusal), _) => Err(refusal.to_string()),
            (Ok(root), Some(trust)) if !trust.known_by().contains(&root.digest) => Err(format!(
                "its root, version {} ({}), is none of the chain that leads to the root in force; if a newer root was taken back, restore it",
                root.root.header.version, root.digest
            )),
            (Ok(root), _) => Ok(root),
        };
        let root = KnownRoot::new(root);
        let mut keyrings = self.keyrings.lock().unwrap_or_else(PoisonError::into_inner);
        keyrings.insert(folder.id, root.clone());
        Ok(Some(root))
    }

    /// Whether somebody had the role then, the version of the root, and which such person signed the commit.
    fn signature(
        &self,
        history: &History,
        id: Oid,
        commit: &Commit,
        root: Option<&Result<Keyring, String>>,
    ) -> Result<(bool, Option<u64>, Option<String>), Flaw> {
        let Some(trust) = self.expected.trust else {
            return Ok((false, None, None));
        };
        let root = match root {
            None => None,
            Some(Ok(root)) => Some(root),
            Some(Err(reason)) => return Err(flaw(Kind::Root, id, reason.clone())),
        };
        let version = root.map(|root| root.root.header.version);
        // A run that could not verify its root recorded none.
        let keyring = root.unwrap_or(trust.keyring());
        if keyring.root.grant(Duty::History).is_none() {
            return Ok((false, version, None));
        }
        let Some(armored) = &commit.signature else {
            return if root.is_some() {
                Err(flaw(
                    Kind::Unsigned,
                    id,
                    "it is unsigned, and the root in force then says who signs snapshots"
                        .to_owned(),
                ))
            } else {
                Ok((false, version, None))
            };
        };
        let file = SignedFile {
            path: format!("the commit {}", short(id)),
            bytes: commit.signed.clone(),
            signatures: vec![SignatureFile {
                path: "its signature".to_owned(),
                bytes: armored.clone().into_bytes(),
            }],
        };
        let at = Timestamp::from_second(commit.time).unwrap_or(self.expected.now);
        match keyring.verify(Duty::History, &file, at) {
            Ok(signers) => {
                let signer = signers.into_iter().next();
                Ok((true, version, signer.map(|signer| signer.principal)))
            }
            Err(refusal) => Err(self.not_counting(history, id, commit, keyring, at, refusal)),
        }
    }

    /// Says what was done to a commit whose signature does not count.
    fn not_counting(
        &self,
        history: &History,
        id: Oid,
        commit: &Commit,
        keyring: &Keyring,
        at: Timestamp,
        refusal: Refusal,
    ) -> Flaw {
        let Refusal::TooFew(short_of) = &refusal else {
            return flaw(Kind::Stranger, id, refusal.to_string());
        };
        let Some(rejected) = short_of.rejected.first() else {
            return flaw(Kind::Stranger, id, refusal.to_string());
        };
        if !rejected.changed {
            let message = format!("it was signed by somebody who may not: {}", rejected.reason);
            return flaw(Kind::Stranger, id, message);
        }
        // The signature was good once: what was it about?
        match self.signed_parent(history, id, commit, keyring, at) {
            Some((parent, true)) => flaw(
                Kind::Reordered,
                id,
                format!("it was signed as the commit after {}, and does not stand there: the order was changed", short(parent)),
            ),
            Some((parent, false)) => flaw(
                Kind::Dropped,
                id,
                format!("it was signed as the commit after {}, which was left out", short(parent)),
            ),
            None => flaw(
                Kind::Amended,
                id,
                "it was changed after it was signed: its tree, its times, its message or what comes before it".to_owned(),
            ),
        }
    }

    /// The parent with which the signature is good, and whether that commit is in the history.
    fn signed_parent(
        &self,
        history: &History,
        id: Oid,
        commit: &Commit,
        keyring: &Keyring,
        at: Timestamp,
    ) -> Option<(Oid, bool)> {
        let text = String::from_utf8(commit.signed.clone()).ok()?;
        let parent = commit.parents.first();
        let armored = commit.signature.clone()?;
        let good = |candidate: &Oid| {
            let line = format!("parent {candidate}\n");
            let bytes = match parent {
                Some(parent) => text.replacen(&format!("parent {parent}\n"), &line, 1),
                None => text.replacen("\nauthor ", &format!("\n{line}author "), 1),
            };
            let file = SignedFile {
                path: String::new(),
                bytes: bytes.into_bytes(),
                signatures: vec![SignatureFile {
                    path: String::new(),
                    bytes: armored.clone().into_bytes(),
                }],
            };
            keyring.verify(Duty::History, &file, at).is_ok()
        };
        let stored = history.git.all_commits().ok()?;
        let signed_after = stored.into_iter().filter(|other| *other != id).find(good)?;
        // A commit that only stands elsewhere has another name there, and the signature that it had.
        let signature = history.git.commit(signed_after).ok()?.signature;
        let inside = history
            .from(self.tip)
            .filter_map(Result::ok)
            .any(|entry| entry.id == signed_after || entry.commit.signature == signature);
        Some((signed_after, inside))
    }

    /// What only the sequence shows: times, roots, and when signing began.
    fn in_sequence(
        &self,
        history: &History,
        commits: &[(Oid, Commit)],
        checks: &[Check],
    ) -> Vec<Flaw> {
        let mut newest: Option<Timestamp> = None;
        let mut root = 0;
        let mut signing = false;
        let before = commits.first().and_then(|(_, first)| first.parents.first());
        if let Some(entry) = before.and_then(|before| history.entry(*before).ok()) {
            newest = Some(entry.run.taken_at);
            root = self.recorded_root(history, &entry.commit);
            signing = entry.commit.signature.is_some() && self.expected.trust.is_some();
        }
        let mut flaws = Vec::new();
        for ((id, commit), check) in commits.iter().zip(checks) {
            flaws.extend(self.time(*id, commit, &check.run, newest));
            newest = newest.max(Some(check.run.taken_at));
            let version = check.root.unwrap_or(root);
            if version < root {
                let message = format!(
                    "its root is version {version}, and a run before had version {root}: an older root was put back"
                );
                flaws.push(flaw(Kind::Root, *id, message));
            }
            root = root.max(version);
            if signing && !check.signed {
                let message = "it is unsigned, and the commits before it are signed".to_owned();
                flaws.push(flaw(Kind::Unsigned, *id, message));
            }
            signing |= check.signed;
        }
        let role = self
            .expected
            .trust
            .is_some_and(|trust| trust.root().grant(Duty::History).is_some());
        if let (Some((id, _)), Some(last)) = (commits.last(), checks.last())
            && role
            && last.role
            && !last.signed
        {
            let message = "it is unsigned, and the root says who signs snapshots".to_owned();
            flaws.push(flaw(Kind::Unsigned, *id, message));
        }
        flaws.truncate(10);
        flaws
    }

    fn recorded_root(&self, history: &History, commit: &Commit) -> u64 {
        let root = self.root_of(history, commit.tree).ok().flatten();
        match root.as_deref() {
            Some(Ok(root)) => root.root.header.version,
            _ => 0,
        }
    }

    fn time(&self, id: Oid, commit: &Commit, run: &Run, newest: Option<Timestamp>) -> Option<Flaw> {
        let taken = run.taken_at;
        let message = if let Some(newest) = newest
            && newest.duration_since(taken) > CLOCK_SKEW
        {
            format!("it says that it was taken at {taken}, and a run before it at {newest}")
        } else if taken.duration_since(self.expected.now) > CLOCK_SKEW {
            format!(
                "it says that it was taken at {taken}, which is later than the time of this run, {}: the clock was set back, --now is too early, or the commit was dated ahead",
                self.expected.now
            )
        } else {
            let committed = Timestamp::from_second(commit.time).unwrap_or(Timestamp::MIN);
            let late = committed.duration_since(taken);
            if late <= NEAR && -late <= CLOCK_SKEW {
                return None;
            }
            format!("it says that it was taken at {taken}, and was committed at {committed}")
        };
        Some(flaw(Kind::Time, id, message))
    }

    /// What the commits show about the signed documents, once all of them are good.
    fn verified(
        &self,
        history: &History,
        tip: Oid,
        first: Oid,
        commits: &[(Oid, Commit)],
        checks: &[Check],
        memory: &mut Memory,
    ) -> Result<Verified, HistoryError> {
        let mut sightings = Vec::new();
        for ((_, commit), check) in commits.iter().zip(checks) {
            if check.documents.is_empty() {
                continue;
            }
            // When an unsigned commit says that it saw something proves nothing.
            let at = check.signed.then_some(check.run.taken_at);
            if let Some(seen) = self.sighting(history, commit, &check.documents, at, memory) {
                memory.record(&seen, at);
                sightings.push((seen, at));
            }
        }
        let newest = match checks.last() {
            Some(check) => check.run.taken_at,
            None => history.entry(tip)?.run.taken_at,
        };
        let signed = match checks.last() {
            Some(check) => check.signed,
            None => {
                let commit = history.git.commit(tip)?;
                let root = self.root_of(history, commit.tree)?;
                self.signature(history, tip, &commit, root.as_deref())
                    .is_ok_and(|(_, _, signer)| signer.is_some())
            }
        };
        Ok(Verified {
            tip,
            first,
            commits: commits.len(),
            signed,
            unsigned: checks.iter().filter(|check| !check.signed).count(),
            newest,
            sightings,
        })
    }

    /// The documents of a commit that verify, judged at the time at which they were seen.
    fn sighting(
        &self,
        history: &History,
        commit: &Commit,
        documents: &Documents,
        at: Option<Timestamp>,
        memory: &Memory,
    ) -> Option<Sightings> {
        let outer = self.expected.trust?;
        let recorded = Recorded::new(history, commit.tree);
        let known = Known {
            pin: None,
            memory: Some(memory),
            repository: "",
        };
        let trust = Trust::open(&recorded, known, at.unwrap_or(self.expected.now)).ok()?;
        if !outer.known_by().contains(&trust.digest()) {
            return None;
        }
        let mut seen = Sightings {
            roots: vec![(trust.root().header.version, trust.digest())],
            known_by: outer.known_by().to_vec(),
            ..Sightings::default()
        };
        if documents.shared {
            if let Ok(policy) = Policy::open(&recorded, &trust) {
                let version = policy.document.header.version;
                seen.documents.push((Key::Policy, version, policy.digest));
            }
            seen.documents.extend(trust.manifest_sightings());
        }
        let tenants: Vec<&String> = documents.baselines.iter().collect();
        let baselines = in_parallel(&tenants, |tenant| {
            let baseline = Baseline::open(&recorded, tenant, &trust).ok()?;
            let key = baseline.approved.key(baseline.approval().route);
            Some((key, baseline.approved.header.version, baseline.digest))
        });
        seen.documents.extend(baselines.into_iter().flatten());
        Some(seen)
    }
}
