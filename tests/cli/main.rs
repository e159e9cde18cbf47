//! The program itself, run as a user runs it, against an emulator that answers and misbehaves.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod creating;
mod delivering;
mod diagnostics;
mod emulating;
mod foresight;
mod formats;
mod harness;
#[cfg(unix)]
mod hostile;
mod incidents;
mod interrupting;
mod leaks;
mod listing;
mod policies;
mod quickstart;
mod reading;
#[cfg(unix)]
mod rescuing;
mod reviewing;
mod rotating;
mod saving;
mod storm;
mod switches;
mod tools;
mod usage;
mod writing;
