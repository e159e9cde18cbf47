//! The emulator against a plain model of what is known of Portkey, over long runs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod chance;
mod kill;
mod line;
mod model;
mod operations;
mod spending;
mod year;
