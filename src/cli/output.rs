//! The one door to standard output and standard error.
//!
//! Data goes to standard output, talk to standard error. A closed pipe is no failure: whoever closed it has
//! seen enough.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::render::Style;

use super::args::{ColorWhen, GlobalArgs};

/// The width where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 100;

/// Where output goes and how it looks there.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) stdout: Style,
    pub(super) stderr: Style,
    pub(super) quiet: bool,
    /// Set when data could not be written, other than to a closed pipe.
    lost_data: Arc<AtomicBool>,
}

impl Output {
    pub(super) fn new(args: &GlobalArgs) -> Self {
        let color = |is_terminal: bool| match args.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                is_terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).or_else(|| {
            terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| usize::from(width))
        });
        let style =
            |is_terminal| Style { color: color(is_terminal), width: width.unwrap_or(DEFAULT_WIDTH).max(40) };
        Self {
            stdout: style(io::stdout().is_terminal()),
            stderr: style(io::stderr().is_terminal()),
            quiet: args.quiet,
            lost_data: Arc::default(),
        }
    }

    /// Whether some data did not get out: a full disk, most likely.
    pub(super) fn lost_data(&self) -> bool {
        self.lost_data.load(Ordering::SeqCst)
    }

    /// Data.
    pub(super) fn data(&self, text: &str) {
        let written =
            write(&mut anstream::AutoStream::new(io::stdout(), anstream::ColorChoice::Always), text);
        if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
            self.lost_data.store(true, Ordering::SeqCst);
        }
    }

    /// Talk that `--quiet` silences.
    pub(super) fn talk(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Talk that is always said.
    #[expect(clippy::unused_self, reason = "output leaves by this door only")]
    pub(super) fn complain(&self, text: &str) {
        // Nobody is left to be told of a failure to say something; the work itself goes on.
        write(&mut anstream::AutoStream::new(io::stderr(), anstream::ColorChoice::Always), text).ok();
    }
}

fn write(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
}
