//! What a key's secret looks like, in full and masked.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A new secret: 28 characters of the base64 alphabet, no prefix (observed: portkey-api.md 2.3).
pub(super) fn new_secret() -> String {
    let random: [u8; 28] = rand::random();
    // 64 divides 256, so each character is equally likely.
    random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 64))).copied().map(char::from).collect()
}

/// The first 2 characters, five asterisks, the last 3 (observed: portkey-api.md 2.3).
pub(super) fn mask(secret: &str) -> String {
    let count = secret.chars().count();
    let head = secret.chars().take(2);
    let tail = secret.chars().skip(count.saturating_sub(3));
    head.chain("*****".chars()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_two_characters_and_three() {
        assert_eq!(mask("sEabcdefghijklmnopqrstuvw3BM"), "sE*****3BM");
    }

    #[test]
    fn secrets_are_28_characters_of_base64_and_differ() {
        let (one, two) = (new_secret(), new_secret());
        assert_eq!(one.len(), 28);
        assert!(one.bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_ne!(one, two);
    }
}
