//! portkey-sync.

pub mod emulator;
