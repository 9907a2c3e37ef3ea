//! The public keys of an audit repository, in OpenSSH's `allowed_signers` format.
//!
//! A strict subset of what `ssh-keygen` takes, so that a reader sees at once
//! who a key belongs to: one literal principal a line, no patterns, no
//! negation, times that end in `Z`. A line with `cert-authority` names the
//! authority that may certify keys of that one principal.

use crate::document::{Problem, Problems, Source};
use crate::hostile_text::shape;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;
use std::collections::BTreeSet;
use std::ops::Range;

/// The file's name, beside the root that names its digest.
pub const FILE_NAME: &str = "allowed_signers";

/// The keys of all principals.
#[derive(Clone, Debug, Default)]
pub struct AllowedSigners {
    keys: Vec<SignerKey>,
}

/// One line: a key, whose it is, and when and for what it counts.
#[derive(Clone, Debug)]
pub struct SignerKey {
    /// The one literal principal.
    pub principal: String,
    /// The key: the principal's own, or that of an authority that certifies theirs.
    pub key: KeyData,
    /// `cert-authority`: the key signs certificates, never documents.
    pub authority: bool,
    /// `namespaces="…"`; `None` means every namespace.
    pub namespaces: Option<Vec<String>>,
    /// `valid-after="…"`.
    pub valid_after: Option<Timestamp>,
    /// `valid-before="…"`.
    pub valid_before: Option<Timestamp>,
}

impl AllowedSigners {
    /// Reads the file; all mistakes at once, each with its line.
    pub fn parse(source: Source<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut keys: Vec<SignerKey> = Vec::new();
        let mut start = 0;
        for line in source.text.split_inclusive('\n') {
            let text = line.trim();
            let span = start..start + line.trim_end().len();
            start += line.len();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match parse_line(source, text, span.clone()) {
                Ok(key) => match keys.iter().find_map(|earlier| clash(earlier, &key)) {
                    Some((message, help)) => {
                        problems.push(source.problem(span, message).help(help));
                    }
                    None => keys.push(key),
                },
                Err(problem) => problems.push(problem),
            }
        }
        problems.into_result(Some(Self { keys }))
    }

    /// Every line.
    pub fn lines(&self) -> &[SignerKey] {
        &self.keys
    }

    /// The line of a person's own key.
    pub fn of_key(&self, key: &KeyData) -> Option<&SignerKey> {
        self.keys
            .iter()
            .find(|line| !line.authority && &line.key == key)
    }

    /// The lines for which an authority may certify keys.
    pub fn of_authority<'s, 'k>(
        &'s self,
        key: &'k KeyData,
    ) -> impl Iterator<Item = &'s SignerKey> + use<'s, 'k> {
        self.keys
            .iter()
            .filter(move |line| line.authority && &line.key == key)
    }

    /// The lines of a principal.
    pub fn of_principal<'s, 'p>(
        &'s self,
        principal: &'p str,
    ) -> impl Iterator<Item = &'s SignerKey> + use<'s, 'p> {
        self.keys
            .iter()
            .filter(move |line| line.principal == principal)
    }

    /// Whether a principal has any key.
    pub fn knows(&self, principal: &str) -> bool {
        self.keys.iter().any(|line| line.principal == principal)
    }
}

/// What makes two lines impossible beside each other, and how to mend it.
fn clash(earlier: &SignerKey, line: &SignerKey) -> Option<(String, &'static str)> {
    let same_person = earlier.principal == line.principal;
    if !same_person && shape(&earlier.principal) == shape(&line.principal) {
        return Some((
            format!(
                "{:?} cannot be told apart from {:?}",
                line.principal, earlier.principal
            ),
            "two names that look alike may be one person: choose another",
        ));
    }
    if earlier.key != line.key {
        return None;
    }
    match (earlier.authority, line.authority) {
        // An authority may certify several people; it still counts once towards a threshold.
        (true, true) if !same_person => None,
        (true, false) | (false, true) => Some((
            "this key stands here both as a person's and as an authority's".to_owned(),
            "an authority that signs documents would certify itself: take one of the lines out",
        )),
        _ if same_person => Some((
            "this key stands here twice".to_owned(),
            "take one of the lines out",
        )),
        _ => Some((
            format!(
                "this key stands under two principals, {:?} and {:?}",
                earlier.principal, line.principal
            ),
            "a key counts for one person: take one of the lines out",
        )),
    }
}

impl SignerKey {
    /// The key as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    /// The line in words, limits included: equal for lines that mean the same.
    pub fn words(&self) -> String {
        let mut text = self.fingerprint();
        if self.authority {
            text.push_str(", as an authority");
        }
        if let Some(namespaces) = &self.namespaces {
            text.push_str(&format!(", for {}", namespaces.join(" and ")));
        }
        for (word, time) in [("from", self.valid_after), ("until", self.valid_before)] {
            if let Some(time) = time {
                text.push_str(&format!(", {word} {time}"));
            }
        }
        text
    }

    /// Whether the key's limits hold at a time.
    pub fn is_in_time(&self, at: Timestamp) -> bool {
        self.valid_after.is_none_or(|time| at >= time)
            && self.valid_before.is_none_or(|time| at < time)
    }

    /// Says why the key does not count for a namespace at a time.
    pub fn refusal(&self, namespace: &str, now: Timestamp) -> Option<String> {
        if self
            .namespaces
            .as_ref()
            .is_some_and(|namespaces| !namespaces.iter().any(|own| own == namespace))
        {
            return Some(format!(
                "this key of {} may not sign in the namespace {namespace}",
                self.principal
            ));
        }
        if let Some(valid_after) = self.valid_after.filter(|&time| now < time) {
            return Some(format!(
                "this key of {} counts from {valid_after} on only",
                self.principal
            ));
        }
        if let Some(valid_before) = self.valid_before.filter(|&time| now >= time) {
            return Some(format!(
                "this key of {} stopped counting at {valid_before}",
                self.principal
            ));
        }
        None
    }
}

fn parse_line(source: Source<'_>, text: &str, span: Range<usize>) -> Result<SignerKey, Problem> {
    let problem = |message: String, help: &str| source.problem(span.clone(), message).help(help);
    let (principal, rest) = word(text);
    let principal = principal.trim_matches('"');
    if !is_principal(principal) {
        return Err(problem(
            format!("{principal:?} is not exactly one principal"),
            "name one person a line, in ASCII and without patterns: alice@contoso.com ssh-ed25519 AAAA…",
        ));
    }
    let (first, after) = word(rest);
    let (options, key_text) = if is_key_type(first) {
        (Options::default(), rest)
    } else {
        (
            Options::parse(first).map_err(|message| problem(message, OPTIONS_HELP))?,
            after,
        )
    };
    let key = PublicKey::from_openssh(key_text.trim()).map_err(|error| {
        problem(
            format!("the public key cannot be read: {error}"),
            "a line is: principal [options] type base64 [comment], as in the `.pub` file",
        )
    })?;
    if matches!(
        key.key_data(),
        KeyData::Certificate(_) | KeyData::Dsa(_) | KeyData::Other(_)
    ) {
        return Err(problem(
            format!("keys of the type {} are not taken", key.algorithm()),
            "use ssh-ed25519, ecdsa-sha2-nistp*, ssh-rsa or their sk- forms",
        ));
    }
    Ok(SignerKey {
        principal: principal.to_owned(),
        key: key.key_data().clone(),
        authority: options.authority,
        namespaces: options.namespaces,
        valid_after: options.valid_after,
        valid_before: options.valid_before,
    })
}

/// Whether a text names exactly one person: no pattern, and no letter that looks like another.
/// Signature files are named by it and people paste it into shells, so nothing else is taken.
pub fn is_principal(text: &str) -> bool {
    text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '@' | '+' | '-'))
}

const OPTIONS_HELP: &str = "known options: cert-authority, namespaces=\"a,b\", valid-after=\"20260101Z\", valid-before=\"20270101Z\"";

/// The options of a line.
#[derive(Default)]
struct Options {
    authority: bool,
    namespaces: Option<Vec<String>>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

impl Options {
    fn parse(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        let mut seen = BTreeSet::new();
        for option in split_options(text) {
            if option.eq_ignore_ascii_case("cert-authority") {
                options.authority = true;
                continue;
            }
            let Some((name, value)) = option.split_once('=') else {
                return Err(format!("the option {option:?} is not known"));
            };
            let value = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .ok_or_else(|| format!("the value of {name} must be in double quotes"))?;
            if !seen.insert(name.to_ascii_lowercase()) {
                return Err(format!("the option {name:?} stands here twice"));
            }
            match name.to_ascii_lowercase().as_str() {
                "namespaces" if value.contains(['*', '?', '!']) => {
                    return Err("`namespaces` must name namespaces, not patterns".to_owned());
                }
                "namespaces" => {
                    options.namespaces = Some(
                        value
                            .split(',')
                            .map(|name| name.trim().to_owned())
                            .collect(),
                    )
                }
                "valid-after" => options.valid_after = Some(time(value)?),
                "valid-before" => options.valid_before = Some(time(value)?),
                _ => return Err(format!("the option {name:?} is not known")),
            }
        }
        Ok(options)
    }
}

/// What stands behind the principal of a line: its options, and the key with its comment.
pub fn options_of(rest: &str) -> (Vec<&str>, &str) {
    let (first, after) = word(rest);
    if is_key_type(first) {
        (Vec::new(), rest)
    } else {
        (split_options(first), after)
    }
}

fn is_key_type(word: &str) -> bool {
    word.starts_with("ssh-")
        || word.starts_with("ecdsa-")
        || word.starts_with("sk-")
        || word.starts_with("rsa-")
}

/// The first word, quotes respected, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let mut quoted = false;
    for (index, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                return (
                    text.get(..index).unwrap_or_default(),
                    text.get(index..).unwrap_or_default(),
                );
            }
            _ => {}
        }
    }
    (text, "")
}

/// Splits at commas outside quotes.
fn split_options(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        if c == '"' {
            quoted = !quoted;
        }
        c == ',' && !quoted
    })
    .collect()
}

/// `YYYYMMDD[HHMM[SS]]Z`. Without `Z` OpenSSH means local time, which differs between readers.
fn time(text: &str) -> Result<Timestamp, String> {
    let expected = || format!("{text:?} is not a time like 20260101Z or 202601011200Z");
    let digits = text.strip_suffix('Z').ok_or_else(expected)?;
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    let part = |range: Range<usize>| {
        digits
            .get(range)
            .map_or(Ok(0), |part| part.parse::<i16>().map_err(|_| expected()))
    };
    let small = |range: Range<usize>| {
        part(range).and_then(|number| i8::try_from(number).map_err(|_| expected()))
    };
    let civil = DateTime::new(
        part(0..4)?,
        small(4..6)?,
        small(6..8)?,
        small(8..10)?,
        small(10..12)?,
        small(12..14)?,
        0,
    )
    .map_err(|_| expected())?;
    civil
        .to_zoned(TimeZone::UTC)
        .map(|zoned| zoned.timestamp())
        .map_err(|_| expected())
}
