//! Offset paging: 0-based, at most 100 rows, `total` on every page (portkey-api.md 2.1).

use serde_json::{Value, json};

use super::{
    call::{Answer, Call, Refusal},
    switches::{PageSize, PageSizeOver100, Switches},
};

const LARGEST_SIZE: usize = 100;
/// The largest integer that every JSON reader keeps exactly; a bound at all is inferred.
const LARGEST_NUMBER: usize = 9_007_199_254_740_991;

/// Which part of a list is asked for.
pub(super) struct Page {
    size: usize,
    number: usize,
}

impl Page {
    pub(super) fn read(call: &Call, size: &str, number: &str, switches: &Switches) -> Result<Self, Refusal> {
        let usual = match switches.page_size {
            PageSize::Fifty => 50,
            PageSize::Twenty => 20,
            PageSize::Hundred => 100,
        };
        let most = match switches.page_size_over_100 {
            PageSizeOver100::Refused => LARGEST_SIZE,
            PageSizeOver100::Clamped => LARGEST_NUMBER,
        };
        Ok(Self {
            size: parameter(call, size, 1..=most)?.unwrap_or(usual).min(LARGEST_SIZE),
            number: parameter(call, number, 0..=LARGEST_NUMBER)?.unwrap_or(0),
        })
    }

    /// The page of a list that is known to have `total` items.
    pub(super) fn answer_all<T>(
        &self,
        total: usize,
        items: impl Iterator<Item = T>,
        show: impl Fn(T) -> Value,
    ) -> Answer {
        let rows: Vec<Value> = items.skip(self.first()).take(self.size).map(show).collect();
        list(total, &rows)
    }

    /// How many items there are, and those of the page.
    pub(super) fn of<T>(&self, items: impl Iterator<Item = T>) -> (usize, Vec<T>) {
        let (first, mut total, mut found) = (self.first(), 0, Vec::new());
        for item in items {
            if total >= first && found.len() < self.size {
                found.push(item);
            }
            total += 1;
        }
        (total, found)
    }

    /// The page of a list that is counted while it is gone through.
    pub(super) fn answer<T>(&self, found: impl Iterator<Item = T>, show: impl Fn(T) -> Value) -> Answer {
        let first = self.first();
        let mut total = 0;
        let mut rows = Vec::new();
        for item in found {
            if total >= first && rows.len() < self.size {
                rows.push(show(item));
            }
            total += 1;
        }
        list(total, &rows)
    }

    fn first(&self) -> usize {
        self.number.saturating_mul(self.size)
    }
}

/// The envelope of every list that has pages.
fn list(total: usize, rows: &[Value]) -> Answer {
    Answer::ok(json!({"object": "list", "total": total, "data": rows}))
}

fn parameter(
    call: &Call,
    name: &str,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<Option<usize>, Refusal> {
    let Some(text) = call.query(name) else { return Ok(None) };
    match text.parse() {
        Ok(number) if allowed.contains(&number) => Ok(Some(number)),
        _ => Err(Refusal::invalid(format!("{name} is not valid"))),
    }
}
