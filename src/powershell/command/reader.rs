//! The structure of a line: commands, parameters, values, arrays and tables.

use super::{Argument, ArgumentKind, Command, Constant, Refusal};
use std::iter::Peekable;
use std::str::CharIndices;

/// How to go on where something would be worked out first.
pub(super) const DYNAMIC: &str =
    "write the value itself: what a variable or an expression comes to is not known before it runs";

pub(super) struct Reader<'t> {
    text: &'t str,
    rest: Peekable<CharIndices<'t>>,
}

/// PowerShell takes typographic quotes for quotes.
pub(super) const fn is_single_quote(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}'..='\u{201B}')
}

pub(super) const fn is_double_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201C}'..='\u{201E}')
}

/// And longer dashes for dashes.
const fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2013}'..='\u{2015}')
}

pub(super) const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// Ends a bare word.
pub(super) fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '|' | '&' | '(' | ')' | '{' | '}' | '<' | '>')
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            rest: text.char_indices().peekable(),
        }
    }

    pub(super) fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    pub(super) fn next(&mut self) -> Option<char> {
        self.rest.next().map(|(_, c)| c)
    }

    pub(super) fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    /// The character behind the next one.
    pub(super) fn second(&mut self) -> Option<char> {
        let at = self.at();
        self.text.get(at..)?.chars().nth(1)
    }

    pub(super) fn refuse<T>(
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
    pub(super) fn separators(&mut self) {
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

    pub(super) fn command(&mut self) -> Result<Option<Command>, Refusal> {
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
}
