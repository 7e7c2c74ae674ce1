use super::*;
use crate::datasets::{subscribed_skus::SUBSCRIBED_SKUS, users::USERS};
use proptest::prelude::*;
use serde_json::json;

fn user(key: usize, name: Option<&str>, enabled: bool) -> Record {
    let object = json!({"id": format!("{key:03}"), "displayName": name, "accountEnabled": enabled});
    Record::from_object(&USERS, &object).expect("it has an id")
}

fn query(parameters: &Parameters) -> Query {
    Query::new(&USERS, parameters, Timestamp::UNIX_EPOCH).expect("a good query")
}

fn walk(records: &[Record], mut parameters: Parameters) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let query = query(&parameters);
        let mut page = query.page();
        records
            .iter()
            .cloned()
            .for_each(|record| page.offer(record));
        let page = page.finish();
        keys.extend(page.records.into_iter().map(|record| record.key));
        match page.next {
            Some(next) => parameters.cursor = Some(next),
            None => return keys,
        }
    }
}

proptest! {
    #[test]
    fn walking_the_pages_gives_every_record_once_in_order(
        names in proptest::collection::vec(proptest::option::of("[a-cA-C]{0,2}"), 0..40),
        limit in 1usize..8, descending: bool,
    ) {
        let records: Vec<Record> = names.iter().enumerate().map(|(i, n)| user(i, n.as_deref(), true)).collect();
        let sort = if descending { "-display_name" } else { "display_name" };
        let keys = walk(&records, Parameters { sort: Some(sort.into()), limit: Some(limit.to_string()), ..Parameters::default() });
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, records.iter().map(|r| r.key.clone()).collect::<Vec<_>>());
        let names: Vec<_> = keys.iter().map(|k| names[k.parse::<usize>().expect("a number")].as_deref().unwrap_or("").to_lowercase()).filter(|n| !n.is_empty()).collect();
        let ordered = names.windows(2).all(|w| if descending { w[0] >= w[1] } else { w[0] <= w[1] });
        prop_assert!(ordered, "{:?}", names);
    }
}

#[test]
fn names_are_sorted_as_people_expect_them() {
    let names = [
        "Zoe", "édith", "Eric", "eva", "Éva", "Anna", "Ørsted", "Oscar",
    ];
    let records: Vec<Record> = (names.iter().enumerate())
        .map(|(at, name)| user(at, Some(name), true))
        .collect();
    let sorted = |sort: &str, limit: &str| {
        let keys = walk(
            &records,
            Parameters {
                sort: Some(sort.into()),
                limit: Some(limit.into()),
                ..Parameters::default()
            },
        );
        keys.iter()
            .map(|key| names[key.parse::<usize>().expect("a number")])
            .collect::<Vec<_>>()
    };
    let mut order = vec![
        "Anna", "édith", "Eric", "eva", "Éva", "Ørsted", "Oscar", "Zoe",
    ];
    assert_eq!(sorted("display_name", "100"), order);
    assert_eq!(sorted("display_name", "2"), order);
    order.reverse();
    assert_eq!(sorted("-display_name", "3"), order);
}

#[test]
fn a_sku_is_filtered_searched_and_sorted_by_what_it_is_called() {
    let odd = "11111111-aaaa-4bbb-8ccc-222222222222";
    let spb = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46";
    let e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965";
    let sku = |id: &str, part: &str| {
        let object = json!({"id": id, "skuId": id, "skuPartNumber": part});
        Record::from_object(&SUBSCRIBED_SKUS, &object).expect("it has an id")
    };
    let skus = [sku(odd, "Brand_New"), sku(spb, "SPB"), sku(e3, "SPE_E3")];
    let mut names = Names::default();
    skus.iter()
        .for_each(|sku| names.learn(&SUBSCRIBED_SKUS, sku));
    let names = Arc::new(names);
    let ask = |dataset: &'static Dataset, parameters: &Parameters| {
        let query = Query::new(dataset, parameters, Timestamp::UNIX_EPOCH).expect("a good query");
        query.with_names(Arc::clone(&names))
    };
    let sorted = ask(
        &SUBSCRIBED_SKUS,
        &Parameters {
            sort: Some("sku_id".into()),
            ..Parameters::default()
        },
    );
    let keys = sorted.sorted(skus.to_vec()).into_iter().map(|sku| sku.key);
    // Brand_New, Microsoft 365 Business Premium, Microsoft 365 E3.
    assert_eq!(keys.collect::<Vec<_>>(), [odd, spb, e3]);
    let ann = json!({"id": "ann", "assignedLicenses": [{"skuId": odd}]});
    let ann = Record::from_object(&USERS, &ann).expect("it has an id");
    for (filter, matches) in [
        ("assigned_licenses_sku_id eq brand_new", true),
        ("assigned_licenses_sku_id contains 'rand_n'", true),
        (
            "assigned_licenses_sku_id eq 11111111-AAAA-4bbb-8ccc-222222222222",
            true,
        ),
        ("assigned_licenses_sku_id ne Brand_New", false),
        ("assigned_licenses_sku_id eq Microsoft 365 E3", false),
    ] {
        let parameters = Parameters {
            filter: Some(filter.into()),
            ..Parameters::default()
        };
        assert_eq!(ask(&USERS, &parameters).matches(&ann), matches, "{filter}");
    }
    let searched = Parameters {
        q: Some("brand".into()),
        ..Parameters::default()
    };
    assert!(ask(&USERS, &searched).matches(&ann));
    assert!(!query(&searched).matches(&ann));
}

#[test]
fn filters_and_search_narrow() {
    let records = [
        user(1, Some("Ann"), true),
        user(2, Some("Bob"), false),
        user(3, None, true),
    ];
    let keys = |filter: &str| {
        walk(
            &records,
            Parameters {
                filter: Some(filter.into()),
                ..Parameters::default()
            },
        )
    };
    assert_eq!(keys("account_enabled eq false"), ["002"]);
    assert_eq!(
        keys("account_enabled eq true and display_name is absent"),
        ["003"]
    );
    assert_eq!(keys("counted as users_enabled"), ["001", "003"]);
    assert_eq!(
        keys("counted as users_enabled and display_name is absent"),
        ["003"]
    );
    assert_eq!(keys("display_name contains 'O'"), ["002"]);
    assert_eq!(keys("display_name ne ann"), ["002", "003"]);
    assert_eq!(
        walk(
            &records,
            Parameters {
                q: Some("ANN".into()),
                ..Parameters::default()
            }
        ),
        ["001"]
    );
}

#[test]
fn what_cannot_be_asked_is_named() {
    let bad = |p: Parameters| Query::new(&USERS, &p, Timestamp::UNIX_EPOCH).err();
    let filter = |text: &str| {
        bad(Parameters {
            filter: Some(text.into()),
            ..Parameters::default()
        })
    };
    assert!(matches!(
        filter("nope eq 1"),
        Some(BadQuery::NoColumn { .. })
    ));
    assert!(matches!(
        filter("counted as devices"),
        Some(BadQuery::NoCount { .. })
    ));
    for text in ["id", "id like x", "id eq", "and", " and "] {
        assert!(filter(text).is_some(), "{text}");
    }
    for limit in ["0", "1001", "-1", "ten"] {
        assert_eq!(
            bad(Parameters {
                limit: Some(limit.into()),
                ..Parameters::default()
            }),
            Some(BadQuery::Limit)
        );
    }
    for cursor in ["{}", "x", r#"{"of":"0","value":null,"key":"a"}"#] {
        assert_eq!(
            bad(Parameters {
                cursor: Some(cursor.into()),
                ..Parameters::default()
            }),
            Some(BadQuery::Cursor)
        );
    }
}

#[test]
fn a_comparison_that_no_value_could_meet_is_refused() {
    let asked = |filter: &str| {
        let parameters = Parameters {
            filter: Some(filter.into()),
            ..Parameters::default()
        };
        Query::new(&USERS, &parameters, Timestamp::UNIX_EPOCH).map(|_| ())
    };
    for meant in [
        "account_enabled eq true",
        "account_enabled ne No",
        "account_enabled is absent",
        "created_date_time gt 2026-01-31",
        "created_date_time ge 2026",
        "created_date_time lt 2026-01",
        "created_date_time le 2026-01-31T10:00:00Z",
        "created_date_time starts 2026-0",
        "assigned_licenses_sku_id gt ''",
        "display_name gt m",
    ] {
        assert_eq!(asked(meant), Ok(()), "{meant}");
    }
    for nothing in [
        "account_enabled eq maybe",
        "account_enabled gt true",
        "account_enabled contains r",
        "created_date_time gt yesterday",
        "created_date_time eq 31.01.2026",
        "created_date_time eq 2026-13-01",
        "assigned_licenses_sku_id gt 5",
    ] {
        let refused = asked(nothing);
        assert!(
            matches!(refused, Err(BadQuery::Comparison { .. })),
            "{nothing}: {refused:?}"
        );
    }
}
