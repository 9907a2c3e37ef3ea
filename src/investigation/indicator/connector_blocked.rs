//! Microsoft has blocked the connector: the fourth of the runbook's signs.

use super::{Case, Indicator, Sign, Strength};
use crate::caseless;
use crate::evidence::audit::Topic;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "connector-blocked",
    title: "Microsoft blocked the connector, or raised an alert about it",
    why: "A connector that is blocked from relaying is the fourth of the runbook's signs: any row of Get-BlockedConnector, and the alert \"Suspicious connector activity\" (ConnectorAbuse).",
    of_mail: false,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    let known = case.evidence;
    let subject = &case.examined.subject;
    let names = &case.examined.names;
    let blocked = subject
        .id
        .as_ref()
        .is_some_and(|id| known.blocked.iter().any(|own| own == id));
    let alerts: Vec<_> = known
        .alerts
        .iter()
        .filter(|(alert, _)| {
            let entity = caseless::lower(&alert.entity);
            names.contains(&entity)
                || subject.id.as_deref() == Some(entity.trim_matches(['{', '}']))
        })
        .collect();
    let mut said = Vec::new();
    if blocked {
        said.push("Microsoft has blocked it from sending".to_owned());
    }
    if !alerts.is_empty() {
        said.push(format!(
            "{} about it: {}",
            count(alerts.len()),
            alerts
                .iter()
                .map(|(alert, _)| format!("{:?}", crate::finding::excerpt(&alert.name)))
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    let unblocks = known.log.iter().flat_map(|log| log.about(Topic::Unblock));
    let unblocked = unblocks
        .filter(|record| {
            let id = record
                .parameter("ConnectorId")
                .unwrap_or(&record.object)
                .to_ascii_lowercase();
            subject.id.as_deref() == Some(id.trim_matches(['{', '}']))
        })
        .count();
    if unblocked > 0 {
        said.push("Microsoft had blocked it, and somebody let it send again".to_owned());
    }
    if said.is_empty() {
        let nameless = known.alerts.len();
        return if known.blocked_read {
            Sign::new(INDICATOR.id, Strength::Quiet, "it is not blocked").number(
                "alerts about connectors",
                super::measure::to_f64(nameless as u64),
            )
        } else {
            Sign::not_evaluated(
                INDICATOR.id,
                "the blocked connectors were not read; Get-BlockedConnector returns them",
            )
        };
    }
    let mut sign = Sign::new(INDICATOR.id, Strength::Strong, said.join("; "));
    sign.score = Some(1.0);
    sign.records = alerts.iter().map(|(_, record)| record.clone()).collect();
    sign.number("blocked", f64::from(u8::from(blocked)))
        .number("alerts", super::measure::to_f64(alerts.len() as u64))
}

fn count(alerts: usize) -> String {
    if alerts == 1 {
        "an alert".to_owned()
    } else {
        format!("{alerts} alerts")
    }
}
