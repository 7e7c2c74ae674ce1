//! A directory of bodies, served verbatim.

use std::path::Path;

use microsoft_simulator::{Options, Simulator};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, http};

fn write(directory: &Path) {
    let file =
        |name: &str, text: &str| std::fs::write(directory.join(name), text).expect("written");
    let request =
        |path: &str| json!({ "request": format!("GET https://graph.microsoft.com/v1.0{path}") });
    let index = json!({
        "organization_list": request("/organization"),
        "users_delta": request("/users/delta?$select=id"),
        "users_delta_other": request("/users/delta"),
        "managedDevices_list": request("/users/{usersId}/managedDevices"),
        "getOffice365ActiveUserDetail": request("/reports/getOffice365ActiveUserDetail(period='D7')"),
        "reportSettings_update": { "request": "PATCH https://graph.microsoft.com/v1.0/admin/reportSettings" },
    });
    file("INDEX.json", &index.to_string());
    file(
        "organization_list.json",
        "{ \"value\" : [ {\"id\": \"o\", \"x\": 1e2} ] }",
    );
    file(
        "users_delta.json",
        "{\"@odata.nextLink\": \"https://graph.microsoft.com/v1.0/users/delta?$skiptoken=a\", \
         \"value\": [{\"id\": \"u\", \"photo\": \"https://graph.microsoft.com/v1.0/x\"}]}",
    );
    file("users_delta_other.json", "{\"value\":[{\"id\":\"other\"}]}");
    file("managedDevices_list.json", "{\"value\":[{\"id\":\"d\"}]}");
    file("getOffice365ActiveUserDetail.csv", "A,B\n1,2\n");
}

async fn serving() -> (Simulator, Client, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path());
    let options = Options {
        bodies: Some(directory.path().to_owned()),
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.expect("starts");
    let url = format!(
        "{}{}/oauth2/v2.0/token",
        simulator.login_url(),
        Uuid::new_v4()
    );
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "any"),
        ("client_secret", "any"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let token: Value = http()
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let client = Client {
        http: http(),
        token: token["access_token"].as_str().expect("a token").to_owned(),
        graph: format!("{}v1.0/", simulator.graph_url()),
    };
    (simulator, client, directory)
}

#[tokio::test]
async fn bodies_are_served_verbatim_by_path() {
    let (_simulator, client, _directory) = serving().await;
    let text = client
        .get("organization?$select=id")
        .await
        .text()
        .await
        .expect("text");
    assert_eq!(text, "{ \"value\" : [ {\"id\": \"o\", \"x\": 1e2} ] }");
    let devices = client.json("deviceManagement/managedDevices").await;
    assert_eq!(devices["value"][0]["id"], "d");
    let (status, code, _) = client.refusal("subscribedSkus").await;
    assert_eq!((status, code.as_str()), (404, "Request_ResourceNotFound"));
    assert_eq!(client.refusal("admin/reportSettings").await.0, 404);
    assert_eq!(
        http()
            .get(format!("{}organization", client.graph))
            .send()
            .await
            .expect("an answer")
            .status(),
        401
    );
}

#[tokio::test]
async fn links_lead_here_and_to_an_empty_last_page() {
    let (_simulator, client, _directory) = serving().await;
    let (objects, link) = client.round("users/delta?$select=id&$top=999").await;
    assert_eq!(
        objects,
        [json!({ "id": "u", "photo": "https://graph.microsoft.com/v1.0/x" })]
    );
    let (nothing, _) = client.round(&link.expect("a delta link")).await;
    assert_eq!(nothing, Vec::<Value>::new());
    let skipped = client.json("security/secureScores?$skip=10").await;
    assert_eq!(skipped, json!({ "value": [] }));
}

#[tokio::test]
async fn another_body_is_chosen_by_name() {
    let (simulator, client, _directory) = serving().await;
    simulator.serve_body("/v1.0/users/delta", "users_delta_other");
    assert_eq!(client.json("users/delta").await["value"][0]["id"], "other");
}

#[tokio::test]
async fn a_csv_goes_behind_the_redirect() {
    let (_simulator, client, _directory) = serving().await;
    let answer = client
        .get("reports/getOffice365ActiveUserDetail(period='D30')")
        .await;
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().expect("text");
    let csv = http()
        .get(location)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    assert_eq!(csv, "A,B\n1,2\n");
}
