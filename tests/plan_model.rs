//! Plans against the plainest model there is: carry the steps out on values, and look.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test that panics has failed"
)]

use connguard::baseline::Baseline;
use connguard::connector::Connector;
use connguard::connector::property::Property;
use connguard::digest::Digest;
use connguard::plan::{Action, Plan, Purpose, Request, apply, differs, inverse, make, wire};
use connguard::policy::settings::PlanLimits;
use connguard::report::plan::{PlanFormat, render};
use connguard::snapshot::Snapshot;
use connguard::source::export;
use connguard::trust::{Known, Trust};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// A connector of a small world: ids and names meet often.
#[derive(Clone, Debug)]
struct Own {
    id: u8,
    name: String,
    settings: Json,
}

/// Settings, few enough values of each that two connectors often agree.
fn settings() -> impl Strategy<Value = Json> {
    let flags = prop::collection::vec(any::<bool>(), 10);
    let addresses =
        prop::sample::subsequence(vec!["203.0.113.1", "203.0.113.0/28", "198.51.100.7"], 0..3);
    let domains =
        prop::sample::subsequence(vec!["smtp:*;1", "smtp:contoso.com;5", "a.example"], 0..3);
    let certificate = prop::option::of(prop::sample::select(vec![
        "mail.contoso.com",
        "*.contoso.com",
    ]));
    let words = (
        any::<bool>(),
        prop::sample::select(vec!["Default", "AdminUI", "HybridWizard"]),
    );
    let rest = (
        prop::sample::select(vec!["", "CHG-1", "it's \u{2019} $(x) ` # \u{0430}"]),
        prop::sample::select(vec![vec![], vec!["host.example"]]),
    );
    (flags, addresses, domains, certificate, words, rest).prop_map(
        |(flags, addresses, domains, certificate, (on_premises, source), (comment, hosts))| {
            let mut flags = flags.into_iter();
            let mut all = serde_json::Map::new();
            for property in Property::settings() {
                let value = match property {
                    Property::ConnectorType => {
                        json!(if on_premises { "OnPremises" } else { "Partner" })
                    }
                    Property::ConnectorSource => json!(source),
                    Property::SenderIPAddresses => json!(addresses),
                    Property::SenderDomains => json!(domains),
                    Property::TlsSenderCertificateName => json!(certificate),
                    Property::ClientHostNames => json!(hosts),
                    Property::Comment => json!(comment),
                    _ if property.kind().must_be_present() => json!(flags.next().unwrap_or(false)),
                    _ if property.kind().is_list() => json!([]),
                    _ => json!(""),
                };
                all.insert(property.name().to_owned(), value);
            }
            Json::Object(all)
        },
    )
}

/// Connectors with distinct ids and distinct names.
fn connectors() -> impl Strategy<Value = Vec<Own>> {
    let names = prop::sample::subsequence(vec!["A", "B", "C", "\u{0410}'\u{2019}$(x)\n"], 0..=4)
        .prop_shuffle();
    (
        names,
        prop::collection::vec(settings(), 4),
        prop::sample::subsequence(vec![1u8, 2, 3, 4, 5], 4).prop_shuffle(),
    )
        .prop_map(|(names, settings, ids)| {
            names
                .into_iter()
                .zip(settings)
                .zip(ids)
                .map(|((name, settings), id)| Own {
                    id,
                    name: name.to_owned(),
                    settings,
                })
                .collect()
        })
}

fn id(number: u8) -> String {
    format!("0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b{number:02x}")
}

/// The example's root, opened once: it is no part of what is tried.
static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    Trust::open(project, Known::default(), now).unwrap()
});

fn approve(folder: &Path, connectors: &[Own]) -> Baseline {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed: Vec<Json> = connectors
        .iter()
        .map(|own| json!({ "name": own.name, "id": id(own.id), "owner": "o", "reason": "r", "settings": own.settings }))
        .collect();
    let document = json!({
        "apiVersion": "connguard/v1", "kind": "Baseline", "tenant": "contoso",
        "organization": { "tenant_id": "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01", "domain": "contoso.onmicrosoft.com" },
        "version": 1, "issued": "2026-11-18T09:00:00Z", "expires": "2099-12-31T00:00:00Z",
        "connectors": listed,
    })
    .to_string();
    fs::create_dir_all(folder.join("baselines/contoso.sigs")).unwrap();
    fs::write(folder.join("baselines/contoso.yaml"), &document).unwrap();
    for person in ["alice", "bob"] {
        let key = PrivateKey::read_openssh_file(project.join("tests/keys").join(person)).unwrap();
        let signature = key
            .sign("connguard-baseline", HashAlg::Sha512, document.as_bytes())
            .unwrap();
        let path = folder.join(format!("baselines/contoso.sigs/{person}.sig"));
        fs::write(path, signature.to_pem(LineEnding::LF).unwrap()).unwrap();
    }
    Baseline::open(folder, "contoso", &TRUST).unwrap()
}

fn observe(connectors: &[Own], blocked_read: bool) -> Snapshot {
    let rows: Vec<Json> = connectors
        .iter()
        .map(|own| {
            let mut row = own.settings.clone();
            row["Name"] = json!(own.name);
            row["ExchangeObjectId"] = json!(id(own.id));
            row["Guid"] = json!(id(own.id));
            row
        })
        .collect();
    let export = json!({
        "connguard": "export/v1", "taken_at": "2026-11-21T11:00:00Z",
        "organization": { "tenant_id": "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01", "domain": "contoso.onmicrosoft.com" },
        "complete": { "inbound_connectors": true, "accepted_domains": true, "blocked_connectors": blocked_read },
        "inbound_connectors": rows, "accepted_domains": [{ "DomainName": "contoso.com" }], "blocked_connectors": [],
    });
    export::read("x.json", export.to_string().as_bytes())
        .unwrap()
        .whole()
        .unwrap()
}

fn plan(baseline: &Baseline, snapshot: &Snapshot, purpose: Purpose) -> Plan {
    make(&Request {
        purpose,
        tenant: "contoso",
        baseline,
        snapshot,
        findings: &[],
        key: "k",
        may_be_absent: &BTreeMap::new(),
        root: Digest::of(b"root"),
        limits: PlanLimits::default(),
        warnings: Vec::new(),
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
    })
    .unwrap()
}

fn values(snapshot: &Snapshot) -> Vec<Connector> {
    snapshot.connectors().cloned().collect()
}

/// Whether the connectors are just those that were approved. One that was made anew has no id yet.
fn are_approved(after: &[Connector], approved: &[Own]) -> Result<(), String> {
    if after.len() != approved.len() {
        return Err(format!(
            "{} connectors instead of {}",
            after.len(),
            approved.len()
        ));
    }
    let wanted = observe(approved, false);
    for own in wanted.connectors() {
        let found = after.iter().find(|other| {
            other.has_id(own.id().unwrap()) || (other.id().is_none() && other.name == own.name)
        });
        let Some(found) = found else {
            return Err(format!("{:?} is missing", own.name));
        };
        let difference = differs(found, own);
        if !difference.is_empty() {
            return Err(format!("{:?} differs in {difference:?}", own.name));
        }
    }
    Ok(())
}

fn parses_as_powershell(script: &str) {
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .unwrap();
    let tree = parser.parse(script, None).unwrap();
    assert!(
        !tree.root_node().has_error(),
        "{}\n{script}",
        tree.root_node().to_sexp()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_plan_leads_to_what_was_approved_and_touches_nothing_else(approved in connectors(), there in connectors(), blocked_read in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let baseline = approve(folder.path(), &approved);
        let snapshot = observe(&there, blocked_read);
        let plan = plan(&baseline, &snapshot, Purpose::Revert);
        let mut after = values(&snapshot);
        apply(&plan, &mut after);
        if let Err(reason) = are_approved(&after, &approved) {
            return Err(TestCaseError::fail(format!("{reason}\n{plan:#?}")));
        }
        // A connector that is as approved is in no step.
        for own in &approved {
            let same = there.iter().any(|other| other.id == own.id && other.name == own.name && other.settings == own.settings);
            let touched = plan.steps.iter().any(|step| step.connector.as_ref().is_some_and(|subject| subject.id == Some(id(own.id))));
            prop_assert!(!(same && touched), "{:?}\n{:#?}", own, plan);
        }
        // Without evidence that Microsoft holds nothing back no step but a manual one switches a relay on.
        if !blocked_read {
            for step in plan.steps.iter().filter(|step| step.action != Action::Manual) {
                let on = step.after(Property::Enabled).is_some_and(|value| *value == connguard::connector::value::Value::Boolean(true));
                let subject = step.connector.as_ref().unwrap();
                let own = approved.iter().find(|own| Some(id(own.id)) == subject.id || (subject.id.is_none() && own.name == subject.name));
                let partner = own.is_some_and(|own| own.settings["ConnectorType"] == "Partner");
                prop_assert!(!on || partner, "{:#?}", step);
            }
        }
        // Nothing is removed before all else is done, and nothing removed that is still on.
        let first_removal = plan.steps.iter().position(|step| step.action == Action::Remove).unwrap_or(plan.steps.len());
        prop_assert!(plan.steps[first_removal..].iter().all(|step| step.action == Action::Remove));
        let removed: Vec<_> = plan.steps[first_removal..].iter().map(|step| step.connector.clone().unwrap()).collect();
        for step in &plan.steps {
            if removed.contains(step.connector.as_ref().unwrap()) {
                prop_assert!(matches!(step.action, Action::Disable | Action::Rename | Action::Remove), "{:#?}", step);
            }
        }
    }

    #[test]
    fn the_plan_of_an_equal_pair_is_empty(approved in connectors()) {
        let folder = tempfile::tempdir().unwrap();
        let baseline = approve(folder.path(), &approved);
        let mut there = approved.clone();
        there.reverse();
        let plan = plan(&baseline, &observe(&there, false), Purpose::Revert);
        prop_assert!(plan.steps.is_empty(), "{:#?}", plan);
    }

    #[test]
    fn what_can_be_undone_is_undone_by_the_inverse(approved in connectors(), there in connectors(), contain in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let baseline = approve(folder.path(), &approved);
        let snapshot = observe(&there, true);
        let purpose = if contain { Purpose::Contain } else { Purpose::Revert };
        let mut plan = plan(&baseline, &snapshot, purpose);
        plan.steps.retain(|step| step.reversible);
        let before = values(&snapshot);
        let mut after = before.clone();
        apply(&plan, &mut after);
        let undone = inverse(&plan);
        prop_assert_eq!(undone.inverse_of, Some(plan.digest()));
        apply(&undone, &mut after);
        prop_assert_eq!(after.len(), before.len(), "{:#?}\n{:#?}", plan, undone);
        for own in &before {
            let same = after.iter().find(|other| other.has_id(own.id().unwrap())).unwrap();
            prop_assert!(differs(own, same).is_empty(), "{:?}\n{:#?}\n{:#?}", differs(own, same), plan, undone);
        }
    }

    #[test]
    fn containing_only_narrows_and_is_part_of_the_revert(approved in connectors(), there in connectors()) {
        let folder = tempfile::tempdir().unwrap();
        let baseline = approve(folder.path(), &approved);
        let snapshot = observe(&there, true);
        let contain = plan(&baseline, &snapshot, Purpose::Contain);
        for step in &contain.steps {
            prop_assert!(matches!(step.action, Action::Disable | Action::Set), "{:#?}", step);
            prop_assert!(step.reversible);
            prop_assert_ne!(step.direction, connguard::finding::Direction::Widens, "{:#?}", step);
        }
    }

    #[test]
    fn every_view_holds_the_plan_and_no_code_of_the_tenant(approved in connectors(), there in connectors()) {
        let folder = tempfile::tempdir().unwrap();
        let baseline = approve(folder.path(), &approved);
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let plan = plan(&baseline, &observe(&there, false), Purpose::Revert);
        let undone = inverse(&plan);
        for plan in [&plan, &undone] {
            let json = render(&[plan], PlanFormat::Json, now);
            prop_assert_eq!(&wire::read(&json).unwrap(), plan);
            let changed = json.replacen("true", "false", 1);
            if changed != json {
                prop_assert!(wire::read(&changed).is_err());
            }
            let script = render(&[plan], PlanFormat::Powershell, now);
            prop_assert!(script.is_ascii());
            parses_as_powershell(&script);
            let human = render(&[plan], PlanFormat::Human, now);
            let markdown = render(&[plan], PlanFormat::Markdown, now);
            for step in plan.steps.iter().filter_map(|step| step.connector.as_ref()?.id.clone()) {
                for view in [&script, &human, &markdown] {
                    prop_assert!(view.contains(&step));
                }
            }
        }
    }
}
