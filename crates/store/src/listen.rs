//! What others wrote, as triggers tell it: objects whose versions have been raised by somebody else.
//!
//! Nothing is believed: who answers looks the versions up. A message that is lost, for want of a connection, costs
//! memory for a while and no truth.

use std::time::Duration;

use embedded::Databases;
use model::model::Model;
use tokio::time::sleep;

use crate::migration::CHANNEL;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Databases of the model, by index, where somebody may tell of writes and the engine lets us listen.
pub fn told(model: &Model, databases: &Databases) -> Vec<usize> {
    (0..model.databases.len())
        .filter(|database| asks(model, *database) && databases.caps(&model.databases[*database].name).listen)
        .collect()
}

/// Whether a collection of this database asks for it.
pub(crate) fn asks(model: &Model, database: usize) -> bool {
    model.collections.iter().any(|collection| {
        let revisions = collection.revisions.as_ref();
        collection.database == database && revisions.is_some_and(|revisions| revisions.notify)
    })
}

/// Listens to one database for ever, on a connection of its own, and connects again when it ends.
pub async fn follow(databases: &Databases, database: &str, mut on_object: impl FnMut(&str)) {
    let mut pause = PAUSE_MIN;
    loop {
        match databases.listen(database, CHANNEL).await {
            Ok(mut listening) => {
                tracing::debug!(database, "listening to writes of others");
                pause = PAUSE_MIN;
                while let Some(message) = listening.next().await {
                    if let Some((_collection, object)) = message.split_once(' ') {
                        on_object(object);
                    }
                }
                tracing::info!(
                    database,
                    "the connection that listens to writes of others has ended"
                );
            }
            Err(error) => {
                let retry_ms = pause.as_millis();
                tracing::info!(database, %error, retry_ms, "nobody listens to writes of others");
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
