//! What went wrong within, as a problem: what happened and what to do next, and nothing that the store, the
//! vault or a queue said of itself.

use super::{Problem, ProblemField};
use axum::http::{HeaderValue, StatusCode, header};
use muster_platform::{
    alerting::AlertingError, connect::ConnectError, disconnect::DisconnectError,
    licenses::ChoiceError, portal_secret::PortalSecretError, queue::QueueError,
    request_sync::RequestError, schedule::ScheduleError, store::StoreError, vault::VaultError,
};
use std::time::Duration;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => Self::busy(),
            StoreError::Exists => Self::conflict(
                "urn:muster:problem:exists",
                "It is there already",
                "It is stored already.",
            ),
            StoreError::DiskFull => disk_full(),
            StoreError::Unavailable(_) => {
                tracing::error!(%error, "the store did not answer");
                unavailable("The store did not answer. Try again in a moment.")
            }
            StoreError::Unreadable(ref what) => {
                tracing::error!(%error, "a stored item cannot be read");
                Self::named(
                    StatusCode::CONFLICT,
                    "urn:muster:problem:cannot-be-read",
                    "A stored item cannot be read",
                    format!(
                        "A stored item cannot be read: {what}. If this installation was downgraded, run the newer version again."
                    ),
                )
            }
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Store(error) => error.into(),
            RequestError::Queue(error) => error.into(),
        }
    }
}

fn disk_full() -> Problem {
    tracing::error!("the disk is full");
    Problem::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "The disk that holds the data is full; free some space and try again, nothing stored so far is lost.",
    )
}

fn unavailable(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(header::RETRY_AFTER, "5")
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "the vault failed");
        match error {
            VaultError::DiskFull { .. } => disk_full(),
            VaultError::Unavailable(_) => {
                unavailable("The vault of client secrets did not answer. Try again in a moment.")
            }
            VaultError::ScheduledForDeletion => unavailable(
                "AWS Secrets Manager is still deleting this client's previous secret. Try again in a minute; if it stays so, open the secret in the Secrets Manager console and choose Cancel deletion.",
            ),
            _ => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The vault of client secrets cannot be read or written. Nothing stored so far is lost; the log says what to mend.",
            ),
        }
    }
}

impl From<PortalSecretError> for Problem {
    fn from(error: PortalSecretError) -> Self {
        tracing::error!(%error, "there is no key for cookies");
        match error {
            PortalSecretError::Unavailable(_) => unavailable(
                "The key of the sign-in cookies could not be read just now. Try again in a moment.",
            ),
            PortalSecretError::Wrong => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The key of the sign-in cookies is not as it must be, so that nobody can sign in. The log says what to mend.",
            ),
        }
    }
}

impl From<ScheduleError> for Problem {
    fn from(error: ScheduleError) -> Self {
        tracing::error!(%error, "the scheduler failed");
        unavailable("The scheduler did not answer. Try the same again in a moment.")
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        tracing::error!(%error, "the queue failed");
        unavailable("The sync queue did not take the request. Try again in a moment.")
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Fields(errors) => Self::fields(errors),
            ConnectError::Connected => Self::conflict(
                "urn:muster:problem:already-connected",
                "The tenant is connected already",
                "This tenant is connected already, once is enough. Open its integration to authorize it, or to replace its client secret.",
            ),
            ConnectError::Deleting => Self::deleting(),
            ConnectError::Unknown => Self::unknown_tenant(),
            ConnectError::Unreachable(why) => {
                tracing::warn!(why, "the sign-in service did not answer");
                Self::named(
                    StatusCode::BAD_GATEWAY,
                    "urn:muster:problem:sign-in-unreachable",
                    "Microsoft did not answer",
                    format!(
                        "Microsoft's sign-in service did not answer ({why}), so nothing could be checked and nothing was stored. Check that this machine can reach Microsoft's sign-in host, then try again."
                    ),
                )
            }
            ConnectError::Passing { why, named } => {
                tracing::warn!(why, ?named, "the sign-in service has passing trouble");
                sign_in_busy(why, named)
            }
            ConnectError::Certificate(why) => {
                tracing::error!(why, "no certificate could be made");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "No certificate could be made. Nothing was changed; try again, and look into the log if it stays so.",
                )
            }
            ConnectError::Store(error) => error.into(),
            ConnectError::Vault(error) => error.into(),
        }
    }
}

impl From<ChoiceError> for Problem {
    fn from(error: ChoiceError) -> Self {
        match error {
            ChoiceError::TooMany => Self::conflict(
                "urn:muster:problem:too-many",
                "There are too many choices",
                "There are 1,000 choices, as many as there may be. Remove one that is no longer needed.",
            ),
            ChoiceError::Changed => Self::conflict(
                "urn:muster:problem:changed",
                "Somebody else changed it",
                "Somebody else changed the choices at the same moment. Look at them again, then repeat your change.",
            ),
            ChoiceError::Store(error) => error.into(),
        }
    }
}

/// Where Microsoft names no wait, a person is asked to wait this long.
const BUSY_FOR: Duration = Duration::from_secs(120);

fn sign_in_busy(why: &str, named: Option<Duration>) -> Problem {
    let wait = named.unwrap_or(BUSY_FOR).as_secs().max(1);
    let minutes = match wait.div_ceil(60) {
        1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    let mut problem = Problem::named(
        StatusCode::BAD_GATEWAY,
        "urn:muster:problem:sign-in-busy",
        "Microsoft is busy",
        format!(
            "Microsoft's sign-in service gives no access token just now ({why}), so nothing could be checked and nothing was stored. This passes by itself; try again in {minutes}."
        ),
    );
    problem
        .headers
        .push((header::RETRY_AFTER, HeaderValue::from(wait)));
    problem
}

impl From<AlertingError> for Problem {
    fn from(error: AlertingError) -> Self {
        match error {
            AlertingError::Settings(errors) => {
                let errors = errors.into_iter();
                Self::fields(errors.map(|e| ProblemField::new(e.field, e.detail)))
            }
            AlertingError::Changed => Self::conflict(
                "urn:muster:problem:changed",
                "Somebody else changed it",
                "Somebody else changed the alert settings at the same moment. Look at them again, then repeat your change.",
            ),
            AlertingError::Store(error) => error.into(),
            AlertingError::Vault(error) => error.into(),
        }
    }
}

impl From<DisconnectError> for Problem {
    fn from(error: DisconnectError) -> Self {
        match error {
            DisconnectError::Unknown => Self::unknown_tenant(),
            DisconnectError::Store(error) => error.into(),
            DisconnectError::Vault(error) => error.into(),
            DisconnectError::Schedule(error) => error.into(),
            DisconnectError::Queue(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machinery_said_stays_in_the_log() {
        let problem = Problem::from(VaultError::Io {
            path: "/home/somebody/vault".into(),
            problem: "denied".into(),
        });
        assert!(!problem.detail.contains("/home"));
        let problem = Problem::from(StoreError::Unavailable("ValidationException pk".into()));
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!problem.detail.contains("Validation"));
        let vault = VaultError::DiskFull {
            path: "/home/somebody/vault".into(),
        };
        for problem in [Problem::from(StoreError::DiskFull), Problem::from(vault)] {
            assert_eq!(problem.status.as_u16(), 507);
            assert!(problem.detail.contains("free some space"));
        }
    }
}
