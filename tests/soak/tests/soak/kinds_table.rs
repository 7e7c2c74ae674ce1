//! The table of kinds in docs/reliability.md names everything that the simulator plays.

use microsoft_simulator::{Fault, SkuHolding};
use std::{collections::BTreeSet, path::Path};

/// Where the simulator reads the words of `--faults` and `--skus`.
const SOURCES: [&str; 6] = [
    "faults.rs",
    "csv_faults.rs",
    "list_faults.rs",
    "evidence_faults.rs",
    "sku_holding.rs",
    "value_faults.rs",
];

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).expect("a file")
}

/// The words that the simulator takes: the arms of its parsers.
fn words() -> BTreeSet<String> {
    let word = |line: &str| {
        let (arm, _) = line.split_once("=>")?;
        let quoted = arm.trim().trim_start_matches('(').strip_prefix('"')?;
        let (word, _) = quoted.split_once('"')?;
        word.starts_with(char::is_alphabetic)
            .then(|| word.to_owned())
    };
    let sources = SOURCES.map(|name| file(&format!("tests/microsoft/src/{name}")));
    sources
        .iter()
        .flat_map(|text| text.lines().filter_map(word).collect::<Vec<_>>())
        .collect()
}

/// The rows of the only table of kinds, cell by cell.
fn rows() -> Vec<Vec<String>> {
    let page = file("docs/reliability.md");
    let (_, section) = page
        .split_once("\n## Kinds of input\n")
        .expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

/// What is written as code in a cell.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_word_that_the_simulator_takes_stands_in_the_table_of_kinds() {
    let words = words();
    assert!(words.len() > 40, "{words:?}");
    let rows = rows();
    let played: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| row.last())
        .flat_map(|cell| code(cell).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|entry| match entry.strip_prefix("--skus ") {
            Some(example) => Some(example.to_owned()),
            None => {
                let (_, kind) = entry.rsplit_once('=')?;
                kind.split(':').next().map(str::to_owned)
            }
        })
        .collect();
    let missing: Vec<_> = words.difference(&played).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_row_of_the_table_of_kinds_can_be_played() {
    let control = file("tests/microsoft/src/control.rs");
    let rows = rows();
    assert_eq!(
        rows[0],
        [
            "kind",
            "what Microsoft sends",
            "what Muster does",
            "how to play it"
        ]
    );
    assert!(rows.len() > 50, "{} rows", rows.len());
    for row in &rows[2..] {
        assert_eq!(row.len(), 4, "{row:?}");
        let mut entries = code(&row[3]).peekable();
        assert!(entries.peek().is_some(), "{row:?}");
        for entry in entries {
            let fault = |entry: &str| entry.parse::<Fault>().is_ok();
            let played = match entry.split_once(' ') {
                Some(("--skus", example)) => SkuHolding::example(example).is_some(),
                Some(("--users", users)) => users.parse::<u32>().is_ok(),
                _ if entry.starts_with("…/oauth?") => true,
                _ if entry.ends_with(".rs") => {
                    file(&format!("tests/soak/tests/soak/{entry}")).contains("ScriptedAnswer")
                }
                _ if entry.starts_with('=') => fault(&format!("users{entry}")),
                _ if entry.contains('=') => fault(entry),
                _ => control.contains(&format!("\"{entry}\" =>")),
            };
            assert!(played, "{entry}: {row:?}");
        }
    }
}
