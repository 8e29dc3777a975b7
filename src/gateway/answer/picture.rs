//! Pictures that are made on the spot.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::QrCode;
use qrcode::render::svg;

/// Width of a QR code on the page, pixels.
const WIDTH: u32 = 220;

/// A text as QR code, as the address (`data:`) of an SVG; `None` for a text that is too long.
#[must_use]
pub fn qr(text: &str) -> Option<String> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(WIDTH, WIDTH).build();
    Some(format!("data:image/svg+xml;base64,{}", STANDARD.encode(picture)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_picture_and_a_book_is_none() {
        let picture =
            qr("otpauth://totp/hub.test:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=hub.test")
                .unwrap();
        let svg = STANDARD.decode(picture.strip_prefix("data:image/svg+xml;base64,").unwrap()).unwrap();
        assert!(String::from_utf8(svg).unwrap().contains("<svg xmlns="));
        assert_eq!(qr(&"x".repeat(5000)), None);
    }
}
