//! A key's secret, and the mask that the service shows of it.

use std::fmt;

use zeroize::Zeroize;

/// A secret: redacted in `Debug`, without `Display`, `Serialize` or `Clone`, wiped when dropped.
pub struct Secret(String);

impl Secret {
    /// Takes a secret over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself. Callers: the request header, the escrow, the sinks.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the service will show of it.
    pub fn mask(&self) -> Mask {
        let head: String = self.0.chars().take(2).collect();
        let tail_start = self.0.chars().count().saturating_sub(3).max(2);
        let tail: String = self.0.chars().skip(tail_start).collect();
        Mask(format!("{head}*****{tail}"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// `ab*****xyz`: the first two characters, five asterisks, the last three (portkey-api.md 2.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mask(String);

impl Mask {
    /// What stands in a live key's `key` field. Text that has no asterisks is a raw secret
    /// (portkey-api.md 2.1: the raw value for one's own user keys may appear) and is masked here.
    pub fn of_live(text: String) -> Self {
        if text.contains("***") { Self(text) } else { Secret::new(text).mask() }
    }

    /// A mask that somebody wrote: only of the known shape, never a raw secret.
    pub fn of_file(text: &str) -> Option<Self> {
        let mask = Self(text.to_owned());
        mask.ends().is_some().then_some(mask)
    }

    /// The two ends, `("ab", "xyz")`, if the mask has the known shape.
    pub fn ends(&self) -> Option<(&str, &str)> {
        let (head, tail) = self.0.split_once("*****")?;
        (head.chars().count() == 2 && tail.chars().count() == 3 && !tail.contains('*'))
            .then_some((head, tail))
    }

    /// The mask as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_two_and_three_characters() {
        let secret = Secret::new("abcdefghijklmnopqrstuvwxyz01".to_owned());
        assert_eq!(secret.mask().as_str(), "ab*****z01");
        assert_eq!(secret.mask().ends(), Some(("ab", "z01")));
    }

    #[test]
    fn debug_shows_nothing_of_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
    }

    #[test]
    fn a_raw_secret_in_an_answer_becomes_a_mask_at_once() {
        assert_eq!(Mask::of_live("abcdefghijk".to_owned()).as_str(), "ab*****ijk");
        assert_eq!(Mask::of_live("ab*****ijk".to_owned()).as_str(), "ab*****ijk");
    }
}
