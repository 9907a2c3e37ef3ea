//! The normal forms and drift against models simple enough to be right.

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
use connguard::connector::address::AddressSet;
use connguard::connector::domain::{Domain, DomainPattern, DomainSet};
use connguard::connector::property::Property;
use connguard::connector::value::{Raw, Value};
use connguard::digest::Digest;
use connguard::drift::drift;
use connguard::finding::Direction;
use connguard::source::export;
use connguard::trust::Trust;
use proptest::prelude::*;
use serde_json::json;
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The model of a set: its addresses one by one, within 192.0.2.0/24 and 2001:db8::/120.
type Model = BTreeSet<IpAddr>;

fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn v6(last: u8) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()))
}

/// An entry as somebody may write it, with the addresses it stands for.
fn entry() -> impl Strategy<Value = (String, Model)> {
    let single = any::<u8>().prop_map(|last| (v4(last).to_string(), Model::from([v4(last)])));
    let mapped =
        any::<u8>().prop_map(|last| (format!("::ffff:{}", v4(last)), Model::from([v4(last)])));
    let block = (any::<u8>(), 24u8..=32).prop_map(|(last, length)| {
        let size = 1u32 << (32 - length);
        let start = u32::from(last) / size * size;
        let model = (start..start + size)
            .map(|last| v4(u8::try_from(last).unwrap()))
            .collect();
        (format!("{}/{length}", v4(last)), model)
    });
    let range = (any::<u8>(), any::<u8>()).prop_map(|(one, two)| {
        let (low, high) = (one.min(two), one.max(two));
        (
            format!(" {}-{} ", v4(low), v4(high)),
            (low..=high).map(v4).collect(),
        )
    });
    let six = (any::<u8>(), 120u8..=128).prop_map(|(last, length)| {
        let size = 1u32 << (128 - length);
        let start = u32::from(last) / size * size;
        let model = (start..start + size)
            .map(|last| v6(u8::try_from(last).unwrap()))
            .collect();
        (format!("{}/{length}", v6(last)), model)
    });
    prop_oneof![single, mapped, block, range, six]
}

fn set() -> impl Strategy<Value = (AddressSet, Model)> {
    prop::collection::vec(entry(), 0..6).prop_map(|entries| {
        let set = AddressSet::from_entries(entries.iter().map(|(text, _)| text.as_str()));
        (
            set,
            entries.into_iter().flat_map(|(_, model)| model).collect(),
        )
    })
}

fn agree(set: &AddressSet, model: &Model) {
    let all = (0..=255u8).flat_map(|last| [v4(last), v6(last)]);
    for address in all {
        assert_eq!(set.contains(address), model.contains(&address), "{address}");
    }
    assert_eq!(set.count(), model.len() as u128);
    assert_eq!(set.is_empty(), model.is_empty());
}

proptest! {
    #[test]
    fn address_sets_agree_with_single_addresses((one, model_one) in set(), (two, model_two) in set()) {
        agree(&one, &model_one);
        agree(&one.union(&two), &(&model_one | &model_two));
        agree(&one.difference(&two), &(&model_one - &model_two));
        agree(&one.intersection(&two), &(&model_one & &model_two));
        prop_assert_eq!(one.overlaps(&two), !model_one.is_disjoint(&model_two));
        prop_assert_eq!(one.difference(&two).is_empty(), model_one.is_subset(&model_two));
        prop_assert_eq!(one == two, model_one == model_two);
        // Writing a set as blocks, or by its entries, and reading it again is the same set.
        let blocks = one.blocks();
        prop_assert_eq!(&AddressSet::parse(blocks.iter().map(String::as_str)).unwrap(), &one);
        prop_assert_eq!(&AddressSet::parse(one.entries()).unwrap(), &one);
    }

    #[test]
    fn what_is_no_address_is_kept_and_never_admits(text in "\\PC{0,12}") {
        let set = AddressSet::from_entries([text.as_str()]);
        let well_formed = AddressSet::parse([text.as_str()]).is_ok();
        prop_assert_eq!(set.malformed().count() == 0, well_formed);
        prop_assert!(!set.is_empty());
        if !well_formed {
            prop_assert_eq!(set.count(), 0);
            prop_assert!(!set.difference(&AddressSet::parse(["0.0.0.0/0", "::/0"]).unwrap()).is_empty());
        }
    }
}

/// Names of a small world, so that patterns meet.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof!["a", "b"], 1..4)
        .prop_map(|labels| format!("{}.com", labels.join(".")))
}

fn pattern() -> impl Strategy<Value = DomainPattern> {
    prop_oneof![
        1 => Just("*".to_owned()),
        4 => name(),
        4 => name().prop_map(|name| format!("*.{name}")),
    ]
    .prop_map(|text| DomainPattern::parse(&text).unwrap())
}

/// Whether a pattern stands for a name, in the plainest words.
fn matches(pattern: &DomainPattern, name: &str) -> bool {
    let text = pattern.to_string();
    match text.strip_prefix("*.") {
        _ if text == "*" => true,
        Some(top) => name == top || name.ends_with(&format!(".{top}")),
        None => name == text,
    }
}

/// Every name of the small world, two labels deeper than the patterns go.
fn world() -> Vec<String> {
    let mut names = vec!["com".to_owned(), "other.net".to_owned()];
    let mut level = vec!["com".to_owned()];
    for _ in 0..5 {
        level = level
            .iter()
            .flat_map(|name| ["a", "b", "c"].map(|label| format!("{label}.{name}")))
            .collect();
        names.extend(level.iter().cloned());
    }
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn domain_sets_agree_with_single_names(one in prop::collection::vec(pattern(), 0..4), two in prop::collection::vec(pattern(), 0..4)) {
        let read = |patterns: &[DomainPattern]| {
            let texts: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            DomainSet::from_entries(texts.iter().map(String::as_str))
        };
        let (set_one, set_two) = (read(&one), read(&two));
        let lost: Vec<DomainPattern> = set_one.difference(&set_two).iter().map(|text| DomainPattern::parse(text).unwrap()).collect();
        for name in world() {
            let in_one = one.iter().any(|pattern| matches(pattern, &name));
            let in_two = two.iter().any(|pattern| matches(pattern, &name));
            // What one has and two lacks is within the difference; nothing of the difference is outside one.
            let in_lost = lost.iter().any(|pattern| matches(pattern, &name));
            prop_assert!(!in_one || in_two || in_lost, "{}", name);
            prop_assert!(!in_lost || in_one, "{}", name);
        }
        // A pattern is only called lost when some name of it really is.
        for pattern in &lost {
            prop_assert!(world().iter().any(|name| matches(pattern, name) && !two.iter().any(|other| matches(other, name))), "{}", pattern);
        }
    }

    #[test]
    fn domain_names_have_one_form(text in "\\PC{0,20}") {
        if let Some(domain) = Domain::parse(&text) {
            prop_assert_eq!(Domain::parse(domain.as_str()), Some(domain.clone()));
            prop_assert_eq!(Domain::parse(&format!("{domain}.")), Some(domain.clone()));
            prop_assert_eq!(Domain::parse(&domain.as_str().to_uppercase()), Some(domain));
        }
    }

    #[test]
    fn normal_forms_are_idempotent_and_blind_to_order(index in 0..Property::settings().count(), mut items in prop::collection::vec("[a-zA-Z0-9.*:/;\\\\ \u{a0}ΛΣςİßſＡ。-]{0,14}", 0..5)) {
        let property = Property::settings().nth(index).unwrap();
        let read = |items: &[String]| Value::read(property, &Raw::List(items.iter().cloned().map(Raw::Text).collect()));
        let first = read(&items);
        items.reverse();
        let second = read(&items);
        match (first, second) {
            (Ok(Some(first)), Ok(Some(second))) => {
                prop_assert_eq!(&first, &second);
                prop_assert_eq!(first.to_json(), second.to_json());
                let again: Vec<String> = first.elements();
                prop_assert_eq!(read(&again).unwrap().unwrap(), first);
            }
            (first, second) => prop_assert_eq!(first.is_err(), second.is_err()),
        }
    }
}

/// Random settings of one connector, as the service would write them.
fn settings() -> impl Strategy<Value = serde_json::Value> {
    let booleans = prop::collection::vec(any::<bool>(), 10);
    let addresses = prop::collection::vec(
        (any::<u8>(), 24u8..=32).prop_map(|(last, length)| format!("203.0.113.{last}/{length}")),
        0..4,
    );
    let domains = prop::collection::vec(name(), 1..4);
    let certificate = prop::option::of(name());
    let on_premises = any::<bool>();
    (booleans, addresses, domains, certificate, on_premises).prop_map(
        |(booleans, addresses, domains, certificate, on_premises)| {
            let mut flags = booleans.into_iter();
            let mut settings = serde_json::Map::new();
            for property in Property::settings() {
                let value = match property {
                    Property::ConnectorType => {
                        json!(if on_premises { "OnPremises" } else { "Partner" })
                    }
                    Property::ConnectorSource => json!("Default"),
                    Property::SenderIPAddresses => json!(addresses),
                    Property::SenderDomains => json!(domains),
                    Property::TlsSenderCertificateName => json!(certificate),
                    _ if property.kind().must_be_present() => json!(flags.next().unwrap_or(false)),
                    _ if property.kind().is_list() => json!([]),
                    _ => json!(""),
                };
                settings.insert(property.name().to_owned(), value);
            }
            serde_json::Value::Object(settings)
        },
    )
}

/// A repository in which these settings are approved, and the trust to open it.
fn approve(folder: &Path, settings: &serde_json::Value) -> (Trust, Baseline) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let document = json!({
        "apiVersion": "connguard/v1", "kind": "Baseline", "tenant": "contoso",
        "organization": { "tenant_id": "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01", "domain": "contoso.onmicrosoft.com" },
        "version": 1, "issued": "2026-11-18T09:00:00Z", "expires": "2099-12-31T00:00:00Z",
        "connectors": [{ "name": "a", "id": "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01", "owner": "o", "reason": "r", "settings": settings }],
    })
    .to_string();
    fs::create_dir_all(folder.join("baselines/contoso.sigs")).unwrap();
    fs::write(folder.join("baselines/contoso.yaml"), &document).unwrap();
    for person in ["alice", "bob"] {
        let key = PrivateKey::read_openssh_file(project.join("tests/keys").join(person)).unwrap();
        let signature = key
            .sign("connguard-baseline", HashAlg::Sha512, document.as_bytes())
            .unwrap();
        fs::write(
            folder.join(format!("baselines/contoso.sigs/{person}.sig")),
            signature.to_pem(LineEnding::LF).unwrap(),
        )
        .unwrap();
    }
    let trust = Trust::open(project, connguard::trust::Known::default(), now).unwrap();
    let baseline = Baseline::open(folder, "contoso", &trust).unwrap();
    assert_eq!(baseline.digest, Digest::of(document.as_bytes()));
    (trust, baseline)
}

fn snapshot(settings: &serde_json::Value) -> connguard::snapshot::Snapshot {
    let mut record = settings.clone();
    record["Name"] = json!("a");
    record["ExchangeObjectId"] = json!("0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01");
    export::read("x.json", json!([record]).to_string().as_bytes())
        .unwrap()
        .whole()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn drift_of_a_connector_from_itself_is_empty_and_from_another_names_what_differs(one in settings(), two in settings()) {
        let folder = tempfile::tempdir().unwrap();
        let (_, baseline) = approve(folder.path(), &one);
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let nothing = Default::default();
        let same = snapshot(&one);
        let against_itself = drift(&baseline, &same, &nothing, now);
        prop_assert!(against_itself.differences.is_empty(), "{:?}", against_itself.differences);
        prop_assert!(against_itself.not_compared.is_empty());

        let other = snapshot(&two);
        let found: BTreeSet<Property> = drift(&baseline, &other, &nothing, now)
            .differences
            .iter()
            .filter_map(|difference| match difference {
                connguard::drift::Difference::Setting(_, _, change) => Some(change.property),
                _ => None,
            })
            .collect();
        let expected: BTreeSet<Property> = Property::settings().filter(|property| same.records[0].connector.setting(*property) != other.records[0].connector.setting(*property)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn on_a_relay_more_addresses_widen_and_fewer_narrow(one in settings(), extra in any::<u8>()) {
        let mut one = one;
        one["ConnectorType"] = json!("OnPremises");
        one["SenderIPAddresses"] = json!([format!("203.0.113.{extra}")]);
        let mut more = one.clone();
        more["SenderIPAddresses"] = json!([format!("203.0.113.{extra}"), "198.51.100.0/24"]);
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        for (approved, observed, direction, count) in [(&one, &more, Direction::Widens, 256), (&more, &one, Direction::Narrows, 0)] {
            let folder = tempfile::tempdir().unwrap();
            let (_, baseline) = approve(folder.path(), approved);
            let snapshot = snapshot(observed);
            let drift = drift(&baseline, &snapshot, &Default::default(), now);
            let [connguard::drift::Difference::Setting(_, _, change)] = drift.differences.as_slice() else { panic!("{drift:?}") };
            prop_assert_eq!(change.direction, direction);
            prop_assert_eq!(change.count, Some(count));
        }
    }
}

/// A snapshot of several connectors, each with its own id.
fn several(connectors: &[(u8, String, serde_json::Value)]) -> connguard::snapshot::Snapshot {
    let rows: Vec<serde_json::Value> = connectors
        .iter()
        .map(|(id, name, settings)| {
            let mut row = settings.clone();
            row["Name"] = json!(name);
            row["Comment"] = json!(format!("{name}\n# {id}"));
            row["ExchangeObjectId"] = json!(format!("0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b{id:02x}"));
            row
        })
        .collect();
    let export = json!({
        "connguard": "export/v1", "taken_at": "2026-11-21T11:00:00Z",
        "organization": { "tenant_id": "3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01", "domain": "contoso.onmicrosoft.com" },
        "complete": { "inbound_connectors": true, "accepted_domains": true },
        "inbound_connectors": rows, "accepted_domains": [{ "DomainName": "contoso.com" }],
    });
    export::read("x.json", export.to_string().as_bytes())
        .unwrap()
        .whole()
        .unwrap()
}

/// Connectors with names as an attacker may write them, ids and names distinct.
fn connectors() -> impl Strategy<Value = Vec<(u8, String, serde_json::Value)>> {
    prop::collection::btree_map(0u8..6, ("\\PC{0,12}|[ -~]{1,12}|.{1,8}", settings()), 1..5)
        .prop_map(|map| {
            map.into_iter()
                .map(|(id, (name, settings))| (id, format!("{id} {name}"), settings))
                .collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_proposal_approves_exactly_what_is_there_and_keeps_comments(one in connectors(), two in connectors()) {
        use connguard::proposal::{Next, baseline::{Request, propose}};
        let organization = connguard::snapshot::Organization {
            tenant_id: Some("3b1e6f0a-5c0d-4d7e-9a51-0c7d1f2a4b01".to_owned()),
            domain: Some("contoso.onmicrosoft.com".to_owned()),
        };
        let next = |version: u64| Next {
            version,
            previous: (version > 1).then(|| Digest::of(b"before")),
            issued: "2026-11-21T12:00:00Z".parse().unwrap(),
            expires: "2027-05-21T12:00:00Z".parse().unwrap(),
        };
        let write = |list: &[(u8, String, serde_json::Value)], existing: Option<&str>, version: u64| {
            let snapshot = several(list);
            propose(&Request {
                path: "baselines/contoso.yaml",
                tenant: "contoso",
                organization: &organization,
                snapshot: &snapshot,
                existing,
                next: next(version),
                owner: Some("o"),
                reason: Some("r"),
                rules: None,
                lists_in_use: true,
                lists: None,
                accept_until: "2027-01-21T12:00:00Z".parse().unwrap(),
            })
        };
        // That the text approves exactly the snapshot is checked by the proposal itself, which fails otherwise.
        let first = write(&one, None, 1).unwrap();
        prop_assert!(first.missing.is_empty());
        let commented: String = first.text.lines().enumerate().map(|(number, line)| {
            let indent = " ".repeat(line.len() - line.trim_start().len());
            format!("{indent}# note {number}\n{line}\n")
        }).collect();
        let second = write(&two, Some(&commented), 2).unwrap();
        prop_assert!(second.missing.is_empty());
        let kept = |text: &str| text.lines().filter(|line| line.trim_start().starts_with("# note")).count();
        // A connector that is gone takes its own comments with it, and nobody else's.
        let gone: usize = one.iter().filter(|(id, ..)| !two.iter().any(|(other, ..)| other == id)).count();
        if gone == 0 {
            prop_assert_eq!(kept(&second.text), kept(&commented));
        }
        // Proposing the same again changes nothing.
        let again = write(&two, Some(&second.text), 2).unwrap();
        prop_assert_eq!(again.text, second.text);
    }
}

/// A document as another reader of YAML reads it, under the same strictness.
fn by_another_reader(text: &str) -> Option<serde_json::Value> {
    let options = serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        merge_keys: serde_yaml::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_yaml::budget! { max_nodes: 250_000, max_depth: 32, max_aliases: 100, max_anchors: 100 },
    };
    serde_yaml::from_str_with_options(text, options).ok()
}

fn by_ours(text: &str) -> Option<serde_json::Value> {
    use connguard::document::yaml::Content;
    use connguard::document::{Node, Source};
    fn value(node: &Node, text: &str) -> serde_json::Value {
        assert!(node.span.start <= node.span.end && node.span.end <= text.len());
        assert!(text.is_char_boundary(node.span.start) && text.is_char_boundary(node.span.end));
        match &node.content {
            Content::Null => serde_json::Value::Null,
            Content::Boolean(value) => json!(value),
            Content::Integer(number) => i64::try_from(*number)
                .map_or_else(|_| json!(*number as f64), |number| json!(number)),
            Content::Float(number) => json!(number),
            Content::Text(text) => json!(text),
            Content::List(items) => items.iter().map(|item| value(item, text)).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.name.clone(), value(node, text)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
    let node = Node::parse(Source { path: "x", text }).ok()?;
    Some(value(&node, text))
}

/// Numbers may be whole to one reader and not to the other, and are the same number.
fn alike(one: &serde_json::Value, two: &serde_json::Value) -> bool {
    use serde_json::Value as V;
    match (one, two) {
        (V::Number(one), V::Number(two)) => one.as_f64() == two.as_f64(),
        (V::Array(one), V::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| alike(one, two))
        }
        (V::Object(one), V::Object(two)) => {
            one.len() == two.len()
                && one
                    .iter()
                    .all(|(key, value)| two.get(key).is_some_and(|other| alike(value, other)))
        }
        (V::String(ours), V::Number(_)) => beyond_the_core_schema(ours),
        (one, two) => one == two,
    }
}

/// Whole numbers as YAML 1.1 and Rust write them, which are texts in YAML 1.2's core schema.
fn beyond_the_core_schema(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    ["0b", "0x", "0o"]
        .iter()
        .any(|prefix| unsigned.starts_with(prefix))
        && !(text.starts_with("0x") || text.starts_with("0o"))
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        "\\PC{0,8}|yes|no|on|0[0-9]{1,3}|1_0|[-+.0-9eExo]{1,5}|~|null|true"
            .prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn our_reading_of_yaml_is_that_of_another_reader(text in "([ \\-?:,\\[\\]{}#&*|>'\"%@`a-z0-9.~\\n]|: |\\n- |\\n  |k: ){0,24}") {
        match (by_ours(&text), by_another_reader(&text)) {
            (Some(ours), Some(other)) => prop_assert!(alike(&ours, &other), "{text:?}\n{ours}\n{other}"),
            // We take less, never more: neither tags nor two keys of one spelling.
            (Some(ours), None) => prop_assert!(false, "{text:?} is refused elsewhere, and ours says {ours}"),
            _ => {}
        }
    }

    #[test]
    fn plain_scalars_mean_what_they_mean_to_another_reader(scalar in "[-+.0-9eExXobBa-fA-F_:~]{1,8}|[nN][uU][lL]{2}|[tT]rue|FALSE|\\.inf|[yY]es|off") {
        let text = format!("k: {scalar}\n");
        match (by_ours(&text), by_another_reader(&text)) {
            (Some(ours), Some(other)) => prop_assert!(alike(&ours, &other), "{text:?}\n{ours}\n{other}"),
            (ours, other) => prop_assert_eq!(ours.is_some(), other.is_some(), "{:?}", text),
        }
    }

    #[test]
    fn what_another_program_writes_is_read_back(tree in tree()) {
        let text = serde_yaml::to_string(&tree).unwrap();
        let read = by_ours(&text);
        prop_assert!(read.as_ref().is_some_and(|read| alike(read, &tree)), "{text}\n{read:?}");
    }
}

#[test]
fn the_projects_own_documents_are_read_as_by_another_reader() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in [".", "trust", "policies", "baselines"] {
        for entry in fs::read_dir(project.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let text = fs::read_to_string(&path).unwrap();
                let (ours, other) = (by_ours(&text).unwrap(), by_another_reader(&text).unwrap());
                assert!(alike(&ours, &other), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
}
