//! Recovery codes: what gets somebody in who has lost their second factor, once each.

use openssl::sha::sha256;

/// How many somebody is given at a time.
pub const COUNT: usize = 10;
/// Random bytes of one code: 80 bits, so that its hash needs no salt and no slow function.
pub const BYTES: usize = 10;
/// Crockford's: without the letters that look like digits or like each other.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = BYTES * 8 / 5;

/// The code of these random bytes, in groups of four: `xxxx-xxxx-xxxx-xxxx`.
#[must_use]
pub fn text(bytes: &[u8; BYTES]) -> String {
    let number = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let mut text = String::with_capacity(LENGTH + 3);
    for place in (0..LENGTH).rev() {
        let digit = usize::try_from(number >> (5 * place) & 31).unwrap_or_default();
        text.extend(ALPHABET.get(digit).copied().map(char::from));
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
    }
    text
}

/// What is stored of a code: SHA-256 of it, however it was typed; `None` for what cannot be one.
#[must_use]
pub fn hash(typed: &str) -> Option<[u8; 32]> {
    let signs = typed.chars().filter(|sign| !matches!(sign, '-' | ' '));
    let plain: String = signs.map(meant).take(LENGTH + 1).collect();
    let right = plain.len() == LENGTH && plain.bytes().all(|byte| ALPHABET.contains(&byte));
    right.then(|| sha256(plain.as_bytes()))
}

/// What somebody who reads a code aloud or writes it down means.
fn meant(sign: char) -> char {
    match sign.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_again_however_it_is_typed() {
        let code = text(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 255]);
        assert_eq!(code, "000g-40r4-0m30-e27z");
        for typed in ["000g40r40m30e27z", "OOOG-4OR4-0M30-E27Z", " 000g 40r4 0m30 e27z "] {
            assert_eq!(hash(typed), hash(&code), "{typed}");
        }
        assert_ne!(hash(&text(&[1; BYTES])), hash(&code));
    }

    #[test]
    fn what_cannot_be_a_code_has_no_hash() {
        for typed in ["", "123456", "000g-40r4-0m30-e27", "000g-40r4-0m30-e27zz", "000g-40r4-0m30-e27u", "é"]
        {
            assert_eq!(hash(typed), None, "{typed}");
        }
        assert_eq!(hash(&"0".repeat(1 << 20)), None);
    }
}
