//! A function's way to AWS: each request is recorded as IAM would see it, and handed on unchanged,
//! so that its signature still holds.

use crate::{
    emulator::{ACCOUNT, REGION},
    front::{client, pass},
    recording::Asked,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::TcpListener;
use url::form_urlencoded;

/// What was asked, and whose sessions there are.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    asked: Arc<Mutex<BTreeSet<Asked>>>,
    refused: Arc<Mutex<BTreeSet<String>>>,
    /// The tags of each session of the tenant role, by its access key ID.
    sessions: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>,
}

impl Recording {
    /// Every different request so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).iter().cloned().collect()
    }

    /// Every refusal by IAM so far.
    pub fn refused(&self) -> Vec<String> {
        lock(&self.refused).iter().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Clone)]
struct Door {
    role: String,
    emulator: String,
    http: reqwest::Client,
    recording: Recording,
}

/// Opens a door for the function whose role this is; gives its address.
///
/// # Errors
/// When it cannot listen.
pub async fn open(role: &str, emulator: &str, recording: &Recording) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let door = Door {
        role: role.to_owned(),
        emulator: emulator.to_owned(),
        http: client()?,
        recording: recording.clone(),
    };
    let router = Router::new().fallback(go_through).with_state(door);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

async fn go_through(State(door): State<Door>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 32 << 20)
        .await
        .unwrap_or_default();
    let signed = Signed::read(&parts.headers);
    let tags = lock(&door.recording.sessions)
        .get(&signed.access_key)
        .cloned();
    let role = match tags {
        Some(_) => "TenantRole",
        None => &door.role,
    };
    let tag = |key: &str| tags.as_ref()?.get(key).cloned();
    for (action, resources, conditions) in asked(
        &signed.service,
        &parts.method,
        &parts.uri,
        &parts.headers,
        &body,
    ) {
        lock(&door.recording.asked).insert(Asked {
            role: role.to_owned(),
            tenant: tag("tenant"),
            purpose: tag("purpose"),
            action,
            resources,
            conditions,
        });
    }
    let answer = pass(&door.http, &door.emulator, &parts, body.clone(), None).await;
    let (head, answered) = answer.into_parts();
    let answered = axum::body::to_bytes(answered, 32 << 20)
        .await
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&answered);
    if signed.service == "sts" {
        door.remember(&body, &text);
    }
    if head.status.is_client_error() && text.contains("AccessDenied") {
        lock(&door.recording.refused).insert(format!("{role}: {text}"));
    }
    Response::from_parts(head, Body::from(answered))
}

impl Door {
    /// Notes whose session an assumed role is.
    fn remember(&self, body: &Bytes, answer: &str) {
        let form = form(body);
        let key = answer.split("<AccessKeyId>").nth(1);
        let key = key.and_then(|rest| rest.split('<').next());
        let tags = tags(&form);
        if let (Some(key), false) = (key, tags.is_empty()) {
            lock(&self.recording.sessions).insert(key.to_owned(), tags);
        }
    }
}

/// What a signature tells.
struct Signed {
    access_key: String,
    service: String,
}

impl Signed {
    /// `AWS4-HMAC-SHA256 Credential=<key>/<day>/<region>/<service>/aws4_request, …`
    fn read(headers: &HeaderMap) -> Self {
        let text = headers.get("authorization").and_then(|v| v.to_str().ok());
        let scope = text.and_then(|text| text.split("Credential=").nth(1));
        let mut parts = scope.unwrap_or_default().split('/');
        Self {
            access_key: parts.next().unwrap_or_default().to_owned(),
            service: parts.nth(2).unwrap_or_default().to_owned(),
        }
    }
}

type Conditions = BTreeMap<String, Vec<String>>;

/// The IAM actions of a request, each with the resources and condition keys that AWS derives.
/// AWS, "Actions, resources, and condition keys for AWS services", Service Authorization Reference.
fn asked(
    service: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Vec<(String, Vec<String>, Conditions)> {
    let target = headers.get("x-amz-target").and_then(|v| v.to_str().ok());
    let operation = target
        .and_then(|target| target.split('.').nth(1))
        .unwrap_or_default();
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    match service {
        "dynamodb" if operation == "BatchExecuteStatement" => statements(&json),
        "dynamodb" => vec![dynamodb(operation, &json)],
        "secretsmanager" => secrets_manager(operation, &json),
        "sqs" => {
            let url = json["QueueUrl"].as_str().unwrap_or_default();
            let name = url.rsplit('/').next().unwrap_or_default();
            vec![(
                format!("sqs:{operation}"),
                vec![arn("sqs", name)],
                Conditions::new(),
            )]
        }
        "sns" => {
            let form = form(body);
            let action = form.get("Action").cloned().unwrap_or_default();
            let topic = form.get("TopicArn").cloned().into_iter().collect();
            vec![(format!("sns:{action}"), topic, Conditions::new())]
        }
        "sts" => security_token_service(&form(body)),
        "scheduler" => scheduler(method, uri, &json),
        other => vec![(
            format!("{other}:{operation}"),
            vec![uri.path().to_owned()],
            Conditions::new(),
        )],
    }
}

fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
}

fn form(body: &Bytes) -> BTreeMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

/// The session tags of `AssumeRole`: `Tags.member.1.Key`, `Tags.member.1.Value` and so on.
fn tags(form: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let numbers = 1..;
    let tags = numbers.map_while(|number| {
        let part = |name: &str| form.get(&format!("Tags.member.{number}.{name}")).cloned();
        Some((part("Key")?, part("Value")?))
    });
    tags.collect()
}

/// Hash keys of the tables and of the index.
const HASH_KEYS: [&str; 3] = ["pk", "tenant_id", "listed"];

fn dynamodb(operation: &str, json: &Value) -> (String, Vec<String>, Conditions) {
    let (mut resources, mut keys) = (Vec::new(), Vec::new());
    let hash = |item: &Value| -> Option<String> {
        let key = HASH_KEYS.iter().find_map(|name| item[*name]["S"].as_str());
        key.map(str::to_owned)
    };
    if let Some(table) = json["TableName"].as_str() {
        let index = json["IndexName"]
            .as_str()
            .map(|index| format!("/index/{index}"));
        resources.push(arn(
            "dynamodb",
            &format!("table/{table}{}", index.unwrap_or_default()),
        ));
        // An integration's own item also carries the index's hash key: the table's comes first.
        keys.extend(["Key", "Item"].iter().filter_map(|part| {
            let item = &json[*part];
            item["tenant_id"]["S"]
                .as_str()
                .map(str::to_owned)
                .or_else(|| hash(item))
        }));
        keys.extend(queried(json));
    }
    for (table, asked) in json["RequestItems"].as_object().into_iter().flatten() {
        resources.push(arn("dynamodb", &format!("table/{table}")));
        keys.extend(
            asked["Keys"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(hash),
        );
        for request in asked.as_array().into_iter().flatten() {
            keys.extend(hash(&request["PutRequest"]["Item"]));
            keys.extend(hash(&request["DeleteRequest"]["Key"]));
        }
    }
    keys.sort();
    keys.dedup();
    let mut conditions = Conditions::new();
    if !keys.is_empty() {
        conditions.insert("dynamodb:LeadingKeys".to_owned(), keys);
    }
    (format!("dynamodb:{operation}"), resources, conditions)
}

/// What statements ask for, each as an action of its own. A record's partition is the one parameter
/// that begins as they do.
fn statements(json: &Value) -> Vec<(String, Vec<String>, Conditions)> {
    let statements = json["Statements"].as_array().into_iter().flatten();
    let asked = statements.map(|statement| {
        let text = statement["Statement"].as_str().unwrap_or_default();
        let action = match text.split(' ').next().unwrap_or_default() {
            "INSERT" => "dynamodb:PartiQLInsert",
            "UPDATE" => "dynamodb:PartiQLUpdate",
            "DELETE" => "dynamodb:PartiQLDelete",
            _ => "dynamodb:PartiQLSelect",
        };
        let table = text.split('"').nth(1).unwrap_or_default();
        let parameters = statement["Parameters"].as_array().into_iter().flatten();
        let texts = parameters.filter_map(|parameter| parameter["S"].as_str());
        let keys = texts.filter(|text| text.starts_with("TENANT#"));
        let keys: Vec<String> = keys.map(str::to_owned).collect();
        let resource = arn("dynamodb", &format!("table/{table}"));
        let conditions = Conditions::from([("dynamodb:LeadingKeys".to_owned(), keys)]);
        (action.to_owned(), vec![resource], conditions)
    });
    asked.collect()
}

/// The partition that a query's key condition names.
fn queried(json: &Value) -> Option<String> {
    let expression = json["KeyConditionExpression"].as_str()?;
    expression.split(" AND ").find_map(|term| {
        let (name, value) = term.split_once(" = ")?;
        let name = json["ExpressionAttributeNames"][name]
            .as_str()
            .unwrap_or(name);
        let value = json["ExpressionAttributeValues"][value.trim()]["S"].as_str()?;
        HASH_KEYS.contains(&name.trim()).then(|| value.to_owned())
    })
}

fn secrets_manager(operation: &str, json: &Value) -> Vec<(String, Vec<String>, Conditions)> {
    let id = json["SecretId"].as_str().or_else(|| json["Name"].as_str());
    let id = id.unwrap_or_default();
    let resource = match id.starts_with("arn:") {
        true => id.to_owned(),
        // Secrets Manager puts six characters behind a name.
        false => arn("secretsmanager", &format!("secret:{id}-AbCdEf")),
    };
    let mut conditions = Conditions::new();
    for tag in json["Tags"].as_array().into_iter().flatten() {
        let (key, value) = (tag["Key"].as_str(), tag["Value"].as_str());
        let key = format!("aws:RequestTag/{}", key.unwrap_or_default());
        conditions.insert(key, vec![value.unwrap_or_default().to_owned()]);
    }
    let ask = |action: &str| {
        (
            format!("secretsmanager:{action}"),
            vec![resource.clone()],
            conditions.clone(),
        )
    };
    match conditions.is_empty() {
        true => vec![ask(operation)],
        // Creating with tags is tagging, too.
        false => vec![ask(operation), ask("TagResource")],
    }
}

fn security_token_service(
    form: &BTreeMap<String, String>,
) -> Vec<(String, Vec<String>, Conditions)> {
    let mut conditions = Conditions::new();
    let tags = tags(form);
    for (key, value) in &tags {
        conditions.insert(format!("aws:RequestTag/{key}"), vec![value.clone()]);
    }
    if !tags.is_empty() {
        conditions.insert("aws:TagKeys".to_owned(), tags.into_keys().collect());
    }
    if let Some(audience) = form.get("Audience.member.1") {
        let key = "sts:IdentityTokenAudience".to_owned();
        conditions.insert(key, vec![audience.clone()]);
        let asked = "sts:GetWebIdentityToken".to_owned();
        return vec![(asked, Vec::new(), conditions)];
    }
    let role: Vec<String> = form.get("RoleArn").cloned().into_iter().collect();
    let mut asked = Vec::new();
    let action = form.get("Action").map_or("", String::as_str);
    asked.push((format!("sts:{action}"), role.clone(), conditions.clone()));
    if !conditions.is_empty() {
        asked.push(("sts:TagSession".to_owned(), role, conditions));
    }
    asked
}

fn scheduler(method: &Method, uri: &Uri, json: &Value) -> Vec<(String, Vec<String>, Conditions)> {
    let operation = match *method {
        Method::POST => "CreateSchedule",
        Method::PUT => "UpdateSchedule",
        Method::DELETE => "DeleteSchedule",
        _ => "GetSchedule",
    };
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let group = query
        .into_owned()
        .find_map(|(name, value)| (name == "groupName").then_some(value));
    let group = group.or_else(|| json["GroupName"].as_str().map(str::to_owned));
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let schedule = arn(
        "scheduler",
        &format!("schedule/{}/{name}", group.unwrap_or_default()),
    );
    let mut asked = vec![(
        format!("scheduler:{operation}"),
        vec![schedule],
        Conditions::new(),
    )];
    if let Some(role) = json["Target"]["RoleArn"].as_str() {
        let to = vec!["scheduler.amazonaws.com".to_owned()];
        let conditions = Conditions::from([("iam:PassedToService".to_owned(), to)]);
        asked.push(("iam:PassRole".to_owned(), vec![role.to_owned()], conditions));
    }
    asked
}
