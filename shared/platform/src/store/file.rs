//! The embedded store's file, as far as the store itself has to do with it: SQLite keeps the content of
//! deleted rows in the file until the space is used again.

use super::StoreError;
use tokio::sync::{mpsc, oneshot};

/// Asks whoever opened the store's file to overwrite what was deleted.
#[derive(Debug, Clone)]
pub struct StoreFile(mpsc::UnboundedSender<Overwrite>);

/// One such request: it is answered when the file holds nothing deleted any more, or with the reason why
/// it could not be rewritten.
pub type Overwrite = oneshot::Sender<Result<(), String>>;

impl StoreFile {
    /// The asking side, and the side that takes the requests.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Overwrite>) {
        let (ask, asked) = mpsc::unbounded_channel();
        (Self(ask), asked)
    }

    pub(super) async fn overwrite_deleted(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::Unavailable("it is shutting down".to_owned());
        self.0.send(answer).map_err(|_| stopped())?;
        answered
            .await
            .map_err(|_| stopped())?
            .map_err(|why| StoreError::refused("", &why))
    }
}
