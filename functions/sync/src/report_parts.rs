//! Reads a report that is too large for memory, in parts, from the temporary file that holds it.
//!
//! Two passes: the first proves that the report is whole and finds the names that rows share, so that
//! nothing is written of a report that was cut; the second hands on one part after the other.

use muster_domain::{
    Dataset,
    fault::Fault,
    page::{NotAPage, Page},
    report::ReportReader,
};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _},
};

/// The bytes of a part.
const PART: u64 = 4 << 20;

/// The parts of a report that are still to be read.
#[derive(Debug)]
pub(crate) struct ReportParts {
    file: File,
    /// What was read of the file and is no whole row yet.
    begun: Vec<u8>,
    ended: bool,
    /// The second pass, until it has ended.
    reader: Option<ReportReader<'static>>,
}

impl ReportParts {
    /// Makes the first pass. Returns the first part with the rest; a report whose names are concealed has
    /// no other part.
    ///
    /// # Errors
    /// When the report is not whole or cannot be read.
    pub fn open(dataset: &'static Dataset, file: File) -> Result<(Page, Self), Unreadable> {
        let mut parts = Self {
            file,
            begun: Vec::new(),
            ended: false,
            reader: None,
        };
        let mut scan = ReportReader::scan(dataset);
        while parts.feed(&mut scan)? {
            if scan.concealed() > 0 {
                return Ok((scan.take_page(), parts));
            }
        }
        parts.file.rewind()?;
        parts.ended = false;
        parts.reader = Some(scan.second_pass()?);
        let first = parts.next()?.unwrap_or_default();
        Ok((first, parts))
    }

    /// Returns the next part, until there is none.
    pub fn next(&mut self) -> Result<Option<Page>, Unreadable> {
        let Some(mut reader) = self.reader.take() else {
            return Ok(None);
        };
        if !self.feed(&mut reader)? {
            return Ok(Some(reader.finish()?));
        }
        let part = reader.take_page();
        self.reader = Some(reader);
        Ok(Some(part))
    }

    /// Reads on in the file. Returns false at its end.
    fn feed(&mut self, reader: &mut ReportReader<'_>) -> Result<bool, Unreadable> {
        if self.ended {
            return Ok(false);
        }
        let mut part = (&self.file).take(PART);
        let read = part.read_to_end(&mut self.begun)?;
        self.ended = (read as u64) < PART;
        let used = reader.read(&self.begun, self.ended)?;
        self.begun.drain(..used);
        Ok(true)
    }
}

/// The reasons why a part cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The temporary file cannot be read.
    #[error("its temporary file cannot be read: {0}")]
    File(#[from] io::Error),
    /// The report is none, or not whole.
    #[error(transparent)]
    Report(#[from] NotAPage),
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Report(NotAPage::Csv(why)) => Self::Unreadable(why),
            other => Self::Passing(other.to_string()),
        }
    }
}
