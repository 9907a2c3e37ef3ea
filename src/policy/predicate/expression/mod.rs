//! `expression:` a condition in CEL over `connector`, `others`, `lists` and `accepted_domains`.
//!
//! The only door to the CEL crate, which has neither types nor places for its
//! run-time errors. So the syntax tree is walked when the rule is loaded: every
//! name must exist, operands that can never be equal are refused, and nesting
//! is bounded, since the cost of an expression is the product of the lists it
//! walks. What still fails at run time makes the rule not evaluated, never passed.

mod check;
mod functions;

use super::{Check, Condition, Offence, Subject, combination, describe};
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::connector::value::Value as Setting;
use crate::document::{Node, Reader, Source};
use cel::{Context, Env, Program, SerializationError, Value};
use check::{Checker, Type};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// The longest expression, in bytes.
const LONGEST: usize = 2048;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::environment()));

/// A checked CEL expression.
pub struct Expression {
    program: Program,
    text: String,
    properties: BTreeSet<Property>,
    /// What it asks of any connector: nothing else is converted.
    fields: BTreeSet<Property>,
    lists: BTreeSet<String>,
    variables: BTreeSet<&'static str>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Expression {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let text = reader.text(node)?;
        if text.len() > LONGEST {
            reader.wrong(
                node.span.clone(),
                format!("the expression is longer than {LONGEST} bytes"),
                "take it apart into several rules",
            );
            return None;
        }
        let place = Place {
            source: reader.source(),
            node,
            text: &text,
        };
        let compiled = on_a_deep_stack(|| Self::compile(&text));
        for mistake in compiled.as_ref().err().into_iter().flatten() {
            reader.wrong(
                place.range(mistake.span.clone()),
                &mistake.message,
                &mistake.help,
            );
        }
        compiled.ok()
    }

    /// Parses an expression and checks its names and types.
    fn compile(text: &str) -> Result<Self, Vec<Misplaced>> {
        let program = ENVIRONMENT.compile(text).map_err(|errors| {
            errors
                .errors
                .iter()
                .map(|error| malformed(text, error))
                .collect::<Vec<_>>()
        })?;
        let mut checker = Checker::default();
        let kind = checker.infer(program.expression(), 0);
        if !matches!(kind, Type::Boolean | Type::Unknown) {
            let message = format!(
                "the expression is {}, and must be true or false",
                kind.words()
            );
            checker.wrong(
                program.expression().id,
                message,
                "compare it with something",
            );
        }
        if checker.mistakes.is_empty() {
            let Checker {
                properties,
                fields,
                lists,
                variables,
                ..
            } = checker;
            return Ok(Self {
                program,
                text: text.to_owned(),
                properties,
                fields,
                lists,
                variables,
            });
        }
        let placed = checker.mistakes.into_iter().map(|mistake| {
            let (start, end) = program
                .source_info()
                .offset_for(mistake.id)
                .unwrap_or_default();
            Misplaced {
                span: start as usize..end as usize + 1,
                message: mistake.message,
                help: mistake.help,
            }
        });
        Err(placed.collect())
    }
}

/// A mistake with its bytes in the expression.
struct Misplaced {
    span: Range<usize>,
    message: String,
    help: String,
}

fn malformed(text: &str, error: &cel::ParseError) -> Misplaced {
    let start = offset_of(text, error.pos);
    let reason = error.msg.lines().next().unwrap_or_default();
    Misplaced {
        span: start..start + 1,
        message: format!("the expression is malformed: {reason}"),
        help: "see https://cel.dev for the language".to_owned(),
    }
}

/// Parsers call themselves for every bracket: the longest expression, all brackets, fits here.
fn on_a_deep_stack<T: Send>(
    work: impl FnOnce() -> Result<T, Vec<Misplaced>> + Send,
) -> Result<T, Vec<Misplaced>> {
    const STACK: usize = 256 * 1024 * 1024;
    let failed = |reason: &str| {
        vec![Misplaced {
            span: 0..0,
            message: format!("the expression could not be read: {reason}"),
            help: "try again, or take the rule apart".to_owned(),
        }]
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(failed("its parser failed")),
            Err(error) => Err(failed(&error.to_string())),
        }
    })
}

impl Condition for Expression {
    fn properties(&self) -> BTreeSet<Property> {
        self.properties.clone()
    }

    fn lists(&self) -> BTreeSet<String> {
        self.lists.clone()
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        if self.holds(subject)? {
            return Ok(Check::Holds);
        }
        let properties: Vec<Property> = self.properties.iter().copied().collect();
        let described: Vec<String> = properties
            .iter()
            .map(|property| describe(subject, *property))
            .collect();
        let message = format!(
            "{} (demanded: {})",
            described.join(", "),
            self.text.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        Ok(Offence {
            message,
            ..combination(subject, &properties)
        }
        .fails())
    }

    fn holds(&self, subject: &Subject<'_>) -> Result<bool, Check> {
        if let Some(name) = self
            .lists
            .iter()
            .find(|name| subject.lists.get(name).is_none())
        {
            return Err(Check::UndefinedList(name.clone()));
        }
        if self.variables.contains("accepted_domains") && subject.accepted_domains.is_none() {
            return Err(Check::Unknown(
                "the organization's accepted domains were not read".to_owned(),
            ));
        }
        match self.evaluate(subject) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(Check::Unknown(format!(
                "the expression gave {other:?}, which is neither true nor false"
            ))),
            Err(error) => Err(Check::Unknown(format!(
                "the expression could not be evaluated: {error}"
            ))),
        }
    }
}

impl Expression {
    fn evaluate(&self, subject: &Subject<'_>) -> Result<Value, String> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        // Only what the expression names is converted: `others` of every connector is their square.
        for name in &self.variables {
            let value = self
                .variable(name, subject)
                .map_err(|error| error.to_string())?;
            context.add_variable_from_value(*name, value);
        }
        self.program
            .execute(&context)
            .map_err(|error| error.to_string())
    }

    /// The value of one of the variables.
    fn variable(&self, name: &str, subject: &Subject<'_>) -> Result<Value, SerializationError> {
        match name {
            "connector" => cel::to_value(self.connector(subject.connector)),
            "others" => {
                let others = subject.others.iter().map(|other| self.connector(other));
                cel::to_value(others.collect::<Vec<_>>())
            }
            "lists" => cel::to_value(subject.lists.iter().collect::<BTreeMap<_, _>>()),
            _ => {
                let accepted = subject.accepted_domains.unwrap_or_default();
                let names = accepted.iter().map(|accepted| accepted.domain.as_str());
                cel::to_value(names.collect::<Vec<_>>())
            }
        }
    }

    /// A connector as expressions see it: empty texts are `""`, unknown booleans are not there.
    fn connector<'c>(&self, connector: &'c Connector) -> BTreeMap<&'static str, Cow<'c, Setting>> {
        let member = |property: &Property| {
            let value = match connector.setting(*property)? {
                value if *value == Setting::Certificate(None) => {
                    Cow::Owned(Setting::Text(String::new()))
                }
                value => value,
            };
            Some((property.name(), value))
        };
        self.fields.iter().filter_map(member).collect()
    }
}

/// Where an expression stands in its file.
struct Place<'a> {
    source: Source<'a>,
    node: &'a Node,
    text: &'a str,
}

impl Place<'_> {
    /// The bytes of the file for bytes of the expression. Only plain and
    /// literal (`|`) scalars stand in the file as they are; of others the whole is named.
    fn range(&self, span: Range<usize>) -> Range<usize> {
        let whole = self.node.span.clone();
        self.literal(span.start, span.end).unwrap_or(whole)
    }

    fn literal(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let before = self.text.get(..start)?;
        let line = before.matches('\n').count();
        let in_line = start - before.rfind('\n').map_or(0, |newline| newline + 1);
        let begin = self.node.span.start;
        let indent = self.source.location(begin).column - 1;
        let file_lines: Vec<&str> = self
            .source
            .text
            .get(begin..)?
            .split_inclusive('\n')
            .take(line + 1)
            .collect();
        let skipped: usize = file_lines.iter().take(line).map(|line| line.len()).sum();
        let indent = if line == 0 { 0 } else { indent };
        let at = begin + skipped + indent + in_line;
        let rest_of_line = self.text.get(start..)?.lines().next().unwrap_or_default();
        let length = end.saturating_sub(start).min(rest_of_line.len()).max(1);
        self.source
            .text
            .get(at..)?
            .starts_with(rest_of_line)
            .then_some(at..at + length)
    }
}

fn offset_of(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1);
    let column = usize::try_from(column).unwrap_or(1);
    Source { path: "", text }.offset_of(line, column)
}
