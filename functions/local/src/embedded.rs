//! The embedded store, answered within this process: it listens nowhere, so that no page in a browser
//! and no other user of the machine can reach it.
//!
//! `aws-sdk-dynamodb` stays the only client. Its requests are handed to the store instead of a
//! connection. Shape of a request: DynamoDB low-level API, protocol `awsJson1_0`, whose operation is
//! named in the header `X-Amz-Target`.

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
            http_client_fn,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use dynoxide::Database;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, io, sync::Arc};
use tokio::{sync::RwLock, task::JoinError};

/// The prefix of an operation's name in `X-Amz-Target`.
const API: &str = "DynamoDB_20120810.";

/// The store of a data directory, as what carries the AWS SDK's requests. Clones share the store.
#[derive(Clone)]
pub struct Embedded {
    database: Arc<RwLock<Option<Database>>>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    /// Answers from this store.
    pub fn new(database: Database) -> Self {
        Self {
            database: Arc::new(RwLock::new(Some(database))),
        }
    }

    /// Carries the AWS SDK's requests to the store.
    pub fn http_client(&self) -> SharedHttpClient {
        let store = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| store.clone())
    }

    /// Waits for the calls in hand, closes the file, and answers nothing any more. SQLite removes its log
    /// by name when it closes: nobody may make a file of that name before.
    pub async fn close(&self) {
        self.database.write().await.take();
    }

    /// Has the store do something that waits for the disk; `None` when it is closed.
    ///
    /// # Errors
    /// When it does not come to an end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> T + Send + 'static,
    ) -> Result<Option<T>, JoinError> {
        let database = Arc::clone(&self.database).read_owned().await;
        tokio::task::spawn_blocking(move || database.as_ref().map(work)).await
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.strip_prefix(API).unwrap_or_default().to_owned();
        let body = request.into_body();
        let answered = self.run(move |database| {
            let body = body
                .bytes()
                .ok_or_else(|| io::Error::other("a streamed body"))?;
            Ok::<_, io::Error>(perform(database, &operation, body))
        });
        let answer = match answered.await {
            Ok(Some(answer)) => answer.map_err(|e| ConnectorError::user(e.into()))?,
            Ok(None) => return Err(ConnectorError::io("the store is closed".into())),
            Err(ended) => return Err(ConnectorError::io(ended.into())),
        };
        let status = StatusCode::try_from(answer.status);
        let status = status.map_err(|e| ConnectorError::other(e.into(), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(answer.body)))
    }
}

impl HttpConnector for Embedded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let store = self.clone();
        HttpConnectorFuture::new(async move { store.answer(request).await })
    }
}

/// An answer of the DynamoDB API.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn refused(kind: &str) -> Self {
        let body =
            serde_json::json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}") });
        Self {
            status: 400,
            body: body.to_string().into_bytes(),
        }
    }
}

/// One operation: those that [`muster_platform::Store`] asks for.
fn perform(database: &Database, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "BatchExecuteStatement" => one(body, |r| database.batch_execute_statement(r)),
        "BatchGetItem" => one(body, |r| database.batch_get_item(r)),
        "BatchWriteItem" => one(body, |r| database.batch_write_item(r)),
        "CreateTable" => one(body, |r| database.create_table(r)),
        "DeleteItem" => one(body, |r| database.delete_item(r)),
        "GetItem" => one(body, |r| database.get_item(r)),
        "ListTables" => one(body, |r| database.list_tables(r)),
        "PutItem" => one(body, |r| database.put_item(r)),
        "Query" => one(body, |r| database.query(r)),
        "Scan" => one(body, |r| database.scan(r)),
        "TransactWriteItems" => one(body, |r| database.transact_write_items(r)),
        "UpdateItem" => one(body, |r| database.update_item(r)),
        _ => Answer::refused("UnknownOperationException"),
    }
}

fn one<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    perform: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> Answer {
    let Ok(request) = serde_json::from_slice(body) else {
        return Answer::refused("SerializationException");
    };
    match perform(request) {
        Ok(done) => match serde_json::to_vec(&done) {
            Ok(body) => Answer { status: 200, body },
            Err(_) => Answer::refused("SerializationException"),
        },
        Err(error) => Answer {
            status: error.status_code(),
            body: error.to_json().into_bytes(),
        },
    }
}
