//! The organization that was attacked, or was not: its domains, its people, and the hours that it keeps.

use super::address::{Addresses, version_6};
use super::clock::{DAY, HOUR, MINUTE, weekday};
use super::names;
use super::rng::Rng;

/// An accepted domain.
pub struct AcceptedDomain {
    /// Its name.
    pub name: String,
    /// Whether its subdomains are accepted too.
    pub match_sub_domains: bool,
    /// Its id.
    pub guid: String,
}

/// An account of the organization.
#[derive(Clone)]
pub struct Person {
    /// The user principal name, also the mail address.
    pub upn: String,
    /// The `1003…` key by which Exchange's audit names the account.
    pub puid: String,
    /// The Entra object id.
    pub object_id: String,
    /// The addresses from which this person always works: the office, and home.
    pub usual: [String; 2],
}

/// The organization and the period of the evidence.
pub struct Organization {
    /// The Entra tenant.
    pub tenant_id: String,
    /// `contoso.onmicrosoft.com`
    pub initial_domain: String,
    /// `EURPR04A009`
    pub forest: String,
    /// Accepted domains; the first is the one that people write from, the second the initial domain.
    pub domains: Vec<AcceptedDomain>,
    /// People without rights.
    pub people: Vec<Person>,
    /// Administrators.
    pub admins: Vec<Person>,
    /// Hours by which local time is ahead of UTC.
    pub zone: i64,
    /// Local midnight at which the evidence begins.
    pub start: i64,
    /// Whole days of evidence.
    pub days: i64,
}

const BRANDS: [(&str, &str); 6] = [
    ("contoso", "contoso.com"),
    ("fabrikam", "fabrikam.com"),
    ("contoso", "contoso.example"),
    ("fabrikam", "fabrikam.example"),
    ("contosoretail", "retail.contoso.example"),
    ("example", "corp.example.com"),
];

impl Organization {
    /// An organization of this seed.
    pub fn new(seed: u64, addresses: &mut Addresses) -> Self {
        let mut rng = Rng::new(seed, "organization");
        let (label, primary) = *rng.pick(&BRANDS);
        let zone = *rng.pick(&[-8, -5, 0, 1, 1, 2, 5, 9]);
        let initial_domain = format!("{label}.onmicrosoft.com");
        let domains = accepted_domains(label, primary, &initial_domain, &mut rng);
        let office = addresses.block();
        let account = |name: &str, rng: &mut Rng| Person {
            upn: format!("{name}@{primary}"),
            puid: format!("10032{:011X}", rng.draw() & 0xfff_ffff_ffff),
            object_id: rng.guid(),
            usual: [office.host(rng.below(3)), version_6(rng)],
        };
        let mut names = names::PEOPLE;
        rng.shuffle(&mut names);
        let people = (0..rng.between(12, 24) as usize)
            .map(|index| account(names[index], &mut rng))
            .collect();
        let mut titles = names::ADMINS;
        rng.shuffle(&mut titles);
        let admins = (0..rng.between(2, 3) as usize)
            .map(|index| account(titles[index], &mut rng))
            .collect();
        // Any day from January to July 2026.
        let first_day = 20_454 + rng.between(0, 170);
        Organization {
            tenant_id: rng.guid(),
            initial_domain,
            forest: format!(
                "{}A{:03}",
                rng.pick(&["EURPR04", "NAMPR09", "APCPR01"]),
                rng.between(1, 19)
            ),
            domains,
            people,
            admins,
            zone,
            start: first_day * DAY - zone * HOUR,
            days: rng.between(31, 35),
        }
    }

    /// The domain that people write from.
    pub fn primary(&self) -> &str {
        &self.domains[0].name
    }

    /// When the evidence ends.
    pub fn end(&self) -> i64 {
        self.start + self.days * DAY
    }

    /// The day of the week, in local time, Sunday 0.
    pub fn weekday(&self, at: i64) -> i64 {
        weekday(at + self.zone * HOUR)
    }

    /// The hour of the day, in local time.
    pub fn hour(&self, at: i64) -> i64 {
        (at + self.zone * HOUR).rem_euclid(DAY) / HOUR
    }

    /// Some moment on these days (counted from 0) in these local hours, at a whole second.
    pub fn moment(&self, rng: &mut Rng, days: (i64, i64), hours: (i64, i64)) -> i64 {
        let day = rng.between(days.0, days.1);
        let hour = rng.between(hours.0, hours.1);
        self.start + day * DAY + hour * HOUR + rng.between(0, 3_599) * 1_000
    }

    /// Some moment on these days in working hours of a working day; these days must hold one.
    pub fn working_moment(&self, rng: &mut Rng, days: (i64, i64)) -> i64 {
        loop {
            let at = self.moment(rng, days, (8, 16));
            if (1..=5).contains(&self.weekday(at)) {
                return at;
            }
        }
    }

    /// A path by which Exchange names an object of the organization.
    pub fn path(&self, name: &str) -> String {
        format!(
            "{}.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/{}/{name}",
            self.forest, self.initial_domain
        )
    }

    /// The server that answers; another one each time.
    pub fn server(&self, rng: &mut Rng) -> String {
        format!(
            "{}MB{:04} (15.20.{}.0{})",
            rng.pick(&["DB8PR04", "AM0PR07", "HE1PR01", "BY1PR09"]),
            rng.between(1_000, 9_999),
            rng.between(8_000, 9_400),
            rng.between(10, 39)
        )
    }
}

fn accepted_domains(
    label: &str,
    primary: &str,
    initial: &str,
    rng: &mut Rng,
) -> Vec<AcceptedDomain> {
    let mut names = vec![primary.to_string(), initial.to_string()];
    if rng.chance(0.6) {
        names.push(format!("{label}-group.example"));
    }
    // The one whose subdomains count: the primary one, or the third if there is one.
    let wide = if names.len() == 3 && rng.chance(0.4) {
        2
    } else {
        0
    };
    names
        .into_iter()
        .enumerate()
        .map(|(index, name)| AcceptedDomain {
            name,
            match_sub_domains: index == wide,
            guid: rng.guid(),
        })
        .collect()
}

/// A pause of some minutes, in whole seconds.
pub fn minutes(rng: &mut Rng, low: i64, high: i64) -> i64 {
    rng.between(low * 60, high * 60) * 1_000 / MINUTE * MINUTE + rng.between(0, 59) * 1_000
}
