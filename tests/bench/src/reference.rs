//! The straightforward way, for comparison: list every page into `serde_json::Value`, write every
//! user whole, as native attributes, at every run.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest,
        ScalarAttributeType, WriteRequest,
    },
};
use serde_json::Value;
use std::{collections::HashMap, path::Path};

const SELECT: &str = "id,displayName,userPrincipalName,mail,accountEnabled,userType,assignedLicenses,department,jobTitle,givenName,surname,businessPhones,mobilePhone,officeLocation,preferredLanguage,usageLocation,companyName,createdDateTime,onPremisesSyncEnabled,externalUserState";

/// Runs twice over a tenant's users, as a first and a second sync, and prints after each a line
/// `run N records requests`; then waits to be measured.
///
/// # Errors
/// When anything does not answer.
pub async fn run(
    folder: &Path,
    login: &str,
    graph: &str,
    tenant: &str,
    client: &str,
    secret: &str,
) -> Result<()> {
    let store = store(folder).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let token: Value = http
        .post(format!("{login}{tenant}/oauth2/v2.0/token"))
        .form(&form)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let token = token["access_token"]
        .as_str()
        .context("a token")?
        .to_owned();
    for run in 1..=2 {
        let (mut records, mut requests) = (0, 0);
        let mut next = Some(format!("{graph}v1.0/users?$select={SELECT}&$top=999"));
        while let Some(url) = next {
            requests += 1;
            let page: Value = http
                .get(url)
                .bearer_auth(&token)
                .send()
                .await?
                .error_for_status()?
                .json()
                .await?;
            let users = page["value"].as_array().cloned().unwrap_or_default();
            for batch in users.chunks(25) {
                write(&store, batch).await?;
            }
            records += users.len();
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        println!("run {run} {records} {requests}");
        std::io::stdin().read_line(&mut String::new())?;
    }
    Ok(())
}

async fn store(folder: &Path) -> Result<Client> {
    let database = dynoxide::Database::new(&folder.join("reference.db").to_string_lossy())
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    database
        .disable_bulk_loading()
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://{address}"))
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "bench"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = Client::from_conf(config);
    client
        .create_table()
        .table_name("users")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name("id")
                .attribute_type(ScalarAttributeType::S)
                .build()?,
        )
        .key_schema(
            KeySchemaElement::builder()
                .attribute_name("id")
                .key_type(KeyType::Hash)
                .build()?,
        )
        .send()
        .await?;
    Ok(client)
}

async fn write(store: &Client, users: &[Value]) -> Result<()> {
    let puts = users.iter().map(|user| {
        let item = user
            .as_object()
            .context("an object")?
            .iter()
            .map(|(name, value)| (name.clone(), attribute(value)))
            .collect::<HashMap<_, _>>();
        Ok(WriteRequest::builder()
            .put_request(PutRequest::builder().set_item(Some(item)).build()?)
            .build())
    });
    let mut left = puts.collect::<Result<Vec<_>>>()?;
    while !left.is_empty() {
        let sent = store
            .batch_write_item()
            .request_items("users", left)
            .send()
            .await?;
        left = sent
            .unprocessed_items
            .unwrap_or_default()
            .remove("users")
            .unwrap_or_default();
    }
    Ok(())
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(items) => AttributeValue::L(items.iter().map(attribute).collect()),
        Value::Object(map) => AttributeValue::M(
            map.iter()
                .map(|(name, value)| (name.clone(), attribute(value)))
                .collect(),
        ),
    }
}
