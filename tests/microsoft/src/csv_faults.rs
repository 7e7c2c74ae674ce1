//! How a usage report can be odd though it comes whole: what real reports were seen to hold.

/// One oddity of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvFault {
    /// So many of its last rows cannot be split into the header's fields: by turns one with too few
    /// fields, one with an unquoted comma, one with a quote that is never closed.
    BadRows(u32),
    /// So many of its last rows name nobody: `(Unknown)` stands for the sign-in name and the name.
    PlaceholderRows(u32),
    /// So many of its first rows come again, as somebody deleted of the same sign-in name.
    DeletedNamesakes(u32),
    /// Dates come with a time: `2024-01-05T00:00:00Z`.
    DatesWithTime,
    /// The day that it is about is so many days earlier.
    OldReport(u32),
    /// Semicolons stand between the fields.
    Semicolons,
    /// The file ends within its last row, and the wire calls it whole.
    CutRow,
}

impl CsvFault {
    /// Reads a word of a schedule and its number.
    pub(crate) fn parse(word: &str, argument: Option<&str>) -> Option<Self> {
        let rows = || argument.map_or(Some(1), |rows| rows.parse().ok());
        Some(match word {
            "bad-rows" => Self::BadRows(rows()?),
            "placeholder-rows" => Self::PlaceholderRows(rows()?),
            "deleted-namesakes" => Self::DeletedNamesakes(rows()?),
            "dates-with-time" if argument.is_none() => Self::DatesWithTime,
            "old-report" => Self::OldReport(rows()?),
            "semicolons" if argument.is_none() => Self::Semicolons,
            "cut-row" if argument.is_none() => Self::CutRow,
            _ => return None,
        })
    }

    /// Makes a report odd.
    pub(crate) fn apply(self, report: &str) -> String {
        let mut lines = report.lines().map(fields);
        let header = lines.next().unwrap_or_default();
        let mut rows: Vec<Vec<String>> = lines.collect();
        // The first header follows a byte order mark.
        let plain = |header: &str| header.trim_start_matches('\u{feff}').to_owned();
        let place = |name: &str| header.iter().position(|header| plain(header) == name);
        let last = |count: u32| rows.len().saturating_sub(count as usize)..rows.len();
        match self {
            Self::BadRows(count) => {
                let good = last(count).start;
                let bad = rows.split_off(good);
                let mut text = written(&header, &rows, ',');
                for (row, way) in bad.iter().zip([0, 1, 2].into_iter().cycle()) {
                    let line = row.join(",");
                    text += &match way {
                        0 => line
                            .split(',')
                            .take(header.len() / 2)
                            .collect::<Vec<_>>()
                            .join(","),
                        1 => format!("{line},Operations, North"),
                        _ => format!("\"{line}"),
                    };
                    text += "\r\n";
                }
                return text;
            }
            Self::PlaceholderRows(count) => {
                for row in last(count) {
                    for name in ["User Principal Name", "Display Name"] {
                        if let Some(place) = place(name) {
                            rows[row][place] = "(Unknown)".to_owned();
                        }
                    }
                }
            }
            Self::DeletedNamesakes(count) => {
                for row in 0..rows.len().min(count as usize) {
                    let mut namesake = rows[row].clone();
                    for (name, value) in [("Is Deleted", "True"), ("Deleted Date", "2024-01-05")] {
                        if let Some(place) = place(name) {
                            namesake[place] = value.to_owned();
                        }
                    }
                    rows.push(namesake);
                }
            }
            Self::DatesWithTime => {
                let is_date =
                    |cell: &str| cell.len() == 10 && cell.parse::<jiff::civil::Date>().is_ok();
                for cell in rows.iter_mut().flatten().filter(|cell| is_date(cell)) {
                    cell.push_str("T00:00:00Z");
                }
            }
            Self::OldReport(days) => {
                let earlier = jiff::Span::new().days(i64::from(days));
                for row in &mut rows {
                    let cell = place("Report Refresh Date").and_then(|place| row.get_mut(place));
                    let Some(cell) = cell else { continue };
                    let day = cell.parse::<jiff::civil::Date>();
                    if let Some(day) = day.ok().and_then(|day| day.checked_sub(earlier).ok()) {
                        *cell = day.to_string();
                    }
                }
            }
            Self::Semicolons => return written(&header, &rows, ';'),
            Self::CutRow => {
                let text = written(&header, &rows, ',');
                let row = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
                return text[..row + (text.len() - row) / 3].to_owned();
            }
        }
        written(&header, &rows, ',')
    }
}

fn written(header: &[String], rows: &[Vec<String>], delimiter: char) -> String {
    let mut text = String::new();
    for row in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        for (i, field) in row.iter().enumerate() {
            if i > 0 {
                text.push(delimiter);
            }
            if field.contains([delimiter, '"']) {
                text += &format!("\"{}\"", field.replace('"', "\"\""));
            } else {
                text += field;
            }
        }
        text += "\r\n";
    }
    text
}

/// The fields of a line that this simulator wrote: none of them holds a line end.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let (mut quoted, mut before) = (false, ' ');
    for letter in line.chars() {
        match letter {
            '"' => {
                // A doubled quote within quotes is one.
                if !quoted && before == '"' {
                    fields
                        .last_mut()
                        .into_iter()
                        .for_each(|field| field.push('"'));
                }
                quoted = !quoted;
            }
            ',' if !quoted => fields.push(String::new()),
            other => fields
                .last_mut()
                .into_iter()
                .for_each(|field| field.push(other)),
        }
        before = letter;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "User Principal Name,Display Name,Is Deleted,Last\r\na@b,\"A, \"\"x\"\"\",False,2024-01-05\r\nc@d,C,False,\r\n";

    #[test]
    fn a_report_is_made_odd_and_stays_itself_elsewhere() {
        let odd = |fault: CsvFault| fault.apply(REPORT);
        assert_eq!(odd(CsvFault::PlaceholderRows(0)), REPORT);
        assert!(odd(CsvFault::DatesWithTime).contains("2024-01-05T00:00:00Z"));
        assert!(odd(CsvFault::PlaceholderRows(1)).ends_with("(Unknown),(Unknown),False,\r\n"));
        assert!(odd(CsvFault::Semicolons).contains("a@b;\"A, \"\"x\"\"\";False;2024"));
        let dated = "Report Refresh Date,Last\r\n2026-01-05,2026-01-05\r\n";
        let old = CsvFault::OldReport(26).apply(dated);
        assert!(old.ends_with("\r\n2025-12-10,2026-01-05\r\n"), "{old}");
        assert_eq!(odd(CsvFault::DeletedNamesakes(1)).lines().count(), 4);
        assert!(odd(CsvFault::BadRows(1)).ends_with("c@d,C\r\n"));
        assert!(odd(CsvFault::CutRow).ends_with("\nc@d,"));
    }
}
