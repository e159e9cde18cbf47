//! Text from the service or a file, made safe for markdown.
//!
//! Whatever is not a plain word ends up in a code span or a fence, where nothing links, mentions, or is HTML. A
//! backslash would not do: a forge looks for mentions in what markdown has become.

use crate::render::escape;

/// A name or value is cut to so many bytes.
pub(super) const LONGEST_PIECE: usize = 200;
/// A sentence is cut to so many bytes.
const LONGEST_SENTENCE: usize = 600;

/// A text of at most so many bytes, with `...` where something is left out.
pub(super) fn shorten(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes.saturating_sub(3)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", text.get(..end).unwrap_or_default())
}

/// A text as a code span: its fence is longer than any run of backticks in it. Also safe in a table's cell.
pub(super) fn code(text: &str) -> String {
    // A pipe ends a cell even within a code span, and a backslash before it is taken for one more escape.
    let text = shorten(&escape(text).replace('|', "\\u{7c}"), LONGEST_PIECE);
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    let gap = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{gap}{text}{gap}{fence}")
}

/// A sentence of ours with names in it, most of them in backticks. Other words that markdown or a forge could take
/// for something else become code spans too.
pub(super) fn prose(text: &str) -> String {
    let text = shorten(&escape(text), LONGEST_SENTENCE);
    let mut out = String::new();
    let mut pieces = text.split('`').enumerate().peekable();
    while let Some((index, piece)) = pieces.next() {
        let is_closed = pieces.peek().is_some();
        if index % 2 == 0 || !is_closed {
            out.push_str(&words(piece));
        } else if !piece.is_empty() {
            out.push_str(&code(piece));
        }
    }
    out
}

/// Words with the spaces between them.
fn words(text: &str) -> String {
    let safe: Vec<String> = text
        .split(' ')
        .map(|word| match word {
            "" => String::new(),
            "->" => "→".to_owned(),
            word => word_or_code(word),
        })
        .collect();
    safe.join(" ")
}

/// A word with what stands around it in a sentence: only the word itself becomes code.
fn word_or_code(word: &str) -> String {
    let inner = word.trim_start_matches('(');
    let ends: &[char] =
        if inner.len() < word.len() { &['.', ',', ';', ':', '?', ')'] } else { &['.', ',', ';', ':', '?'] };
    let core = inner.trim_end_matches(ends);
    if is_plain(core) {
        return word.to_owned();
    }
    let (before, after) = word.split_once(core).unwrap_or(("", ""));
    format!("{before}{}{after}", code(core))
}

/// Whether a word means nothing to markdown and to a forge: no link, mention, number of an issue, HTML, emphasis.
fn is_plain(word: &str) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || ".,;:'\"()/=%+-?".contains(c);
    word.len() <= LONGEST_PIECE
        && word.chars().all(harmless)
        && !word.contains("://")
        && !word.to_ascii_lowercase().contains("www.")
        && !word.starts_with(['+', '-', '=', ':'])
}

/// Lines in a fence that none of them can close.
pub(super) fn fenced(language: &str, lines: &str) -> String {
    let fence = "`".repeat(longest_run(lines, '`').max(2) + 1);
    format!("{fence}{language}\n{lines}{fence}\n")
}

/// For a comment that the forge does not show: nothing in it can end the comment.
pub(super) fn in_comment(text: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || "._/, ".contains(c) { c } else { '-' };
    let mut safe: String = text.chars().map(kept).take(LONGEST_PIECE).collect();
    while safe.contains("--") {
        safe = safe.replace("--", "-");
    }
    safe.trim_matches(['-', ' ']).to_owned()
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_holds_any_backticks() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(code("a|b"), r"`a\u{7c}b`");
        assert_eq!(code(" "), "(empty)");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shorten("ééééé", 9), "ééé...");
        assert!(code(&"`x".repeat(100_000)).len() < 210);
        assert!(prose(&"@ ".repeat(100_000)).len() < 2_000);
    }

    #[test]
    fn words_that_a_forge_would_act_on_become_code() {
        assert_eq!(prose("ask @acme/admins about #12"), "ask `@acme/admins` about `#12`");
        assert_eq!(
            prose("see https://evil.example or www.evil.example"),
            "see `https://evil.example` or `www.evil.example`"
        );
        assert_eq!(prose("[x](y) <b> *a* _b_ ~~c~~"), "`[x](y)` `<b>` `*a*` `_b_` `~~c~~`");
        assert_eq!(prose("500 -> 2000"), "500 → 2000");
    }

    #[test]
    fn names_in_backticks_stay_code_and_an_odd_backtick_opens_nothing() {
        assert_eq!(prose("did you mean `ws-a` at keys.yaml:3?"), "did you mean `ws-a` at keys.yaml:3?");
        assert_eq!(prose("a `b @c"), "a b `@c`");
        assert_eq!(prose("its name is `x` @y`"), "its name is `x` `@y`");
    }

    #[test]
    fn only_the_word_itself_becomes_code() {
        assert_eq!(prose("say --yes, or (--prune): @x."), "say `--yes`, or (`--prune`): `@x`.");
        assert_eq!(prose("(a, b); c?"), "(a, b); c?");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fenced("diff", "a\n"), "```diff\na\n```\n");
        assert_eq!(fenced("diff", "a ````` b\n"), "``````diff\na ````` b\n``````\n");
    }

    #[test]
    fn nothing_ends_a_comment() {
        assert_eq!(in_comment("keys.yaml --> <img>"), "keys.yaml - -img");
        assert_eq!(in_comment("ke\u{202e}ys--.yaml\n"), "ke-ys-.yaml");
    }
}
