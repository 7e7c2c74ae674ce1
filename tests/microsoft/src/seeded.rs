//! Everything generated is a function of a seed and an index, so that nothing needs to be kept.

use uuid::Uuid;

/// A well-mixed 64-bit hash of a seed, a purpose and an index (splitmix64's finaliser).
#[must_use]
pub fn mix(seed: u64, purpose: u64, index: u64) -> u64 {
    let mut z = seed
        .wrapping_add(purpose.wrapping_mul(0xA076_1D64_78BD_642F))
        .wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A hash of text, for seeds that begin with a name.
#[must_use]
pub fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        mix(hash, 0x7E, u64::from(byte))
    })
}

/// The id of the object at `index`: looks like a version 4 UUID, and [`index_of`] reads it back.
#[must_use]
pub fn id_of(seed: u64, kind: u64, index: u32) -> Uuid {
    let high = (mix(seed, kind, u64::from(index)) & !0xF000) | 0x4000;
    let mask = mix(seed, kind ^ 0x55, high);
    let low = (0b10 << 62)
        | (mix(seed, kind ^ 0xAA, high) & 0x3FFF_FFFF_0000_0000)
        | (u64::from(index) ^ (mask & 0xFFFF_FFFF));
    Uuid::from_u64_pair(high, low)
}

/// The index whose id is `id`, when there is one. The inverse of [`id_of`].
#[must_use]
pub fn index_of(seed: u64, kind: u64, id: Uuid) -> Option<u32> {
    let (high, low) = id.as_u64_pair();
    let mask = mix(seed, kind ^ 0x55, high);
    let index = u32::try_from((low ^ mask) & 0xFFFF_FFFF).ok()?;
    (id_of(seed, kind, index) == id).then_some(index)
}

/// A client secret in the form Entra gives: 40 characters of letters, digits, `~`, `.`, `_`, `-`.
#[must_use]
pub fn secret(seed: u64) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~._-";
    let letter = |i: u64| {
        let at = mix(seed, 0x5EC, i) % ALPHABET.len() as u64;
        char::from(ALPHABET[usize::try_from(at).unwrap_or_default()])
    };
    // Entra's values carry "8Q~" after the first three characters.
    (0..3)
        .map(letter)
        .chain("8Q~".chars())
        .chain((6..40).map(letter))
        .collect()
}
