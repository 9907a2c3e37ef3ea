//! All rules in force and the thresholds that decide a verdict.
//!
//! Rules are data: see [`rule`] for the grammar and [`predicate`] for what they
//! can check. A [`Policy`] can only be had verified; the compiled-in catalogue
//! alone, without a policy, shows findings but gives no verdict.

pub mod catalogue;
pub mod document;
pub mod evaluate;
pub mod predicate;
pub mod rule;
pub mod settings;
pub mod threshold;

use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};
use crate::finding::Severity;
use crate::trust::files::{Documents, FileError};
use crate::trust::{Duty, Key, Refusal, Rollback, SignedFile, Signer, Trust, keyring};
use document::{Catalogue, Document, Override};
use rule::Rule;
use std::collections::BTreeMap;

/// Where the policy lies in an audit repository.
pub const PATH: &str = "policies/policy.yaml";

/// The policy of an audit repository, verified.
#[derive(Debug)]
pub struct Policy {
    /// What it says.
    pub document: Document,
    /// Digest of its bytes.
    pub digest: Digest,
    /// What memory says of it.
    pub rollback: Rollback,
    /// Who signed it. Private, so that no other module can make a policy.
    signers: Vec<Signer>,
    /// The rules in force.
    pub rules: Rules,
}

/// Rules with the changes that a policy makes to them.
#[derive(Debug)]
pub struct Rules {
    list: Vec<Rule>,
    overrides: Vec<Override>,
    /// Rules of later revisions of the catalogue only inform.
    revision: u64,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be verified.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It, or one of its rules, is malformed.
    #[error("{0}")]
    Malformed(Problems),
}

impl PolicyError {
    /// How to go on.
    pub fn help(&self) -> String {
        match self {
            Self::Refused(Refusal::File(FileError::Missing(_))) => "write policies/policy.yaml and have it signed; `connguard schema policy` shows its grammar".to_owned(),
            Self::Refused(refusal) => refusal.help(),
            Self::Malformed(_) => "correct the file and have the policy signed again".to_owned(),
        }
    }
}

impl From<Problems> for PolicyError {
    fn from(problems: Problems) -> Self {
        Self::Malformed(problems)
    }
}

impl Policy {
    /// Reads the policy, verifies its signatures, then parses it and the rules that it names.
    pub fn open(documents: &(impl Documents + ?Sized), trust: &Trust) -> Result<Self, PolicyError> {
        let file = SignedFile::load(documents, PATH).map_err(Refusal::from)?;
        let signers = trust.verify(Duty::Policy, &file)?;
        let (document, known) = parse(&file)?;
        let rollback = trust.remembered(&Key::Policy, PATH, &document.header, file.digest())?;
        let rules = Rules::of(documents, &document, known)?;
        Ok(Self {
            document,
            digest: file.digest(),
            rollback,
            signers,
            rules,
        })
    }

    /// Who signed it.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

/// What a policy file says, and the compiled-in rules that it was read against.
fn parse(file: &SignedFile) -> Result<(Document, Vec<Rule>), PolicyError> {
    let source = Source {
        path: PATH,
        text: keyring::text(PATH, &file.bytes)?,
    };
    let known = catalogue::load()?;
    let ids: Vec<&str> = known.iter().map(|rule| rule.id.as_str()).collect();
    let document = Document::parse(source, &ids)?;
    Ok((document, known))
}

/// What a policy that somebody proposes would say, signed or not: to be shown and judged by beforehand.
///
/// # Errors
///
/// A file that cannot be read, and every mistake in it and in its rules.
pub fn proposed(
    documents: &(impl Documents + ?Sized),
) -> Result<(SignedFile, Document, Rules), PolicyError> {
    let file = SignedFile::load(documents, PATH).map_err(Refusal::from)?;
    let (document, known) = parse(&file)?;
    let rules = Rules::of(documents, &document, known)?;
    Ok((file, document, rules))
}

/// Reads the rule files that the policy lists, each against its digest, and refuses those that it does not list.
fn own_rules(
    documents: &(impl Documents + ?Sized),
    document: &Document,
) -> Result<Vec<Rule>, PolicyError> {
    let mut problems = Problems::default();
    let mut rules = Vec::new();
    for (name, expected) in &document.rules {
        match own_rule(documents, name, *expected)? {
            Ok(rule) => rules.push(rule),
            Err(of_rule) => problems.extend(of_rule),
        }
    }
    for name in unlisted(documents, &document.rules)? {
        let problem = Problem::of_file(
            format!("policies/{name}"),
            "the policy does not list this rule file, so it is not in force",
        );
        problems.push(problem.help("list it in policies/policy.yaml under `rules:` with its digest and have the policy signed, or take the file away"));
    }
    problems
        .into_result(Some(rules))
        .map_err(PolicyError::Malformed)
}

fn own_rule(
    documents: &(impl Documents + ?Sized),
    name: &str,
    expected: Digest,
) -> Result<Result<Rule, Problems>, Refusal> {
    let path = format!("policies/{name}");
    let bytes = documents.read(&path)?;
    let found = Digest::of(&bytes);
    if found != expected {
        let problem = Problem::of_file(
            &path,
            format!(
                "the file is not the one that the policy lists: expected {expected}, found {found}"
            ),
        );
        return Err(Refusal::Malformed(
            problem
                .help("restore the file, or list the new digest and have the policy signed")
                .into(),
        ));
    }
    let text = keyring::text(&path, &bytes)?;
    Ok(Rule::parse(Source { path: &path, text }, false))
}

/// Rule files in the folder that nobody signed for. A copy of a compiled-in rule is no rule of its own.
fn unlisted(
    documents: &(impl Documents + ?Sized),
    listed: &BTreeMap<String, Digest>,
) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for name in documents.names("policies")? {
        let is_rule =
            name.ends_with(".yaml") && name != "policy.yaml" && !listed.contains_key(&name);
        if is_rule
            && !catalogue::holds(
                &name,
                Digest::of(&documents.read(&format!("policies/{name}"))?),
            )
        {
            names.push(name);
        }
    }
    Ok(names)
}

impl Rules {
    /// The rules in force by a policy: of the compiled-in ones those that it takes, and its own.
    fn of(
        documents: &(impl Documents + ?Sized),
        document: &Document,
        known: Vec<Rule>,
    ) -> Result<Self, PolicyError> {
        let (mut list, revision) = match document.catalogue {
            Catalogue::Default(revision) => (known, revision),
            Catalogue::Nothing => (Vec::new(), 0),
        };
        list.extend(own_rules(documents, document)?);
        list.sort_unstable_by(|one, two| one.id.cmp(&two.id));
        Ok(Self {
            list,
            overrides: document.overrides.clone(),
            revision,
        })
    }

    /// The compiled-in rules as they are, where there is no verified policy.
    pub fn catalogue_alone() -> Result<Self, Problems> {
        Ok(Self {
            list: catalogue::load()?,
            overrides: Vec::new(),
            revision: catalogue::REVISION,
        })
    }

    /// Every rule, switched off or not, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.list.iter()
    }

    /// The rules themselves.
    pub fn into_rules(self) -> Vec<Rule> {
        self.list
    }

    /// A rule by its id.
    pub fn find(&self, id: &str) -> Option<&Rule> {
        self.list.iter().find(|rule| rule.id == id)
    }

    /// The severity of a rule for a tenant; `None` when it is switched off there.
    pub fn severity(&self, rule: &Rule, tenant: &str) -> Option<Severity> {
        let from_later = rule.from_catalogue && rule.since > self.revision;
        let own = if from_later {
            Severity::Info
        } else {
            rule.severity
        };
        match self
            .overrides
            .iter()
            .find(|entry| entry.rule == rule.id && entry.covers(tenant))
        {
            Some(entry) => entry.severity,
            None => Some(own),
        }
    }
}
