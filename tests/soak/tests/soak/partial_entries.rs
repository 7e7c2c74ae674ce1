//! An entry of a delta query may name only some members of its object. An absent member is unchanged, a
//! null member is null, whatever the round.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ListFault, ScriptedAnswer};
use muster_domain::{
    change::ChangeKind,
    datasets::users::{ALL_USERS, ENABLED, LICENSED},
    summary::Counts,
};
use muster_platform::{now, store::ChangeQuery};
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use serde_json::{Map, Value, json};

async fn synced(users: u32) -> Result<Rig> {
    let setup = Setup {
        largest_page: 50,
        ..Setup::small(users, &["users"])
    };
    let mut rig = Rig::new(&setup).await?;
    rig.sync().await?;
    right(&rig).await?;
    Ok(rig)
}

/// A page of these entries; it leads on to another, or ends the round.
fn page(entries: &[Value], next: Option<&str>) -> ScriptedAnswer {
    let (name, token) = match next {
        Some(token) => ("@odata.nextLink", format!("$skiptoken={token}")),
        None => ("@odata.deltaLink", "$deltatoken=end".to_owned()),
    };
    let mut body = json!({ "value": entries });
    body[name] = json!(format!("{{graph}}/v1.0/users/delta?{token}"));
    ScriptedAnswer::ok(body.to_string())
}

/// A sync in which `/users/delta` answers these pages, one after the other.
async fn told(rig: &mut Rig, pages: Vec<ScriptedAnswer>) -> Result<()> {
    rig.simulator.clear_faults();
    for (answer, from) in pages.into_iter().zip(1..) {
        rig.simulator.add_fault(Fault {
            path_contains: "users/delta".to_owned(),
            from,
            count: 1,
            kind: FaultKind::Answer(answer),
        });
    }
    rig.sync().await
}

async fn counts(rig: &Rig) -> Result<Counts> {
    let summaries = rig.store.summaries(rig.tenant).await?;
    Ok(summaries.last().context("a summary")?.counts.clone())
}

/// Somebody who is enabled and holds a licence.
async fn somebody(rig: &Rig) -> Result<(String, Map<String, Value>)> {
    let held = rig.held("users").await?;
    let found = held.into_iter().find(|(_, user)| {
        let licences = user["assigned_licenses_sku_id"].as_array();
        user["account_enabled"] == true && licences.is_some_and(|held| !held.is_empty())
    });
    found.context("a licensed user")
}

async fn one(rig: &Rig, id: &str) -> Result<Map<String, Value>> {
    let mut held = rig.held("users").await?;
    held.remove(id).context("they are held")
}

/// The columns that changes since `since` name of one record.
async fn changed(rig: &Rig, id: &str, since: jiff::Timestamp) -> Result<Vec<String>> {
    let query = ChangeQuery {
        limit: 100,
        ..ChangeQuery::default()
    };
    let newest = rig.store.changes(rig.tenant, &query).await?;
    let of = newest.changes.iter().filter(|change| {
        change.record == id && change.at >= since && change.kind == ChangeKind::Changed
    });
    Ok(of
        .flat_map(|change| change.columns.keys().cloned())
        .collect())
}

#[test]
fn a_delta_entry_that_names_one_member_changes_that_column_and_no_count() {
    test(async || {
        let mut rig = synced(20).await?;
        let (id, before) = somebody(&rig).await?;
        let (counted, since) = (counts(&rig).await?, now());
        let entry = json!({"id": id, "jobTitle": "New title"});
        told(&mut rig, vec![page(&[entry], None)]).await?;
        let mut expected = before;
        expected.insert("job_title".to_owned(), json!("New title"));
        ensure!(one(&rig, &id).await? == expected);
        ensure!(counts(&rig).await? == counted, "{:?}", counts(&rig).await?);
        ensure!(changed(&rig, &id, since).await? == ["job_title"]);
        Ok(())
    });
}

#[test]
fn a_null_member_is_null_and_a_nested_column_goes_with_its_property() {
    test(async || {
        let mut rig = synced(20).await?;
        let (id, before) = somebody(&rig).await?;
        let counted = counts(&rig).await?;
        let entry = json!({"id": id, "department": null, "assignedLicenses": []});
        told(&mut rig, vec![page(&[entry], None)]).await?;
        let after = one(&rig, &id).await?;
        ensure!(!after.contains_key("department"));
        ensure!(after["assigned_licenses_sku_id"] == json!([]));
        ensure!(after["account_enabled"] == before["account_enabled"]);
        let licensed = counts(&rig).await?.get(&LICENSED);
        ensure!(licensed == counted.get(&LICENSED).map(|n| n - 1));
        Ok(())
    });
}

#[test]
fn mentions_of_one_person_merge_in_their_order_within_a_page_and_over_pages() {
    test(async || {
        let mut rig = synced(20).await?;
        let (id, before) = somebody(&rig).await?;
        let first = page(
            &[
                json!({"id": id, "jobTitle": "One", "department": "A"}),
                json!({"id": id, "jobTitle": "Two"}),
            ],
            Some("two"),
        );
        let second = page(&[json!({"id": id, "companyName": "Fabrikam"})], None);
        told(&mut rig, vec![first, second]).await?;
        let mut expected = before;
        for (column, value) in [
            ("job_title", "Two"),
            ("department", "A"),
            ("company_name", "Fabrikam"),
        ] {
            expected.insert(column.to_owned(), json!(value));
        }
        ensure!(one(&rig, &id).await? == expected);
        Ok(())
    });
}

#[test]
fn a_second_mention_in_a_whole_enumeration_is_merged_too() {
    test(async || {
        let whole = |id: &str| {
            json!({"id": id, "userPrincipalName": format!("{id}@x.example"), "accountEnabled": true,
                "jobTitle": "One", "assignedLicenses": [{"skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06"}]})
        };
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        let first = page(&[whole("a"), whole("b")], Some("two"));
        let second = page(&[json!({"id": "a", "jobTitle": "Two"})], None);
        told(&mut rig, vec![first, second]).await?;
        let after = one(&rig, "a").await?;
        ensure!(
            after["job_title"] == "Two" && after["account_enabled"] == true,
            "{after:?}"
        );
        let counted = counts(&rig).await?;
        ensure!(
            (counted.get(&ALL_USERS), counted.get(&ENABLED)) == (Some(2), Some(2)),
            "{counted:?}"
        );
        ensure!(counted.get(&LICENSED) == Some(2), "{counted:?}");
        Ok(())
    });
}

#[test]
fn a_person_removed_and_back_within_a_round_keeps_what_was_held() {
    test(async || {
        let mut rig = synced(20).await?;
        let (id, before) = somebody(&rig).await?;
        let entries = [
            json!({"id": id, "@removed": {"reason": "changed"}}),
            json!({"id": id, "jobTitle": "Back"}),
        ];
        told(&mut rig, vec![page(&entries, None)]).await?;
        let mut expected = before;
        expected.insert("job_title".to_owned(), json!("Back"));
        ensure!(one(&rig, &id).await? == expected);
        Ok(())
    });
}

#[test]
fn a_part_of_somebody_who_is_not_held_has_the_whole_list_read() {
    test(async || {
        let mut rig = synced(20).await?;
        // A creation that no round told of, and then a change of it.
        let new = rig.microsoft.add_users(1)[0].to_string();
        told(
            &mut rig,
            vec![page(&[json!({"id": new, "jobTitle": "New title"})], None)],
        )
        .await?;
        right(&rig).await?;
        let counted = counts(&rig).await?;
        ensure!(counted.get(&ALL_USERS) == Some(21), "{counted:?}");
        // A whole object of somebody new is just that.
        rig.simulator.clear_requests();
        let whole =
            json!({"id": "new", "userPrincipalName": "n@x.example", "accountEnabled": false});
        told(&mut rig, vec![page(&[whole], None)]).await?;
        ensure!(counts(&rig).await?.get(&ALL_USERS) == Some(22));
        let asked = rig.simulator.requests().into_iter();
        ensure!(
            asked
                .filter(|request| request.path.ends_with("/users/delta"))
                .count()
                == 1
        );
        Ok(())
    });
}

#[test]
fn delta_requests_prefer_what_changed_and_whole_objects_are_right_all_the_same() {
    test(async || {
        for whole in [false, true] {
            let mut rig = synced(20).await?;
            if whole {
                let kind = FaultKind::List(ListFault::WholeObjects);
                rig.simulator
                    .add_fault(Fault::next("users/delta", 99, kind));
            }
            rig.simulator.clear_requests();
            rig.microsoft.change_users(5);
            let (id, _) = somebody(&rig).await?;
            rig.microsoft
                .set_user_property(id.parse()?, "department", Value::Null);
            rig.microsoft.delete_users(1);
            rig.sync().await?;
            right(&rig).await?;
            let asked = rig.simulator.requests();
            let delta = asked
                .iter()
                .find(|request| request.path.ends_with("/delta"));
            let headers = &delta.context("a delta request")?.headers;
            ensure!(headers.get("prefer").map(String::as_str) == Some("return=minimal"));
        }
        Ok(())
    });
}
