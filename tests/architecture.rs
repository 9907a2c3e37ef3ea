//! Imports go one way: a module uses those above it in this list and none below.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test that panics has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From what knows nothing to what knows all; modules of one line do not know each other.
const ORDER: [&[&str]; 16] = [
    &["caseless"],
    &[
        "canonical",
        "digest",
        "hostile_text",
        "parallel",
        "powershell",
        "tenant",
    ],
    &["finding", "git"],
    &["connector"],
    &["document"],
    &["lists"],
    &["snapshot", "trust", "signing"],
    &["baseline", "builtin", "exchange", "versions"],
    &["drift", "policy", "source"],
    &["evidence"],
    &["review", "proposal", "plan", "change"],
    &["assessment"],
    &["verdict", "gate"],
    &["history"],
    &["investigation"],
    &["report", "schema", "case", "cli"],
];

/// `report` and `schema` know of each other's kind only through `cli`.
const LAST: [(&str, &str); 5] = [
    ("case", "report"),
    ("cli", "case"),
    ("cli", "report"),
    ("cli", "schema"),
    ("cli", "cli"),
];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules that a text names after `crate::`, wherever that stands.
fn used(text: &str) -> Vec<String> {
    let word = |rest: &str| {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut modules = Vec::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => modules.push(word(rest)),
            Some(list) => modules.extend(
                list.split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(|item| word(item.trim())),
            ),
        }
    }
    modules
}

#[test]
fn imports_go_one_way() {
    let rank: BTreeMap<&str, usize> = ORDER
        .iter()
        .enumerate()
        .flat_map(|(rank, names)| names.iter().map(move |name| (*name, rank)))
        .collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).unwrap();
        let module = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        if matches!(module.as_str(), "main" | "lib") {
            continue;
        }
        let own = *rank
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{module} has no place in the order"));
        let text = fs::read_to_string(&file).unwrap();
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        for target in used(&code) {
            let Some(&other) = rank.get(target.as_str()) else {
                continue;
            };
            seen += 1;
            let allowed = target == module
                || other < own
                || LAST.contains(&(module.as_str(), target.as_str()));
            if !allowed {
                wrong.push(format!("{} uses crate::{target}", relative.display()));
            }
        }
    }
    assert!(
        seen > 100,
        "only {seen} imports were found: the test looks at the wrong thing"
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_edges_touch_the_world() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&source) {
        let relative = file
            .strip_prefix(&source)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        let edge = [
            "main.rs",
            "cli/",
            "trust/files.rs",
            "signing/",
            "policy/mod.rs",
            "exchange/",
        ]
        .iter()
        .any(|allowed| relative.starts_with(allowed));
        let text = fs::read_to_string(&file).unwrap();
        for word in [
            "std::fs",
            "std::env",
            "std::process",
            "Timestamp::now",
            "std::net::Tcp",
            "std::os::unix::net",
        ] {
            assert!(edge || !text.contains(word), "{relative} uses {word}");
        }
    }
}
