//! Counting mail, row by row. This is where ten million rows pass: what can be remembered is not looked up twice.

use super::memory::Memory;
use super::recipients::{Notes, Recipients};
use super::routes::{Approved, Routes, address, domain_of};
use super::{Cell, Hour, Traffic};
use crate::evidence::trace::{Fate, Mail, Part};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

/// Counts mail for one thread.
pub struct Collector<'r> {
    routes: &'r Routes,
    hours: Vec<Hours>,
    addresses: Memory<From>,
    names: Memory<Option<usize>>,
    domains: Memory<bool>,
    recipients: Notes<'r>,
    digests: FixedState,
    traffic: Traffic,
    lower: Vec<u8>,
    /// The day of the row before.
    day: i64,
}

/// The mail of a route. Rows come mostly hour by hour: the one that is counted lies beside the others.
struct Hours {
    known: HashMap<Hour, Cell, FixedState>,
    hour: Hour,
    cell: Cell,
}

impl Hours {
    fn new() -> Self {
        Self {
            known: HashMap::with_hasher(FixedState::with_seed(0)),
            hour: 0,
            cell: Cell::default(),
        }
    }

    fn add(&mut self, hour: Hour, cell: &Cell) {
        if hour != self.hour {
            self.put();
            self.hour = hour;
        }
        self.cell.add(cell);
    }

    fn put(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        if cell != Cell::default() {
            self.known.entry(self.hour).or_default().add(&cell);
        }
    }

    fn finish(mut self) -> BTreeMap<Hour, Cell> {
        self.put();
        self.known.into_iter().collect()
    }
}

/// What an address means.
#[derive(Clone, Copy)]
struct From {
    /// The connector that admits it.
    route: Option<usize>,
    /// It, where it can be read.
    address: Option<std::net::IpAddr>,
}

impl<'r> Collector<'r> {
    /// Counts mail by these connectors. All threads and files share the recipients.
    pub fn new(routes: &'r Routes, recipients: &'r Recipients) -> Self {
        Self {
            routes,
            hours: (0..=routes.routes.len()).map(|_| Hours::new()).collect(),
            addresses: Memory::new(),
            names: Memory::new(),
            domains: Memory::new(),
            recipients: Notes::new(recipients),
            digests: FixedState::with_seed(0x5EED),
            traffic: Traffic::default(),
            lower: Vec::new(),
            day: i64::MIN,
        }
    }

    /// Counts a mail.
    pub fn add(&mut self, mail: &Mail<'_>) {
        let hour = mail.seconds.div_euclid(3600);
        if mail.part == Part::End {
            self.end(mail, hour);
            return;
        }
        let window = self.traffic.window.get_or_insert((hour, hour));
        *window = (window.0.min(hour), window.1.max(hour));
        if self.day != hour.div_euclid(24) {
            self.day = hour.div_euclid(24);
            self.traffic.days.insert(self.day);
        }
        self.traffic.rows += 1;
        let from = self.from(mail.from_ip);
        let named = mail.connector.and_then(|names| self.named(names));
        let external = !self.is_own(domain_of(mail.recipient));
        let other = self.routes.routes.len();
        let route = named.or(from.route).unwrap_or(other);
        if external && self.routes.domains.is_some() {
            self.follow(mail, route);
        }
        // A column alone says nothing: a connector that is known must have been named in it.
        self.traffic.names_connectors |= named.is_some();
        self.traffic.told_connectors += u64::from(mail.connector.is_some());
        // Of mail that no known connector explains, what leaves counts: what comes in is anybody's.
        if route == other && !(external && self.routes.domains.is_some()) {
            return;
        }
        let mut cell = self.shares(mail, external);
        if let Some(Approved::These(approved)) =
            self.routes.routes.get(route).map(|own| &own.approved)
            && let Some(address) = from.address
        {
            cell.addresses = 1;
            cell.outside = u64::from(!approved.contains(address));
        }
        self.traffic.knows_headers |= cell.headers > 0;
        self.traffic.knows_fates |= cell.fates > 0;
        if let Some(hours) = self.hours.get_mut(route) {
            hours.add(hour, &cell);
        }
    }

    /// Counts what became of a mail that another row counted.
    fn end(&mut self, mail: &Mail<'_>, hour: Hour) {
        let from = self.from(mail.from_ip);
        let named = mail.connector.and_then(|names| self.named(names));
        let other = self.routes.routes.len();
        let route = named.or(from.route).unwrap_or(other);
        if route == other
            && (self.routes.domains.is_none() || self.is_own(domain_of(mail.recipient)))
        {
            return;
        }
        self.traffic.knows_fates = true;
        let cell = Cell {
            fates: 1,
            filtered: u64::from(mail.fate == Some(Fate::Filtered)),
            failed: u64::from(mail.fate == Some(Fate::Failed)),
            ..Cell::default()
        };
        if let Some(hours) = self.hours.get_mut(route) {
            hours.add(hour, &cell);
        }
    }

    fn shares(&mut self, mail: &Mail<'_>, external: bool) -> Cell {
        let mut cell = Cell {
            mails: 1,
            external: u64::from(external),
            ..Cell::default()
        };
        if let Some(fate) = mail.fate {
            cell.fates = 1;
            cell.filtered = u64::from(fate == Fate::Filtered);
            cell.failed = u64::from(fate == Fate::Failed);
        }
        let sender = domain_of(mail.sender);
        if let Some(header) = mail.header_sender {
            let header = match domain_of(header) {
                b"" => header,
                domain => domain,
            };
            if !sender.is_empty() && !header.is_empty() {
                cell.headers = 1;
                cell.mismatched = u64::from(!self.same_organization(sender, header));
            }
        }
        // The sender of a bounce is nobody.
        if !sender.is_empty() && self.routes.domains.is_some() {
            cell.senders = 1;
            cell.unprovisioned = u64::from(!self.is_own(sender));
        }
        cell
    }

    /// Whether two domains are one, one below the other, or both the organization's own.
    fn same_organization(&mut self, one: &[u8], other: &[u8]) -> bool {
        let below = |inner: &[u8], outer: &[u8]| {
            inner.len() > outer.len()
                && inner
                    .get(inner.len() - outer.len()..)
                    .is_some_and(|end| end.eq_ignore_ascii_case(outer))
                && inner.get(inner.len() - outer.len() - 1) == Some(&b'.')
        };
        one.eq_ignore_ascii_case(other)
            || below(one, other)
            || below(other, one)
            || self.routes.domains.is_some() && self.is_own(one) && self.is_own(other)
    }

    fn from(&mut self, text: &[u8]) -> From {
        let routes = self.routes;
        self.addresses.get(text, || {
            let address = std::str::from_utf8(text).ok().and_then(address);
            From {
                route: address.and_then(|address| routes.of_address(address)),
                address,
            }
        })
    }

    /// The connector that a trace names; of several the first that is known.
    fn named(&mut self, names: &[u8]) -> Option<usize> {
        if names.is_empty() {
            return None;
        }
        let routes = self.routes;
        self.names.get(names, || {
            let text = String::from_utf8_lossy(names);
            let whole = routes.named(text.trim());
            whole.or_else(|| {
                let mut names = text.split([';', ',']).map(str::trim);
                names.find_map(|name| routes.named(name))
            })
        })
    }

    fn is_own(&mut self, domain: &[u8]) -> bool {
        let routes = self.routes;
        self.domains
            .get(domain, || routes.is_own(domain).unwrap_or(false))
    }

    fn follow(&mut self, mail: &Mail<'_>, route: usize) {
        self.lower.clear();
        self.lower.extend_from_slice(mail.recipient);
        self.lower.make_ascii_lowercase();
        let digest = self.digests.hash_one(self.lower.as_slice());
        self.recipients.add(digest, mail.seconds, route);
        self.traffic.knows_recipients = true;
    }

    /// Joins what threads counted, but for first contacts: they are known when all mail was counted.
    pub fn finish(collectors: Vec<Self>) -> Traffic {
        let mut all = Traffic::default();
        for collector in collectors {
            collector.recipients.finish();
            all.merge(Traffic {
                hours: collector.hours.into_iter().map(Hours::finish).collect(),
                ..collector.traffic
            });
        }
        all
    }
}
