//! A search of everything that came out of Muster for pieces of what must stay inside.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// The shortest piece of a secret that is looked for.
const PIECE: usize = 12;

/// Everything that came out of Muster, with where it came from.
#[derive(Debug, Default)]
pub struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    /// Keeps something, with where it came from.
    pub fn heard(&mut self, what: impl Into<String>, bytes: Vec<u8>) {
        self.0.push((what.into(), bytes));
    }

    /// Keeps every file below a folder, as it is now.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn files(&mut self, folder: &Path, when: &str) -> anyhow::Result<()> {
        for path in files_below(folder)? {
            let bytes = fs::read(&path)?;
            self.heard(format!("{} {when}", path.display()), bytes);
        }
        Ok(())
    }

    /// The first place that holds a piece of one of these texts.
    pub fn place_of<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let secrets: Vec<&[u8]> = secrets.into_iter().map(str::as_bytes).collect();
        let pieces: HashSet<&[u8]> = secrets.iter().flat_map(|s| s.windows(PIECE)).collect();
        // Most places of a trace log begin no piece, which their first bytes say at once: a hash of
        // every place takes minutes.
        let mut begins = vec![false; 1 << BEGINNINGS];
        for piece in &pieces {
            begins[beginning(piece, 0)] = true;
        }
        self.0.iter().find_map(|(what, bytes)| {
            let places = 0..(bytes.len() + 1).saturating_sub(PIECE);
            let mut pieces = places.filter(|at| {
                begins[beginning(bytes, *at)] && pieces.contains(&bytes[*at..at + PIECE])
            });
            let at = pieces.next()?;
            let piece = String::from_utf8_lossy(&bytes[at..at + PIECE]);
            Some(format!("{what}: {piece}"))
        })
    }

    /// The first place that holds what looks like a token.
    pub fn place_of_a_token(&self) -> Option<String> {
        self.0.iter().find_map(|(what, bytes)| {
            let mut places = 0..bytes.len();
            let at = places.find(|at| {
                bytes[*at] == b'e' && bytes[*at..].starts_with(b"eyJ") && is_token(&bytes[*at..])
            })?;
            let end = bytes.len().min(at + 80);
            Some(format!(
                "{what}: {}",
                String::from_utf8_lossy(&bytes[at..end])
            ))
        })
    }
}

/// Beginnings are told apart by so many bits.
const BEGINNINGS: u32 = 22;

fn beginning(bytes: &[u8], at: usize) -> usize {
    let first = u32::from(bytes[at]) << 24
        | u32::from(bytes[at + 1]) << 16
        | u32::from(bytes[at + 2]) << 8
        | u32::from(bytes[at + 3]);
    (first.wrapping_mul(0x9E37_79B1) >> (32 - BEGINNINGS)) as usize
}

fn holds(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}

/// Whether a compact JWT begins here: two parts of base64url with a point between, or the whole of
/// a header that says it is one.
fn is_token(bytes: &[u8]) -> bool {
    let url_safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let head: Vec<u8> = bytes.iter().copied().take_while(url_safe).collect();
    let opened = BASE64_URL_SAFE_NO_PAD.decode(&head[..head.len() / 4 * 4]);
    let says_so = opened.is_ok_and(|json| holds(&json, b"\"alg\"") || holds(&json, b"\"typ\""));
    let next = &bytes[head.len()..];
    says_so || (head.len() >= 16 && next.starts_with(b".eyJ"))
}

/// Every file below a folder.
///
/// # Errors
/// When it cannot be read.
pub fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}
