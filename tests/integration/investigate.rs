//! `connguard investigate`, as an incident responder uses it: a folder of files, and nothing else.

use crate::harness::{NOW, Repo, Run, key, project, real_records};
use crate::scenarios::{Scenario, write};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The program in a folder that is no audit repository.
fn investigate(folder: &Path, more: &[&str]) -> Run {
    let evidence = folder.display().to_string();
    let mut arguments = vec![
        "investigate",
        "--from",
        &evidence,
        "--now",
        "2027-01-01T00:00:00Z",
    ];
    arguments.extend(more);
    Repo::empty().run(&arguments)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The verdict of every connector, by name.
fn verdicts(report: &Value) -> BTreeMap<String, String> {
    let all = report["connectors"].as_array().unwrap().iter();
    all.map(|own| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&own["connector"]["name"]), text(&own["verdict"]))
    })
    .collect()
}

fn sign<'r>(report: &'r Value, connector: &str, indicator: &str) -> &'r Value {
    let all = report["connectors"].as_array().unwrap();
    let own = all
        .iter()
        .find(|own| own["connector"]["name"] == connector)
        .unwrap();
    let signs = own["signs"].as_array().unwrap();
    signs
        .iter()
        .find(|own| own["indicator"] == indicator)
        .unwrap()
}

/// How many seeds of each scenario: few in every run, all 200 with EXHAUSTIVE=1.
fn seeds() -> u64 {
    if std::env::var_os("EXHAUSTIVE").is_some() {
        200
    } else {
        3
    }
}

#[test]
fn every_scenario_gets_its_verdict() {
    let cases: Vec<(Scenario, u64)> = Scenario::ALL
        .iter()
        .flat_map(|scenario| (0..seeds()).map(move |seed| (*scenario, seed)))
        .collect();
    let next = AtomicU64::new(0);
    let confusion: Mutex<BTreeMap<(String, String), u64>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((scenario, seed)) =
                    cases.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap())
                {
                    let folder = folder();
                    let expected = write(*scenario, *seed, folder.path()).unwrap();
                    let run = investigate(&folder.path().join("evidence"), &["--format", "json"]);
                    let report = run.json();
                    let found = verdicts(&report);
                    for (name, verdict) in &expected.connectors {
                        let is = found
                            .get(name)
                            .cloned()
                            .unwrap_or_else(|| "not listed".to_owned());
                        *confusion
                            .lock()
                            .unwrap()
                            .entry((verdict.name().to_owned(), is.clone()))
                            .or_default() += 1;
                        if is != verdict.name() {
                            wrong.lock().unwrap().push(format!(
                                "{} {seed}: {name} is {is}, expected {}",
                                scenario.name(),
                                verdict.name()
                            ));
                        }
                    }
                    let worst = expected.connectors.values().map(|own| own.name());
                    let code = if worst.clone().any(|own| own == "compromised") {
                        14
                    } else if worst.clone().any(|own| own == "suspicious") {
                        13
                    } else {
                        0
                    };
                    if run.code != code {
                        wrong.lock().unwrap().push(format!(
                            "{} {seed}: ended with {}, expected {code}",
                            scenario.name(),
                            run.code
                        ));
                    }
                    let actors = report["actors"].to_string().to_ascii_lowercase();
                    if let Some(actor) = expected
                        .actors
                        .first()
                        .filter(|own| !actors.contains(&own.to_ascii_lowercase()))
                    {
                        wrong.lock().unwrap().push(format!(
                            "{} {seed}: {actor} is not among the actors",
                            scenario.name()
                        ));
                    }
                    let changes = report["changes"].to_string();
                    for record in expected
                        .records
                        .iter()
                        .filter(|record| !changes.contains(record.as_str()))
                    {
                        wrong.lock().unwrap().push(format!(
                            "{} {seed}: record {record} was not joined",
                            scenario.name()
                        ));
                    }
                }
            });
        }
    });
    let confusion = confusion.into_inner().unwrap();
    eprintln!("{confusion:?}");
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn reports_fit_their_schema_and_are_the_same_every_time() {
    let folder = folder();
    write(Scenario::ALL[1], 3, folder.path()).unwrap();
    let evidence = folder.path().join("evidence");
    let first = investigate(&evidence, &["--format", "json"]);
    let schema = Repo::empty().run(&["schema", "investigation"]).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&first.json())
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(
        first.stdout,
        investigate(&evidence, &["--format", "json"]).stdout
    );
    for format in ["human", "markdown", "html"] {
        let text = investigate(&evidence, &["--format", format]);
        assert_eq!(text.code, first.code, "{format}");
        assert!(
            text.stdout.contains("Ran_") || text.stdout.contains("compromised"),
            "{format}"
        );
    }
}

#[test]
fn what_was_not_looked_at_is_never_no_sign() {
    let folder = folder();
    write(Scenario::ALL[0], 1, folder.path()).unwrap();
    let evidence = folder.path().join("evidence");
    let whole = investigate(&evidence, &["--format", "json"]);
    assert_eq!(whole.code, 0, "{whole:?}");
    let files = whole.json()["files"].clone();
    for file in files.as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let kept = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        let without = investigate(&evidence, &["--format", "json"]);
        fs::write(path, kept).unwrap();
        // A second file of the same kind may tell the same; nothing that is left out makes a better verdict.
        assert!(
            [0, 3].contains(&without.code),
            "without {path}: {without:?}"
        );
        let forms: Vec<&Value> = files
            .as_array()
            .unwrap()
            .iter()
            .filter(|own| own["form"] == file["form"])
            .collect();
        if forms.len() == 1 && file["form"] != "clixml" {
            assert_eq!(without.code, 3, "without {path}");
        }
    }
    investigate(&folder.path().join("nothing"), &[]).expect(1, &["cannot read"]);
    let empty = tempfile::tempdir().unwrap();
    investigate(empty.path(), &[]).expect(1, &["no file of evidence"]);
}

#[test]
fn cut_off_and_foreign_files_are_named() {
    let folder = folder();
    write(Scenario::ALL[0], 2, folder.path()).unwrap();
    let evidence = folder.path().join("evidence");
    fs::write(evidence.join("notes.txt"), "call bob").unwrap();
    fs::write(evidence.join("cut.json"), "[{\"CreationTime\":\"2026-01-01T00:00:00\",\"Operation\":\"Set-InboundConnector\",\"Parame").unwrap();
    let run = investigate(&evidence, &["--format", "json"]);
    let findings = run.json()["findings"].to_string();
    assert!(
        findings.contains("nothing in it was recognised"),
        "{findings}"
    );
    assert!(findings.contains("cut off"), "{findings}");
    assert!(
        findings.contains("an audit record about connectors could not be read"),
        "{findings}"
    );
}

#[test]
fn what_stands_around_connectors_is_read_however_it_was_exported() {
    let domains = [
        (
            "domains.json",
            r#"[{"Name":"a","DomainName":"contoso.com","DomainType":"Authoritative","MatchSubDomains":true}]"#,
        ),
        (
            "domains.csv",
            "\u{feff}#TYPE x\r\n\"Name\",\"DomainName\",\"DomainType\",\"MatchSubDomains\"\r\n\"a\",\"contoso.com\",\"Authoritative\",\"True\"\r\n",
        ),
        (
            "domains.xml",
            r#"<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><Props><S N="Name">a</S><S N="DomainName">contoso.com</S><S N="DomainType">Authoritative</S><B N="MatchSubDomains">true</B></Props></Obj></Objs>"#,
        ),
    ];
    for (name, text) in domains {
        let folder = folder();
        fs::write(folder.path().join(name), text).unwrap();
        fs::write(
            folder.path().join("blocked.csv"),
            "\"ConnectorId\",\"Reason\"\r\n\"0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01\",\"\"\r\n",
        )
        .unwrap();
        let connectors = "\"Name\",\"SenderIPAddresses\"\r\n\"a\",\"System.Object[]\"\r\n";
        fs::write(folder.path().join("connectors.csv"), connectors).unwrap();
        let report = investigate(folder.path(), &["--format", "json"]).json();
        let files: BTreeMap<&str, &Value> = report["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| (file["form"].as_str().unwrap(), file))
            .collect();
        assert_eq!(files["accepted-domains"]["rows"], 1, "{name}: {files:?}");
        assert_eq!(files["blocked-connectors"]["rows"], 1, "{name}");
        // Lists are lost in CSV: that is said, and nothing is concluded from what is left.
        let said = files["connectors-csv"]["doubts"].to_string();
        assert!(said.contains("Export-Clixml"), "{said}");
        let missing = report["coverage"]["missing"].to_string();
        assert!(!missing.contains("accepted domains"), "{name}: {missing}");
        assert_eq!(report["verdict"], "suspicious", "{name}");
    }
}

#[test]
fn real_records_of_an_attacked_lab_give_actors_and_operations() {
    let Some(real) = real_records() else { return };
    let folder = folder();
    for name in [
        "ual-search-exchangeadmin-2021-03to05.csv",
        "ual-search-entra-admin-2021-03to05.csv",
        "ual-search-alerts.csv",
    ] {
        fs::copy(real.join(name), folder.path().join(name)).unwrap();
    }
    let run = investigate(folder.path(), &["--format", "json"]);
    assert_eq!(
        run.code, 3,
        "there is neither a connector nor mail: {run:?}"
    );
    let report = run.json();
    assert_eq!(
        report["coverage"]["log"]["records"], 134,
        "135 rows, of which one is cut off"
    );
    let rejected: u64 = report["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["rejected"]["count"].as_u64().unwrap())
        .sum();
    assert_eq!(rejected, 1, "one is cut off, as published");
    let actors = report["actors"].as_array().unwrap();
    let attacker = actors
        .iter()
        .find(|own| {
            own["actor"]["user"]
                .as_str()
                .unwrap()
                .eq_ignore_ascii_case("A.Thulile@dutchmasterz.onmicrosoft.com")
        })
        .unwrap_or_else(|| panic!("{actors:#?}"));
    let operations = attacker["operations"].to_string();
    for operation in [
        "New-TransportRule",
        "New-InboxRule",
        "Add-MailboxPermission",
        "Add-RecipientPermission",
        "Set-Mailbox",
    ] {
        assert!(operations.contains(operation), "{operation}: {operations}");
    }
    let users: Vec<&str> = actors
        .iter()
        .map(|own| own["actor"]["user"].as_str().unwrap())
        .collect();
    assert!(
        users.contains(&"GradyA@dutchmasterz.onmicrosoft.com"),
        "{users:?}"
    );
    assert!(
        !report["actors"].to_string().contains("NT AUTHORITY"),
        "the service itself is nobody to look for"
    );
}

#[test]
fn a_change_is_attributed_and_a_name_with_slashes_is_a_name() {
    let folder = folder();
    let relay = json!({
        "Name": "SMTP relay", "ExchangeObjectId": "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01", "Enabled": true, "ConnectorType": "OnPremises",
        "ConnectorSource": "Default", "SenderIPAddresses": ["203.0.113.10"], "SenderDomains": ["smtp:*;1"], "RequireTls": false,
        "RestrictDomainsToIPAddresses": false, "RestrictDomainsToCertificate": false, "CloudServicesMailEnabled": false,
        "TreatMessagesAsInternal": false, "EFSkipLastIP": false, "EFTestMode": false,
    });
    let mut own = relay.clone();
    own["Name"] = json!("evil/SMTP relay");
    own["ExchangeObjectId"] = json!("d0891898-d7b2-431d-8619-019772e49525");
    own["SenderIPAddresses"] = json!(["198.51.100.9"]);
    fs::write(
        folder.path().join("a.json"),
        export("2026-11-01T00:00:00Z", json!([relay])).to_string(),
    )
    .unwrap();
    fs::write(
        folder.path().join("b.json"),
        export("2026-11-20T00:00:00Z", json!([relay, own])).to_string(),
    )
    .unwrap();
    let record = json!([{
        "CreationTime": "2026-11-10T03:12:00", "Id": "744ca318-ae02-4569-9e68-95e0ef6b75b0", "Operation": "New-InboundConnector",
        "RecordType": 1, "ResultStatus": "True", "UserType": 2, "UserId": "alice@contoso.com", "ObjectId": "", "ClientIP": "198.51.100.200:4711",
        "ExternalAccess": false, "SessionId": "s1",
        "Parameters": [
            { "Name": "Name", "Value": "evil/SMTP relay" }, { "Name": "ConnectorType", "Value": "OnPremises" },
            { "Name": "SenderIPAddresses", "Value": "198.51.100.9" }, { "Name": "SenderDomains", "Value": "smtp:*;1" },
        ],
    }]);
    fs::write(folder.path().join("log.json"), record.to_string()).unwrap();
    let report = investigate(folder.path(), &["--format", "json"]).json();
    let changes = report["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    assert_eq!(changes[0]["connector"]["name"], "evil/SMTP relay");
    assert_eq!(changes[0]["known"], "attributed");
    let by = &changes[0]["records"][0];
    assert_eq!(by["actor"]["user"], "alice@contoso.com");
    assert_eq!(by["client_ip"], "198.51.100.200");
    assert_eq!(by["session"], "s1");
    assert_eq!(
        sign(&report, "evil/SMTP relay", "unapproved-change")["strength"],
        "strong"
    );
    // Without a trace nobody can say that the relay was not misused.
    assert_eq!(verdicts(&report)["SMTP relay"], "not enough evidence");
}

const RELAY: &str = "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01";
const EVIL: &str = "198.51.100.9";

/// An on-premises connector that admits these addresses.
fn relay(addresses: &[&str]) -> Value {
    json!({
        "Name": "SMTP relay", "ExchangeObjectId": RELAY, "Enabled": true, "ConnectorType": "OnPremises", "ConnectorSource": "Default",
        "SenderIPAddresses": addresses, "SenderDomains": ["smtp:*;1"], "RequireTls": false, "RestrictDomainsToIPAddresses": false,
        "RestrictDomainsToCertificate": false, "CloudServicesMailEnabled": false, "TreatMessagesAsInternal": false,
        "EFSkipLastIP": false, "EFTestMode": false, "WhenCreatedUTC": "2025-01-01T00:00:00Z",
    })
}

/// A record of somebody's cmdlet, with what was sent.
fn record(time: &str, operation: &str, sent: &[(&str, &str)]) -> Value {
    let sent: Vec<Value> = sent
        .iter()
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect();
    json!({
        "CreationTime": time, "Id": format!("744ca318-ae02-4569-9e68-{:0>12}", time.bytes().filter(u8::is_ascii_digit).map(char::from).skip(2).collect::<String>()),
        "Operation": operation, "RecordType": 1, "ResultStatus": "True", "UserType": 2, "UserId": "alice@contoso.com", "ObjectId": "",
        "ExternalAccess": false, "Parameters": sent,
    })
}

/// A complete export of these connectors.
fn export(at: &str, connectors: Value) -> Value {
    json!({
        "connguard": "export/v1", "taken_at": at,
        "organization": { "tenant_id": "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01", "domain": "contoso.onmicrosoft.com" },
        "complete": { "inbound_connectors": true, "accepted_domains": true, "blocked_connectors": true },
        "inbound_connectors": connectors, "blocked_connectors": [],
        "accepted_domains": [{ "DomainName": "contoso.com", "MatchSubDomains": false }],
    })
}

/// An investigation of states, each with its time, and of records.
fn of(states: &[(&str, Value)], records: &[Value]) -> Run {
    let folder = folder();
    for (place, (at, connectors)) in states.iter().enumerate() {
        let path = folder.path().join(format!("{place}.json"));
        fs::write(path, export(at, connectors.clone()).to_string()).unwrap();
    }
    let log = Value::Array(records.to_vec()).to_string();
    fs::write(folder.path().join("log.json"), log).unwrap();
    investigate(folder.path(), &["--format", "json"])
}

/// The words of every change, and how it is known.
fn changes(report: &Value) -> Vec<(String, String)> {
    let all = report["changes"].as_array().unwrap().iter();
    all.map(|own| {
        (
            own["known"].as_str().unwrap().to_owned(),
            own["words"].to_string(),
        )
    })
    .collect()
}

#[test]
fn an_opening_that_no_state_shows_is_an_opening() {
    let (first, last) = ("2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z");
    let set = |time: &str, addresses: &str| {
        let sent = [("Identity", RELAY), ("SenderIPAddresses", addresses)];
        record(time, "Set-InboundConnector", &sent)
    };
    let remove = record(
        "2026-11-10T16:00:00",
        "Remove-InboundConnector",
        &[("Identity", RELAY)],
    );
    let own = "203.0.113.10";
    // Opened and deleted; opened and set back before anything was read; opened and set back between two states.
    for (states, records) in [
        (
            vec![(first, json!([relay(&[own])])), (last, json!([]))],
            vec![set("2026-11-10T14:00:00", EVIL), remove],
        ),
        (
            vec![(last, json!([relay(&[own])]))],
            vec![
                set("2026-11-10T14:00:00", EVIL),
                set("2026-11-10T16:00:00", own),
            ],
        ),
        (
            vec![
                (first, json!([relay(&[own])])),
                (last, json!([relay(&[own])])),
            ],
            vec![
                set("2026-11-10T14:00:00", EVIL),
                set("2026-11-10T16:00:00", own),
            ],
        ),
    ] {
        let report = of(&states, &records).json();
        let told = changes(&report);
        assert!(
            told.iter().any(|(_, words)| words.contains(EVIL)),
            "{told:?}"
        );
        assert_eq!(verdicts(&report)["SMTP relay"], "suspicious", "{told:?}");
    }
}

#[test]
fn a_record_explains_what_it_says_and_nothing_else() {
    let (first, last) = ("2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z");
    let states = [
        (first, json!([relay(&["203.0.113.10"])])),
        (last, json!([relay(&["203.0.113.10", "192.0.2.1", EVIL])])),
    ];
    let sent = [
        ("Identity", RELAY),
        ("SenderIPAddresses", "@{Add='192.0.2.1'}"),
    ];
    let report = of(
        &states,
        &[record("2026-11-10T14:00:00", "Set-InboundConnector", &sent)],
    )
    .json();
    assert_eq!(changes(&report)[0].0, "without-record");
    // A connector that was made while there is a log, and of which the log says nothing.
    let mut made = relay(&["203.0.113.10"]);
    made["WhenCreatedUTC"] = json!("2026-11-15T00:00:00Z");
    let other = record("2026-11-02T00:00:00", "Set-Mailbox", &[("Identity", "bob")]);
    let report = of(&[(last, json!([made]))], &[other]).json();
    assert_eq!(changes(&report)[0].0, "without-record");
    // Made without an id, and deleted by one that nothing else knows: one connector, that came and went.
    let new = [
        ("Name", "Ran_abcde"),
        ("ConnectorType", "OnPremises"),
        ("SenderIPAddresses", EVIL),
    ];
    let gone = [("Identity", "d0891898-d7b2-431d-8619-019772e49525")];
    let report = of(
        &[
            (first, json!([relay(&["203.0.113.10"])])),
            (last, json!([relay(&["203.0.113.10"])])),
        ],
        &[
            record("2026-11-10T01:00:00", "New-InboundConnector", &new),
            record("2026-11-10T05:00:00", "Remove-InboundConnector", &gone),
        ],
    )
    .json();
    assert_eq!(changes(&report).len(), 1, "{:?}", changes(&report));
    assert_eq!(report["changes"][0]["kind"], "created-and-removed");
}

#[test]
fn what_is_not_the_log_of_this_organizations_exchange_does_not_stand_in_for_it() {
    let states = [
        ("2026-11-01T00:00:00Z", json!([relay(&["203.0.113.10"])])),
        ("2026-11-20T00:00:00Z", json!([relay(&["203.0.113.10"])])),
    ];
    let daily = |change: &dyn Fn(&mut Value)| -> Vec<Value> {
        let days = 1..=20;
        days.map(|day| {
            let mut own = record(&format!("2026-11-{day:02}T00:00:00"), "Set-Mailbox", &[]);
            change(&mut own);
            own
        })
        .collect()
    };
    let reasons = |report: &Value| report["connectors"][0]["reasons"].to_string();
    let exchange = of(&states, &daily(&|_| ())).json();
    assert!(
        !reasons(&exchange).contains("audit log"),
        "{}",
        reasons(&exchange)
    );
    // What was done in Entra says nothing of what was done in Exchange.
    let entra = of(&states, &daily(&|own| own["RecordType"] = json!(8))).json();
    assert_eq!(
        entra["coverage"]["log"],
        Value::Null,
        "{}",
        entra["coverage"]
    );
    let other = daily(&|own| own["OrganizationId"] = json!("11111111-1111-4111-8111-111111111111"));
    of(&states, &other).expect(1, &["another organization"]);
    // A rule that takes headers away is named, whoever made it.
    let folder = folder();
    let rules = json!([{ "Name": "cleanup", "Priority": 0, "State": "Enabled", "Actions": ["x"], "RemoveHeader": "X-OriginatorOrg" }]);
    fs::write(folder.path().join("rules.json"), rules.to_string()).unwrap();
    let report = investigate(folder.path(), &["--format", "json"]).json();
    let said = report["findings"].to_string();
    assert!(
        said.contains("rule-removes-headers") && said.contains("X-OriginatorOrg"),
        "{said}"
    );
    // An alert that names no connector is about one all the same.
    let mut alert = record("2026-11-10T00:00:00", "AlertTriggered", &[]);
    alert["RecordType"] = json!(40);
    alert["Name"] = json!("Suspicious connector activity");
    alert["Data"] = json!("{\"op\":\"ConnectorAbuse\"}");
    assert_eq!(of(&states, &[alert]).json()["verdict"], "suspicious");
}

#[test]
fn thresholds_are_the_operators_word_and_the_report_says_so() {
    let folder = folder();
    write(Scenario::ALL[0], 4, folder.path()).unwrap();
    let evidence = folder.path().join("evidence");
    let report = investigate(
        &evidence,
        &["--format", "json", "--set", "volume-rise.days=400"],
    )
    .json();
    assert_eq!(report["options"]["thresholds"]["volume-rise.days"], 400.0);
    assert_eq!(report["verdict"], "not enough evidence");
    investigate(&evidence, &["--set", "volume-rise.day=1"]).expect(2, &["volume-rise.days"]);
    investigate(&evidence, &["--set", "volume-rise.days=-1"]).expect(2, &["not negative"]);
    Repo::empty()
        .run(&["explain", "volume-rise"])
        .expect(0, &["volume-rise.days = 14"]);
}

/// The digests of a case's evidence, held against those of another program.
fn every_file_has_the_digest_of_its_bytes(kept: &Path, least: usize) {
    let kept: Value = serde_json::from_slice(&fs::read(kept).unwrap()).unwrap();
    let files = kept["files"].as_array().unwrap();
    assert!(files.len() >= least, "{files:?}");
    for file in files {
        let path = file["path"].as_str().unwrap();
        let sum = Command::new("sha256sum").arg(path).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        let sum = sum.split_whitespace().next().unwrap();
        assert_eq!(file["digest"], format!("sha256:{sum}"), "{path}");
    }
}

#[test]
fn a_case_is_worked_through_in_order_and_checked_by_sha256sum() {
    let folder = folder();
    write(
        Scenario::ALL
            .iter()
            .copied()
            .find(|own| own.name() == "microsoft-block")
            .unwrap(),
        5,
        folder.path(),
    )
    .unwrap();
    let evidence = folder.path().join("evidence").display().to_string();
    // What is no evidence, and larger than what is looked at, has a digest as well.
    fs::write(
        folder.path().join("evidence/notes.txt"),
        "met bob\n".repeat(20_000),
    )
    .unwrap();
    let repo = Repo::empty();
    let case = |more: &[&str]| repo.run(more);
    case(&[
        "investigate",
        "--from",
        &evidence,
        "--case",
        "spam",
        "--now",
        NOW,
    ])
    .expect(13, &["the case is in cases/2026-11-21-spam"]);
    every_file_has_the_digest_of_its_bytes(&repo.path("cases/2026-11-21-spam/evidence.json"), 6);
    let shown = case(&["case", "show", "spam"]).expect(0, &["step 3", "unblock-", "[ ] revert"]);
    let unblock = shown
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("unblock-"))
        .unwrap()
        .to_owned();
    case(&["case", "tick", "spam", &unblock])
        .expect(3, &["not before the revert is done", "revert"]);
    case(&["case", "close", "spam"]).expect(3, &["the case is not done"]);
    // A second run goes on with it: what was done stays done.
    let items: Vec<String> = shown
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("[ ] "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|item| !item.starts_with("unblock-"))
        .collect();
    for item in &items {
        case(&["case", "tick", "spam", item, "--note", "done by bob"]).expect(0, &[]);
    }
    case(&[
        "investigate",
        "--from",
        &evidence,
        "--case",
        "spam",
        "--now",
        NOW,
    ])
    .expect(13, &[]);
    case(&[
        "case",
        "tick",
        "spam",
        &unblock,
        "--note",
        "after the revert",
    ])
    .expect(0, &["0 to do"]);
    case(&["case", "close", "spam"]).expect(0, &["closed"]);
    case(&["case", "list"]).expect(0, &["2026-11-21-spam", "closed"]);
    case(&["case", "verify", "spam"]).expect(0, &["are what SHA256SUMS says"]);
    case(&["case", "export", "spam", "--to", "spam.tar"]).expect(0, &[]);
    let run = |program: &str, arguments: &[&str], at: &str| {
        let done = Command::new(program)
            .args(arguments)
            .current_dir(repo.path(at))
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    run("tar", &["-xf", "spam.tar"], "");
    run(
        "sha256sum",
        &["-c", "--strict", "SHA256SUMS"],
        "2026-11-21-spam",
    );
    repo.write("cases/2026-11-21-spam/report.md", "nothing happened\n");
    case(&["case", "verify", "spam"]).expect(1, &["report.md"]);
    case(&["case", "delete", "spam", "--yes"]).expect(0, &[]);
    assert!(!repo.path("cases/2026-11-21-spam").exists());
    case(&["case", "show", "spam"]).expect(2, &["there is no case"]);
}

#[test]
fn the_history_is_told_who_did_it_and_keeps_the_digest_of_the_case() {
    let repo = Repo::with_git();
    repo.snapshot("2026-11-20T10:00:00Z", &["--tenant", "contoso"]);
    repo.export("contoso", |export| {
        export["taken_at"] = json!("2026-11-20T18:00:00Z");
        let relay = &mut export["inbound_connectors"][0];
        relay["Comment"] = json!("by alice");
    });
    repo.snapshot("2026-11-20T19:00:00Z", &["--tenant", "contoso"]);
    let export: Value = serde_json::from_str(&repo.read("exports/contoso.json")).unwrap();
    let relay = export["inbound_connectors"][0].clone();
    let record = json!([{
        "CreationTime": "2026-11-20T15:00:00", "Id": "744ca318-ae02-4569-9e68-95e0ef6b75b0", "Operation": "Set-InboundConnector",
        "RecordType": 1, "ResultStatus": "True", "UserType": 2, "UserId": "alice@contoso.com", "ObjectId": relay["Name"], "ClientIP": "192.0.2.4:1",
        "ExternalAccess": false,
        "Parameters": [{ "Name": "Identity", "Value": relay["ExchangeObjectId"] }, { "Name": "Comment", "Value": "by alice" }],
    }]);
    repo.write("evidence/log.json", record.to_string());
    let before = repo.tip();
    let pin = repo.pin();
    let key = key("ci");
    let arguments = [
        "investigate",
        "--tenant",
        "contoso",
        "--from",
        "history",
        "--from",
        "evidence",
        "--case",
        "comment",
        "--record",
        "--key",
        &key,
        "--root",
        &pin,
        "--now",
        NOW,
    ];
    let run = repo.run(&arguments);
    assert!(run.stderr.contains("recorded as"), "{run:?}");
    assert_ne!(repo.tip(), before);
    let name = relay["Name"].as_str().unwrap();
    repo.history(&["blame", name, "--tenant", "contoso"])
        .expect(
            0,
            &[
                "Comment: by alice",
                "by alice@contoso.com from 192.0.2.4",
                "744ca318",
            ],
        );
    repo.history(&["verify"]).expect(0, &[]);
    let message = repo.git(&["log", "-1", "--format=%B", "refs/heads/connguard/history"]);
    assert!(message.contains("Case: comment sha256:"), "{message}");
    // The same once more says nothing new of who did it.
    let again = repo.run(&arguments);
    assert!(
        again.stderr.contains("recorded as"),
        "the case is a newer one: {again:?}"
    );
    let second = repo.git(&["log", "-1", "--format=%B", "refs/heads/connguard/history"]);
    assert!(!second.contains("Attributed:"), "{second}");
    let refs = repo.git(&["for-each-ref", "--format=%(refname)"]);
    assert!(
        refs.contains("refs/heads/connguard/cases/comment"),
        "{refs}"
    );
    repo.run(&["case", "delete", "comment", "--yes"])
        .expect(0, &[]);
    let refs = repo.git(&["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("refs/heads/connguard/cases/"), "{refs}");
}

#[test]
fn hunting_prints_queries_and_their_answers_count_like_rows() {
    let export = project().join("exports/contoso.json").display().to_string();
    let repo = Repo::empty();
    repo.run(&["hunt", "list"])
        .expect(0, &["mail-by-hour", "connector-changes", "100,000"]);
    let shown = repo.run(&[
        "hunt",
        "show",
        "mail-by-hour",
        "--from",
        &export,
        "--now",
        NOW,
        "--for",
        "sentinel",
    ]);
    shown.expect(0, &["EmailEvents", "TimeGenerated", "contoso.com"]);
    repo.run(&["hunt", "show", "nothing"])
        .expect(2, &["mail-by-hour"]);
    // A month of quiet hours, and one hour of spam, as the query returns them.
    let folder = folder();
    fs::copy(&export, folder.path().join("now.json")).unwrap();
    let name = {
        let export: Value = serde_json::from_str(&fs::read_to_string(&export).unwrap()).unwrap();
        export["inbound_connectors"][0]["Name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mut rows = Vec::new();
    for hour in 0..30 * 24 {
        let at = 1_764_000_000 / 3600 * 3600 + hour * 3600;
        let time = jiff_time(at);
        let burst = hour == 20 * 24;
        let (mails, filtered) = if burst { (900, 500) } else { (20, 0) };
        rows.push(json!({
            "Hour": time, "Connector": name, "Mails": mails, "Fates": mails, "Filtered": filtered, "Senders": mails,
            "Unprovisioned": 0, "External": mails, "FirstContacts": 0, "Addresses": mails, "Outside": 0, "Headers": mails, "Mismatched": 0,
        }));
    }
    fs::write(
        folder.path().join("hunted.json"),
        json!({ "schema": [], "results": rows }).to_string(),
    )
    .unwrap();
    let report = investigate(folder.path(), &["--format", "json"]).json();
    assert_eq!(sign(&report, &name, "spam-share")["strength"], "strong");
    assert_eq!(sign(&report, &name, "volume-rise")["strength"], "strong");
    assert_eq!(sign(&report, &name, "sender-mismatch")["strength"], "quiet");
}

/// A time of the hunting answer.
fn jiff_time(seconds: i64) -> String {
    // The program's own reader takes it, so it need not be pretty.
    format!("/Date({}000)/", seconds)
}

/// A month of an organization of which nothing is wrong: a state at its beginning and at its end, a record of somebody's
/// work every day, and mail every hour; as a test leaves parts of it out.
struct Month {
    /// Records, by day.
    log: Vec<(i64, Value)>,
    /// Rows of the message trace, by day.
    mail: Vec<(i64, String)>,
    /// More files.
    files: Vec<(&'static str, String)>,
    blocked: [Value; 2],
}

/// The first day of the month, in seconds since 1970: 2026-11-01.
const FIRST: i64 = 1_793_491_200;
const DAYS: i64 = 29;

impl Month {
    fn new() -> Self {
        let day = |day: i64| FIRST + day * 86_400;
        let log = (0..=DAYS).map(|own| {
            let time = time(day(own) + 36_000);
            (
                own,
                record(
                    time.trim_end_matches('Z'),
                    "Set-Mailbox",
                    &[("Identity", "bob")],
                ),
            )
        });
        let mail = (0..=DAYS).flat_map(|own| {
            (0..24 * 12).map(move |mail| {
                let time = time(day(own) + mail * 300);
                (
                    own,
                    row(&time, &format!("{own}-{mail}"), "203.0.113.10", "Delivered"),
                )
            })
        });
        Self {
            log: log.collect(),
            mail: mail.collect(),
            files: Vec::new(),
            blocked: [json!([]), json!([])],
        }
    }

    fn investigate(&self) -> Run {
        let folder = folder();
        for (place, at) in [(0, FIRST), (1, FIRST + DAYS * 86_400)] {
            let mut export = export(&time(at), json!([relay(&["203.0.113.10"])]));
            export["blocked_connectors"] = self.blocked[place].clone();
            fs::write(
                folder.path().join(format!("{place}.json")),
                export.to_string(),
            )
            .unwrap();
        }
        let log: Vec<&Value> = self.log.iter().map(|(_, own)| own).collect();
        fs::write(
            folder.path().join("log.json"),
            serde_json::to_string(&log).unwrap(),
        )
        .unwrap();
        let rows: Vec<&str> = self.mail.iter().map(|(_, own)| own.as_str()).collect();
        fs::write(
            folder.path().join("trace.csv"),
            format!("{HEADER}{}", rows.concat()),
        )
        .unwrap();
        for (name, text) in &self.files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        investigate(folder.path(), &["--format", "json"])
    }
}

const HEADER: &str = "\"MessageTraceId\",\"Received\",\"SenderAddress\",\"RecipientAddress\",\"FromIP\",\"Status\"\r\n";

fn row(time: &str, id: &str, from: &str, status: &str) -> String {
    format!(
        "\"{id}\",\"{time}\",\"bob@contoso.com\",\"carol@fabrikam.example\",\"{from}\",\"{status}\"\r\n"
    )
}

#[test]
fn nothing_is_called_fine_that_evidence_does_not_cover() {
    let expect = |what: &str, code: i32, why: &str, change: &dyn Fn(&mut Month)| {
        let mut month = Month::new();
        change(&mut month);
        let run = month.investigate();
        let reasons = run.json()["connectors"][0]["reasons"].to_string();
        assert_eq!(run.code, code, "{what}: {run:?}");
        assert!(reasons.contains(why), "{what}: {reasons}");
    };
    expect("all of it", 0, "", &|_| {});
    let log =
        |month: &mut Month, keep: &dyn Fn(i64) -> bool| month.log.retain(|(day, _)| keep(*day));
    let mail =
        |month: &mut Month, keep: &dyn Fn(i64) -> bool| month.mail.retain(|(day, _)| keep(*day));
    expect("no log", 3, "no audit log", &|month| log(month, &|_| false));
    expect(
        "a log of sign-ins",
        3,
        "no audit log of what administrators did in Exchange",
        &|month| {
            for (_, own) in &mut month.log {
                own["RecordType"] = json!(15);
                own["Operation"] = json!("UserLoggedIn");
                own["Workload"] = json!("AzureActiveDirectory");
            }
        },
    );
    // A record may come a day late; more than that is not covered.
    expect("a log that ends a day early", 0, "", &|month| {
        log(month, &|day| day < DAYS)
    });
    expect(
        "a log that ends early",
        3,
        "the audit log does not cover",
        &|month| log(month, &|day| day < DAYS - 1),
    );
    expect("a log that begins a day late", 0, "", &|month| {
        log(month, &|day| day > 0)
    });
    expect(
        "a log that begins late",
        3,
        "the audit log does not cover",
        &|month| log(month, &|day| day > 1),
    );
    expect("a log with a short gap", 0, "", &|month| {
        log(month, &|day| !(10..16).contains(&day))
    });
    expect(
        "a log with a long gap",
        3,
        "no record at all of 7 days",
        &|month| log(month, &|day| !(10..17).contains(&day)),
    );
    expect("a trace that ends before a long weekend", 0, "", &|month| {
        mail(month, &|day| day <= DAYS - 4)
    });
    expect(
        "a trace that ends early",
        3,
        "the message trace does not cover",
        &|month| mail(month, &|day| day < DAYS - 4),
    );
    expect(
        "a trace that begins late",
        3,
        "the message trace does not cover",
        &|month| mail(month, &|day| day > 4),
    );
    expect(
        "a trace of few days",
        3,
        "the message trace does not cover",
        &|month| mail(month, &|day| !(3..19).contains(&day)),
    );
    expect("no trace", 3, "no message trace", &|month| {
        mail(month, &|_| false)
    });
    expect(
        "spam that no connector explains",
        3,
        "no known connector explains",
        &|month| {
            for mail in 0..400 {
                let time = time(FIRST + 20 * 86_400 + mail * 60);
                month.mail.push((
                    20,
                    row(&time, &format!("s{mail}"), "192.0.2.77", "FilteredAsSpam"),
                ));
            }
        },
    );
    let state = |at: i64, addresses: &[&str]| export(&time(at), json!([relay(addresses)]));
    let last = state(FIRST + DAYS * 86_400, &["203.0.113.10"]);
    let bare = |addresses: &[&str]| json!([relay(addresses)]).to_string();
    expect("a copy of an export", 0, "", &|month| {
        month.files.push(("copy.json", last.to_string()))
    });
    expect("the same without a time", 0, "", &|month| {
        month.files.push(("bare.json", bare(&["203.0.113.10"])))
    });
    expect(
        "another one without a time",
        3,
        "does not say when it was read",
        &|month| {
            month
                .files
                .push(("bare.json", bare(&["203.0.113.10", EVIL])));
        },
    );
    // What was blocked half a year ago and is not now is no sign of now.
    let mut old = state(FIRST - 40 * 86_400, &["203.0.113.10"]);
    old["blocked_connectors"] = json!([{ "ConnectorId": RELAY }]);
    expect("blocked long ago", 0, "", &|month| {
        month.files.push(("old.json", old.to_string()))
    });
    expect(
        "blocked at last",
        13,
        "Microsoft has blocked it",
        &|month| month.blocked[1] = json!([{ "ConnectorId": RELAY }]),
    );
    expect(
        "blocked this month",
        13,
        "Microsoft has blocked it",
        &|month| month.blocked[0] = json!([{ "ConnectorId": RELAY }]),
    );
    for (name, data) in [
        (
            "Suspicious connector activity",
            json!({ "op": "x", "f3u": "SMTP relay" }),
        ),
        ("x", json!({ "op": "ConnectorAbuse", "eid": RELAY })),
    ] {
        expect("an alert", 13, "an alert about it", &|month| {
            let mut alert = record("2026-11-20T11:00:00", "AlertEntityGenerated", &[]);
            alert["RecordType"] = json!(40);
            alert["Name"] = json!(name);
            alert["AlertId"] = json!("96cf06f7-8d95-4d62-8a5e-000000000001");
            alert["ObjectId"] = alert["AlertId"].clone();
            alert["Data"] = json!(data.to_string());
            month.log.push((19, alert));
        });
    }
    #[cfg(unix)]
    {
        let folder = folder();
        std::os::unix::fs::symlink(project().join("README.md"), folder.path().join("link.json"))
            .unwrap();
        investigate(folder.path(), &[]).expect(1, &["is a link", "no file of evidence"]);
    }
}

#[test]
fn a_case_that_was_changed_behind_its_back_is_not_listed_anew() {
    let folder = folder();
    write(Scenario::Campaign2022, 3, folder.path()).unwrap();
    let cases = folder.path().join("cases").display().to_string();
    let evidence = folder.path().join("evidence");
    investigate(&evidence, &["--case", "spam", "--cases", &cases]).expect(14, &["compromised"]);
    let case = |arguments: &[&str]| {
        let all: Vec<&str> = ["case"].iter().chain(arguments).copied().collect();
        Repo::empty().run(&[&all[..], &["--cases", &cases]].concat())
    };
    let kept = fs::read_dir(&cases)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    // What people add is theirs; what stands there already is the record.
    fs::write(kept.join("notes.txt"), "called bob").unwrap();
    case(&["tick", "spam", "revert", "--note", "by bob"]).expect(0, &["to do"]);
    fs::write(kept.join("report.md"), "no sign").unwrap();
    case(&["verify", "spam"]).expect(1, &["report.md is not what it was"]);
    let archive = folder.path().join("case.tar").display().to_string();
    for refused in [
        vec!["tick", "spam", "revert"],
        vec!["close", "spam"],
        vec!["export", "spam", "--to", &archive],
    ] {
        case(&refused).expect(3, &["report.md is not what it was"]);
    }
}

#[test]
fn what_cannot_be_read_hides_no_attack() {
    let folder = folder();
    write(Scenario::Campaign2022, 3, folder.path()).unwrap();
    let evidence = folder.path().join("evidence");
    let good = Month::new();
    for (name, text) in [
        (
            "broken.json",
            "{\"connguard\":\"export/v1\",\"inbound_connectors\":[{\"Na".to_owned(),
        ),
        ("cut.csv", format!("{HEADER}{}\"x", good.mail[0].1)),
        (
            "broken.xml",
            "<Objs Version=\"1.1.0.1\"><Obj RefId=\"0\"><Props><S N=\"Name\">a</S><S N=\"ConnectorType\">Partner</S><S N=\"SenderIPAddresses\">Sys"
                .to_owned(),
        ),
    ] {
        let path = evidence.join(name);
        fs::write(&path, &text).unwrap();
        let run = investigate(&evidence, &["--format", "json"]);
        assert_eq!(run.code, 14, "{name}: {run:?}");
        let report = run.json();
        assert_eq!(report["exit_code"], 14, "{name}");
        assert!(report["findings"].to_string().contains(name), "{name}");
        assert!(
            !verdicts(&report).values().any(|own| own == "no sign"),
            "{name}: what is doubtful is not fine"
        );
        // Alone it is an error, or no evidence: never nothing wrong.
        let alone = tempfile::tempdir().unwrap();
        fs::write(alone.path().join(name), &text).unwrap();
        assert!(
            [1, 3].contains(&investigate(alone.path(), &[]).code),
            "{name}"
        );
        fs::remove_file(path).unwrap();
    }
    // Nor does a case that cannot be kept.
    let cases = folder.path().join("cases");
    fs::write(&cases, "a file where a folder is to be").unwrap();
    let cases = cases.display().to_string();
    let run = investigate(&evidence, &["--case", "spam", "--cases", &cases]);
    run.expect(14, &["name a folder of cases"]);
    // Those who changed the connector, and who gave them what they needed, are to be looked at.
    let report = investigate(&evidence, &["--format", "json"]).json();
    let mut seen = std::collections::BTreeSet::new();
    for triage in report["actors"].as_array().unwrap() {
        assert!(
            seen.insert(triage["actor"].to_string()),
            "{triage} is there twice"
        );
    }
    let items = report["runbook"]["steps"][3]["items"].as_array().unwrap();
    let part = items.iter().filter(|own| own["state"] == "to-do").count();
    assert!(part >= 2, "{items:?}");
    let commands = report["runbook"].to_string();
    assert!(
        !commands.contains("connguard apply"),
        "there is no audit repository: {commands}"
    );
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}
