//! The edge: Microsoft's sign-in and Graph, the DynamoDB store, and the four small ports that have
//! an AWS and a local side: secrets, the sync queue, schedules and alerts.
//!
//! Nothing here decides: what to do about an answer, a page or a date is `muster-domain`'s.

pub mod alert;
pub mod alerting;
pub mod by_itself;
pub mod certificate;
pub mod clock;
pub mod connect;
pub mod consent;
pub mod damage;
pub mod disconnect;
pub mod http;
pub mod http_event;
pub mod lambda_environment;
pub mod licenses;
pub mod metrics;
pub mod microsoft;
pub mod oidc;
pub mod portal_secret;
pub mod prepare;
pub mod public_address;
pub mod queue;
pub mod renew;
pub mod request_sync;
pub mod schedule;
pub mod seal;
pub mod services;
pub mod session;
pub mod store;
pub mod tenant_sessions;
pub mod vault;

use aws_sdk_dynamodb::error::SdkError;
use std::error::Error;

pub use clock::now;
pub use services::Services;
pub use store::Store;

/// Why AWS gave no answer at all: whoever reads it should know whether it was the network or the
/// credentials. Nothing of the request is in it.
pub(crate) fn no_answer<E, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) => {
            let source = failure.as_connector_error().and_then(Error::source);
            source.map_or_else(
                || "no connection".to_owned(),
                |source| format!("no connection: {}", chain(source)),
            )
        }
        _ => "no proper answer".to_owned(),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

/// `N` random bytes from the system's generator.
///
/// # Panics
/// When the operating system gives no randomness: nothing is safe then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
