//! One line at a time: what stands on it, and how it is written canonically.

use super::LeftAlone;

/// A line in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Without the line's end.
    pub(super) text: String,
    /// Columns before the first character.
    pub(super) indent: usize,
    /// Part of a text over several lines, which is kept as it is.
    pub(super) verbatim: bool,
    /// Where the first thing behind the dashes stands, if the line starts with a dash.
    pub(super) behind_dash: Option<usize>,
    /// The name of the field that the line starts with, behind the dashes if there are any.
    pub(super) field: Option<String>,
    /// Whether a comment is all that stands there.
    pub(super) only_comment: bool,
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    fn verbatim(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            indent: indent_of(text),
            verbatim: true,
            behind_dash: None,
            field: None,
            only_comment: false,
        }
    }
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `-`, with the columns up to what follows.
    Dash(usize),
    /// `{` or `[`.
    Open(char),
    /// `}` or `]`.
    Close(char),
    Comma,
    Colon,
    /// Text in quotes, with them.
    Quoted(String),
    /// Text without.
    Plain(String),
    /// `|` or `>`, with what belongs to it.
    BlockText(String),
}

/// What reaches from one line into the next.
#[derive(Default)]
struct State {
    /// Open brackets.
    depth: usize,
    /// The quote that is open.
    quote: Option<char>,
    /// A block of text goes on while lines are deeper than this.
    block: Option<Option<usize>>,
}

/// Every line in its canonical form.
pub(super) fn normalised(text: &str) -> Result<Vec<Line>, LeftAlone> {
    let mut state = State::default();
    text.lines().map(|line| one(line, &mut state)).collect()
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn one(line: &str, state: &mut State) -> Result<Line, LeftAlone> {
    if let Some(parent) = state.block {
        let is_inside = line.trim().is_empty() || parent.is_none_or(|parent| indent_of(line) > parent);
        if is_inside {
            return Ok(Line::verbatim(line));
        }
        state.block = None;
    }
    let was_quoted = state.quote.is_some();
    // What trails is no part of anything, but within a text over several lines.
    let trimmed = line.trim_end_matches([' ', '\t']);
    let mut scan = Scan { line: trimmed, at: 0, state, tokens: Vec::new(), comment: None };
    scan.run()?;
    let Scan { tokens, comment, state, .. } = scan;
    if was_quoted || state.quote.is_some() {
        return Ok(Line::verbatim(line));
    }
    Ok(written(trimmed, &tokens, comment))
}

/// A line that is being read.
struct Scan<'l, 's> {
    line: &'l str,
    at: usize,
    state: &'s mut State,
    tokens: Vec<Token>,
    /// Where the comment starts.
    comment: Option<usize>,
}

impl Scan<'_, '_> {
    fn rest(&self) -> &str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// The text from here that the part is long, and on behind it.
    fn take(&mut self, bytes: usize) -> String {
        let taken = self.rest().get(..bytes).unwrap_or_default().to_owned();
        self.at += bytes;
        taken
    }

    fn run(&mut self) -> Result<(), LeftAlone> {
        if self.state.quote.is_some() {
            self.quoted_on();
        }
        while self.state.quote.is_none() {
            let spaces = self.rest().len() - self.rest().trim_start_matches(' ').len();
            self.at += spaces;
            let is_apart = spaces > 0 || self.at == 0;
            let mut ahead = self.rest().chars();
            let Some(first) = ahead.next() else { return Ok(()) };
            let second = ahead.next();
            let ends_there = second.is_none_or(|c| c == ' ');
            let in_flow = self.state.depth > 0;
            match first {
                '#' if is_apart => {
                    self.comment = Some(self.at);
                    return Ok(());
                }
                '-' if ends_there
                    && !in_flow
                    && self.tokens.iter().all(|token| matches!(token, Token::Dash(_))) =>
                {
                    let behind = self.rest().get(1..).unwrap_or_default();
                    let gap = behind.len() - behind.trim_start_matches(' ').len();
                    self.at += 1;
                    self.tokens.push(Token::Dash(1 + gap));
                }
                '{' | '[' if in_flow || self.starts_value() => {
                    self.at += 1;
                    self.state.depth += 1;
                    self.tokens.push(Token::Open(first));
                }
                '}' | ']' if in_flow => {
                    self.at += 1;
                    self.state.depth -= 1;
                    self.tokens.push(Token::Close(first));
                }
                ',' if in_flow => {
                    self.at += 1;
                    self.tokens.push(Token::Comma);
                }
                ':' if ends_there
                    || in_flow && (self.is_behind_quotes() || second.is_some_and(is_flow_mark)) =>
                {
                    self.at += 1;
                    self.tokens.push(Token::Colon);
                }
                '"' | '\'' => {
                    let start = self.at;
                    self.at += 1;
                    self.state.quote = Some(first);
                    self.quoted_on();
                    let text = self.line.get(start..self.at).unwrap_or_default().to_owned();
                    self.tokens.push(Token::Quoted(text));
                }
                '|' | '>' if !in_flow && self.starts_value() => {
                    let header = self.rest().split(" #").next().unwrap_or_default().trim_end().len();
                    let header = self.take(header);
                    self.tokens.push(Token::BlockText(header));
                    self.state.block = Some(self.parent());
                }
                '&' | '*' | '!' | '%' | '@' | '`' | '\t' => return Err(LeftAlone::RareYaml),
                '?' if ends_there => return Err(LeftAlone::RareYaml),
                _ => self.plain()?,
            }
        }
        Ok(())
    }

    /// Up to the end of what is in quotes, or of the line.
    fn quoted_on(&mut self) {
        let Some(quote) = self.state.quote else { return };
        let mut chars = self.rest().char_indices().peekable();
        let mut end = None;
        while let Some((index, c)) = chars.next() {
            if quote == '"' && c == '\\' {
                chars.next();
            } else if c == quote {
                if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') {
                    chars.next();
                } else {
                    end = Some(index + 1);
                    break;
                }
            }
        }
        match end {
            Some(end) => {
                self.at += end;
                self.state.quote = None;
            }
            None => self.at = self.line.len(),
        }
    }

    fn plain(&mut self) -> Result<(), LeftAlone> {
        let in_flow = self.state.depth > 0;
        let rest = self.rest();
        let mut end = rest.len();
        let mut before = ' ';
        for (index, c) in rest.char_indices() {
            let next = rest.get(index + c.len_utf8()..).and_then(|rest| rest.chars().next());
            let is_colon = c == ':' && next.is_none_or(|next| next == ' ' || in_flow && is_flow_mark(next));
            if is_colon || c == '#' && before == ' ' && index > 0 || in_flow && is_flow_mark(c) {
                end = index;
                break;
            }
            before = c;
        }
        let text = rest.get(..end).unwrap_or_default().trim_end_matches(' ').to_owned();
        if text.contains('\t')
            || self.at == 0 && matches!(text.as_str(), "---" | "...")
            || text.starts_with("--- ")
        {
            return Err(LeftAlone::RareYaml);
        }
        if text.is_empty() {
            // Nothing that a plain text could start with; the reader says what is wrong.
            return Err(LeftAlone::WouldChange);
        }
        self.at += text.len();
        self.tokens.push(Token::Plain(text));
        Ok(())
    }

    /// Whether a value may start here: behind a colon or a dash, or at the start of the line.
    fn starts_value(&self) -> bool {
        matches!(self.tokens.last(), None | Some(Token::Colon | Token::Dash(_)))
    }

    fn is_behind_quotes(&self) -> bool {
        matches!(self.tokens.last(), Some(Token::Quoted(_)))
    }

    /// The column of the map or list that a block of text belongs to.
    fn parent(&self) -> Option<usize> {
        let dashes: Vec<usize> = self
            .tokens
            .iter()
            .map_while(|token| match token {
                Token::Dash(width) => Some(*width),
                _ => None,
            })
            .collect();
        let in_list = dashes.len() + 1 == self.tokens.len();
        // The last dash is itself the parent of a text right behind it.
        let before = if in_list { dashes.len().saturating_sub(1) } else { dashes.len() };
        (self.tokens.len() > 1).then(|| indent_of(self.line) + dashes.iter().take(before).sum::<usize>())
    }
}

fn is_flow_mark(c: char) -> bool {
    matches!(c, ',' | '[' | ']' | '{' | '}')
}

fn written(line: &str, tokens: &[Token], comment: Option<usize>) -> Line {
    let indent = indent_of(line);
    let mut text = String::new();
    let mut before: Option<&Token> = None;
    let mut behind_dash = None;
    for token in tokens {
        if text.is_empty() {
            text.push_str(&" ".repeat(indent));
        } else if is_apart(before, token) {
            text.push(' ');
        }
        match token {
            Token::Dash(width) => {
                text.push('-');
                // Lines below are indented by this one, so the columns stay.
                text.push_str(&" ".repeat(width.saturating_sub(1)));
                behind_dash = Some(text.len());
            }
            Token::Open(c) | Token::Close(c) => text.push(*c),
            Token::Comma => text.push(','),
            Token::Colon => text.push(':'),
            Token::Quoted(quoted) => text.push_str(&double_quoted(quoted)),
            Token::Plain(plain) | Token::BlockText(plain) => text.push_str(plain),
        }
        before = Some(token);
    }
    let mut parts = tokens.iter().skip_while(|token| matches!(token, Token::Dash(_)));
    let field = match (parts.next(), parts.next()) {
        (Some(Token::Plain(name) | Token::Quoted(name)), Some(Token::Colon)) => {
            Some(name.trim_matches(['"', '\'']).to_owned())
        }
        _ => None,
    };
    if let Some(start) = comment {
        let code = text.trim_end().len();
        text.truncate(code);
        let column = |text: &str| text.chars().count();
        let was_at = column(line.get(..start).unwrap_or_default());
        let gap = if tokens.is_empty() { was_at } else { was_at.saturating_sub(column(&text)).max(1) };
        text.push_str(&" ".repeat(gap));
        text.push_str(line.get(start..).unwrap_or_default());
    }
    text.truncate(text.trim_end_matches([' ', '\t']).len());
    let only_comment = tokens.is_empty() && comment.is_some();
    Line { text, indent, verbatim: false, behind_dash, field, only_comment }
}

/// Whether there is a space between two parts.
fn is_apart(before: Option<&Token>, token: &Token) -> bool {
    match (before, token) {
        (None | Some(Token::Dash(_) | Token::Open(_)), _) => false,
        (Some(_), Token::Colon | Token::Comma | Token::Close(_)) => false,
        (
            Some(
                Token::Colon
                | Token::Comma
                | Token::Close(_)
                | Token::Quoted(_)
                | Token::Plain(_)
                | Token::BlockText(_),
            ),
            Token::Dash(_) | Token::Open(_) | Token::Quoted(_) | Token::Plain(_) | Token::BlockText(_),
        ) => true,
    }
}

/// In double quotes, if that needs no other change.
fn double_quoted(text: &str) -> String {
    match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(inner) if !inner.contains(['\'', '"', '\\']) => format!("\"{inner}\""),
        _ => text.to_owned(),
    }
}
