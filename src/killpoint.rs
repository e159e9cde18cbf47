//! Points of a run at which tests kill the process: around every call, write, flush, rename and delivery.
//!
//! Only with the feature `kill-points`, which the tests of this package turn on for themselves; a program that is
//! built without it has nothing of this in it.

/// The process passes this point. With `PORTKEY_SYNC_KILL_AT=N` it ends at the Nth, as if by `kill -9`; with
/// `PORTKEY_SYNC_KILL_LOG=FILE` it writes down the name of each.
#[cfg(feature = "kill-points")]
pub(crate) fn here(name: &str) {
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static PASSED: AtomicU32 = AtomicU32::new(0);
    static LAST: LazyLock<Option<u32>> =
        LazyLock::new(|| std::env::var("PORTKEY_SYNC_KILL_AT").ok()?.parse().ok());
    static LOG: LazyLock<Option<std::path::PathBuf>> =
        LazyLock::new(|| std::env::var_os("PORTKEY_SYNC_KILL_LOG").map(Into::into));

    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(path) = &*LOG
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path)
    {
        drop(writeln!(file, "{number} {name}"));
    }
    if *LAST == Some(number) {
        std::process::abort();
    }
}

/// Nothing: this program was built without the points.
#[cfg(not(feature = "kill-points"))]
pub(crate) fn here(_name: &str) {}
