//! The switches of the emulators of this run, and what they change of what is expected.
//!
//! Every test runs under every setting. Where a setting legitimately changes the result, the test asserts what it is
//! then.

use portkey_sync::emulator::Switches;
use serde_json::Value;

/// Every emulator of this run has these switches, as in `expiry-clearing=never,unset-metadata=as-empty`; so
/// `tests/switches` runs this suite. The program itself does not read it.
const SWITCHES: &str = "PORTKEY_SYNC_SWITCHES";

/// What [`SWITCHES`] asks for.
fn asked() -> Vec<(String, String)> {
    let Ok(asked) = std::env::var(SWITCHES) else { return Vec::new() };
    let pairs = asked.split(',').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, setting)| (name.to_owned(), setting.to_owned())).collect()
}

/// The same, as an emulator takes it.
pub(crate) fn switches() -> Option<Switches> {
    let asked = asked();
    let named =
        || asked.iter().map(|(name, setting)| (name.clone(), Value::from(setting.as_str()))).collect();
    (!asked.is_empty()).then(|| serde_json::from_value(Value::Object(named())).unwrap())
}

/// Whether the emulators of this run have this setting, which is no default.
pub(crate) fn is_set(name: &str, setting: &str) -> bool {
    asked().contains(&(name.to_owned(), setting.to_owned()))
}

/// What the service keeps in this run of what the keys file of the quickstart clears: key and field.
pub(crate) fn kept_of_quickstart() -> Vec<(&'static str, &'static str)> {
    let mut kept = Vec::new();
    if is_set("expiry-clearing", "never") {
        kept.push(("payments/checkout", "expires_at"));
    }
    if is_set("metadata-in-put", "merges") {
        kept.push(("payments/fraud-scoring", "metadata"));
    }
    kept
}
