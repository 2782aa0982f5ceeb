//! The store: the model's databases, each behind its pool.

use std::sync::Arc;

use embedded::Databases;
use model::model::Model;

use crate::{config::Config, error::Error, pool::Pool};

/// Pools in the order of the model's databases.
pub struct Store {
    databases: Arc<Databases>,
    pools: Vec<Pool>,
}

impl Store {
    /// Pools over databases that are open already; `configs` in the order of the model's databases.
    pub fn new(model: &Model, databases: Arc<Databases>, configs: Vec<Config>) -> Store {
        let pools = model
            .databases
            .iter()
            .zip(configs)
            .map(|(database, config)| Pool::new(database.name.clone(), config, databases.clone()))
            .collect();
        Store { databases, pools }
    }

    /// Opens every connection, so that the first request finds warm pools.
    pub async fn warm(&self) -> Result<(), Error> {
        for pool in &self.pools {
            pool.warm().await?;
        }
        Ok(())
    }

    /// The pool of the model's n-th database.
    pub fn pool(&self, database: usize) -> &Pool {
        &self.pools[database]
    }

    /// All pools, in the model's order.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// Where the databases are.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }
}
