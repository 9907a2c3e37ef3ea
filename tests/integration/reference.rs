//! What the program says of itself agrees with what it does.

use crate::harness::{Repo, project};
use serde_json::Value;
use std::fs;

fn schema(kind: &str) -> Value {
    serde_json::from_str(&Repo::empty().run(&["schema", kind]).expect(0, &[]).stdout).unwrap()
}

#[track_caller]
fn fits(kind: &str, instance: &Value, expected: bool) {
    let validator = jsonschema::validator_for(&schema(kind)).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors.is_empty(), expected, "{kind}: {errors:#?}");
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(project().join(path)).unwrap()).unwrap()
}

#[test]
fn the_examples_documents_fit_their_schemas() {
    fits("config", &yaml("connguard.yaml"), true);
    fits("root", &yaml("trust/root.yaml"), true);
    fits("policy", &yaml("policies/policy.yaml"), true);
    for tenant in ["contoso", "fabrikam"] {
        fits("baseline", &yaml(&format!("baselines/{tenant}.yaml")), true);
        let export: Value = serde_json::from_str(
            &fs::read_to_string(project().join(format!("exports/{tenant}.json"))).unwrap(),
        )
        .unwrap();
        fits("export", &export, true);
        let snapshot = Repo::example().run(&["fetch", "--tenant", tenant]).json();
        fits("snapshot", &snapshot, true);
    }
    for entry in fs::read_dir(project().join("policies")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".yaml") && name != "policy.yaml" {
            fits("rule", &yaml(&format!("policies/{name}")), true);
        }
    }
}

#[test]
fn schemas_refuse_what_the_readers_refuse() {
    let mut baseline = yaml("baselines/contoso.yaml");
    baseline["connectors"][0]["settings"]
        .as_object_mut()
        .unwrap()
        .remove("RequireTls");
    fits("baseline", &baseline, false);
    let mut policy = yaml("policies/policy.yaml");
    policy["fail_on"] = Value::from("info");
    fits("policy", &policy, false);
    let mut root = yaml("trust/root.yaml");
    root["roles"]["root"]["threshold"] = Value::from(0);
    fits("root", &root, false);
    let mut root = yaml("trust/root.yaml");
    let grant = root["roles"]["baseline"].clone();
    root["roles"]["baseline"] = Value::from(vec![grant.clone()]);
    root["roles"]["emergency"] = grant;
    fits("root", &root, false);
    root["roles"]["emergency"]["max_validity"] = Value::from("7d");
    fits("root", &root, true);
    let mut rule = yaml("policies/tls-not-required.yaml");
    rule["check"]["present"] = Value::from(1);
    fits("rule", &rule, false);
    let mut config = yaml("connguard.yaml");
    config["tenats"] = Value::Null;
    fits("config", &config, false);
}

#[test]
fn completions_and_manual_name_every_command() {
    let repo = Repo::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        repo.run(&["completions", shell])
            .expect(0, &["check", "explain"]);
    }
    repo.run(&["man"])
        .expect(0, &["connguard-check", "Exit codes"]);
    repo.run(&["check", "--help"])
        .expect(0, &["--taken-at", "14 the worst is critical"]);
    repo.run(&["--version"])
        .expect(0, &[env!("CARGO_PKG_VERSION")]);
    repo.run(&["frobnicate"]).expect(2, &[]);
}

/// Decodes bytes as a code page of one byte a character would: what Windows PowerShell 5.1 may do.
fn as_code_page(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

#[test]
fn the_export_script_is_ascii_and_parses_as_powershell() {
    let script = Repo::empty()
        .run(&["fetch", "--script"])
        .expect(
            0,
            &["export/v1", "Get-InboundConnector -ResultSize Unlimited"],
        )
        .stdout;
    assert!(
        script.is_ascii(),
        "other encodings read it alike only while it is ASCII"
    );
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .unwrap();
    for text in [script.clone(), as_code_page(script.as_bytes())] {
        let tree = parser.parse(&text, None).unwrap();
        assert!(
            !tree.root_node().has_error(),
            "{}",
            tree.root_node().to_sexp()
        );
    }
    for writing in [
        "Set-InboundConnector",
        "New-InboundConnector",
        "Remove-",
        "Invoke-Expression",
    ] {
        assert!(
            !script.contains(writing),
            "the script only reads, and holds {writing}"
        );
    }
}

/// Compares a generated page with the one in `docs`, or writes it where `UPDATE_DOCS` is set.
#[track_caller]
fn page(path: &str, content: &str) {
    let file = project().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, content).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == content,
        "{path} is out of date: run `UPDATE_DOCS=1 cargo test --test integration reference`"
    );
}

#[test]
fn the_page_of_rules_says_what_explain_says() {
    let repo = Repo::empty();
    let list = repo.run(&["policy", "list"]).stdout;
    let rules = list
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap().to_owned());
    let mut text = String::from(
        "# Rules and findings\n\nGenerated from `connguard explain`.\n\n## Rules of the catalogue\n",
    );
    for id in rules {
        text += &section(&repo, &id);
    }
    text += "\n## connguard's own findings\n";
    for own in connguard::builtin::ALL {
        text += &section(&repo, own.id);
    }
    page("docs/reference/rules.md", &text);
}

#[test]
fn the_page_of_indicators_says_what_explain_says() {
    let repo = Repo::empty();
    let mut text = String::from(
        "# Indicators and thresholds\n\nGenerated from `connguard explain` and `connguard hunt list`.\n\nOf each connector `connguard investigate` asks what follows. A score is what was measured as a multiple of the first threshold: from 1 on it counts. [How they make a verdict](../explanation/investigation.md).\n\n## Indicators\n",
    );
    for own in connguard::investigation::indicator::ALL {
        let explained = repo.run(&["explain", own.id]).expect(0, &[]).stdout;
        let lines: Vec<&str> = explained.lines().collect();
        let thresholds: Vec<String> = own
            .thresholds()
            .iter()
            .map(|threshold| {
                let row = threshold.row();
                format!("| `{}` | {} | {} |", row.name, row.usual, row.meaning)
            })
            .collect();
        assert!(
            own.thresholds()
                .iter()
                .all(|threshold| explained.contains(threshold.name())),
            "{explained}"
        );
        text += &format!("\n### {}\n\n{}. {}\n", own.id, lines[1], own.why);
        if !thresholds.is_empty() {
            text += &format!(
                "\n| threshold | usual | what it means |\n| --- | --- | --- |\n{}\n",
                thresholds.join("\n")
            );
        }
    }
    text += "\n## Queries\n";
    for query in &connguard::evidence::hunt::QUERIES {
        text += &format!("\n### {}\n\n{}. {}\n", query.name, query.title, query.cost);
    }
    text += "\n`connguard hunt show NAME` prints one, `connguard schema traffic` the JSON Schema of a row of `mail-by-hour`.\n";
    page("docs/reference/indicators.md", &text);
}

/// What `explain` says of an id, as Markdown.
fn section(repo: &Repo, id: &str) -> String {
    let explained = repo.run(&["explain", id]).expect(0, &[]).stdout;
    let (head, rest) = explained.split_once('\n').unwrap();
    let severity = head.strip_prefix(id).unwrap().trim();
    let (title, rest) = rest.split_once('\n').unwrap();
    let rest = rest
        .trim()
        .replace("Why\n", "**Why.** ")
        .replace("Fix\n", "**Fix.** ")
        .replace("References\n", "References:\n\n");
    let rest = rest
        .lines()
        .map(|line| {
            if line.starts_with("https://") {
                format!("- <{line}>")
            } else {
                line.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("\n");
    format!("\n### {id}\n\n*{severity}.* {title}.\n\n{rest}\n")
}

#[test]
fn the_page_of_commands_says_what_help_says() {
    let repo = Repo::empty();
    let mut text = String::from("# Commands\n\nGenerated from `--help`.\n");
    for command in [
        &[][..],
        &["init"],
        &["check"],
        &["plan"],
        &["apply"],
        &["unblock"],
        &["gate"],
        &["doctor"],
        &["fetch"],
        &["snapshot"],
        &["history", "log"],
        &["history", "show"],
        &["history", "diff"],
        &["history", "blame"],
        &["history", "verify"],
        &["investigate"],
        &["case", "list"],
        &["case", "show"],
        &["case", "tick"],
        &["case", "close"],
        &["case", "export"],
        &["case", "verify"],
        &["case", "delete"],
        &["hunt", "list"],
        &["hunt", "show"],
        &["watch"],
        &["report", "merge"],
        &["baseline", "propose"],
        &["baseline", "sign"],
        &["baseline", "verify"],
        &["baseline", "show"],
        &["trust", "init"],
        &["trust", "sign"],
        &["trust", "verify"],
        &["trust", "rotate"],
        &["policy", "propose"],
        &["policy", "sign"],
        &["policy", "list"],
        &["policy", "test"],
        &["explain"],
        &["schema"],
        &["completions"],
        &["man"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = repo.run(&arguments).expect(0, &[]).stdout;
        let help = help
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n");
        text += &format!(
            "\n## connguard {}\n\n```text\n{}\n```\n",
            command.join(" "),
            help.trim_end()
        );
    }
    page(
        "docs/reference/commands.md",
        &text.replace("## connguard \n", "## connguard\n"),
    );
}
