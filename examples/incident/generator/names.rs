//! Words of which names are made.

use super::rng::Rng;

/// First names of people, inside and outside.
pub const PEOPLE: [&str; 32] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim",
    "lars", "mona", "niels", "olivia", "peggy", "quentin", "rupert", "sybil", "trent", "ulla",
    "victor", "wendy", "xaver", "yusuf", "zoe", "anders", "birgit", "chris", "diana", "emil",
    "fatima",
];

/// Account names of administrators.
pub const ADMINS: [&str; 7] = [
    "admin",
    "it-admin",
    "exchange.admin",
    "adm.alice",
    "adm.bob",
    "mailops",
    "sysadmin",
];

/// Words of which external domains are made, always under `.example`.
const WORDS: [&str; 30] = [
    "amber", "birch", "copper", "delta", "ember", "fjord", "granite", "harbor", "indigo", "jade",
    "kestrel", "lumen", "maple", "north", "onyx", "pine", "quartz", "river", "solar", "timber",
    "umber", "valley", "willow", "xenon", "yellow", "zephyr", "basalt", "cedar", "dune", "fern",
];

/// Subjects of ordinary mail.
const SUBJECTS: [&str; 16] = [
    "Invoice",
    "Re: offer",
    "Meeting on Thursday",
    "Order confirmation",
    "Minutes, second draft",
    "FW: delivery note",
    "Question about the contract",
    "Re: Re: schedule",
    "Your ticket",
    "Status report",
    "Rückfrage zur Bestellung",
    "Re: \"final\" version, corrected",
    "Scan from printer",
    "Reminder",
    "Holiday plans",
    "Price list",
];

/// Subjects of spam.
const SPAM_SUBJECTS: [&str; 9] = [
    "You have won a prize",
    "Claim your reward today",
    "Package could not be delivered",
    "Your subscription expires",
    "Congratulations!",
    "Last notice: payment failed",
    "Verify your account",
    "Free iPhone, pay shipping only",
    "Bonus waiting for you",
];

/// A domain somewhere else. Few words give few domains, so that correspondents share them, as real ones do.
pub fn domain(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => "example.com".into(),
        1 => "example.org".into(),
        2 => "example.net".into(),
        _ => format!("{}.example", rng.pick(&WORDS)),
    }
}

/// A domain that hardly anybody else has.
pub fn rare_domain(rng: &mut Rng) -> String {
    let number = rng.between(2, 9_999);
    format!("{}{}{number}.example", rng.pick(&WORDS), rng.pick(&WORDS))
}

/// A person's address somewhere else.
pub fn stranger(rng: &mut Rng) -> String {
    let person = *rng.pick(&PEOPLE);
    let domain = if rng.chance(0.7) {
        domain(rng)
    } else {
        rare_domain(rng)
    };
    match rng.below(3) {
        0 => format!("{person}.{}@{domain}", rng.pick(&WORDS)),
        1 => format!("{person}{}@{domain}", rng.between(1, 99_999)),
        _ => {
            let initial = rng.letters(1, "abcdefghijklmnoprstvw");
            format!("{initial}.{person}{}@{domain}", rng.between(1, 999))
        }
    }
}

/// The subject of an ordinary mail.
pub fn subject(rng: &mut Rng) -> String {
    let subject = *rng.pick(&SUBJECTS);
    if rng.chance(0.5) {
        format!("{subject} {}", rng.between(100, 99_999))
    } else {
        subject.into()
    }
}

/// The subject of a spam mail.
pub fn spam_subject(rng: &mut Rng) -> String {
    let subject = *rng.pick(&SPAM_SUBJECTS);
    if rng.chance(0.4) {
        format!("{subject} #{}", rng.between(10_000, 99_999))
    } else {
        subject.into()
    }
}
