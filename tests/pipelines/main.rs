//! The pipelines: `action.yml` run as a runner runs it, with the real program against the emulator and stand-ins for
//! `gh` and `curl`; and what the examples may and may not hold.
//!
//! Needs bash, git and jq.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test panics")]

mod examples;
mod gitlab;
mod harness;
mod inputs;
mod keys;
