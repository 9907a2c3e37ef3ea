//! Texts and words: quotes of every kind, and what stands behind a backtick.

use super::reader::{DYNAMIC, Reader, ends_word, is_double_quote, is_line_end, is_single_quote};
use super::{Constant, Refusal};

impl Reader<'_> {
    pub(super) fn single_quoted(&mut self) -> Result<String, Refusal> {
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

    pub(super) fn double_quoted(&mut self) -> Result<String, Refusal> {
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
    pub(super) fn escaped(&mut self, start: usize) -> Result<Option<char>, Refusal> {
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

    pub(super) fn variable(&mut self) -> Result<Constant, Refusal> {
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

    pub(super) fn bare_word(&mut self) -> Result<String, Refusal> {
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

    pub(super) fn key(&mut self) -> String {
        let mut key = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_ascii_alphanumeric()) {
            key.push(c);
            self.next();
        }
        key
    }
}
