//! Names and types of an expression, checked on its syntax tree when the rule is loaded.

use crate::connector::property::{Kind, Property};
use crate::document::reader::nearest;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr};
use std::collections::BTreeSet;

/// `all`, `exists`, `map` and `filter` may be nested this deep.
const DEEPEST_NESTING: usize = 2;

/// How deep its tree may be: it is walked by calls, on stacks of two megabytes.
const DEEPEST_TREE: usize = 64;

/// What an expression can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
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
    pub fn words(&self) -> String {
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

/// A mistake at a node of the tree.
pub struct Mistake {
    /// The node.
    pub id: u64,
    /// What is wrong.
    pub message: String,
    /// How to go on.
    pub help: String,
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

/// Walks the tree, infers types, and notes what the expression asks for.
#[derive(Default)]
pub struct Checker {
    pub mistakes: Vec<Mistake>,
    depth: usize,
    scope: Vec<(String, Type)>,
    pub properties: BTreeSet<Property>,
    pub fields: BTreeSet<Property>,
    pub lists: BTreeSet<String>,
    pub variables: BTreeSet<&'static str>,
}

impl Checker {
    pub fn wrong(&mut self, id: u64, message: impl Into<String>, help: impl Into<String>) -> Type {
        self.mistakes.push(Mistake {
            id,
            message: message.into(),
            help: help.into(),
        });
        Type::Unknown
    }

    pub fn infer(&mut self, node: &IdedExpr, nesting: usize) -> Type {
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
