//! Rate limits of the data plane: fixed windows by the virtual clock, in memory only.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::world::{Key, RateLimit};

/// What each key used in the present window, by what is counted and per what time.
#[derive(Default)]
pub(super) struct RateWindows(HashMap<(String, Counter), Used>);

type Counter = (String, String);

struct Used {
    /// The number of the window since 1970.
    window: i64,
    amount: u64,
}

impl RateWindows {
    /// Whether every limit of the key has something left.
    pub(super) fn admits(&self, key: &Key, now: Timestamp) -> bool {
        enforced(key).all(|(limit, seconds)| {
            let used = self.0.get(&(key.id.clone(), counter(limit)));
            let used = used.filter(|used| used.window == window(now, seconds));
            used.is_none_or(|used| used.amount < limit.value)
        })
    }

    /// Counts one request of so many tokens.
    pub(super) fn count(&mut self, key: &Key, tokens: u64, now: Timestamp) {
        let counters: BTreeSet<(Counter, i64)> =
            enforced(key).map(|(limit, seconds)| (counter(limit), window(now, seconds))).collect();
        for (counter, window) in counters {
            let amount = if counter.0 == "tokens" { tokens } else { 1 };
            let used = self.0.entry((key.id.clone(), counter)).or_insert(Used { window, amount: 0 });
            if used.window != window {
                *used = Used { window, amount: 0 };
            }
            used.amount = used.amount.saturating_add(amount);
        }
    }
}

/// The limits that count, with the length of their window in seconds: not those of 0, not the second one of tokens, and
/// none per week, whose window the gateway does not know (portkey-api.md 2.4).
fn enforced(key: &Key) -> impl Iterator<Item = (&RateLimit, i64)> {
    let limits = key.rate_limits.as_deref().unwrap_or_default();
    let first_of_tokens = limits.iter().position(|limit| limit.kind == "tokens");
    limits.iter().enumerate().filter_map(move |(n, limit)| {
        let seconds = match limit.unit.as_str() {
            "rps" => 1,
            "rpm" => 60,
            "rph" => 60 * 60,
            "rpd" => 24 * 60 * 60,
            _ => return None,
        };
        let counts = limit.value > 0 && (limit.kind != "tokens" || first_of_tokens == Some(n));
        counts.then_some((limit, seconds))
    })
}

fn counter(limit: &RateLimit) -> Counter {
    (limit.kind.clone(), limit.unit.clone())
}

fn window(now: Timestamp, seconds: i64) -> i64 {
    now.as_second().div_euclid(seconds)
}
