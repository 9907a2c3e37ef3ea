//! The first policy, and the next version of one: dates and digests are written by the program.

use super::{Next, ProposalError, next_header};
use crate::digest::Digest;
use crate::document::edit::{self, Edits, Lines};
use crate::document::yaml::{Content, Key};
use crate::document::{Node, Problems, Source};
use crate::policy::{PATH, catalogue};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The first policy: the compiled-in rules, and snapshots of a day.
pub fn first_policy(tenants: &BTreeSet<String>, next: &Next) -> String {
    let mut text = format!(
        "# What decides a verdict. A change counts once enough people have signed it: connguard policy propose, then policy sign.\n\
         apiVersion: connguard/v1\nkind: Policy\n{}tenants:\n",
        next.lines()
    );
    for tenant in tenants {
        let _ = writeln!(text, "  {tenant}: {{ sources: [export] }}");
    }
    let _ = write!(
        text,
        "fail_on: low\nmax_snapshot_age: 24h\ncatalogue: default@{}\n",
        catalogue::REVISION
    );
    text
}

/// The next version: header, digests of the rule files in the folder, and tenants that the configuration has.
pub fn next_policy(
    text: &str,
    next: &Next,
    rules: &BTreeMap<String, Digest>,
    tenants: &BTreeSet<String>,
) -> Result<String, ProposalError> {
    let source = Source { path: PATH, text };
    let document = Node::parse(source).map_err(Problems::from)?;
    let Content::Map(top) = &document.content else {
        return Err(ProposalError::NotInPlace("it is no mapping".to_owned()));
    };
    let mut edits = Edits::default();
    next_header(&mut edits, text, &document, next).map_err(ProposalError::NotInPlace)?;
    add_tenants(&mut edits, text, top, tenants)?;
    list_rules(&mut edits, text, top, rules);
    edits
        .apply(text)
        .ok_or_else(|| ProposalError::NotInPlace("two changes are about the same line".to_owned()))
}

fn entry<'n>(top: &'n [(Key, Node)], name: &str, end: usize) -> Option<(&'n Key, &'n Node, usize)> {
    let index = top.iter().position(|(key, _)| key.name == name)?;
    let (key, node) = top.get(index)?;
    let next = top.get(index + 1).map_or(end, |(key, _)| key.span.start);
    Some((key, node, next))
}

fn names(node: &Node) -> BTreeSet<&str> {
    match &node.content {
        Content::Map(entries) => entries.iter().map(|(key, _)| key.name.as_str()).collect(),
        _ => BTreeSet::new(),
    }
}

fn add_tenants(
    edits: &mut Edits,
    text: &str,
    top: &[(Key, Node)],
    tenants: &BTreeSet<String>,
) -> Result<(), ProposalError> {
    let Some((key, node, next)) = entry(top, "tenants", text.len()) else {
        return Ok(());
    };
    let known = names(node);
    let new: String = tenants
        .iter()
        .filter(|tenant| !known.contains(tenant.as_str()))
        .map(|tenant| format!("  {tenant}: {{ sources: [export] }}\n"))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    if text
        .get(node.span.clone())
        .is_some_and(|text| text.starts_with('{'))
    {
        return Err(ProposalError::NotInPlace(
            "`tenants` is written in one line".to_owned(),
        ));
    }
    let end = Lines::of(text).block(key.span.start, next).end;
    edits.replace(end..end, new);
    Ok(())
}

fn list_rules(
    edits: &mut Edits,
    text: &str,
    top: &[(Key, Node)],
    rules: &BTreeMap<String, Digest>,
) {
    let block: String = rules
        .iter()
        .map(|(name, digest)| format!("  {}: \"{digest}\"\n", edit::scalar(name)))
        .collect();
    match entry(top, "rules", text.len()) {
        None if rules.is_empty() => {}
        None => edits.replace(text.len()..text.len(), format!("rules:\n{block}")),
        Some((key, node, next)) => {
            let wanted: BTreeSet<&str> = rules.keys().map(String::as_str).collect();
            let Content::Map(entries) = &node.content else {
                return;
            };
            // The same files: only their digests change, and what is written beside them stays.
            if names(node) == wanted {
                for (key, node) in entries {
                    if let Some(digest) = rules.get(&key.name) {
                        edits.replace(node.span.clone(), format!("\"{digest}\""));
                    }
                }
                return;
            }
            let range = Lines::of(text).block(key.span.start, next);
            let written = if rules.is_empty() {
                String::new()
            } else {
                format!("rules:\n{block}")
            };
            edits.replace(range, written);
        }
    }
}
