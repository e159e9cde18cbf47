//! Text from the service or a file, made safe for terminals and logs.

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
            '#' => last == '#' && chars.peek().is_some_and(|next| *next == '[' || next.is_alphabetic()),
            _ => false,
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
pub(super) fn escape_excerpt(text: &str) -> String {
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

fn push_code_point(escaped: &mut String, c: char) {
    escaped.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
}

/// Characters that have an effect without being seen, or look like a space and are none.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
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
    fn ordinary_text_stays_as_it_is() {
        for text in ["Checkout, production", "svc::payments", "größe 東京 🔑", "a:b c#1 #2", "C:\\x"] {
            assert_eq!(escape(text), text);
        }
    }
}
