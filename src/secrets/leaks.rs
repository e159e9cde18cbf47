//! Whether a text of somebody else may hold a part of a secret, as it is or in an encoding that tools show things in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::model::Secret;

/// So many characters of a secret in a row are a part of it.
const PART: usize = 6;

/// True also if such characters stand there by chance: then something harmless is not shown.
///
/// Looks for the secret itself, in base64 at each of its three alignments and in either alphabet, in hexadecimal digits
/// and backwards. Line breaks and blanks inside of it do not hide it.
pub(super) fn may_hold(text: &[u8], secret: &Secret) -> bool {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let lower = text.to_ascii_lowercase();
    let secret = secret.expose().as_bytes();
    let backwards: Vec<u8> = secret.iter().rev().copied().collect();
    let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    // Six bits a character and four: as much of the secret as a part of it has.
    holds_part(&text, secret, PART)
        || holds_part(&text, &backwards, PART)
        || holds_part(&lower, hexadecimal.as_bytes(), 2 * PART)
        || (0..3).any(|skipped| {
            let aligned = secret.get(skipped..).unwrap_or_default();
            // Of the last bytes, only whole groups look the same whatever follows them.
            let whole = aligned.get(..aligned.len() / 3 * 3).unwrap_or_default();
            [STANDARD, URL_SAFE]
                .iter()
                .any(|alphabet| holds_part(&text, alphabet.encode(whole).as_bytes(), PART.div_ceil(3) * 4))
        })
}

/// Whether so many bytes in a row of one are in the other; all of it if it is shorter.
fn holds_part(text: &[u8], of: &[u8], length: usize) -> bool {
    let length = length.min(of.len());
    length > 0 && of.windows(length).any(|part| text.windows(length).any(|window| window == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "gS8w71RiXYeUTiNB9dKxLeTrPYxh";

    fn is_seen(text: &str) -> bool {
        may_hold(text.as_bytes(), &Secret::new(SECRET.to_owned()))
    }

    #[test]
    fn a_secret_is_seen_in_whatever_a_tool_makes_of_it() {
        assert!(is_seen(&format!("error: key {SECRET} exists")));
        assert!(is_seen("... 1RiXYe ..."));
        assert!(is_seen("gS8 w71\nRiX"));
        assert!(is_seen(&SECRET.chars().rev().collect::<String>()));
        for around in ["", "a", "ab", "abc"] {
            let padded = format!("{around}{SECRET}{around}");
            assert!(is_seen(&format!("data: {}", STANDARD.encode(&padded))), "{around}");
            assert!(is_seen(&format!("data: {}", URL_SAFE.encode(&padded))), "{around}");
        }
        let hexadecimal: String = SECRET.bytes().map(|byte| format!("{byte:02X}:")).collect();
        assert!(is_seen(&hexadecimal.replace(':', "")));
        assert!(is_seen(&hexadecimal.replace(':', " ")));
    }

    #[test]
    fn other_words_are_not_taken_for_it() {
        for words in [
            "",
            "permission denied: PORTKEY_API_KEY in acme/checkout",
            "gS8w7",
            "dGhlIG90aGVyIG9uZSBpcyBoZXJl",
        ] {
            assert!(!is_seen(words), "{words}");
        }
        assert!(!may_hold(b"anything", &Secret::new(String::new())));
    }
}
