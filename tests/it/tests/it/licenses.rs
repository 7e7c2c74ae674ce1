//! What a person reads of licenses: SKU by SKU and in sum, in pages, API and export alike.

use anyhow::{Context, Result};
use microsoft_simulator::{SkuHolding, TenantOptions};
use muster_it::{Caller, World, tenant};
use reqwest::Method;
use serde_json::{Value, json};

fn holding(example: &str) -> TenantOptions {
    TenantOptions {
        skus: SkuHolding::example(example),
        ..tenant("Fabrikam", 12)
    }
}

async fn page(world: &World, path: &str) -> Result<String> {
    let browser = world.browser().await?;
    let url = world.muster().services().page(path);
    Ok(browser.get(&url).await?.text().await?)
}

fn summed(counts: &Value) -> [u64; 4] {
    ["bought", "assigned", "unassigned", "over_assigned"]
        .map(|name| counts[format!("licences_{name}")].as_u64().unwrap_or(9_999))
}

#[tokio::test(flavor = "multi_thread")]
async fn over_assigned_and_unassigned_licenses_are_told_side_by_side() -> Result<()> {
    let fabrikam = holding("over-assigned");
    let world = World::synced(fabrikam.clone()).await?;
    let caller = Caller::of(&world)?;
    let path = format!("/api/v1/integrations/{}", fabrikam.id);
    let summary = caller.get(&format!("{path}/summary")).await?.json;
    assert_eq!(summed(&summary["today"]), [25, 8, 18, 1], "{summary:#}");
    let figures = summary["counts"].as_array().context("figures")?;
    let bought = figures.iter().find(|f| f["name"] == "licences_bought");
    let detail = bought.context("it is told")?["detail"]
        .as_str()
        .context("a text")?;
    assert!(detail.contains("complete as of"), "{detail}");
    assert!(detail.contains("subscriptions"), "{detail}");
    let licenses = caller.get(&format!("{path}/licenses")).await?.json;
    assert_eq!(licenses["totals"]["unassigned"], 18, "{licenses:#}");
    assert_eq!(licenses["totals"]["over_assigned"], 1);
    assert_eq!(
        licenses["items"][0]["name"],
        "Microsoft 365 Business Premium"
    );
    let csv = caller
        .get(&format!("{path}/licenses?format=csv"))
        .await?
        .text;
    assert!(csv.contains("Microsoft 365 E3,Bought"), "{csv}");
    let overview = page(&world, &format!("/assets/microsoft365/{}", fabrikam.id)).await?;
    for words in [
        "1 over-assigned",
        "Over-assigned",
        "All that count",
        "In grace",
    ] {
        assert!(overview.contains(words), "{words}: {overview}");
    }
    let home = page(&world, "/").await?;
    assert!(home.contains("over-assigned"), "{home}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_is_stored_for_all_clients_and_used_by_the_next_sync() -> Result<()> {
    let fabrikam = holding("free");
    let world = World::synced(fabrikam.clone()).await?;
    let caller = Caller::of(&world)?;
    let stream = SkuHolding::new("STREAM", 0, 0).id;
    let path = format!("/api/v1/licenses/{stream}");
    for wrong in [json!({"choice": "maybe"}), json!({})] {
        let answer = caller.json(Method::PUT, &path, &wrong).await?;
        assert_eq!(answer.status.as_u16(), 422, "{}", answer.text);
    }
    let count = json!({"choice": "count"});
    let chosen = caller.json(Method::PUT, &path, &count).await?;
    assert_eq!(chosen.status.as_u16(), 200, "{}", chosen.text);
    assert_eq!(chosen.json["items"][0]["name"], "Microsoft Stream");
    world.sync(fabrikam.id).await?;
    let summary = format!("/api/v1/integrations/{}/summary", fabrikam.id);
    let counted = caller.get(&summary).await?.json;
    assert_eq!(summed(&counted["today"])[0], 1_009, "{counted:#}");
    let shown = page(&world, "/account/licenses").await?;
    assert!(shown.contains("Microsoft Stream"), "{shown}");
    let back = json!({"choice": "automatic"});
    caller.json(Method::PUT, &path, &back).await?;
    world.sync(fabrikam.id).await?;
    let counted = caller.get(&summary).await?.json;
    assert_eq!(summed(&counted["today"])[0], 9, "{counted:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_of_no_published_table_is_called_by_its_part_number_everywhere() -> Result<()> {
    let fabrikam = holding("unknown");
    let world = World::new(vec![fabrikam.clone()]).await?;
    let part = "CONTOSO_BRAND_NEW_SKU";
    let id = SkuHolding::new(part, 0, 0).id;
    let microsoft = world.tenant(&fabrikam);
    let user = microsoft.objects("/users")[0]["id"].clone();
    let user = user.as_str().context("an id")?.to_owned();
    let held = json!([{"skuId": id, "disabledPlans": []}]);
    microsoft.set_user_property(user.parse()?, "assignedLicenses", held);
    world.connect(&fabrikam).await?;
    world.finished(fabrikam.id, None).await?;
    let caller = Caller::of(&world)?;
    let path = format!("/api/v1/integrations/{}/assets", fabrikam.id);
    for asked in [
        format!("filter=assigned_licenses_sku_id eq {part}"),
        format!("q={}", part.to_lowercase()),
    ] {
        let found = caller.get(&format!("{path}/users?{asked}")).await?.json;
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{asked}");
        assert_eq!(found["sku_names"][id.to_string()], part, "{found:#}");
    }
    for dataset in ["users", "subscribed_skus", "subscriptions"] {
        let csv = caller
            .get(&format!("{path}/{dataset}?format=csv"))
            .await?
            .text;
        assert!(csv.contains(part), "{dataset}: {csv}");
        let shown = page(
            &world,
            &format!("/assets/microsoft365/{}/{dataset}", fabrikam.id),
        )
        .await?;
        assert!(shown.contains(part), "{dataset}: {shown}");
    }
    let record = format!("/assets/microsoft365/{}/users/{user}", fabrikam.id);
    assert!(page(&world, &record).await?.contains(part));
    let none = json!([]);
    microsoft.set_user_property(user.parse()?, "assignedLicenses", none);
    world.sync(fabrikam.id).await?;
    let changes = page(
        &world,
        &format!("/assets/microsoft365/{}/changes", fabrikam.id),
    )
    .await?;
    assert!(changes.contains(part), "{changes}");
    Ok(())
}
