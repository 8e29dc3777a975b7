//! Colours, and whether text in them can be read.

use std::str::FromStr;

/// The least contrast of text and what is behind it (WCAG 2.2, 1.4.3).
pub const READABLE: f64 = 4.5;
/// The darkest paper of light pages.
pub const LIGHT_PAPER: Color = Color([0xe8, 0xf2, 0xfc]);
/// The lightest paper of dark pages.
pub const DARK_PAPER: Color = Color([0x12, 0x23, 0x3a]);

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color([u8; 3]);

/// Why a text is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no colour like \"#0b63b5\"")]
pub struct ColorError;

impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Self, ColorError> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(ColorError)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ColorError);
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| ColorError)?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl Color {
    /// Its relative luminance, 0 (black) to 1 (white) (WCAG 2.2, "relative luminance").
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126f64.mul_add(red, 0.7152f64.mul_add(green, 0.0722 * blue))
    }

    /// The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(two) / one.min(two)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(text: &str) -> Color {
        text.parse().unwrap()
    }

    #[test]
    fn a_colour_is_six_digits_behind_a_number_sign() {
        assert_eq!(color("#0B63b5"), Color([0x0b, 0x63, 0xb5]));
        for text in ["", "0b63b5", "#0b63b", "#0b63b5f", "#0b63bg", "#+b63b5", "red", "#fff;}*{"] {
            assert_eq!(text.parse::<Color>(), Err(ColorError), "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        let near = |one: f64, two: f64| (one - two).abs() < 0.01;
        assert!(near(color("#000000").contrast(color("#ffffff")), 21.0));
        assert!(near(color("#777777").contrast(color("#ffffff")), 4.48));
        assert!(near(color("#777777").contrast(color("#777777")), 1.0));
    }

    #[test]
    fn our_own_accents_can_be_read_on_every_paper() {
        assert!(color("#0b63b5").contrast(LIGHT_PAPER) >= READABLE);
        assert!(color("#58a6ff").contrast(DARK_PAPER) >= READABLE);
    }
}
