//! The emulator, asked through plain HTTP as any Portkey client would ask it.

mod callers;
mod create;
mod directory;
mod faults;
mod harness;
mod list;
mod rotation;
mod start;
mod update;
mod workers;
