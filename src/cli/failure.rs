//! The world failed: an error chain for people, with what to do and the exit code.

use super::exit::Exit;
use crate::render::Detail;

/// Why a command could not be carried out.
#[derive(Debug)]
pub(super) struct CommandError {
    /// Stable and short, for programs: `io`, `call-failed`, `usage`.
    pub(super) code: &'static str,
    pub(super) error: anyhow::Error,
    pub(super) hints: Vec<String>,
    /// For a refusal: what moved since a plan was approved, possibly nothing that is known.
    pub(super) moved: Option<Vec<Detail>>,
    pub(super) exit: Exit,
}

impl CommandError {
    /// A failure after which certainly nothing changed.
    pub(super) fn new(error: impl Into<anyhow::Error>) -> Self {
        Self { code: "failed", error: error.into(), hints: Vec::new(), moved: None, exit: Exit::Failed }
    }

    /// A failure with a message of its own.
    pub(super) fn message(message: impl std::fmt::Display) -> Self {
        Self::new(anyhow::anyhow!("{message}"))
    }

    /// Adds what to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what to do, if anything is known.
    pub(super) fn maybe_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hints.extend(hint.map(Into::into));
        self
    }

    /// Says for programs what kind of failure this is.
    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Refuses, because what was approved is not what is there.
    pub(super) fn refused(mut self, moved: Vec<Detail>) -> Self {
        self.moved = Some(moved);
        self.exit(Exit::Refused)
    }

    /// Ends with another code.
    pub(super) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The message and what it came of, outermost first. Chains are walked here and not by `anyhow`, whose
    /// own formatting can print backtraces.
    pub(super) fn chain(&self) -> (String, Vec<String>) {
        let mut chain = self.error.chain().map(ToString::to_string);
        let message = chain.next().unwrap_or_default();
        (message, chain.collect())
    }
}
