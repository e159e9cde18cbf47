//! What the exit code says. Documented in the README; scripts rely on it.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing to do, or waiting.
    Done,
    /// Failed, and certainly nothing changed.
    Failed,
    /// Changes are pending (`--detailed-exitcode`).
    Pending,
    /// Something changed or may have changed, and not everything is done.
    Partial,
    /// Refused or blocked; nothing was written.
    Refused,
    /// Wrong usage.
    Usage,
    /// Interrupted before any write.
    Interrupted,
}

impl Exit {
    /// This, unless the other one already says that something went wrong.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        match other {
            Self::Done | Self::Pending => self,
            Self::Failed | Self::Partial | Self::Refused | Self::Usage | Self::Interrupted => other,
        }
    }

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Pending => 2,
            Self::Partial => 3,
            Self::Refused => 4,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
