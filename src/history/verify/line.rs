//! The line of commits from the tip back to what is known.

use super::{Flaw, Kind, Verifier, flaw};
use crate::git::{Commit, GitError, Oid};
use crate::history::{History, HistoryError, short};
use std::collections::BTreeSet;

/// The commits to be looked at, oldest first, and what is wrong with the way they lead.
pub(super) struct Line {
    pub commits: Vec<(Oid, Commit)>,
    pub first: Oid,
    pub flaws: Vec<Flaw>,
}

impl Verifier<'_> {
    /// Walks from the tip back to the newest commit that is known.
    pub(super) fn line(&self, history: &History, tip: Oid) -> Result<Line, HistoryError> {
        let known: BTreeSet<Oid> = [self.expected.pinned, self.expected.remembered]
            .into_iter()
            .flatten()
            .collect();
        let mut line = Line {
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
                    line.flaws.push(flaw(Kind::Damaged, id, error.to_string()));
                    break;
                }
            };
            next = commit.parents.first().copied();
            line.first = id;
            let all_met = met.len() == known.len();
            if all_met && !known.is_empty() && !self.expected.whole {
                // The tip itself may be the known one: then nothing is new.
                break;
            }
            line.commits.push((id, commit));
        }
        line.commits.reverse();
        if let Some(lost) = known
            .difference(&met)
            .next()
            .filter(|_| line.flaws.is_empty())
        {
            let found = Flaw {
                known: Some(*lost),
                ..self.lost(history, *lost, tip, &line.commits)
            };
            line.flaws.push(found);
        }
        Ok(line)
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
                "the ref was set back: it lacks {} newer commit{} up to {lost}{}, which an earlier run or the pin knows",
                gone.len(),
                if gone.len() == 1 { "" } else { "s" },
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
}
