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
    /// Every one, by its number.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::Pending,
        Self::Partial,
        Self::Refused,
        Self::Usage,
        Self::Interrupted,
    ];

    /// What it says, as the README's table has it.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, nothing to do, or waiting for a date",
            Self::Failed => "failed, and certainly nothing changed: invalid files, no connection, declined",
            Self::Pending => "changes are pending (`plan --detailed-exitcode`)",
            Self::Partial => {
                "something changed or may have changed, and not everything is done; the report says which"
            }
            Self::Refused => {
                "refused, or some entry is blocked until a person acts; `apply` has written nothing if it ends with 4"
            }
            Self::Usage => "wrong usage",
            Self::Interrupted => "interrupted before any write",
        }
    }

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
