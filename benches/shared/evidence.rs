//! Evidence of an organization of some size: connectors, a message trace, an audit log. The same bytes every time.

use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// How many days a trace and a log cover, up to 20 November 2026.
const DAYS: u64 = 31;
/// The first of them, in days since 1970: 20 October 2026, a Tuesday.
const FIRST_DAY: u64 = 20_746;
/// The organization's own domains.
pub const OWN_DOMAINS: [&str; 3] = ["contoso.onmicrosoft.com", "contoso.com", "shop.contoso.com"];

/// A connector of the organization, as mail is tied to it.
pub struct Relay {
    /// Its name; they stand in its order.
    pub name: &'static str,
    kind: &'static str,
    network: &'static str,
    first: u64,
    /// So many addresses of the network, from the first.
    approved: u64,
    /// So many more, that the second export has and the first one has not.
    gained: u64,
}

/// In the order of their names, as connguard has them.
pub const RELAYS: [Relay; 3] = [
    Relay {
        name: "Inbound from data centre 2",
        kind: "OnPremises",
        network: "198.51.100",
        first: 16,
        approved: 16,
        gained: 0,
    },
    Relay {
        name: "Partner Fabrikam",
        kind: "Partner",
        network: "203.0.113",
        first: 128,
        approved: 16,
        gained: 0,
    },
    Relay {
        name: "Relay from data centre 1",
        kind: "OnPremises",
        network: "203.0.113",
        first: 48,
        approved: 16,
        gained: 4,
    },
];

impl Relay {
    /// Every address, and whether it was approved.
    pub fn addresses(&self) -> impl Iterator<Item = (String, bool)> {
        let numbers = self.first..self.first + self.approved + self.gained;
        numbers.map(|last| {
            (
                format!("{}.{last}", self.network),
                last < self.first + self.approved,
            )
        })
    }

    /// Whether mail through it is the organization's own.
    pub fn on_premises(&self) -> bool {
        self.kind == "OnPremises"
    }
}

/// Numbers that look random, and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Below a bound, and small numbers more often than large ones.
    fn skewed(&mut self, bound: u64) -> u64 {
        let most = 1 << 31;
        let one = self.below(most);
        (((one * one) >> 31) * bound) >> 31
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.next() % all.len() as u64).unwrap()]
    }
}

/// Two exports of the connectors: as they were before the trace begins, and as they are now.
pub fn write_exports(folder: &Path) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(project.join("exports/contoso.json")).unwrap();
    let template: Value = serde_json::from_str(&text).unwrap();
    let domain = |name: &&str| {
        json!({
            "DomainName": name, "Name": name, "DomainType": "Authoritative", "MatchSubDomains": false,
            "Default": *name == "contoso.com", "InitialDomain": name.ends_with("onmicrosoft.com"),
        })
    };
    for (file, taken_at, gained) in [
        ("before.json", "2026-10-19T08:00:00Z", false),
        ("now.json", "2026-11-20T08:00:00Z", true),
    ] {
        let connectors = RELAYS.iter().zip(0..).map(|(relay, index)| {
            let mut row = template["inbound_connectors"][0].clone();
            row["Name"] = json!(relay.name);
            row["ConnectorType"] = json!(relay.kind);
            row["ExchangeObjectId"] = json!(super::guid(0, index));
            row["Guid"] = row["ExchangeObjectId"].clone();
            let addresses = relay
                .addresses()
                .filter(|(_, approved)| gained || *approved);
            row["SenderIPAddresses"] = addresses.map(|(address, _)| json!(address)).collect();
            if gained && relay.gained > 0 {
                row["WhenChangedUTC"] = json!("2026-11-18T02:10:00Z");
            }
            row
        });
        let mut export = template.clone();
        export["inbound_connectors"] = connectors.collect();
        export["accepted_domains"] = OWN_DOMAINS.iter().map(domain).collect();
        export["taken_at"] = json!(taken_at);
        fs::write(folder.join(file), export.to_string()).unwrap();
    }
}

/// Mails of each hour, newest first: workdays have their mornings, nights and weekends are quiet.
fn hours(rows: u64) -> Vec<(u64, u64)> {
    const DAY: [u64; 24] = [
        3, 2, 2, 2, 3, 5, 12, 30, 70, 95, 100, 90, 60, 80, 90, 85, 70, 45, 25, 15, 10, 8, 6, 4,
    ];
    let weight = |hour: u64| {
        let weekday = (FIRST_DAY + hour / 24 + 3) % 7;
        let of_day = DAY[usize::try_from(hour % 24).unwrap()];
        if weekday < 5 { of_day * 5 } else { of_day }
    };
    let whole: u64 = (0..DAYS * 24).map(weight).sum();
    let mut before = 0;
    let mut hours: Vec<(u64, u64)> = (0..DAYS * 24)
        .map(|hour| {
            let begin = rows * before / whole;
            before += weight(hour);
            (FIRST_DAY * 24 + hour, rows * before / whole - begin)
        })
        .collect();
    hours.reverse();
    hours
}

/// Year, month, day, hour, minute, second. All days lie in October and November 2026.
fn written(seconds: u64) -> (u64, u64, u64, u64, u64, u64) {
    let day = seconds / 86_400 - FIRST_DAY + 20;
    let (month, day) = if day > 31 { (11, day - 31) } else { (10, day) };
    (
        2026,
        month,
        day,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    )
}

/// A message trace as `Get-MessageTraceV2 | Export-Csv` writes it, newest first, so many rows.
pub fn write_trace(path: &Path, rows: u64) {
    const STATUS: [&str; 50] = {
        let mut all = ["Delivered"; 50];
        (all[0], all[1], all[2], all[3], all[4]) = (
            "FilteredAsSpam",
            "Quarantined",
            "Failed",
            "Expanded",
            "FilteredAsSpam",
        );
        all
    };
    const WORDS: [&str; 16] = [
        "Invoice",
        "Your order",
        "Meeting",
        "Re: offer",
        "AW: Termin",
        "Report",
        "Minutes",
        "Newsletter",
        "Fwd: contract",
        "Reminder",
        "Question",
        "Delivery note",
        "Payslip",
        "Backup finished",
        "Ticket",
        "Grüße",
    ];
    let mut random = Random(1);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    write!(
        file,
        "\"MessageTraceId\",\"MessageId\",\"Received\",\"SenderAddress\",\"RecipientAddress\",\"FromIP\",\"ToIP\",\"Subject\",\"Status\",\"Size\"\r\n"
    )
    .unwrap();
    let relays: Vec<Vec<String>> = RELAYS
        .iter()
        .map(|relay| relay.addresses().map(|(address, _)| address).collect())
        .collect();
    let user = |random: &mut Random| {
        let number = random.skewed(20_000);
        format!(
            "user{number:05}@{}",
            OWN_DOMAINS[1 + usize::from(number.is_multiple_of(17))]
        )
    };
    let stranger = |random: &mut Random| {
        let number = random.skewed(800_000);
        // Nobody writes addresses in one case.
        let name = if random.below(20) == 0 {
            "First.Last"
        } else {
            "first.last"
        };
        format!("{name}{number}@mail{}.example", number % 3001)
    };
    let sender = |random: &mut Random| {
        let number = random.skewed(20_000);
        format!("sender{number}@site{}.example", number % 2003)
    };
    for (hour, mails) in hours(rows) {
        for mail in 0..mails {
            let seconds = hour * 3600 + 3599 - mail * 3600 / mails;
            let (year, month, day, hour, minute, second) = written(seconds);
            // The attack: through addresses that the connector gained, in the last two days.
            let attack = day >= 18 && month == 11;
            let (from, from_ip, to) = match random.below(100) {
                0..40 => (
                    sender(&mut random),
                    format!("192.0.2.{}", random.skewed(150)),
                    user(&mut random),
                ),
                40..65 => (user(&mut random), String::new(), stranger(&mut random)),
                65..70 => (
                    user(&mut random),
                    format!("192.0.2.{}", random.below(150)),
                    user(&mut random),
                ),
                kind => {
                    let index = match kind {
                        70..80 => 0,
                        80..85 => 1,
                        _ => 2,
                    };
                    let all = &relays[index];
                    let number = if attack {
                        all.len() as u64
                    } else {
                        RELAYS[index].approved
                    };
                    let number = random.below(number);
                    let from = if number >= RELAYS[index].approved || index == 1 {
                        sender(&mut random)
                    } else {
                        user(&mut random)
                    };
                    let to = if index != 1 && random.below(2) == 0 {
                        stranger(&mut random)
                    } else {
                        user(&mut random)
                    };
                    (from, all[usize::try_from(number).unwrap()].clone(), to)
                }
            };
            let (id, number) = (random.next(), random.next());
            let subject = random.of(&WORDS);
            write!(
                file,
                "\"{:08x}-{:04x}-{:04x}-{:04x}-{:012x}\",\"<{:016x}@mail.contoso.com>\",\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:07}Z\",\"{from}\",\"{to}\",\"{from_ip}\",\"\",",
                id >> 32, id >> 16 & 0xFFFF, id & 0xFFFF, number >> 48, number & 0xFFFF_FFFF_FFFF, id ^ number, number % 10_000_000
            )
            .unwrap();
            match id % 20 {
                0 => write!(file, "\"{subject}, {}\"", number % 10_000),
                1 => write!(file, "\"{subject} \"\"{}\"\", urgent\"", number % 10_000),
                _ => write!(file, "\"{subject} {}\"", number % 10_000),
            }
            .unwrap();
            write!(
                file,
                ",\"{}\",\"{}\"\r\n",
                random.of(&STATUS),
                4000 + number % 90_000
            )
            .unwrap();
        }
    }
    file.flush().unwrap();
}

/// What the service does all day, as its log shows it: the cmdlet and its parameters.
/// An operation of the service, what it was done to, and its parameters.
type Noise = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const NOISE: [Noise; 8] = [
    (
        "Install-ResourceConfig",
        "Resource Schema",
        &[
            ("DomainController", ""),
            ("Organization", "contoso.onmicrosoft.com"),
        ],
    ),
    (
        "Set-ExchangeAssistanceConfig",
        "ExchangeAssistance15",
        &[
            ("Identity", "contoso.onmicrosoft.com"),
            (
                "PrivacyStatementURL",
                "http://go.microsoft.com/fwlink/?LinkID=259417",
            ),
            ("PrivacyLinkDisplayEnabled", "True"),
        ],
    ),
    (
        "Set-TenantObjectVersion",
        "Tenant",
        &[
            ("DomainController", ""),
            ("Identity", "contoso.onmicrosoft.com"),
        ],
    ),
    (
        "Set-OwaMailboxPolicy",
        "OwaMailboxPolicy-Default",
        &[
            (
                "Identity",
                "contoso.onmicrosoft.com\\OwaMailboxPolicy-Default",
            ),
            ("OneDriveAttachmentsEnabled", "True"),
        ],
    ),
    (
        "Install-DefaultSharingPolicy",
        "f6d9cf52-503f-4f2e-889f-22343a40ef98",
        &[
            ("DomainController", ""),
            ("Organization", "contoso.onmicrosoft.com"),
        ],
    ),
    (
        "Set-Mailbox",
        "EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/user",
        &[
            (
                "Identity",
                "EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/user",
            ),
            ("Arbitration", "True"),
            ("MaxSendSize", "36 MB (37,748,736 bytes)"),
            ("Force", "True"),
        ],
    ),
    (
        "Add-MailboxPermission",
        "EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/DiscoverySearchMailbox",
        &[
            ("DomainController", ""),
            (
                "Identity",
                "EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/DiscoverySearchMailbox",
            ),
            (
                "User",
                "EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/Discovery Management",
            ),
            ("AccessRights", "FullAccess"),
        ],
    ),
    (
        "Set-TransportConfig",
        "Transport Settings",
        &[
            ("Organization", "contoso.onmicrosoft.com"),
            ("DomainController", ""),
        ],
    ),
];

/// An audit log as `Search-UnifiedAuditLog | Export-Csv` writes it: one row in a hundred is of a person.
pub fn write_log(path: &Path, rows: u64) {
    let mut random = Random(2);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    write!(
        file,
        "AuditData,CreationDate,Identity,IsValid,ObjectState,Operations,PSComputerName,PSShowComputerName,RecordType,ResultCount,ResultIndex,RunspaceId,UserIds\r\n"
    )
    .unwrap();
    for index in 0..rows {
        let seconds = (FIRST_DAY + DAYS) * 86_400 - 1 - index * DAYS * 86_400 / rows;
        let (year, month, day, hour, minute, second) = written(seconds);
        let id = super::guid(
            usize::try_from(random.below(1 << 32)).unwrap(),
            usize::try_from(index).unwrap(),
        );
        let (operation, object, parameters) = random.of(&NOISE);
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|(name, value)| json!({ "Name": name, "Value": value }))
            .collect();
        let person = index % 100 == 50;
        let system = "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.ServiceHost)";
        let who = if person { "alice@contoso.com" } else { system };
        let quoted = |text: &str| json!(text).to_string().replace('/', "\\/");
        let more = if person {
            format!(
                ",\"SessionId\":\"{}\",\"ClientIP\":\"[2001:db8:111:f100::1761:914f]:52903\"",
                super::guid(1, usize::try_from(index / 5000).unwrap())
            )
        } else {
            String::new()
        };
        // In the order in which the service writes it, and with the slashes that it escapes.
        let data = format!(
            "{{\"CreationTime\":\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}\",\"Id\":\"{id}\",\"Operation\":\"{operation}\",\"OrganizationId\":\"{}\",\"RecordType\":1,\"ResultStatus\":\"True\",\"UserKey\":{who_quoted},\"UserType\":{},\"Version\":1,\"Workload\":\"Exchange\",\"ObjectId\":{},\"UserId\":{who_quoted},\"AppId\":\"\",\"ClientAppId\":\"\",\"ExternalAccess\":{},\"OrganizationName\":\"contoso.onmicrosoft.com\",\"OriginatingServer\":\"DB6PR04MB3206 (15.20.4129.028)\",\"Parameters\":{}{more}}}",
            super::guid(0, 0),
            if person { 2 } else { 3 },
            quoted(&format!("contoso.onmicrosoft.com\\{object}")),
            !person,
            Value::from(parameters).to_string().replace('/', "\\/"),
            who_quoted = quoted(who),
        );
        let data = data.replace('"', "\"\"");
        let (clock, half) = ((hour + 11) % 12 + 1, if hour < 12 { "AM" } else { "PM" });
        write!(
            file,
            "\"{data}\",{month}/{day}/{year} {clock}:{minute:02}:{second:02} {half},{id},True,Unchanged,{operation},outlook.office365.com,False,ExchangeAdmin,{rows},{index},2850e838-7c6a-4b61-a2e6-90e8c9b49bbb,{who}\r\n"
        )
        .unwrap();
    }
    file.flush().unwrap();
}
