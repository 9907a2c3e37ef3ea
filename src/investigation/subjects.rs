//! The connectors that an investigation is about: of every state, of the baseline, and those that only records name.

use super::actor::Triage;
use super::attribution::state::State;
use super::attribution::{Attribution, Change, ChangeKind};
use super::{Authority, DriftWords, Examined, Question};
use crate::baseline::Baseline;
use crate::caseless;
use crate::connector::Connector;
use crate::connector::address::AddressSet;
use crate::connector::certificate::CertificateName;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::evidence::traffic::{Approved, Route, Routes};
use crate::finding::{Direction, Subject};
use crate::snapshot::{AcceptedDomain, Part, Snapshot};

/// Everything that is known of one connector while routes are made.
struct Gathered {
    route: Route,
    /// Whether a state, or the baseline, had it before anything else.
    first_seen: Option<usize>,
}

/// The connectors of all states, records and the baseline, as mail is tied to them.
pub fn routes(
    states: &[State<'_>],
    parts: &[&Snapshot],
    baseline: Option<&Baseline>,
    attribution: &Attribution,
) -> Routes {
    let mut all: Vec<Gathered> = Vec::new();
    for (index, state) in states.iter().enumerate() {
        for connector in state.snapshot.connectors() {
            gather(&mut all, connector, index);
        }
    }
    if let Some(baseline) = baseline {
        approve(&mut all, baseline);
    }
    for change in &attribution.changes {
        claim(&mut all, change);
    }
    let mut routes: Vec<Route> = all.into_iter().map(|own| own.route).collect();
    routes.sort_by_cached_key(|route| {
        (
            caseless::lower(&route.connector.name),
            route.connector.id.clone(),
        )
    });
    Routes {
        routes,
        domains: domains(states, parts, baseline),
    }
}

fn gather(all: &mut Vec<Gathered>, connector: &Connector, state: usize) {
    let subject = connector.subject();
    let addresses = connector.addresses(Property::SenderIPAddresses);
    let on_premises = connector.connector_type() != Some(ConnectorType::Partner);
    let name = caseless::lower(&connector.name);
    let known = all
        .iter_mut()
        .find(|own| own.route.connector.key() == subject.key());
    match known {
        Some(own) => {
            own.route.addresses = own.route.addresses.union(addresses);
            own.route.on_premises |= on_premises;
            own.route.connector = subject;
            if !own.route.names.contains(&name) {
                own.route.names.push(name);
            }
        }
        None => all.push(Gathered {
            first_seen: Some(state),
            route: Route {
                connector: subject,
                names: vec![name],
                addresses: addresses.clone(),
                // What was there first nobody signed; it is what later changes are held against.
                approved: if state == 0 {
                    approved(addresses)
                } else {
                    Approved::Unknown
                },
                on_premises,
            },
        }),
    }
}

fn approved(addresses: &AddressSet) -> Approved {
    if addresses.is_empty() {
        Approved::Unknown
    } else {
        Approved::These(addresses.clone())
    }
}

fn approve(all: &mut Vec<Gathered>, baseline: &Baseline) {
    for own in &mut *all {
        own.route.approved = Approved::Unknown;
    }
    for own in &baseline.approved.connectors {
        let addresses = match own.setting(Property::SenderIPAddresses).as_deref() {
            Some(Value::Addresses(addresses)) => addresses.clone(),
            _ => AddressSet::empty(),
        };
        let subject = own.subject();
        let known = all
            .iter_mut()
            .find(|gathered| gathered.route.is_of(&subject));
        match known {
            Some(gathered) => gathered.route.approved = approved(&addresses),
            None => all.push(Gathered {
                first_seen: None,
                route: Route {
                    names: vec![caseless::lower(&own.name)],
                    approved: approved(&addresses),
                    on_premises: own.connector_type() != Some(ConnectorType::Partner),
                    connector: subject,
                    addresses,
                },
            }),
        }
    }
}

/// Addresses that records gave a connector, and connectors that only records name.
fn claim(all: &mut Vec<Gathered>, change: &Change) {
    // A record may claim others than the state shows: all of them count.
    let addresses = change
        .values
        .iter()
        .filter_map(|(property, value)| match (property, value) {
            (Property::SenderIPAddresses, Some(Value::Addresses(addresses))) => Some(addresses),
            _ => None,
        })
        .fold(AddressSet::empty(), |all, own| all.union(own));
    let name = caseless::lower(&change.connector.name);
    // One that was created and is gone is not another one of its name.
    let fresh = change.connector.id.is_none() && change.kind == ChangeKind::CreatedAndRemoved;
    let known = all.iter_mut().find(|own| {
        own.route.connector.key() == change.connector.key()
            || !fresh && change.connector.id.is_none() && own.route.names.contains(&name)
    });
    match known {
        Some(own) => {
            own.route.addresses = own.route.addresses.union(&addresses);
            // What a record set before anything was read was there first, and is not approved for that.
            if change.between.0.is_none() && !addresses.is_empty() {
                own.route.approved = Approved::Unknown;
            }
            if own.first_seen.is_none() && own.route.connector.id.is_none() {
                own.route.on_premises |= change.connector_type != Some(ConnectorType::Partner);
            }
        }
        None => all.push(Gathered {
            first_seen: None,
            route: Route {
                connector: change.connector.clone(),
                names: vec![name],
                addresses,
                approved: Approved::Unknown,
                on_premises: change.connector_type != Some(ConnectorType::Partner),
            },
        }),
    }
}

/// The organization's own domains: as approved, else as the first state has them.
fn domains(
    states: &[State<'_>],
    parts: &[&Snapshot],
    baseline: Option<&Baseline>,
) -> Option<Vec<AcceptedDomain>> {
    let mut read = false;
    let mut all: Vec<AcceptedDomain> = Vec::new();
    let snapshots = states
        .iter()
        .map(|state| state.snapshot)
        .chain(parts.iter().copied());
    // The first that was read counts: a domain that came later may be the attacker's.
    if let Some(snapshot) = snapshots
        .into_iter()
        .find(|own| own.has(Part::AcceptedDomains))
    {
        read = true;
        all.extend(snapshot.accepted_domains.iter().cloned());
    }
    let approved = baseline.and_then(|own| own.approved.accepted_domains.as_ref());
    if let Some(approved) = approved {
        if read {
            all.retain(|own| approved.contains(&own.domain));
        }
        all.extend(approved.iter().map(|domain| AcceptedDomain {
            domain: domain.clone(),
            match_sub_domains: false,
        }));
        read = true;
    }
    all.sort_unstable();
    all.dedup();
    read.then_some(all)
}

/// A connector, with what happened to it and whether that was approved.
pub(super) fn examine<'a>(
    question: &'a Question<'_>,
    route: &'a Route,
    actors: &[Triage],
    drift: Vec<DriftWords>,
) -> Examined<'a> {
    let subject = &route.connector;
    let changes: Vec<&Change> = question
        .attribution
        .changes
        .iter()
        .filter(|change| route.is_of(&change.connector))
        .collect();
    let authority = changes
        .iter()
        .map(|change| authority(question, change, actors))
        .collect();
    let created = |change: &&&Change| {
        matches!(
            change.kind,
            ChangeKind::Created | ChangeKind::Recreated | ChangeKind::CreatedAndRemoved
        )
    };
    let in_state = |state: &State<'_>| {
        state
            .snapshot
            .connectors()
            .any(|own| route.is_of(&own.subject()))
    };
    Examined {
        subject: subject.clone(),
        names: route.names.clone(),
        is_new: changes.iter().any(|change| created(&change)),
        is_there: question.states.last().map(in_state),
        comparable: !question.states.is_empty()
            && (question.baseline.is_some()
                || question.states.len() > 1
                || question.log.is_some_and(|log| !log.days.is_empty())),
        // What changes say already is not said twice; what was there before the first state only drift says.
        drift,
        changes,
        authority,
        routes: question.routes,
    }
}

/// Whether a change was approved by the baseline, or explains itself.
fn authority(question: &Question<'_>, change: &Change, actors: &[Triage]) -> Authority {
    if let Some(baseline) = question.baseline {
        let approved = baseline
            .approved
            .connectors
            .iter()
            .find(|own| own.subject().is(&change.connector));
        let all_approved = approved.is_some_and(|own| {
            change.values.iter().all(|(property, value)| {
                value
                    .as_ref()
                    .is_some_and(|value| own.approves(*property, value, change.at))
            })
        });
        if all_approved && change.kind != ChangeKind::Removed {
            return Authority::Approved;
        }
    }
    if change.direction == Some(Direction::Neutral) || change.words.is_empty() {
        return Authority::Approved;
    }
    let suspicious = actors.iter().any(|triage| {
        let is_one = change.actors().contains(&&triage.actor);
        is_one
            && triage
                .signs
                .iter()
                .any(|sign| sign.strength >= super::indicator::Strength::Weak)
    });
    let attributed = !change.records.is_empty() && change.unexplained.is_empty();
    match re_run_of_wizard(question, change) {
        Some(why) if attributed && !suspicious => Authority::Explained(why),
        _ if change.direction == Some(Direction::Narrows) => {
            Authority::Explained("it narrows trust".to_owned())
        }
        _ => Authority::Unapproved,
    }
}

/// A run of the Hybrid Configuration wizard renews the certificate's name. One inside the organization's own domains
/// lets nobody in but who holds a certificate for them; the source that a connector names can be forged and proves nothing.
fn re_run_of_wizard(question: &Question<'_>, change: &Change) -> Option<String> {
    const ITS_OWN: [Property; 6] = [
        Property::TlsSenderCertificateName,
        Property::CloudServicesMailEnabled,
        Property::ConnectorSource,
        Property::RequireTls,
        Property::SenderDomains,
        Property::Comment,
    ];
    if change.kind != ChangeKind::Changed || change.values.is_empty() {
        return None;
    }
    let wizard = is_wizards(question, &change.connector);
    let mut certificate = None;
    for (property, value) in &change.values {
        if !ITS_OWN.contains(property) {
            return None;
        }
        match (property, value) {
            (Property::TlsSenderCertificateName, Some(Value::Certificate(Some(name)))) => {
                if !is_own(question, name) {
                    return None;
                }
                certificate = Some(name.to_string());
            }
            (Property::TlsSenderCertificateName, _) => return None,
            (Property::RequireTls, Some(Value::Boolean(false)) | None) => return None,
            (Property::SenderDomains, Some(Value::Domains(domains)))
                if domains.entries().len() > 1 =>
            {
                return None;
            }
            _ => {}
        }
    }
    let name = certificate?;
    wizard.then(|| format!("a run of the Hybrid Configuration wizard: its certificate {name} is still inside the organization's own domains"))
}

fn is_own(question: &Question<'_>, name: &CertificateName) -> bool {
    let own = question.routes.domains.as_deref().unwrap_or_default();
    let domain = name.pattern().and_then(|pattern| pattern.domain());
    domain.is_some_and(|domain| {
        own.iter()
            .any(|accepted| domain == &accepted.domain || domain.is_within(&accepted.domain))
    })
}

/// The wizard calls its connector `Inbound from <GUID>` and makes it as its source.
fn is_wizards(question: &Question<'_>, subject: &Subject) -> bool {
    let connectors = question
        .states
        .iter()
        .flat_map(|state| state.snapshot.connectors());
    let mut own = connectors.filter(|own| own.subject().key() == subject.key());
    own.any(|own| {
        let name = own.name.strip_prefix("Inbound from ").unwrap_or_default();
        let source = own.setting(Property::ConnectorSource);
        let source = source
            .map(|source| source.elements().join(""))
            .unwrap_or_default();
        crate::connector::parse_guid(name).is_some() && source.eq_ignore_ascii_case("HybridWizard")
    })
}
