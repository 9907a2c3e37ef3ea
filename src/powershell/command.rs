//! Command lines as PowerShell reads their arguments, without running anything.
//!
//! Only what has one meaning whoever runs it: constants, arrays of them, and
//! tables of them. What PowerShell would work out first (a variable, a
//! subexpression, another command) is refused with the reason, since what it
//! comes to is not known here.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

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

const DYNAMIC: &str =
    "write the value itself: what a variable or an expression comes to is not known before it runs";

/// Reads every command of a text: one a line, or several between semicolons.
pub fn parse(text: &str) -> Result<Vec<Command>, Refusal> {
    let mut reader = Reader {
        text,
        rest: text.char_indices().peekable(),
    };
    let mut commands = Vec::new();
    loop {
        reader.separators();
        match reader.command()? {
            Some(command) => commands.push(command),
            None => return Ok(commands),
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: Peekable<CharIndices<'t>>,
}

/// PowerShell takes typographic quotes for quotes.
const fn is_single_quote(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}'..='\u{201B}')
}

const fn is_double_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201C}'..='\u{201E}')
}

/// And longer dashes for dashes.
const fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2013}'..='\u{2015}')
}

const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// Ends a bare word.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '|' | '&' | '(' | ')' | '{' | '}' | '<' | '>')
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    fn next(&mut self) -> Option<char> {
        self.rest.next().map(|(_, c)| c)
    }

    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    /// The character behind the next one.
    fn second(&mut self) -> Option<char> {
        let at = self.at();
        self.text.get(at..)?.chars().nth(1)
    }

    fn refuse<T>(
        &mut self,
        from: usize,
        message: impl Into<String>,
        help: &str,
    ) -> Result<T, Refusal> {
        let to = self.at().max(from);
        Err(Refusal {
            span: from..to,
            message: message.into(),
            help: help.to_owned(),
        })
    }

    /// Skips blanks, continued lines and comments.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(c) if c.is_whitespace() && !is_line_end(c) => {
                    self.next();
                }
                Some('`') if self.second().is_some_and(is_line_end) => {
                    self.next();
                    if self.next() == Some('\r') && self.peek() == Some('\n') {
                        self.next();
                    }
                }
                Some('#') => {
                    while self.peek().is_some_and(|c| !is_line_end(c)) {
                        self.next();
                    }
                }
                _ => return,
            }
        }
    }

    /// Skips what stands between commands.
    fn separators(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some(c) if is_line_end(c) || c == ';' => {
                    self.next();
                }
                _ => return,
            }
        }
    }

    /// Skips blanks and line ends, where a bracket is open.
    fn inside(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some(c) if is_line_end(c) => {
                    self.next();
                }
                _ => return,
            }
        }
    }

    fn command(&mut self) -> Result<Option<Command>, Refusal> {
        let start = self.at();
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        if !first.is_ascii_alphabetic() {
            self.next();
            return self.refuse(
                start,
                format!("a command begins with its name, not with {first:?}"),
                "write New-, Set- or Remove-InboundConnector and its parameters",
            );
        }
        let name = self.bare_word()?;
        let span = start..self.at();
        let mut arguments = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None => break,
                Some(c) if is_line_end(c) || c == ';' => break,
                Some(_) => arguments.push(self.argument()?),
            }
        }
        Ok(Some(Command {
            name,
            span,
            arguments,
        }))
    }

    fn argument(&mut self) -> Result<Argument, Refusal> {
        let start = self.at();
        let is_name = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '?';
        let kind = match self.peek() {
            Some(c) if is_dash(c) && self.second().is_some_and(is_name) => self.parameter()?,
            Some(c) if is_dash(c) && self.second().is_some_and(is_dash) => {
                return self.refuse(
                    start,
                    "`--` ends the parameters",
                    "write each value behind its parameter",
                );
            }
            _ => ArgumentKind::Value(self.list(true)?),
        };
        Ok(Argument {
            kind,
            span: start..self.at(),
        })
    }

    fn parameter(&mut self) -> Result<ArgumentKind, Refusal> {
        let start = self.at();
        self.next();
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if c == ':' {
                self.next();
                return Ok(ArgumentKind::Parameter { name, bound: true });
            }
            if ends_word(c) {
                break;
            }
            if !c.is_ascii_alphanumeric() && c != '_' {
                self.next();
                return self.refuse(
                    start,
                    format!("{c:?} is part of no parameter's name"),
                    "write the name as Exchange has it",
                );
            }
            name.push(c);
            self.next();
        }
        Ok(ArgumentKind::Parameter { name, bound: false })
    }

    /// One value, or several between commas. Bare words stand for themselves only outside brackets.
    fn list(&mut self, bare: bool) -> Result<Constant, Refusal> {
        let first = self.constant(bare)?;
        let mut items = vec![first];
        loop {
            let behind = self.rest.clone();
            if bare {
                self.blanks();
            } else {
                self.inside();
            }
            if self.peek() != Some(',') {
                self.rest = behind;
                break;
            }
            self.next();
            self.inside();
            items.push(self.constant(bare)?);
        }
        Ok(match items.pop() {
            Some(only) if items.is_empty() => only,
            Some(last) => {
                items.push(last);
                Constant::List(items)
            }
            None => Constant::Null,
        })
    }

    fn constant(&mut self, bare: bool) -> Result<Constant, Refusal> {
        let start = self.at();
        let constant = match self.peek() {
            None => return self.refuse(start, "a value is missing", "write the value"),
            Some(c) if is_single_quote(c) => Constant::Text(self.single_quoted()?),
            Some(c) if is_double_quote(c) => Constant::Text(self.double_quoted()?),
            Some('$') => self.variable()?,
            Some('@') => self.at_sign()?,
            Some('(') => {
                self.next();
                self.inside();
                let inner = self.list(false)?;
                self.close(start, ')')?;
                inner
            }
            Some('[') if !bare => {
                return self.refuse(start, "a type stands where a value belongs", DYNAMIC);
            }
            Some(c) if ends_word(c) || c == '`' && self.second().is_none() => {
                self.next();
                let what = match c {
                    '|' => "a pipeline sends the result to another command",
                    '&' => "`&` runs something",
                    '>' | '<' => "a redirection is no part of a command",
                    ',' => "a value is missing before the comma",
                    _ => "a bracket stands where a value belongs",
                };
                return self.refuse(start, what, "write one command with constant values");
            }
            Some(c) if !bare => {
                // Within brackets a number is a number, and any other word would be a command.
                let word = self.bare_word()?;
                if !c.is_ascii_digit() || word.parse::<u64>().is_err() {
                    return self.refuse(
                        start,
                        format!("within brackets {word:?} would run as a command"),
                        "put texts in quotes",
                    );
                }
                Constant::Text(word)
            }
            Some(_) => Constant::Text(self.bare_word()?),
        };
        // What follows without a blank would be joined to it, or be an expression.
        match self.peek() {
            Some(c) if !ends_word(c) => {
                self.next();
                self.refuse(
                    start,
                    format!("{c:?} follows a value without a blank"),
                    "put the whole value in one pair of single quotes",
                )
            }
            Some('(' | '{') => {
                self.next();
                self.refuse(start, "a bracket follows a value without a blank", DYNAMIC)
            }
            _ => Ok(constant),
        }
    }

    fn single_quoted(&mut self) -> Result<String, Refusal> {
        let start = self.at();
        self.next();
        let mut text = String::new();
        while let Some(c) = self.next() {
            if !is_single_quote(c) {
                text.push(c);
            } else if self.peek().is_some_and(is_single_quote) {
                // Two quotes within quotes are one, whichever they are.
                text.extend(self.next());
            } else {
                return Ok(text);
            }
        }
        self.refuse(
            start,
            "the quotes are not closed",
            "close them with the same kind of quote",
        )
    }

    fn double_quoted(&mut self) -> Result<String, Refusal> {
        let start = self.at();
        self.next();
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '$' => {
                    return self.refuse(
                        start,
                        "`$` within double quotes is worked out when it runs",
                        "use single quotes, in which it stands for itself",
                    );
                }
                '`' => text.extend(self.escaped(start)?),
                c if is_double_quote(c) => {
                    if !self.peek().is_some_and(is_double_quote) {
                        return Ok(text);
                    }
                    text.extend(self.next());
                }
                c => text.push(c),
            }
        }
        self.refuse(
            start,
            "the quotes are not closed",
            "close them with the same kind of quote",
        )
    }

    /// What stands behind a backtick.
    fn escaped(&mut self, start: usize) -> Result<Option<char>, Refusal> {
        match self.next() {
            Some('0') => Ok(Some('\0')),
            Some('a') => Ok(Some('\u{7}')),
            Some('b') => Ok(Some('\u{8}')),
            Some('f') => Ok(Some('\u{c}')),
            Some('n') => Ok(Some('\n')),
            Some('r') => Ok(Some('\r')),
            Some('t') => Ok(Some('\t')),
            Some('v') => Ok(Some('\u{b}')),
            Some('u' | 'e') => self.refuse(
                start,
                "this escape means one thing in Windows PowerShell and another in PowerShell 7",
                "write the character itself",
            ),
            Some(c) if is_line_end(c) => {
                if c == '\r' && self.peek() == Some('\n') {
                    self.next();
                }
                Ok(None)
            }
            other => Ok(other),
        }
    }

    fn variable(&mut self) -> Result<Constant, Refusal> {
        let start = self.at();
        self.next();
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if !c.is_alphanumeric() && !matches!(c, '_' | ':' | '?' | '$' | '^' | '.') {
                break;
            }
            name.push(c);
            self.next();
        }
        match name.to_ascii_lowercase().as_str() {
            "true" => Ok(Constant::Boolean(true)),
            "false" => Ok(Constant::Boolean(false)),
            "null" => Ok(Constant::Null),
            _ => self.refuse(
                start,
                format!("what ${name} holds is not known before it runs"),
                DYNAMIC,
            ),
        }
    }

    fn at_sign(&mut self) -> Result<Constant, Refusal> {
        let start = self.at();
        self.next();
        match self.peek() {
            Some('(') => {
                self.next();
                self.array(start)
            }
            Some('{') => {
                self.next();
                self.table(start)
            }
            Some(c) if is_single_quote(c) || is_double_quote(c) => self.refuse(
                start,
                "a here-string is not read",
                "put the text in one pair of single quotes",
            ),
            _ => self.refuse(
                start,
                "splatting passes parameters that do not stand here",
                "write the parameters themselves",
            ),
        }
    }

    fn array(&mut self, start: usize) -> Result<Constant, Refusal> {
        let mut items = Vec::new();
        loop {
            self.inside();
            match self.peek() {
                Some(')') => {
                    self.next();
                    return Ok(Constant::List(items));
                }
                Some(';') => {
                    self.next();
                }
                None => return self.refuse(start, "the bracket is not closed", "close it with )"),
                Some(_) => match self.list(false)? {
                    Constant::List(several) => items.extend(several),
                    one => items.push(one),
                },
            }
        }
    }

    fn table(&mut self, start: usize) -> Result<Constant, Refusal> {
        let mut entries = Vec::new();
        loop {
            self.inside();
            match self.peek() {
                Some('}') => {
                    self.next();
                    return Ok(Constant::Table(entries));
                }
                Some(';') => {
                    self.next();
                }
                None => return self.refuse(start, "the bracket is not closed", "close it with }"),
                Some(c) => {
                    let key = if is_single_quote(c) {
                        self.single_quoted()?
                    } else if is_double_quote(c) {
                        self.double_quoted()?
                    } else {
                        self.key()
                    };
                    self.inside();
                    if key.is_empty() || self.next() != Some('=') {
                        return self.refuse(
                            start,
                            "a table holds names, `=` and values",
                            "write @{Add='a'; Remove='b'}",
                        );
                    }
                    self.inside();
                    entries.push((key, self.list(false)?));
                }
            }
        }
    }

    fn key(&mut self) -> String {
        let mut key = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_alphanumeric()) {
            key.push(c);
            self.next();
        }
        key
    }

    fn close(&mut self, start: usize, bracket: char) -> Result<(), Refusal> {
        self.inside();
        if self.peek() == Some(bracket) {
            self.next();
            return Ok(());
        }
        self.refuse(
            start,
            "brackets hold an expression, which is worked out when it runs",
            DYNAMIC,
        )
    }

    fn bare_word(&mut self) -> Result<String, Refusal> {
        let start = self.at();
        let mut word = String::new();
        while let Some(c) = self.peek() {
            match c {
                c if ends_word(c) => break,
                '$' => {
                    self.next();
                    return self.refuse(start, "`$` in a word is worked out when it runs", DYNAMIC);
                }
                c if is_single_quote(c) || is_double_quote(c) => {
                    self.next();
                    return self.refuse(
                        start,
                        "a quote within a word",
                        "put the whole value in one pair of single quotes",
                    );
                }
                '`' if self.second().is_none_or(is_line_end) => {
                    return self.refuse(
                        start,
                        "a backtick right behind a word joins the line end to it",
                        "put a blank before the backtick",
                    );
                }
                '`' => {
                    self.next();
                    word.extend(self.escaped(start)?);
                }
                c => {
                    word.push(c);
                    self.next();
                }
            }
        }
        Ok(word)
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
