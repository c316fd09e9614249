//! The console: pages on 127.0.0.1 that show what the commands print, with the operator's own AWS profile. A change asks for confirmation,
//! and runs the code of its command.

mod app;
mod cached;
mod changes;
mod form;
mod guard;
mod pages;
mod paused;
mod perform;
mod permission;
#[cfg(test)]
mod tests;
mod work;

use self::app::App;
use self::guard::Guard;
use crate::account::Target;
use anyhow::{Context as _, Result};
use axum::Router;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A console that listens.
#[derive(Debug)]
pub struct Console {
    listener: TcpListener,
    router: Router,
    /// Its address with the secret that a browser exchanges for a cookie, once.
    pub url: String,
}

impl Console {
    /// Listens on this port of 127.0.0.1; 0 is a free one.
    ///
    /// # Errors
    /// If the port is in use, or the operating system gives no random bytes.
    pub async fn bind(target: Target, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| format!("port {port} of 127.0.0.1 cannot be used"))?;
        let port = listener.local_addr()?.port();
        let guard = Guard::new(port)?;
        let url = guard.url();
        let app = App::new(target, guard.token().to_owned());
        let router = guard::guarded(pages::router(Arc::new(app)), guard);
        Ok(Self { listener, router, url })
    }

    /// Serves until the program ends.
    ///
    /// # Errors
    /// If the socket fails.
    pub async fn serve(self) -> Result<()> {
        Ok(axum::serve(self.listener, self.router).await?)
    }
}
