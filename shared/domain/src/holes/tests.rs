use super::*;
use crate::{Row, datasets};

/// A list of people, of whom the first rows of every page have the property where they have it at all.
struct List {
    has: Vec<bool>,
    /// The last row of a page that Microsoft serves whole.
    whole: usize,
    /// The page size that is served whatever is asked for.
    fixed: Option<usize>,
}

impl List {
    /// Everybody has the property but one of so many, at random.
    fn mostly(people: usize, each: u64, whole: usize) -> Self {
        let has = |person: usize| !index::name(&person.to_string()).is_multiple_of(each);
        Self {
            has: (0..people).map(has).collect(),
            whole,
            fixed: None,
        }
    }

    fn pages(&self, top: u16) -> Vec<Page> {
        let size = self.fixed.unwrap_or(usize::from(top));
        let count = self.has.len().div_ceil(size);
        let pages = self.has.chunks(size).enumerate();
        let page = |(number, people): (usize, &[bool])| {
            let mut page = Page::default();
            for (row, has) in people.iter().enumerate() {
                page.entries.push(Entry::Is(Row {
                    key: (number * size + row).to_string(),
                    text: "[]".to_owned(),
                    missing: Default::default(),
                }));
                page.presence.note(*has && row < self.whole);
            }
            page.next_link = (number + 1 < count).then(|| "next".to_owned());
            page
        };
        pages.map(page).collect()
    }
}

/// Reads a list, and returns the sizes that were asked for, the last step, and whether any hole was taken for
/// a fact.
fn read(list: &List, believed: Option<u16>) -> (Vec<u16>, Step, bool) {
    let (mut sizes, mut watch) = (vec![120], Watch::default());
    loop {
        let top = *sizes.last().expect("there is one");
        let (mut held, mut taken, mut ended) = (Vec::new(), Vec::new(), Step::Take);
        for page in list.pages(top) {
            match watch.weigh(&page, Some(top), believed) {
                Step::Hold => held.push(page),
                Step::Take => taken.extend(held.drain(..).chain([page])),
                step @ Step::Believe(_) => {
                    ended = step;
                    taken.extend(held.drain(..).chain([page]));
                }
                step => {
                    ended = step;
                    break;
                }
            }
        }
        if let Step::AskSmaller(size) = ended {
            assert!(size < top);
            sizes.push(size);
            watch = watch.once_more();
            continue;
        }
        assert!(
            held.is_empty() || ended == Step::Stop,
            "no page is forgotten"
        );
        let people = |page: &Page| -> Vec<(usize, bool)> {
            let of = people(page).map(|(key, has)| (key.parse().expect("a number"), has));
            of.collect()
        };
        let mut told = taken.iter().flat_map(people);
        let wrong = told.any(|(person, has)| has != list.has[person]);
        return (sizes, ended, wrong);
    }
}

#[test]
fn holes_beyond_the_ninetieth_row_go_with_pages_of_sixty() {
    for each in [u64::MAX, 20, 5, 3, 2] {
        let list = List::mostly(500, each, 90);
        assert_eq!(
            read(&list, None),
            (vec![120, 60], Step::Take, false),
            "{each}"
        );
    }
}

#[test]
fn holes_in_the_smallest_pages_too_are_an_incomplete_list() {
    for each in [u64::MAX, 20, 5, 3] {
        let list = List::mostly(500, each, 10);
        let ended = (vec![120, 60, 30, 15], Step::Stop, false);
        assert_eq!(read(&list, None), ended, "{each}");
    }
}

#[test]
fn a_server_that_ignores_the_page_size_is_not_believed() {
    let list = List {
        fixed: Some(500),
        ..List::mostly(1_200, 4, 90)
    };
    let ended = (vec![120, 60, 30, 15], Step::Stop, false);
    assert_eq!(read(&list, None), ended);
}

#[test]
fn people_who_lack_it_at_other_rows_too_have_none() {
    for (people, first) in [
        (500, 5),
        (130, 5),
        (130, 1),
        (40, 1),
        (40, 3),
        (5_000, 1),
        (16, 4),
    ] {
        let has = (0..people).map(|person| person < first).collect();
        let list = List {
            has,
            whole: usize::MAX,
            fixed: None,
        };
        let (sizes, ended, wrong) = read(&list, None);
        let row = u16::try_from(first).expect("it is small");
        assert_eq!(
            (ended, wrong),
            (Step::Believe(row), false),
            "{people} {first} {sizes:?}"
        );
        // It is not tested again at every sync.
        assert_eq!(read(&list, Some(row)), (vec![120], Step::Take, false));
    }
}

#[test]
fn a_list_without_holes_is_read_once() {
    for each in [u64::MAX, 50, 7, 3, 2, 1] {
        for people in [0, 1, 7, 15, 119, 120, 121, 1_000] {
            let list = List::mostly(people, each, usize::MAX);
            assert_eq!(
                read(&list, None),
                (vec![120], Step::Take, false),
                "{each} {people}"
            );
        }
    }
    // The last few of a page may have none.
    let mut list = List::mostly(120, u64::MAX, usize::MAX);
    list.has[119] = false;
    assert_eq!(read(&list, None).0, [120]);
}

#[test]
fn the_property_that_is_watched_is_one_that_is_asked_for() {
    for (name, property) in WATCHED {
        let dataset = datasets::find(name).expect("it is registered");
        let selected = dataset.select_list();
        assert!(dataset.select && selected.split(',').any(|selected| selected == property));
    }
}

#[test]
fn a_page_tells_who_has_the_property_and_a_sign_in_that_never_was_is_one() {
    let presence = |name: &str| {
        let dataset = datasets::find(name).expect("it is registered");
        let body = r#"{"value": [
            {"id": "a", "signInActivity": {"lastSignInDateTime": "0001-01-01T00:00:00Z"}},
            {"id": "b", "signInActivity": null},
            {"id": "c"},
            {"userPrincipalName": "without an id", "signInActivity": {}},
            {"signInActivity": {"lastSignInDateTime": "2026-01-01T00:00:00Z"}, "id": "d"}
        ]}"#;
        let page = crate::page::from_json(dataset, body.as_bytes()).expect("it is a page");
        page.presence.0
    };
    assert_eq!(presence("sign_in_activity"), [true, false, false, true]);
    assert_eq!(presence("users"), [false; 0]);
}
