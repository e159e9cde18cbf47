//! What an unquoted scalar means, and what it could mean to others.
//!
//! YAML 1.1 and 1.2 disagree about `no`, `012` or `1:30`. Nothing is guessed here: what is not the
//! same in both is named, so that the person decides.

/// What unquoted text is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// `yes`, `no`, `on`, `off`: booleans to YAML 1.1, text to YAML 1.2. (`y` and `n` are in its
    /// specification as well, but next to no reader follows it there.)
    FormerBool(bool),
    /// A decimal whole number as everybody writes it.
    Integer,
    /// `12.5`.
    Decimal,
    /// A number in a notation that not everybody reads alike, and how to write it plainly.
    OddNumber(Option<String>),
    /// Anything else.
    Text,
}

/// Classifies unquoted text.
pub(super) fn classify(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" => return Plain::FormerBool(true),
        "no" | "off" => return Plain::FormerBool(false),
        ".inf" | "+.inf" | "-.inf" | ".nan" => return Plain::OddNumber(None),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let starts_like_a_number = digits.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
    if !starts_like_a_number || digits.starts_with("..") {
        return Plain::Text;
    }
    let signed = |number: String| Plain::OddNumber(Some(format!("{sign}{number}")));
    let odd = |number: Option<u128>| Plain::OddNumber(number.map(|number| format!("{sign}{number}")));
    let radix = |radix, digits: &str| u128::from_str_radix(&digits.replace('_', ""), radix).ok();
    let all = |digits: &str, allowed: fn(char) -> bool| !digits.is_empty() && digits.chars().all(allowed);

    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix)
            && all(rest, |c| c.is_ascii_hexdigit() || c == '_')
        {
            return odd(radix(base, rest));
        }
    }
    if all(digits, |c| c.is_ascii_digit()) {
        return match (digits.strip_prefix('0'), text.starts_with('+')) {
            (Some(rest), _) if !rest.is_empty() => odd(radix(10, digits)),
            (_, true) => signed(digits.to_owned()),
            _ => Plain::Integer,
        };
    }
    if all(digits, |c| c.is_ascii_digit() || c == '_') {
        return odd(radix(10, digits));
    }
    if all(digits, |c| c.is_ascii_digit() || c == ':') && digits.contains(':') {
        return sexagesimal(digits).map_or(Plain::Text, |number| odd(Some(number)));
    }
    if all(digits, |c| c.is_ascii_digit() || c == '.' || c == '_') && digits.matches('.').count() == 1 {
        let tidy = digits.replace('_', "");
        let usual =
            tidy == digits && !digits.starts_with('.') && !digits.ends_with('.') && !text.starts_with('+');
        return match tidy.parse::<f64>() {
            Ok(_) if usual => Plain::Decimal,
            Ok(number) => signed(number.to_string()),
            Err(_) => Plain::Text,
        };
    }
    if all(digits, |c| c.is_ascii_digit() || "eE+-.".contains(c)) {
        return match digits.parse::<f64>() {
            Ok(number) if number.is_finite() && number < 1e15 => signed(number.to_string()),
            Ok(_) => Plain::OddNumber(None),
            Err(_) => Plain::Text,
        };
    }
    Plain::Text
}

/// `1:30` is 90 to YAML 1.1.
fn sexagesimal(text: &str) -> Option<u128> {
    let mut total: u128 = 0;
    for (index, part) in text.split(':').enumerate() {
        let part: u128 = part.parse().ok()?;
        if index > 0 && part >= 60 {
            return None;
        }
        total = total.checked_mul(60)?.checked_add(part)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_classified() {
        let odd = |text: &str| Plain::OddNumber(Some(text.to_owned()));
        for (text, expect) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("True", Plain::Bool(true)),
            ("No", Plain::FormerBool(false)),
            ("on", Plain::FormerBool(true)),
            ("0", Plain::Integer),
            ("-5", Plain::Integer),
            ("12.5", Plain::Decimal),
            ("+5", odd("5")),
            ("1_000", odd("1000")),
            ("0o17", odd("15")),
            ("0x1F", odd("31")),
            ("012", odd("12")),
            ("1:30", odd("90")),
            ("1e3", odd("1000")),
            (".5", odd("0.5")),
            (".inf", Plain::OddNumber(None)),
            ("1e999", Plain::OddNumber(None)),
            ("1:99", Plain::Text),
            ("1.2.3", Plain::Text),
            ("2026-11-22", Plain::Text),
            ("90d", Plain::Text),
            ("-", Plain::Text),
            ("..", Plain::Text),
            ("checkout", Plain::Text),
        ] {
            assert_eq!(classify(text), expect, "{text}");
        }
    }
}
