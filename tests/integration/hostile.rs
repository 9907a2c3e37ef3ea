//! Input that is malformed, enormous or made to hurt: a clear error or a finding, never a panic.

use crate::harness::{NOW, Repo};
use std::fmt::Write as _;

#[test]
fn deep_and_large_exports_are_read_in_bounds() {
    let repo = Repo::empty();
    let record = |comment: &str| {
        format!("{{\"Name\":\"a\",\"ConnectorType\":\"Partner\",\"Extra\":{comment}}}")
    };
    repo.write(
        "deep.json",
        record(&format!(
            "{}{}",
            "[".repeat(1_000_000),
            "]".repeat(1_000_000)
        )),
    );
    // What is not known is kept as it is, however deep; the connector is read all the same.
    repo.run(&["fetch", "--from", "deep.json"])
        .expect(0, &["[[[["]);
    repo.write("open.json", "[".repeat(1_000_000));
    repo.run(&["fetch", "--from", "open.json"])
        .expect(1, &["ends too early"]);
    repo.write("keys.json", "{\"a\":".repeat(200_000));
    repo.run(&["fetch", "--from", "keys.json"])
        .expect(1, &["not JSON"]);
    let mut wide = String::from("{\"ConnectorType\":\"Partner\",\"Name\":\"a\"");
    for number in 0..200_000 {
        let _ = write!(wide, ",\"k{number}\":{number}");
    }
    repo.write("wide.json", wide + "}");
    repo.run(&["fetch", "--from", "wide.json"]).expect(0, &[]);
    let rows: Vec<&str> = vec!["{\"Name\":1,\"ConnectorType\":2}"; 200_000];
    repo.write("wrong.json", format!("[{}]", rows.join(",\n")));
    repo.run(&["fetch", "--from", "wrong.json"])
        .expect(1, &["and at least"]);
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_place() {
    let repo = Repo::empty();
    repo.write("x.json", b"[\n {\"Name\": \"\xff\"}]");
    repo.run(&["fetch", "--from", "x.json"])
        .expect(1, &["x.json:2:12", "not UTF-8"]);
    repo.write("x.json", b"\xff\xfe[\x00\x00\xd8]\x00");
    repo.run(&["fetch", "--from", "x.json"])
        .expect(1, &["not UTF-16"]);
    repo.write("x.json", b"\xff\xfe[\x00]");
    repo.run(&["fetch", "--from", "x.json"])
        .expect(1, &["odd number of bytes"]);
    repo.write(
        "x.json",
        "[{\"Name\":\"\\ud800\",\"ConnectorType\":\"Partner\"}]",
    );
    repo.run(&["fetch", "--from", "x.json"])
        .expect(1, &["x.json:1:"]);
    for nan in ["NaN", "Infinity", "-", "01", "1e", "+1"] {
        repo.write(
            "x.json",
            format!("[{{\"Name\":\"a\",\"ConnectorType\":\"Partner\",\"X\":{nan}}}]"),
        );
        repo.run(&["fetch", "--from", "x.json"])
            .expect(1, &["not JSON"]);
    }
}

/// Reads this text as the configuration, the first document that a run looks at.
fn yaml(text: impl AsRef<[u8]>) -> crate::harness::Run {
    let repo = Repo::example();
    repo.write("connguard.yaml", text);
    repo.run(&["check", "--now", NOW])
}

#[test]
fn hostile_yaml_is_refused_in_bounds() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..40 {
        let _ = writeln!(
            bomb,
            "a{level}: &a{level} [{}]",
            vec![format!("*a{}", level - 1); 10].join(",")
        );
    }
    yaml(bomb).expect(1, &["connguard.yaml"]);
    yaml("[".repeat(100_000)).expect(1, &["connguard.yaml"]);
    yaml(format!("a: {}", "x".repeat(20 << 20))).expect(1, &["larger than 16 MiB"]);
    yaml(b"a: \xff").expect(1, &["not UTF-8"]);
    yaml("a: 1\na: 2\n").expect(1, &["connguard.yaml:2:1"]);
    yaml("<<: { a: 1 }\n").expect(1, &["connguard.yaml:1"]);
    yaml("a: !!python/object x\n").expect(1, &["connguard.yaml:1"]);
    yaml("a: [1\n").expect(1, &["connguard.yaml:"]);
    yaml("").expect(1, &["expected the configuration, found nothing"]);
    yaml("apiVersion: connguard/v1\nkind: Config\ntenants: { UP: {}, ok: { organization: 5, sorce: {} } }\nextra: 1\n").expect(
        1,
        &["connguard.yaml:3:12", "not a name for a tenant", "expected an organization, found the number 5", "`sorce` is not known", "did you mean `source`?", "connguard.yaml:4:1", "`extra` is not known"],
    );
}

#[test]
fn the_configuration_cannot_lead_out_of_the_repository() {
    for path in [
        "../exports/contoso.json",
        "/etc/passwd",
        "exports/../../x",
        "C:\\x",
        "./exports/contoso.json",
    ] {
        let repo = Repo::example();
        repo.replace("connguard.yaml", "exports/contoso.json", path);
        repo.check_with(&[])
            .expect(1, &["a file inside the audit repository"]);
    }
}

#[test]
fn all_mistakes_of_a_signed_baseline_come_at_once() {
    let repo = Repo::example();
    repo.replace(
        "baselines/contoso.yaml",
        "      Enabled: true\n",
        "      Enabld: true\n",
    );
    repo.replace(
        "baselines/contoso.yaml",
        "[203.0.113.10, 203.0.113.48/28]",
        "[203.0.113.10/-1, 203.0.113.300, 0.0.0.0/0]",
    );
    repo.replace(
        "baselines/contoso.yaml",
        "RequireTls: true",
        "RequireTls: yes",
    );
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["alice", "bob"],
    );
    let run = repo.check_with(&["--tenant", "contoso"]);
    run.expect(
        1,
        &[
            "did you mean `Enabled`?",
            "leave out Enabled",
            "baselines/contoso.yaml:25:27",
            "\"203.0.113.10/-1\" is not an IP address",
            "\"203.0.113.300\"",
            "must be true or false, not the text \"yes\"",
        ],
    );
}

#[test]
fn everybody_on_the_internet_is_a_finding() {
    let repo = Repo::example();
    repo.export("contoso", |export| {
        crate::harness::connector(export, "Relay from data centre 1")["SenderIPAddresses"] =
            serde_json::json!(["0.0.0.0/0", "10.0.0.1/-1"])
    });
    repo.check_with(&["--tenant", "contoso"]).expect(
        14,
        &[
            "sender-addresses-unbounded",
            "4294967296 addresses",
            "sender-address-not-taken",
            "10.0.0.1/-1",
        ],
    );
}
