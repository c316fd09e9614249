//! The fault proxy between the functions and the local engine.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The proxy, as its client.
#[derive(Debug)]
pub(crate) struct AwsFaults {
    url: String,
    http: reqwest::Client,
}

/// What the proxy has done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Counts {
    /// Calls of AWS that the functions made.
    pub(crate) calls: u64,
    /// Faults, by the name of the rule.
    pub(crate) injected: BTreeMap<String, u64>,
}

impl AwsFaults {
    /// The proxy that xtask started for this run.
    pub(crate) fn found() -> Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "set by xtask for its own children, which are not functions"
        )]
        let address =
            std::env::var("FAULT_PROXY").context("FAULT_PROXY is not set; run `cargo xtask chaos`")?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { url: format!("{address}/_faults"), http })
    }

    /// Injects the faults of rules.yaml, `times` as frequently as they say.
    pub(crate) async fn start(&self, seed: u64, times: f64) -> Result<()> {
        self.set(&json!({ "on": times > 0.0, "seed": seed, "times": times })).await
    }

    /// Injects nothing from now on.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.set(&json!({ "on": false })).await
    }

    pub(crate) async fn counts(&self) -> Result<Counts> {
        Ok(self.http.get(&self.url).send().await?.json().await?)
    }

    async fn set(&self, settings: &Value) -> Result<()> {
        let response = self.http.put(&self.url).json(settings).send().await?;
        if !response.status().is_success() {
            bail!("the fault proxy responds {}: {}", response.status(), response.text().await?);
        }
        Ok(())
    }
}
