//! `investigate` against a live organization: Graph's audit log, the message trace, hunting.

use crate::emulator::{Options, QueryEnd};
use crate::world::{RELAY, World, attack};
use serde_json::{Value, json};

/// Minutes before now, as the emulator reads times.
fn ago(hours: i64) -> String {
    format!("-{}m", hours * 60)
}

/// What an attacker leaves in the log.
fn record(operation: &str, hours: i64, parameters: Value) -> Value {
    json!({
        "CreationTime": ago(hours), "Id": format!("744ca318-ae02-4569-9e68-{:012}", hours), "Operation": operation, "RecordType": 1,
        "ResultStatus": "True", "UserType": 2, "UserKey": "1", "UserId": "alice@contoso.com", "ObjectId": "", "Workload": "Exchange",
        "ClientIP": "198.51.100.200:4711", "ExternalAccess": false, "Parameters": parameters,
    })
}

fn attacked(organization: &mut Value) {
    attack(organization);
    organization["audit_records"] = json!([record(
        "New-InboundConnector",
        20,
        json!([{ "Name": "Name", "Value": "Ran_xkqpd" }, { "Name": "ConnectorType", "Value": "OnPremises" }, { "Name": "SenderIPAddresses", "Value": "198.51.100.0/24" }])
    )]);
    let mut trace = Vec::new();
    for index in 0..12_000_i64 {
        let burst = index < 300;
        trace.push(json!({
            "MessageTraceId": format!("00000000-0000-0000-0000-{index:012}"), "Received": format!("-{}m", if burst { 600 + index / 30 } else { index * 3 }),
            "SenderAddress": "news@contoso.com", "RecipientAddress": format!("r{}@fabrikam.example", index % 400),
            "FromIP": if burst { "198.51.100.77" } else { "203.0.113.10" }, "Status": if burst && index % 2 == 0 { "FilteredAsSpam" } else { "Delivered" },
        }));
    }
    organization["message_trace"] = json!(trace);
}

fn run(world: &World, more: &[&str]) -> crate::harness::Run {
    // The emulator's clock is the machine's, so the run's is too.
    let pin = world.repo.pin();
    let mut arguments = vec![
        "investigate",
        "--tenant",
        "contoso",
        "--from",
        "live",
        "--rehearsal",
        "--format",
        "json",
        "--budget",
        "60s",
    ];
    arguments.extend(more);
    world.repo.run_with(
        &arguments,
        &[
            ("CONNGUARD_SECRET", crate::world::SECRET),
            ("CONNGUARD_ROOT", &pin),
        ],
    )
}

fn verdict_of(report: &Value, name: &str) -> String {
    let all = report["connectors"].as_array().unwrap();
    let own = all.iter().find(|own| own["connector"]["name"] == name);
    own.unwrap_or_else(|| panic!("{all:#?}"))["verdict"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn log_and_mail_are_read_over_all_pages() {
    let options = Options {
        audit_page_size: 1,
        ..Options::default()
    };
    let world = World::with(options, attacked);
    let run = run(&world, &["--days", "30"]);
    assert_eq!(run.code, 14, "{run:?}");
    let report = run.json();
    assert_eq!(verdict_of(&report, "Ran_xkqpd"), "compromised");
    let mail = &report["coverage"]["mail"];
    assert_eq!(
        mail["mails"], 12_000,
        "three answers of 5,000 rows, and the rows at their edges once: {mail}"
    );
    let changes = report["changes"].to_string();
    assert!(
        changes.contains("alice@contoso.com") && changes.contains("198.51.100.200"),
        "{changes}"
    );
}

#[test]
fn an_older_graph_is_asked_in_beta() {
    let options = Options {
        audit_v1_missing: true,
        ..Options::default()
    };
    let world = World::with(options, attacked);
    let report = run(&world, &[]).json();
    assert!(report["coverage"]["log"].is_object(), "{report}");
}

#[test]
fn a_log_that_cannot_be_read_is_missing_and_not_empty() {
    for options in [
        Options {
            audit_end: QueryEnd::Failed,
            ..Options::default()
        },
        Options {
            faults: vec!["audit-query=403-nul".parse().unwrap()],
            ..Options::default()
        },
    ] {
        let world = World::with(options, |_| ());
        let run = run(&world, &[]);
        assert_eq!(run.code, 3, "{run:?}");
        let report = run.json();
        assert_eq!(report["coverage"]["log"], Value::Null);
        assert!(run.stderr.contains("left out"), "{}", run.stderr);
    }
}

#[test]
fn hunting_counts_where_the_mail_is() {
    // The emulator knows no KQL: it has the answer ready, as of the machine's clock.
    let now = jiff::Timestamp::now().as_second() / 3600 * 3600;
    let answer = |connector: &str| -> Vec<Value> {
        let rows = (1..=20 * 24).map(|hour| {
            let burst = hour == 5;
            let (mails, filtered) = if burst { (600, 300) } else { (20, 0) };
            json!({
                "Hour": jiff::Timestamp::from_second(now - hour * 3600).unwrap().to_string(), "Connector": connector, "Mails": mails, "Fates": mails,
                "Filtered": filtered, "Senders": 20, "External": 20,
            })
        });
        rows.collect()
    };
    let world = World::with(Options::default(), |organization| {
        attack(organization);
        let all = organization["inbound_connectors"].as_array().unwrap();
        let relay = all
            .iter()
            .find(|own| own["ExchangeObjectId"] == RELAY)
            .unwrap();
        let rows = answer(relay["Name"].as_str().unwrap());
        organization["hunting_answers"] = json!([{ "contains": ["EmailEvents", "FirstContacts"], "answer": { "schema": [], "results": rows } }]);
    });
    let run = run(&world, &["--hunt"]);
    let asked = world
        .emulator
        .requests()
        .into_iter()
        .any(|seen| format!("{seen:?}").contains("hunting"));
    assert!(asked, "{run:?}");
    assert_eq!(run.code, 14, "{run:?}");
}
