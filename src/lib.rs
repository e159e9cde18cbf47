//! Keeps the API keys of a Portkey organisation equal to a reviewed YAML file.
//!
//! ```text
//! keys.yaml ── desired ──▶ Desired ─┐
//!                                   ├─ diff ─▶ Diff ── plan ──▶ Plan ─┬─ render ─▶ text · json
//! Admin API ── live ─────▶ Live ────┘                                 └─ apply ──▶ Report ─ render
//! ```
//!
//! Each arrow is one module, each noun one type. `diff` and `plan` are pure.

pub mod api;
pub mod apply;
pub mod cli;
pub mod desired;
pub mod diagnostic;
pub mod diff;
pub mod emulator;
mod escape;
pub mod handoff;
pub mod import;
pub mod inventory;
mod killpoint;
pub mod live;
pub mod model;
pub mod plan;
pub mod policy;
pub mod render;
pub mod report;
pub mod saved_plan;
pub mod scopes;
pub mod secrets;
