//! connguard's own findings: drift, and what a run finds out about itself.
//!
//! They are not rules: a rule sees one state, drift compares two. No policy
//! switches them off or changes them, and nothing accepts them.

/// One of connguard's own findings, as `explain` and SARIF show it.
#[derive(Debug)]
pub struct BuiltIn {
    /// Its id, never reused.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// How bad it is, in words, as it may depend on the connector.
    pub severity: &'static str,
    /// The severity that tools which know only one are told.
    pub usual: crate::finding::Severity,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
}

use crate::finding::Severity::{High, Info, Low, Medium};
use crate::finding::{Finding, Location, Severity};

/// Finds one by its id.
pub fn find(id: &str) -> Option<&'static BuiltIn> {
    ALL.iter().find(|own| own.id == id)
}

/// Starts a finding of one of them.
pub fn finding(id: &'static str, severity: Severity, location: Location) -> Finding {
    let own = get(id);
    let mut finding = Finding::new(id, severity, own.title, location);
    own.fix.clone_into(&mut finding.fix);
    finding
}

/// The built-in finding of an id that this program uses itself.
pub fn get(id: &'static str) -> &'static BuiltIn {
    find(id).unwrap_or(&UNKNOWN)
}

/// Stands in for an id that is missing below, which a test excludes.
static UNKNOWN: BuiltIn = BuiltIn {
    id: "",
    title: "",
    severity: "",
    usual: High,
    why: "",
    fix: "",
};

/// Every built-in finding.
pub static ALL: &[BuiltIn] = &[
    BuiltIn {
        id: "drift-unknown",
        title: "A connector is in the tenant and not approved",
        severity: "OnPremises: critical when enabled, medium when disabled; Partner: medium",
        usual: crate::finding::Severity::Critical,
        why: "An inbound connector of type OnPremises lets whoever matches it send mail as the organisation. Attackers with one administrator account, or one application with the right consent, add one and send through it.",
        fix: "Disable it at once, keep it as evidence, and find out who made it: Set-InboundConnector -Identity <id> -Enabled $false. If it is legitimate, add it to the baseline and have that signed.",
    },
    BuiltIn {
        id: "drift-missing",
        title: "An approved connector is not in the tenant",
        severity: "OnPremises: medium; Partner: high",
        usual: High,
        why: "A Partner connector that is gone no longer holds spoofed mail out. An OnPremises connector that is gone is an outage, and the service may refuse to create it again.",
        fix: "Find out who removed it. Create it again with every approved setting, disabled first; or take it out of the baseline and have that signed.",
    },
    BuiltIn {
        id: "drift-widened",
        title: "A connector trusts more, or demands less, than was approved",
        severity: "OnPremises: critical for addresses, certificates, type, switching on and internal treatment, high for the rest; Partner: high; Enhanced Filtering: medium",
        usual: crate::finding::Severity::Critical,
        why: "One address slipped into an existing relay is far quieter than a new connector and opens the same door.",
        fix: "Set the property back to the approved value and find out who changed it; or approve the new value in a new version of the baseline.",
    },
    BuiltIn {
        id: "drift-narrowed",
        title: "A connector trusts less, or demands more, than was approved",
        severity: "low",
        usual: Low,
        why: "It opens nothing, but it is not what was approved, and mail may be refused that should pass.",
        fix: "Set the property back to the approved value, or approve the new one in a new version of the baseline.",
    },
    BuiltIn {
        id: "drift-recreated",
        title: "A connector was deleted and made again under its old name",
        severity: "high",
        usual: High,
        why: "Both ids are new: this is another object, which evades whatever knows connectors by name. Block status, audit trail and message traces of the old one no longer lead to it.",
        fix: "Find out who made it again. If it is legitimate, put the new id into the baseline and have that signed.",
    },
    BuiltIn {
        id: "drift-renamed",
        title: "A connector has another name than was approved",
        severity: "low",
        usual: Low,
        why: "Reports and allow-lists that go by name lose it; a misleading name hides what it does.",
        fix: "Set the name back, or approve the new one in a new version of the baseline.",
    },
    BuiltIn {
        id: "drift-changed",
        title: "A setting without weight of its own differs from the baseline",
        severity: "low",
        usual: Low,
        why: "Comment, source and cost decide nothing, but somebody changed the connector, and nobody approved that.",
        fix: "Set it back, or approve it in a new version of the baseline.",
    },
    BuiltIn {
        id: "drift-accepted-domain",
        title: "The organization has a domain that was not approved",
        severity: "medium",
        usual: Medium,
        why: "Who adds a domain to the tenant can send as that domain, and a certificate in it passes for the organisation's own.",
        fix: "Find out who added it. Remove it from the tenant, or add it to `accepted_domains` of the baseline and have that signed.",
    },
    BuiltIn {
        id: "connector-blocked",
        title: "Microsoft has blocked a connector from sending",
        severity: "high",
        usual: High,
        why: "The service blocks connectors that send spam or whose behaviour changed suddenly: a sign that it was compromised.",
        fix: "Find out what was sent through it and who changed it. Revert it before it is unblocked: unblocking first opens the relay again.",
    },
    BuiltIn {
        id: "duplicate-name",
        title: "Two connectors have the same name",
        severity: "medium",
        usual: Medium,
        why: "The service refuses such names, so the export was made while a connector was replaced, or somebody edited it. Both are judged, neither stands for the other.",
        fix: "Export again. If both are still there, find out which one was made last.",
    },
    BuiltIn {
        id: "unrecognised-property",
        title: "The service returned a property that connguard does not know",
        severity: "info",
        usual: Info,
        why: "The service adds properties without notice. It is kept in the snapshot and not judged.",
        fix: "Look up what it does. A newer connguard may know it.",
    },
    BuiltIn {
        id: "acceptance-unused",
        title: "An acceptance tolerates nothing",
        severity: "info",
        usual: Info,
        why: "Its rule does not fail on that connector with that value. A baseline must not become a list of excuses.",
        fix: "Take it out in the next version of the baseline.",
    },
    BuiltIn {
        id: "acceptance-expires-soon",
        title: "An acceptance ends within 14 days",
        severity: "low",
        usual: Low,
        why: "From then on the finding counts again.",
        fix: "Mend what it tolerates, or have a new version of the baseline signed with a later date.",
    },
    BuiltIn {
        id: "acceptance-expired",
        title: "An acceptance has ended",
        severity: "info",
        usual: Info,
        why: "It no longer counts: what it tolerated is a finding again.",
        fix: "Mend what it tolerated, or take it out in the next version of the baseline.",
    },
    BuiltIn {
        id: "baseline-emergency",
        title: "The baseline is signed by the emergency role only",
        severity: "medium",
        usual: Medium,
        why: "The emergency role lets few people approve a baseline for a short time when nobody else can be reached. Until enough holders of the baseline role sign it, it is an exception.",
        fix: "Have the holders of the baseline role review and sign it; or put the version before back as a new one.",
    },
    BuiltIn {
        id: "document-expires-soon",
        title: "A signed document expires within 14 days",
        severity: "low",
        usual: Low,
        why: "From then on it gives no verdict: every check ends with 3 until a new version is signed.",
        fix: "Have a new version signed: connguard baseline propose, connguard policy propose or connguard trust rotate.",
    },
    BuiltIn {
        id: "version-gap",
        title: "Versions of a signed document were never seen",
        severity: "info",
        usual: Info,
        why: "Between the newest version that an earlier run saw and this one there are others, so that nothing shows how the one led to the other.",
        fix: "Check more often than documents change, or look the versions up in git.",
    },
    BuiltIn {
        id: "change-pending",
        title: "What the baseline changes is not changed yet",
        severity: "low",
        usual: Low,
        why: "A new version of the baseline is in force, and what is there is what the version before approved. For `change_window` of the policy that is an approved change on its way; after that it is drift.",
        fix: "Make the change that was approved; or take it back in the next version of the baseline.",
    },
    BuiltIn {
        id: "touched-without-difference",
        title: "A connector was changed, and nothing differs",
        severity: "info",
        usual: Info,
        why: "The service's time of the last change moved by more than its servers differ, and every setting is as it was in the snapshot before. Somebody may have set a value and restored it between two runs; the service does the same by itself now and then.",
        fix: "Look into the audit log around that time for Set-InboundConnector.",
    },
    BuiltIn {
        id: "unrecognised-changed",
        title: "A property that this version does not know has another value than before",
        severity: "medium",
        usual: Medium,
        why: "What is not known cannot be judged, so nothing shows whether the change gives anybody more. It is not in the baseline either.",
        fix: "Find out who changed it and what it does; a newer connguard may know it.",
    },
    BuiltIn {
        id: "observation-gap",
        title: "For a time nobody looked",
        severity: "low",
        usual: Low,
        why: "Exchange keeps no old values. What was changed and restored while no run read the tenant was never seen by anything but the audit log.",
        fix: "Find out why no run succeeded, and look into the audit log of that time.",
    },
    BuiltIn {
        id: "history-unsigned",
        title: "The history is unsigned",
        severity: "info",
        usual: Info,
        why: "Whoever can write to its repository can change what was recorded, and nothing would show it but a pin or the memory of an earlier run.",
        fix: "Give somebody, best the scheduled job's own key, the `history` role in the next version of the root (connguard trust rotate), and name the key with --key or CONNGUARD_HISTORY_KEY.",
    },
    BuiltIn {
        id: "trust-restarted",
        title: "Trust began anew: no earlier root vouches for this one",
        severity: "high",
        usual: High,
        why: "An earlier run on this machine trusted another root for this repository or these organizations, and the pinned one does not descend from it. Memory of the versions seen begins anew with it, so older documents could pass.",
        fix: "If the new root was meant, say so in the policy: trust_restarts: [ { root: sha256:…, owner: …, reason: … } ]. If not, find out who changed the pin.",
    },
    BuiltIn {
        id: "signatures-missing",
        title: "A proposed document has not enough signatures",
        severity: "medium",
        usual: Medium,
        why: "What nobody signed gives no verdict: merged like this, every check of the tenant ends with 3. Signatures are over exactly the bytes of the file, so one over an earlier version does not count.",
        fix: "Read what the change widens, and sign it if you approve it: connguard baseline sign, policy sign or trust sign. A signature can be added at any time as long as the bytes stay.",
    },
    BuiltIn {
        id: "change-signed",
        title: "A proposed document has the signatures that it needs",
        severity: "info",
        usual: Info,
        why: "Enough people signed exactly these bytes.",
        fix: "Nothing.",
    },
    BuiltIn {
        id: "change-widens",
        title: "A proposed document approves more than the one before",
        severity: "info",
        usual: Info,
        why: "Whoever signs it approves this. What enough people signed is approved; the gate shows it, so that nobody signs it unseen.",
        fix: "Approve it by signing, or ask why it is needed.",
    },
    BuiltIn {
        id: "change-narrows",
        title: "A proposed document approves less than the one before",
        severity: "info",
        usual: Info,
        why: "It opens nothing. Mail may be refused that passes today.",
        fix: "Nothing, if it is meant.",
    },
    BuiltIn {
        id: "change-neutral",
        title: "A proposed document differs without weight of its own",
        severity: "info",
        usual: Info,
        why: "It neither gives nor takes trust.",
        fix: "Nothing, if it is meant.",
    },
    BuiltIn {
        id: "drift-hidden",
        title: "A proposed baseline approves what is drift now",
        severity: "that of the drift",
        usual: High,
        why: "Drift is approved by a new baseline, and an attacker's change can be approved the same way: by a proposal made from what is there. Once it is merged, no check shows the change any more.",
        fix: "Find out who made the change in the tenant before you sign. If it was not meant, put it back: connguard plan.",
    },
    BuiltIn {
        id: "approved-alone",
        title: "One person alone approved a proposed document",
        severity: "info; medium where the proposal itself makes it so",
        usual: Info,
        why: "The root lets one signature do. Who takes that person's key approves anything.",
        fix: "Let two of three people sign: connguard trust rotate --add NAME=FILE.pub --threshold 2.",
    },
    BuiltIn {
        id: "evidence-changed",
        title: "A proposal changes what is known of a tenant",
        severity: "medium where findings of now would no longer be seen, or a tenant, its organization or the history are taken away or moved; else info",
        usual: Medium,
        why: "connguard.yaml and exports are not signed: whoever can change them says what checks see. An export without the attacker's connector makes a check clean.",
        fix: "Make sure that the new source or export is what the organization really holds: export it yourself, or read the history.",
    },
    BuiltIn {
        id: "change-not-judged",
        title: "Files change that the gate does not judge",
        severity: "info",
        usual: Info,
        why: "Workflows decide how the check itself is run, and with which pin.",
        fix: "Review them like code: they need an owner who approves them.",
    },
    BuiltIn {
        id: "change-without-record",
        title: "A connector changed, and no audit record says who did it",
        severity: "high where it widens trust, else medium",
        usual: High,
        why: "Records arrive up to a day late, and the service changes connectors without one. Where the log covers the time and holds nothing, somebody may have switched it off, or it does not reach back so far. No record is never proof that nobody did it.",
        fix: "Search the audit log again after a day, with HighCompleteness; look whether the log was on; add what is found to the evidence and investigate again.",
    },
    BuiltIn {
        id: "record-without-change",
        title: "A connector was changed and set back, and no state shows it",
        severity: "high where it widened trust, else medium",
        usual: High,
        why: "Whoever opens a connector for an hour is not seen by a daily snapshot. The audit record is the only trace.",
        fix: "Look at the mail that went through the connector in between, and at who did it.",
    },
    BuiltIn {
        id: "connector-short-lived",
        title: "A connector was created and deleted, and no state shows it",
        severity: "critical",
        usual: crate::finding::Severity::Critical,
        why: "The campaign of 2022 created a connector for each wave of spam and deleted it afterwards. What it let in is what its New- record says.",
        fix: "Treat it as a compromise: revoke the account or application that made it, and look at the mail from its addresses.",
    },
    BuiltIn {
        id: "record-contradicts-state",
        title: "An audit record claims another value than the connector has",
        severity: "high",
        usual: High,
        why: "Somebody changed it again and no record of that is there, or the evidence is not whole.",
        fix: "Export the audit log again for the whole time, and the connectors once more.",
    },
    BuiltIn {
        id: "audit-log-disabled",
        title: "The unified audit log was switched off",
        severity: "high",
        usual: High,
        why: "What was done while it was off is in no record. Attackers switch it off first.",
        fix: "Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true, and find out who switched it off and when.",
    },
    BuiltIn {
        id: "rule-removes-headers",
        title: "A transport rule removes headers",
        severity: "medium; it decides nothing",
        usual: Medium,
        why: "The attackers of 2022 removed the headers by which mail is traced back to the tenant and the connector. Who made the rule the audit log says, as far as it reaches back.",
        fix: "Ask whose rule it is; disable one that nobody knows, and keep it as evidence.",
    },
    BuiltIn {
        id: "connector-operation",
        title: "Somebody changed a connector, by the audit log",
        severity: "low; whether it was approved the comparison with the baseline says",
        usual: Low,
        why: "connguard watch tells who did what as soon as the log says so. Records arrive minutes to a day late.",
        fix: "Ask who did it whether it was meant; connguard investigate joins it with what changed.",
    },
    BuiltIn {
        id: "blocked-connector-unknown",
        title: "Microsoft blocked, or warned of, a connector that nothing else knows",
        severity: "high",
        usual: High,
        why: "A connector that was deleted before anything was read, and whose records are missing, is still named by what Microsoft did about it.",
        fix: "Search the audit log for it over the whole time, by its id and name; look at the mail of that time.",
    },
    BuiltIn {
        id: "evidence-incomplete",
        title: "A part of the evidence could not be read, or may not be all",
        severity: "medium",
        usual: Medium,
        why: "What was cut off, rejected or left out may be what matters. It is counted and named; nothing is concluded from its absence.",
        fix: "Export it again, whole.",
    },
    BuiltIn {
        id: "root-not-pinned",
        title: "The root of trust was not compared with a pin",
        severity: "medium",
        usual: Medium,
        why: "Whoever can write to the audit repository can replace root, keys, policy and baselines together, and the run would not notice. A pin outside the repository makes it notice; so does the memory of an earlier run on the same machine.",
        fix: "Give the digest of a root that you trust in the variable CONNGUARD_ROOT or with --root.",
    },
];

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn ids_are_unique() {
        for (index, one) in ALL.iter().enumerate() {
            assert!(
                ALL.iter().skip(index + 1).all(|other| other.id != one.id),
                "{}",
                one.id
            );
        }
    }
}
