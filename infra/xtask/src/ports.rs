//! The ports on 127.0.0.1 that a stack uses.

use anyhow::{Result, bail};
use clap::Args;
use std::net::{Ipv4Addr, TcpListener};

/// Which ports to use; free ones where none is named.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Ports {
    /// The port of the AWS endpoints on 127.0.0.1 [default: a free one]
    #[arg(long)]
    aws_port: Option<u16>,
    /// The port of Salestrekker's stand-in on 127.0.0.1 [default: a free one]
    #[arg(long)]
    salestrekker_port: Option<u16>,
}

impl Ports {
    /// The port of the AWS endpoints and the stand-in's; those that are named are free.
    pub(crate) fn choose(self) -> Result<(u16, u16)> {
        Ok((port(self.aws_port, "--aws-port")?, port(self.salestrekker_port, "--salestrekker-port")?))
    }
}

/// A free port on 127.0.0.1.
pub(crate) fn free() -> Result<u16> {
    port(None, "")
}

fn port(wanted: Option<u16>, option: &str) -> Result<u16> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted.unwrap_or(0))) {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(error) => match wanted {
            Some(port) => bail!(
                "port {port} cannot be used ({error}); name another with {option}, or none for a free one"
            ),
            None => bail!("no free port on 127.0.0.1 ({error})"),
        },
    }
}
