//! Values as YAML in block style, text in quotes wherever some reader of YAML could take it for something else.
//!
//! The serializer of `serde_yaml` leaves `no`, `1_000` and `1:30` bare, which a keys file refuses for good reasons.

use serde_yaml::{Mapping, Value};

use crate::escape::{completes_command, is_deceptive};

/// The value, one line or more, each with its line break.
pub(super) fn block(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Mapping(map) if !map.is_empty() => write_map(map, "", &mut text),
        Value::Sequence(items) if !items.is_empty() => write_list(items, "", &mut text),
        other => text = format!("{}\n", inline(other)),
    }
    text
}

fn write_map(map: &Mapping, indent: &str, text: &mut String) {
    for (name, value) in map {
        text.push_str(&format!("{indent}{}:", inline(name)));
        match value {
            Value::Mapping(map) if !map.is_empty() => {
                text.push('\n');
                write_map(map, &format!("{indent}  "), text);
            }
            Value::Sequence(items) if !items.is_empty() => {
                text.push('\n');
                write_list(items, indent, text);
            }
            other => text.push_str(&format!(" {}\n", inline(other))),
        }
    }
}

fn write_list(items: &[Value], indent: &str, text: &mut String) {
    let deeper = format!("{indent}  ");
    for item in items {
        let mut inner = String::new();
        match item {
            Value::Mapping(map) if !map.is_empty() => write_map(map, &deeper, &mut inner),
            Value::Sequence(items) if !items.is_empty() => write_list(items, &deeper, &mut inner),
            other => inner = format!("{deeper}{}\n", inline(other)),
        }
        // The dash stands in the indentation of the first line.
        text.push_str(&format!("{indent}- {}", inner.strip_prefix(&deeper).unwrap_or(&inner)));
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if is_unmistakable(text) => text.clone(),
        Value::String(text) => quoted(text),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Sequence(_) => "[]".to_owned(),
        Value::Mapping(_) => "{}".to_owned(),
        Value::Null | Value::Tagged(_) => "null".to_owned(),
    }
}

/// Whether every reader of YAML sees this text, unquoted, as the same text.
fn is_unmistakable(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    // What is not ASCII may be a space or a line break to somebody.
    let plain = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphabetic() && !is_deceptive(c);
    let is_words = text.starts_with(char::is_alphabetic)
        && text.chars().all(plain)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains("##")
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    is_words || is_id(text) || is_time(text)
}

/// The outline of a UUID, as which nothing else is read.
fn is_id(text: &str) -> bool {
    let is_outline = |(at, c): (usize, char)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_alphanumeric(),
    };
    text.len() == 36 && text.char_indices().all(is_outline)
}

/// RFC 3339, which is a time or text to everybody.
fn is_time(text: &str) -> bool {
    text.contains('T') && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

/// In double quotes; JSON's escapes are YAML's too, and `\U` is for what lies beyond them.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut chars = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Whoever reviews the file should see what is in it, and no log of it should act.
            _ if is_deceptive(c) || completes_command(last, c, chars.peek().copied()) => {
                let point = u32::from(c);
                quoted.push_str(&if point > 0xffff {
                    format!("\\U{point:08x}")
                } else {
                    format!("\\u{point:04x}")
                });
            }
            _ => quoted.push(c),
        }
        last = c;
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_look_as_people_write_them() {
        let value: Value = serde_yaml::from_str(
            "{name: checkout, id: 183f497a-31b4-4c1e-b0d5-6f1a2c7d9e88, scopes: [completions.write], rate_limits: \
             [{type: requests, value: 5}], expires_at: '2027-06-30T00:00:00Z', metadata: {}, none: null}",
        )
        .unwrap();
        assert_eq!(
            block(&Value::Sequence(vec![value])),
            "- name: checkout\n  id: 183f497a-31b4-4c1e-b0d5-6f1a2c7d9e88\n  scopes:\n  - completions.write\n  \
             rate_limits:\n  - type: requests\n    value: 5\n  expires_at: 2027-06-30T00:00:00Z\n  metadata: {}\n  \
             none: null\n"
        );
    }

    #[test]
    fn text_that_could_be_misread_is_quoted() {
        for text in
            ["no", "Y", "1_000", "1:30", "0x1F", "012", "1e3", "~", "", " a", "a ", "a: b", "a #b", "- a"]
        {
            assert!(inline(&text.into()).starts_with('"'), "{text}");
        }
        for text in ["checkout", "a:b", "c#d", "Checkout service, production", "ws-prod-1a2b3c", "ключ"] {
            assert_eq!(inline(&text.into()), text);
        }
    }

    #[test]
    fn nothing_in_a_text_hides_turns_it_around_or_commands_a_ci_system() {
        for text in [
            "adm\u{202e}in",
            "a\u{2066}b",
            "a\u{200b}b",
            "a\u{115f}b",
            "a\u{3164}",
            "a\u{e0041}b",
            "a\u{9b}b",
            "##vso[task.x]",
            "a##vso[task.x]",
            "a ##[add-mask]b",
            "a###[b]",
        ] {
            let shown = block(&text.into());
            assert!(!shown.contains(|c: char| is_deceptive(c) && c != '\n'), "{shown:?}");
            assert!(!shown.contains("##[") && !shown.contains("##vso"), "{shown}");
            assert_eq!(serde_yaml::from_str::<Value>(&shown).unwrap(), Value::from(text), "{shown}");
        }
    }

    #[test]
    fn every_character_comes_back() {
        let text: String = (0..0x3200)
            .chain(0xfe00..0x1_0000)
            .chain([0x1f511, 0xe_0041])
            .filter_map(char::from_u32)
            .collect();
        let value = Value::from(text);
        assert_eq!(serde_yaml::from_str::<Value>(&block(&value)).unwrap(), value);
    }
}
