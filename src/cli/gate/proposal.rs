//! The documents of a pull request: BASE's, which are believed, and HEAD's, which are judged.

use super::found::Found;
use crate::baseline::{Approved, Baseline, BaselineError};
use crate::cli::repository::{Content, Repository, name_of};
use crate::cli::{Failure, TrustArgs};
use crate::document::Source;
use crate::gate::{alone_from_now_on, approved_alone, emergency, of_review, signed as of_signed};
use crate::policy::{self, Policy, PolicyError, Rules, document::Document};
use crate::review::{of_policy, of_root};
use crate::trust::files::{Documents, FileError};
use crate::trust::root::{Grant, Root};
use crate::trust::{
    Duty, Floor, Keyring, Known, Refusal, Route, SignedFile, Trust, chain, keyring, root,
};
use crate::versions::Committed;
use jiff::Timestamp;

/// HEAD's documents under BASE's root: whatever lies below `trust/` is BASE's.
struct UnderBase<'a> {
    base: &'a Content,
    head: &'a Committed,
}

impl Documents for UnderBase<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        if path.starts_with("trust/") {
            self.base.read(path)
        } else {
            self.head.read(path)
        }
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        if folder == "trust" || folder.starts_with("trust/") {
            self.base.names(folder)
        } else {
            self.head.names(folder)
        }
    }
}

/// What a pull request proposes, opened as far as it can be believed.
pub(super) struct Proposal<'a> {
    base: &'a Repository,
    head: &'a Committed,
    /// By BASE's root.
    by_base: Trust,
    /// By HEAD's own root, where that is another one and BASE's accepts it.
    by_head: Option<Trust>,
    /// What HEAD's policy says, where it is another one and can be read.
    pub policy: Option<(Document, Rules)>,
    now: Timestamp,
}

impl<'a> Proposal<'a> {
    /// Opens HEAD's root and policy, and says what is wrong with them and what they change.
    pub fn open(
        base: &'a Repository,
        head: &'a Committed,
        arguments: &TrustArgs,
        found: &mut Found,
    ) -> Result<Self, Failure> {
        let now = arguments.now();
        let name = name_of(&base.folder);
        let known = Known {
            pin: arguments.pin()?,
            memory: Some(&base.memory),
            repository: &name,
        };
        let trust = base.verified_root()?;
        let under_base = UnderBase {
            base: &base.content,
            head,
        };
        let by_base = Trust::open_from(&under_base, base.floor, known, now).map_err(|refusal| {
            Failure::Refused {
                message: refusal.to_string(),
                help: refusal.help(),
            }
        })?;
        let mut proposal = Self {
            base,
            head,
            by_base,
            by_head: None,
            policy: None,
            now,
        };
        if proposal.differs("trust/") {
            let floor = Some(Floor::Pinned(trust.digest()));
            proposal.by_head =
                proposal.root(trust, Trust::open_from(head, floor, known, now), found);
        }
        if proposal.differs("policies/") || proposal.by_head.is_some() {
            proposal.policy = proposal.policy(found);
        }
        Ok(proposal)
    }

    /// Whether anything below a folder is not the same in both.
    pub fn differs(&self, folder: &str) -> bool {
        let files = |documents: &dyn Fn(&str) -> Option<Vec<u8>>, names: &[String]| {
            names
                .iter()
                .map(|name| (name.clone(), documents(name)))
                .collect::<Vec<_>>()
        };
        let names = |documents: &dyn Documents| {
            let mut all = Vec::new();
            walk(documents, folder.trim_end_matches('/'), &mut all);
            all
        };
        let (old, new) = (names(&self.base.content), names(self.head));
        old != new
            || files(&|path| self.base.content.read(path).ok(), &old)
                != files(&|path| self.head.read(path).ok(), &new)
    }

    /// HEAD's root, if BASE's accepts it.
    fn root(
        &self,
        trust: &Trust,
        opened: Result<Trust, Refusal>,
        found: &mut Found,
    ) -> Option<Trust> {
        if let Ok(now) = Keyring::load(self.head, chain::FOLDER) {
            found
                .findings
                .extend(of_review(&of_root(Some(trust.keyring()), &now), root::PATH));
            for (what, lowest) in LOWEST {
                if lowest(&now.root) == Some(1) && lowest(trust.root()) > Some(1) {
                    found.findings.push(alone_from_now_on(root::PATH, what));
                }
            }
        }
        match opened {
            Ok(trust) => Some(trust),
            Err(refusal) => {
                found.refused(&refusal, &[]);
                None
            }
        }
    }

    /// What HEAD's policy would say, and whether it is signed.
    fn policy(&self, found: &mut Found) -> Option<(Document, Rules)> {
        let (file, document, rules) = match policy::proposed(self.head) {
            Ok(proposed) => proposed,
            Err(PolicyError::Refused(refusal)) => {
                found.refused(&refusal, &[]);
                return None;
            }
            Err(PolicyError::Malformed(problems)) => {
                found.problems(&problems);
                return None;
            }
        };
        let before = self.base.verified_policy();
        let review = of_policy(before.map(|policy| &policy.document), &document);
        let widens = widening(&review);
        let digest = file.digest();
        if before.is_none_or(|before| before.digest != digest) {
            found.findings.extend(of_review(&review, policy::PATH));
        }
        if let Some(before) = before {
            let seen = (before.document.header.version, before.digest);
            found.continues(policy::PATH, seen, &document.header, digest);
        }
        found.expires(policy::PATH, &document.header, self.now);
        let mut signed = true;
        for trust in self.trusts() {
            match trust.verify(Duty::Policy, &file) {
                Ok(signers) => {
                    let names: Vec<&str> = signers
                        .iter()
                        .map(|signer| signer.principal.as_str())
                        .collect();
                    let alone = trust
                        .root()
                        .grant(Duty::Policy)
                        .map_or(0, |grant| grant.threshold)
                        == 1;
                    let is_new = before.is_none_or(|before| before.digest != digest);
                    if alone && is_new {
                        found.add(approved_alone(policy::PATH, &names.join(", ")));
                    }
                }
                Err(refusal) => {
                    signed = false;
                    found.refused(&refusal, &widens);
                }
            }
        }
        found.widens |= !widens.is_empty() && !signed;
        // What else a verified policy must be: newer than what was seen.
        if let Err(PolicyError::Refused(refusal)) = Policy::open(
            &UnderBase {
                base: &self.base.content,
                head: self.head,
            },
            &self.by_base,
        ) {
            found.refused(&refusal, &widens);
        }
        Some((document, rules))
    }

    /// The roots by which HEAD is judged: the worse counts.
    fn trusts(&self) -> impl Iterator<Item = &Trust> {
        std::iter::once(&self.by_base).chain(&self.by_head)
    }

    /// A tenant's baseline in HEAD, as it would be approved, if it can be read.
    pub fn approved(&self, path: &str, found: &mut Found) -> Option<(SignedFile, Approved)> {
        let file = match SignedFile::load(self.head, path) {
            Ok(file) => file,
            Err(error) => {
                found.obstacle(format!(
                    "{error} in the proposal: merged like this, the tenant gets no verdict"
                ));
                return None;
            }
        };
        let parsed = keyring::text(path, &file.bytes).map_err(BaselineError::from);
        let parsed = parsed.and_then(|text| {
            Approved::parse(Source { path, text }).map_err(BaselineError::Malformed)
        });
        match parsed {
            Ok(approved) => Some((file, approved)),
            Err(BaselineError::Malformed(problems)) => {
                found.problems(&problems);
                None
            }
            Err(error) => {
                found.obstacle(format!("{error} → {}", error.help()));
                None
            }
        }
    }

    /// Whether enough people signed a tenant's baseline, by every root that is to count.
    ///
    /// `widens` is what it widens, for those who are asked to sign.
    pub fn is_signed(
        &self,
        tenant: &str,
        is_new: bool,
        widens: &[String],
        found: &mut Found,
    ) -> bool {
        let under_base = UnderBase {
            base: &self.base.content,
            head: self.head,
        };
        let mut opened = vec![Baseline::open(&under_base, tenant, &self.by_base)];
        if let Some(by_head) = &self.by_head {
            opened.push(Baseline::open(self.head, tenant, by_head));
        }
        let mut signed = true;
        for result in opened {
            match result {
                Ok(baseline) => {
                    let approval = baseline.approval();
                    let names: Vec<&str> = approval
                        .signers
                        .iter()
                        .map(|signer| signer.principal.as_str())
                        .collect();
                    let who = names.join(", ");
                    if is_new {
                        let version = baseline.approved.header.version;
                        let path = &baseline.path;
                        found.add(of_signed(path, version, &who, approval.threshold));
                    }
                    if approval.route == Route::Emergency {
                        found.add(emergency(&baseline.path, &who));
                    } else if approval.threshold == 1 && is_new {
                        found.add(approved_alone(&baseline.path, &who));
                    }
                }
                Err(BaselineError::Refused(refusal)) => {
                    signed = false;
                    found.refused(&refusal, widens);
                }
                // Its mistakes are shown by whoever read it.
                Err(BaselineError::Malformed(_)) => signed = false,
                Err(error @ BaselineError::OtherTenant { .. }) => {
                    signed = false;
                    found.obstacle(format!("{error} → {}", error.help()));
                }
            }
        }
        signed
    }
}

/// What can be signed, and how few people are enough for it at the least.
type Lowest = (&'static str, fn(&Root) -> Option<usize>);

const LOWEST: [Lowest; 3] = [
    ("the root", |root| threshold(root.grant(Duty::Root))),
    ("the policy", |root| threshold(root.grant(Duty::Policy))),
    ("a baseline", |root| {
        let delegated = root.baseline.iter().map(|own| own.grant.threshold);
        let alone = threshold(root.grant(Duty::Emergency));
        delegated.chain(alone).min()
    }),
];

fn threshold(grant: Option<&Grant>) -> Option<usize> {
    grant.map(|grant| grant.threshold)
}

/// What a review finds to widen, in words.
pub(super) fn widening(review: &crate::review::Review) -> Vec<String> {
    review
        .lines
        .iter()
        .filter(|line| line.direction == crate::finding::Direction::Widens)
        .map(|line| format!("{}: {}", line.subject, line.words))
        .collect()
}

fn walk(documents: &dyn Documents, folder: &str, all: &mut Vec<String>) {
    for name in documents.names(folder).unwrap_or_default() {
        let path = format!("{folder}/{name}");
        match documents.read(&path) {
            Ok(_) => all.push(path),
            Err(_) => walk(documents, &path, all),
        }
    }
}
