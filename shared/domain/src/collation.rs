//! The order of names as a person expects it: `É` beside `E`, capitals beside small letters.
//!
//! An approximation of the Unicode Collation Algorithm's root order
//! (<https://www.unicode.org/reports/tr10/>): letters compare by their base letter first, then by accents,
//! then by case. The algorithm's own table of weights would add half a megabyte to the portal's function,
//! which is near its limit of 8 MiB; the normalizer is in it already, for host names.

use icu_normalizer::{
    DecomposingNormalizerBorrowed, properties::CanonicalCombiningClassMapBorrowed,
};

/// The key of a text: keys compare as their texts should be sorted. Computed once for each row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SortKey {
    /// Base letters, in lower case, without accents.
    base: String,
    /// The text itself, decomposed and in lower case: accents come after the letters without.
    accents: String,
    /// The text as it is: where all else is equal, its own order is kept.
    text: String,
}

/// Returns the sort key of a text.
pub fn sort_key(text: &str) -> SortKey {
    if text.is_ascii() {
        let base = text.to_ascii_lowercase();
        return SortKey {
            accents: base.clone(),
            base,
            text: text.to_owned(),
        };
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let accents = decomposed.to_lowercase();
    let classes = CanonicalCombiningClassMapBorrowed::new();
    let mut base = String::with_capacity(accents.len());
    for letter in accents.chars().filter(|c| classes.get_u8(*c) == 0) {
        match of_two(letter) {
            Some(letters) => base.push_str(letters),
            None => base.push(letter),
        }
    }
    SortKey {
        base,
        accents,
        text: text.to_owned(),
    }
}

/// The base letters of a Latin letter that does not decompose.
fn of_two(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_letter_then_accent_then_case() {
        let sorted = [
            "2 Brothers",
            "Łukasz",
            "Ebba",
            "Éclair",
            "Edit",
            "édit",
            "Eric",
            "fabrikam",
            "Fabrikam",
            "Müller",
            "Mulligan",
            "ørsted",
            "Oslo",
            "Straße",
            "Strasse 2",
            "Zoë",
            "Ω",
            "田中",
        ];
        let mut names = sorted;
        names.reverse();
        names.sort_by_cached_key(|name| sort_key(name));
        let place = |name: &str| names.iter().position(|n| *n == name).expect("it is there");
        for (before, after) in [
            ("2 Brothers", "Ebba"),
            ("Ebba", "Éclair"),
            ("Éclair", "Edit"),
            ("Edit", "édit"),
            ("édit", "Eric"),
            ("Eric", "Fabrikam"),
            ("fabrikam", "Łukasz"),
            ("Łukasz", "Müller"),
            ("Müller", "Mulligan"),
            ("Mulligan", "ørsted"),
            ("ørsted", "Oslo"),
            ("Straße", "Strasse 2"),
            ("Strasse 2", "Zoë"),
            ("Zoë", "Ω"),
            ("Ω", "田中"),
        ] {
            assert!(place(before) < place(after), "{before} {after}: {names:?}");
        }
    }

    #[test]
    fn a_name_written_in_two_ways_is_sorted_once() {
        // Composed, and as a Mac's file names are: letter and accent apart.
        let (composed, apart) = (sort_key("É"), sort_key("E\u{301}"));
        assert_eq!(composed.base, apart.base);
        assert_eq!(composed.accents, apart.accents);
    }
}
