//! The only place with words, symbols, layout and colour.
//!
//! Everything here turns values into text: a plan, a report, complaints about files, errors. Invariants:
//! pure (no I/O, no clock); text that came from the service or from a file goes through [`escape()`] and
//! never starts a line; colour only repeats what the words already say; the same value gives the same
//! bytes. Published JSON has its own types, so that a renamed field in the plan cannot break a reader.

pub mod explain;
pub mod github;
pub mod gitlab;
pub mod json;
pub mod markdown;
pub mod sarif;
pub mod text;

mod calls;
mod findings;
mod fingerprint;
mod layout;
mod paths;
mod words;

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod samples;

pub use crate::escape::escape;
pub use paths::Paths;
pub use words::{Detail, Movement, files_moved, moved};

/// How to draw, resolved by the caller: nothing here looks at the terminal or the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether roles are coloured. Never needed to understand anything.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// How much to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// What changes, and counts of the rest.
    #[default]
    Normal,
    /// Every name, and the exact calls.
    Verbose,
}
