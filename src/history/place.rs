//! Where things lie in a history's tree.
//!
//! Folders of tenants have the tenants' names, which are ours to check; what
//! belongs to no tenant lies below a name that no tenant can have. No text of
//! an organization ever becomes a path.

use crate::baseline;
use crate::snapshot::stored;
use crate::tenant::is_tenant_name;
use crate::trust::files::signature_folder;

/// The folder of the signed documents that belong to no single tenant.
pub const DOCUMENTS: &str = "_documents";
/// A tenant's baseline, in its folder.
pub const BASELINE: &str = "baseline.yaml";
/// The signatures of a tenant's baseline.
pub const BASELINE_SIGNATURES: &str = "baseline.sigs";

/// The files of a tenant's folder, but for folders.
pub const FILES: [&str; 7] = {
    let [(organization, _), (audit, _), (rules, _)] = stored::AROUND;
    [
        stored::SNAPSHOT,
        stored::ACCEPTED_DOMAINS,
        stored::BLOCKED_CONNECTORS,
        organization,
        audit,
        rules,
        BASELINE,
    ]
};

/// Where the history keeps what an audit repository has at a path; `None` where it keeps no such thing.
pub fn of_document(path: &str) -> Option<String> {
    let below = |path: &str| Some(format!("{DOCUMENTS}/{path}"));
    if path == "trust"
        || path == "policies"
        || path.starts_with("trust/")
        || path.starts_with("policies/")
    {
        return below(path);
    }
    let name = path.strip_prefix("baselines/")?;
    let (file, rest) = name.split_once('/').unwrap_or((name, ""));
    let stem = file
        .strip_suffix(".yaml")
        .or_else(|| file.strip_suffix(".sigs"))?;
    if stem == "manifest" {
        return below(path);
    }
    let own = if file == format!("{stem}.yaml") {
        BASELINE
    } else {
        BASELINE_SIGNATURES
    };
    let inside = if rest.is_empty() {
        own.to_owned()
    } else {
        format!("{own}/{rest}")
    };
    is_tenant_name(stem).then(|| format!("{stem}/{inside}"))
}

/// Whether a connector's file may have a name.
pub fn is_connector_file(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or_default();
    let hex = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    match stem.strip_prefix("name-") {
        Some(digest) => digest.len() == 32 && hex(digest),
        None => crate::connector::parse_guid(stem).is_some_and(|id| id == stem),
    }
}

/// Whether a signature may have a name: a principal's.
pub fn is_signature_file(name: &str) -> bool {
    let stem = name.strip_suffix(".sig").unwrap_or_default();
    crate::trust::allowed_signers::is_principal(stem)
}

/// Where a tenant's baseline lies.
pub fn of_baseline(tenant: &str) -> String {
    of_document(&baseline::path(tenant)).unwrap_or_default()
}

/// The signatures of a document that lies somewhere.
pub fn of_signatures(path: &str) -> String {
    signature_folder(path)
}
