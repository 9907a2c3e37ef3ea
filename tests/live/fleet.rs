//! Many tenants: one that fails is alone, parts are joined again, and a second run reads only what failed.

use crate::emulator::{Emulator, Options};
use crate::harness::{NOW, Repo, key};
use crate::world::{SECRET, organization};
use serde_json::{Value, json};

struct Fleet {
    emulator: Emulator,
    repo: Repo,
}

fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Tenants that nobody approved anything of: what is read of each is what is looked at.
fn fleet(size: usize, missing: &[usize]) -> Fleet {
    let mut options = Options::default();
    let mut config = "apiVersion: connguard/v1\nkind: Config\ntenants:\n".to_owned();
    for number in 0..size {
        let domain = format!("tenant{number}.onmicrosoft.com");
        if !missing.contains(&number) {
            let mut own = organization();
            own["organization"] = json!({ "tenant_id": id(number), "domain": domain });
            own["accepted_domains"] = json!([{ "DomainName": domain, "InitialDomain": true }]);
            for connector in own["inbound_connectors"].as_array_mut().unwrap() {
                connector["OrganizationalUnitRoot"] = json!(domain);
                connector["OrganizationalUnitRootInternal"] = json!(domain);
            }
            options.tenants.push(own);
        }
        config.push_str(&format!("  tenant{number}:\n    organization: {{ tenant_id: {}, domain: {domain} }}\n    source: {{ exchange: {{ client_id: 11111111-1111-4111-8111-111111111111, credential: {{ secret_env: CONNGUARD_SECRET }}, endpoints: {{ login: LOGIN, exchange: EXCHANGE }} }} }}\n", id(number)));
    }
    let emulator = Emulator::start(options).unwrap();
    let quoted = |address: String| format!("\"{address}\"");
    let repo = Repo::empty();
    repo.write(
        "connguard.yaml",
        config
            .replace("LOGIN", &quoted(emulator.login()))
            .replace("EXCHANGE", &quoted(emulator.exchange())),
    );
    Fleet { emulator, repo }
}

impl Fleet {
    fn run(&self, arguments: &[&str]) -> crate::harness::Run {
        let mut all = arguments.to_vec();
        if arguments.first() != Some(&"report") {
            all.extend(["--rehearsal", "--now", NOW]);
        }
        let key = key("ci");
        self.repo.run_with(
            &all,
            &[
                ("CONNGUARD_SECRET", SECRET),
                ("CONNGUARD_HISTORY_KEY", &key),
            ],
        )
    }
}

#[test]
fn one_that_fails_hides_none_of_the_others() {
    let fleet = fleet(12, &[5]);
    let run = fleet.run(&["check", "--format", "json"]);
    let json = run.json();
    let tenants = json["tenants"].as_array().unwrap();
    assert_eq!(tenants.len(), 12);
    for tenant in tenants {
        let failed = tenant["tenant"] == "tenant5";
        assert_eq!(
            !tenant["errors"].as_array().unwrap().is_empty(),
            failed,
            "{tenant}"
        );
        assert_eq!(tenant["snapshot"].is_null(), failed, "{tenant}");
    }
    assert!(json.to_string().contains("AADSTS90002"), "{json}");
}

#[test]
fn shards_are_joined_to_what_one_run_would_have_said() {
    let fleet = fleet(7, &[2]);
    let whole = fleet.run(&["check", "--format", "json"]);
    let mut files = Vec::new();
    for part in 1..=3 {
        let file = format!("part{part}.json");
        let (shard, report) = (format!("{part}/3"), format!("json={file}"));
        fleet.run(&["check", "--shard", &shard, "--report", &report]);
        files.push(file);
    }
    let mut arguments = vec!["report", "merge", "--format", "json"];
    arguments.extend(files.iter().map(String::as_str));
    let merged = fleet.run(&arguments);
    assert_eq!(merged.code, whole.code);
    let (merged, whole) = (merged.json(), whole.json());
    for key in ["verdict", "exit_code", "counts", "out_of_scope"] {
        assert_eq!(merged[key], whole[key], "{key}");
    }
    let names = |json: &Value| -> Vec<Value> {
        json["tenants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tenant| tenant["tenant"].clone())
            .collect()
    };
    assert_eq!(names(&merged), names(&whole));
    arguments.pop();
    fleet.run(&arguments).expect(3, &["3/3 is missing"]);
}

#[test]
fn a_second_run_reads_only_what_failed() {
    let fleet = fleet(6, &[]);
    fleet.repo.git(&["init", "-q"]);
    fleet
        .emulator
        .add_fault("Get-InboundConnector:3=400-json".parse().unwrap());
    let first = fleet.run(&["snapshot", "--jobs", "1"]);
    assert_eq!(first.code, 1, "{first:?}");
    fleet.emulator.clear();
    fleet
        .run(&["snapshot", "--within", "6h"])
        .expect(0, &["5 of 6 tenants are left out"]);
    let read = fleet
        .emulator
        .requests()
        .iter()
        .filter(|seen| seen.cmdlet.as_deref() == Some("Get-InboundConnector"))
        .count();
    assert_eq!(read, 1);
    fleet.emulator.clear();
    fleet
        .run(&["snapshot", "--within", "6h"])
        .expect(0, &["6 of 6"]);
    assert!(fleet.emulator.requests().is_empty());
}
