//! Whether a commit's tree is what a run of connguard would have made of the one before.
//!
//! Only what differs is looked at: the rest was looked at where it appeared.

use crate::git::{Entry, FILE, FOLDER, GitError, Oid, Tree, differing};
use crate::history::{History, HistoryError, Run, place};
use crate::snapshot::stored;
use crate::tenant::is_tenant_name;
use std::collections::BTreeSet;

/// Which signed documents differ from those of the commit before.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// Those that belong to no single tenant.
    pub shared: bool,
    /// The tenants whose baselines do.
    pub baselines: BTreeSet<String>,
}

impl Documents {
    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        !self.shared && self.baselines.is_empty()
    }
}

/// Checks a tree against the one before; the reason when no run would have made it.
pub fn check(
    history: &History,
    before: &Tree,
    tree: &Tree,
    run: &Run,
) -> Result<Result<Documents, String>, HistoryError> {
    let checker = Checker { history, run };
    let mut documents = Documents::default();
    match checker.top(before, tree, &mut documents) {
        Ok(()) => Ok(Ok(documents)),
        Err(Wrong::Reason(reason)) => Ok(Err(reason)),
        Err(Wrong::Git(error)) => Err(error.into()),
    }
}

enum Wrong {
    Reason(String),
    Git(GitError),
}

impl From<GitError> for Wrong {
    fn from(error: GitError) -> Self {
        Self::Git(error)
    }
}

fn wrong(reason: String) -> Result<(), Wrong> {
    Err(Wrong::Reason(reason))
}

/// What is done with a name that differs.
type Look<'l> = dyn FnMut(&str, Option<Entry>, Option<Entry>) -> Result<(), Wrong> + 'l;

/// So deep lie signatures of earlier roots: `trust/roots/1/root.sigs/`.
const DEEPEST: usize = 5;

struct Checker<'h> {
    history: &'h History,
    run: &'h Run,
}

impl Checker<'_> {
    fn tree(&self, id: Option<Oid>) -> Result<Tree, Wrong> {
        Ok(id.map_or_else(|| Ok(Tree::empty()), |id| self.history.git.tree(id))?)
    }

    /// Calls `look` with every name that differs, which must be text.
    fn each(
        &self,
        path: &str,
        before: Option<Oid>,
        after: Option<Oid>,
        look: &mut Look<'_>,
    ) -> Result<(), Wrong> {
        self.each_in(path, &self.tree(before)?, &self.tree(after)?, look)
    }

    fn each_in(
        &self,
        path: &str,
        before: &Tree,
        after: &Tree,
        look: &mut Look<'_>,
    ) -> Result<(), Wrong> {
        let Some(differing) = differing(before, after) else {
            return wrong(format!("{path:?} is no folder that git reads"));
        };
        for (name, was, is) in differing {
            match std::str::from_utf8(name) {
                Ok(name) => look(name, was, is)?,
                Err(_) => wrong(format!("{path:?} holds a name that is no text"))?,
            }
        }
        Ok(())
    }

    fn top(&self, before: &Tree, tree: &Tree, documents: &mut Documents) -> Result<(), Wrong> {
        self.each_in("", before, tree, &mut |name, was, is| {
            let Some(is) = is else {
                return wrong(format!(
                    "{name} is gone, and no run takes away a tenant or the documents"
                ));
            };
            if is.mode != FOLDER {
                return wrong(format!("{name:?} is no folder"));
            }
            let was = was.map(|was| was.id);
            if name == place::DOCUMENTS {
                documents.shared = true;
                return self.documents(name, (was, is.id), DEEPEST);
            }
            if !is_tenant_name(name) {
                return wrong(format!("{name:?} is no name of a tenant"));
            }
            if self.tenant(name, was, is.id)? {
                documents.baselines.insert(name.to_owned());
            }
            Ok(())
        })
    }

    /// Whether the tenant's baseline or its signatures differ.
    fn tenant(&self, tenant: &str, before: Option<Oid>, after: Oid) -> Result<bool, Wrong> {
        let mut baseline = false;
        self.each(tenant, before, Some(after), &mut |name, was, is| {
            let path = format!("{tenant}/{name}");
            let was = was.map(|was| was.id);
            match (name, is) {
                (stored::CONNECTORS, is) => self.connectors(tenant, was, is),
                (place::BASELINE_SIGNATURES, is) => {
                    baseline = true;
                    is.map_or(Ok(()), |is| self.documents(&path, (was, is.id), DEEPEST))
                }
                (_, None) => wrong(format!("{path} is gone, and no run takes it away")),
                (_, Some(is)) if place::FILES.contains(&name) => {
                    baseline |= name == place::BASELINE;
                    self.file(&path, is)
                }
                _ => wrong(format!("{path:?} is nothing that connguard writes")),
            }
        })?;
        Ok(baseline)
    }

    fn connectors(
        &self,
        tenant: &str,
        before: Option<Oid>,
        after: Option<Entry>,
    ) -> Result<(), Wrong> {
        let path = format!("{tenant}/{}", stored::CONNECTORS);
        if after.is_some_and(|after| after.mode != FOLDER) {
            return wrong(format!("{path} is no folder"));
        }
        self.each(
            &path,
            before,
            after.map(|after| after.id),
            &mut |name, _, is| {
                let path = format!("{path}/{name}");
                if !place::is_connector_file(name) {
                    return wrong(format!("{path:?} is no name of a connector's file"));
                }
                match is {
                    Some(is) => self.file(&path, is),
                    None if self.run.read.names(tenant) => Ok(()),
                    None => wrong(format!(
                        "{path} is gone, and the run says that it did not read {tenant} completely"
                    )),
                }
            },
        )
    }

    /// A file of ours: JSON, or a baseline that is checked where it is used.
    fn file(&self, path: &str, entry: Entry) -> Result<(), Wrong> {
        if entry.mode != FILE {
            return wrong(format!("{path} is no regular file"));
        }
        let bytes = self.history.git.blob(entry.id)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned());
        let read = |text: &str| match path.rsplit('/').next().unwrap_or_default() {
            place::BASELINE => Ok(()),
            stored::SNAPSHOT => stored::read_snapshot(text).map(|_| ()),
            stored::ACCEPTED_DOMAINS => stored::read_accepted_domains(text).map(|_| ()),
            stored::BLOCKED_CONNECTORS => stored::read_blocked_connectors(text).map(|_| ()),
            name if let Some((_, part)) =
                stored::AROUND.into_iter().find(|(own, _)| *own == name) =>
            {
                stored::read_around(part, text).map(|_| ())
            }
            _ => self.connector(path, text),
        };
        match text.and_then(read) {
            Ok(()) => Ok(()),
            Err(reason) => wrong(format!("{path} is not what connguard writes: {reason}")),
        }
    }

    fn connector(&self, path: &str, text: &str) -> Result<(), String> {
        let record = stored::read_connector(path, text)?;
        let own = stored::file_name(&record.connector);
        if path.ends_with(&format!("/{own}")) {
            Ok(())
        } else {
            Err(format!("it belongs into {own}"))
        }
    }

    /// Documents come and change, and only signatures of an earlier version go.
    fn documents(
        &self,
        path: &str,
        (before, after): (Option<Oid>, Oid),
        depth: usize,
    ) -> Result<(), Wrong> {
        self.each(path, before, Some(after), &mut |name, was, is| {
            let path = format!("{path}/{name}");
            match is {
                Some(is) if is.mode == FOLDER && depth == 0 => {
                    wrong(format!("{path} lies deeper than any document of {}", is.id))
                }
                Some(is) if is.mode == FOLDER => {
                    let was = was.filter(|was| was.mode == FOLDER).map(|was| was.id);
                    self.documents(&path, (was, is.id), depth - 1)
                }
                Some(is) if is.mode == FILE => Ok(self.history.git.blob(is.id).map(|_| ())?),
                Some(_) => wrong(format!("{path} is no regular file")),
                None => Ok(()),
            }
        })
    }
}
