//! Every dataset against a body in Microsoft's shape, and the registry against its own rules.

use muster_domain::{
    ClientId, Dataset, Enumeration, Kind, Permission,
    dataset::{Key, snake_case},
    datasets::ALL,
    documentation,
    page::{self, Entry, Page},
    record,
};
use std::{collections::HashSet, fmt::Write, fs, path::PathBuf};

fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn page_of(dataset: &'static Dataset) -> Page {
    let report = dataset.enumeration == Enumeration::Report;
    let path = here(&format!(
        "fixtures/{}.{}",
        dataset.name,
        if report { "csv" } else { "json" }
    ));
    let body = fs::read(&path).unwrap_or_else(|e| {
        panic!(
            "the dataset {} has no fixture {}: {e}",
            dataset.name,
            path.display()
        )
    });
    let page = if report {
        page::from_csv(dataset, &body)
    } else {
        page::from_json(dataset, &body)
    };
    page.unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A page as a person would check it: the columns in their order, absent ones left out.
fn render(dataset: &'static Dataset, page: &Page) -> String {
    let mut text = String::new();
    for entry in &page.entries {
        match entry {
            Entry::Gone(key) => writeln!(text, "gone {key}\n"),
            Entry::Is(row) => {
                let record = row.record(dataset).expect("it is an array");
                let mut lines = format!("record {}\n", record.key);
                for (column, value) in dataset.columns.iter().zip(&record.values) {
                    if !value.is_null() {
                        lines.push_str(&format!("  {}: {value}\n", column.name));
                    }
                }
                writeln!(text, "{lines}")
            }
        }
        .expect("a String takes all");
    }
    text + &format!(
        "unkeyed {}, concealed {}, next {:?}, delta {:?}\n",
        page.unkeyed, page.concealed, page.next_link, page.delta_link
    )
}

#[test]
fn a_body_in_microsofts_shape_becomes_these_records() {
    for dataset in ALL {
        insta::assert_snapshot!(dataset.name, render(dataset, &page_of(dataset)));
    }
}

#[test]
fn every_column_has_a_value_somewhere_in_its_fixture() {
    // What a tenant that is in use never shows.
    let never = [
        "organization.deleted_date_time",
        "applications.deleted_date_time",
    ];
    let mut unseen = Vec::new();
    for dataset in ALL {
        let page = page_of(dataset);
        for (i, column) in dataset.columns.iter().enumerate() {
            let filled = |entry: &Entry| matches!(entry, Entry::Is(row) if record::cells(&row.text).nth(i).is_some_and(|cell| cell != "null"));
            if !page.entries.iter().any(filled) {
                unseen.push(format!("{}.{}", dataset.name, column.name));
            }
        }
    }
    assert_eq!(unseen, never, "a misspelt source would go unnoticed");
}

#[test]
fn a_dataset_without_its_entry_or_its_fixture_is_noticed() {
    let names: HashSet<&str> = ALL.iter().map(|dataset| dataset.name).collect();
    let stems = |folder: &str| {
        fs::read_dir(here(folder))
            .expect("the folder is there")
            .map(|entry| {
                let path = entry.expect("it can be read").path();
                path.file_stem()
                    .and_then(|stem| stem.to_str())
                    .expect("it has a name")
                    .to_owned()
            })
    };
    for stem in stems("src/datasets").filter(|stem| stem != "mod") {
        assert!(
            names.contains(stem.as_str()),
            "src/datasets/{stem}.rs is not in the registry"
        );
    }
    for stem in stems("fixtures") {
        assert!(
            names.contains(stem.as_str()),
            "fixtures/{stem} is of no dataset"
        );
    }
    assert_eq!(names.len(), ALL.len(), "two datasets share a name");
}

#[test]
fn columns_are_named_after_microsofts_properties_each_once() {
    for dataset in ALL {
        let mut seen = HashSet::new();
        for column in dataset.columns {
            assert_eq!(
                column.name,
                snake_case(column.source),
                "in {}",
                dataset.name
            );
            assert!(
                seen.insert(column.name),
                "{} has {} twice",
                dataset.name,
                column.name
            );
            assert!(
                column.about.ends_with(['.', '…']),
                "{}.{}: a sentence",
                dataset.name,
                column.name
            );
        }
    }
}

#[test]
fn the_key_is_a_column_and_comes_first() {
    for dataset in ALL {
        let (first, other) = match dataset.key {
            Key::Column(name) => (name, name),
            Key::Shared(shared) => (shared.column, shared.column),
            Key::ColumnOr(name, other) => (name, other),
            Key::Constant(_) => continue,
        };
        assert_eq!(dataset.column(first), Some(0), "{}", dataset.name);
        let other = dataset.column(other).expect("the other key is a column");
        assert_eq!(dataset.columns[other].kind, Kind::Text, "{}", dataset.name);
    }
}

/// Records are stored by position: appending to this snapshot is free, and any other change to it
/// makes stored records be read under the wrong names.
#[test]
fn the_order_of_columns_is_what_is_stored() {
    let mut text = String::new();
    for dataset in ALL {
        let names: Vec<&str> = dataset.columns.iter().map(|column| column.name).collect();
        text.push_str(&format!("{}\n  {}\n", dataset.name, names.join("\n  ")));
    }
    insta::assert_snapshot!("column_order", text);
}

/// What moves is packed by position, too.
#[test]
fn the_order_of_volatile_columns_is_what_is_packed() {
    let moving = ALL.iter().filter(|dataset| !dataset.volatile.is_empty());
    let lines =
        moving.map(|dataset| format!("{}\n  {}\n", dataset.name, dataset.volatile.join("\n  ")));
    insta::assert_snapshot!("volatile_order", lines.collect::<String>());
}

#[test]
fn the_first_requests_are_these() {
    let client: ClientId = "5f0b7c8d-2e41-4a6f-9d10-7b3c5e8f9a21"
        .parse()
        .expect("it is a GUID");
    let requests: Vec<String> = ALL
        .iter()
        .map(|dataset| format!("{}: {}", dataset.name, dataset.first_request(client)))
        .collect();
    insta::assert_snapshot!("first_requests", requests.join("\n"));
}

#[test]
fn what_is_counted_is_the_list_that_is_read() {
    for dataset in ALL {
        let Some(count) = dataset.count else { continue };
        let list = dataset.path.trim_end_matches("/delta");
        assert_eq!(count, format!("{list}/$count"), "{}", dataset.name);
        assert!(dataset.query.is_empty(), "{} is filtered", dataset.name);
    }
}

#[test]
fn every_required_permission_feeds_a_dataset() {
    for permission in Permission::required() {
        assert!(
            !permission.feeds().is_empty(),
            "{permission} is asked for and feeds nothing"
        );
    }
    for dataset in ALL {
        assert!(!dataset.needs.is_empty(), "{} needs nothing", dataset.name);
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no context to be handed UPDATE_DOCS in"
)]
fn the_page_on_datasets_is_current() {
    let path = here("../../docs/datasets.md");
    let page = documentation::datasets_page();
    if std::env::var("UPDATE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(&path, &page).expect("docs/datasets.md can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/datasets.md lags behind the registry; run: UPDATE_DOCS=1 cargo test -p muster-domain --test datasets"
    );
}
