//! Where the connectors of a tenant are read from, and why they are nobody's word where they are.

use super::{Judging, Observed};
use crate::assessment;
use crate::cli::config::{Exchange, Tenant, TenantSource};
use crate::cli::export_file;
use crate::cli::live;
use crate::cli::past::Past;
use crate::cli::repository::Repository;
use crate::cli::targets::Target;
use crate::document::Problems;
use crate::history::{Entry, short};
use crate::snapshot::{Organization, SourceKind};
use crate::source::export::Export;

impl Judging<'_> {
    /// The tenant's connectors, of the organization that is expected; `None` where nothing says where to read them.
    pub(super) fn observe(
        &self,
        target: &Target<'_>,
        expected: &Organization,
    ) -> Result<Option<Observed>, Vec<assessment::Failure>> {
        let observed = if self.revision.is_some() {
            match self.recorded(&target.name)? {
                Some(observed) => observed,
                None => return Ok(None),
            }
        } else {
            match self.read(target)? {
                Some(observed) => observed,
                None => return Ok(None),
            }
        };
        let snapshot = &observed.snapshot;
        self.console.detail(&format!(
            "read {} connectors of {:?} from {}",
            snapshot.records.len(),
            target.name,
            snapshot.origin
        ));
        let Some(contradiction) = expected.contradiction(&snapshot.organization) else {
            return Ok(Some(observed));
        };
        Err(vec![assessment::Failure {
            source: snapshot.origin.clone(),
            message: format!(
                "this is the snapshot of another organization than {:?}: {contradiction}",
                target.name
            ),
            help: "export the right organization, or name the tenant that this export belongs to"
                .to_owned(),
        }])
    }

    /// What a file or the live service says of a tenant.
    fn read(&self, target: &Target<'_>) -> Result<Option<Observed>, Vec<assessment::Failure>> {
        let of_file = |read: Result<Export, Problems>| {
            let export = read.map_err(|problems| self.shown(&problems))?;
            Ok(Some(Observed {
                source: export.snapshot.source,
                snapshot: export.snapshot,
                problems: export.problems,
                failures: Vec::new(),
                export: None,
            }))
        };
        if let Some(path) = &target.file {
            let read = export_file::read(path, self.selection.taken_at);
            let rehearsed = read.as_ref().is_ok_and(|export| export.rehearsal);
            if rehearsed && !self.selection.live.rehearsal {
                return Err(vec![assessment::Failure {
                    source: path.display().to_string(),
                    message: "this was read from an emulator, in a rehearsal".to_owned(),
                    help: "read the organization itself, or judge it with --rehearsal".to_owned(),
                }]);
            }
            return of_file(read);
        }
        let (Some(tenant), Some(repository)) = (target.configured, self.repository) else {
            return Ok(None);
        };
        match &tenant.source {
            TenantSource::Export(path) if !self.selection.is_live() => {
                of_file(repository.content.export(path))
            }
            TenantSource::Export(_) => {
                let failure = live::not_configured(&target.name);
                Err(vec![assessment::Failure {
                    source: format!("tenant {}", target.name),
                    message: failure.to_string(),
                    help: failure.help().to_owned(),
                }])
            }
            TenantSource::Exchange(_) if self.selection.without_credentials => Ok(None),
            TenantSource::Exchange(exchange) if self.misled(exchange).is_some() => Ok(None),
            TenantSource::Exchange(exchange) => {
                let read = self.live.read(&target.name, tenant, exchange, self.now)?;
                Ok(Some(Observed {
                    source: SourceKind::Exchange,
                    snapshot: read.snapshot,
                    problems: read.problems,
                    failures: read.failures,
                    export: Some(read.export),
                }))
            }
        }
    }

    /// Why an unsigned configuration may not say where the service is.
    fn misled(&self, exchange: &Exchange) -> Option<String> {
        exchange.endpoints(self.selection.live.rehearsal).err()
    }

    pub fn no_source(&self, target: &Target<'_>) -> String {
        let tenant = target.name.as_str();
        let exchange = target.configured.and_then(Tenant::exchange);
        match &self.revision {
            Some(Ok(entry)) => {
                format!(
                    "no run up to {} read {tenant:?} completely",
                    short(entry.id)
                )
            }
            Some(Err(reason)) => reason.clone(),
            None if self.selection.without_credentials => format!(
                "{tenant:?} is read from the live service, and a pull request is judged without credentials: fetch a signed history, or name an export with --from"
            ),
            None if let Some(reason) = exchange.and_then(|own| self.misled(own)) => reason,
            None => format!(
                "the policy demands a verdict on {tenant:?}, and connguard.yaml does not say where to read it"
            ),
        }
    }

    /// What the run of the history that is judged knows of a tenant: what the newest complete read up to it saw.
    fn recorded(&self, tenant: &str) -> Result<Option<Observed>, Vec<assessment::Failure>> {
        let (Some(history), Some(Ok(entry))) = (self.history(), &self.revision) else {
            return Ok(None);
        };
        let failed = |message: String, help: String| {
            vec![assessment::Failure {
                source: format!("history {}", short(entry.id)),
                message,
                help,
            }]
        };
        let recorded = history.recorded(entry, tenant);
        let recorded = recorded.map_err(|error| failed(error.to_string(), error.help()))?;
        let Some(recorded) = recorded else {
            return Ok(None);
        };
        let past = self.repository.and_then(Repository::past);
        if let Some(reason) = self.rehearsed(&recorded.read) {
            let help = "take a snapshot of the organization itself".to_owned();
            return Err(failed(reason, help));
        }
        if let Some(reason) = past.and_then(|past| self.unsigned(past, &recorded.read)) {
            let help = "take a snapshot of the tenant that is signed".to_owned();
            return Err(failed(reason, help));
        }
        Ok(Some(Observed {
            snapshot: recorded.snapshot,
            problems: Problems::default(),
            source: recorded.source,
            failures: Vec::new(),
            export: None,
        }))
    }

    /// Why a run of the history says nothing of a real organization.
    pub(super) fn rehearsed(&self, entry: &Entry) -> Option<String> {
        (entry.run.rehearsal && !self.selection.live.rehearsal).then(|| {
            format!(
                "the snapshot {} was made in a rehearsal, of an emulator on that machine: judge it with --rehearsal",
                short(entry.id)
            )
        })
    }

    /// Why a run of the history is nobody's word.
    pub(super) fn unsigned(&self, past: &Past, entry: &Entry) -> Option<String> {
        let trust = self.repository?.trust.as_ref().ok()?;
        match crate::history::verify::signer(&past.history, trust, entry) {
            Ok(Some(_)) => None,
            Ok(None) => Some(format!(
                "the snapshot {} is unsigned: only what somebody with the history role signed can be judged",
                short(entry.id)
            )),
            Err(flaw) => Some(format!(
                "the snapshot {} cannot be believed: {}",
                short(entry.id),
                flaw.message
            )),
        }
    }
}
