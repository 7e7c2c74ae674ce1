//! What licenses come to: the units of each SKU, what is bought, free or a trial, and the sums.

use muster_domain::{
    Dataset, Record,
    datasets::{
        subscribed_skus::{self as counts, SUBSCRIBED_SKUS},
        subscriptions::SUBSCRIPTIONS,
    },
    licenses::{self, Basis, Choice, Choices, Class, Line, Totals},
    sku::Names,
    summary::Counts,
};
use serde_json::{Value, json};

const E3: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";
const PREMIUM: &str = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46";
const STREAM: &str = "1f2f344a-700d-42c9-9427-5cea1d5d7ba6";
const VIRTUAL_USER: &str = "440eaaa8-b3e0-484b-a8be-62870b9ba70a";
const ROOMS_BASIC: &str = "6af4b3d6-14bb-4a2a-960c-6c902aad34f3";
const NEW: &str = "11111111-aaaa-4bbb-8ccc-222222222222";

fn record(dataset: &Dataset, object: &Value) -> Record {
    Record::from_object(dataset, object).expect("it has an id")
}

fn sku(id: &str, status: &str, units: &Value, consumed: &Value) -> Record {
    let object = json!({
        "id": format!("t_{id}"), "skuId": id, "skuPartNumber": "PART", "appliesTo": "User",
        "capabilityStatus": status, "prepaidUnits": units, "consumedUnits": consumed,
    });
    record(&SUBSCRIBED_SKUS, &object)
}

fn bought(id: &str, enabled: i64, consumed: i64) -> Record {
    let units = json!({"enabled": enabled, "warning": 0, "suspended": 0, "lockedOut": 0});
    sku(id, "Enabled", &units, &json!(consumed))
}

fn subscription(at: usize, sku: &str, trial: &Value, status: &str, total: i64) -> Record {
    let object = json!({
        "id": at.to_string(), "skuId": sku.to_uppercase(), "isTrial": trial, "status": status,
        "totalLicenses": total, "nextLifecycleDateTime": "2027-03-04T00:00:00Z",
    });
    record(&SUBSCRIPTIONS, &object)
}

fn lines(skus: &[Record], subscriptions: &[Record], choices: &Choices) -> Vec<Line> {
    licenses::lines(skus, subscriptions, choices, &Names::default())
}

fn totals(skus: &[Record]) -> Totals {
    licenses::totals(&lines(skus, &[], &Choices::default()))
}

fn one(sku: Record, subscriptions: &[Record]) -> Line {
    lines(&[sku], subscriptions, &Choices::default()).remove(0)
}

#[test]
fn licenses_in_grace_are_usable_and_told_apart() {
    let grace = json!({"enabled": 0, "warning": 40, "suspended": 0, "lockedOut": 0});
    let skus = [
        sku(E3, "Warning", &grace, &json!(31)),
        bought(PREMIUM, 20, 3),
    ];
    let totals = totals(&skus);
    assert_eq!((totals.usable, totals.assigned), (60, 34));
    assert_eq!((totals.unassigned, totals.over_assigned), (26, 0));
    assert_eq!(totals.in_grace, 40);
}

#[test]
fn licenses_are_listed_as_people_sort_names() {
    let parts = ["Zeta", "édition", "Eric", "ÉCLAIR", "edit"];
    let mut names = Names::default();
    let skus = (0..parts.len()).map(|at| {
        let mut sku = bought(&format!("{at}1111111-aaaa-4bbb-8ccc-222222222222"), 1, 0);
        let column = SUBSCRIBED_SKUS.column("sku_part_number");
        sku.values[column.expect("a column")] = json!(parts[at]);
        names.learn(&SUBSCRIBED_SKUS, &sku);
        sku
    });
    let skus: Vec<Record> = skus.collect();
    let lines = licenses::lines(&skus, &[], &Choices::default(), &names);
    let listed: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(listed, ["ÉCLAIR", "edit", "édition", "Eric", "Zeta"]);
}

#[test]
fn one_products_spare_licenses_never_make_up_for_anothers() {
    let totals = totals(&[bought(E3, 5, 6), bought(PREMIUM, 20, 2)]);
    assert_eq!((totals.usable, totals.assigned), (25, 8));
    assert_eq!((totals.unassigned, totals.over_assigned), (18, 1));
}

#[test]
fn what_microsoft_gives_away_is_not_bought_and_what_is_large_is() {
    let free = [
        bought(STREAM, 1_000, 2),
        bought(VIRTUAL_USER, 25, 3),
        bought(ROOMS_BASIC, 25, 1),
        bought(PREMIUM, 9, 9),
    ];
    let given = totals(&free);
    assert_eq!((given.usable, given.assigned, given.unassigned), (9, 9, 0));
    let large = totals(&[bought(E3, 12_000, 11_500)]);
    assert_eq!((large.usable, large.unassigned), (12_000, 500));
}

#[test]
fn a_trial_is_told_apart_by_the_tenants_own_subscriptions() {
    let trial = [subscription(1, NEW, &json!(true), "Enabled", 25)];
    let told = one(bought(NEW, 25, 4), &trial);
    assert_eq!(
        (told.class, told.basis),
        (Class::Trial, Basis::Subscriptions)
    );
    assert_eq!(told.trial, 25);
    let totals = licenses::totals(&[told]);
    assert_eq!((totals.usable, totals.trial), (0, 25));
    for other in [json!(false), json!(null), json!("true")] {
        let not = [subscription(1, NEW, &other, "Enabled", 25)];
        assert_eq!(
            one(bought(NEW, 25, 4), &not).class,
            Class::Bought,
            "{other}"
        );
    }
    assert_eq!(one(bought(NEW, 25, 4), &[]).class, Class::Bought);
}

#[test]
fn a_trial_beside_bought_licenses_of_one_product_is_taken_from_their_number() {
    let both = [
        subscription(1, NEW, &json!(false), "Enabled", 10),
        subscription(2, NEW, &json!(true), "Enabled", 25),
        subscription(3, NEW, &json!(true), "Suspended", 400),
    ];
    let of = |consumed| {
        let line = one(bought(NEW, 35, consumed), &both);
        assert_eq!((line.class, line.trial), (Class::Bought, 25));
        let rest = (line.unassigned(), line.over_assigned());
        (line.usable, line.assigned, rest.0, rest.1)
    };
    let some = |usable, assigned, unassigned, over| {
        (Some(usable), Some(assigned), Some(unassigned), Some(over))
    };
    assert_eq!(of(4), some(10, 4, 6, 0));
    assert_eq!(of(12), some(10, 10, 0, 0));
    assert_eq!(of(35), some(10, 10, 0, 0));
    assert_eq!(of(38), some(10, 13, 0, 3));
}

#[test]
fn a_subscription_that_is_over_does_not_make_a_trial() {
    let both = [
        subscription(1, NEW, &json!(true), "Deleted", 25),
        subscription(2, NEW, &json!(false), "Warning", 10),
    ];
    let line = one(bought(NEW, 10, 4), &both);
    assert_eq!((line.class, line.usable), (Class::Bought, Some(10)));
    let over = [subscription(1, NEW, &json!(true), "Suspended", 25)];
    let units = json!({"enabled": 0, "suspended": 25});
    let line = one(sku(NEW, "Suspended", &units, &json!(0)), &over);
    assert_eq!(line.class, Class::Trial);
}

#[test]
fn suspended_and_locked_out_licenses_are_told_apart_and_are_not_usable() {
    let suspended = json!({"enabled": 10, "suspended": 15});
    let locked_out = json!({"enabled": 0, "lockedOut": 7});
    let skus = [
        sku(E3, "Suspended", &suspended, &json!(14)),
        sku(NEW, "LockedOut", &locked_out, &json!(0)),
        bought(PREMIUM, 20, 3),
    ];
    let totals = totals(&skus);
    assert_eq!(
        (totals.usable, totals.suspended, totals.locked_out),
        (20, 25, 7)
    );
    // Fourteen people have what no longer works: no spare license of another product makes up for it.
    assert_eq!((totals.unassigned, totals.over_assigned), (17, 14));
}

#[test]
fn numbers_that_can_be_none_are_in_no_sum_and_are_told() {
    let odd = [
        bought(E3, -5, 2),
        sku(
            NEW,
            "Enabled",
            &json!({"enabled": 9_000_000_000_000_i64}),
            &json!(2),
        ),
        sku(STREAM, "Enabled", &Value::Null, &Value::Null),
        sku(
            "22222222-aaaa-4bbb-8ccc-222222222222",
            "Enabled",
            &json!({"enabled": 4}),
            &Value::Null,
        ),
        bought(PREMIUM, 20, 3),
    ];
    let totals = totals(&odd);
    assert_eq!((totals.usable, totals.unassigned), (24, 17));
    assert_eq!(totals.over_assigned, 0);
    assert_eq!(totals.unknown, 3);
}

#[test]
fn a_sku_of_the_whole_company_is_assigned_to_nobody() {
    let mut company = bought(NEW, 500, 0);
    let at = SUBSCRIBED_SKUS.column("applies_to").expect("a column");
    company.values[at] = json!("Company");
    let line = one(company.clone(), &[]);
    assert_eq!((line.class, line.basis), (Class::Company, Basis::Record));
    assert_eq!(totals(&[company, bought(PREMIUM, 20, 3)]).unassigned, 17);
}

#[test]
fn the_accounts_choice_goes_before_all_that_is_known() {
    let skus = [bought(STREAM, 30, 2), bought(E3, 50, 1)];
    let id = |text: &str| text.parse().expect("a GUID");
    let mut choices = Choices::default();
    assert!(choices.choose(id(STREAM), Some(Choice::Count)));
    assert!(choices.choose(id(E3), Some(Choice::LeaveOut)));
    let before = licenses::mark(&Choices::default());
    assert_ne!(licenses::mark(&choices), before);
    let sum = licenses::totals(&lines(&skus, &[], &choices));
    assert_eq!((sum.usable, sum.unassigned), (30, 28));
    let stored = serde_json::to_string(&choices).expect("it is JSON");
    assert_eq!(
        serde_json::from_str::<Choices>(&stored).expect("it is read"),
        choices
    );
    assert!(choices.choose(id(STREAM), None) && choices.choose(id(E3), None));
    assert_eq!(licenses::mark(&choices), before);
}

#[test]
fn the_sums_are_the_counts_of_the_summary() {
    let mut counts = Counts::default();
    let skus = [bought(E3, 5, 6), bought(PREMIUM, 20, 2)];
    totals(&skus).set(&mut counts);
    for (count, value) in [
        (&counts::BOUGHT, 25),
        (&counts::ASSIGNED, 8),
        (&counts::UNASSIGNED, 18),
        (&counts::OVER_ASSIGNED, 1),
        (&counts::IN_GRACE, 0),
        (&counts::SUSPENDED, 0),
        (&counts::LOCKED_OUT, 0),
        (&counts::TRIAL, 0),
        (&counts::WITHOUT_NUMBERS, 0),
    ] {
        assert_eq!(counts.get(count), Some(value), "{}", count.name);
    }
}
