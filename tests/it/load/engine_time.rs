//! How long an AWS client waits for the engine: a wrapper of its HTTP client.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time during which at least one request had no response yet, and the requests.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waited {
    pub(super) time: Duration,
    pub(super) requests: u32,
    open: u32,
    since: Option<Instant>,
}

/// Adds up what the clients of a configuration wait.
#[derive(Debug, Clone, Default)]
pub(super) struct EngineTime(Arc<Mutex<Waited>>);

impl EngineTime {
    /// The same configuration, whose clients' requests are timed.
    pub(super) fn of(&self, config: &SdkConfig) -> SdkConfig {
        let Some(inner) = config.http_client() else { return config.clone() };
        let timed = Timed { inner, time: self.clone() };
        config.to_builder().http_client(SharedHttpClient::new(timed)).build()
    }

    /// What was waited since the last call.
    pub(super) fn take(&self) -> Waited {
        let mut waited = self.lock();
        let taken = *waited;
        *waited = Waited { open: taken.open, since: taken.since, ..Waited::default() };
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Waited> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Open {
        let mut waited = self.lock();
        waited.requests = waited.requests.saturating_add(1);
        waited.open = waited.open.saturating_add(1);
        waited.since.get_or_insert_with(Instant::now);
        Open(self.clone())
    }
}

/// A request that has no response yet.
struct Open(EngineTime);

impl Drop for Open {
    fn drop(&mut self) {
        let mut waited = self.0.lock();
        waited.open = waited.open.saturating_sub(1);
        if waited.open == 0
            && let Some(since) = waited.since.take()
        {
            waited.time = waited.time.saturating_add(since.elapsed());
        }
    }
}

#[derive(Debug)]
struct Timed<T> {
    inner: T,
    time: EngineTime,
}

impl HttpClient for Timed<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Timed { inner, time: self.time.clone() })
    }
}

impl HttpConnector for Timed<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let open = self.time.begin();
        let response = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let response = response.await;
            drop(open);
            response
        })
    }
}
