//! Command lines as PowerShell reads their arguments, without running anything.
//!
//! Only what has one meaning whoever runs it: constants, arrays of them, and
//! tables of them. What PowerShell would work out first (a variable, a
//! subexpression, another command) is refused with the reason, since what it
//! comes to is not known here.

mod reader;
mod text;

use reader::Reader;
use std::ops::Range;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its name, as written.
    pub name: String,
    /// Where that stands, in bytes.
    pub span: Range<usize>,
    /// Parameters and values, in their order.
    pub arguments: Vec<Argument>,
}

/// One argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// What it is.
    pub kind: ArgumentKind,
    /// Where it stands, in bytes.
    pub span: Range<usize>,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// `-Name`, or `-Name:` when the value that follows belongs to it in any case.
    Parameter {
        /// The name, without the dash, as written.
        name: String,
        /// Whether a colon binds the next value to it.
        bound: bool,
    },
    /// A value.
    Value(Constant),
}

/// A value that is known without running anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// `$null`
    Null,
    /// `$true` or `$false`
    Boolean(bool),
    /// A text: quoted, or a bare word.
    Text(String),
    /// `a,b` or `@('a', 'b')`
    List(Vec<Self>),
    /// `@{Add = 'a'; Remove = 'b'}`
    Table(Vec<(String, Self)>),
}

/// Why a line cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to go on.
    pub help: String,
}

/// Reads every command of a text: one a line, or several between semicolons.
pub fn parse(text: &str) -> Result<Vec<Command>, Refusal> {
    let mut reader = Reader::new(text);
    let mut commands = Vec::new();
    loop {
        reader.separators();
        match reader.command()? {
            Some(command) => commands.push(command),
            None => return Ok(commands),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ArgumentKind, Constant, parse};

    fn values(text: &str) -> Vec<Constant> {
        let commands = parse(text).map_err(|refusal| refusal.message);
        let Ok([command]) = commands.as_deref() else {
            return Vec::new();
        };
        command
            .arguments
            .iter()
            .filter_map(|argument| match &argument.kind {
                ArgumentKind::Value(value) => Some(value.clone()),
                ArgumentKind::Parameter { .. } => None,
            })
            .collect()
    }

    fn text(text: &str) -> Constant {
        Constant::Text(text.to_owned())
    }

    #[test]
    fn constants_are_read_as_powershell_reads_them() {
        assert_eq!(values("X 'it''s'"), [text("it's")]);
        assert_eq!(
            values("X \u{2018}a\u{201A}\u{201B}b\u{2019}"),
            [text("a\u{201B}b")]
        );
        assert_eq!(values("X \"a`\"b\"\"c`n\""), [text("a\"b\"c\n")]);
        assert_eq!(
            values("X a, b,`\n 'c'"),
            [Constant::List(vec![text("a"), text("b"), text("c")])]
        );
        assert_eq!(
            values("X @('a';'b'\n'c')"),
            [Constant::List(vec![text("a"), text("b"), text("c")])]
        );
        assert_eq!(
            values("X $TRUE $null"),
            [Constant::Boolean(true), Constant::Null]
        );
        assert_eq!(
            values("X @{Add='a','b';Remove='c'}"),
            [Constant::Table(vec![
                ("Add".to_owned(), Constant::List(vec![text("a"), text("b")])),
                ("Remove".to_owned(), text("c")),
            ])]
        );
        assert_eq!(
            values("X 203.0.113.0/24 # a comment"),
            [text("203.0.113.0/24")]
        );
        assert_eq!(values("X @()"), [Constant::List(vec![])]);
    }

    #[test]
    fn what_is_worked_out_when_it_runs_is_refused() {
        for line in [
            "X $name",
            "X \"$name\"",
            "X $(calc)",
            "X (Get-Content x)",
            "X @splat",
            "X 'a'+'b'",
            "X a|b",
            "X & calc",
            "X a > b",
            "X 'open",
            "X \"open",
            "X @('a'",
            "X @{a}",
            "X a$b",
            "& X",
            "$x = 1",
            "X 'a'b",
            "X @'",
            "X [int]::x('a')",
            "X a'b'",
            "X ('a'+'b')",
            "X -- a",
            "X @(calc)",
            "X 'a'.Length",
            "X \"`u{41}\"",
            "X $true.x",
            "X ,a",
            "X {a}",
            "X 'a'(b)",
        ] {
            assert!(parse(line).is_err(), "{line}: {:?}", parse(line));
        }
    }
}
