//! The only place that prints. Standard output holds the result; everything
//! else goes to standard error. Both pass the filter for pipeline commands.

use super::progress::{Progress, Steps};
use super::{Failure, problems};
use crate::hostile_text::visible;
use crate::report::pipeline;
use anstream::{AutoStream, ColorChoice};
use std::io::{self, BufRead as _, IsTerminal as _, Write};

/// Takes a result piece by piece.
pub(crate) type Piecewise<'o> = dyn FnMut(&str) -> io::Result<()> + 'o;

/// Where a command writes.
#[derive(Clone)]
pub(crate) struct Console {
    choice: ColorChoice,
    quiet: bool,
    verbose: bool,
    /// The bar that is drawn below everything else; none where nobody looks.
    progress: Option<Progress>,
}

impl Console {
    pub fn new(color: clap::ColorChoice, quiet: bool, verbose: bool) -> Self {
        let choice = match color {
            clap::ColorChoice::Auto => ColorChoice::Auto,
            clap::ColorChoice::Always => ColorChoice::Always,
            clap::ColorChoice::Never => ColorChoice::Never,
        };
        Self {
            choice,
            quiet,
            verbose,
            progress: None,
        }
    }

    /// The same, with progress shown where that is wanted and standard error is a terminal.
    pub fn with_progress(mut self, wanted: bool) -> Self {
        let shown = wanted && !self.quiet && io::stderr().is_terminal();
        self.progress = shown.then(Progress::default);
        self
    }

    /// Shows how far something with so many parts got, where progress is shown.
    pub fn progress(&self, parts: usize) -> Steps {
        match &self.progress {
            Some(progress) if parts > 1 => progress.begin(parts),
            _ => Steps::default(),
        }
    }

    /// Shows how far reading so many bytes got, where progress is shown and there is something to wait for.
    pub fn bytes(&self, bytes: u64) -> Steps {
        match &self.progress {
            Some(progress) if bytes > 16 << 20 => progress.begin_bytes(bytes),
            _ => Steps::default(),
        }
    }

    /// Writes a result for people.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        self.result(&pipeline::defuse_text(text))
    }

    /// Writes a result as it is. A reader that has gone away, such as `head`, is no failure.
    pub fn result(&self, text: &str) -> Result<(), Failure> {
        let mut stream = AutoStream::new(io::stdout().lock(), self.choice);
        match stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush())
        {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(
                format!("cannot write the result: {error}"),
                "free space or choose another place",
            )),
            _ => Ok(()),
        }
    }

    /// Writes a result that comes in pieces.
    pub fn pieces(
        &self,
        write: impl FnOnce(&mut Piecewise<'_>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let stream = AutoStream::new(io::stdout().lock(), self.choice);
        let mut stream = io::BufWriter::new(stream);
        let written = write(&mut |piece| stream.write_all(piece.as_bytes()));
        match written.and_then(|()| stream.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::run(
                format!("cannot write the result: {error}"),
                "free space or choose another place",
            )),
            _ => Ok(()),
        }
    }

    /// Shows what the argument parser says: help as a result, a mistake as an error.
    pub fn usage(&self, error: &clap::Error) -> u8 {
        let text = error.render().ansi().to_string();
        if error.use_stderr() {
            self.error_line(text.trim_end());
            return 2;
        }
        match self.text(&text) {
            Ok(()) => 0,
            Err(failure) => failure.exit_code(),
        }
    }

    /// Says something beside the result.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.error_line(&format!("connguard: {}", visible(text)));
        }
    }

    /// Shows text that was made for a terminal, beside the result.
    pub fn say_as_it_is(&self, text: &str) {
        self.error_line(text.trim_end());
    }

    /// Says what somebody has to do for the run to go on, however quiet it is to be.
    pub fn say(&self, text: &str) {
        self.error_line(&format!("connguard: {}", visible(text)));
    }

    /// Says what is being done, where that was asked for.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.error_line(&format!("connguard: {}", visible(text)));
        }
    }

    /// Whether there is a terminal to ask on.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Asks on the terminal; `None` where there is none to ask on.
    pub fn ask(&self, question: &str) -> Result<Option<String>, Failure> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        let mut stream = AutoStream::new(io::stderr().lock(), self.choice);
        let _ = write!(stream, "{}", pipeline::defuse_text(question));
        let _ = stream.flush();
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).map_err(|error| {
            Failure::run(format!("cannot read the answer: {error}"), "try again")
        })?;
        Ok(Some(answer))
    }

    /// Asks for a passphrase on the terminal, where it is not shown.
    pub fn passphrase(&self, question: &str) -> Result<String, Failure> {
        rpassword::prompt_password(visible(question)).map_err(|error| {
            Failure::run(
                format!("cannot ask for the passphrase: {error}"),
                "run it on a terminal, or add the key to ssh-agent",
            )
        })
    }

    /// Shows mistakes in files with their places.
    pub fn problems(&self, list: &crate::document::Problems) {
        self.error_line(problems::render(list).trim_end());
    }

    /// Shows why the command could not be done.
    pub fn failure(&self, failure: &Failure) {
        match failure {
            Failure::Usage(message) => self.error_line(&format!(
                "error: {}\n\nFor more information, try '--help'.",
                visible(message)
            )),
            Failure::Run { message, help } | Failure::Refused { message, help } => self.error_line(
                &format!("error: {}\n  → {}", visible(message), visible(help)),
            ),
            Failure::Problems(list) => self.problems(list),
        }
    }

    /// Nothing can be done about a standard error that cannot be written.
    fn error_line(&self, text: &str) {
        let _paused = self.progress.as_ref().map(Progress::pause);
        let mut stream = AutoStream::new(io::stderr().lock(), self.choice);
        let _ = writeln!(stream, "{}", pipeline::defuse_text(text));
    }
}
