//! Reads `customKeyIdentifier`, which tells whose certificate an entry of `keyCredentials` is.
//!
//! Microsoft Graph v1.0, "keyCredential": an optional binary value that defaults to the certificate's
//! thumbprint. It is met as hexadecimal text, as base64 of the thumbprint, as base64 of its
//! hexadecimal text, as null, and as whatever a script gave.
//! <https://learn.microsoft.com/graph/api/resources/keycredential>

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Padding may lack, and both alphabets are met.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The bytes of a SHA-1 thumbprint.
const THUMBPRINT: usize = 20;

/// The owner of the certificate that an identifier names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// The one of this thumbprint.
    This,
    /// One of another thumbprint.
    Another,
    /// It is no SHA-1 thumbprint in any spelling: it names none, or this one in another way.
    NotKnown,
}

/// Compares an identifier, in whatever spelling, with a thumbprint in hexadecimal.
pub fn names(identifier: Option<&str>, thumbprint: &str) -> Named {
    let Some(identifier) = identifier.map(str::trim) else {
        return Named::NotKnown;
    };
    if !identifier.is_empty() && identifier.eq_ignore_ascii_case(thumbprint) {
        return Named::This;
    }
    match read(identifier) {
        Some(bytes) if Some(&bytes) == read(thumbprint).as_ref() => Named::This,
        Some(_) => Named::Another,
        None => Named::NotKnown,
    }
}

/// The bytes of a thumbprint in any of its spellings.
fn read(text: &str) -> Option<Vec<u8>> {
    if let Some(bytes) = hexadecimal(text) {
        return Some(bytes);
    }
    let decoded = STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()?;
    match decoded.len() {
        THUMBPRINT => Some(decoded),
        _ => hexadecimal(std::str::from_utf8(&decoded).ok()?),
    }
}

/// `AB01…`, `ab:01:…` or `AB 01 …`.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|letter| !matches!(letter, ':' | ' ' | '-'))
        .map(|letter| {
            letter
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    (digits.len() == 2 * THUMBPRINT).then(|| {
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "A909502DD82AE41433E6F83886B00D4277A32A7B";

    #[test]
    fn a_thumbprint_is_known_in_every_spelling() {
        for spelled in [
            OURS,
            "a909502dd82ae41433e6f83886b00d4277a32a7b",
            "A9:09:50:2D:D8:2A:E4:14:33:E6:F8:38:86:B0:0D:42:77:A3:2A:7B",
            " A909502DD82AE41433E6F83886B00D4277A32A7B ",
            "qQlQLdgq5BQz5vg4hrANQnejKns=",
            "qQlQLdgq5BQz5vg4hrANQnejKns",
            "QTkwOTUwMkREODJBRTQxNDMzRTZGODM4ODZCMDBENDI3N0EzMkE3Qg==",
            "YTkwOTUwMmRkODJhZTQxNDMzZTZmODM4ODZiMDBkNDI3N2EzMmE3Yg==",
        ] {
            assert_eq!(names(Some(spelled), OURS), Named::This, "{spelled}");
        }
    }

    #[test]
    fn only_another_thumbprint_names_another() {
        for other in [
            "B909502DD82AE41433E6F83886B00D4277A32A7B",
            "uQlQLdgq5BQz5vg4hrANQnejKns=",
        ] {
            assert_eq!(names(Some(other), OURS), Named::Another, "{other}");
        }
        for unknown in [
            None,
            Some(""),
            Some("52534645"),
            Some("muster"),
            Some("%%%"),
        ] {
            assert_eq!(names(unknown, OURS), Named::NotKnown, "{unknown:?}");
        }
    }
}
