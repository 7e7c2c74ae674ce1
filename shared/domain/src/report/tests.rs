use super::*;
use crate::datasets::active_users::ACTIVE_USERS;
use proptest::prelude::*;

const HEADER: &str = "User Principal Name,Display Name,Is Deleted,Teams Last Activity Date";

fn read(rows: &str) -> Page {
    let body = format!("{HEADER}\r\n{rows}");
    crate::page::from_csv(&ACTIVE_USERS, body.as_bytes()).expect("it is a report")
}

fn records(page: &Page) -> Vec<Record> {
    let rows = page.entries.iter().filter_map(|entry| match entry {
        Entry::Is(row) => row.record(&ACTIVE_USERS).ok(),
        Entry::Gone(_) => None,
    });
    rows.collect()
}

fn keys(page: &Page) -> Vec<String> {
    let mut keys: Vec<String> = records(page).into_iter().map(|r| r.key).collect();
    keys.sort();
    keys
}

#[test]
fn rows_that_share_a_placeholder_are_each_a_record() {
    let unknown = |name: &str| format!("(Unknown),{name},True,\n");
    let people = "ann@b.example,Ann,False,\nbob@b.example,Bob,False,\n";
    let rows = people.to_owned() + &unknown("A") + &unknown("B") + &unknown("C") + &unknown("C");
    let page = read(&rows);
    let expected = ReportRows {
        nameless: 4,
        ..ReportRows::default()
    };
    assert_eq!((page.entries.len(), page.rows), (6, expected));
    // In another order, and on a day on which one of them is alone, each has the key it had.
    let other = unknown("C") + &unknown("B") + people + &unknown("C") + &unknown("A");
    assert_eq!(keys(&page), keys(&read(&other)));
    let alone = keys(&read(&unknown("B")));
    assert!(keys(&page).contains(&alone[0]), "{alone:?}");
}

#[test]
fn an_empty_name_is_a_record_and_an_empty_row_is_none() {
    let page = read(",Ann,False,\n,Bob,False,\n,,,\n\n");
    assert_eq!((page.entries.len(), page.unkeyed), (2, 0));
    assert_eq!(page.rows.nameless, 2);
}

#[test]
fn of_two_rows_of_one_name_the_person_who_is_there_has_the_name() {
    let there = "ann@b.example,Ann,False,2026-01-01\n";
    let gone = "ann@b.example,Ann Old,True,2026-01-09\n";
    for rows in [format!("{there}{gone}"), format!("{gone}{there}")] {
        let page = read(&rows);
        let ann = records(&page);
        let ann = ann.iter().find(|record| record.key == "ann@b.example");
        let name = ann.map(|ann| ann.get(&ACTIVE_USERS, "display_name").clone());
        assert_eq!(name, Some(Value::from("Ann")));
        assert_eq!((page.entries.len(), page.rows.sharing), (2, 2));
    }
}

#[test]
fn of_two_people_of_one_name_the_one_who_was_active_last_has_the_name() {
    // Names differ in case alone, and in whatever order rows and texts are.
    for (earlier, later) in [("One", "Two"), ("Two", "One")] {
        for (upper, lower) in [("ANN", "ann"), ("ann", "ANN")] {
            let earlier = format!("{lower}@b.example,{earlier},False,2026-01-01\n");
            let row = format!("{upper}@b.example,{later},False,2026-01-02T00:00:00Z\n");
            for rows in [format!("{earlier}{row}"), format!("{row}{earlier}")] {
                let ann = records(&read(&rows));
                let ann = ann.iter().find(|record| record.key == "ann@b.example");
                let name = ann.map(|ann| ann.get(&ACTIVE_USERS, "display_name").clone());
                assert_eq!(name, Some(Value::from(later)), "{rows}");
            }
        }
    }
}

#[test]
fn a_row_that_names_nobody_keeps_its_key_whatever_it_did_meanwhile_and_wherever_it_stands() {
    let row = |day: &str| format!("(Unknown),A,True,{day}\n");
    let before = read(&row("2026-01-01"));
    assert_eq!(keys(&before), keys(&read(&row("2026-01-02"))));
    // Two that differ in nothing steady are numbered by what they hold, not by where they stand.
    let (one, two) = (row("2026-01-01"), row("2026-01-02"));
    let of = |rows: String| {
        let mut records = records(&read(&rows));
        records.sort_by(|one, other| one.key.cmp(&other.key));
        records
    };
    assert_eq!(of(format!("{one}{two}")), of(format!("{two}{one}")));
}

#[test]
fn a_stray_quote_costs_one_row_of_however_large_a_report() {
    let good = "ann@b.example,Ann,False,\n".repeat(2);
    let filler = "x@b.example,Xaver,False,2026-01-01\n".repeat(60_000);
    let body = format!("{HEADER}\n{good}y@b.example,\"Yvo,False,\n{filler}");
    assert!(body.len() > LONGEST_ROW * 2 - LONGEST_ROW / 2);
    let mut reader = ReportReader::new(&ACTIVE_USERS);
    let (mut held, mut longest) = (Vec::new(), 0);
    for piece in body.as_bytes().chunks(64 * 1024) {
        held.extend_from_slice(piece);
        let read = reader.read(&held, false).expect("it is a report");
        held.drain(..read);
        longest = longest.max(held.len());
    }
    reader.read(&held, true).expect("it is a report");
    let page = reader.finish().expect("it is whole");
    assert_eq!(keys(&page), ["ann@b.example", "x@b.example"]);
    assert_eq!(page.rows.unreadable, 1);
    assert!(
        longest < LONGEST_ROW + 128 * 1024,
        "{longest} bytes were held"
    );
}

#[test]
fn a_bad_value_in_a_row_costs_no_row() {
    let body = [
        HEADER.as_bytes(),
        b"\r\nann@b.example,A\xffn\xc3,False,\nbob@b.example,\x01B\0b,1e400,\ncy@b.example,Cy,,\n",
    ]
    .concat();
    let page = crate::page::from_csv(&ACTIVE_USERS, &body).expect("it is a report");
    let names: Vec<Value> = records(&page)
        .iter()
        .map(|record| record.get(&ACTIVE_USERS, "display_name").clone())
        .collect();
    assert_eq!(names, ["A\u{fffd}n\u{fffd}", "\u{1}B\0b", "Cy"]);
    assert_eq!((page.rows.unreadable, page.unkeyed), (0, 0));
}

#[test]
fn a_row_whose_name_is_no_text_is_counted_and_left_out() {
    let rows = b"\r\nann\xff@b.example,Ann,False,\nbob@b.example,Bob,False,\n";
    let body = [HEADER.as_bytes(), rows].concat();
    let page = crate::page::from_csv(&ACTIVE_USERS, &body).expect("it is a report");
    assert_eq!(keys(&page), ["bob@b.example"]);
    assert_eq!(page.rows.unreadable, 1);
}

#[test]
fn a_row_that_comes_twice_is_kept_once_and_counted() {
    let page = read("ann@b.example,Ann,False,\nann@b.example,Ann,False,\n");
    assert_eq!((page.entries.len(), page.rows.merged), (1, 1));
    assert_eq!(page.rows.sharing, 0);
}

#[test]
fn a_bad_row_costs_itself_alone() {
    for (bad, rows) in [
        ("too,few", 1),
        ("\"unquoted\",comma,in,it@b.example,5", 1),
        ("x@b.example,Smith, John,False,2026-01-01", 1),
        ("x@b.example,\"never closed,False,", 1),
        ("x@b.example,\"a\" b,False,", 1),
    ] {
        let page = read(&format!(
            "ann@b.example,Ann,False,\n{bad}\nbob@b.example,Bob,False,\n"
        ));
        assert_eq!(keys(&page), ["ann@b.example", "bob@b.example"], "{bad}");
        assert_eq!(page.rows.unreadable, rows, "{bad}");
    }
    let not_text = [
        HEADER.as_bytes(),
        b"\nx\xFF@b.example,,,\nann@b.example,,,\n",
    ]
    .concat();
    let page = crate::page::from_csv(&ACTIVE_USERS, &not_text).expect("it is a report");
    assert_eq!((page.entries.len(), page.rows.unreadable), (1, 1));
}

#[test]
fn a_report_that_ends_within_a_row_was_cut_on_its_way() {
    let whole = format!("{HEADER}\nann@b.example,\"Ann, A\",False,2026-01-01\n");
    for cut in ["User Principal Name,Disp", HEADER, ""] {
        let read = crate::page::from_csv(&ACTIVE_USERS, cut.as_bytes());
        assert!(matches!(read, Err(NotAPage::Cut(_))), "{cut}: {read:?}");
    }
    let row = HEADER.len() + 1;
    let last_field = whole.rfind(',').expect("it has fields") + 1;
    for end in row + 1..last_field {
        let read = crate::page::from_csv(&ACTIVE_USERS, &whole.as_bytes()[..end]);
        assert!(matches!(read, Err(NotAPage::Cut(_))), "{end}: {read:?}");
    }
    for garbled in ["a\u{0}b,c\n", "a,b,c,d\u{0}"] {
        let read = crate::page::from_csv(&ACTIVE_USERS, format!("{HEADER}\n{garbled}").as_bytes());
        assert!(matches!(read, Err(NotAPage::Cut(_))), "{garbled}: {read:?}");
    }
    // A last row without a line end that has all its fields is whole.
    let page = read("ann@b.example,Ann,False,2026-01-01");
    assert_eq!(page.entries.len(), 1);
}

#[test]
fn a_report_without_the_column_of_its_names_is_not_worth_another_try() {
    for body in [
        &b"Display Name,Is Deleted\nZ,False\n"[..],
        b"\xFF\xFEU\n",
        b"\"a\" b\n",
    ] {
        let read = crate::page::from_csv(&ACTIVE_USERS, body);
        assert!(matches!(read, Err(NotAPage::Csv(_))), "{body:?}: {read:?}");
    }
    for passing in [&b"<html>,</html>\n"[..], b"{\"error\": {}}"] {
        let read = crate::page::from_csv(&ACTIVE_USERS, passing);
        assert!(
            matches!(read, Err(NotAPage::Cut(_))),
            "{passing:?}: {read:?}"
        );
    }
}

#[test]
fn headers_are_found_in_any_casing_order_and_dialect() {
    for body in [
        "\u{FEFF}user principal name , DISPLAY NAME\nann@b.example,Ann\n",
        "Display Name;New Column;User Principal Name\nAnn;\"x;y\";ann@b.example\n",
        "\"Display Name\"\t\"User Principal Name\"\nAnn\tann@b.example\n",
        "User Principal Name,Display Name,Display Name,\nann@b.example,Ann,Other\n",
        "User Principal Name,Display Name\nann@b.example,Ann,,\n",
        "\nUser Principal Name,Display Name\r\nann@b.example,Ann\r\n",
    ] {
        let page = crate::page::from_csv(&ACTIVE_USERS, body.as_bytes()).expect("it is a report");
        let [ann] = &records(&page)[..] else {
            panic!("{body}: {page:?}")
        };
        assert_eq!(ann.key, "ann@b.example");
        assert_eq!(ann.get(&ACTIVE_USERS, "display_name"), "Ann", "{body}");
        assert!(page.rows.is_empty(), "{body}: {page:?}");
    }
    let none = crate::page::from_csv(&ACTIVE_USERS, b"user principal name\n");
    assert_eq!(none, Ok(Page::default()));
}

#[test]
fn a_report_is_about_the_day_of_its_first_dated_row() {
    let read = |body: &str| {
        let body = format!("User Principal Name,report refresh date\n{body}");
        crate::page::from_csv(&ACTIVE_USERS, body.as_bytes()).map(|page| page.data_date)
    };
    let day = Some(jiff::civil::date(2026, 11, 2));
    for body in [
        "ann@b.example,2026-11-02\nbob@b.example,2026-11-03\n",
        "ann@b.example,2026-11-02T00:00:00Z\n",
        "ann@b.example,11/2/2026 12:00:00 AM\n",
        "ann@b.example,\nbob@b.example,2026-11-02\n",
        "ann@b.example,soon\nbob@b.example,2026-11-02\n",
        "ann\"b\nbob@b.example,2026-11-02\n",
    ] {
        assert_eq!(read(body), Ok(day), "{body}");
    }
    for body in ["", "ann@b.example,\n", "ann@b.example,0001-01-01\n"] {
        assert_eq!(read(body), Ok(None), "{body}");
    }
    let without = crate::page::from_csv(&ACTIVE_USERS, b"User Principal Name\nann@b.example\n");
    assert_eq!(without.map(|page| page.data_date), Ok(None));
}

#[test]
fn a_date_in_another_spelling_is_the_same_record() {
    let plain = read("ann@b.example,Ann,True,2024-01-05\n");
    let timed = read("ann@b.example,Ann,Yes,2024-01-05T00:00:00Z\n");
    assert_eq!(plain, timed);
}

proptest! {
    #[test]
    fn no_text_of_a_report_makes_it_panic(rows in "([\"+ ,\n0-9A-Fé-]{0,40}\n){0,6}") {
        let body = format!("Assigned Products,User Principal Name,Deleted Date\n{rows}");
        let _ = crate::page::from_csv(&ACTIVE_USERS, body.as_bytes());
    }

    #[test]
    fn every_row_of_a_report_is_counted_once(
        names in prop::collection::vec("[A-F0-9]{32}|[a-zA]@b[.]example| {0,2}|[(]Unknown[)]", 0..20)
    ) {
        let rows: String = names.iter().map(|n| format!("\"x,\ny\",{n}\r\n")).collect();
        let body = format!("\u{feff}Display Name,User Principal Name\r\n{rows}");
        let page = crate::page::from_csv(&ACTIVE_USERS, body.as_bytes()).expect("it is whole");
        let counted = page.entries.len() as u64 + page.concealed + page.unkeyed
            + page.rows.merged + page.rows.unreadable;
        prop_assert_eq!(counted, names.len() as u64);
        let concealed = names.iter().filter(|name| name.len() == 32).count() as u64;
        prop_assert_eq!(page.concealed, concealed);
        let mut keys = keys(&page);
        keys.dedup();
        prop_assert_eq!(keys.len(), page.entries.len());
    }

    #[test]
    fn a_report_in_pieces_is_the_report(
        rows in "((a@b|c@d|[(]Unknown[)]|\"x\n),[a-c\"]{0,3},(True|),\r?\n){0,8}",
        piece in 1_usize..40,
    ) {
        let body = format!("\u{feff}{HEADER}\r\n{rows}");
        let whole = crate::page::from_csv(&ACTIVE_USERS, body.as_bytes());
        let mut reader = ReportReader::new(&ACTIVE_USERS);
        let mut held: Vec<u8> = Vec::new();
        let mut read = Ok(0);
        for piece in body.as_bytes().chunks(piece) {
            held.extend_from_slice(piece);
            read = reader.read(&held, false);
            if let Ok(bytes) = read {
                held.drain(..bytes);
            }
        }
        let pieces = read.and_then(|_| reader.read(&held, true)).and_then(|_| reader.finish());
        prop_assert_eq!(pieces, whole);
    }
}

/// Reads a report in two passes, so many bytes at a time.
fn read_in_parts(body: &[u8], bytes: usize) -> Result<Page, NotAPage> {
    let pass = |reader: &mut ReportReader<'_>, whole: &mut Page| -> Result<(), NotAPage> {
        let mut at = 0;
        for end in (0..body.len()).step_by(bytes).skip(1).chain([body.len()]) {
            at += reader.read(&body[at..end], end == body.len())?;
            let part = reader.take_page();
            whole.entries.extend(part.entries);
            whole.rows += part.rows;
            whole.unkeyed += part.unkeyed;
            whole.concealed += part.concealed;
        }
        Ok(())
    };
    let mut scan = ReportReader::scan(&ACTIVE_USERS);
    pass(&mut scan, &mut Page::default())?;
    let (mut reader, mut whole) = (scan.second_pass()?, Page::default());
    pass(&mut reader, &mut whole)?;
    let rest = reader.finish()?;
    whole.entries.extend(rest.entries);
    whole.rows += rest.rows;
    Ok(whole)
}

#[test]
fn names_that_more_rows_share_than_fit_into_memory_are_told() {
    let body = format!("{HEADER}\n{}", "(Unknown),A,True,\n".repeat(60_000));
    let read = read_in_parts(body.as_bytes(), 1 << 20);
    let Err(NotAPage::Csv(why)) = read else {
        panic!("{read:?}")
    };
    assert_eq!(why, "more than 50000 of its rows share their names");
}

proptest! {
    #[test]
    fn a_report_read_in_parts_is_the_report_read_at_once(
        rows in prop::collection::vec(("[aAbB]{1,2}(@x)?", "[nm]?", any::<bool>()), 0..20),
        bytes in 1_usize..200,
    ) {
        let rows = rows.iter().map(|(name, title, gone)| format!("{name},{title},{gone},\r\n"));
        let body = format!("{HEADER}\r\n{}", rows.collect::<String>());
        let at_once = crate::page::from_csv(&ACTIVE_USERS, body.as_bytes()).expect("a report");
        let in_parts = read_in_parts(body.as_bytes(), bytes).expect("a report");
        prop_assert_eq!(in_parts.rows, at_once.rows);
        let sorted = |page: &Page| {
            let mut records = records(page);
            records.sort_by(|a, b| a.key.cmp(&b.key));
            records
        };
        prop_assert_eq!(sorted(&in_parts), sorted(&at_once));
    }

    #[test]
    fn a_report_cut_anywhere_is_read_in_parts_as_it_is_at_once(end in 0_usize..400, bytes in 1_usize..90) {
        let rows = "ann@x,Ann,False,2026-01-01\r\nbob@x,\"B, b\",True,\r\n".repeat(5);
        let body = format!("{HEADER}\r\n{rows}");
        let body = &body.as_bytes()[..end.min(body.len())];
        let at_once = crate::page::from_csv(&ACTIVE_USERS, body).map(|page| page.rows);
        let in_parts = read_in_parts(body, bytes).map(|page| page.rows);
        prop_assert_eq!(in_parts, at_once);
    }
}
