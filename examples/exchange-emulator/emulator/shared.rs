//! What all connections of one emulator share.

use super::{
    Options, assertion, chance,
    clock::Clock,
    device::Devices,
    fault::Faults,
    identities::Identity,
    journal::Journal,
    jwt,
    queries::Jobs,
    tenant::Tenant,
    waiting::{Gate, Stop},
};
use serde_json::{Value, json};
use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Audiences of tokens for Graph: its address in each cloud, and its application's id.
const GRAPH: &[&str] = &[
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "00000003-0000-0000-c000-000000000000",
];
/// What a person may do by way of the Exchange Online module.
const SCOPES: &str =
    "AdminApi.AccessAsUser.All FfoPowerShell.AccessAsUser.All RemotePowerShell.AccessAsUser.All";

/// The state of an emulator.
pub struct Shared {
    /// How it was started.
    pub options: Options,
    /// The tenants.
    pub tenants: Vec<Tenant>,
    /// The base of the login listener.
    pub login: String,
    /// The base of the exchange listener.
    pub exchange: String,
    /// The base of the graph listener.
    pub graph: String,
    /// Its clock.
    pub clock: Clock,
    /// What signs its tokens.
    pub key: jwt::Key,
    /// Assertions used already.
    pub used: assertion::Used,
    /// Device codes given out.
    pub devices: Devices,
    /// Audit queries.
    pub jobs: Jobs,
    /// Faults to come.
    pub faults: Faults,
    /// Requests so far.
    pub journal: Journal,
    /// Where requests are held.
    pub gate: Gate,
    /// Whether it is to end.
    pub stop: Stop,
    issued: AtomicU64,
    expired: AtomicU64,
}

impl Shared {
    /// The state of an emulator that is about to listen at these bases.
    pub fn new(
        mut options: Options,
        login: String,
        exchange: String,
        graph: String,
    ) -> io::Result<Self> {
        let tenants = tenants(&options)?;
        let faults = Faults::default();
        options.faults.drain(..).for_each(|fault| faults.add(fault));
        Ok(Self {
            clock: Clock(options.clock_offset),
            options,
            tenants,
            login,
            exchange,
            graph,
            key: jwt::Key::new(&chance::bytes::<32>()),
            used: assertion::Used::default(),
            devices: Devices::default(),
            jobs: Jobs::default(),
            faults,
            journal: Journal::default(),
            gate: Gate::default(),
            stop: Stop::default(),
            issued: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        })
    }

    /// The tenant of an id or domain.
    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.is(name))
    }

    /// The tenant that the managed identity belongs to.
    pub fn managed_tenant(&self) -> Option<&Tenant> {
        match &self.options.managed_identity_tenant {
            Some(name) => self.tenant(name),
            None => self.tenants.first(),
        }
    }

    /// How long a token lasts, in seconds.
    pub fn lifetime(&self) -> i64 {
        i64::try_from(self.options.token_lifetime.as_secs()).unwrap_or(i64::MAX / 2)
    }

    /// Whether a token for this audience is for Graph. What is for the emulator itself may name it.
    pub fn is_graph(&self, audience: &str) -> bool {
        let audience = audience.trim_end_matches('/');
        GRAPH.contains(&audience) || audience == self.graph
    }

    /// An access token of an application, or of a user by way of a public client.
    pub fn token(&self, tenant: &Tenant, who: &Identity, audience: &str, user: bool) -> String {
        let now = self.clock.now().as_second();
        let id = &tenant.id;
        let object = chance::guid_of(&format!("{id}/{}", who.id));
        let graph = self.is_graph(audience);
        let mut claims = json!({
            "aud": audience, "iss": format!("https://sts.windows.net/{id}/"), "iat": now, "nbf": now,
            "exp": now.saturating_add(self.lifetime()), "appid": who.id, "oid": object, "sub": object,
            "tid": id, "wids": who.wids, "ver": "1.0",
            "uti": self.issued.fetch_add(1, Ordering::Relaxed) + 1,
        });
        let mut set = |key: &str, value: Value| {
            if let Some(claims) = claims.as_object_mut() {
                claims.insert(key.to_owned(), value);
            }
        };
        if user {
            set("idtyp", "user".into());
            set(
                "upn",
                format!("{}@{}", who.name, tenant.place.domain).into(),
            );
            let scopes = match graph {
                true => who.graph.join(" "),
                false => SCOPES.to_owned(),
            };
            set("scp", scopes.into());
        } else {
            set("idtyp", "app".into());
            let roles = if graph { who.graph } else { who.roles };
            if !roles.is_empty() {
                set("roles", roles.into());
            }
        }
        self.key.issue(&claims)
    }

    /// Makes every token expire that was issued so far.
    pub fn expire_tokens(&self) {
        let issued = self.issued.load(Ordering::Relaxed);
        self.expired.store(issued, Ordering::Relaxed);
    }

    /// Whether a token of these claims has expired.
    pub fn is_expired(&self, token: &jwt::Parts) -> bool {
        let number = token.claims.get("uti").and_then(Value::as_u64).unwrap_or(0);
        let end = token.seconds("exp").unwrap_or(0);
        number <= self.expired.load(Ordering::Relaxed) || end <= self.clock.now().as_second()
    }
}

fn tenants(options: &Options) -> io::Result<Vec<Tenant>> {
    let refuse = |source: &str, why: &str| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{source}: {why}"))
    };
    let mut exports = Vec::new();
    if let Some(folder) = &options.folder {
        let unreadable = |path: &Path, why: io::Error| {
            io::Error::new(why.kind(), format!("{}: {why}", path.display()))
        };
        for path in files(folder).map_err(|why| unreadable(folder, why))? {
            let text = fs::read(&path).map_err(|why| unreadable(&path, why))?;
            let source = path.display().to_string();
            let export: Value =
                serde_json::from_slice(&text).map_err(|why| refuse(&source, &why.to_string()))?;
            exports.push((source, export));
        }
    }
    let given = options.tenants.iter().cloned();
    exports.extend(given.map(|export| ("a tenant in memory".to_owned(), export)));
    let now = Clock(options.clock_offset).now();
    let mut tenants: Vec<Tenant> = Vec::new();
    for (source, export) in exports {
        let tenant = Tenant::read(&export, now).map_err(|why| refuse(&source, &why))?;
        if tenants.iter().any(|other| other.id == tenant.id) {
            return Err(refuse(&source, "this tenant is there twice"));
        }
        tenants.push(tenant);
    }
    Ok(tenants)
}

fn files(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
