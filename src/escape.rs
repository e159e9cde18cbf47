//! Text from the service or a file, made safe for terminals, logs and CI systems.
//!
//! Invariant: the only place that knows which characters deceive and what a CI system obeys.

/// Shows what could deceive a reader or command a terminal or a CI system.
///
/// Control characters, line breaks, blanks that are no space, invisible characters and those that turn the
/// direction of text become visible escapes. `::` at the start of a word and `##` before a word are
/// defused, since CI systems obey lines that begin with (or hold) them. Everything else stays as it is.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    // The last two characters; a text starts like a word behind a space.
    let (mut before_last, mut last) = (' ', ' ');
    while let Some(c) = chars.next() {
        let commands = match c {
            ':' => last == ':' && !before_last.is_alphanumeric(),
            _ => completes_command(last, c, chars.peek().copied()),
        };
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ if commands || is_deceptive(c) => push_code_point(&mut escaped, c),
            _ => escaped.push(c),
        }
        (before_last, last) = (last, c);
    }
    escaped
}

/// The same for the start of a line of a file that is shown as a line: tabs stay, and no character is judged by what
/// comes after it, so that the length of a shown part tells where the next one starts. Something of ours always stands
/// before it, so that of what CI systems obey only `##[` and `##vso[` are left.
pub(crate) fn escape_excerpt(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        let commands = c == '#' && last == '#';
        if commands || is_deceptive(c) && c != '\t' {
            push_code_point(&mut escaped, c);
        } else {
            escaped.push(c);
        }
        last = c;
    }
    escaped
}

/// The same for a finished JSON document: what could deceive or command is written as JSON's own `\uXXXX`, so that a
/// reader of the document gets every text as it is.
///
/// Such characters stand in texts only, and JSON knows no raw line break in a text.
pub(crate) fn escape_json(document: &str) -> String {
    let mut escaped = String::with_capacity(document.len());
    let mut chars = document.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        if completes_command(last, c, chars.peek().copied()) || is_deceptive(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(c);
        }
        last = c;
    }
    escaped
}

/// Whether this is the second `#` of `##[command]` or `##word[command]`, which some CI systems obey anywhere on a line.
pub(crate) fn completes_command(last: char, c: char, next: Option<char>) -> bool {
    last == '#' && c == '#' && next.is_some_and(|next| next == '[' || next.is_alphabetic())
}

fn push_code_point(escaped: &mut String, c: char) {
    escaped.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
}

/// Characters that have an effect without being seen, or look like a space and are none.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_commands_a_terminal_becomes_visible() {
        assert_eq!(escape("a\u{1b}[2Jb\r\nc\td\u{7f}\u{9b}"), r"a\u{1b}[2Jb\r\nc\td\u{7f}\u{9b}");
    }

    #[test]
    fn what_hides_or_turns_text_becomes_visible() {
        assert_eq!(escape("adm\u{202e}ni\u{200b}\u{a0}x\u{feff}"), r"adm\u{202e}ni\u{200b}\u{a0}x\u{feff}");
    }

    #[test]
    fn lines_that_a_ci_system_would_obey_are_defused() {
        assert_eq!(escape("::error::x"), r":\u{3a}error::x");
        assert_eq!(escape("a ::stop-commands::x"), r"a :\u{3a}stop-commands::x");
        assert_eq!(
            escape("##[error]x ##vso[task] ## heading"),
            r"#\u{23}[error]x #\u{23}vso[task] ## heading"
        );
        assert_eq!(escape("x:::::y"), r"x::\u{3a}\u{3a}\u{3a}y");
    }

    #[test]
    fn a_shown_line_of_a_file_is_no_command_either_and_its_parts_fit_together() {
        let line = "\tname: x # ##vso[task.x] ##[error] \u{202e}é";
        let shown = escape_excerpt(line);
        assert_eq!(shown, "\tname: x # #\\u{23}vso[task.x] #\\u{23}[error] \\u{202e}é");
        for (at, _) in line.char_indices() {
            assert!(shown.starts_with(&escape_excerpt(line.get(..at).unwrap())), "{at}");
        }
    }

    #[test]
    fn json_says_what_could_deceive_or_command_in_its_own_escapes() {
        let text = "a\u{1b}\n##vso[x] ##[y] ## z \u{202e}\u{9b}\u{7f}\u{e0041}é";
        let shown = escape_json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert_eq!(
            shown,
            "[\n  \"a\\u001b\\n#\\u0023vso[x] #\\u0023[y] ## z \\u202e\\u009b\\u007f\\udb40\\udc41é\"\n]"
        );
    }

    /// Texts with much of what matters in them.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("##[".to_owned()),
            Just("##vso[".to_owned()),
            Just("#".to_owned()),
            Just("\\".to_owned()),
            Just("\n::".to_owned()),
            "\\PC{0,3}",
            any::<char>().prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_reader_of_json_gets_every_text_as_it_is_and_a_log_of_it_acts_on_nothing(
            texts in proptest::collection::btree_map(hostile(), hostile(), 0..4)
        ) {
            let value = serde_json::json!({ "texts": texts });
            for document in [serde_json::to_string(&value), serde_json::to_string_pretty(&value)] {
                let shown = escape_json(&document.unwrap());
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value.clone());
                prop_assert!(!shown.contains(|c: char| is_deceptive(c) && c != '\n'), "{:?}", shown);
                prop_assert!(!shown.contains("##[") && !shown.contains("##vso"), "{}", shown);
                prop_assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{}", shown);
            }
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["Checkout, production", "svc::payments", "größe 東京 🔑", "a:b c#1 #2", "C:\\x"] {
            assert_eq!(escape(text), text);
        }
    }
}
