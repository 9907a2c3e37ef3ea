//! The first root, and the next one with other people.

use super::{Next, ProposalError, next_header};
use crate::digest::Digest;
use crate::document::edit::{self, Edits, Lines};
use crate::document::yaml::Content;
use crate::document::{Node, Problems, Source};
use crate::trust::allowed_signers::{self, AllowedSigners, SignerKey};
use crate::trust::root::{PATH, Root};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A person and the public key, as the `.pub` file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The principal.
    pub name: String,
    /// `type base64 [comment]`
    pub key: String,
}

/// What is to be different in the next root.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    /// People who join every role that approves, or further keys of those who hold roles.
    pub add: Vec<Person>,
    /// Who signs snapshots from now on, too: the history role and no other.
    pub history: Vec<String>,
    /// Keys of theirs that are new.
    pub history_keys: Vec<Person>,
    /// People whose keys are not to be believed any more: what they signed has to be signed again.
    pub remove: Vec<String>,
    /// People who leave: what they signed and a run has seen stays good.
    pub retire: Vec<String>,
    /// How many must sign, for every role but history and emergency.
    pub threshold: Option<usize>,
}

/// The keys of the first root.
pub fn first_signers(people: &[Person]) -> String {
    let lines: String = people
        .iter()
        .map(|person| format!("{} {}\n", person.name, person.key.trim()))
        .collect();
    format!(
        "# Who may sign, and with which key: one person a line. The root names this file's digest.\n{lines}"
    )
}

/// The first root: everybody may sign everything.
pub fn first_root(people: &[Person], threshold: usize, signers: &str, next: &Next) -> String {
    let names: BTreeSet<&str> = people.iter().map(|person| person.name.as_str()).collect();
    let names: Vec<String> = names.into_iter().map(edit::scalar).collect();
    let grant = format!(
        "{{ threshold: {threshold}, principals: [{}] }}",
        names.join(", ")
    );
    format!(
        "# Who may sign what, and how many must. Its digest is the pin: keep it outside this repository.\n\
         apiVersion: connguard/v1\nkind: Root\n{}allowed_signers: {}\nroles:\n  root:     {grant}\n  policy:   {grant}\n  baseline: {grant}\n",
        next.lines(),
        Digest::of(signers.as_bytes())
    )
}

/// The keys of the next root. Comments and order stay.
pub fn next_signers(text: &str, rotation: &Rotation, now: Timestamp) -> String {
    let mut changed = String::new();
    for line in text.split_inclusive('\n') {
        let name = line
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .trim_matches('"');
        if rotation.remove.iter().any(|gone| gone == name) {
            continue;
        }
        if rotation.retire.iter().any(|left| left == name) {
            changed.push_str(&retired(line, name, now));
        } else {
            changed.push_str(line);
        }
    }
    if !changed.is_empty() && !changed.ends_with('\n') {
        changed.push('\n');
    }
    for person in rotation.add.iter().chain(&rotation.history_keys) {
        changed.push_str(&format!("{} {}\n", person.name, person.key.trim()));
    }
    changed
}

/// A line whose key counts until now only, or until the end that it had before.
fn retired(line: &str, name: &str, now: Timestamp) -> String {
    // The next whole second, so that what was seen in this one stands.
    let end = now + SignedDuration::from_secs(1);
    let ended = AllowedSigners::parse(Source {
        path: "",
        text: line,
    })
    .is_ok_and(|own| {
        let ends = |key: &SignerKey| key.valid_before.is_some_and(|before| before <= end);
        own.lines().iter().all(ends)
    });
    if ended {
        return line.to_owned();
    }
    let until = format!("valid-before=\"{}\"", end.strftime("%Y%m%d%H%M%SZ"));
    let rest = line.trim_start().trim_start_matches('"').strip_prefix(name);
    let rest = rest
        .unwrap_or_default()
        .trim_start_matches('"')
        .trim_start();
    let (options, key) = allowed_signers::options_of(rest);
    let kept: Vec<&str> = options
        .into_iter()
        .filter(|option| !option.to_ascii_lowercase().starts_with("valid-before="))
        .collect();
    let options: Vec<&str> = kept.into_iter().chain([until.as_str()]).collect();
    format!("{name} {} {}", options.join(","), key.trim_start())
}

/// The text of the next root. Comments and order stay.
pub fn next_root(
    text: &str,
    rotation: &Rotation,
    signers: &str,
    next: &Next,
) -> Result<String, ProposalError> {
    let source = Source { path: PATH, text };
    let root = Root::parse(source)?;
    let document = Node::parse(source).map_err(Problems::from)?;
    let not_in_place = |what: &str| ProposalError::NotInPlace(what.to_owned());
    let mut edits = Edits::default();
    next_header(&mut edits, text, &document, next).map_err(ProposalError::NotInPlace)?;
    let digest =
        child(&document, "allowed_signers").ok_or_else(|| not_in_place("no `allowed_signers`"))?;
    edits.replace(
        digest.span.clone(),
        Digest::of(signers.as_bytes()).to_string(),
    );
    let roles = child(&document, "roles").ok_or_else(|| not_in_place("no `roles`"))?;
    // A further key gives nobody a further role.
    let holds_one = |name: &String| {
        let mut grants = root.grants().into_iter();
        grants.any(|(_, grant)| grant.principals.contains(name))
    };
    let names = rotation.add.iter().map(|person| person.name.clone());
    let joining: Vec<String> = names.filter(|name| !holds_one(name)).collect();
    if child(roles, "history").is_none() && !rotation.history.is_empty() {
        let (place, line) = history_role(text, roles, &rotation.history)
            .ok_or_else(|| not_in_place("the roles are not written a line each"))?;
        edits.replace(place..place, line);
    }
    for role in ["root", "policy", "baseline", "history", "emergency"] {
        let Some(node) = child(roles, role) else {
            continue;
        };
        let grants: Vec<&Node> = match &node.content {
            Content::List(list) => list.iter().collect(),
            _ => vec![node],
        };
        // Joining and thresholds are for the roles that approve; whoever leaves, leaves all.
        let approves = matches!(role, "root" | "policy" | "baseline");
        let change = Change {
            joining: match role {
                "history" => &rotation.history,
                _ if approves => &joining,
                _ => &[],
            },
            leaving: &rotation.remove,
            threshold: rotation.threshold.filter(|_| approves),
        };
        for grant in grants {
            edit_grant(&mut edits, text, grant, &change)
                .ok_or_else(|| not_in_place("a role is not written as it should be"))?;
        }
    }
    let changed = edits
        .apply(text)
        .ok_or_else(|| not_in_place("two changes are about the same line"))?;
    // What comes out must be a root, and must name people who have keys.
    let source = Source {
        path: PATH,
        text: &changed,
    };
    let new = Root::parse(source)?;
    let keys = AllowedSigners::parse(Source {
        path: "trust/allowed_signers",
        text: signers,
    })?;
    let keyless = new.without_key(&keys);
    if !keyless.is_empty() {
        return Err(ProposalError::Incomplete(format!(
            "there would be no key for {}",
            keyless.join(", ")
        )));
    }
    debug_assert!(new.header.version > root.header.version);
    Ok(changed)
}

fn child<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Content::Map(entries) = &node.content else {
        return None;
    };
    entries
        .iter()
        .find(|(key, _)| key.name == name)
        .map(|(_, node)| node)
}

/// A line that gives the history role for the first time, and where it goes: behind the last role.
fn history_role(text: &str, roles: &Node, names: &[String]) -> Option<(usize, String)> {
    let Content::Map(entries) = &roles.content else {
        return None;
    };
    let (first, _) = entries.first()?;
    let line = text
        .get(..first.span.start)?
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let indent = text.get(line..first.span.start)?;
    if !indent.chars().all(|c| c == ' ') {
        return None;
    }
    let end = entries.last()?.1.span.end;
    let place = text
        .get(end..)?
        .find('\n')
        .map_or(text.len(), |newline| end + newline);
    let names: Vec<String> = names.iter().map(|name| edit::scalar(name)).collect();
    Some((
        place,
        format!(
            "\n{indent}history:  {{ threshold: 1, principals: [{}] }}",
            names.join(", ")
        ),
    ))
}

/// What becomes of one grant.
struct Change<'r> {
    joining: &'r [String],
    leaving: &'r [String],
    threshold: Option<usize>,
}

fn edit_grant(edits: &mut Edits, text: &str, grant: &Node, change: &Change<'_>) -> Option<()> {
    let Content::Map(entries) = &grant.content else {
        return None;
    };
    let (key, principals) = entries.iter().find(|(key, _)| key.name == "principals")?;
    let Content::List(items) = &principals.content else {
        return None;
    };
    let before: Vec<String> = items
        .iter()
        .filter_map(|item| match &item.content {
            Content::Text(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let mut after: Vec<String> = before
        .iter()
        .filter(|name| !change.leaving.contains(name))
        .cloned()
        .collect();
    for name in change.joining {
        if !after.contains(name) {
            after.push(name.clone());
        }
    }
    if after != before {
        let names: Vec<String> = after.iter().map(|name| edit::scalar(name)).collect();
        let end = items
            .last()
            .map_or(principals.span.end, |item| item.span.end);
        let block = Lines::of(text).block(key.span.start, end);
        let line_end = text
            .get(end..)?
            .find('\n')
            .map_or(text.len(), |newline| end + newline);
        let block = block.start..line_end.max(block.end);
        let range = Lines::of(text).value(key, principals, &block);
        let follows_key = text.get(..range.start)?.ends_with(':');
        let written = format!("[{}]", names.join(", "));
        edits.replace(
            range,
            if follows_key {
                format!(" {written}")
            } else {
                written
            },
        );
    }
    if let Some(threshold) = change.threshold {
        let (_, node) = entries.iter().find(|(key, _)| key.name == "threshold")?;
        edits.replace(node.span.clone(), threshold.to_string());
    }
    Some(())
}
