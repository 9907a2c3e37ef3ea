//! Formats for pipelines, read back by real readers of each: the same findings, and nothing of a tenant does anything.

use crate::harness::{NOW, Repo, connector, project};
use comrak::nodes::NodeValue;
use quick_xml::events::Event;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Texts that mean something to one reader or another.
const EVIL: [&str; 14] = [
    "::error::x",
    "\n::set-output name=a::b",
    "##vso[task.setvariable variable=a]b ##[error]x",
    "%0A::error::x %25 ; ] , :",
    "<script>alert(1)</script><img src=x onerror=y>",
    "[click](https://evil.example) ![x](y) <https://evil.example>",
    "https://evil.example www.evil.example @contoso/team #1 GH-1 contoso/repo#2",
    "`code` ``two`` ```",
    "| a | b |\n| - | - |",
    "]]> &lt; &#0; <!-- --> <?x?> \" '",
    "*bold* _em_ ~~s~~ $x$ :smile: [^1] - [ ] x",
    "\u{202e}evil\u{0}\u{1b}[31m\u{7}\u{fffe}",
    "# heading\n---\n1. list\n> quote",
    "alice@contoso.com \u{200b}\u{2028}!123 ~label %1 &2",
];

/// The attacked example, its new connector renamed.
fn attacked(name: &str) -> Repo {
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        let rows = export["inbound_connectors"].as_array_mut().unwrap();
        let row = rows
            .iter_mut()
            .find(|row| row["ConnectorSource"] == "AdminUI")
            .unwrap();
        row["Name"] = json!(name);
        row["Comment"] = json!(name);
        row["TlsSenderCertificateName"] = json!(name.trim().to_owned() + "x");
        row["TrustedOrganizations"] = json!([name.replace(['\n', '\u{0}'], "_")]);
    });
    repo
}

fn fingerprints(repo: &Repo) -> BTreeSet<String> {
    let json = repo.check_with(&["--format", "json"]).json();
    let tenants = json["tenants"].as_array().unwrap().iter();
    tenants
        .flat_map(|tenant| tenant["findings"].as_array().unwrap())
        .map(|finding| {
            finding["fingerprint"]
                .as_str()
                .unwrap()
                .replace("sha256:", "")
        })
        .collect()
}

#[test]
fn every_format_carries_the_same_findings_and_the_same_exit_code() {
    let repo = Repo::example();
    let all = fingerprints(&repo);
    for format in ["junit", "markdown", "gitlab"] {
        let run = repo.check_with(&["--format", format]);
        assert_eq!(run.code, 14);
        for fingerprint in &all {
            assert!(
                run.stdout.contains(fingerprint),
                "{format} lacks {fingerprint}"
            );
        }
    }
    for format in ["github", "azure"] {
        let run = repo.check_with(&["--format", format]);
        assert_eq!(run.code, 14);
        // A line for each, and one for the run.
        assert_eq!(run.stdout.lines().count(), all.len() + 1, "{}", run.stdout);
    }
    // What keeps a run from a verdict is in all of them, too.
    repo.export("contoso", |export| {
        export["complete"]["inbound_connectors"] = json!("403")
    });
    for format in ["junit", "markdown", "github", "azure", "gitlab"] {
        let text = repo
            .check_with(&["--format", format, "--tenant", "contoso"])
            .expect(3, &[])
            .stdout;
        assert!(text.contains("not read completely"), "{format}: {text}");
    }
}

#[test]
fn markdown_is_inert_as_github_reads_it() {
    for name in EVIL {
        let repo = attacked(name);
        let pin = repo.pin();
        let plan = [
            "plan", "--tenant", "fabrikam", "--now", NOW, "--root", &pin, "--format", "markdown",
        ];
        for text in [
            repo.check_with(&["--format", "markdown"]).stdout,
            repo.run(&plan).stdout,
        ] {
            inert(name, &text);
        }
    }
}

#[track_caller]
fn inert(name: &str, text: &str) {
    let arena = comrak::Arena::new();
    let mut options = comrak::Options::default();
    options.extension.autolink = true;
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.math_dollars = true;
    options.extension.superscript = false;
    options.extension.underline = true;
    let root = comrak::parse_document(&arena, text, &options);
    for node in root.descendants() {
        let value = node.data.borrow().value.clone();
        match value {
            NodeValue::Link(_)
            | NodeValue::Image(_)
            | NodeValue::HtmlBlock(_)
            | NodeValue::HtmlInline(_)
            | NodeValue::Emph
            | NodeValue::Strikethrough
            | NodeValue::Math(_)
            | NodeValue::FootnoteReference(_)
            | NodeValue::TaskItem(_)
            | NodeValue::BlockQuote
            | NodeValue::ThematicBreak
            | NodeValue::CodeBlock(_) => {
                panic!("{name:?} became {value:?} in\n{text}")
            }
            // What stands outside code is words: no mention, no reference, no address.
            NodeValue::Text(words) => {
                assert!(
                    !words.contains(['@', '#', '<', '!'])
                        && !words.contains("://")
                        && !words.contains("www."),
                    "{name:?}: {words:?}"
                );
            }
            NodeValue::Heading(_) => {}
            _ => {}
        }
    }
    let headings = root
        .descendants()
        .filter(|node| matches!(node.data.borrow().value, NodeValue::Heading(_)))
        .count();
    let own = text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(headings, own, "{name:?}");
}

/// Splits a workflow command as GitHub's runner does.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("{line}"));
    let (head, data) = rest.split_once("::").unwrap();
    let (kind, properties) = head.split_once(' ').unwrap_or((head, ""));
    let decode = |text: &str| {
        text.replace("%2C", ",")
            .replace("%3A", ":")
            .replace("%0A", "\n")
            .replace("%0D", "\r")
            .replace("%25", "%")
    };
    let properties = properties
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), decode(value)))
        .collect();
    (kind.to_owned(), properties, decode(data))
}

#[test]
fn annotations_are_single_commands_with_all_of_the_text() {
    for name in EVIL {
        let repo = attacked(name);
        let run = repo.check_with(&["--format", "github"]);
        for line in run.stdout.lines() {
            let (kind, properties, data) = command(line);
            assert!(
                ["error", "warning", "notice"].contains(&kind.as_str()),
                "{name:?}: {line}"
            );
            let keys: Vec<&str> = properties.iter().map(|(key, _)| key.as_str()).collect();
            assert!(
                keys == ["file", "line", "col", "title"] || keys == ["title"],
                "{name:?}: {line}"
            );
            assert!(!data.contains(['\n', '\r']), "{name:?}: {line}");
        }
        for line in run.stderr.lines() {
            assert!(!line.trim_start().starts_with("::"), "{name:?}: {line}");
        }
        let run = repo.check_with(&["--format", "azure"]);
        for line in run.stdout.lines() {
            assert_eq!(line.find("##vso["), Some(0), "{name:?}: {line}");
            assert_eq!(line.matches("##vso[").count(), 1, "{name:?}: {line}");
            let (head, _) = line["##vso[".len()..].split_once(']').unwrap();
            let (action, properties) = head.split_once(' ').unwrap();
            assert_eq!(action, "task.logissue", "{name:?}: {line}");
            for pair in properties.split(';').filter(|pair| !pair.is_empty()) {
                let (key, _) = pair.split_once('=').unwrap();
                assert!(
                    ["type", "sourcepath", "linenumber", "columnnumber", "code"].contains(&key),
                    "{name:?}: {line}"
                );
            }
        }
        for line in run.stderr.lines() {
            assert!(
                !line.contains("##vso[") && !line.contains("##["),
                "{name:?}: {line}"
            );
        }
    }
}

/// What Jenkins' schema of JUnit lets stand where.
fn allowed(element: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match element {
        "testsuites" => (&["name", "tests", "failures", "errors"], &["testsuite"]),
        "testsuite" => (
            &["name", "tests", "failures", "errors", "skipped"],
            &["testcase"],
        ),
        "testcase" => (
            &["name", "classname"],
            &["failure", "error", "skipped", "system-out"],
        ),
        "failure" | "error" | "skipped" => (&["type", "message"], &[]),
        "system-out" => (&[], &[]),
        other => panic!("{other}"),
    }
}

#[test]
fn junit_is_well_formed_and_within_its_schema() {
    for name in EVIL {
        let repo = attacked(name);
        let text = repo.check_with(&["--format", "junit"]).stdout;
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut open: Vec<String> = Vec::new();
        let mut cases = 0;
        loop {
            let event = reader
                .read_event()
                .unwrap_or_else(|error| panic!("{name:?}: {error}\n{text}"));
            let (element, is_open) = match &event {
                Event::Start(element) => (element, true),
                Event::Empty(element) => (element, false),
                Event::End(_) => {
                    open.pop();
                    continue;
                }
                Event::Eof => break,
                Event::Comment(_) | Event::PI(_) | Event::DocType(_) | Event::CData(_) => {
                    panic!("{name:?}: {event:?}")
                }
                _ => continue,
            };
            let own = element.name().as_ref().to_owned();
            if let Some(parent) = open.last() {
                assert!(
                    allowed(parent).1.contains(&own.as_str()),
                    "{name:?}: {own} in {parent}"
                );
            }
            for attribute in element.attributes() {
                let attribute = attribute.unwrap_or_else(|error| panic!("{name:?}: {error}"));
                let key = attribute.key.as_ref().to_owned();
                assert!(
                    allowed(&own).0.contains(&key.as_str()),
                    "{name:?}: {key} of {own}"
                );
            }
            cases += usize::from(own == "testcase");
            if is_open {
                open.push(own);
            }
        }
        assert!(cases > 10 && !text.contains("##["), "{name:?}");
        for c in text.chars() {
            assert!(
                matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..),
                "{name:?}: {c:?}"
            );
        }
    }
}

#[test]
fn gitlab_gets_an_array_of_whole_issues() {
    for name in EVIL {
        let repo = attacked(name);
        let issues = repo.check_with(&["--format", "gitlab"]).json();
        for issue in issues.as_array().unwrap() {
            for key in ["check_name", "description", "fingerprint"] {
                assert!(
                    !issue[key].as_str().unwrap().is_empty(),
                    "{name:?}: {issue}"
                );
            }
            assert!(
                ["info", "minor", "major", "critical", "blocker"]
                    .contains(&issue["severity"].as_str().unwrap())
            );
            assert!(!issue["location"]["path"].as_str().unwrap().starts_with('/'));
            assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() > 0);
        }
    }
}

#[test]
fn a_later_run_says_what_is_new_and_decides_the_same() {
    let repo = Repo::example();
    repo.check_with(&["--report", "json=before.json"]);
    let again = repo.check_with(&["--format", "json", "--since-report", "before.json"]);
    assert_eq!(again.code, 14);
    let since = |json: &Value| -> BTreeSet<String> {
        let tenants = json["tenants"].as_array().unwrap().iter();
        tenants
            .flat_map(|tenant| tenant["findings"].as_array().unwrap())
            .filter(|finding| finding["status"] == "open")
            .map(|finding| finding["since"].as_str().unwrap_or("none").to_owned())
            .collect()
    };
    assert_eq!(since(&again.json()), BTreeSet::from(["open".to_owned()]));
    // A second address on a list that is known to differ is new; what was mended is resolved.
    repo.export("fabrikam", |export| {
        connector(export, "Relay Amsterdam")["SenderIPAddresses"]
            .as_array_mut()
            .unwrap()
            .push(json!("198.51.100.8"));
        connector(export, "Partner Contoso")["RequireTls"] = json!(true);
    });
    let json = repo
        .check_with(&["--format", "json", "--since-report", "before.json"])
        .json();
    let fabrikam = &json["tenants"][1];
    let new: Vec<&Value> = fabrikam["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["since"] == "new")
        .collect();
    assert_eq!(new.len(), 2, "{new:#?}");
    assert!(
        new.iter()
            .all(|finding| finding["added"].to_string().contains("198.51.100.8"))
    );
    let resolved: Vec<&str> = fabrikam["resolved"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    assert_eq!(resolved, ["drift-widened", "tls-not-required"]);
    repo.write("before.json", "[]");
    repo.check_with(&["--since-report", "before.json"])
        .expect(1, &["no earlier report"]);
}

#[test]
fn the_schema_of_the_report_knows_everything_in_it() {
    let repo = Repo::example();
    let schema = repo.run(&["schema", "report"]).json();
    let json = repo.check_with(&["--format", "json"]).json();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&json));
    assert!(project().join("tests/schemas").is_dir());
}

#[test]
fn a_run_that_fails_has_a_failed_test() {
    let repo = Repo::example();
    repo.repolicy("fail_on: low", "fail_on: critical");
    // Without a pin the run fails for its own finding, whatever the policy says.
    let run = repo.run(&[
        "check", "--tenant", "contoso", "--now", NOW, "--format", "junit",
    ]);
    assert_eq!(run.code, 12);
    assert!(run.stdout.contains("failures=\"1\""), "{}", run.stdout);
}
