//! What Lambda sets in a function's environment, and the log it keeps. Nothing else is looked for:
//! no profile files, no instance metadata, no web identity. That is less to start, less to link,
//! and no other credentials can be picked up by accident.
//!
//! AWS Lambda Developer Guide, "Using Lambda environment variables" and "Configuring advanced
//! logging controls for your Lambda function".

use crate::{http::Http, services::SettingError};
use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use tracing_subscriber::filter::LevelFilter;

const REGION: &str = "AWS_REGION";
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The configuration of every AWS client, from the environment that Lambda gives.
///
/// # Errors
/// When it names no region.
pub fn sdk_config(http: Http) -> Result<SdkConfig, SettingError> {
    let region = std::env::var(REGION).map_err(|_| SettingError::Missing(REGION))?;
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .time_source(SystemTimeSource::new())
        .sleep_impl(TokioSleep::new())
        .service_config(ServiceEndpoints);
    config.set_endpoint_url(endpoint(ENDPOINT));
    Ok(config.build())
}

/// Endpoints of single services, `AWS_ENDPOINT_URL_DYNAMODB` and the like.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
#[derive(Debug)]
struct ServiceEndpoints;

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.env() != ENDPOINT {
            return None;
        }
        let service = key.service_id().to_uppercase().replace(' ', "_");
        endpoint(&format!("{ENDPOINT}_{service}"))
    }
}

fn endpoint(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|url| !url.is_empty())
}

/// The level below which Lambda drops lines of the log, `INFO` where it names none.
pub fn log_level() -> String {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default();
    match level.is_empty() {
        true => "INFO".to_owned(),
        false => level,
    }
}

/// Sends the log to standard output: a JSON object a line, with the fields of the event at its top,
/// where Lambda's log format is JSON. Lambda adds request ids and keeps what its level lets through.
pub fn init_log() {
    let log = tracing_subscriber::fmt()
        .with_max_level(log_level().parse().unwrap_or(LevelFilter::INFO))
        .with_ansi(false);
    let format = std::env::var("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    if format.eq_ignore_ascii_case("json") {
        log.json().flatten_event(true).init();
    } else {
        // CloudWatch gives each line its time.
        log.without_time().init();
    }
}
