//! The history as its users see it: what is recorded, what plain git makes of it, and how it is read.

use crate::generator::{AGAIN, BEGIN, DAY, PARTNER, RELAY, month, time};
use crate::harness::{LATER, NOW, Repo, Run, connector, key};
use serde_json::{Value, json};
use std::fs;

/// The month in a repository: one signed snapshot a day.
fn month_in(repo: &Repo) {
    for (day, export) in month() {
        repo.write("exports/contoso.json", export.to_string());
        repo.snapshot(&time(BEGIN + day * DAY + 60), &["--tenant", "contoso"])
            .expect(0, &["recorded", "signed by ci@contoso.com"]);
    }
}

/// Which day a commit of the month was made on.
fn day(run: &Value) -> i64 {
    let taken: jiff::Timestamp = run["taken_at"].as_str().unwrap().parse().unwrap();
    (taken.as_second() - BEGIN) / DAY
}

#[test]
fn a_month_can_be_read_with_plain_git_and_with_ours() {
    let repo = Repo::with_git();
    month_in(&repo);
    let history = "refs/heads/connguard/history";
    assert_eq!(repo.git(&["rev-list", "--count", history]).trim(), "30");
    assert_eq!(repo.git(&["fsck", "--strict", "--no-dangling"]), "");

    // Git itself accepts the signatures by the repository's own allowed_signers.
    let signers = format!(
        "gpg.ssh.allowedSignersFile={}",
        repo.path("trust/allowed_signers").display()
    );
    for back in ["", "~29"] {
        repo.git(&[
            "-c",
            "gpg.format=ssh",
            "-c",
            &signers,
            "verify-commit",
            &format!("{history}{back}"),
        ]);
    }
    let shown = repo.git(&[
        "-c",
        "gpg.format=ssh",
        "-c",
        &signers,
        "log",
        "-1",
        "--show-signature",
        history,
    ]);
    assert!(
        shown.contains("Good \"git\" signature for ci@contoso.com"),
        "{shown}"
    );

    // Days on which only the order and the jitter of times differ change nothing.
    for quiet in [1, 2, 6, 7, 9, 29] {
        let tree = |day: i64| repo.git(&["rev-parse", &format!("{history}~{}^{{tree}}", 29 - day)]);
        assert_eq!(tree(quiet), tree(quiet - 1), "day {quiet}");
    }

    // One element a line, in a file named after the connector.
    let path = format!("contoso/inbound-connectors/{RELAY}.json");
    let log = repo.git(&[
        "log",
        "-p",
        "--reverse",
        "--format=%s",
        history,
        "--",
        &path,
    ]);
    let diff: Vec<&str> = log
        .lines()
        .filter(|line| {
            (line.starts_with('+') || line.starts_with('-')) && !line.contains("WhenChanged")
        })
        .filter(|line| !line.starts_with("+++") && !line.starts_with("---"))
        .skip_while(|line| *line != "+}")
        .skip(1)
        .collect();
    assert_eq!(
        diff,
        [
            "+      \"198.51.100.7\",",
            "-      \"198.51.100.7\",",
            "-    \"Name\": \"Relay from data centre 1\"",
            "+    \"Name\": \"Relay Frankfurt\"",
            "-    \"Enabled\": true,",
            "+    \"Enabled\": false,",
            "-    \"Enabled\": false,",
            "+    \"Enabled\": true,",
            "-    \"TlsSenderCertificateName\": null,",
            "+    \"TlsSenderCertificateName\": \"mail.contoso.com\",",
        ],
        "{log}"
    );
    let message = repo.git(&["log", "-1", "--format=%B", &format!("{history}~26")]);
    assert!(
        message.starts_with("contoso: 1 change\n\ncontoso\n  \"Relay from data centre 1\""),
        "{message}"
    );
    assert!(
        message.contains("SenderIPAddresses: + 198.51.100.7 [widens trust]"),
        "{message}"
    );
    let trailer = |key: &str| {
        let format = format!("--format=%(trailers:key={key},valueonly)");
        repo.git(&["log", "-1", &format, &format!("{history}~26")])
            .trim()
            .to_owned()
    };
    assert_eq!(trailer("Taken-At"), time(BEGIN + 3 * DAY + 60));
    assert_eq!(trailer("Read"), "contoso");
    assert_eq!(trailer("Source"), "export");

    // Our own log says the same, newest first.
    let log = repo
        .history(&["log", "--format", "json"])
        .expect(0, &[])
        .json();
    let said: Vec<(i64, Vec<String>)> = log["commits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            assert_eq!(run["signed_by"], "ci@contoso.com");
            let changes = run["changes"]["contoso"].as_array();
            let kinds = changes.into_iter().flatten().map(|change| {
                let property = change["property"].as_str().unwrap_or("-");
                let direction = change["direction"].as_str().unwrap_or("-");
                format!(
                    "{} {property} {direction}",
                    change["kind"].as_str().unwrap()
                )
            });
            (day(run), kinds.collect())
        })
        .collect();
    let line = |day: i64, changes: &[&str]| {
        (
            day,
            changes
                .iter()
                .map(|change| (*change).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        said,
        [
            line(27, &["changed RequireTls widens"]),
            line(25, &["touched WhenChangedUTC -"]),
            line(23, &["removed - narrows"]),
            line(22, &["added - widens"]),
            line(20, &["changed TlsSenderCertificateName widens"]),
            line(18, &["accepted-domains accepted_domains widens"]),
            line(16, &["changed Enabled widens"]),
            line(15, &["changed Enabled narrows"]),
            line(13, &["added - widens"]),
            line(11, &["removed - widens"]),
            line(8, &["renamed Name neutral"]),
            line(5, &["changed SenderIPAddresses narrows"]),
            line(3, &["changed SenderIPAddresses widens"]),
            line(0, &["added - -", "added - -"]),
        ]
    );

    // Blame names the snapshot for every setting.
    let blame = repo
        .history(&["blame", "Relay Frankfurt", "--format", "json"])
        .expect(0, &[])
        .json();
    let settings = blame["settings"].as_array().unwrap();
    let since = |property: &str| {
        let line = settings
            .iter()
            .find(|line| line["property"] == property)
            .unwrap();
        (day(&line["since"]), line["before"].clone())
    };
    assert_eq!(
        since("SenderIPAddresses"),
        (
            5,
            json!(["198.51.100.7", "203.0.113.10", "203.0.113.48/28"])
        )
    );
    assert_eq!(since("Name"), (8, json!("Relay from data centre 1")));
    assert_eq!(since("Enabled"), (16, json!(false)));
    assert_eq!(since("TlsSenderCertificateName"), (20, Value::Null));
    assert_eq!(since("ConnectorType").0, 0);
    let blame = repo
        .history(&["blame", "Partner Fabrikam", "--format", "json"])
        .expect(0, &[])
        .json();
    assert_eq!(
        (day(&blame["appeared"]), blame["connector"]["id"].as_str()),
        (13, Some(AGAIN))
    );
    repo.history(&["blame", PARTNER, "--at", &time(BEGIN + 9 * DAY)])
        .expect(0, &["seen since 2026-10-01"]);
    repo.history(&["blame", PARTNER])
        .expect(2, &["has no connector"]);

    // Any earlier time can be looked at.
    repo.history(&["show", &time(BEGIN + 4 * DAY), "--tenant", "contoso"])
        .expect(0, &["198.51.100.7", "\"Relay from data centre 1\""]);
    repo.history(&["diff", &time(BEGIN + 10 * DAY), &time(BEGIN + 14 * DAY)])
        .expect(0, &["was deleted and made again", AGAIN, PARTNER]);
    repo.history(&[
        "log",
        "--connector",
        "relay frankfurt",
        "--property",
        "Enabled",
        "--since",
        &time(BEGIN + 15 * DAY),
    ])
    .expect(0, &["Enabled: true → false", "Enabled: false → true"]);
    repo.history(&["verify"])
        .expect(0, &["30 commits verified, signed"]);
}

/// `check` of contoso from the history, at a time.
fn check_history(repo: &Repo, revision: &str, now: &str) -> Run {
    repo.run(&[
        "check",
        "--from",
        revision,
        "--tenant",
        "contoso",
        "--now",
        now,
        "--root",
        &repo.pin(),
        "--format",
        "json",
    ])
}

#[test]
fn a_verdict_rests_on_what_was_signed_and_is_fresh() {
    let repo = Repo::with_git();
    repo.repolicy("max_snapshot_age: 36500d", "max_snapshot_age: 36h");
    check_history(&repo, "history", NOW).expect(1, &["there is no history"]);
    repo.snapshot("2026-11-20T09:00:00Z", &[])
        .expect(0, &["contoso: recorded for the first time; clean"]);
    let report = check_history(&repo, "history", NOW).expect(0, &[]).json();
    let tenant = &report["tenants"][0];
    assert_eq!(tenant["snapshot"]["source"], "history");
    assert_eq!(
        tenant["snapshot"]["taken_at"], "2026-11-20T08:00:00Z",
        "what counts is when the export was made"
    );
    assert_eq!(report["history"]["signed"], true);
    assert_eq!(report["history"]["tip"], repo.tip().as_str());

    check_history(&repo, "history", "2026-11-22T12:00:00Z")
        .expect(3, &["the policy takes none older than"]);
    check_history(&repo, "history", "2026-11-20T08:30:00Z")
        .expect(3, &["the clock was set back, --now is too early"]);

    // An attack is found in the history as it is in an export, and at its own place in time.
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-21T06:00:00Z");
        let relay = connector(export, "Relay from data centre 1");
        relay["SenderIPAddresses"]
            .as_array_mut()
            .unwrap()
            .push(json!("198.51.100.7"));
    });
    repo.snapshot("2026-11-21T07:00:00Z", &[])
        .expect(0, &["contoso: 1 change; drift", "[widens trust]"]);
    let run = check_history(&repo, "history", NOW);
    assert_eq!(run.code, 14);
    let finding = &run.json()["tenants"][0]["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["since"]),
        (&json!("drift-widened"), &json!("new"))
    );
    check_history(&repo, "history:tip~1", NOW).expect(0, &[]);
    check_history(&repo, "history:2026-11-20T12:00:00Z", NOW).expect(0, &[]);
    check_history(&repo, "history:0000", NOW).expect(2, &["names nothing in the history"]);

    // Restored: the finding is resolved.
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-21T08:00:00Z");
        let relay = connector(export, "Relay from data centre 1");
        relay["SenderIPAddresses"].as_array_mut().unwrap().pop();
    });
    repo.snapshot("2026-11-21T08:10:00Z", &[]).expect(0, &[]);
    let report = check_history(&repo, "history", NOW).expect(0, &[]).json();
    assert_eq!(report["tenants"][0]["resolved"][0]["rule"], "drift-widened");
}

#[test]
fn a_history_is_worth_what_it_was_read_from() {
    let repo = Repo::with_git();
    repo.repolicy(
        "contoso: { sources: [export] }",
        "contoso: { sources: [exchange, history] }",
    );
    repo.check("contoso")
        .expect(3, &["connguard.yaml names an export"]);
    repo.snapshot("2026-11-21T11:00:00Z", &["--tenant", "contoso"])
        .expect(0, &[]);
    // Recorded and signed, and still an export that whoever edits connguard.yaml may have made.
    check_history(&repo, "history", NOW).expect(3, &["it was recorded from an export"]);
}

#[test]
fn nothing_rests_on_an_unsigned_snapshot() {
    let repo = Repo::with_git();
    let pin = repo.pin();
    repo.run(&["snapshot", "--now", "2026-11-21T11:00:00Z", "--root", &pin])
        .expect(0, &["unsigned", "no verdict can rest on it"]);
    check_history(&repo, "history", NOW).expect(3, &["is unsigned"]);
    repo.history(&["verify"]).expect(3, &["it is unsigned"]);
    // On a signed one nobody puts an unsigned one by accident.
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T11:00:00Z", &[]).expect(0, &[]);
    repo.run(&["snapshot", "--now", NOW, "--root", &pin])
        .expect(
            3,
            &[
                "there is no key to sign this snapshot with",
                "CONNGUARD_HISTORY_KEY",
            ],
        );
    // The key may stand in a variable, itself or by its file; somebody else's does not count.
    let text = fs::read_to_string(key("ci")).unwrap();
    for value in [key("ci"), text] {
        let arguments = ["snapshot", "--now", NOW, "--root", &pin];
        repo.run_with(&arguments, &[("CONNGUARD_HISTORY_KEY", &value)])
            .expect(0, &["signed by ci@contoso.com"]);
    }
    let alice = key("alice");
    repo.run(&["snapshot", "--now", NOW, "--root", &pin, "--key", &alice])
        .expect(1, &["alice@contoso.com does not hold the history role"]);
}

#[test]
fn who_looked_and_found_nothing_is_recorded_and_thinned() {
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T01:00:00Z", &[]).expect(0, &[]);
    repo.snapshot("2026-11-21T02:00:00Z", &[])
        .expect(0, &["contoso: nothing new"]);
    assert_eq!(
        repo.git(&["rev-list", "--count", "connguard/history"])
            .trim(),
        "2"
    );
    let tree = |back: &str| repo.git(&["rev-parse", &format!("connguard/history{back}^{{tree}}")]);
    assert_eq!(
        tree(""),
        tree("~1"),
        "nothing that differs between two reads is in the tree"
    );
    repo.history(&["log", "--heartbeats"])
        .expect(0, &["2026-11-21T02:00:00Z"]);

    let repo = Repo::with_git();
    repo.repolicy(
        "max_snapshot_age: 36500d",
        "max_snapshot_age: 36500d\nheartbeat: 6h",
    );
    repo.snapshot("2026-11-21T03:00:00Z", &[])
        .expect(0, &["recorded"]);
    repo.snapshot("2026-11-21T04:00:00Z", &[])
        .expect(0, &["no commit was made"]);
    repo.snapshot("2026-11-21T08:59:00Z", &[])
        .expect(0, &["no commit was made"]);
    repo.snapshot("2026-11-21T09:00:00Z", &[])
        .expect(0, &["recorded"]);
    assert_eq!(
        repo.git(&["rev-list", "--count", "connguard/history"])
            .trim(),
        "2"
    );
    // A heartbeat that lets every snapshot grow too old is a mistake.
    let repo = Repo::example();
    repo.repolicy(
        "max_snapshot_age: 36500d",
        "max_snapshot_age: 36500d\nheartbeat: 36500d",
    );
    repo.run(&["check", "--now", NOW])
        .expect(14, &["a heartbeat as slow as `max_snapshot_age`"]);
}

#[test]
fn what_was_not_read_is_never_taken_away() {
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T01:00:00Z", &[]).expect(0, &[]);
    // A record that cannot be read, one that is cut off, and a part that failed.
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-21T02:00:00Z");
        export["complete"]["accepted_domains"] = json!("403 Forbidden");
        export["accepted_domains"] = Value::Null;
        let connectors = export["inbound_connectors"].as_array_mut().unwrap();
        connectors.truncate(1);
        connectors[0]["SenderIPAddresses"] = json!("System.String[]");
        connectors[0]["RequireTls"] = json!(false);
    });
    repo.snapshot("2026-11-21T02:10:00Z", &[]).expect(
        1,
        &[
            "contoso: not read completely: not every record of the export could be read",
            "fabrikam: nothing new",
        ],
    );
    let message = repo.git(&["log", "-1", "--format=%B", "connguard/history"]);
    assert!(message.contains("Read: fabrikam\n"), "{message}");
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "connguard/history",
        "contoso/",
    ]);
    assert_eq!(files.matches("inbound-connectors/").count(), 3, "{files}");
    assert!(files.contains("contoso/accepted-domains.json"), "{files}");
    // What was seen is recorded, what could not be read is unknown and not empty.
    repo.history(&["show", "--tenant", "contoso"]).expect(
        0,
        &[
            "SenderIPAddresses: could not be read",
            "RequireTls: false",
            "read 2026-11-20T08:00:00Z",
        ],
    );
    check_history(&repo, "history", NOW).expect(13, &["were not read completely"]);
    repo.history(&["verify"]).expect(0, &[]);
    // A state from before what is recorded does not take its place.
    repo.export("fabrikam", |export| {
        export["taken_at"] = json!("2026-11-19T00:00:00Z")
    });
    repo.snapshot("2026-11-21T03:00:00Z", &["--tenant", "fabrikam"])
        .expect(
            3,
            &["the history holds a newer state, of 2026-11-20T08:00:00Z"],
        );
    // A failed read is an error of its tenant alone.
    fs::remove_file(repo.path("exports/contoso.json")).unwrap();
    repo.snapshot("2026-11-21T04:00:00Z", &["--tenant", "contoso"])
        .expect(1, &["cannot read the export"]);
}

#[test]
fn a_gap_between_two_runs_is_said_once() {
    let repo = Repo::with_git();
    repo.repolicy("max_snapshot_age: 36500d", "max_snapshot_age: 24h");
    let at = |time: &str| repo.export("contoso", |export| export["taken_at"] = json!(time));
    for (taken, now) in [
        ("2026-11-18T10:00:00Z", "2026-11-18T10:01:00Z"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:01:00Z"),
    ] {
        at(taken);
        repo.snapshot(now, &["--tenant", "contoso"]).expect(0, &[]);
    }
    let run = check_history(&repo, "history", NOW);
    assert_eq!(run.code, 11);
    assert_eq!(run.findings(), ["observation-gap low - -"]);
    at("2026-11-21T11:00:00Z");
    repo.snapshot("2026-11-21T11:01:00Z", &["--tenant", "contoso"])
        .expect(0, &[]);
    assert_eq!(check_history(&repo, "history", NOW).findings(), [""; 0]);
}

/// The document with the next version, signed by two people.
fn next_baseline(repo: &Repo, issued: &str, change: impl FnOnce(String) -> String) {
    let path = "baselines/contoso.yaml";
    let before = connguard::digest::Digest::of(repo.read(path).as_bytes());
    let text = change(repo.read(path)).replacen(
        "version: 1\n",
        &format!("version: 2\nprevious: {before}\n"),
        1,
    );
    let old = text
        .lines()
        .find(|line| line.starts_with("issued:"))
        .unwrap()
        .to_owned();
    repo.write(path, text.replace(&old, &format!("issued: {issued}")));
    repo.sign("connguard-baseline", path, &["alice", "bob"]);
}

#[test]
fn an_older_document_is_refused_by_what_the_history_holds() {
    let repo = Repo::with_git();
    let old = [
        repo.read("baselines/contoso.yaml"),
        repo.read("baselines/contoso.sigs/alice@contoso.com.sig"),
        repo.read("baselines/contoso.sigs/bob@contoso.com.sig"),
    ];
    next_baseline(&repo, "2026-11-20T10:00:00Z", |text| text);
    repo.snapshot("2026-11-21T10:00:00Z", &[]).expect(0, &[]);
    for (path, text) in [
        "baselines/contoso.yaml",
        "baselines/contoso.sigs/alice@contoso.com.sig",
        "baselines/contoso.sigs/bob@contoso.com.sig",
    ]
    .iter()
    .zip(&old)
    {
        repo.write(path, text);
    }
    // This machine has no memory of its own: only the history knows better.
    repo.check("contoso")
        .expect(3, &["was rolled back", "version 2 was seen"]);
    // And what the history holds counts only by its own signatures: nobody can make it remember a version 9.
    let repo = Repo::with_git();
    repo.rebaseline(
        "contoso",
        "version: 1\n",
        &format!("version: 9\nprevious: {}\n", repo.pin()),
    );
    repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
    repo.snapshot("2026-11-21T10:00:00Z", &[]).expect(0, &[]);
    let kept = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "connguard/history",
        "contoso/",
    ]);
    assert!(!kept.contains("baseline"), "{kept}");
}

#[test]
fn a_change_that_was_approved_is_pending_for_a_while() {
    let repo = Repo::with_git();
    repo.repolicy(
        "max_snapshot_age: 36500d",
        "max_snapshot_age: 36500d\nchange_window: 72h",
    );
    repo.snapshot("2026-11-20T09:00:00Z", &[]).expect(0, &[]);
    next_baseline(&repo, "2026-11-20T10:00:00Z", |text| {
        text.replacen("203.0.113.10", "203.0.113.11", 1)
    });
    let at = |now: &str| {
        repo.run(&[
            "check",
            "--tenant",
            "contoso",
            "--now",
            now,
            "--root",
            &repo.pin(),
            "--format",
            "json",
        ])
    };
    let run = at(NOW);
    assert_eq!(
        (run.code, run.findings()),
        (
            11,
            vec!["change-pending low widens SenderIPAddresses".to_owned()]
        )
    );
    let late = at("2026-11-23T10:00:01Z");
    assert_eq!(
        (late.code, late.findings()),
        (
            14,
            vec!["drift-widened critical widens SenderIPAddresses".to_owned()]
        )
    );
    // Another value than either version approved is drift at once.
    repo.export("contoso", |export| {
        connector(export, "Relay from data centre 1")["SenderIPAddresses"] =
            json!(["203.0.113.10", "203.0.113.48/28", "192.0.2.1"]);
    });
    assert_eq!(at(NOW).code, 14);
}

#[test]
fn what_neither_baseline_nor_rule_sees_is_seen_from_one_snapshot_to_the_next() {
    let repo = Repo::with_git();
    let write = |taken: &str, changed: i64, later: &str| {
        repo.export("contoso", |export| {
            export["taken_at"] = json!(taken);
            let relay = connector(export, "Relay from data centre 1");
            relay["WhenChangedUTC"] = json!(format!("/Date({changed}000)/"));
            relay["SomethingNew"] = json!(later);
        });
    };
    write("2026-11-21T01:00:00Z", 1_770_000_000, "a");
    repo.snapshot("2026-11-21T01:01:00Z", &[]).expect(0, &[]);
    write("2026-11-21T02:00:00Z", 1_770_000_059, "a");
    assert!(
        !repo
            .check("contoso")
            .findings()
            .iter()
            .any(|finding| finding.contains("touched"))
    );
    write("2026-11-21T02:00:00Z", 1_770_000_061, "a");
    assert!(
        repo.check("contoso")
            .findings()
            .contains(&"touched-without-difference info - WhenChangedUTC".to_owned())
    );
    write("2026-11-21T02:00:00Z", 1_770_000_061, "b");
    let run = repo.check("contoso");
    assert_eq!(run.code, 12);
    assert!(
        run.findings()
            .contains(&"unrecognised-changed medium - SomethingNew".to_owned()),
        "{run:?}"
    );
}

#[test]
fn an_auditor_needs_the_history_and_a_pin_and_nothing_else() {
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T01:00:00Z", &[]).expect(0, &[]);
    let auditor = Repo::empty();
    let source = repo.path("").display().to_string();
    auditor.git(&[
        "clone",
        "-q",
        "--bare",
        "--single-branch",
        "-b",
        "connguard/history",
        &source,
        "history.git",
    ]);
    let arguments = |pin: &'static str| {
        [
            "history",
            "verify",
            "--repository",
            "history.git",
            "--now",
            LATER,
            "--root",
            pin,
        ]
    };
    let pin: &'static str = Box::leak(repo.pin().into_boxed_str());
    auditor
        .run(&arguments(pin))
        .expect(0, &["1 commit verified, signed"]);
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    auditor
        .run(&arguments(other))
        .expect(3, &["is not the pinned root"]);
    auditor
        .run(&[
            "history",
            "log",
            "--repository",
            "history.git",
            "--root",
            pin,
        ])
        .expect(0, &["signed by ci@contoso.com", "contoso/baseline.yaml"]);
}

#[test]
fn a_connector_is_followed_through_its_names() {
    let repo = Repo::with_git();
    month_in(&repo);
    // Asked for by any name that it ever had, with everything that became of it under the others.
    for name in ["Relay from data centre 1", "relay frankfurt", RELAY] {
        repo.history(&["log", "--connector", name]).expect(
            0,
            &[
                "SenderIPAddresses: + 198.51.100.7",
                "was renamed from",
                "Enabled: true → false",
            ],
        );
    }
    repo.history(&["log", "--connector", "Nobody"])
        .expect(2, &["no run has seen a connector \"Nobody\""]);
    repo.history(&["log", "--tenant", "nobody"])
        .expect(2, &["holds no tenant \"nobody\"", "contoso"]);
    repo.history(&["diff", "tip~3", "--tenant", "nobody"])
        .expect(2, &["holds no tenant"]);
    repo.history(&["log", "--since", LATER])
        .expect(0, &["no run changed anything of what is asked for"]);
    // One that is gone, or is called otherwise, is not simply unknown.
    repo.history(&["blame", PARTNER])
        .expect(2, &["it was gone in", "add --at"]);
    repo.history(&["blame", "Relay from data centre 1"])
        .expect(2, &["it is called \"Relay Frankfurt\" now"]);
    // The tenant need not be named where only one has such a connector.
    repo.snapshot(&time(BEGIN + 60 * DAY), &["--tenant", "fabrikam"]);
    repo.history(&["blame", "Relay Frankfurt"])
        .expect(0, &["contoso"]);
}

#[test]
fn what_was_approved_before_comes_from_the_history() {
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T10:00:00Z", &[]).expect(0, &[]);
    // The files were never committed: only the history holds the first version.
    next_baseline(&repo, "2026-11-21T10:30:00Z", |text| {
        text.replacen("203.0.113.10", "203.0.113.11", 1)
    });
    let pin = repo.pin();
    repo.run(&[
        "baseline", "show", "contoso", "--diff", "--now", NOW, "--root", &pin,
    ])
    .expect(0, &["version 2 against version 1", "203.0.113.11"]);
}

#[test]
fn the_history_role_is_given_and_its_key_replaced() {
    let repo = Repo::with_git();
    let people = ["alice", "bob"];
    let pin = repo.pin();
    let rotate = |more: &[&str]| {
        let mut arguments = vec!["trust", "rotate", "--now", NOW, "--root", &pin, "--no-sign"];
        arguments.extend(more);
        repo.run(&arguments)
    };
    // The job's key was stolen: another one takes its place, and it holds this role only.
    let new = key("carol") + ".pub";
    let roles = |text: String| text.split_once("roles:").unwrap().1.to_owned();
    let before = roles(repo.read("trust/root.yaml"));
    rotate(&[
        "--remove",
        "ci@contoso.com",
        "--history",
        &format!("job@contoso.com={new}"),
    ])
    .expect(1, &["this key stands under two principals"]);
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&[9; 32]);
    let fresh = ssh_key::PrivateKey::from(pair);
    repo.write(
        "job",
        fresh
            .to_openssh(ssh_key::LineEnding::LF)
            .unwrap()
            .as_bytes(),
    );
    repo.write("job.pub", fresh.public_key().to_openssh().unwrap());
    rotate(&[
        "--remove",
        "ci@contoso.com",
        "--history",
        "job@contoso.com=job.pub",
    ])
    .expect(0, &["job@contoso.com"]);
    let after = roles(repo.read("trust/root.yaml"));
    assert_eq!(after, before.replace("ci@contoso.com", "job@contoso.com"));
    repo.sign("connguard-root", "trust/root.yaml", &people);
    let pin = repo.pin();
    let job = repo.path("job").display().to_string();
    repo.run(&["snapshot", "--now", NOW, "--root", &pin, "--key", &job])
        .expect(0, &["signed by job@contoso.com"]);
    repo.run(&[
        "snapshot",
        "--now",
        NOW,
        "--root",
        &pin,
        "--key",
        &key("ci"),
    ])
    .expect(1, &["is not in trust/allowed_signers"]);
}

#[test]
fn a_history_begins_unsigned_and_is_signed_later() {
    let repo = Repo::with_git();
    let root = repo.read("trust/root.yaml");
    let line = root.lines().find(|line| line.contains("history:")).unwrap();
    repo.replace("trust/root.yaml", &format!("{line}\n"), "");
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    let pin = repo.pin();
    repo.run(&["snapshot", "--now", "2026-11-21T10:00:00Z", "--root", &pin])
        .expect(
            0,
            &["unsigned: whoever can write to the repository can change it"],
        );
    repo.history(&["verify"])
        .expect(3, &["1 commit looked at, UNSIGNED"]);
    let report = repo.check("contoso").expect(0, &[]).json();
    assert_eq!(report["history"]["signed"], false);
    assert_eq!(report["findings"][0]["rule"], "history-unsigned");
    check_history(&repo, "history", NOW).expect(3, &["is unsigned"]);

    // The role is given by a second root: what came before stays, and is said to be unsigned.
    repo.run(&[
        "trust",
        "rotate",
        "--now",
        "2026-11-21T10:30:00Z",
        "--root",
        &pin,
        "--no-sign",
        "--history",
        "ci@contoso.com",
    ])
    .expect(0, &[]);
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
    repo.snapshot("2026-11-21T11:00:00Z", &[])
        .expect(0, &["signed by ci@contoso.com"]);
    repo.history(&["verify"]).expect(
        0,
        &["2 commits verified, signed", "the first commit is unsigned"],
    );
    check_history(&repo, "history", NOW).expect(0, &[]);
    check_history(&repo, "history:tip~1", NOW).expect(3, &["is unsigned"]);
}

#[test]
fn the_next_baseline_can_be_proposed_from_the_history() {
    let repo = Repo::with_git();
    repo.snapshot("2026-11-21T01:00:00Z", &[]).expect(0, &[]);
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-21T02:00:00Z");
        connector(export, "Relay from data centre 1")["Comment"] = json!("CHG-5000");
    });
    repo.snapshot("2026-11-21T02:01:00Z", &[]).expect(0, &[]);
    let pin = repo.pin();
    let propose = |from: &str| {
        repo.run(&[
            "baseline", "propose", "contoso", "--from", from, "--now", NOW, "--root", &pin,
        ])
    };
    propose("history:tip~1").expect(0, &[]);
    assert!(!repo.read("baselines/contoso.yaml").contains("CHG-5000"));
    propose("history").expect(0, &["CHG-5000"]);
    assert!(
        repo.read("baselines/contoso.yaml")
            .contains("Comment: CHG-5000")
    );
}
