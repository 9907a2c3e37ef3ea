//! `expression:` a condition in CEL over `connector`, `others`, `lists` and `accepted_domains`.
//!
//! The only door to the CEL crate, which has neither types nor places for its
//! run-time errors. So the syntax tree is walked when the rule is loaded: every
//! name must exist, operands that can never be equal are refused, and nesting
//! is bounded, since the cost of an expression is the product of the lists it
//! walks. What still fails at run time makes the rule not evaluated, never passed.

use super::{Check, Condition, Offence, Subject, combination, describe};
use crate::connector::Connector;
use crate::connector::property::{Kind, Property};
use crate::connector::value::Value as Setting;
use crate::document::reader::nearest;
use crate::document::{Node, Reader, Source};
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr};
use cel::{Context, Env, Program, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// `all`, `exists`, `map` and `filter` may be nested this deep.
const DEEPEST_NESTING: usize = 2;

/// The longest expression, in bytes.
const LONGEST: usize = 2048;

/// How deep its tree may be: it is walked by calls, on stacks of two megabytes.
const DEEPEST_TREE: usize = 64;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

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
            Ok(Value::Bool(true)) => Ok(Check::Holds),
            Ok(Value::Bool(false)) => {
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
            let value =
                cel::to_value(self.variable(name, subject)).map_err(|error| error.to_string())?;
            context.add_variable_from_value(*name, value);
        }
        self.program
            .execute(&context)
            .map_err(|error| error.to_string())
    }

    /// The value of one of [`VARIABLES`].
    fn variable(&self, name: &str, subject: &Subject<'_>) -> Json {
        match name {
            "connector" => self.connector(subject.connector),
            "others" => Json::Array(
                subject
                    .others
                    .iter()
                    .map(|other| self.connector(other))
                    .collect(),
            ),
            "lists" => Json::Object(
                subject
                    .lists
                    .iter()
                    .map(|(name, entries)| (name.clone(), json!(entries)))
                    .collect(),
            ),
            _ => {
                let accepted = subject.accepted_domains.unwrap_or_default();
                json!(
                    accepted
                        .iter()
                        .map(|accepted| accepted.domain.as_str())
                        .collect::<Vec<_>>()
                )
            }
        }
    }

    /// A connector as expressions see it: empty texts are `""`, unknown booleans are not there.
    fn connector(&self, connector: &Connector) -> Json {
        let members = self.fields.iter().filter_map(|property| {
            let value = match connector.setting(*property)?.as_ref() {
                Setting::Certificate(None) => json!(""),
                value => value.to_json(),
            };
            Some((property.name().to_owned(), value))
        });
        Json::Object(members.collect())
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

/// What an expression can be.
#[derive(Clone, Debug, PartialEq)]
enum Type {
    Boolean,
    Number,
    Text,
    Null,
    List(Box<Self>),
    Connector,
    Lists,
    /// Not worked out; everything goes.
    Unknown,
}

impl Type {
    fn words(&self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Null => "null".to_owned(),
            Self::List(element) => format!("a list whose elements are {}", element.words()),
            Self::Connector => "a connector".to_owned(),
            Self::Lists => "the named lists".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }

    fn element(&self) -> Self {
        match self {
            Self::List(element) => (**element).clone(),
            _ => Self::Unknown,
        }
    }

    /// Whether a value of one can ever equal one of the other.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => true,
            (Self::List(one), Self::List(two)) => one.meets(two),
            _ => self == other,
        }
    }

    fn of(property: Property) -> Self {
        match property.kind() {
            Kind::Boolean => Self::Boolean,
            Kind::Enumeration | Kind::Text | Kind::Certificate => Self::Text,
            Kind::Addresses | Kind::Domains | Kind::Names | Kind::References => {
                Self::List(Box::new(Self::Text))
            }
            Kind::Opaque => Self::Unknown,
        }
    }
}

struct Mistake {
    id: u64,
    message: String,
    help: String,
}

/// Functions that expressions may call, with what they give.
const FUNCTIONS: [(&str, Type); 9] = [
    ("size", Type::Number),
    ("contains", Type::Boolean),
    ("startsWith", Type::Boolean),
    ("endsWith", Type::Boolean),
    ("matches", Type::Boolean),
    ("string", Type::Text),
    ("int", Type::Number),
    ("double", Type::Number),
    ("dyn", Type::Unknown),
];

const VARIABLES: [&str; 4] = ["connector", "others", "lists", "accepted_domains"];

#[derive(Default)]
struct Checker {
    mistakes: Vec<Mistake>,
    depth: usize,
    scope: Vec<(String, Type)>,
    properties: BTreeSet<Property>,
    fields: BTreeSet<Property>,
    lists: BTreeSet<String>,
    variables: BTreeSet<&'static str>,
}

impl Checker {
    fn wrong(&mut self, id: u64, message: impl Into<String>, help: impl Into<String>) -> Type {
        self.mistakes.push(Mistake {
            id,
            message: message.into(),
            help: help.into(),
        });
        Type::Unknown
    }

    fn infer(&mut self, node: &IdedExpr, nesting: usize) -> Type {
        if self.depth >= DEEPEST_TREE {
            return self.wrong(
                node.id,
                format!("the expression is more than {DEEPEST_TREE} levels deep"),
                "use a list and `in`, `all` or `exists`, or take the rule apart",
            );
        }
        self.depth += 1;
        let kind = self.infer_here(node, nesting);
        self.depth -= 1;
        kind
    }

    fn infer_here(&mut self, node: &IdedExpr, nesting: usize) -> Type {
        match &node.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.variable(node.id, name),
            Expr::Select(select) => self.select(node.id, select, nesting),
            Expr::Call(call) => self.call(node.id, call, nesting),
            Expr::List(list) => {
                let types: Vec<Type> = list
                    .elements
                    .iter()
                    .map(|element| self.infer(element, nesting))
                    .collect();
                Type::List(Box::new(types.into_iter().next().unwrap_or(Type::Unknown)))
            }
            Expr::Comprehension(comprehension) => {
                if nesting >= DEEPEST_NESTING {
                    return self.wrong(node.id, format!("`all`, `exists`, `map` and `filter` are nested more than {DEEPEST_NESTING} deep"), "take the rule apart: cost grows with the product of the lists");
                }
                let range = self.infer(&comprehension.iter_range, nesting);
                let accumulator = self.infer(&comprehension.accu_init, nesting);
                let outer = self.scope.len();
                self.scope
                    .push((comprehension.iter_var.clone(), range.element()));
                if let Some(second) = &comprehension.iter_var2 {
                    self.scope.push((second.clone(), Type::Unknown));
                }
                self.scope
                    .push((comprehension.accu_var.clone(), accumulator));
                self.infer(&comprehension.loop_cond, nesting + 1);
                self.infer(&comprehension.loop_step, nesting + 1);
                let result = self.infer(&comprehension.result, nesting + 1);
                self.scope.truncate(outer);
                result
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key, nesting);
                        self.infer(&entry.value, nesting);
                    }
                }
                Type::Unknown
            }
            Expr::Struct(_) | Expr::Unspecified => self.wrong(
                node.id,
                "this kind of expression is not taken",
                "use comparisons, lists and the functions of the documentation",
            ),
        }
    }

    fn variable(&mut self, id: u64, name: &str) -> Type {
        if let Some((_, kind)) = self.scope.iter().rev().find(|(own, _)| own == name) {
            return kind.clone();
        }
        let Some(known) = VARIABLES.into_iter().find(|variable| *variable == name) else {
            let help = nearest(name, VARIABLES).map_or_else(
                || format!("there are {}", VARIABLES.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return self.wrong(id, format!("there is no variable `{name}`"), help);
        };
        self.variables.insert(known);
        match known {
            "connector" => Type::Connector,
            "others" => Type::List(Box::new(Type::Connector)),
            "lists" => Type::Lists,
            _ => Type::List(Box::new(Type::Text)),
        }
    }

    fn select(&mut self, id: u64, select: &SelectExpr, nesting: usize) -> Type {
        let operand = self.infer(&select.operand, nesting);
        let kind = match operand {
            Type::Connector => self.setting(id, &select.field, own_connector(&select.operand)),
            Type::Lists => {
                self.lists.insert(select.field.clone());
                Type::List(Box::new(Type::Text))
            }
            Type::Unknown => Type::Unknown,
            other => self.wrong(
                id,
                format!("`.{}` asks for a field of {}", select.field, other.words()),
                "only `connector`, an element of `others` and `lists` have fields",
            ),
        };
        if select.test { Type::Boolean } else { kind }
    }

    fn setting(&mut self, id: u64, name: &str, own: bool) -> Type {
        match Property::judged().find(|property| property.name() == name) {
            Some(property) => {
                self.fields.insert(property);
                if own {
                    self.properties.insert(property);
                }
                Type::of(property)
            }
            None => {
                let help = nearest(name, Property::judged().map(Property::name)).map_or_else(
                    || "see `connguard schema baseline` for the settings".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.wrong(id, format!("connectors have no setting `{name}`"), help)
            }
        }
    }

    fn call(&mut self, id: u64, call: &CallExpr, nesting: usize) -> Type {
        // `connector.?X` and `connector["X"]`: the name is a literal, so it can be checked.
        if matches!(call.func_name.as_str(), "_?._" | "_[_]")
            && let [operand, field] = call.args.as_slice()
            && let Expr::Literal(LiteralValue::String(name)) = &field.expr
        {
            let kind = self.infer(operand, nesting);
            let select = SelectExpr {
                operand: Box::new(operand.clone()),
                field: name.inner().to_owned(),
                test: false,
            };
            return match kind {
                Type::Connector | Type::Lists => {
                    let found = self.select(id, &select, nesting);
                    if call.func_name == "_?._" {
                        Type::Unknown
                    } else {
                        found
                    }
                }
                _ => Type::Unknown,
            };
        }
        let target = call
            .target
            .as_ref()
            .map(|target| self.infer(target, nesting));
        let arguments: Vec<Type> = call
            .args
            .iter()
            .map(|argument| self.infer(argument, nesting))
            .collect();
        match (call.func_name.as_str(), arguments.as_slice()) {
            ("_&&_" | "_||_" | "!_", operands) => {
                if let Some(odd) = operands
                    .iter()
                    .find(|operand| !operand.meets(&Type::Boolean))
                {
                    return self.wrong(
                        id,
                        format!(
                            "`&&`, `||` and `!` need true or false, and this is {}",
                            odd.words()
                        ),
                        "compare it with something",
                    );
                }
                Type::Boolean
            }
            ("_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_", [left, right]) => {
                if !left.meets(right) {
                    return self.wrong(
                        id,
                        format!(
                            "{} is compared with {}, which can never be equal",
                            left.words(),
                            right.words()
                        ),
                        "compare values of one kind; texts stand in quotes, true and false do not",
                    );
                }
                Type::Boolean
            }
            ("@in", [element, list]) => {
                if matches!(list, Type::Boolean | Type::Number | Type::Text | Type::Null)
                    || !element.meets(&list.element())
                {
                    return self.wrong(
                        id,
                        format!(
                            "`in` asks whether {} is in {}",
                            element.words(),
                            list.words()
                        ),
                        "the right side must be a list of such values",
                    );
                }
                Type::Boolean
            }
            ("_?_:_", [_, value, _]) => value.clone(),
            ("_[_]" | "_[?_]", [Type::Connector | Type::Lists, _]) => self.wrong(
                id,
                "the name in brackets is not written out",
                "write `connector.RequireTls`, or the name in quotes",
            ),
            ("_[_]" | "_[?_]", [list, _]) => list.element(),
            ("_+_" | "_-_" | "_*_" | "_/_" | "_%_" | "-_", [first, ..]) => first.clone(),
            ("@not_strictly_false", _) => Type::Boolean,
            (name, _) => self.function(id, name, call, target.as_ref()),
        }
    }

    fn function(&mut self, id: u64, name: &str, call: &CallExpr, target: Option<&Type>) -> Type {
        let Some((_, result)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
            return self.wrong(
                id,
                format!("there is no function `{name}`"),
                format!(
                    "there are {}, and all, exists, exists_one, filter, map and has",
                    names.join(", ")
                ),
            );
        };
        let on_text = matches!(name, "startsWith" | "endsWith" | "matches" | "contains");
        if let Some(target) = target.filter(|target| on_text && !target.meets(&Type::Text)) {
            return self.wrong(id, format!("`{name}` is asked of {}, and needs a text", target.words()), "for an element of a list write `\"x\" in list`, or `list.exists(e, e.contains(\"x\"))`");
        }
        if name == "matches"
            && let Some(Expr::Literal(LiteralValue::String(pattern))) =
                call.args.last().map(|argument| &argument.expr)
            && regex::Regex::new(pattern.inner()).is_err()
        {
            return self.wrong(
                id,
                "the regular expression is malformed",
                "see the syntax of the Rust crate `regex`",
            );
        }
        result.clone()
    }
}

fn own_connector(operand: &IdedExpr) -> bool {
    matches!(&operand.expr, Expr::Ident(name) if name == "connector")
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Boolean,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Number,
        LiteralValue::String(_) => Type::Text,
        LiteralValue::Bytes(_) => Type::Unknown,
        LiteralValue::Null => Type::Null,
    }
}
