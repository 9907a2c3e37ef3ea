//! Audit queries: jobs that are asked about until they have ended, and the records they found.

use super::{
    chance::{self, Dice},
    envelope,
    filter::{self, Filter},
    identities::AUDIT_EXCHANGE,
    record::Record,
    shared::Shared,
    tenant::Tenant,
    waiting::lock,
};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

/// How many jobs are remembered at most: an emulator may run for days.
const KEPT: usize = 1000;

/// How an audit query ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryEnd {
    /// With records.
    #[default]
    Succeeded,
    /// With none.
    Failed,
    /// With none either.
    Cancelled,
}

impl QueryEnd {
    /// The status of a query that has ended so.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// All jobs.
#[derive(Default)]
pub struct Jobs(Mutex<VecDeque<Job>>);

struct Job {
    id: String,
    tenant: String,
    query: Record,
    filter: Filter,
    /// Whether only records of Exchange may be seen.
    narrow: bool,
    polls: u32,
    status: &'static str,
    records: Arc<Vec<Value>>,
}

impl Jobs {
    /// Starts one; the answer is the query.
    pub fn start(&self, tenant: &Tenant, body: &Value, filter: Filter, roles: &[&str]) -> Record {
        let job = Job {
            id: chance::guid(),
            tenant: tenant.id.clone(),
            query: filter::shown(body),
            filter,
            narrow: roles.iter().all(|role| *role == AUDIT_EXCHANGE),
            polls: 0,
            status: "notStarted",
            records: Arc::default(),
        };
        let shown = job.shown();
        let mut jobs = lock(&self.0);
        if jobs.len() >= KEPT {
            jobs.pop_front();
        }
        jobs.push_back(job);
        shown
    }

    /// What becomes of one: each time that it is asked about it is further.
    pub fn poll(&self, shared: &Shared, tenant: &Tenant, id: &str) -> Option<Record> {
        let mut jobs = lock(&self.0);
        let job = jobs.iter_mut().find(|job| job.is(tenant, id))?;
        job.advance(shared, tenant);
        Some(job.shown())
    }

    /// The records of one; none before it has succeeded.
    pub fn records(&self, tenant: &Tenant, id: &str) -> Option<Arc<Vec<Value>>> {
        let jobs = lock(&self.0);
        let job = jobs.iter().find(|job| job.is(tenant, id))?;
        Some(Arc::clone(&job.records))
    }
}

impl Job {
    fn is(&self, tenant: &Tenant, id: &str) -> bool {
        self.tenant == tenant.id && self.id.eq_ignore_ascii_case(id)
    }

    fn shown(&self) -> Record {
        let mut shown = self.query.clone();
        shown.insert("id".to_owned(), self.id.clone().into());
        shown.insert("status".to_owned(), self.status.into());
        shown
    }

    fn advance(&mut self, shared: &Shared, tenant: &Tenant) {
        let options = &shared.options;
        self.polls = self.polls.saturating_add(1);
        if self.polls <= options.audit_polls {
            // The first of several finds it where it was.
            let waits = self.polls == 1 && options.audit_polls > 1;
            self.status = if waits { "notStarted" } else { "running" };
            return;
        }
        let end = options.audit_end.word();
        if self.status != end {
            self.status = end;
            if options.audit_end == QueryEnd::Succeeded {
                self.records = Arc::new(self.found(shared, tenant));
            }
        }
    }

    /// What there is when it ends, in no order.
    fn found(&self, shared: &Shared, tenant: &Tenant) -> Vec<Value> {
        let mut records = tenant.audit_log.visible(shared.options.audit_delay);
        records.retain(|data| {
            let exchange = data.get("Workload").and_then(Value::as_str) == Some("Exchange");
            (exchange || !self.narrow) && self.filter.lets_through(data)
        });
        Dice::fresh().shuffle(&mut records);
        records.iter().map(envelope::envelope).collect()
    }
}
