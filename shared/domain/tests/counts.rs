//! The counts that the datasets declare, and what is told of them.

use jiff::Timestamp;
use muster_domain::{
    Dataset, DatasetState, Verdict,
    datasets::{
        secure_scores::{MAX_SCORE, SCORE, SECURE_SCORES},
        sign_in_activity::{INACTIVE_90_DAYS, SIGN_IN_ACTIVITY},
        users::{self, USERS},
    },
    figure::{Figure, Source},
    page::{self, Entry},
    state::Completeness,
    summary::{Counter, Counts, Summary, counted_datasets},
};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    time("2026-01-01T00:00:00Z")
}

fn whole(dataset: &'static Dataset) -> DatasetState {
    let mut state = DatasetState::new(dataset);
    state.verdict = Verdict::Allowed;
    state.complete = Some(Completeness {
        began_at: now(),
        ended_at: now(),
        objects: 0,
        proof: String::new(),
        counted: None,
    });
    state
}

fn count(dataset: &'static Dataset, texts: &[String]) -> Counter {
    let mut counter = Counter::new(dataset, now());
    texts.iter().for_each(|text| counter.count(text));
    counter
}

fn counted(dataset: &'static Dataset, texts: &[String]) -> Counts {
    let mut counts = Counts::default();
    count(dataset, texts).finish(&whole(dataset), &mut counts);
    counts
}

fn score(day: &str, points: &str, most: &str) -> String {
    format!(r#"["t_{day}","{day}T00:00:00Z",{points},{most}]"#)
}

fn user(enabled: &str, kind: &str, licenses: &str) -> String {
    format!(r#"["1","a \"quoted\", [odd] name","u",null,{enabled},{kind},{licenses},"Sales"]"#)
}

#[test]
fn each_dataset_feeds_its_counts() {
    let told = counted_datasets().map(|dataset| {
        let name = dataset.name;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
        let body = std::fs::read(format!("{folder}/{name}.json")).expect("it has a fixture");
        let page = page::from_json(dataset, &body).expect("it is a page");
        let texts = page.entries.into_iter().filter_map(|entry| match entry {
            Entry::Is(row) => Some(row.text),
            Entry::Gone(_) => None,
        });
        let counts = counted(dataset, &texts.collect::<Vec<_>>());
        let known = dataset.counts.iter();
        let known = known.filter_map(|c| Some(format!("{} {}", c.name, counts.get(c)?)));
        format!("{name}: {}", known.collect::<Vec<_>>().join(", "))
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "users: users 4, users_enabled 2, guests 1, users_licensed 2, licensed_disabled 0",
            "subscribed_skus: ",
            "sign_in_activity: inactive_90_days 1, attempts_only_90_days 1, never_used_90_days 1",
            "mfa_registration: mfa_registered 1, mfa_users 3",
            "managed_devices: devices 3, devices_noncompliant 0",
            "secure_scores: secure_score_hundredths 18725, secure_score_max_hundredths 40200",
        ]
    );
}

#[test]
fn a_user_counts_by_what_is_stored_and_by_nothing_that_only_looks_like_it() {
    let texts = [
        user("true", r#""Guest""#, r#"["a","b"]"#),
        user("false", r#""Member""#, r#"["a"]"#),
        user("false", r#""Guest""#, "[]"),
        user(r#""true""#, r#""a Guest""#, "null"),
        r#"["2"]"#.to_owned(),
    ];
    let counts = counted(&USERS, &texts);
    let of = |count| counts.get(count);
    assert_eq!(of(&users::ALL_USERS), Some(5));
    assert_eq!(of(&users::ENABLED), Some(1));
    assert_eq!(of(&users::GUESTS), Some(2));
    assert_eq!(of(&users::LICENSED), Some(2));
    assert_eq!(of(&users::LICENSED_DISABLED), Some(1));
}

#[test]
fn a_delta_round_shifts_every_count_or_none() {
    let text = user("true", r#""Guest""#, r#"["a"]"#);
    let (one, none) = (count(&USERS, &[text]), count(&USERS, &[]));
    let mut counts = counted(&USERS, &[user("false", r#""Member""#, "[]")]);
    assert!(Counter::shift(&mut counts, &one, &none));
    assert_eq!(counts.get(&users::ALL_USERS), Some(2));
    assert_eq!(counts.get(&users::GUESTS), Some(1));
    let before = counts.clone();
    counts.set(&users::LICENSED_DISABLED, None);
    let unknown = counts.clone();
    assert!(!Counter::shift(&mut counts, &one, &none));
    assert_eq!(counts, unknown);
    counts = before;
    counts.set(&users::GUESTS, Some(0));
    assert!(
        !Counter::shift(&mut counts, &none, &one),
        "never below zero"
    );
}

#[test]
fn the_newest_day_that_has_a_score_counts_with_its_date() {
    let days = [
        score("2025-12-28", "10", "100"),
        score("2025-12-30", "40.5", "100"),
        score("2025-12-31", "null", "100"),
        score("2026-01-01", "0", "0"),
        score("2025-12-29", "20", "100"),
    ];
    let counts = counted(&SECURE_SCORES, &days);
    assert_eq!(counts.get(&SCORE), Some(4_050));
    assert_eq!(counts.get(&MAX_SCORE), Some(10_000));
    assert_eq!(counts.as_of(&SCORE), Some(time("2025-12-30T00:00:00Z")));
}

#[test]
fn an_interrupted_enumeration_goes_on_from_the_newest_day_so_far() {
    let newest = count(&SECURE_SCORES, &[score("2025-12-30", "40", "100")]).counted();
    let mut counter = Counter::new(&SECURE_SCORES, now());
    counter.go_on(&newest);
    counter.count(&score("2025-12-29", "20", "100"));
    let mut counts = Counts::default();
    counter.finish(&whole(&SECURE_SCORES), &mut counts);
    assert_eq!(counts.get(&SCORE), Some(4_000));
}

#[test]
fn a_list_that_no_longer_names_the_newest_day_keeps_its_score() {
    let mut counts = counted(&SECURE_SCORES, &[score("2025-12-30", "40", "100")]);
    for later in [vec![], vec![score("2025-12-01", "20", "100")]] {
        count(&SECURE_SCORES, &later).finish(&whole(&SECURE_SCORES), &mut counts);
        assert_eq!(counts.get(&SCORE), Some(4_000));
    }
    let same_day = [score("2025-12-30", "41", "100")];
    count(&SECURE_SCORES, &same_day).finish(&whole(&SECURE_SCORES), &mut counts);
    assert_eq!(counts.get(&SCORE), Some(4_100));
}

#[test]
fn summaries_that_are_stored_already_are_read() {
    let stored = r#"{"date":"2026-01-01","users":3,"guests":null,"gone_by_now":7}"#;
    let summary: Summary = serde_json::from_str(stored).expect("it is read");
    assert_eq!(summary.counts.get(&users::ALL_USERS), Some(3));
    assert_eq!(summary.counts.get(&users::GUESTS), None);
    let counts = counted(&SECURE_SCORES, &[score("2025-12-30", "40", "100")]);
    let date = "2026-01-01".to_owned();
    let summary = Summary { date, counts };
    let text = serde_json::to_string(&summary).expect("it is JSON");
    assert!(text.contains(r#""guests":null"#), "{text}");
    let again: Summary = serde_json::from_str(&text).expect("it is read again");
    assert_eq!(again, summary);
}

#[test]
fn a_figure_that_is_not_known_has_no_date() {
    let source = Source {
        complete_as_of: Some(now()),
        gap: None,
        note: None,
    };
    let figure =
        |counts: &Counts| Figure::new(&SIGN_IN_ACTIVITY, &INACTIVE_90_DAYS, counts, &source, now());
    let mut counts = Counts::default();
    let unknown = figure(&counts);
    assert_eq!(
        (unknown.value, unknown.as_of, unknown.old),
        (None, None, false)
    );
    counts.set(&INACTIVE_90_DAYS, Some(0));
    assert_eq!(figure(&counts).as_of, Some(now()));
}

#[test]
fn what_was_never_read_whole_is_no_count_of_zero() {
    let mut state = whole(&USERS);
    state.complete = None;
    let mut counts = Counts::default();
    count(&USERS, &[]).finish(&state, &mut counts);
    assert_eq!(counts.get(&users::ALL_USERS), None);
    count(&USERS, &[]).finish(&whole(&USERS), &mut counts);
    assert_eq!(counts.get(&users::ALL_USERS), Some(0));
}

fn told(counts: &Counts, complete_as_of: Option<&str>, gap: Option<&str>) -> Vec<String> {
    let source = Source {
        complete_as_of: complete_as_of.map(time),
        gap: gap.map(str::to_owned),
        note: None,
    };
    let figures = [
        Figure::new(&SIGN_IN_ACTIVITY, &INACTIVE_90_DAYS, counts, &source, now()),
        Figure::new(&SECURE_SCORES, &SCORE, counts, &source, now()),
    ];
    figures.map(|figure| figure.detail).to_vec()
}

#[test]
fn every_figure_names_its_evidence_and_its_date_or_why_it_is_not_known() {
    let mut counts = counted(&SECURE_SCORES, &[score("2025-12-06", "40", "100")]);
    counts.set(&INACTIVE_90_DAYS, Some(3));
    let trouble = Some("Microsoft refused to answer.");
    let lines = [
        told(&Counts::default(), None, None),
        told(&Counts::default(), None, trouble),
        told(&counts, Some("2025-12-31T22:10:05Z"), trouble),
        told(&counts, Some("2025-12-24T00:00:00Z"), None),
        told(&counts, Some("2025-12-23T23:00:00Z"), None),
    ]
    .concat();
    insta::assert_snapshot!(lines.join("\n"));
}
