//! The tests of the program, `tests/cli`, once more with other switches: they run in a process of their own, which
//! reads the settings from a variable.

use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use serde_json::Value;

use crate::settings::Settings;

/// The tests wait more than they work.
const THREADS: &str = "8";

/// The compiled tests. Only cargo knows where they are; it has just built them.
fn binary() -> &'static str {
    static BINARY: OnceLock<String> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["test", "--locked", "--test", "cli", "--no-run", "--message-format", "json"]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).unwrap();
        let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut artifacts = messages.filter(|message| message["target"]["name"] == "cli");
        artifacts.find_map(|artifact| artifact["executable"].as_str().map(str::to_owned)).unwrap()
    })
}

/// Runs the tests and says how that went.
pub(crate) fn holds_under(settings: &Settings) -> Result<(), String> {
    // One after the other: some tests wait for a bounded time, and must get their share of the machine.
    static ONE: Mutex<()> = Mutex::new(());
    let binary = binary();
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = Instant::now();
    let output = Command::new(binary)
        .args(["--test-threads", THREADS])
        .env("PORTKEY_SYNC_SWITCHES", settings.to_string())
        .output()
        .unwrap();
    drop(one);
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{settings}\n{said}{}", String::from_utf8_lossy(&output.stderr)));
    }
    let summary = said.lines().find_map(|line| line.strip_prefix("test result: ok. "));
    let summary = summary.and_then(|line| line.split(';').next()).unwrap_or("nothing was said");
    println!("tests/cli: {summary} in {:.1} s with {settings}", begun.elapsed().as_secs_f32());
    Ok(())
}
