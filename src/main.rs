//! The `portkey-sync` program: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    portkey_sync::cli::run(std::env::args_os())
}
