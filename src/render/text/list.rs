//! Live keys as a table for people and as CSV for spreadsheets: the same columns, in the same order.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::limits;
use crate::inventory::{Holding, Issued};
use crate::model::{KeyKind, RateLimit, RateLimitType};
use crate::render::layout::{Role, columns, hanging, pad};
use crate::render::words::{between, count};
use crate::render::{Style, Verbosity, escape};

/// Between two columns.
const GAP: usize = 2;

/// The columns of the table.
const TABLE: [&str; 10] = [
    "ADDRESS",
    "TYPE",
    "STATUS",
    "SCOPES",
    "BUDGET",
    "RATE LIMITS",
    "EXPIRES",
    "SECRET AGE",
    "MANAGED BY",
    "IN FILE",
];

/// The columns of CSV; the id is there to be looked up by, and times are whole.
const CSV: [&str; 15] = [
    "address",
    "id",
    "type",
    "status",
    "scopes_count",
    "scopes",
    "budget",
    "rate_limits",
    "expires_at",
    "secret_issued_at",
    "secret_not_issued_before",
    "managed_by",
    "file",
    "line",
    "created_at",
];

/// See [`super::list`].
pub(super) fn table(
    holdings: &[&Holding<'_>],
    now: Timestamp,
    verbosity: Verbosity,
    style: &Style,
) -> String {
    if holdings.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 10]> = holdings.iter().map(|holding| row(holding, now)).collect();
    let widths: Vec<usize> = TABLE
        .iter()
        .enumerate()
        .map(|(at, heading)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| columns(cell));
            cells.max().unwrap_or(0).max(heading.len())
        })
        .collect();
    // As wide as it must be: a line is a key, for people and for `grep`.
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| pad(cell, width + GAP));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    let mut out = style.paint(Role::Heading, line(&TABLE).trim_end());
    out.push('\n');
    for (row, holding) in rows.iter().zip(holdings) {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        out.push_str(&line(&cells));
        if verbosity == Verbosity::Verbose {
            out.push_str(&hanging("    ", &scopes(&holding.key.scopes, ", "), 4, style));
        }
    }
    out
}

fn row(holding: &Holding<'_>, now: Timestamp) -> [String; 10] {
    let key = holding.key;
    let place = holding.entry.as_ref().map(|entry| &entry.desired.place);
    [
        escape(&holding.address.to_string()),
        key.kind.map_or("unknown", KeyKind::as_str).to_owned(),
        escape(&key.status),
        key.scopes.len().to_string(),
        budget(holding),
        rate_limits(holding),
        match key.expires_at {
            None => "never".to_owned(),
            Some(at) if at <= now => format!("expired {}", at.strftime("%Y-%m-%d")),
            Some(at) => at.strftime("%Y-%m-%d").to_string(),
        },
        age(holding.issued, now),
        holding.owner().map_or_else(|| "-".to_owned(), escape),
        place.map_or_else(|| "-".to_owned(), |place| escape(&format!("{}:{}", place.file, place.line))),
    ]
}

fn scopes(scopes: &BTreeSet<String>, between: &str) -> String {
    scopes.iter().map(|scope| escape(scope)).collect::<Vec<_>>().join(between)
}

/// The budget that is enforced.
fn budget(holding: &Holding<'_>) -> String {
    match &holding.key.usage_limits {
        Some(limits) if holding.has_budget() => limits::budget(limits),
        Some(_) | None => "none".to_owned(),
    }
}

/// `600 rpm, 5000000 tokens rpd`.
fn rate_limits(holding: &Holding<'_>) -> String {
    let limits: Vec<String> = holding.key.rate_limits.iter().map(rate_limit).collect();
    if limits.is_empty() { "none".to_owned() } else { limits.join(", ") }
}

fn rate_limit(limit: &RateLimit) -> String {
    let unit = escape(limit.unit.as_str());
    match (&limit.kind, limit.value) {
        (_, 0) => format!("0 {unit} (unlimited)"),
        (RateLimitType::Requests, value) => format!("{value} {unit}"),
        (RateLimitType::Tokens | RateLimitType::Other(_), value) => {
            format!("{value} {} {unit}", escape(limit.kind.as_str()))
        }
    }
}

/// How old a secret is. `at most`: Portkey does not tell when somebody else rotated it.
pub(super) fn age(issued: Issued, now: Timestamp) -> String {
    match issued {
        Issued::At(at) => between(at, now),
        Issued::NotBefore(at) => format!("at most {}", between(at, now)),
        Issued::Unknown => "unknown".to_owned(),
    }
}

/// See [`super::csv`].
pub(super) fn csv(holdings: &[&Holding<'_>]) -> String {
    let mut out = format!("{}\r\n", CSV.join(","));
    for holding in holdings {
        let cells = record(holding);
        out.push_str(&cells.iter().map(|cell| cell_of(cell)).collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    }
    out
}

fn record(holding: &Holding<'_>) -> [String; 15] {
    let key = holding.key;
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let place = holding.entry.as_ref().map(|entry| &entry.desired.place);
    let (issued, not_before) = match holding.issued {
        Issued::At(at) => (Some(at), None),
        Issued::NotBefore(at) => (None, Some(at)),
        Issued::Unknown => (None, None),
    };
    [
        escape(&holding.address.to_string()),
        escape(key.id.as_str()),
        key.kind.map_or("unknown", KeyKind::as_str).to_owned(),
        escape(&key.status),
        key.scopes.len().to_string(),
        scopes(&key.scopes, " "),
        budget(holding),
        rate_limits(holding),
        time(key.expires_at),
        time(issued),
        time(not_before),
        holding.owner().map(escape).unwrap_or_default(),
        place.map(|place| escape(&place.file)).unwrap_or_default(),
        place.map(|place| place.line.to_string()).unwrap_or_default(),
        time(key.created_at),
    ]
}

/// A cell as RFC 4180 has it. One that a spreadsheet would take for a formula gets an apostrophe, which
/// spreadsheets take for "this is text".
fn cell_of(text: &str) -> String {
    let is_formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r', ';']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// What stands below the table: how many keys are listed, of how many.
pub(super) fn counted(listed: usize, all: usize) -> String {
    if listed == 0 {
        return format!("none of {} is like that\n", count(all, "live key"));
    }
    format!("{listed} of {}\n", count(all, "live key"))
}
