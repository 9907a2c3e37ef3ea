//! An emulator of Microsoft Entra ID's token endpoints, of the Exchange Online admin API and of some of
//! Microsoft Graph, on loopback.
//!
//! For rehearsals: whatever signs in to Entra, reads or repairs inbound connectors, or looks for who changed
//! them and for the mail that came through them can be pointed at it, with faults at chosen requests. Nothing
//! leaves the machine, and nothing is written to disk: every start begins from the folder again.
//!
//! ```text
//! exchange-emulator exports/ --fault Get-InboundConnector:2=503 --fault New-InboundConnector=lost-answer
//! exchange-emulator: 2 tenants; login http://127.0.0.1:8440, exchange http://127.0.0.1:8441, graph http://127.0.0.1:8442
//! 1 login POST /contoso.onmicrosoft.com/oauth2/v2.0/token 200
//! ```
//!
//! The folder's `*.json` files are tenants: exports with `organization`, `inbound_connectors`,
//! `accepted_domains` and `blocked_connectors`, and, if wanted, `organization_config`,
//! `admin_audit_log_config`, `transport_rules` and `protection_alerts`. Connectors may be partial:
//! answers have all 42 keys.
//!
//! A file may also bring what went before: `audit_records` (AuditData, told as they are, twice if they are there
//! twice), `message_trace` (rows of the service's columns, at least `Received`), and `hunting_answers`, each
//! `{"contains": ["text", …], "answer": {"schema": […], "results": […]}}`: the first whose texts are all in a
//! query answers it. `CreationTime`, `Received` and the column `Timestamp` may be like `-90m`, which is so long
//! before the start. Every write is added to the audit log.
//!
//! # How far it is like the real service
//!
//! Documented or measured by others: paths, the request's envelope, the shapes of rows, warnings, pages and
//! errors, NUL bytes for 403, the two grants (app role and directory role), codes of Entra, that an unknown
//! `-Identity` reads everything, volatile dates and orders, how lists are overwritten and edited. Of traces: the
//! columns, the order, that only a warning tells of more, that the last row comes again, spans and limits. Of
//! audits: paths, statuses, filters, the envelope and its crossed names, that v1.0 may have none, texts joined
//! by `;`. Of hunting: path, body and answer.
//! Read in old code, perhaps out of date: most validation.
//! Guessed: the columns of blocked connectors, namespaces of exceptions and texts of errors, bodies of 401, 404
//! and 405, who may run what beyond connectors, the default of `RequireTls`, that `ConnectorSource AdminUI` is
//! refused, the form of skip tokens, and the statuses of Entra's rarer errors. Of traces: the order of rows of one
//! time, that a start before history is refused, all texts. Of audits: whatever is particular to connectors (no
//! such record was ever published), `UserId` and `UserKey` of applications, `ObjectId` of a change (the name),
//! how an edit of a list is told, the size of pages, that a query without an end yet has no records, that its end
//! is not in the time asked for, that unknown types and properties are refused, how fast jobs may come. Of
//! hunting: what is said to a query that does not compile or an organization that may not, and that rows
//! beyond the limit are just not there. Of Graph: codes and texts of errors.
//! Not there: `$batch`, `$select`, CLIXML, other cmdlets; the check of a token's audience beyond whether it is
//! for Graph; lists of audit queries, filters by administrative unit, names of record types above 50; KQL, and
//! any effect of a hunting query's `Timespan`; how long records are kept.

mod emulator;

use clap::Parser;
use emulator::{DeviceEnd, Emulator, Fault, Kind, Options, QueryEnd, Rate, Seen};
use jiff::SignedDuration;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Emulates Entra ID's token endpoints, the Exchange Online admin API and some of Microsoft Graph on 127.0.0.1.
///
/// This is an emulator, not Microsoft's service. Shapes, paths and codes are as documented or as others measured
/// them; most validation of connectors is as read in old code; texts of errors, the columns of blocked
/// connectors and details that nobody published are guesses.
#[derive(Parser)]
#[command(name = "exchange-emulator", after_help = after_help())]
struct Arguments {
    /// Folder whose *.json files are tenants (exports)
    folder: PathBuf,
    /// Port of the token endpoints; 0 for any
    #[arg(long, default_value_t = 8440, value_name = "PORT")]
    login_port: u16,
    /// Port of the admin API; 0 for any
    #[arg(long, default_value_t = 8441, value_name = "PORT")]
    exchange_port: u16,
    /// Port of Microsoft Graph; 0 for any
    #[arg(long, default_value_t = 8442, value_name = "PORT")]
    graph_port: u16,
    /// Time that every request waits
    #[arg(long, default_value = "0s", value_parser = duration, value_name = "TIME")]
    latency: Duration,
    /// Time until reads see a write
    #[arg(long, default_value = "0s", value_parser = duration, value_name = "TIME")]
    replication_delay: Duration,
    /// Rows in a page at most
    #[arg(long, default_value_t = 1000, value_name = "N")]
    page_size: usize,
    /// What goes wrong where; may be repeated
    #[arg(long = "fault", value_name = "WHERE=KIND")]
    faults: Vec<Fault>,
    /// Serve https, with a self-signed certificate for another name
    #[arg(long)]
    tls: bool,
    /// Requests a second of a tenant, beyond which they get 429
    #[arg(long, value_name = "N")]
    throttle: Option<usize>,
    /// Time that a token lasts
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "TIME")]
    token_lifetime: Duration,
    /// Refuse to create or enable OnPremises connectors
    #[arg(long)]
    prohibit_on_premises: bool,
    /// Create connectors disabled
    #[arg(long)]
    create_disabled: bool,
    /// Answer every next page with 400
    #[arg(long)]
    broken_paging: bool,
    /// Never compress
    #[arg(long)]
    no_gzip: bool,
    /// PEM file with a certificate that may sign client assertions; may be repeated
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,
    /// File with a federated token to accept; may be repeated
    #[arg(long = "federated-token", value_name = "FILE")]
    federated_tokens: Vec<PathBuf>,
    /// Tenant of the managed identity [default: the first]
    #[arg(long, value_name = "TENANT")]
    managed_identity_tenant: Option<String>,
    /// How often a device code is pending first
    #[arg(long, default_value_t = 1, value_name = "N")]
    device_polls: u32,
    /// How a device code ends: token, expired or denied
    #[arg(long, default_value = "token", value_parser = device_end, value_name = "END")]
    device_end: DeviceEnd,
    /// Where front-door discovery redirects to
    #[arg(long, value_name = "URL")]
    front_door: Option<String>,
    /// Seconds by which the clock is ahead
    #[arg(
        long,
        default_value_t = 0,
        allow_negative_numbers = true,
        value_name = "SECONDS"
    )]
    clock_offset: i64,
    /// Time until the audit log has a write
    #[arg(long, default_value = "0s", value_parser = duration, value_name = "TIME")]
    audit_delay: Duration,
    /// How often an audit query has not ended yet
    #[arg(long, default_value_t = 1, value_name = "N")]
    audit_polls: u32,
    /// How an audit query ends: succeeded, failed or cancelled
    #[arg(long, default_value = "succeeded", value_parser = query_end, value_name = "END")]
    audit_end: QueryEnd,
    /// Audit records in a page at most
    #[arg(long, default_value_t = 150, value_name = "N")]
    audit_page_size: usize,
    /// Audit queries of a tenant, like 10/1m, beyond which they get 429
    #[arg(long, value_name = "N/TIME")]
    audit_job_rate: Option<Rate>,
    /// Have audit queries in beta only: 404 in v1.0
    #[arg(long)]
    audit_v1_missing: bool,
    /// Message traces of a tenant, 100/5m in truth, beyond which they get 429
    #[arg(long, value_name = "N/TIME")]
    trace_rate: Option<Rate>,
    /// Answer advanced hunting with 403, as without a license
    #[arg(long)]
    no_hunting: bool,
    /// Rows that advanced hunting gives at most
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    hunting_rows: usize,
    /// Do not tell of requests
    #[arg(long)]
    quiet: bool,
}

fn after_help() -> String {
    use emulator::identities::{ALL, EXPIRED_SECRET, GITHUB_TOKEN, IDENTITY_HEADER, SECRET};
    let identities: String = ALL
        .iter()
        .map(|who| format!("  {}  {} ({})\n", who.id, who.name, who.about))
        .collect();
    let kinds = |done| {
        let kinds = Kind::ALL
            .iter()
            .filter(|kind| kind.carries_out() == done && !kind.in_process_only());
        let words: Vec<_> = kinds.map(|kind| kind.word()).collect();
        words.join(", ")
    };
    format!(
        "Applications, in every tenant:\n{identities}\
        Secret of each: {SECRET} ({EXPIRED_SECRET} was right once).\n\
        GitHub job: GET /github-oidc with the token {GITHUB_TOKEN}.\n\
        Azure VM: GET /metadata/identity/oauth2/token. App Service: GET /msi/token with {IDENTITY_HEADER}.\n\n\
        WHERE: N (the Nth request), * (all), CMDLET, CMDLET:N, login:N, exchange:N, graph:N.\n\
        CMDLET at Graph: audit-query, audit-status, audit-records, hunting.\n\
        KIND, the request not carried out: {}.\n\
        KIND, the request carried out: {}.",
        kinds(false),
        kinds(true)
    )
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text
        .parse()
        .map_err(|_| "must be a time like 50ms, 2s or 1h".to_owned())?;
    duration
        .try_into()
        .map_err(|_| "must not be negative".to_owned())
}

fn device_end(text: &str) -> Result<DeviceEnd, String> {
    match text {
        "token" => Ok(DeviceEnd::Token),
        "expired" => Ok(DeviceEnd::Expired),
        "denied" => Ok(DeviceEnd::Denied),
        _ => Err("must be token, expired or denied".to_owned()),
    }
}

fn query_end(text: &str) -> Result<QueryEnd, String> {
    let ends = [QueryEnd::Succeeded, QueryEnd::Failed, QueryEnd::Cancelled];
    let found = ends.into_iter().find(|end| end.word() == text);
    found.ok_or_else(|| "must be succeeded, failed or cancelled".to_owned())
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        // Parking may end for no reason; the emulator goes on until the process is ended.
        Ok(_emulator) => loop {
            std::thread::park();
        },
        Err(error) => {
            let _ = writeln!(io::stderr(), "exchange-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> io::Result<Emulator> {
    let emulator = Emulator::start(options(arguments)?)?;
    writeln!(
        io::stdout(),
        "exchange-emulator: {} tenants; login {}, exchange {}, graph {}",
        emulator.tenants(),
        emulator.login(),
        emulator.exchange(),
        emulator.graph()
    )?;
    Ok(emulator)
}

fn options(arguments: Arguments) -> io::Result<Options> {
    let mut certificates = Vec::new();
    for path in &arguments.certificates {
        certificates.extend(read_certificates(path)?);
    }
    let mut federated_tokens = Vec::new();
    for path in &arguments.federated_tokens {
        federated_tokens.push(std::fs::read_to_string(path)?.trim().to_owned());
    }
    Ok(Options {
        folder: Some(arguments.folder),
        tenants: Vec::new(),
        login_port: arguments.login_port,
        exchange_port: arguments.exchange_port,
        graph_port: arguments.graph_port,
        tls: arguments.tls,
        latency: arguments.latency,
        replication_delay: arguments.replication_delay,
        page_size: arguments.page_size,
        broken_paging: arguments.broken_paging,
        throttle: arguments.throttle,
        token_lifetime: arguments.token_lifetime,
        prohibit_on_premises: arguments.prohibit_on_premises,
        create_disabled: arguments.create_disabled,
        gzip: !arguments.no_gzip,
        certificates,
        federated_tokens,
        managed_identity_tenant: arguments.managed_identity_tenant,
        device_polls: arguments.device_polls,
        device_end: arguments.device_end,
        front_door: arguments.front_door,
        clock_offset: arguments.clock_offset,
        audit_delay: arguments.audit_delay,
        audit_polls: arguments.audit_polls,
        audit_end: arguments.audit_end,
        audit_page_size: arguments.audit_page_size,
        audit_job_rate: arguments.audit_job_rate,
        audit_v1_missing: arguments.audit_v1_missing,
        trace_rate: arguments.trace_rate,
        no_hunting: arguments.no_hunting,
        hunting_rows: arguments.hunting_rows,
        faults: arguments.faults,
        log: (!arguments.quiet).then_some(tell),
    })
}

fn read_certificates(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let refuse = |why| {
        let text = format!("{}: {why}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    };
    let found = CertificateDer::pem_slice_iter(&std::fs::read(path)?)
        .map(|certificate| certificate.map(|it| it.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|why| refuse(why.to_string()))?;
    match found.is_empty() {
        true => Err(refuse("there is no certificate in it".to_owned())),
        false => Ok(found),
    }
}

fn tell(seen: &Seen) {
    let _ = writeln!(io::stdout(), "{seen}");
}
