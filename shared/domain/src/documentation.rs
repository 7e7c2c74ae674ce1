//! Pages of documentation that are rendered from the declarations, so that they cannot lag.

use crate::{Column, Dataset, dataset::Key, datasets};
use std::fmt::Write;

/// `docs/datasets.md`: every dataset of the registry, with its columns.
pub fn datasets_page() -> String {
    let mut page = String::from(INTRODUCTION);
    for dataset in datasets::ALL {
        let _ = writeln!(
            page,
            "- [{}](#{}): {}",
            dataset.title, dataset.name, dataset.about
        );
    }
    for dataset in datasets::ALL {
        section(&mut page, dataset);
    }
    page
}

const INTRODUCTION: &str = "\
<!-- Generated from shared/domain/src/datasets; `UPDATE_DOCS=1 cargo test -p muster-domain --test datasets` rewrites it. -->

# Datasets

What Muster reads of a tenant. A column bears Microsoft's name in snake_case. Only the key is ever required: Microsoft leaves properties out, and a column that has no value is absent. Enumerations are kept as text, in Microsoft's spelling. Instants are in UTC.

How a dataset is read:

- **delta**: what has changed since the last time, and everything at least weekly;
- **full**: the whole list each time; what a complete list no longer holds is removed;
- **single**: one object;
- **report**: a CSV usage report, some two days old when Microsoft gives it out;
- **snapshot by day**: one record a day, kept longer than Microsoft keeps it.

What it feeds of the summary is named with the evidence that each count rests on. A count that is not known is null, never zero.

A column that **moves** does so by itself, most days: it is kept current, and its moves are no changes.

";

fn section(page: &mut String, dataset: &Dataset) {
    let select = dataset
        .select
        .then(|| format!("$select={}", dataset.select_list()));
    let top = dataset.page_size.map(|top| format!("$top={top}"));
    let query = dataset
        .query
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let query: Vec<String> = select.into_iter().chain(top).chain(query).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let groups = dataset.needs.iter().map(|group| {
        group
            .iter()
            .map(|p| format!("`{p}`"))
            .collect::<Vec<_>>()
            .join(" or ")
    });
    let key = match dataset.key {
        Key::Column(name) => format!("`{name}`"),
        Key::ColumnOr(name, other) => format!("`{name}`, or `{other}` where it is absent"),
        Key::Constant(key) => format!("there is one record, `{key}`"),
        Key::Shared(shared) => format!(
            "`{}`, in lower case; rows that share one, or name nobody, are told apart by {}",
            shared.column,
            shared
                .beside
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let facts = [
        (
            "Graph call",
            format!(
                "[`GET /v1.0{}{mark}{}`]({})",
                dataset.path,
                query.join("&"),
                dataset.doc
            ),
        ),
        ("Permission", groups.collect::<Vec<_>>().join("; and ")),
        (
            "Licence",
            dataset
                .licence
                .map_or("none", |licence| licence.name())
                .to_owned(),
        ),
        ("Read", dataset.enumeration.name().to_owned()),
        ("Due", due(dataset.due_every_minutes)),
        (
            "Kept",
            dataset.retention_days.map_or_else(
                || kept(dataset),
                |days| format!("{days} days after it was last seen"),
            ),
        ),
        ("Key", key),
    ];
    let counted = dataset.count.map(|path| {
        let held_against = "a whole list is held against Microsoft's own count";
        ("Counted", format!("`GET /v1.0{path}`: {held_against}"))
    });
    let _ = writeln!(
        page,
        "\n## {}\n\n{}: {}\n",
        dataset.name, dataset.title, dataset.about
    );
    let _ = writeln!(page, "| | |\n|---|---|");
    for (name, value) in facts.into_iter().chain(counted) {
        let _ = writeln!(page, "| {name} | {} |", cell(&value));
    }
    if !dataset.counts.is_empty() {
        let _ = writeln!(page, "\n| count | | evidence |\n|---|---|---|");
    }
    for count in dataset.counts {
        let (title, evidence) = (cell(count.title), cell(count.evidence));
        let _ = writeln!(page, "| `{}` | {title} | {evidence} |", count.name);
    }
    let _ = writeln!(page, "\n| column | type | source | |\n|---|---|---|---|");
    for column in dataset.columns {
        let _ = writeln!(
            page,
            "| `{}` | {} | `{}` | {} |",
            column.name,
            column.kind.name(),
            cell(column.source),
            cell(&about(dataset, column)),
        );
    }
}

fn about(dataset: &Dataset, column: &Column) -> String {
    let moves = dataset.volatile.contains(&column.name);
    format!("{}{}", column.about, if moves { " Moves." } else { "" })
}

fn due(minutes: u32) -> String {
    match minutes {
        0 => "at every sync".to_owned(),
        60 => "every hour".to_owned(),
        1440 => "every day".to_owned(),
        _ if minutes.is_multiple_of(60) => format!("every {} hours", minutes / 60),
        _ => format!("every {minutes} minutes"),
    }
}

fn kept(dataset: &Dataset) -> String {
    let word = if dataset.enumeration.proves_absence() {
        "until removed"
    } else {
        "for good"
    };
    word.to_owned()
}

/// A text that stays within its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
