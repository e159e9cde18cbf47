//! The emulator, asked through plain HTTP as any Portkey client would ask it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod audit;
mod callers;
mod contract;
mod create;
mod directory;
mod faults;
mod gateway;
mod harness;
mod list;
mod rotation;
mod rules;
mod scopes;
mod start;
mod switches;
mod update;
mod workers;
