//! Input that is wrong is answered with a problem that says what to do, and stores nothing.

use anyhow::{Context, Result};
use microsoft_simulator::TenantOptions;
use muster_domain::TenantId;
use muster_it::{Answer, Caller, World, form, items, tenant};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const CONNECT: &str = "/api/v1/integrations";
/// A GUID that is neither a tenant nor an app of the simulated Microsoft.
const NOBODY: &str = "11111111-2222-4333-8444-555555555555";

/// The answer is a problem a person can act on.
fn assert_problem(answer: &Answer, status: u16, said: &str) {
    assert_eq!(answer.status.as_u16(), status, "{said}: {}", answer.text);
    assert_eq!(answer.content_type, "application/problem+json", "{said}");
    assert_eq!(answer.json["status"], status, "{said}");
    for part in ["title", "detail"] {
        let text = answer.json[part].as_str().unwrap_or_default();
        let enough = if part == "title" { 4 } else { 10 };
        assert!(text.len() > enough, "{said}: {part} of {}", answer.text);
    }
}

/// The problem names these fields and no other, each with what to do.
fn assert_fields(answer: &Answer, fields: &[&str], said: &str) {
    let errors = answer.json["errors"].as_array().cloned();
    let errors = errors.unwrap_or_default();
    let named: Vec<&str> = errors.iter().filter_map(|e| e["field"].as_str()).collect();
    assert_eq!(named, fields, "{said}: {}", answer.text);
    for error in &errors {
        let detail = error["detail"].as_str().unwrap_or_default();
        assert!(detail.len() > 10, "{said}: {}", answer.text);
    }
}

/// Nothing is known of a tenant: not by the API, the vault or the tables behind it.
async fn assert_nothing_stored(mut world: World, tenant: &TenantOptions) -> Result<()> {
    let listed = Caller::of(&world)?.get(CONNECT).await?;
    assert_eq!(listed.json["items"], json!([]), "{}", listed.text);
    let vault = world.muster().services().vault.clone();
    assert!(vault.get(TenantId::from(tenant.id)).await?.is_none());
    world.stop().await;
    let stored = items(world.data()?.path())?;
    assert!(stored.is_empty(), "{stored:#?}");
    assert!(!world.data()?.path().join("vault").exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_field_is_named_and_nothing_is_stored() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 3);
    let world = World::new(vec![fabrikam.clone()]).await?;
    let caller = Caller::of(&world)?;
    let own = fabrikam.id.to_string();
    let cases: Vec<(&str, Vec<Value>)> = vec![
        (
            "name",
            vec![
                json!(""),
                json!("  "),
                json!(null),
                json!("n".repeat(121)),
                json!("a\nb"),
                json!("a\u{0}b"),
                json!(5),
                json!(["x"]),
            ],
        ),
        (
            "tenant_id",
            vec![
                json!(""),
                json!(null),
                json!("contoso.com"),
                json!("admin@contoso.com"),
                json!("not a GUID"),
                json!(format!("{own}0")),
                json!(&own[..35]),
                json!("../../etc/passwd"),
                json!(12),
                json!({"id": own}),
                json!(NOBODY),
            ],
        ),
        (
            "client_id",
            vec![
                json!(""),
                json!(null),
                json!("x"),
                json!(true),
                json!(own),
                json!(NOBODY),
            ],
        ),
        (
            "client_secret",
            vec![
                json!(""),
                json!(null),
                json!("short"),
                json!("s".repeat(257)),
                json!("a secret with spaces in it"),
                json!("a~secret~with~an~ümlaut"),
                json!(7),
                json!(NOBODY),
                json!("wrong~secret~that~has~the~right~shape~00"),
            ],
        ),
        (
            "cloud",
            vec![
                json!("mars"),
                json!("GLOBAL"),
                json!(1),
                json!("gcc_high"),
                json!("dod"),
                json!("china"),
            ],
        ),
        (
            "cadence_minutes",
            vec![
                json!(0),
                json!(14),
                json!(10_021),
                json!(-60),
                json!(60.5),
                json!("60"),
                json!(5_000_000_000_u64),
            ],
        ),
    ];
    for (field, values) in cases {
        for value in values {
            let mut body = form(&fabrikam);
            body[field] = value.clone();
            let answer = caller.json(Method::POST, CONNECT, &body).await?;
            let said = format!("{field} = {value}");
            assert_problem(&answer, 422, &said);
            assert_fields(&answer, &[field], &said);
            let text = value.as_str().unwrap_or_default();
            assert!(
                field != "client_secret" || text.is_empty() || !answer.text.contains(text),
                "{said} is repeated: {}",
                answer.text
            );
        }
    }
    let empty = caller.json(Method::POST, CONNECT, &json!({})).await?;
    let all = ["name", "tenant_id", "client_id", "client_secret"];
    assert_problem(&empty, 422, "an empty form");
    assert_fields(&empty, &all, "an empty form");
    let mut swapped = form(&fabrikam);
    swapped["tenant_id"] = json!(fabrikam.client_id);
    swapped["client_id"] = json!(fabrikam.id);
    let answer = caller.json(Method::POST, CONNECT, &swapped).await?;
    assert_problem(&answer, 422, "swapped");
    assert_fields(&answer, &["tenant_id", "client_id"], "swapped");
    assert!(answer.text.contains("swapped"), "{}", answer.text);
    assert_nothing_stored(world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_microsoft_refuses_is_explained_and_not_stored() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 3);
    let world = World::new(vec![fabrikam.clone()]).await?;
    let caller = Caller::of(&world)?;
    let body = form(&fabrikam);
    let connect = || caller.json(Method::POST, CONNECT, &body);
    world.tenant(&fabrikam).disable_app(true);
    let disabled = connect().await?;
    assert_problem(&disabled, 422, "disabled");
    assert_fields(&disabled, &["client_id"], "disabled");
    assert!(disabled.text.contains("disabled"), "{}", disabled.text);
    world.tenant(&fabrikam).disable_app(false);
    world.tenant(&fabrikam).expire_secret();
    let expired = connect().await?;
    assert_problem(&expired, 422, "expired");
    assert_fields(&expired, &["client_secret"], "expired");
    assert!(expired.text.contains("expired"), "{}", expired.text);
    world.tenant(&fabrikam).delete_secret();
    let deleted = connect().await?;
    assert_problem(&deleted, 422, "deleted");
    assert_fields(&deleted, &["client_secret"], "deleted");
    world
        .simulator
        .add_fault("oauth2/v2.0/token#1x99=503".parse()?);
    let unreachable = connect().await?;
    assert_problem(&unreachable, 502, "unreachable");
    assert_nothing_stored(world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_form_is_refused() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 3);
    let world = World::new(vec![fabrikam.clone()]).await?;
    let caller = Caller::of(&world)?;
    let good = serde_json::to_vec(&form(&fabrikam))?;
    let mut unknown = form(&fabrikam);
    unknown["colour"] = json!("red");
    let mut large = form(&fabrikam);
    large["name"] = json!("n".repeat(70 * 1024));
    let cut = good[..good.len() / 2].to_vec();
    let json_type = "application/json";
    for (said, status, content_type, body) in [
        ("nothing", 400, json_type, Vec::new()),
        ("half", 400, json_type, cut),
        ("no object", 400, json_type, b"[1]".to_vec()),
        ("no UTF-8", 400, json_type, b"{\"name\": \"\xff\"}".to_vec()),
        ("unknown", 400, json_type, serde_json::to_vec(&unknown)?),
        ("large", 413, json_type, serde_json::to_vec(&large)?),
        ("text", 415, "text/plain", good.clone()),
        (
            "a form",
            415,
            "application/x-www-form-urlencoded",
            good.clone(),
        ),
        ("no type", 415, "", good.clone()),
        ("nearly", 415, "application/jsonp", good),
    ] {
        let body = Some((content_type, body));
        let answer = caller.send(Method::POST, CONNECT, body).await?;
        assert_problem(&answer, status, said);
        let named: &[&str] = if said == "unknown" { &["colour"] } else { &[] };
        assert_fields(&answer, named, said);
    }
    assert_nothing_stored(world, &fabrikam).await
}

/// Every call of the API that is not open, with its paths' parameters filled in.
fn calls(tenant: &str) -> Vec<(Method, String)> {
    let guarded = muster_portal::api::operations();
    let guarded = guarded.into_iter().filter(|operation| !operation.open);
    let filled = guarded.map(|operation| {
        let method = operation.method.to_uppercase();
        let path = operation.path.replace("{tenant_id}", tenant);
        let path = path.replace("{dataset}", "users").replace("{record}", "x");
        (method.parse().unwrap_or_default(), path)
    });
    filled.collect()
}

/// A body that a call of this path would take.
fn body_for(method: &Method, path: &str, tenant: &TenantOptions) -> Value {
    match *method {
        Method::PUT => json!({"client_secret": tenant.client_secret}),
        Method::PATCH => json!({"name": "Renamed", "paused": true}),
        Method::POST if path == CONNECT => form(tenant),
        _ => json!({}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_none_or_unknown_is_told_in_every_path() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 3);
    let world = World::new(vec![fabrikam.clone()]).await?;
    let caller = Caller::of(&world)?;
    let short = &NOBODY[1..];
    let long = "f".repeat(300);
    let known = fabrikam.id.to_string();
    for (tenant, status) in [
        (NOBODY, 404),
        (known.as_str(), 404),
        (short, 400),
        (long.as_str(), 400),
        ("contoso.com", 400),
        ("%00", 400),
        ("..%2F..%2Fsecret", 400),
        ("TENANT%23x", 400),
    ] {
        for (method, path) in calls(tenant).iter().filter(|(_, p)| p.contains(tenant)) {
            let body = body_for(method, path, &fabrikam);
            let answer = caller.json(method.clone(), path, &body).await?;
            assert_problem(&answer, status, &format!("{method} {path}"));
        }
    }
    assert_nothing_stored(world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_cannot_be_asked_is_told_so() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let world = World::synced(fabrikam.clone()).await?;
    let caller = Caller::of(&world)?;
    let one = format!("{CONNECT}/{}", fabrikam.id);
    let users = format!("{one}/assets/users");
    let before = world.integration(fabrikam.id).await?;
    for dataset in ["nonsense", "Users", "users%23changes", "%2e%2e"] {
        let answer = caller.get(&format!("{one}/assets/{dataset}")).await?;
        assert_problem(&answer, 404, dataset);
    }
    assert_problem(
        &caller.get(&format!("{users}/nobody")).await?,
        404,
        "record",
    );
    let limits = [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=many",
        "limit=1.5",
    ];
    let cursors = ["cursor=%21", "cursor=AAAA%3D%3D%3D", "cursor=-"];
    let lists = [CONNECT.to_owned(), users.clone(), format!("{one}/changes")];
    for path in &lists {
        for query in limits.iter().chain(&cursors) {
            let answer = caller.get(&format!("{path}?{query}")).await?;
            assert_problem(&answer, 400, &format!("{path}?{query}"));
            let name = query.split('=').next().unwrap_or_default();
            assert_fields(&answer, &[name], query);
        }
        for query in ["limit=5&limit=6", "colour=red", "Limit=5"] {
            let answer = caller.get(&format!("{path}?{query}")).await?;
            assert_problem(&answer, 400, &format!("{path}?{query}"));
        }
    }
    for query in [
        "filter=nonsense%20eq%201",
        "filter=display_name",
        "filter=display_name%20resembles%20x",
        "filter=display_name%20eq",
        "sort=nonsense",
        "sort=--display_name",
        "format=xml",
    ] {
        let answer = caller.get(&format!("{users}?{query}")).await?;
        assert_problem(&answer, 400, query);
    }
    for query in ["since=yesterday", "since=2026-02-30", "dataset=nonsense"] {
        let answer = caller.get(&format!("{one}/changes?{query}")).await?;
        assert_problem(&answer, 400, query);
    }
    for (field, body) in [
        ("name", json!({"name": ""})),
        ("cadence_minutes", json!({"cadence_minutes": 1})),
        ("paused", json!({"paused": "yes"})),
        ("datasets", json!({"datasets": {"nonsense": false}})),
        ("datasets", json!({"datasets": {"users": "off"}})),
        ("removals", json!({"removals": {"users": "perhaps"}})),
        ("removals", json!({"removals": {"users": "allow"}})),
    ] {
        let answer = caller.json(Method::PATCH, &one, &body).await?;
        assert_problem(&answer, 422, &body.to_string());
        assert_fields(&answer, &[field], &body.to_string());
        let range = answer.text.contains("from 15 to 10020");
        assert_eq!(range, field == "cadence_minutes", "{}", answer.text);
    }
    assert_eq!(world.integration(fabrikam.id).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_by_without_the_token_and_a_viewer_changes_nothing() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 3);
    let world = World::new(vec![fabrikam.clone()]).await?;
    world.create(&fabrikam).await?;
    let before = world.integration(fabrikam.id).await?;
    let manager = world.muster().token().expose_secret().to_owned();
    let viewer = world.muster().viewer_token().expose_secret().to_owned();
    let caller = Caller::of(&world)?;
    let tenant = fabrikam.id.to_string();
    let mut unsafe_calls = 0;
    for (method, path) in calls(&tenant) {
        let body = body_for(&method, &path, &fabrikam);
        for authorization in [
            None,
            Some(String::new()),
            Some("Bearer".to_owned()),
            Some("Bearer ".to_owned()),
            Some("Bearer wrong".to_owned()),
            Some(format!("Bearer {}", &manager[1..])),
            Some(format!("Bearer {manager}x")),
            Some(format!("Basic {manager}")),
            Some(manager.clone()),
        ] {
            let caller = caller.with(authorization.as_deref());
            let answer = caller.json(method.clone(), &path, &body).await?;
            assert_problem(&answer, 401, &format!("{method} {path} {authorization:?}"));
        }
        let viewer = caller.with(Some(&format!("Bearer {viewer}")));
        let answer = viewer.json(method.clone(), &path, &body).await?;
        if method.is_safe() {
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
        } else {
            unsafe_calls += 1;
            assert_problem(&answer, 403, &format!("{method} {path}"));
        }
    }
    assert!(unsafe_calls >= 6, "{unsafe_calls}");
    assert_eq!(world.integration(fabrikam.id).await?, before);
    let vault = &world.muster().services().vault;
    let kept = vault.get(TenantId::from(fabrikam.id)).await?;
    let kept = kept.context("the secret is kept")?;
    assert_eq!(kept.expose_secret(), fabrikam.client_secret);
    Ok(())
}
