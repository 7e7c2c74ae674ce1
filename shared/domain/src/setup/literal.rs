//! The text that a script may hold: one line, and nothing that a terminal or a reader takes for
//! something else.

use crate::connect::{self, FieldError};
use std::fmt;

/// One line of text that a script may hold, whoever wrote it.
///
/// Quoting keeps such a text from being code. It cannot keep a control character from a terminal that
/// the script is pasted into, nor a bidirectional mark from the eyes of who reads it first: those
/// are refused here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal(String);

impl Literal {
    /// Takes a text as it is.
    ///
    /// # Errors
    /// When it holds a character that [`misleads`].
    pub fn new(text: &str) -> Result<Self, Misleading> {
        match text.chars().find(|c| misleads(*c)) {
            None => Ok(Self(text.to_owned())),
            Some(c) => Err(Misleading(c)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that no script may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text holds the character U+{:04X}, which no script may hold", u32::from(*.0))]
pub struct Misleading(char);

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the name of an app registration that a script is to create.
///
/// Azure CLI replaces an argument that begins with `@`, or whose part after the first `=` does, by the
/// content of the file it names (azure-cli, `_expand_file_prefixed_files`), and takes one that
/// begins with `-` for an option.
///
/// # Errors
/// As [`connect::name`], and when the name begins with one of these.
pub fn app_name(text: &str) -> Result<Literal, FieldError> {
    let name = connect::name(text)?;
    let value = name.split_once('=').map_or("", |(_, value)| value);
    if name.starts_with(['@', '-']) || value.starts_with('@') {
        return Err(FieldError::new(
            "name",
            "Azure CLI takes a name that begins with @ or -, or holds =@, for a file or an option. Choose another name.",
        ));
    }
    Literal::new(&name).map_err(|error| FieldError::new("name", error.to_string()))
}

/// Returns true if a character ends a line, drives a terminal, reorders text or hides in it.
///
/// Control characters (Unicode general category Cc), the line and paragraph separators, the marks
/// of the Unicode Bidirectional Algorithm (UAX #9, section 2), the zero-width space and byte order
/// mark, interlinear annotations, and the tag characters. The zero-width joiners stay: names in
/// Persian and in Indic scripts are written with them.
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_drives_a_terminal_or_reorders_itself_is_no_literal() {
        for text in [
            "Muster\u{3}\ncurl",
            "a\rb",
            "\u{1b}[201~",
            "\u{9b}201~",
            "a\u{2028}b",
            "\u{202e}txt",
            "\u{2066}x\u{2069}",
            "\u{e0041}",
            "\u{feff}a",
        ] {
            assert!(Literal::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_apps_name_names_no_file_and_no_option() {
        for name in ["@/etc/passwd", " @x", "x=@~/.bashrc", "--help", "-n"] {
            let wrong = app_name(name).expect_err("no name");
            assert!(wrong.detail.contains("Choose another name"), "{name}");
        }
        assert!(app_name("IT @ Contoso - inventory=1 @2").is_ok());
    }

    #[test]
    fn the_names_of_people_and_companies_are_literals() {
        for text in [
            "O'Neil & Söhne \"IT\"",
            "`$(x)` ${y} %{z}",
            "می\u{200c}خواهم",
            "株式会社",
            "שלום",
            "🙂",
        ] {
            let literal = Literal::new(text).expect("a name");
            assert_eq!(literal.as_str(), text);
        }
    }
}
