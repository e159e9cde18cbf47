//! The fields of an entry of `keys` in the order of the reference.

use super::line::Line;
use crate::desired::key_fields::KEY;

/// Sorts the fields of each entry in block style that stands beneath `keys:`.
pub(super) fn sort_fields(lines: &mut Vec<Line>) {
    let Some(keys) = lines.iter().position(|line| {
        line.indent == 0 && line.text.split(" #").next().map(str::trim_end) == Some("keys:")
    }) else {
        return;
    };
    let mut sorted: Vec<Line> = lines.iter().take(keys + 1).cloned().collect();
    let mut rest = lines.split_off(keys + 1).into_iter().peekable();
    let mut dash_column = None;
    while let Some(line) = rest.next() {
        let starts = line.behind_dash.is_some() && *dash_column.get_or_insert(line.indent) == line.indent;
        if !starts {
            let ends_keys =
                line.indent == 0 && line.field.is_some() && line.behind_dash.is_none() && !line.verbatim;
            sorted.push(line);
            if ends_keys {
                break;
            }
            continue;
        }
        let column = line.behind_dash.unwrap_or_default();
        let mut entry = vec![line];
        // What is no deeper than the dash belongs to the next entry or the next field of the file.
        while let Some(next) =
            rest.next_if(|next| next.verbatim || next.is_blank() || next.indent > dash_column.unwrap_or(0))
        {
            entry.push(next);
        }
        sorted.extend(sort_entry(entry, column));
    }
    sorted.extend(rest);
    *lines = sorted;
}

/// A field with the comments above it and the lines beneath it.
struct Part {
    rank: usize,
    /// Lines above the field.
    above: usize,
    lines: Vec<Line>,
}

/// The entry with its fields sorted, or as it was if anything about it is unusual.
fn sort_entry(entry: Vec<Line>, column: usize) -> Vec<Line> {
    let Some((mut parts, tail)) = parts(&entry, column) else { return entry };
    if parts.is_sorted_by_key(|part| part.rank) {
        return entry;
    }
    parts.sort_by_key(|part| part.rank);
    // A comment cannot stand between a dash and its field.
    if parts.first().is_some_and(|part| part.above > 0) {
        return entry;
    }
    let dash = entry.first().and_then(|line| line.text.get(..column)).unwrap_or_default().to_owned();
    let spaces = " ".repeat(column);
    let mut sorted: Vec<Line> = Vec::with_capacity(entry.len());
    for part in parts {
        for mut line in part.lines {
            let is_first = sorted.is_empty();
            if is_first
                || line.behind_dash == Some(column) && line.text.starts_with(&dash) && line.indent < column
            {
                let lead = if is_first { &dash } else { &spaces };
                let text = line.text.get(column..).unwrap_or_default();
                line.text = format!("{lead}{text}");
            }
            sorted.push(line);
        }
    }
    sorted.extend(tail);
    sorted
}

/// The fields of an entry, and the lines behind the last one.
fn parts(entry: &[Line], column: usize) -> Option<(Vec<Part>, Vec<Line>)> {
    let mut parts: Vec<Part> = Vec::new();
    let mut waiting: Vec<Line> = Vec::new();
    for (index, line) in entry.iter().enumerate() {
        let is_field = !line.verbatim
            && !line.only_comment
            && !line.is_blank()
            && (index == 0 || line.indent == column && line.behind_dash.is_none());
        if is_field {
            let name = line.field.as_deref()?;
            let rank = KEY.fields.iter().position(|field| field.name == name)?;
            let mut lines = std::mem::take(&mut waiting);
            let above = lines.len();
            lines.push(line.clone());
            parts.push(Part { rank, above, lines });
            continue;
        }
        let may_be_above = !line.verbatim && (line.is_blank() || line.only_comment && line.indent <= column);
        if may_be_above {
            waiting.push(line.clone());
            continue;
        }
        // Deeper lines follow, so what waited stands inside the field.
        let part = parts.last_mut()?;
        part.lines.append(&mut waiting);
        part.lines.push(line.clone());
    }
    Some((parts, waiting))
}
