//! An emulator of Microsoft Entra ID's token endpoints, of the Exchange Online admin API and of some of
//! Microsoft Graph, on loopback.
//!
//! ```ignore
//! let emulator = Emulator::start(Options { tenants: vec![export], ..Options::default() })?;
//! emulator.add_fault("Get-InboundConnector:2=503".parse()?);
//! // … a client calls emulator.login() and emulator.exchange() …
//! assert_eq!(emulator.requests().len(), 3);
//! ```
//!
//! It shares no code with what is tested against it. Dropping it ends all of its threads.

#![allow(dead_code, reason = "whoever includes this uses a part of it")]
#![allow(
    clippy::disallowed_methods,
    reason = "compares as it comes: how the service does is not known"
)]

mod admin;
mod ambient;
mod answer;
mod arguments;
mod assertion;
mod audit;
mod chance;
mod channel;
mod clock;
mod cmdlets;
mod connectors;
mod delivery;
mod der;
mod device;
mod envelope;
mod fault;
mod filter;
mod graph;
#[cfg(test)]
mod graph_tests;
mod hunting;
pub mod identities;
mod journal;
mod jwt;
mod listing;
mod lists;
mod login;
mod others;
mod page;
mod problem;
mod queries;
mod rate;
mod record;
mod refusal;
mod server;
mod shared;
mod tenant;
#[cfg(test)]
mod tests;
mod tls;
mod trace;
mod validate;
mod vocabulary;
mod waiting;
mod wire;

#[allow(unused_imports, reason = "whoever includes this uses a part of it")]
pub use self::{
    device::DeviceEnd,
    fault::{At, Fault, Kind, Listener},
    journal::Seen,
    queries::QueryEnd,
    rate::Rate,
};
use self::{server::Server, shared::Shared};
use serde_json::Value;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How to start an emulator.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder whose `*.json` files are tenants, each an export.
    pub folder: Option<PathBuf>,
    /// More tenants, in the same format.
    pub tenants: Vec<Value>,
    /// The port for login; 0 for any.
    pub login_port: u16,
    /// The port for the admin API; 0 for any.
    pub exchange_port: u16,
    /// The port for Graph; 0 for any.
    pub graph_port: u16,
    /// Whether all speak https, with a certificate that nobody should trust.
    pub tls: bool,
    /// How long every request waits before it is looked at.
    pub latency: Duration,
    /// How long a write stays unseen by reads.
    pub replication_delay: Duration,
    /// Rows in a page at most.
    pub page_size: usize,
    /// Whether the link to a next page always fails.
    pub broken_paging: bool,
    /// Requests a second that a tenant may have at the admin API.
    pub throttle: Option<usize>,
    /// How long a token lasts.
    pub token_lifetime: Duration,
    /// Whether the tenant may not create or enable OnPremises connectors.
    pub prohibit_on_premises: bool,
    /// Whether new connectors are disabled, whatever was asked for.
    pub create_disabled: bool,
    /// Whether long bodies are compressed for those who accept that.
    pub gzip: bool,
    /// Certificates (DER) whose keys may sign client assertions, of every application.
    pub certificates: Vec<Vec<u8>>,
    /// Tokens of other parties that are accepted beside those of `/github-oidc`.
    pub federated_tokens: Vec<String>,
    /// The tenant of managed identities, by id or domain; the first if not given.
    pub managed_identity_tenant: Option<String>,
    /// How often a device code is pending before it is decided.
    pub device_polls: u32,
    /// How a device code is decided.
    pub device_end: DeviceEnd,
    /// Where front-door discovery redirects to.
    pub front_door: Option<String>,
    /// How many seconds the clock is ahead.
    pub clock_offset: i64,
    /// How long a write stays out of the audit log.
    pub audit_delay: Duration,
    /// How often an audit query has not ended when it is asked about.
    pub audit_polls: u32,
    /// How an audit query ends.
    pub audit_end: QueryEnd,
    /// Audit records in a page at most.
    pub audit_page_size: usize,
    /// How many audit queries a tenant may begin in which time.
    pub audit_job_rate: Option<Rate>,
    /// Whether v1.0 has no audit queries, and only beta has.
    pub audit_v1_missing: bool,
    /// How many message traces a tenant may run in which time.
    pub trace_rate: Option<Rate>,
    /// Whether the tenant may not use advanced hunting.
    pub no_hunting: bool,
    /// Rows that advanced hunting gives at most.
    pub hunting_rows: usize,
    /// Faults from the start.
    pub faults: Vec<Fault>,
    /// Is told of every request when it is known what becomes of it.
    pub log: Option<fn(&Seen)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: None,
            tenants: Vec::new(),
            login_port: 0,
            exchange_port: 0,
            graph_port: 0,
            tls: false,
            latency: Duration::ZERO,
            replication_delay: Duration::ZERO,
            page_size: 1000,
            broken_paging: false,
            throttle: None,
            token_lifetime: Duration::from_secs(3600),
            prohibit_on_premises: false,
            create_disabled: false,
            gzip: true,
            certificates: Vec::new(),
            federated_tokens: Vec::new(),
            managed_identity_tenant: None,
            device_polls: 1,
            device_end: DeviceEnd::Token,
            front_door: None,
            clock_offset: 0,
            audit_delay: Duration::ZERO,
            audit_polls: 1,
            audit_end: QueryEnd::Succeeded,
            audit_page_size: 150,
            audit_job_rate: None,
            audit_v1_missing: false,
            trace_rate: None,
            no_hunting: false,
            hunting_rows: 100_000,
            faults: Vec::new(),
            log: None,
        }
    }
}

/// A running emulator.
pub struct Emulator {
    shared: Arc<Shared>,
    threads: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl Emulator {
    /// Starts one; it listens when this returns.
    pub fn start(options: Options) -> io::Result<Self> {
        let tls = options.tls.then(tls::config).transpose()?;
        let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let (login, exchange) = (listen(options.login_port)?, listen(options.exchange_port)?);
        let graph = listen(options.graph_port)?;
        let scheme = if options.tls { "https" } else { "http" };
        let base = |socket: &TcpListener| -> io::Result<_> {
            Ok(format!("{scheme}://{}", socket.local_addr()?))
        };
        let bases = (base(&login)?, base(&exchange)?, base(&graph)?);
        let shared = Arc::new(Shared::new(options, bases.0, bases.1, bases.2)?);
        let mut emulator = Self {
            shared: Arc::clone(&shared),
            threads: Vec::new(),
        };
        let connections = Arc::new(AtomicU64::new(0));
        for (listener, socket) in [
            (Listener::Login, login),
            (Listener::Exchange, exchange),
            (Listener::Graph, graph),
        ] {
            let address = socket.local_addr()?;
            let (shared, connections) = (Arc::clone(&shared), Arc::clone(&connections));
            let server = Arc::new(Server::new(listener, shared, tls.clone(), connections));
            let thread = thread::Builder::new().spawn(move || server.run(&socket))?;
            emulator.threads.push((address, thread));
        }
        Ok(emulator)
    }

    /// The base URL of the login listener.
    pub fn login(&self) -> String {
        self.shared.login.clone()
    }

    /// The base URL of the admin API.
    pub fn exchange(&self) -> String {
        self.shared.exchange.clone()
    }

    /// The base URL of Microsoft Graph.
    pub fn graph(&self) -> String {
        self.shared.graph.clone()
    }

    /// How many tenants there are.
    pub fn tenants(&self) -> usize {
        self.shared.tenants.len()
    }

    /// The requests so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.journal.all()
    }

    /// A tenant's connectors as they truly are, whatever reads see.
    pub fn connectors(&self, tenant_id: &str) -> Vec<Value> {
        let tenant = self.shared.tenant(tenant_id);
        let connectors = tenant.map(|tenant| tenant.newest().connectors.clone());
        let connectors = connectors.unwrap_or_default();
        connectors
            .iter()
            .map(|record| Value::Object(record.as_ref().clone()))
            .collect()
    }

    /// Puts these connectors in place of a tenant's, seen at once; false if there is no such tenant.
    pub fn set(&self, tenant_id: &str, connectors: Vec<Value>) -> bool {
        let tenant = self.shared.tenant(tenant_id);
        tenant.map(|tenant| tenant.set(connectors)).is_some()
    }

    /// The writes that were carried out in a tenant: cmdlet and parameters, in order.
    pub fn writes(&self, tenant_id: &str) -> Vec<(String, Value)> {
        let tenant = self.shared.tenant(tenant_id);
        tenant.map(|tenant| tenant.writes()).unwrap_or_default()
    }

    /// A tenant's audit log, each record an AuditData, whatever a search finds of it by now.
    pub fn audit(&self, tenant_id: &str) -> Vec<Value> {
        let tenant = self.shared.tenant(tenant_id);
        let records = tenant.map(|tenant| tenant.audit_log.visible(Duration::ZERO));
        records.unwrap_or_default()
    }

    /// Adds a record to a tenant's audit log, found at once; false if there is no such tenant.
    pub fn add_audit(&self, tenant_id: &str, record: Value) -> bool {
        let tenant = self.shared.tenant(tenant_id);
        tenant
            .map(|tenant| tenant.audit_log.bring(record))
            .is_some()
    }

    /// Adds a fault, which counts requests from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// Forgets faults and requests; the next request is number 1. Tenants and writes stay.
    pub fn clear(&self) {
        self.shared.faults.clear();
        self.shared.journal.clear();
    }

    /// Waits until a request is held by `hold-before` or `hold-after`; false if none is after so long.
    pub fn wait_until_held(&self, time: Duration) -> bool {
        self.shared.gate.wait_until_held(time)
    }

    /// Lets all requests go that are held now.
    pub fn release(&self) {
        self.shared.gate.release();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.stop.stop();
        self.shared.gate.release();
        for (address, thread) in self.threads.drain(..) {
            server::wake(address);
            let _ = thread.join();
        }
    }
}
