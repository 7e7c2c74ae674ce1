//! The portal over an embedded store: what is seeded there is what API and pages tell.

mod data_dates;
mod heavy_reads;
mod record_addresses;
mod support;

mod portal {
    mod queued;
    mod settings;
    mod sorted;
}

use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use support::{MANAGER, Portal, VIEWER};

#[tokio::test]
async fn nobody_is_let_in_without_a_token() {
    let portal = Portal::start().await;
    for path in [
        "/api/v1/integrations",
        "/api/v1/openapi.json",
        "/api/v1/no-such",
        "/",
        "/assets/microsoft365",
        "/account/integration/microsoft365",
    ] {
        let answer = portal.get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"muster\"");
        let answer = portal.bearer("wrong").get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(portal.get("/healthz").await.status, StatusCode::OK);
    let closed = Portal::start_closed().await;
    let answer = closed.bearer(MANAGER).get("/api/v1/integrations").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

/// What anybody may ask for. Nothing belongs here without a thought.
const OPEN: [(&str, &str); 4] = [
    ("get", "/healthz"),
    ("get", "/static/{file}"),
    ("get", "/sign-in"),
    ("post", "/sign-in"),
];
/// And where people sign in at an issuer.
const OPEN_BY_OIDC: [(&str, &str); 5] = [
    ("get", "/healthz"),
    ("get", "/static/{file}"),
    ("get", "/sign-in"),
    ("get", "/sign-in/start"),
    ("get", "/sign-in/callback"),
];

#[tokio::test]
async fn every_route_but_the_named_ones_asks_who_it_is() {
    for (portal, open) in [
        (Portal::start().await, &OPEN[..]),
        (Portal::start_by_oidc().await, &OPEN_BY_OIDC[..]),
    ] {
        let mut routes = portal.routes();
        assert!(routes.len() > 35, "{}", routes.len());
        for named in open {
            assert!(routes.contains(named), "{named:?} is no route any more");
        }
        routes.retain(|route| !open.contains(route));
        routes.extend([("get", "/api/v1/no-such"), ("delete", "/api/v1/no-such")]);
        for (method, path) in routes {
            let path = path
                .replace("{tenant_id}", "11111111-2222-3333-4444-555555555555")
                .replace("{dataset}", "users")
                .replace("{record}", "x");
            for accept in ["text/html", "application/json"] {
                for stranger in [
                    portal.with("accept", accept),
                    portal.with("accept", accept).bearer("a.b.c"),
                    portal
                        .with("accept", accept)
                        .with("cookie", "muster_session_8365=AAAA"),
                ] {
                    let answer = stranger.send(method, &path, None).await;
                    assert_eq!(
                        answer.status,
                        StatusCode::UNAUTHORIZED,
                        "{method} {path} for {accept}"
                    );
                    assert!(answer.header("www-authenticate").starts_with("Bearer"));
                }
            }
        }
    }
}

#[tokio::test]
async fn every_documented_path_answers() {
    let portal = Portal::start().await;
    let (tenant, user) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let document = manager.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("methods").keys() {
            let path = path
                .replace("{tenant_id}", &tenant)
                .replace("{dataset}", "users")
                .replace("{record}", &user);
            // Looked at as a viewer: a change is refused, which shows that its route is there.
            let answer = portal.bearer(VIEWER).send(method, &path, None).await;
            if path.ends_with("/deletion") {
                let told = answer.json()["detail"].to_string();
                assert!(told.contains("is not being deleted"), "{path}: {told}");
                continue;
            }
            let there = if method == "get" { 200 } else { 403 };
            assert_eq!(answer.status.as_u16(), there, "{method} {path}");
        }
    }
    let wrong = manager.send("put", "/api/v1/integrations", None).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(wrong.header("allow").contains("POST"));
    assert_eq!(wrong.json()["title"], "Method Not Allowed");
}

#[tokio::test]
async fn answers_are_as_the_document_says() {
    let portal = Portal::start().await;
    let (tenant, user) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let document = manager.get("/api/v1/openapi.json").await.json();
    let one = format!("/api/v1/integrations/{tenant}");
    for (path, schema) in [
        ("/api/v1/integrations".to_owned(), "IntegrationList"),
        (one.clone(), "Integration"),
        (format!("{one}/assets/users"), "RecordPage"),
        (format!("{one}/assets/managed_devices"), "RecordPage"),
        (format!("{one}/assets/users/{user}"), "RecordWithChanges"),
        (format!("{one}/summary"), "Summary"),
        (format!("{one}/licenses"), "Licenses"),
        ("/api/v1/licenses".to_owned(), "LicenseChoices"),
        (format!("{one}/changes"), "ChangePage"),
        ("/api/v1/datasets".to_owned(), "DatasetList"),
        ("/healthz".to_owned(), "Health"),
        (format!("{one}/nothing"), "Problem"),
    ] {
        let answer = manager.get(&path).await.json();
        let schema = &document["components"]["schemas"][schema];
        if let Err(wrong) = support::fits(&document, schema, &answer, "$") {
            panic!("{path}: {wrong}\n{answer:#}");
        }
    }
}

#[tokio::test]
async fn bad_input_is_told_as_a_problem_that_says_what_to_do() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let one = format!("/api/v1/integrations/{tenant}");
    let users = format!("{one}/assets/users");
    let other = "/api/v1/integrations/11111111-2222-3333-4444-555555555555";
    for (path, status) in [
        ("/api/v1/integrations/contoso.com".to_owned(), 400),
        (other.to_owned(), 404),
        (format!("{other}/assets/users"), 404),
        (format!("{other}/summary"), 404),
        (format!("{other}/changes"), 404),
        (format!("{one}/assets/people"), 404),
        (format!("{users}/no-such-record"), 404),
        (format!("{users}?limit=0"), 400),
        (format!("{users}?limit=1001"), 400),
        (format!("{users}?limit=5&limit=6"), 400),
        (format!("{users}?cursor=%00"), 400),
        (format!("{users}?cursor=e30"), 400),
        (format!("{users}?filter=mail"), 400),
        (format!("{users}?filter=mail+like+x"), 400),
        (format!("{users}?filter=no_such+eq+x"), 400),
        (format!("{users}?sort=no_such"), 400),
        (format!("{users}?format=xml"), 400),
        (format!("{users}?filtre=x"), 400),
        (format!("{one}/changes?since=yesterday"), 400),
        (format!("{one}/changes?dataset=people"), 400),
        (format!("{one}/changes?cursor=YWJj"), 400),
        ("/api/v1/integrations?cursor=YWJj".to_owned(), 400),
        ("/api/v1/no-such".to_owned(), 404),
        ("/no-such".to_owned(), 404),
        (format!("{one}/assets/%FF"), 400),
    ] {
        let answer = manager.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{path}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|d| d.ends_with('.') || d.len() > 20)
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let too_large = json!({"name": "x".repeat(70_000)});
    for (method, path, body, status) in [
        ("post", "/api/v1/integrations", json!({}), 422),
        ("post", "/api/v1/integrations", json!({"name": 1}), 422),
        (
            "post",
            "/api/v1/integrations",
            json!({"colour": "red"}),
            400,
        ),
        ("post", "/api/v1/integrations", too_large, 413),
        ("patch", one.as_str(), json!({"name": ""}), 422),
        ("patch", &one, json!({"cadence_minutes": 1}), 422),
        ("patch", &one, json!({"datasets": {"people": true}}), 422),
        ("patch", &one, json!({"datasets": {"users": "on"}}), 422),
        (
            "patch",
            &one,
            json!({"removals": {"users": "perhaps"}}),
            422,
        ),
        ("patch", &one, json!({"removals": {"users": "allow"}}), 422),
        ("patch", &one, json!({"client_id": "x"}), 400),
        ("put", &format!("{one}/credential"), json!({}), 422),
        ("post", &format!("{other}/sync"), json!({}), 404),
        ("delete", other, json!({}), 404),
    ] {
        let answer = manager.send(method, path, Some(body)).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path}: {}",
            answer.text()
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let answer = manager
        .raw("post", "/api/v1/integrations", "text/plain", "{}")
        .await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = manager
        .raw("post", "/api/v1/integrations", "application/json", "{")
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let viewer = portal.bearer(VIEWER);
    let one = format!("/api/v1/integrations/{tenant}");
    assert_eq!(viewer.get(&one).await.status, StatusCode::OK);
    let change = json!({"paused": true});
    let answer = viewer.send("patch", &one, Some(change)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let page = viewer
        .get(&format!("/account/integration/microsoft365/{tenant}"))
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = viewer
        .get(&format!("/assets/microsoft365/{tenant}/users"))
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text().contains("/account/integration"));
}

#[tokio::test]
async fn integrations_are_changed_paused_and_deleted() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let one = format!("/api/v1/integrations/{tenant}");
    let change = json!({"name": "Contoso Ltd", "paused": true, "datasets": {"users": false}});
    let changed = manager.send("patch", &one, Some(change)).await.json();
    assert_eq!(changed["name"], "Contoso Ltd");
    assert_eq!(changed["status"], "paused");
    let users = &changed["datasets"][0];
    assert_eq!(
        (&users["name"], &users["state"], &users["enabled"]),
        (&json!("users"), &json!("off"), &json!(false))
    );
    let refused = manager.send("post", &format!("{one}/sync"), None).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(
        refused.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("paused")
    );
    manager
        .send("patch", &one, Some(json!({"paused": false})))
        .await;
    let asked = manager.send("post", &format!("{one}/sync"), None).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    assert!(asked.json()["requested_at"].is_string());
    let url = manager
        .send("post", &format!("{one}/authorize"), None)
        .await
        .json();
    assert!(
        url["authorize_url"]
            .as_str()
            .expect("a URL")
            .contains("/v2.0/adminconsent?client_id=")
    );
    let receipt = manager.send("delete", &one, None).await;
    assert_eq!(receipt.status, StatusCode::OK);
    assert_eq!(receipt.json()["records"]["users"], 3);
    assert_eq!(manager.get(&one).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_removal_that_waits_is_answered_between_syncs() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let one = format!("/api/v1/integrations/{tenant}");
    portal.hold_removal(&tenant).await;
    let held = manager.get(&one).await.json();
    assert_eq!(held["status"], "needs_attention");
    let lease = portal.lease(&tenant, "a worker").await;
    let answer = json!({"removals": {"users": "allow"}});
    let busy = manager.send("patch", &one, Some(answer.clone())).await;
    assert_eq!(busy.status, StatusCode::CONFLICT);
    assert!(
        busy.json()["detail"]
            .as_str()
            .expect("a detail")
            .contains("try again in a moment")
    );
    portal.store.release_lease(&lease).await.expect("released");
    let allowed = manager.send("patch", &one, Some(answer)).await.json();
    assert_eq!(allowed["datasets"][0]["removal_allowed"], true);
    assert!(allowed["sync"]["requested_at"].is_string());
    let answered = &allowed["datasets"][0]["answered_removal"];
    assert_eq!(
        (&answered["allowed"], &answered["records"], &answered["of"]),
        (&json!(true), &json!(30), &json!(100))
    );
    assert_eq!(answered["by"], "a manager by the API");
    assert!(answered["at"].is_string());
    let whole = &allowed["datasets"][0]["completeness"];
    assert_eq!(
        (&whole["objects"], &whole["proof"], &whole["counted"]),
        (&json!(3), &json!("last page"), &json!(3))
    );
    let page = format!("/account/integration/microsoft365/{tenant}");
    let page = manager.get(&page).await.text();
    assert!(page.contains("3 objects, by the list's last page; Microsoft's own count says 3"));
    let keep = json!({"removals": {"users": "keep"}});
    let kept = manager.send("patch", &one, Some(keep)).await.json();
    assert_eq!(kept["datasets"][0]["held_removal"], Value::Null);
    assert_eq!(kept["datasets"][0]["removal_allowed"], false);
    assert_eq!(kept["datasets"][0]["answered_removal"]["allowed"], false);
}

#[tokio::test]
async fn records_page_without_a_gap_or_a_repeat() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 25).await;
    let manager = portal.bearer(MANAGER);
    for order in ["", "&sort=display_name", "&sort=-account_enabled"] {
        let mut seen: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let path =
                format!("/api/v1/integrations/{tenant}/assets/users?limit=10{order}{cursor}");
            let page = manager.get(&path).await.json();
            assert_eq!(page["complete"], true);
            let items = page["items"].as_array().expect("items");
            seen.extend(
                items
                    .iter()
                    .map(|i| i["key"].as_str().expect("a key").to_owned()),
            );
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), 25, "{order}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 25, "{order}");
    }
    let path = format!(
        "/api/v1/integrations/{tenant}/assets/users?filter=account_enabled+eq+false&q=person"
    );
    let page = manager.get(&path).await.json();
    assert_eq!(page["matched"], 5);
    // A cursor belongs to its question.
    let first = manager
        .get(&format!(
            "/api/v1/integrations/{tenant}/assets/users?limit=10"
        ))
        .await
        .json();
    let cursor = first["next_cursor"].as_str().expect("more");
    let path =
        format!("/api/v1/integrations/{tenant}/assets/users?limit=10&sort=mail&cursor={cursor}");
    assert_eq!(manager.get(&path).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_export_is_the_whole_filtered_set() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 2_500).await;
    let manager = portal.bearer(MANAGER);
    let path = format!("/api/v1/integrations/{tenant}/assets/users");
    let all = manager.get(&format!("{path}?format=csv")).await;
    assert_eq!(all.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        all.header("content-disposition")
            .contains(&format!("users_{tenant}_"))
    );
    assert_eq!(all.header("x-muster-complete"), "true");
    let text = all.text();
    assert!(text.starts_with("id,display_name,user_principal_name"));
    assert_eq!(text.matches("\r\n").count(), 2_501);
    assert!(text.contains("'=cmd()"), "a formula is defused");
    assert!(
        text.contains("Microsoft 365 Business Premium"),
        "licences have names"
    );
    let sorted = manager
        .get(&format!(
            "{path}?format=csv&sort=-display_name&filter=account_enabled+eq+false"
        ))
        .await;
    let rows = sorted.text();
    assert_eq!(rows.matches("\r\n").count(), 501);
    let names: Vec<&str> = rows
        .lines()
        .skip(1)
        .filter_map(|l| l.split(',').nth(1))
        .collect();
    assert!(names.is_sorted_by(|a, b| a >= b));
    let unknown = manager
        .get(&format!(
            "/api/v1/integrations/{tenant}/assets/managed_devices?format=csv"
        ))
        .await;
    assert_eq!(unknown.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_is_not_known_is_never_zero() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let path = format!("/api/v1/integrations/{tenant}/assets/managed_devices");
    let page = manager.get(&path).await.json();
    assert_eq!(page["complete"], false);
    assert_eq!(page["matched"], Value::Null);
    assert_eq!(page["verdict"]["kind"], "not_licensed");
    assert!(
        page["sentence"]
            .as_str()
            .expect("a sentence")
            .contains("not a count of zero")
    );
    let one = manager
        .get(&format!("/api/v1/integrations/{tenant}"))
        .await
        .json();
    let devices = one["datasets"].as_array().expect("datasets").iter();
    let devices = devices
        .clone()
        .find(|d| d["name"] == "managed_devices")
        .expect("it is told");
    assert_eq!(devices["records"], Value::Null);
    let page = manager
        .get(&format!("/assets/microsoft365/{tenant}/managed_devices"))
        .await;
    assert!(page.text().contains("not a count of zero"));
    assert!(!page.text().contains("<table"));
}

#[tokio::test]
async fn a_one_time_link_lets_in_once() {
    let portal = Portal::start().await;
    let link = portal.one_time_link();
    let looked = portal.send("head", &link, None).await;
    assert_eq!(looked.status, StatusCode::OK);
    let entered = portal.get(&link).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    let cookie = entered.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
    let again = portal.get(&link).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(again.text().contains("used already"));
    let token = portal
        .raw(
            "post",
            "/sign-in",
            support::FORM,
            &format!("token={VIEWER}&next=//evil.example"),
        )
        .await;
    assert_eq!(
        (token.status, token.header("location")),
        (StatusCode::SEE_OTHER, "/")
    );
    let wrong = portal
        .raw("post", "/sign-in", support::FORM, "token=x")
        .await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_changes_nothing_without_its_csrf_token() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let session = portal.sign_in().await;
    let page = format!("/account/integration/microsoft365/{tenant}");
    let csrf = session.csrf(&page).await;
    let without = session
        .raw(
            "post",
            &format!("{page}/pause"),
            support::FORM,
            "paused=true",
        )
        .await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    let with = format!("paused=true&csrf={csrf}");
    let done = session
        .raw("post", &format!("{page}/pause"), support::FORM, &with)
        .await;
    assert_eq!(
        (done.status, done.header("location")),
        (
            StatusCode::SEE_OTHER,
            format!("{page}?done=paused").as_str()
        )
    );
    let one = format!("/api/v1/integrations/{tenant}");
    let change = Some(json!({"paused": false}));
    let without = session.send("patch", &one, change.clone()).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    let with = session
        .with("x-csrf-token", &csrf)
        .send("patch", &one, change)
        .await;
    assert_eq!(with.json()["paused"], false);
    let out = session
        .raw("post", "/sign-out", support::FORM, &format!("csrf={csrf}"))
        .await;
    assert!(out.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn pages_escape_what_they_show() {
    let portal = Portal::start().await;
    let evil = "<script>alert(1)</script>\"'&";
    let (tenant, user) = portal.seed(evil, 3).await;
    let session = portal.sign_in().await;
    for path in [
        "/".to_owned(),
        "/account/integration/microsoft365".to_owned(),
        format!("/account/integration/microsoft365/{tenant}"),
        format!("/account/integration/microsoft365/{tenant}/live"),
        format!("/account/integration/microsoft365/{tenant}/delete"),
        format!("/assets/microsoft365/{tenant}"),
        format!("/assets/microsoft365/{tenant}/changes"),
        format!("/assets/microsoft365/{tenant}/users"),
        format!("/assets/microsoft365/{tenant}/users?q=%3Cscript%3Ealert&columns=all"),
        format!("/assets/microsoft365/{tenant}/users/{user}"),
        "/sign-in?next=%22%3E%3Cscript%3Ealert".to_owned(),
    ] {
        let page = session.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let text = page.text();
        assert!(!text.contains("<script>alert"), "{path}");
        assert!(
            !text.contains("style=\"") && !text.contains(" onclick"),
            "{path}"
        );
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'self';") && !policy.contains("unsafe"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_add_form_keeps_what_was_typed_but_the_secret() {
    let portal = Portal::start().await;
    let session = portal.sign_in().await;
    let new = "/account/integration/microsoft365/new";
    let csrf = session.csrf(new).await;
    let page = session.get(new).await.text();
    assert!(page.contains("http://localhost:8365/account/integration/oauth"));
    assert_eq!(page.matches(".All</code>").count(), 11);
    let sent = format!(
        "csrf={csrf}&name=Fourth+Coffee&tenant_id=fourthcoffee.com&client_id=x&client_secret=hush-hush-hush-hush&cloud=&cadence_minutes=60"
    );
    let answer = session.raw("post", new, support::FORM, &sent).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = answer.text();
    assert!(
        text.contains("value=\"Fourth Coffee\"") && text.contains("value=\"fourthcoffee.com\"")
    );
    assert!(!text.contains("hush"));
    assert!(text.contains("aria-describedby=\"tenant_id-error tenant_id-hint\""));
    assert!(text.contains("This is a domain name"));
}

#[tokio::test]
async fn deleting_takes_the_name_and_gives_a_receipt() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let session = portal.sign_in().await;
    let page = format!("/account/integration/microsoft365/{tenant}/delete");
    let csrf = session.csrf(&page).await;
    let wrong = session
        .raw(
            "post",
            &page,
            support::FORM,
            &format!("csrf={csrf}&confirm=Fabrikam"),
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = session
        .raw(
            "post",
            &page,
            support::FORM,
            &format!("csrf={csrf}&confirm=Contoso"),
        )
        .await;
    assert!(right.text().contains("Contoso is deleted"));
    assert!(right.text().contains("3 records"));
}

#[tokio::test]
async fn people_get_a_page_and_programs_a_problem() {
    let portal = Portal::start().await;
    let session = portal.sign_in().await;
    let page = session
        .with("accept", "text/html,*/*")
        .get("/no-such")
        .await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.header("content-type").starts_with("text/html"));
    let problem = session.get("/no-such").await;
    assert_eq!(
        problem.header(header::CONTENT_TYPE.as_str()),
        "application/problem+json"
    );
    let stranger = portal
        .with("accept", "text/html")
        .get("/assets/microsoft365")
        .await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert!(
        stranger
            .text()
            .contains("name=\"next\" value=\"/assets/microsoft365\"")
    );
}
