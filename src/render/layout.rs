//! Columns, wrapping and colour.
//!
//! Painted text carries escape sequences of ours, and only ours: text from outside has none left once
//! it is escaped. They take no columns, so colour never moves a line break.

use anstyle::{AnsiColor, Effects};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Style;

/// What a piece of text is; decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Added,
    Removed,
    Changed,
    Quiet,
    Heading,
    Error,
    Warning,
    Hint,
}

impl Role {
    fn style(self) -> anstyle::Style {
        let style = anstyle::Style::new();
        match self {
            Self::Added => style.fg_color(Some(AnsiColor::Green.into())),
            Self::Removed => style.fg_color(Some(AnsiColor::Red.into())),
            Self::Changed => style.fg_color(Some(AnsiColor::Yellow.into())),
            Self::Quiet => style.effects(Effects::DIMMED),
            Self::Heading => style.effects(Effects::BOLD),
            Self::Error => style.fg_color(Some(AnsiColor::Red.into())).effects(Effects::BOLD),
            Self::Warning => style.fg_color(Some(AnsiColor::Yellow.into())).effects(Effects::BOLD),
            Self::Hint => style.fg_color(Some(AnsiColor::Cyan.into())).effects(Effects::BOLD),
        }
    }
}

impl Style {
    /// `text` in the colour of its role, if there are colours.
    pub(super) fn paint(&self, role: Role, text: &str) -> String {
        if self.color && !text.is_empty() {
            let style = role.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// The width to lay out for: neither too narrow to hold a column nor too wide to read.
    pub(super) fn columns(&self) -> usize {
        self.width.clamp(40, 120)
    }
}

/// How many columns a text takes; our own escape sequences take none.
pub(super) fn columns(text: &str) -> usize {
    if text.contains('\u{1b}') { pieces(text).map(|(_, width)| width).sum() } else { text.width() }
}

/// `text` with spaces up to `width` columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", spaces(width.saturating_sub(columns(text))))
}

pub(super) fn spaces(count: usize) -> String {
    " ".repeat(count)
}

/// At most `width` columns of an unpainted text, with `...` where something is left out.
pub(super) fn clip(text: &str, width: usize) -> String {
    // Characters that pile up over one column count as well.
    let most = 4 * width;
    if columns(text) <= width && text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let mut clipped = String::new();
    let mut used = 0;
    for c in text.chars().take(most) {
        used += c.width().unwrap_or(0);
        if used + 3 > width {
            break;
        }
        clipped.push(c);
    }
    clipped.push_str("...");
    clipped
}

/// One paragraph: `lead`, then the words of `text`; further lines stand below the first word.
/// Ends with a newline.
pub(super) fn paragraph(lead: &str, text: &str, style: &Style) -> String {
    hanging(lead, text, columns(lead), style)
}

/// Like [`paragraph`], with the further lines at the column `hang`.
pub(super) fn hanging(lead: &str, text: &str, hang: usize, style: &Style) -> String {
    let limit = style.columns();
    let mut out = lead.to_owned();
    let mut used = columns(lead);
    let mut fresh = true;
    for word in text.split(' ') {
        let width = columns(word);
        let gap = usize::from(!fresh);
        if used + gap + width <= limit {
            out.push_str(&spaces(gap));
            out.push_str(word);
            used += gap + width;
            fresh = false;
            continue;
        }
        if !fresh {
            start_line(&mut out, hang);
            used = hang;
        }
        // A word that fits into no line is broken; never before a colon, so that no line starts with `::`.
        for (piece, width) in pieces(word) {
            if used + width > limit && used > hang && piece != ":" && width > 0 {
                start_line(&mut out, hang);
                used = hang;
            }
            out.push_str(piece);
            used += width;
        }
        fresh = false;
    }
    while out.ends_with(' ') {
        out.pop();
    }
    out.push('\n');
    out
}

fn start_line(out: &mut String, hang: usize) {
    while out.ends_with(' ') {
        out.pop();
    }
    out.push('\n');
    out.push_str(&spaces(hang));
}

/// The characters of a text with their widths; an escape sequence of ours is one piece without width.
fn pieces(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = match first {
            '\u{1b}' => rest.find('m').map_or(rest.len(), |end| end + 1),
            _ => first.len_utf8(),
        };
        let (piece, tail) = rest.split_at_checked(length)?;
        rest = tail;
        Some((piece, if first == '\u{1b}' { 0 } else { first.width().unwrap_or(0) }))
    })
}

#[cfg(test)]
pub(super) fn strip(text: &str) -> String {
    pieces(text).filter(|(piece, _)| !piece.starts_with('\u{1b}')).map(|(piece, _)| piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Style = Style { color: false, width: 40 };

    #[test]
    fn words_wrap_below_the_first_word() {
        let text = "the quick brown fox jumps over the lazy dog again";
        assert_eq!(
            paragraph("hint: ", text, &NARROW),
            "hint: the quick brown fox jumps over the\n      lazy dog again\n"
        );
    }

    #[test]
    fn a_word_that_fits_nowhere_is_broken_within_the_width() {
        let out = paragraph("  ", &"x".repeat(100), &NARROW);
        assert!(out.lines().all(|line| columns(line) <= 40), "{out}");
        assert_eq!(out.matches('x').count(), 100);
    }

    #[test]
    fn no_line_starts_with_two_colons() {
        let out = paragraph("  ", &crate::render::escape(&"a::".repeat(60)), &NARROW);
        assert!(out.lines().all(|line| !line.trim_start().starts_with("::")), "{out}");
    }

    #[test]
    fn colour_takes_no_columns() {
        let style = Style { color: true, width: 40 };
        let red = style.paint(Role::Removed, "dropped");
        assert_eq!(columns(&red), 7);
        assert_eq!(strip(&red), "dropped");
        assert_eq!(clip("abcdefgh", 6), "abc...");
        assert_eq!(clip(&"\u{301}".repeat(1000), 6).chars().count(), 27);
    }
}
