//! Usage reports: CSV, read row by row, so that one bad row costs itself alone.
//!
//! The columns are found by their headers, in whatever order, number and casing they come
//! (Microsoft adds, removes and reorders them). A row with more or fewer fields than the header is
//! counted and left out. A file that ends within a row was cut on its way, which is worth another
//! try; a bad row comes again with the next download, and is not.

mod duplicates;
mod row_split;
mod shared_names;

pub use shared_names::NO_NAME;

use crate::{
    dataset::{Dataset, Key, Kind},
    page::{Entry, NotAPage, Page, is_concealed},
    record::{Record, from_cell},
};
use duplicates::Duplicates;
use jiff::civil::Date;
use memchr::memchr;
use row_split::{Fields, LONGEST_ROW, Split, split};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared_names::Names;

/// What a report's rows were, beside those that are simply kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportRows {
    /// Rows that could not be read, and are left out.
    pub unreadable: u64,
    /// Rows whose name names nobody, such as `(Unknown)`; each is a record of its own.
    pub nameless: u64,
    /// Rows that share a sign-in name with another and differ from it; each is a record of its own.
    pub sharing: u64,
    /// Rows that equal another of the same sign-in name, and are kept once.
    pub merged: u64,
}

impl ReportRows {
    /// True if there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for ReportRows {
    fn add_assign(&mut self, other: Self) {
        self.unreadable += other.unreadable;
        self.nameless += other.nameless;
        self.sharing += other.sharing;
        self.merged += other.merged;
    }
}

/// Reads a report, as much of it at a time as there is.
#[derive(Debug)]
pub struct ReportReader<'d> {
    dataset: &'d Dataset,
    header: Option<Header>,
    fields: Fields,
    rows: Rows<'d>,
    page: Page,
}

/// What becomes of the rows.
#[derive(Debug)]
enum Rows<'d> {
    /// They are records.
    Keep,
    /// They are records, and some may share a name.
    Named(Names<'d>),
    /// They are only looked at, before they are read in parts.
    Scan(Duplicates),
}

/// The first row.
#[derive(Debug)]
struct Header {
    delimiter: u8,
    /// The place of each column of the dataset in a row.
    places: Vec<Option<usize>>,
    /// The place of the day that the report is about.
    data_date: Option<usize>,
    /// The number of fields of a row.
    fields: usize,
    /// How many it has at least: headers at the end may be blank.
    named: usize,
}

/// The header of the day that a report is about. Every report has it: see the columns of each in
/// <https://learn.microsoft.com/graph/api/resources/report>.
const DATA_DATE: &str = "Report Refresh Date";

/// Semicolons where a comma is the decimal sign; tabs from a spreadsheet.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

impl<'d> ReportReader<'d> {
    /// Begins a report.
    pub fn new(dataset: &'d Dataset) -> Self {
        Self::with(
            dataset,
            match dataset.key {
                Key::Shared(shared) => Rows::Named(Names::new(dataset, shared)),
                _ => Rows::Keep,
            },
        )
    }

    /// Begins the first of two passes over a report that is too large for memory. It proves that the report
    /// is whole, and finds the names that rows share.
    pub fn scan(dataset: &'d Dataset) -> Self {
        Self::with(dataset, Rows::Scan(Duplicates::default()))
    }

    fn with(dataset: &'d Dataset, rows: Rows<'d>) -> Self {
        Self {
            dataset,
            header: None,
            fields: Fields::default(),
            rows,
            page: Page::default(),
        }
    }

    /// Ends the first pass and begins the second, from the report's beginning.
    ///
    /// # Errors
    /// When there was no header, or too many rows share their names to be told apart.
    pub fn second_pass(self) -> Result<Self, NotAPage> {
        let Rows::Scan(duplicates) = self.rows else {
            return Ok(Self::new(self.dataset));
        };
        if self.header.is_none() {
            return Err(cut("it is empty"));
        }
        let rows = match self.dataset.key {
            Key::Shared(shared) => {
                let names = duplicates.names()?;
                Rows::Named(Names::known(self.dataset, shared, names))
            }
            _ => Rows::Keep,
        };
        Ok(Self::with(self.dataset, rows))
    }

    /// Returns how many rows so far have concealed names.
    pub fn concealed(&self) -> u64 {
        self.page.concealed
    }

    /// Takes what was read since the last call.
    pub fn take_page(&mut self) -> Page {
        std::mem::take(&mut self.page)
    }

    /// Reads the whole rows at the beginning of these bytes and returns how many bytes they were; the
    /// rest is to be given again with what follows it. `last` says that nothing follows.
    ///
    /// # Errors
    /// When the file was cut or garbled on its way, or is no report of this dataset.
    pub fn read(&mut self, bytes: &[u8], last: bool) -> Result<usize, NotAPage> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let Some(header) = &self.header else {
                let Some(length) = self.read_header(rest, last)? else {
                    break;
                };
                at += length;
                continue;
            };
            let length = match split(rest, header.delimiter, last, &mut self.fields) {
                Split::Row { bytes, ended } => {
                    if !ended || !header.fits(&self.fields) {
                        whole(&rest[..bytes])?;
                    }
                    self.row(ended)?;
                    bytes
                }
                Split::Broken { bytes } => {
                    whole(&rest[..bytes])?;
                    self.page.rows.unreadable += 1;
                    bytes
                }
                Split::Cut => {
                    whole(rest)?;
                    return Err(cut("it ends within a row"));
                }
                Split::More if rest.len() > LONGEST_ROW => {
                    return Err(NotAPage::Csv("a row is too long".to_owned()));
                }
                Split::More => break,
            };
            at += length;
        }
        Ok(at)
    }

    /// Ends the report.
    ///
    /// # Errors
    /// When there was no header.
    pub fn finish(mut self) -> Result<Page, NotAPage> {
        if self.header.is_none() {
            return Err(cut("it is empty"));
        }
        if let Rows::Named(names) = self.rows {
            names.finish(&mut self.page.entries, &mut self.page.rows);
        }
        Ok(self.page)
    }

    /// Finds the columns; `None` where the first row goes on behind these bytes.
    fn read_header(&mut self, bytes: &[u8], last: bool) -> Result<Option<usize>, NotAPage> {
        const BOM: &[u8] = b"\xEF\xBB\xBF";
        if !last && bytes.len() < BOM.len() {
            return Ok(None);
        }
        let line = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let skipped = bytes.len() - line.len();
        if matches!(line.trim_ascii_start().first(), Some(b'<' | b'{')) {
            return Err(cut("it is a page or a message, no report"));
        }
        let mut length = None;
        for delimiter in DELIMITERS {
            match split(line, delimiter, last, &mut self.fields) {
                Split::More if line.len() <= LONGEST_ROW => return Ok(None),
                Split::Row { bytes, ended } => {
                    whole(&line[..bytes])?;
                    if self.fields.are_blank() && ended {
                        return Ok(Some(skipped + bytes));
                    }
                    if !ended {
                        return Err(cut("it ends within its first row"));
                    }
                    length = Some(skipped + bytes);
                    if let Some(header) = Header::find(self.dataset, &self.fields, delimiter) {
                        self.header = Some(header);
                        return Ok(length);
                    }
                }
                Split::Cut => {
                    whole(line)?;
                    return Err(cut("it ends within its first row"));
                }
                Split::Broken { .. } | Split::More => {}
            }
        }
        let why = match length {
            Some(_) => "the column that names its rows is missing",
            None => "its first row cannot be read",
        };
        Err(NotAPage::Csv(why.to_owned()))
    }

    fn row(&mut self, ended: bool) -> Result<(), NotAPage> {
        let (Some(header), fields) = (&self.header, &self.fields) else {
            return Ok(());
        };
        if fields.are_blank() {
            return Ok(());
        }
        if fields.len() < header.named && !ended {
            return Err(cut("it ends within a row"));
        }
        if !header.fits(fields) {
            self.page.rows.unreadable += 1;
            return Ok(());
        }
        let mut place = header.places.iter();
        let record = Record::project(self.dataset, |column| {
            let place = place.next().copied().flatten();
            let cell = place.and_then(|place| fields.get(place));
            from_cell(column.kind, cell.unwrap_or_default())
        });
        let page = &mut self.page;
        if page.data_date.is_none() {
            let cell = header.data_date.and_then(|place| fields.get(place));
            page.data_date = cell.and_then(day);
        }
        match record {
            Some(record) if is_concealed(&record.key) => page.concealed += 1,
            Some(record) if record.values.iter().all(Value::is_null) => page.rows.unreadable += 1,
            // Two rows could come to share a key that is not as it came.
            Some(record) if fields.are_replaced() && record.key.contains('\u{fffd}') => {
                page.rows.unreadable += 1;
            }
            Some(record) => match &mut self.rows {
                Rows::Named(names) => names.take(record, &mut page.entries),
                Rows::Keep => page.entries.push(Entry::Is(record.into())),
                Rows::Scan(duplicates) => duplicates.note(record.key),
            },
            None => page.unkeyed += 1,
        }
        Ok(())
    }
}

impl Header {
    /// Returns true if a row has as many fields as the header; blank ones at the end do not count.
    fn fits(&self, row: &Fields) -> bool {
        let mut surplus = row.iter().skip(self.fields);
        row.len() >= self.named && surplus.all(|field| field.trim().is_empty())
    }

    /// The header, where these are the fields of one: it has the column of the key.
    fn find(dataset: &Dataset, fields: &Fields, delimiter: u8) -> Option<Self> {
        let headers: Vec<&str> = fields.iter().map(str::trim).collect();
        // Of two columns with one header the first is read.
        let place = |source: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(source));
        let places: Vec<Option<usize>> = dataset
            .columns
            .iter()
            .map(|column| place(column.source))
            .collect();
        let has = |name: &str| {
            let column = dataset.column(name);
            column.is_some_and(|column| places[column].is_some())
        };
        let keyed = match dataset.key {
            Key::Column(name) => has(name),
            Key::ColumnOr(name, other) => has(name) || has(other),
            Key::Shared(shared) => has(shared.column),
            Key::Constant(_) => places.iter().any(Option::is_some),
        };
        let named = headers.iter().rposition(|header| !header.is_empty());
        keyed.then(|| Self {
            delimiter,
            places,
            data_date: place(DATA_DATE),
            fields: headers.len(),
            named: named.map_or(0, |last| last + 1),
        })
    }
}

/// The day in a cell, in whatever spelling.
fn day(cell: &str) -> Option<Date> {
    let day = from_cell(Kind::Date, cell);
    day.as_str()?.parse().ok()
}

fn cut(why: &str) -> NotAPage {
    NotAPage::Cut(why.to_owned())
}

/// Refuses a row that was garbled on its way: it is not as the others are, and holds bytes that are no text.
fn whole(bytes: &[u8]) -> Result<(), NotAPage> {
    match memchr(0, bytes) {
        Some(_) => Err(cut("it holds bytes that are no text")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
