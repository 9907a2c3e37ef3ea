//! `New-`, `Set-` and `Remove-InboundConnector`: parameters by the names that PowerShell takes, values by their kind.

use crate::connector::property::{Kind, Property, SetBy};
use crate::connector::value::Raw;
use crate::document::{Problem, Problems, Source};
use crate::powershell::command::{self, Argument, ArgumentKind, Command, Constant};
use std::collections::BTreeSet;
use std::ops::Range;

/// What a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `New-InboundConnector`
    New,
    /// `Set-InboundConnector`
    Set,
    /// `Remove-InboundConnector`
    Remove,
}

impl Verb {
    const ALL: [(Self, &'static str); 3] = [
        (Self::New, "New-InboundConnector"),
        (Self::Set, "Set-InboundConnector"),
        (Self::Remove, "Remove-InboundConnector"),
    ];

    /// The cmdlet's name.
    pub fn cmdlet(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(verb, _)| *verb == self)
            .map_or("", |(_, name)| name)
    }
}

/// A line that was understood.
#[derive(Clone, Debug)]
pub struct Cmdlet {
    /// What it does.
    pub verb: Verb,
    /// The connector that it names.
    pub identity: Option<String>,
    /// What it sets.
    pub values: Vec<(Property, Assigned)>,
    /// Where it stands.
    pub span: Range<usize>,
}

/// What becomes of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Assigned {
    /// It gets this value.
    Value(Raw),
    /// Elements of its list come and go.
    Edit {
        /// Those that come.
        add: Vec<String>,
        /// Those that go.
        remove: Vec<String>,
    },
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Parameter {
    Identity,
    Setting(Property),
    /// It changes how the line runs, not what it does.
    Switch(&'static str),
    Common(&'static str),
}

const SWITCHES: [&str; 4] = ["Confirm", "WhatIf", "Verbose", "Debug"];
const COMMON: [&str; 10] = [
    "ErrorAction",
    "WarningAction",
    "InformationAction",
    "ProgressAction",
    "ErrorVariable",
    "WarningVariable",
    "InformationVariable",
    "OutVariable",
    "OutBuffer",
    "PipelineVariable",
];
/// Short names that PowerShell itself gives to common parameters.
const ALIASES: [(&str, &str); 14] = [
    ("cf", "Confirm"),
    ("wi", "WhatIf"),
    ("vb", "Verbose"),
    ("db", "Debug"),
    ("ea", "ErrorAction"),
    ("wa", "WarningAction"),
    ("infa", "InformationAction"),
    ("proga", "ProgressAction"),
    ("ev", "ErrorVariable"),
    ("wv", "WarningVariable"),
    ("iv", "InformationVariable"),
    ("ov", "OutVariable"),
    ("ob", "OutBuffer"),
    ("pv", "PipelineVariable"),
];

impl Parameter {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "Identity",
            Self::Setting(property) => property.name(),
            Self::Switch(name) | Self::Common(name) => name,
        }
    }
}

/// The parameters of a cmdlet: reference, section 2.1.
fn parameters(verb: Verb) -> Vec<Parameter> {
    let settings = Property::ALL
        .iter()
        .copied()
        .filter(|property| match (verb, property.row().set_by) {
            (Verb::New, SetBy::New | SetBy::NewAndSet) | (Verb::Set, SetBy::NewAndSet) => true,
            (_, SetBy::New | SetBy::NewAndSet | SetBy::Nothing) => false,
        })
        .map(Parameter::Setting);
    let identity = (verb != Verb::New).then_some(Parameter::Identity);
    identity
        .into_iter()
        .chain(settings)
        .chain(SWITCHES.map(Parameter::Switch))
        .chain(COMMON.map(Parameter::Common))
        .collect()
}

/// Reads cmdlet lines; all mistakes at once, as far as the text can be taken apart.
///
/// # Errors
///
/// Whatever PowerShell would refuse, and whatever it would work out first.
pub fn read(source: Source<'_>) -> Result<Vec<Cmdlet>, Problems> {
    let commands = command::parse(source.text).map_err(|refusal| {
        Problems::from(
            source
                .problem(refusal.span, refusal.message)
                .help(refusal.help),
        )
    })?;
    let mut problems = Problems::default();
    if commands.is_empty() {
        problems.push(
            Problem::of_file(source.path, "there is no command here")
                .help("write New-, Set- or Remove-InboundConnector and its parameters"),
        );
    }
    let mut cmdlets = Vec::new();
    for command in &commands {
        let mut binder = Binder {
            source,
            problems: &mut problems,
        };
        cmdlets.extend(binder.bind(command));
    }
    problems.into_result(Some(cmdlets))
}

struct Binder<'s, 'p> {
    source: Source<'s>,
    problems: &'p mut Problems,
}

impl Binder<'_, '_> {
    fn wrong<T>(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        let problem = self.source.problem(span.clone(), message).help(help);
        self.problems.push(problem);
        None
    }

    fn bind(&mut self, command: &Command) -> Option<Cmdlet> {
        let known = Verb::ALL
            .into_iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(&command.name));
        let Some((verb, _)) = known else {
            return self.wrong(
                &command.span,
                format!("{:?} changes no inbound connector", command.name),
                "write New-InboundConnector, Set-InboundConnector or Remove-InboundConnector",
            );
        };
        let parameters = parameters(verb);
        let mut cmdlet = Cmdlet {
            verb,
            identity: None,
            values: Vec::new(),
            span: command.span.clone(),
        };
        let mut given: BTreeSet<&'static str> = BTreeSet::new();
        let mut arguments = command.arguments.iter().peekable();
        let mut sound = true;
        while let Some(argument) = arguments.next() {
            let (parameter, value, span) = match &argument.kind {
                ArgumentKind::Value(value) => {
                    let positional = match verb {
                        Verb::New => Parameter::Setting(Property::Name),
                        Verb::Set | Verb::Remove => Parameter::Identity,
                    };
                    if given.contains(positional.name()) {
                        sound = false;
                        self.wrong::<()>(
                            &argument.span,
                            "a value stands behind no parameter",
                            "put arrays together with commas, and texts with spaces in quotes",
                        );
                        continue;
                    }
                    (positional, Some(value), &argument.span)
                }
                ArgumentKind::Parameter { name, bound } => {
                    let Some(parameter) = self.resolve(&parameters, name, verb, &argument.span)
                    else {
                        sound = false;
                        continue;
                    };
                    // A switch takes a value only behind a colon.
                    let takes = *bound || !matches!(parameter, Parameter::Switch(_));
                    let next = arguments.next_if(|next: &&Argument| {
                        takes && matches!(next.kind, ArgumentKind::Value(_))
                    });
                    let value = next.and_then(|next| match &next.kind {
                        ArgumentKind::Value(value) => Some(value),
                        ArgumentKind::Parameter { .. } => None,
                    });
                    (parameter, value, &argument.span)
                }
            };
            if !given.insert(parameter.name()) {
                sound = false;
                self.wrong::<()>(
                    span,
                    format!("-{} is given twice", parameter.name()),
                    "PowerShell refuses that: leave one",
                );
                continue;
            }
            sound &= self.take(&mut cmdlet, parameter, value, span).is_some();
        }
        sound &= self.complete(&cmdlet).is_some();
        sound.then_some(cmdlet)
    }

    /// By its whole name, by an alias, or by a beginning that only one name has.
    fn resolve(
        &mut self,
        parameters: &[Parameter],
        name: &str,
        verb: Verb,
        span: &Range<usize>,
    ) -> Option<Parameter> {
        let alias = ALIASES
            .into_iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(name));
        let whole = alias.map_or(name, |(_, name)| name);
        let exact = parameters
            .iter()
            .copied()
            .find(|parameter| parameter.name().eq_ignore_ascii_case(whole));
        if exact.is_some() {
            return exact;
        }
        let lower = name.to_ascii_lowercase();
        let candidates: Vec<Parameter> = parameters
            .iter()
            .copied()
            .filter(|parameter| parameter.name().to_ascii_lowercase().starts_with(&lower))
            .collect();
        match candidates.as_slice() {
            [only] => Some(*only),
            [] => {
                let names = parameters.iter().map(|parameter| parameter.name());
                let near = crate::document::reader::nearest(name, names);
                let help = near.map_or_else(
                    || "see the cmdlet's documentation for its parameters".to_owned(),
                    |near| format!("did you mean -{near}?"),
                );
                let client = name.eq_ignore_ascii_case("ClientHostNames") && verb == Verb::Set;
                let help = if client {
                    "it can be set when a connector is made and never after".to_owned()
                } else {
                    help
                };
                self.wrong(
                    span,
                    format!("{} has no parameter -{name}", verb.cmdlet()),
                    help,
                )
            }
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|parameter| format!("-{}", parameter.name()))
                    .collect();
                self.wrong(
                    span,
                    format!("-{name} may be {}", names.join(" or ")),
                    "what is not clear is not judged: write more of the name",
                )
            }
        }
    }

    fn take(
        &mut self,
        cmdlet: &mut Cmdlet,
        parameter: Parameter,
        value: Option<&Constant>,
        span: &Range<usize>,
    ) -> Option<()> {
        match (parameter, value) {
            (Parameter::Switch(_), None | Some(Constant::Boolean(_)))
            | (Parameter::Common(_), Some(_)) => Some(()),
            (Parameter::Switch(name), Some(_)) => self.wrong(
                span,
                format!("-{name} is on or off"),
                "write it alone, or with :$true or :$false",
            ),
            (_, None) => self.wrong(
                span,
                format!("-{} needs a value", parameter.name()),
                "write the value behind it",
            ),
            (Parameter::Identity, Some(Constant::Text(text))) if !text.is_empty() => {
                cmdlet.identity = Some(text.clone());
                Some(())
            }
            (Parameter::Identity, Some(_)) => self.wrong(
                span,
                "-Identity names one connector",
                "write its id or its name; with none the service answers with every connector",
            ),
            (Parameter::Setting(property), Some(value)) => {
                let assigned = self.assigned(property, value, span)?;
                cmdlet.values.push((property, assigned));
                Some(())
            }
        }
    }

    fn assigned(
        &mut self,
        property: Property,
        value: &Constant,
        span: &Range<usize>,
    ) -> Option<Assigned> {
        let name = property.name();
        let raw = match (property.kind(), value) {
            (Kind::Boolean, Constant::Boolean(value)) => Raw::Boolean(*value),
            (Kind::Boolean, _) => {
                return self.wrong(
                    span,
                    format!("-{name} is true or false"),
                    "write $true or $false",
                );
            }
            (Kind::Enumeration, Constant::Text(text)) if !text.is_empty() => {
                Raw::Text(text.clone())
            }
            (Kind::Text | Kind::Certificate, Constant::Text(text)) => Raw::Text(text.clone()),
            (Kind::Text | Kind::Certificate, Constant::Null) if property != Property::Name => {
                Raw::Null
            }
            (kind, Constant::Null) if kind.is_list() => Raw::Null,
            (kind, Constant::Text(text)) if kind.is_list() => {
                Raw::List(vec![Raw::Text(text.clone())])
            }
            (kind, Constant::List(items)) if kind.is_list() => Raw::List(
                self.texts(items, name, span)?
                    .into_iter()
                    .map(Raw::Text)
                    .collect(),
            ),
            (kind, Constant::Table(entries)) if kind.is_list() => {
                return self.edit(entries, name, span);
            }
            _ => {
                return self.wrong(
                    span,
                    format!("-{name} must be {}", property.kind().expected()),
                    "write a value of that kind",
                );
            }
        };
        Some(Assigned::Value(raw))
    }

    fn texts(
        &mut self,
        items: &[Constant],
        name: &str,
        span: &Range<usize>,
    ) -> Option<Vec<String>> {
        let texts: Option<Vec<String>> = items
            .iter()
            .map(|item| match item {
                Constant::Text(text) if !text.is_empty() => Some(text.clone()),
                _ => None,
            })
            .collect();
        texts.or_else(|| {
            self.wrong(
                span,
                format!("-{name} is a list of texts"),
                "write @('a', 'b'), or $null for none",
            )
        })
    }

    /// `@{Add = …; Remove = …}`
    fn edit(
        &mut self,
        entries: &[(String, Constant)],
        name: &str,
        span: &Range<usize>,
    ) -> Option<Assigned> {
        let (mut add, mut remove) = (None, None);
        for (key, value) in entries {
            let texts = match value {
                Constant::List(items) => self.texts(items, name, span)?,
                one => self.texts(std::slice::from_ref(one), name, span)?,
            };
            let slot = if key.eq_ignore_ascii_case("Add") {
                &mut add
            } else if key.eq_ignore_ascii_case("Remove") {
                &mut remove
            } else {
                return self.wrong(
                    span,
                    format!("{key:?} is neither Add nor Remove"),
                    "write @{Add='a'; Remove='b'}",
                );
            };
            if slot.replace(texts).is_some() {
                return self.wrong(span, format!("{key} is given twice"), "leave one");
            }
        }
        if add.is_none() && remove.is_none() {
            return self.wrong(
                span,
                format!("-{name} neither adds nor removes anything"),
                "write @{Add='a'; Remove='b'}, or $null to empty the list",
            );
        }
        Some(Assigned::Edit {
            add: add.unwrap_or_default(),
            remove: remove.unwrap_or_default(),
        })
    }

    /// What a cmdlet cannot do without.
    fn complete(&mut self, cmdlet: &Cmdlet) -> Option<()> {
        let gives = |wanted: Property| {
            cmdlet
                .values
                .iter()
                .any(|(property, _)| *property == wanted)
        };
        let missing = match cmdlet.verb {
            Verb::Set | Verb::Remove if cmdlet.identity.is_none() => "-Identity",
            Verb::New if !gives(Property::Name) => "-Name",
            Verb::New if !gives(Property::SenderDomains) => "-SenderDomains",
            _ => return Some(()),
        };
        self.wrong(
            &cmdlet.span,
            format!("{} needs {missing}", cmdlet.verb.cmdlet()),
            "PowerShell would ask for it: write it",
        )
    }
}
