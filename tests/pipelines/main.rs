//! The pipelines: `action.yml` run as a runner runs it, with the real program against the emulator and stand-ins for
//! `gh` and `curl`; and what the examples may and may not hold.
//!
//! A test that needs a program which is not on this machine is shown as ignored, and standard error says why.

#![cfg_attr(unix, expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test panics"))]

#[cfg(unix)]
mod examples;
#[cfg(unix)]
mod gitlab;
#[cfg(unix)]
mod harness;
#[cfg(unix)]
mod inputs;
#[cfg(unix)]
mod keys;
#[cfg(unix)]
mod registry;
#[cfg(unix)]
mod review;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, registry::trials()).exit_code()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    use std::io::Write;
    let said = writeln!(std::io::stderr(), "not checked: the scripts of the pipelines are for Unix");
    if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
